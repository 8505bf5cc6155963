//! The one module with `unsafe`: calls of librdkafka that the safe client does not offer and that a stateful worker lives from.
//!
//! - [`LaneQueue`]: many partitions forwarded into one queue of our own, read a batch at a time. The safe client hands over one
//!   record per call with several readings of the clock and an allocation each. The queue is never the group's own: on that
//!   one a batch call would swallow rebalances.
//! - [`TopicHandles`]: records are handed to the producer in runs of one partition, without looking their topic up by name.
//! - [`topic_id`]: which topic it is that has a name, for images that are tied to it.
//!
//! What makes each call sound is said beside it. Pointers never leave this module.
#![allow(unsafe_code, reason = "bindings to the C client; every block says why it is sound")]

use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};
use std::slice;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{IsError, KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use super::outbox::Outgoing;
use crate::domain::EventTime;
use crate::domain::codec::Bytes;
use crate::domain::fate::Header;

/// Most records taken from the client in one call.
pub const RECORDS_PER_CALL_MAX: usize = 256;
/// Most records handed to the client in one call.
const PRODUCED_PER_CALL_MAX: usize = 1024;

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
    Error(KafkaError),
}

/// Events of the group (rebalances, errors, log lines) that wait to be polled for.
pub fn group_events<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> usize {
    // SAFETY: the client is alive; the queue's handle is given back at once.
    unsafe {
        let queue = raw::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        if queue.is_null() {
            return 0;
        }
        let length = raw::rd_kafka_queue_length(queue);
        raw::rd_kafka_queue_destroy(queue);
        length
    }
}

/// True while the group knows this consumer by a member id.
pub fn is_member<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    // SAFETY: the client is alive; the string is ours, and read and given back at once.
    unsafe {
        let client = consumer.client().native_ptr();
        let id = raw::rd_kafka_memberid(client);
        if id.is_null() {
            return false;
        }
        let named = !CStr::from_ptr(id).is_empty();
        raw::rd_kafka_mem_free(client, id.cast::<c_void>());
        named
    }
}

/// The end of a partition as the client heard it with the last records; none before the first answer.
pub fn known_end<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, partition: i32) -> Option<i64> {
    let (name, mut low, mut high) = (CString::new(topic).ok()?, 0, 0);
    // SAFETY: the client is alive; name and both numbers outlive the call, which only reads what is known already.
    let code = unsafe {
        let client = consumer.client().native_ptr();
        raw::rd_kafka_get_watermark_offsets(client, name.as_ptr(), partition, &mut low, &mut high)
    };
    (!code.is_error() && high >= 0).then_some(high)
}

/// A record that belongs to the client until the next call.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    message: NonNull<raw::rd_kafka_message_t>,
    lent: PhantomData<&'a ()>,
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

    /// Asks the client for a batch, when the last one is taken; its records, so that they can be looked at before they are
    /// pulled. Those of a partition come together, in their order.
    pub fn fetch(&mut self) -> Option<impl Iterator<Item = Record<'_>>> {
        if self.next < self.batch.len() || !self.refill() {
            return None;
        }
        // SAFETY: the messages are ours until `give_back`.
        self.batch.sort_by_key(|message| unsafe { message.as_ref() }.map(|content| content.partition));
        Some(self.batch.iter().filter_map(|message| lent(*message)))
    }

    /// The record that comes next; none when an error or nothing does.
    pub fn peek(&mut self) -> Option<Record<'_>> {
        if self.next < self.batch.len() || self.refill() { lent(self.batch[self.next]) } else { None }
    }

    /// The records of one partition that come next, at most so many. What is not used of them is put back.
    pub fn run(&mut self, most: usize) -> impl Iterator<Item = Record<'_>> {
        let next = || self.batch[self.next..].iter().map_while(|message| lent(*message)).take(most);
        let place = |record: Record<'_>| (record.topic_mark(), record.partition());
        let first = next().next().map(place);
        let count = next().take_while(|record| Some(place(*record)) == first).count();
        self.next += count;
        self.batch[self.next - count..self.next].iter().filter_map(|message| lent(*message))
    }

    /// The last so many records of a run come again.
    pub fn put_back(&mut self, records: usize) {
        self.next = self.next.saturating_sub(records);
    }

    /// The next delivery, if one is waiting; never waits.
    pub fn pull(&mut self) -> Option<Delivery<'_>> {
        if self.next == self.batch.len() && !self.refill() {
            return None;
        }
        let message = NonNull::new(self.batch[self.next])?;
        self.next += 1;
        // SAFETY: the message is ours until `give_back`, which needs `&mut self` and so ends what is lent here.
        let content = unsafe { message.as_ref() };
        Some(if content.err == raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF {
            Delivery::End { partition: content.partition, offset: content.offset }
        } else if content.err.is_error() {
            Delivery::Error(KafkaError::MessageConsumption(content.err.into()))
        } else {
            Delivery::Record(Record { message, lent: PhantomData })
        })
    }

    /// Forgets the partitions, and what was handed over and not taken: positions are set anew.
    pub fn clear(&mut self) {
        self.give_back();
        for own in self.partitions.drain(..) {
            // SAFETY: a handle of our own, given back once; the forwarding stays.
            unsafe { raw::rd_kafka_queue_destroy(own.as_ptr()) };
        }
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

unsafe extern "C" fn wake(_: *mut raw::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `opaque` is the boxed thread of a queue that is alive.
    unsafe { &*opaque.cast::<Thread>() }.unpark();
}

impl<'a> Record<'a> {
    fn content(&self) -> &raw::rd_kafka_message_t {
        // SAFETY: lent by a queue that cannot give it back meanwhile.
        unsafe { self.message.as_ref() }
    }

    /// The address of its topic inside the client: the same for all records of a topic while it is assigned.
    pub fn topic_mark(&self) -> usize {
        self.content().rkt as usize
    }

    pub fn topic(&self) -> &'a str {
        // SAFETY: the record keeps its topic alive; names are ASCII and end with a zero byte.
        unsafe { CStr::from_ptr(raw::rd_kafka_topic_name(self.content().rkt)) }.to_str().unwrap_or_default()
    }

    pub fn partition(&self) -> i32 {
        self.content().partition
    }

    pub fn offset(&self) -> i64 {
        self.content().offset
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        bytes(self.content().key, self.content().key_len)
    }

    pub fn value(&self) -> Option<&'a [u8]> {
        bytes(self.content().payload, self.content().len)
    }

    pub fn timestamp(&self) -> Option<EventTime> {
        let mut kind = raw::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the record is alive.
        let at = unsafe { raw::rd_kafka_message_timestamp(self.message.as_ptr(), &mut kind) };
        (at >= 0).then_some(EventTime(at))
    }

    pub fn headers(&self) -> Vec<Header> {
        let (mut list, mut found) = (null_mut(), Vec::new());
        // SAFETY: the record owns its headers; names and values are read before it can be given back.
        unsafe {
            if raw::rd_kafka_message_headers(self.message.as_ptr(), &mut list).is_error() {
                return found;
            }
            let (mut name, mut value, mut size) = (null(), null(), 0);
            while !raw::rd_kafka_header_get_all(list, found.len(), &mut name, &mut value, &mut size).is_error() {
                let key = CStr::from_ptr(name).to_string_lossy().as_ref().into();
                found.push(Header { key, value: bytes(value.cast_mut(), size).map(|value| Bytes(value.to_vec())) });
            }
        }
        found
    }
}

/// A message that is a record; none when it is an error.
fn lent<'a>(message: *mut raw::rd_kafka_message_t) -> Option<Record<'a>> {
    let message = NonNull::new(message)?;
    // SAFETY: a queue lends its own messages until `give_back`, which needs `&mut self` and so ends what is lent.
    let is_error = unsafe { message.as_ref() }.err.is_error();
    (!is_error).then_some(Record { message, lent: PhantomData })
}

/// Bytes of a record; nothing where the pointer is null.
fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the client says that so many bytes lie there, as long as the record is ours.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast::<u8>().cast_const(), length) })
}

/// A transactional producer's topics, looked up once.
pub struct TopicHandles<C: ProducerContext> {
    producer: Arc<BaseProducer<C>>,
    topics: Vec<NonNull<raw::rd_kafka_topic_t>>,
    run: Vec<raw::rd_kafka_message_t>,
}

impl<C: ProducerContext> TopicHandles<C> {
    pub fn open(producer: &Arc<BaseProducer<C>>, names: &[String]) -> Result<Self, KafkaError> {
        let mut handles = Self { producer: producer.clone(), topics: Vec::with_capacity(names.len()), run: Vec::new() };
        for name in names {
            let c_name = CString::new(name.as_str()).map_err(KafkaError::Nul)?;
            // SAFETY: the client is alive and outlives the handle; a null configuration stands for the client's own.
            let topic = unsafe { raw::rd_kafka_topic_new(producer.client().native_ptr(), c_name.as_ptr(), null_mut()) };
            let Some(topic) = NonNull::new(topic) else {
                return Err(KafkaError::Subscription(format!("no handle for {name}")));
            };
            handles.topics.push(topic);
        }
        Ok(handles)
    }

    /// Hands over records of topic number `topic` and one partition, as many as the client takes; returns how many. The client
    /// copies them. A full queue is no error: the caller polls and comes again with the rest.
    pub fn produce<'a>(
        &mut self,
        topic: usize,
        partition: i32,
        records: impl Iterator<Item = Outgoing<'a>>,
    ) -> Result<usize, KafkaError> {
        self.run.clear();
        self.run.extend(records.take(PRODUCED_PER_CALL_MAX).map(|record| raw::rd_kafka_message_t {
            err: raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: null_mut(),
            partition,
            payload: record.value.map_or(null_mut(), |value| value.as_ptr().cast_mut().cast()),
            len: record.value.map_or(0, <[u8]>::len),
            key: record.key.as_ptr().cast_mut().cast(),
            key_len: record.key.len(),
            offset: 0,
            _private: null_mut(),
        }));
        let count = i32::try_from(self.run.len()).unwrap_or(0);
        // SAFETY: the handle belongs to this producer; keys and values are borrowed for the length of the call, and the client
        // is told to copy them.
        let taken = unsafe {
            let topic = self.topics[topic].as_ptr();
            raw::rd_kafka_produce_batch(topic, partition, raw::RD_KAFKA_MSG_F_COPY, self.run.as_mut_ptr(), count)
        };
        let refused = self.run.drain(..).map(|message| message.err).filter(IsError::is_error);
        match refused.map(RDKafkaErrorCode::from).find(|error| *error != RDKafkaErrorCode::QueueFull) {
            Some(error) => Err(KafkaError::MessageProduction(error)),
            None => Ok(usize::try_from(taken).unwrap_or(0)),
        }
    }
}

impl<C: ProducerContext> Drop for TopicHandles<C> {
    fn drop(&mut self) {
        for topic in self.topics.drain(..) {
            // SAFETY: made by `open`, given back once; the client is still held.
            unsafe { raw::rd_kafka_topic_destroy(topic.as_ptr()) };
        }
        let _ = &self.producer;
    }
}

// SAFETY: the client's handles may be used from any thread, one at a time; the run buffer holds no pointer between calls.
unsafe impl<C: ProducerContext> Send for TopicHandles<C> {}

/// Something that librdkafka made for us, given back by its own function.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(made: *mut T, give_back: unsafe extern "C" fn(*mut T)) -> Result<Self, KafkaError> {
        let refused = KafkaError::AdminOp(RDKafkaErrorCode::Fail);
        NonNull::new(made).map(|made| Self(made, give_back)).ok_or(refused)
    }

    fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the matching `new`, is not null, and is given back here only.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}

fn answered(code: raw::rd_kafka_resp_err_t) -> Result<(), KafkaError> {
    if code.is_error() { Err(KafkaError::AdminOp(code.into())) } else { Ok(()) }
}

/// The id of a topic as hexadecimal text, which a topic that is deleted and made again does not keep; none where the broker
/// knows no ids (before 2.8).
pub fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    wait: Duration,
) -> Result<Option<String>, KafkaError> {
    let name = CString::new(topic).map_err(KafkaError::Nul)?;
    let mut names = [name.as_ptr()];
    let rk = client.native_ptr();
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `rk` lives as long as `client`; the names are copied by the call; every pointer made here is owned by a guard
    // that gives it back after the event was read, in the reverse order of their making.
    unsafe {
        let topics = raw::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = Owned::new(topics, raw::rd_kafka_TopicCollection_destroy)?;
        let queue = Owned::new(raw::rd_kafka_queue_new(rk), raw::rd_kafka_queue_destroy)?;
        let operation = raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Owned::new(raw::rd_kafka_AdminOptions_new(rk, operation), raw::rd_kafka_AdminOptions_destroy)?;
        answered(raw::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), wait_ms, null_mut(), 0))?;
        raw::rd_kafka_DescribeTopics(rk, topics.as_ptr(), options.as_ptr(), queue.as_ptr());
        let timed_out = KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut);
        let event = NonNull::new(raw::rd_kafka_queue_poll(queue.as_ptr(), wait_ms)).ok_or(timed_out)?;
        let event = Owned(event, raw::rd_kafka_event_destroy);
        answered(raw::rd_kafka_event_error(event.as_ptr()))?;
        described_id(raw::rd_kafka_event_DescribeTopics_result(event.as_ptr()))
    }
}

/// The id in the answer about one topic.
///
/// # Safety
/// `result` is null, or belongs to an event that outlives the call.
unsafe fn described_id(result: *const raw::rd_kafka_DescribeTopics_result_t) -> Result<Option<String>, KafkaError> {
    if result.is_null() {
        return Ok(None);
    }
    let mut count = 0;
    // SAFETY: the caller keeps the event, which owns the result and all that is read from it; the array is read only when
    // it has an element, and the id only when it is there.
    unsafe {
        let topics = raw::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if topics.is_null() || count == 0 {
            return Ok(None);
        }
        let topic = *topics;
        answered(raw::rd_kafka_error_code(raw::rd_kafka_TopicDescription_error(topic)))?;
        let id = raw::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Ok(None);
        }
        let (high, low) = (raw::rd_kafka_Uuid_most_significant_bits(id), raw::rd_kafka_Uuid_least_significant_bits(id));
        Ok((high != 0 || low != 0).then(|| format!("{high:016x}{low:016x}")))
    }
}
