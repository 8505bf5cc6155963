//! Records for the producer, in runs of one partition.

use std::ffi::CString;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use rdkafka::bindings as raw;
use rdkafka::error::{IsError, KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use crate::bus::outbox::Outgoing;

/// Most records handed to the client in one call.
const PRODUCED_PER_CALL_MAX: usize = 1024;

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
