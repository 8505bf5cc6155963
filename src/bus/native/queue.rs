//! Many partitions in one queue, read a batch at a time.

use std::ffi::{CString, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::thread::Thread;

use rdkafka::bindings as raw;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{IsError, KafkaError};

use super::record::{Record, lent};

/// Most records taken from the client in one call.
const RECORDS_PER_CALL_MAX: usize = 256;

/// A queue of this lane's own, into which input partitions are forwarded.
pub struct LaneQueue<C: ConsumerContext> {
    consumer: Arc<BaseConsumer<C>>,
    queue: NonNull<raw::rd_kafka_queue_t>,
    /// The queues of the partitions that are forwarded here.
    partitions: Vec<NonNull<raw::rd_kafka_queue_t>>,
    /// Handed over by the client and not yet taken; the ones before `next` are given back already.
    batch: Vec<*mut raw::rd_kafka_message_t>,
    next: usize,
    /// Lives as long as the callback may be called: see [`LaneQueue::drop`].
    waker: Box<Thread>,
}

/// What one place of the queue holds.
pub enum Delivery<'a> {
    Record(Record<'a>),
    /// What its broker calls the end of a partition was reached: the next offset there. Only where ends are asked for.
    End {
        partition: i32,
        offset: i64,
    },
    /// A partition has something to say instead of a record.
    Error {
        partition: i32,
        error: KafkaError,
    },
}

impl<C: ConsumerContext> LaneQueue<C> {
    /// A queue that wakes `waker` whenever it gets its first record.
    pub fn open(consumer: &Arc<BaseConsumer<C>>, waker: Thread) -> Result<Self, KafkaError> {
        // SAFETY: the client outlives the queue, which holds it.
        let queue = unsafe { raw::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).ok_or_else(|| KafkaError::Subscription("no queue".to_owned()))?;
        let waker = Box::new(waker);
        // SAFETY: the box does not move and is only dropped after the callback was taken off, under the queue's own lock.
        unsafe {
            let opaque = std::ptr::from_ref::<Thread>(&waker).cast_mut().cast::<c_void>();
            raw::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(wake), opaque);
        }
        let (partitions, batch) = (Vec::new(), Vec::with_capacity(RECORDS_PER_CALL_MAX));
        Ok(Self { consumer: consumer.clone(), queue, partitions, batch, next: 0, waker })
    }

    /// Sends what is fetched of a partition to this queue. Must come before the partition is assigned: an assignment leaves a
    /// forwarding alone that the application has made, and would else send the first records to the group's queue.
    pub fn attach(&mut self, topic: &str, partition: i32) -> Result<(), KafkaError> {
        let name = CString::new(topic).map_err(KafkaError::Nul)?;
        // SAFETY: the client is alive, and outlives the handle, which is given back by `clear`.
        let own =
            unsafe { raw::rd_kafka_queue_get_partition(self.consumer.client().native_ptr(), name.as_ptr(), partition) };
        let own = NonNull::new(own);
        let own = own.ok_or_else(|| KafkaError::Subscription(format!("no queue for {topic} {partition}")))?;
        // SAFETY: both queues are alive; the forwarding holds the one it leads to.
        unsafe { raw::rd_kafka_queue_forward(own.as_ptr(), self.queue.as_ptr()) };
        self.partitions.push(own);
        Ok(())
    }

    /// Forwards the attached partitions, once more.
    ///
    /// The end of an *earlier* assignment of a partition takes its forwarding off, in the background and as late as it likes, and
    /// from then on records would gather where nobody looks. What has gathered there comes along, in its order.
    pub fn forward(&self) {
        for own in &self.partitions {
            // SAFETY: both queues are alive; the forwarding holds the one it leads to.
            unsafe { raw::rd_kafka_queue_forward(own.as_ptr(), self.queue.as_ptr()) };
        }
    }

    /// Asks the client for a batch, when the last one is taken; true when something waits. Records of a partition come together,
    /// in their order.
    pub fn fetch(&mut self) -> bool {
        if self.next == self.batch.len() && self.refill() {
            // SAFETY: the messages are ours until `give_back`.
            self.batch.sort_by_key(|message| unsafe { message.as_ref() }.map(|content| content.partition));
        }
        self.next < self.batch.len()
    }

    /// What [`LaneQueue::pull`] would give, if something is waiting; never waits.
    ///
    /// Whoever needs to know what comes before he takes it asks once. Between two questions whose answer may come from the client
    /// a record can arrive: what the second one gives is not what the first one did not see.
    pub fn peek(&mut self) -> Option<Delivery<'_>> {
        if self.waits() { delivery(self.batch[self.next]) } else { None }
    }

    /// The records of one partition that come next in the order of their offsets, at most so many. What is not used of them is
    /// put back.
    pub fn run(&mut self, most: usize) -> impl Iterator<Item = Record<'_>> {
        let next = || self.batch[self.next..].iter().map_while(|message| lent(*message)).take(most);
        let place = |record: Record<'_>| (record.topic_mark(), record.partition());
        let (first, mut before) = (next().next().map(place), None);
        let follows = |record: &Record<'_>| before.replace(record.offset()) < Some(record.offset());
        let count = next().take_while(|record| Some(place(*record)) == first).take_while(follows).count();
        self.next += count;
        self.batch[self.next - count..self.next].iter().filter_map(|message| lent(*message))
    }

    /// The last so many records of a run come again.
    pub fn put_back(&mut self, records: usize) {
        self.next = self.next.saturating_sub(records);
    }

    /// True when something else than a record of that partition was handed over and is not taken yet.
    pub fn holds_an_error_of(&self, partition: i32) -> bool {
        self.batch[self.next..].iter().any(|message| match delivery(*message) {
            Some(Delivery::Error { partition: own, .. } | Delivery::End { partition: own, .. }) => own == partition,
            Some(Delivery::Record(_)) | None => false,
        })
    }

    /// Takes what [`LaneQueue::peek`] has shown.
    pub fn skip(&mut self) {
        self.next = (self.next + 1).min(self.batch.len());
    }

    /// The next delivery, if one is waiting; never waits.
    pub fn pull(&mut self) -> Option<Delivery<'_>> {
        if !self.waits() {
            return None;
        }
        self.next += 1;
        delivery(self.batch[self.next - 1])
    }

    /// Forgets the partitions, and what was handed over and not taken: positions are set anew.
    pub fn clear(&mut self) {
        self.give_back();
        for own in self.partitions.drain(..) {
            // SAFETY: a handle of our own, given back once; the forwarding stays.
            unsafe { raw::rd_kafka_queue_destroy(own.as_ptr()) };
        }
    }

    /// True when something was handed over and is not taken; asks the client when all is.
    fn waits(&mut self) -> bool {
        self.next < self.batch.len() || self.refill()
    }

    fn refill(&mut self) -> bool {
        self.give_back();
        // SAFETY: the buffer has room for that many pointers; the client fills the first `count` of them.
        unsafe {
            let count = raw::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                0,
                self.batch.as_mut_ptr(),
                RECORDS_PER_CALL_MAX,
            );
            self.batch.set_len(usize::try_from(count).unwrap_or(0).min(RECORDS_PER_CALL_MAX));
        }
        !self.batch.is_empty()
    }

    fn give_back(&mut self) {
        for message in self.batch.drain(..) {
            // SAFETY: handed over by the client and given back once.
            unsafe { raw::rd_kafka_message_destroy(message) };
        }
        self.next = 0;
    }
}

impl<C: ConsumerContext> Drop for LaneQueue<C> {
    fn drop(&mut self) {
        self.clear();
        // SAFETY: taking the callback off waits for one that runs, by the queue's lock; after it `waker` may go.
        unsafe {
            raw::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, null_mut());
            raw::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
        let _ = &self.waker;
    }
}

/// What a message says. It is lent by a queue until `give_back`, which needs `&mut self` and so ends what is lent here.
fn delivery<'a>(message: *mut raw::rd_kafka_message_t) -> Option<Delivery<'a>> {
    let message = NonNull::new(message)?;
    // SAFETY: see above.
    let content = unsafe { message.as_ref() };
    Some(if content.err == raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF {
        Delivery::End { partition: content.partition, offset: content.offset }
    } else if content.err.is_error() {
        Delivery::Error { partition: content.partition, error: KafkaError::MessageConsumption(content.err.into()) }
    } else {
        Delivery::Record(Record::of(message))
    })
}

unsafe extern "C" fn wake(_: *mut raw::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `opaque` is the boxed thread of a queue that is alive.
    unsafe { &*opaque.cast::<Thread>() }.unpark();
}
