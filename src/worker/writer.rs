//! The writer of a lane: a thread that owns the transactional producer, so that the lane steps the next batch while this one
//! is written, and a call of the client that hangs is not a lane that hangs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{JoinHandle, Thread};

use rdkafka::ClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::bus::errors::Refused;
use crate::bus::producer::{Ended, Offsets, Phases, Transactions};
use crate::bus::vitals::Vitals;
use crate::bus::{Outbox, Topics};
use crate::domain::decision::StageName;

/// Batches in flight per lane: each one more would need an undo generation more.
const IN_FLIGHT_MAX: usize = 1;

/// One transaction to be written.
pub struct Job {
    pub outbox: Outbox,
    pub next: TopicPartitionList,
    pub group: Arc<ConsumerGroupMetadata>,
}

/// What became of it; the outbox comes back to be used again.
pub struct Written {
    pub outbox: Outbox,
    pub ended: Ended,
    pub phases: Phases,
}

/// The lane's side of its writer. Dropping it waits until the transaction in flight has ended.
pub struct Writer {
    jobs: Option<SyncSender<Job>>,
    written: Receiver<Written>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread and creates its producer, which fences every older one with the same id, for a lane of that stage.
    /// `waker` is woken when a transaction has ended.
    pub fn open(
        name: String,
        config: ClientConfig,
        stage: StageName,
        topics: &Topics,
        vitals: Vitals,
        waker: Thread,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, WriterError> {
        let mut transactions = Transactions::open(config, stage, topics, vitals, stop)?;
        let (jobs, taken) = sync_channel::<Job>(IN_FLIGHT_MAX);
        let (done, written) = sync_channel(IN_FLIGHT_MAX);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            for Job { outbox, next, group } in taken {
                let (ended, phases) = transactions.write(&outbox, &Offsets { next: &next, group: &group });
                if done.send(Written { outbox, ended, phases }).is_err() {
                    break;
                }
                waker.unpark();
            }
        });
        Ok(Self { jobs: Some(jobs), written, thread: Some(thread?) })
    }

    /// Hands a batch over; gives it back when the thread is gone.
    pub fn write(&self, job: Job) -> Result<(), Box<Job>> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).map_err(|back| Box::new(back.0)),
            None => Err(Box::new(job)),
        }
    }

    /// What was written, if it has ended.
    pub fn ended(&self) -> Result<Option<Written>, Gone> {
        match self.written.try_recv() {
            Ok(written) => Ok(Some(written)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Gone),
        }
    }

    /// Waits for the transaction in flight.
    pub fn wait(&self) -> Result<Written, Gone> {
        self.written.recv().map_err(|_| Gone)
    }
}

/// Why there is no writer.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("no thread for the writer: {0}")]
    Thread(#[from] std::io::Error),
}

/// The writer's thread has ended by itself: it panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the lane's writer thread has ended")]
pub struct Gone;

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there was said by the panic hook, and is met as `Gone`
        }
    }
}
