#![allow(unsafe_code, reason = "batch calls and cached topic handles of librdkafka have no safe binding")]
//! The client as fast as it goes: batches out of one queue per partition, records through cached topic handles.
//!
//! Why it is sound: a queue and a topic handle belong to the client that they were taken from and are given back before it
//! goes; a message's bytes live until it is destroyed, which happens after the visitor returned; produced bytes are copied.

use std::ffi::CString;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use reflow::bus::{Topic, Topics};
use reflow::domain::words::Word;

/// Most records that one call takes out of a queue.
const BATCH_RECORDS_MAX: usize = 512;
/// How long to wait when every queue is empty, microseconds.
const EMPTY_MICROS: u64 = 200;
/// Longest wait until everything is acknowledged, seconds.
const DRAIN_SECS_MAX: u64 = 120;

/// A record as it came.
pub struct Got<'a> {
    pub topic: Topic,
    pub partition: i32,
    pub offset: i64,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// Where records come from: in batches, or one by one.
pub trait Source {
    /// Shows what waits, at most some hundred records a partition; returns how many. Waits a little when there is nothing.
    fn take(&mut self, each: &mut impl FnMut(Got<'_>)) -> usize;
    fn consumer(&self) -> &BaseConsumer;
}

/// A consumer that is read from the beginning of these topics, all partitions.
pub fn consumer(config: &ClientConfig) -> BaseConsumer {
    config.create().expect("consumer")
}

pub fn beginnings(topics: &Topics, which: &[Topic]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for topic in which {
        for partition in 0..topics.partitions(*topic) {
            list.add_partition_offset(&topics.name(*topic), partition, Offset::Beginning).expect("offset");
        }
    }
    list
}

pub struct Batches {
    queues: Vec<(Topic, i32, *mut c::rd_kafka_queue_t)>,
    messages: Vec<*mut c::rd_kafka_message_t>,
    consumer: BaseConsumer,
}

impl Batches {
    pub fn open(config: &ClientConfig, topics: &Topics, which: &[Topic]) -> Self {
        let consumer = consumer(config);
        let mut queues = Vec::new();
        for topic in which {
            let name = CString::new(topics.name(*topic)).expect("a name without a zero");
            for partition in 0..topics.partitions(*topic) {
                let client = consumer.client().native_ptr();
                // SAFETY: the client lives as long as `self`, the name as long as the call.
                let queue = unsafe { c::rd_kafka_queue_get_partition(client, name.as_ptr(), partition) };
                assert!(!queue.is_null(), "no queue for {topic} {partition}");
                // SAFETY: the queue was just taken; forwarding to nothing leaves its records in it.
                unsafe { c::rd_kafka_queue_forward(queue, std::ptr::null_mut()) };
                queues.push((*topic, partition, queue));
            }
        }
        consumer.assign(&beginnings(topics, which)).expect("assign");
        Self { queues, messages: vec![std::ptr::null_mut(); BATCH_RECORDS_MAX], consumer }
    }
}

impl Source for Batches {
    fn take(&mut self, each: &mut impl FnMut(Got<'_>)) -> usize {
        let _ = self.consumer.poll(Duration::ZERO);
        let mut taken = 0;
        for (topic, partition, queue) in &self.queues {
            // SAFETY: `messages` has room for as many as are asked for.
            let got = unsafe {
                c::rd_kafka_consume_batch_queue(*queue, 0, self.messages.as_mut_ptr(), self.messages.len())
            };
            let got = usize::try_from(got).expect("a batch");
            for message in &self.messages[..got] {
                // SAFETY: the call filled the first `got` places; each message is ours until it is destroyed below.
                let m = unsafe { &**message };
                assert!(m.err == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR, "{topic} {partition}: {:?}", m.err);
                each(Got {
                    topic: *topic,
                    partition: *partition,
                    offset: m.offset,
                    // SAFETY: pointer and length are the message's own.
                    key: unsafe { bytes(m.key, m.key_len) }.unwrap_or_default(),
                    // SAFETY: as above.
                    value: unsafe { bytes(m.payload, m.len) },
                });
                // SAFETY: nothing borrows from it any more.
                unsafe { c::rd_kafka_message_destroy(*message) };
            }
            taken += got;
        }
        if taken == 0 {
            std::thread::park_timeout(Duration::from_micros(EMPTY_MICROS));
        }
        taken
    }

    fn consumer(&self) -> &BaseConsumer {
        &self.consumer
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        for (_, _, queue) in &self.queues {
            // SAFETY: taken in `open`, given back once, before the client goes.
            unsafe { c::rd_kafka_queue_destroy(*queue) };
        }
    }
}

/// The bytes of a message's key or value.
///
/// # Safety
/// `start` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *mut std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as asked of the caller.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) })
}

/// A producer with a handle per topic.
pub struct Sink {
    topics: Vec<*mut c::rd_kafka_topic_t>,
    pub producer: BaseProducer,
}

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Sink {}

impl Sink {
    pub fn open(config: &ClientConfig, topics: &Topics) -> Self {
        let producer: BaseProducer = config.create().expect("producer");
        let handle = |topic: &Topic| {
            let name = CString::new(topics.name(*topic)).expect("a name without a zero");
            // SAFETY: the client lives as long as `self`; the default topic settings are its own.
            unsafe { c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), std::ptr::null_mut()) }
        };
        Self { topics: Topic::ALL.iter().map(handle).collect(), producer }
    }

    pub fn send(&self, topic: Topic, partition: i32, key: &[u8], value: Option<&[u8]>) {
        const COPY: i32 = c::RD_KAFKA_MSG_F_COPY as i32;
        let (start, len) = value.map_or((std::ptr::null(), 0), |value| (value.as_ptr(), value.len()));
        loop {
            // SAFETY: the handle is alive; key and value are copied before the call returns.
            let failed = unsafe {
                c::rd_kafka_produce(
                    self.topics[topic.ordinal()],
                    partition,
                    COPY,
                    start.cast_mut().cast(),
                    len,
                    key.as_ptr().cast(),
                    key.len(),
                    std::ptr::null_mut(),
                )
            };
            if failed == 0 {
                return;
            }
            // SAFETY: reads the error of the call above, on the same thread.
            let error = unsafe { c::rd_kafka_last_error() };
            assert!(error == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL, "{topic} {partition}: {error:?}");
            self.producer.poll(Duration::from_micros(EMPTY_MICROS));
        }
    }

    /// Waits until everything is acknowledged.
    pub fn drain(&self) {
        let began = Instant::now();
        while self.producer.in_flight_count() > 0 {
            assert!(began.elapsed().as_secs() < DRAIN_SECS_MAX, "records are not acknowledged");
            self.producer.poll(Duration::from_micros(EMPTY_MICROS));
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        for topic in &self.topics {
            // SAFETY: made in `open`, given back once, before the client goes.
            unsafe { c::rd_kafka_topic_destroy(*topic) };
        }
    }
}
