//! Both stages over an in-memory log, told the time by the data: no broker, no clock, no threads.
//!
//! A batch is one second of event time. Every shard sees the same `now`, so the panes do not depend on how many shards there are.

use crate::bus::memory::Memory;
use crate::bus::{Outbox, Outgoing, Topic};
use crate::domain::codec::Bytes;
use crate::domain::decision::StageName;
use crate::domain::fate::{FateCounts, Header};
use crate::domain::partition::partition_of;
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, Output, Text};
use crate::worker::stage::Raw;
use crate::worker::{ShardRunner, Shared};

/// One event as read from a file, in Confluent framing.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub topic: Topic,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub event_time: EventTime,
    /// Where it stood, for dead letters.
    pub file: Text,
    pub line: u64,
}

/// What a batch said, as it happens.
pub trait Listener {
    fn output(&mut self, output: &Output);
    fn produced(&mut self, record: &Outgoing<'_>);
}

/// Every shard of both stages.
pub struct Engine<L> {
    shared: Shared,
    customers: Vec<ShardRunner>,
    partners: Vec<ShardRunner>,
    memory: Memory,
    outbox: Outbox,
    batch: Vec<Incoming>,
    /// The data's clock: the highest event time that is not too far ahead of what came before.
    now: EventTime,
    fates: FateCounts,
    listener: L,
}

impl<L: Listener> Engine<L> {
    pub fn new(shared: &Shared, listener: L) -> Self {
        let runners = |stage, shards| (0..shards).map(|shard| ShardRunner::new(stage, shard, shared)).collect();
        Self {
            customers: runners(StageName::Customer, shared.topics.customer_shards),
            partners: runners(StageName::Partner, shared.topics.partner_shards),
            shared: shared.clone(),
            memory: Memory::default(),
            outbox: Outbox::default(),
            batch: Vec::new(),
            now: EventTime::default(),
            fates: FateCounts::default(),
            listener,
        }
    }

    /// What became of the events, the data's clock at the end, and the listener.
    pub fn into_parts(self) -> (FateCounts, EventTime, L) {
        (self.fates, self.now, self.listener)
    }

    /// Takes one event; events come in the order in which they are to be read.
    pub fn feed(&mut self, event: Incoming) {
        let full = self.batch.len() >= self.shared.config.transaction.records_max;
        if full || self.batch.first().is_some_and(|first| second(first.event_time) != second(event.event_time)) {
            self.turn();
        }
        self.batch.push(event);
    }

    /// Works off what waits, also between the stages.
    pub fn finish(&mut self) {
        self.turn();
        while !self.memory.is_idle() {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.advance_clock();
        self.customer_turn();
        self.partner_turn();
    }

    fn advance_clock(&mut self) {
        let ahead_ms_max = self.shared.config.customer.future_event_secs_max_event_clock * SECOND_MS;
        for event in &self.batch {
            let time = event.event_time;
            let known = self.now != EventTime::default();
            if time.plausible() && (!known || time.ms_since(self.now) <= ahead_ms_max) {
                self.now = self.now.max(time);
            }
        }
    }

    fn customer_turn(&mut self) {
        for runner in &mut self.customers {
            while let Some(reply) = self.memory.take(Topic::Replies, runner.shard()) {
                runner.open_at(self.now);
                let (key, value) = (Some(reply.key.as_slice()), reply.value.as_deref());
                let raw = raw(&self.shared, Topic::Replies, runner.shard(), reply.offset, key, value, &Vec::new);
                runner.take(&[raw]);
            }
        }
        let shards = self.shared.topics.customer_shards;
        for event in std::mem::take(&mut self.batch) {
            let shard = partition_of(&event.key, shards);
            let Some(runner) = self.customers.get_mut(shard as usize) else { continue };
            let offset = self.memory.append(event.topic, shard);
            let headers = || place(&event);
            runner.open_at(self.now);
            let (key, value) = (Some(event.key.as_slice()), Some(event.value.as_slice()));
            runner.take(&[raw(&self.shared, event.topic, shard, offset, key, value, &headers)]);
        }
        if !self.shared.policies.current().is_empty() {
            // Candidates need shards that are known to be current; panes alone do not.
            self.customers.iter_mut().for_each(|runner| runner.tick_at(self.now));
        }
        Self::close(&mut self.customers, &mut self.outbox, &mut self.memory, &mut self.listener, &mut self.fates);
    }

    fn partner_turn(&mut self) {
        for runner in &mut self.partners {
            while let Some(bundle) = self.memory.take(Topic::PartnerFacts, runner.shard()) {
                runner.open_at(self.now);
                let (key, value) = (Some(bundle.key.as_slice()), bundle.value.as_deref());
                let raw = raw(&self.shared, Topic::PartnerFacts, runner.shard(), bundle.offset, key, value, &Vec::new);
                runner.take(&[raw]);
            }
            if !self.shared.policies.current().is_empty() {
                runner.tick_at(self.now);
            }
        }
        Self::close(&mut self.partners, &mut self.outbox, &mut self.memory, &mut self.listener, &mut self.fates);
    }

    fn close(
        runners: &mut [ShardRunner],
        outbox: &mut Outbox,
        memory: &mut Memory,
        listener: &mut L,
        fates: &mut FateCounts,
    ) {
        outbox.clear();
        for runner in runners.iter_mut().filter(|runner| runner.is_open()) {
            let closed = runner.close(outbox, |output| {
                listener.output(&output);
                Some(output)
            });
            fates.add(&closed.fates);
            runner.hand_over();
            runner.commit();
        }
        for record in outbox.iter() {
            if matches!(record.topic, Topic::PartnerFacts | Topic::Replies) {
                memory.produce(&record);
            }
            listener.produced(&record);
        }
    }
}

fn second(time: EventTime) -> i64 {
    time.0.div_euclid(SECOND_MS)
}

fn place(event: &Incoming) -> Vec<Header> {
    let header = |key: &str, value: String| Header { key: Text::from(key), value: Some(Bytes(value.into_bytes())) };
    vec![header("file", event.file.to_string()), header("line", event.line.to_string())]
}

fn raw<'a>(
    shared: &'a Shared,
    topic: Topic,
    partition: i32,
    offset: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a dyn Fn() -> Vec<Header>,
) -> Raw<'a> {
    Raw { topic, topic_name: shared.topic_name(topic), partition, offset, timestamp: None, key, value, headers }
}
