//! Reading records of other versions of our schemas, and keeping those whose schema is not known yet.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::shard::ShardRunner;
use super::shared::Shared;
use super::stage::Raw;
use crate::bus::Topic;
use crate::bus::registry::{Known, Registry};
use crate::domain::EventTime;
use crate::domain::codec::Bytes;
use crate::domain::fate::Header;
use crate::wire::{Plan, Schema, SchemaIds, WireError, frame};

/// Most plans that one shard keeps at hand; beyond it they are asked for anew.
const PLANS_MAX: usize = 256;
/// Records of one shard that may be put aside before the lane gives up and takes its positions anew. Its inputs are paused
/// with the first one; what comes after was fetched before.
pub const HELD_RECORDS_MAX: usize = 8_192;

/// How one shard reads what others wrote: no lock and no look-up for our own ids, one look-up for others.
pub struct Reading {
    registry: Option<Arc<Registry>>,
    plans: FxHashMap<(Schema, u32), Arc<Plan>>,
}

impl Reading {
    pub fn new(registry: Option<Arc<Registry>>) -> Self {
        Self { registry, plans: FxHashMap::default() }
    }

    /// True while nothing is known of the schema that the value was written with.
    pub fn must_wait(&mut self, schema: Schema, value: &[u8], ids: &SchemaIds) -> bool {
        match frame::split(value) {
            Ok((id, _)) if self.registry.is_some() && id != ids.id(schema) => {
                matches!(self.known(schema, id), Known::Wait)
            }
            _ => false,
        }
    }

    /// The value's body in our layout: as it came, or in the buffer.
    pub fn body<'a>(
        &mut self,
        schema: Schema,
        value: &'a [u8],
        ids: &SchemaIds,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], WireError> {
        let (id, body) = frame::split(value)?;
        if id == ids.id(schema) || self.registry.is_none() {
            return ids.body(schema, value);
        }
        match self.known(schema, id) {
            Known::Plan(plan) => plan.apply(body, buffer).map_err(|error| WireError::Transcode { schema, id, error }),
            // Between the stages only workers write: what an older one wrote before there was a registry has a fixed id. The
            // registry may forget what it knew of it after this record was let through.
            Known::Unusable(_) | Known::Wait if schema.is_between_stages() && id == SchemaIds::default().id(schema) => {
                Ok(body)
            }
            Known::Unusable(why) => Err(WireError::Writer { schema, id, why: why.to_string() }),
            Known::Wait => Err(WireError::Writer { schema, id, why: format!("nothing is known of schema id {id}") }),
        }
    }

    fn known(&mut self, schema: Schema, id: u32) -> Known {
        if let Some(plan) = self.plans.get(&(schema, id)) {
            return Known::Plan(plan.clone());
        }
        let Some(registry) = &self.registry else { return Known::Wait };
        let known = registry.look(schema, id);
        if let Known::Plan(plan) = &known {
            if self.plans.len() >= PLANS_MAX {
                self.plans.clear();
            }
            self.plans.insert((schema, id), plan.clone());
        }
        known
    }
}

impl ShardRunner {
    /// True when a record is not decoded for its size. What the stages tell each other is never too large: the broker took it
    /// from a worker, and what it says of state is nowhere else.
    pub(super) fn is_too_large(&self, raw: &Raw<'_>) -> bool {
        let size = raw.value.map_or(0, <[u8]>::len);
        size > self.shared.config.transaction.record_bytes_max
            && !raw.topic.layout().schema.is_some_and(Schema::is_between_stages)
    }
}

/// A record that was put aside: a copy, because the client takes its own back.
pub struct Held {
    topic: Topic,
    offset: i64,
    timestamp: Option<EventTime>,
    key: Option<Bytes>,
    value: Option<Bytes>,
    pub headers: Vec<Header>,
}

impl Held {
    pub fn of(raw: Raw<'_>) -> Self {
        let bytes = |bytes: &[u8]| Bytes(bytes.to_vec());
        Self {
            topic: raw.topic,
            offset: raw.offset,
            timestamp: raw.timestamp,
            key: raw.key.map(bytes),
            value: raw.value.map(bytes),
            headers: (raw.headers)(),
        }
    }

    pub fn raw<'a>(&'a self, shared: &'a Shared, shard: i32, headers: &'a dyn Fn() -> Vec<Header>) -> Raw<'a> {
        Raw {
            topic: self.topic,
            topic_name: shared.topic_name(self.topic),
            partition: shard,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_ref().map(|key| key.0.as_slice()),
            value: self.value.as_ref().map(|value| value.0.as_slice()),
            headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::registry::{Client, Login, Settings};
    use crate::config::Config;
    use crate::domain::decision::StageName;
    use crate::policy::PolicySet;

    #[test]
    fn only_inputs_are_too_large() {
        let mut config = Config::default();
        config.transaction.record_bytes_max = 16;
        let runner = ShardRunner::new(StageName::Partner, 0, &Shared::new(config, PolicySet::default()));
        let is_too_large = |topic, size| {
            let value = vec![0; size];
            runner.is_too_large(&Raw {
                topic,
                topic_name: "",
                partition: 0,
                offset: 0,
                timestamp: None,
                key: None,
                value: Some(&value),
                headers: &Vec::new,
            })
        };
        assert!(is_too_large(Topic::Applications, 17) && is_too_large(Topic::Commands, 17));
        assert!(!is_too_large(Topic::Applications, 16));
        assert!(!is_too_large(Topic::PartnerFacts, 17), "deltas and settlements are nowhere else");
        assert!(!is_too_large(Topic::Replies, 17));
    }

    /// Nobody listens at that registry: whatever it is asked, nothing is known.
    fn with_nothing_known() -> (Reading, SchemaIds) {
        let nobody = Settings { url: "http://127.0.0.1:9".to_owned(), login: Login::None };
        let registry = Registry::start(Client::new(&nobody), std::time::Duration::from_secs(60)).unwrap();
        let ids = SchemaIds::default().with(Schema::FactBundle, 70_001).with(Schema::Application, 70_002);
        (Reading::new(Some(Arc::new(registry))), ids)
    }

    #[test]
    fn what_an_older_worker_wrote_is_read_although_nothing_is_known() {
        let (mut reading, ids) = with_nothing_known();
        let framed = |schema| [&[0][..], &SchemaIds::default().id(schema).to_be_bytes(), b"body"].concat();
        let (bundle, event, mut buffer) = (framed(Schema::FactBundle), framed(Schema::Application), Vec::new());
        assert!(reading.must_wait(Schema::FactBundle, &bundle, &ids), "the registry may know it as another one");
        // It was let through, and then the registry forgot: what the bundle says is nowhere else.
        assert_eq!(reading.body(Schema::FactBundle, &bundle, &ids, &mut buffer), Ok(&b"body"[..]));
        let refused = reading.body(Schema::Application, &event, &ids, &mut buffer);
        assert!(matches!(refused, Err(WireError::Writer { schema: Schema::Application, .. })), "{refused:?}");
    }
}
