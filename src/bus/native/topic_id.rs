//! The id of a topic.

use std::ffi::CString;
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError, RDKafkaErrorCode};

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
