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

/// A transactional producer's topics by number, each looked up once.
pub struct TopicHandles<C: ProducerContext> {
    producer: Arc<BaseProducer<C>>,
    topics: Vec<Option<NonNull<raw::rd_kafka_topic_t>>>,
    run: Vec<raw::rd_kafka_message_t>,
}

impl<C: ProducerContext> TopicHandles<C> {
    pub fn new(producer: &Arc<BaseProducer<C>>) -> Self {
        Self { producer: producer.clone(), topics: Vec::new(), run: Vec::new() }
    }

    /// Makes the topic of that number and name known to the client, which asks for its partitions.
    pub fn open(&mut self, number: usize, name: &str) -> Result<(), KafkaError> {
        self.handle(number, name).map(drop)
    }

    fn handle(&mut self, number: usize, name: &str) -> Result<NonNull<raw::rd_kafka_topic_t>, KafkaError> {
        if let Some(known) = self.topics.get(number).copied().flatten() {
            return Ok(known);
        }
        let c_name = CString::new(name).map_err(KafkaError::Nul)?;
        // SAFETY: the client is alive and outlives the handle; a null configuration stands for the client's own.
        let topic =
            unsafe { raw::rd_kafka_topic_new(self.producer.client().native_ptr(), c_name.as_ptr(), null_mut()) };
        let topic = NonNull::new(topic).ok_or_else(|| KafkaError::Subscription(format!("no handle for {name}")))?;
        self.topics.resize(self.topics.len().max(number + 1), None);
        self.topics[number] = Some(topic);
        Ok(topic)
    }

    /// Hands over records of one partition of the topic of that number and name, as many as the client takes; returns how many. The
    /// client copies them. A full queue is no error: the caller polls and comes again with the rest.
    pub fn produce<'a>(
        &mut self,
        (number, name): (usize, &str),
        partition: i32,
        records: impl Iterator<Item = Outgoing<'a>>,
    ) -> Result<usize, KafkaError> {
        let topic = self.handle(number, name)?;
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
            raw::rd_kafka_produce_batch(
                topic.as_ptr(),
                partition,
                raw::RD_KAFKA_MSG_F_COPY,
                self.run.as_mut_ptr(),
                count,
            )
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
        for topic in self.topics.drain(..).flatten() {
            // SAFETY: made by `handle`, given back once; the client is still held.
            unsafe { raw::rd_kafka_topic_destroy(topic.as_ptr()) };
        }
        let _ = &self.producer;
    }
}

// SAFETY: the client's handles may be used from any thread, one at a time; the run buffer holds no pointer between calls.
unsafe impl<C: ProducerContext> Send for TopicHandles<C> {}
