//! Records that belong to the client.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};
use std::slice;

use rdkafka::bindings as raw;
use rdkafka::error::IsError;

use crate::domain::EventTime;
use crate::domain::codec::Bytes;
use crate::domain::fate::Header;

/// A record that belongs to the client until the next call.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    message: NonNull<raw::rd_kafka_message_t>,
    lent: PhantomData<&'a ()>,
}

impl<'a> Record<'a> {
    /// Whoever calls this lends the message, and does not give it back meanwhile.
    pub(super) fn of(message: NonNull<raw::rd_kafka_message_t>) -> Self {
        Self { message, lent: PhantomData }
    }

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
pub(super) fn lent<'a>(message: *mut raw::rd_kafka_message_t) -> Option<Record<'a>> {
    let message = NonNull::new(message)?;
    // SAFETY: a queue lends its own messages until `give_back`, which needs `&mut self` and so ends what is lent.
    let is_error = unsafe { message.as_ref() }.err.is_error();
    (!is_error).then(|| Record::of(message))
}

/// Bytes of a record; nothing where the pointer is null.
fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the client says that so many bytes lie there, as long as the record is ours.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast::<u8>().cast_const(), length) })
}
