//! One shape for both stages: what a shard runner asks of a pure stage.

use crate::bus::{Outbox, Topic};
use crate::config::Config;
use crate::domain::codec::{Avro, CodecError};
use crate::domain::decision::StageName;
use crate::domain::fate::{DeadLetterClass, Header, IgnoreReason};
use crate::domain::{EventTime, FactBundle, Fate, Output, Reply};
use crate::policy::PolicySet;
use crate::store::Cursor;
use crate::wire::{Lists, Schema, WireError, decode_body, decode_body_over};
use crate::{customer, partner};

/// Most of a wrong key that is shown, bytes: the dead letter has more of it.
const KEY_SHOWN_BYTES_MAX: usize = 128;

/// A record as it came, with its true coordinates.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    pub topic: Topic,
    pub topic_name: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<EventTime>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Read only when the record is rejected.
    pub headers: &'a dyn Fn() -> Vec<Header>,
}

impl Raw<'_> {
    /// Of key and value.
    pub fn bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }
}

/// What was read last; the next is read over it, because much of it is as long.
#[derive(Default)]
pub struct Heard {
    reply: Option<Reply>,
    bundle: Option<FactBundle>,
    lists: Lists,
}

/// What a record says, before its turn comes.
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and a group of them is read into one row")]
pub enum Told<'a> {
    Event(customer::Met<'a>),
    /// What the stages tell each other is read in its turn, over what was read before.
    Body(&'a [u8]),
    Refused(Taken),
}

/// What one record did, and the time it carries.
#[derive(Clone, Debug)]
pub struct Taken {
    pub fate: Fate,
    /// Event time of an accepted record: it may move an `event` clock.
    pub event_time: Option<EventTime>,
}

impl Taken {
    fn dead(class: DeadLetterClass, detail: impl std::fmt::Display) -> Self {
        Self { fate: Fate::DeadLettered(class, detail.to_string()), event_time: None }
    }
}

/// A shard of either stage.
pub enum Stage {
    Customer(Box<customer::Shard>),
    Partner(Box<partner::Shard>),
}

impl Stage {
    pub fn new(stage: StageName, shard: i32, config: &Config) -> Self {
        match stage {
            StageName::Customer => Self::Customer(Box::new(customer::Shard::new(config.customer_settings(shard)))),
            StageName::Partner => Self::Partner(Box::new(partner::Shard::new(config.partner_settings(shard)))),
        }
    }

    /// Version of all values in the stage's changelog.
    pub fn format(stage: StageName) -> i32 {
        i32::from(match stage {
            StageName::Customer => customer::FORMAT,
            StageName::Partner => partner::FORMAT,
        })
    }

    pub fn name(&self) -> StageName {
        match self {
            Self::Customer(_) => StageName::Customer,
            Self::Partner(_) => StageName::Partner,
        }
    }

    /// Reads one record, whose body (none for a tombstone) is in our layout.
    pub fn read<'b>(&self, raw: &Raw<'b>, body: Option<Result<&'b [u8], WireError>>, heard: &mut Heard) -> Told<'b> {
        match (body, self) {
            (None, _) => Told::Refused(Taken { fate: Fate::Ignored(IgnoreReason::Tombstone), event_time: None }),
            (Some(Err(error)), _) => Told::Refused(undecodable(error)),
            (Some(Ok(body)), Self::Customer(_)) if raw.topic != Topic::Replies => read_event(raw, body, heard),
            (Some(Ok(body)), _) => Told::Body(body),
        }
    }

    /// Does for a group of records, of at most [`customer::GROUP_MAX`], what does not depend on their order.
    pub fn meet(&mut self, raws: &[Raw<'_>], group: &mut [Told<'_>]) {
        if let Self::Customer(shard) = self {
            shard.bring(raws.iter().filter(|raw| raw.topic == Topic::Replies).filter_map(|raw| raw.key));
            shard.meet(group.iter_mut().filter_map(|told| match told {
                Told::Event(met) => Some(met),
                Told::Body(_) | Told::Refused(_) => None,
            }));
        }
    }

    /// Applies one record of a group that was met.
    pub fn take(
        &mut self,
        raw: &Raw<'_>,
        told: &mut Told<'_>,
        now: EventTime,
        policies: &PolicySet,
        heard: &mut Heard,
        out: &mut Vec<Output>,
    ) -> Taken {
        match (self, told) {
            (Self::Customer(shard), Told::Event(met)) => {
                let taken = take_event(shard, raw, met, now, policies, out);
                heard.lists.take_back(&mut met.event);
                taken
            }
            (_, Told::Refused(taken)) => taken.clone(),
            (Self::Partner(_), Told::Event(_)) => not_an_input(raw.topic),
            (Self::Customer(shard), Told::Body(body)) => match read_over(&mut heard.reply, Schema::Reply, body) {
                Ok(reply) => {
                    let fate = shard.step(customer::Input::Reply(reply), now, policies, out);
                    Taken { fate, event_time: None }
                }
                Err(error) => undecodable(error),
            },
            (Self::Partner(shard), Told::Body(body)) => match read_over(&mut heard.bundle, Schema::FactBundle, body) {
                Ok(bundle) => {
                    let now = known(now, bundle.header.now);
                    let fate = shard.step(partner::Input::Bundle(bundle), now, policies, out);
                    Taken { fate, event_time: Some(bundle.header.now) }
                }
                Err(error) => undecodable(error),
            },
        }
    }

    pub fn tick(&mut self, now: EventTime, policies: &PolicySet, out: &mut Vec<Output>) {
        match self {
            Self::Customer(shard) => shard.step(customer::Input::Tick, now, policies, out),
            Self::Partner(shard) => shard.step(partner::Input::Tick, now, policies, out),
        };
    }

    /// True when the open batch says as much as goes into a message. What a partner shard says are messages of their own.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Customer(shard) => shard.is_full(),
            Self::Partner(_) => false,
        }
    }

    /// True when a tick would do something.
    pub fn due(&self, now: EventTime) -> bool {
        match self {
            Self::Customer(shard) => shard.due(now),
            Self::Partner(shard) => shard.due(now),
        }
    }

    pub fn seal(&mut self, now: EventTime, backlog: i64, policies: &PolicySet, out: &mut Vec<Output>) {
        match self {
            Self::Customer(shard) => {
                let version = policies.in_force(now).map_or("", |policy| policy.version.as_str());
                shard.seal(now, backlog, version, out);
            }
            Self::Partner(shard) => shard.seal(now, policies, out),
        }
    }

    /// Takes back what it said, when it is encoded and nobody keeps it.
    pub fn take_back(&mut self, output: Output) {
        match self {
            Self::Customer(shard) => shard.take_back(output),
            Self::Partner(shard) => shard.take_back(output),
        }
    }

    /// Appends the batch's changelog entries.
    pub fn changes(&mut self, shard: i32, outbox: &mut Outbox) {
        let topic = Topic::changelog(self.name());
        let mut entry = |key: &[u8], value: Option<&[u8]>| match value {
            Some(value) => outbox.push(topic, shard, key, |out| out.extend_from_slice(value)),
            None => outbox.push_tombstone(topic, shard, key),
        };
        match self {
            Self::Customer(shard) => shard.changes(&mut entry),
            Self::Partner(shard) => shard.changes(&mut entry),
        }
    }

    /// Shows up to `most` committed entries from the cursor on, as the changelog holds them; true when all were shown.
    pub fn committed_entries(
        &self,
        cursor: &mut Cursor,
        most: usize,
        entry: &mut customer::Entry<'_>,
    ) -> Result<bool, CodecError> {
        match self {
            Self::Customer(shard) => shard.committed_entries(cursor, most, entry),
            Self::Partner(shard) => shard.committed_entries(cursor, most, entry),
        }
    }

    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), CodecError> {
        match self {
            Self::Customer(shard) => shard.load(key, value),
            Self::Partner(shard) => shard.load(key, value),
        }
    }

    /// Sends the closed batch into flight; what is taken from here on belongs to the next one.
    pub fn hand_over(&mut self) {
        match self {
            Self::Customer(shard) => shard.hand_over(),
            Self::Partner(shard) => shard.hand_over(),
        }
    }

    /// Accepts the batch in flight.
    pub fn commit(&mut self) {
        match self {
            Self::Customer(shard) => shard.commit(),
            Self::Partner(shard) => shard.commit(),
        }
    }

    /// Puts everything back as it was at the last commit.
    pub fn undo(&mut self) {
        match self {
            Self::Customer(shard) => shard.undo(),
            Self::Partner(shard) => shard.undo(),
        }
    }
}

/// Reads a body over what was read before.
fn read_over<'r, 'b, T: Avro<'b>>(room: &'r mut Option<T>, schema: Schema, body: &'b [u8]) -> Result<&'r T, WireError> {
    match room {
        Some(room) => decode_body_over(schema, room, body).map(|()| &*room),
        None => decode_body(schema, body).map(|read| &*room.insert(read)),
    }
}

/// With an event clock nothing is known before the first record: it tells its own time.
fn known(now: EventTime, first: EventTime) -> EventTime {
    if now == EventTime::default() && first.plausible() { first } else { now }
}

fn undecodable(error: WireError) -> Taken {
    let class = match error {
        WireError::Short(_) | WireError::Magic(_) | WireError::SchemaId { .. } | WireError::NotAnEvent(_) => {
            DeadLetterClass::Framing
        }
        WireError::Decode { .. } | WireError::Writer { .. } | WireError::Transcode { .. } => DeadLetterClass::Decode,
    };
    Taken::dead(class, error)
}

/// Reads an event and compares its key; an event of somebody else would be judged without this customer's record.
fn read_event<'b>(raw: &Raw<'b>, body: &'b [u8], heard: &mut Heard) -> Told<'b> {
    let Some(schema) = raw.topic.layout().schema else { return Told::Refused(not_an_input(raw.topic)) };
    match heard.lists.decode(schema, body) {
        Ok(event) => match (raw.key, event.customer()) {
            (Some(key), Some(customer)) if key != customer.as_bytes() => Told::Refused(wrong_key(key, customer)),
            _ => Told::Event(event.into()),
        },
        Err(error) => Told::Refused(undecodable(error)),
    }
}

#[cold]
fn not_an_input(topic: Topic) -> Taken {
    Taken::dead(DeadLetterClass::Framing, format_args!("{topic} is not an input topic"))
}

#[cold]
fn wrong_key(key: &[u8], customer: &str) -> Taken {
    let key = String::from_utf8_lossy(&key[..key.len().min(KEY_SHOWN_BYTES_MAX)]);
    Taken::dead(DeadLetterClass::Key, format_args!("the key is `{key}`, the event is about `{customer}`"))
}

fn take_event(
    shard: &mut customer::Shard,
    raw: &Raw<'_>,
    met: &mut customer::Met<'_>,
    now: EventTime,
    policies: &PolicySet,
    out: &mut Vec<Output>,
) -> Taken {
    let time = met.event.event_time();
    let fate = shard.step_met(met, (raw.topic_name, raw.partition, raw.offset), known(now, time), policies, out);
    let accepted = matches!(fate, Fate::Applied | Fate::Duplicate | Fate::Ignored(_));
    Taken { fate, event_time: accepted.then_some(time) }
}
