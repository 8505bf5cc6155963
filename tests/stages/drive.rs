//! A whole run: records arrive, shards take batches at random moments, candidates are reacted to, and at the end all is drained.

use std::collections::BTreeMap;

use reflow::bus::Topic;
use reflow::config::Config;
use reflow::domain::candidate::CandidateStatus;
use reflow::domain::decision::StageName;
use reflow::domain::partition::partition_of;
use reflow::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};
use reflow::domain::{Candidate, EventTime, FactBundle, Text};
use reflow::wire::Schema;
use reflow_oracle::Rules;
use reflow_oracle::dice::Dice;
use reflow_oracle::inputs::{Body, InputTopic, OwnedEvent};
use reflow_oracle::random::Size;

use crate::bench::{Batch, Bench, Faults, Lying, Produced};
use crate::market::{Asked, Market};
use crate::policy::{Policies, moment, policies, wide};
use crate::storm::CUSTOMERS;

/// What is run, and how untidily.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub size: Size,
    pub customer_shards: i32,
    pub partner_shards: i32,
    pub poison: bool,
    /// Every shard takes all there is in every turn; else shards lag, batches are small, and some are aborted.
    pub calm: bool,
    pub faults: Faults,
    /// How often a customer shard and a partner shard take part in a turn, and a customer shard again, percent.
    pub keen_percent: [i64; 3],
    /// So many records without plausibility instead of lives.
    pub storm: Option<u64>,
}

impl Plan {
    /// Two months of a few customers: loans are repaid, hours fold into days.
    pub fn long(seed: u64) -> Plan {
        Plan::new(seed, "2025-06-15T00:00:00Z", 60, 90)
    }

    /// A few crowded days around the change of policy: the guard's windows fill, proposals meet each other.
    pub fn dense(seed: u64) -> Plan {
        Plan::new(seed, "2025-07-17T00:00:00Z", 6, 260)
    }

    /// Five hours of anything.
    pub fn storm(seed: u64) -> Plan {
        let records = Some(2_500);
        Plan { storm: records, poison: false, ..Plan::new(seed, "2025-07-02T09:00:00Z", 1, CUSTOMERS as usize) }
    }

    /// A storm in which shards lag: several records of a customer lie in one batch, and replies are long in coming.
    pub fn lagging(seed: u64) -> Plan {
        Plan { keen_percent: [45, 50, 15], ..Plan::storm(seed) }
    }

    fn new(seed: u64, from: &str, days: i64, customers: usize) -> Plan {
        let size = Size { customers, partners: 4, from: moment(from), days, ..Size::default() };
        let faults = Faults::default();
        let keen_percent = [96, 93, 60];
        let (poison, calm, storm) = (true, false, None);
        Plan { seed, size, customer_shards: 3, partner_shards: 2, poison, calm, faults, keen_percent, storm }
    }

    pub fn policies(&self) -> Policies {
        if self.storm.is_some() { wide(self.size.customers) } else { policies(self.size.customers) }
    }
}

/// A run that has come to its end.
pub struct Ran {
    pub bench: Bench,
    /// The records of the input topics by topic, partition and offset.
    pub events: BTreeMap<(InputTopic, i32, i64), OwnedEvent>,
    pub policies: Policies,
    pub rules: Rules,
    /// Longest that a record of the plan arrives after its event.
    pub delay_ms_max: i64,
    /// The last `now`.
    pub ended_at: EventTime,
}

impl Ran {
    /// The record at a place, by the topic's full name.
    pub fn lying(&self, topic: &str, partition: i32, offset: i64) -> Option<&Lying> {
        let topic = self.bench.shared.topics.topic(topic)?;
        self.bench.lying.get(&(topic, partition))?.iter().find(|record| record.offset == offset)
    }
}

struct Drive {
    plan: Plan,
    bench: Bench,
    market: Market,
    dice: Dice,
    events: BTreeMap<(InputTopic, i32, i64), OwnedEvent>,
    asked: BTreeMap<Text, Asked>,
    now: EventTime,
}

/// Runs a plan to its end.
pub fn run(plan: &Plan) -> Ran {
    let mut config = Config::default();
    config.shards.customer = plan.customer_shards;
    config.shards.partner = plan.partner_shards;
    run_on(plan, Bench::new(config, plan.policies().set, plan.faults.clone(), plan.seed))
}

/// The same on a bench that is there.
pub fn run_on(plan: &Plan, bench: Bench) -> Ran {
    let policies = plan.policies();
    let rules = Rules { zones: policies.zones.clone(), ..Rules::default() };
    let mut market = match plan.storm {
        Some(records) => Market::of_storm(plan.seed, &plan.size, records, &rules),
        None => Market::of_lives(plan.seed, &plan.size, &rules),
    };
    if plan.poison {
        market.add_poison();
    }
    let mut drive = Drive {
        bench,
        market,
        dice: Dice::new(plan.seed ^ 0x7157),
        events: BTreeMap::new(),
        asked: BTreeMap::new(),
        now: plan.size.from.plus_ms(-SECOND_MS),
        plan: plan.clone(),
    };
    drive.begin();
    while let Some(next) = drive.market.next_at() {
        drive.between(next);
        drive.now = drive.now.max(next);
        drive.arrive();
        drive.turn(drive.plan.calm);
    }
    drive.drain();
    // Of lives: two days of delay and one of repetition.
    let delay_ms_max = if plan.storm.is_some() { 30 * DAY_MS } else { 3 * DAY_MS };
    Ran { bench: drive.bench, events: drive.events, policies, rules, delay_ms_max, ended_at: drive.now }
}

impl Drive {
    /// Everybody speaks once, so that nobody counts as silent for want of a beginning.
    fn begin(&mut self) {
        self.turn(true);
    }

    /// Turns in which nothing arrives: replies are read, heartbeats sent, candidates expire.
    fn between(&mut self, next: EventTime) {
        for pause_ms in [40, 3 * SECOND_MS, 16 * 60 * SECOND_MS, 7 * HOUR_MS] {
            let at = self.now.plus_ms(self.dice.between(pause_ms / 2, pause_ms));
            let happens = self.plan.calm || self.dice.chance(60);
            if happens && at < next {
                self.now = at;
                self.turn(self.plan.calm);
            }
        }
        // Heartbeats, so that who has something to say next does not speak to a partner that heard nobody for hours.
        if self.now < next.plus_ms(-1) && (self.plan.calm || self.dice.chance(80)) {
            self.now = next.plus_ms(-1);
            self.turn(self.plan.calm);
        }
    }

    fn arrive(&mut self) {
        for event in self.market.arrived(self.now) {
            let key = event.key.clone();
            let partition = key.as_deref().map_or(0, |key| partition_of(key, self.plan.customer_shards));
            let value = match &event.body {
                Body::Tombstone => None,
                Body::Json(json) => Some(json.clone().into_bytes()),
                Body::Confluent(bytes) => Some(bytes.clone()),
            };
            let offset = self.bench.send(topic_of(event.topic), partition, key, value);
            self.events.insert((event.topic, partition, offset), event);
        }
    }

    /// Customer shards, partner shards, and customer shards again for the replies; in an untidy run not all of them.
    fn turn(&mut self, calm: bool) {
        let [customers, partners, again] = self.plan.keen_percent;
        self.stage(StageName::Customer, customers, calm);
        self.stage(StageName::Partner, partners, calm);
        self.stage(StageName::Customer, again, calm);
    }

    fn stage(&mut self, stage: StageName, percent: i64, calm: bool) {
        let mut shards: Vec<i32> = (0..self.bench.shards(stage)).collect();
        if !calm {
            self.dice.shuffle(&mut shards);
        }
        for shard in shards {
            if !calm && !self.dice.chance(percent) {
                continue;
            }
            let records_max = if calm { usize::MAX } else { *self.dice.pick(&[1, 2, 5, 100, 1_000]) };
            let tick_first = !calm && self.dice.chance(50);
            let batch = Batch { stage, shard, now: self.now, records_max, tick_first };
            if !calm && self.dice.chance(4) {
                self.bench.abort(batch);
                // It is tried again later, with other records in it.
                let records_max = *self.dice.pick(&[1, 3, 1_000]);
                self.now = self.now.plus_ms(self.dice.between(0, 50));
                self.batch(Batch { records_max, now: self.now, ..batch });
                continue;
            }
            self.batch(batch);
        }
    }

    fn batch(&mut self, batch: Batch) {
        for record in self.bench.run(batch) {
            self.look_at(&record);
        }
    }

    /// Remembers what is proposed, and reacts to candidates.
    fn look_at(&mut self, record: &Produced) {
        let ids = self.bench.shared.ids.clone();
        let Some(value) = record.value.as_deref() else { return };
        match record.topic {
            Topic::PartnerFacts => {
                let bundle: FactBundle = ids.decode(Schema::FactBundle, value).unwrap();
                for p in bundle.proposals {
                    self.asked.insert(p.candidate.candidate, Asked { partner: p.partner, drawdown: p.drawdown });
                }
            }
            Topic::CandidatesRealtime => {
                let candidate: Candidate = ids.decode(Schema::Candidate, value).unwrap();
                if candidate.status == CandidateStatus::Active {
                    let asked = self.asked.get(&candidate.candidate).unwrap().clone();
                    self.market.react(&candidate, &asked, self.plan.size.erased_percent);
                }
            }
            _ => {}
        }
    }

    /// Lets everything be read, everything expire, and everybody hear of it.
    fn drain(&mut self) {
        for pause_ms in [SECOND_MS, SECOND_MS, DAY_MS, SECOND_MS, SECOND_MS] {
            self.now = self.now.plus_ms(pause_ms);
            self.turn(true);
            self.turn(true);
        }
        assert!(self.bench.is_idle(), "records wait still");
    }
}

fn topic_of(topic: InputTopic) -> Topic {
    match topic {
        InputTopic::Applications => Topic::Applications,
        InputTopic::Repayments => Topic::Repayments,
        InputTopic::Customers => Topic::Customers,
        InputTopic::Outcomes => Topic::Outcomes,
        InputTopic::Commands => Topic::Commands,
    }
}
