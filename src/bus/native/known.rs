//! What the client knows about its group and its partitions.

use std::ffi::{CStr, CString, c_void};

use rdkafka::bindings as raw;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::IsError;

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
