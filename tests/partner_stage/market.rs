//! A small market to test with: contracts, bundles, proposals, and a shard with its changelog.

use std::collections::BTreeMap;

use reflow::domain::candidate::{
    Arm, Candidate, CandidateKind, CandidateStatus, Delivery, Friction, Grounds, Offer, RightToAct,
};
use reflow::domain::counter::{Family, Tally};
use reflow::domain::fact::{BundleHeader, PartnerClock, Scored};
use reflow::domain::fate::FateCounts;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::{
    CalendarDay, Counter, Delta, Deltas, EventTime, FactBundle, Fate, Output, Proposal, Settlement, Text,
};
use reflow::partner::{Contracts, Input, Known, Settings, Shard};
use reflow::policy::contract::Budgets;
use reflow::policy::deciles::{ALERT_PPM, Deciles, TENTHS};
use reflow::policy::{Contract, Dates, GuardTerms, Horizon};

/// 2024-10-04T07:23:00Z.
pub const START: EventTime = EventTime(20_000 * DAY_MS + 7 * HOUR_MS + 23 * 60_000);
pub const VALID_FOR_MS: i64 = 600_000;
pub const CUSTOMER_SHARDS: i32 = 2;
/// A customer shard silent for longer makes the data stale.
pub const STALE_MS: i64 = 30_000;

/// The policy log of the tests: one version, some contracts.
pub struct Book(pub Vec<Contract>);

impl Book {
    pub fn contract(&self, partner: &str) -> &Contract {
        self.0.iter().find(|c| c.partner == partner).unwrap()
    }
}

impl Contracts for Book {
    fn named(&self, version: &str, hash: &str, partner: &str) -> Known<'_> {
        if (version, hash) != ("v1", "h1") {
            return Known::NoPolicy;
        }
        self.0.iter().find(|c| c.partner == partner).map_or(Known::NoContract, Known::Contract)
    }

    fn in_force(&self, _now: EventTime, partner: &str) -> Option<&Contract> {
        self.0.iter().find(|c| c.partner == partner)
    }

    fn version_in_force(&self, _now: EventTime) -> Text {
        Text::from("v1")
    }

    /// The model `m` is watched, in any version.
    fn deciles(&self, _now: EventTime, model: &str, _version: &str) -> Option<&Deciles> {
        const EVEN: Deciles =
            Deciles { edges: [1, 2, 3, 4, 5, 6, 7, 8, 9], reference_ppm: [100_000; TENTHS], alert_ppm: ALERT_PPM };
        (model == "m").then_some(&EVEN)
    }
}

pub fn contract(partner: &str) -> Contract {
    let horizons = ["1h", "24h", "7d"].iter().filter_map(|name| Horizon::named(name, 50_000)).collect();
    Contract {
        real_time: true,
        answer_within_ms: 2_000,
        valid_for_ms: VALID_FOR_MS,
        guard: GuardTerms {
            drawdown_pass_floor_ppm: Some(600_000),
            min_n: 20,
            below_min_n_max: 3,
            reserved_max: 5,
            horizons,
            ..GuardTerms::default()
        },
        quota_per_day: 8,
        ..Contract::forbidding(Text::from(partner), jiff::tz::TimeZone::fixed(jiff::tz::offset(8)), Text::from("CNY"))
    }
}

/// `p0` plain and narrow, `p1` plain and wide, `p2` with every condition of the guard and a pace, `p3` with little but a
/// guard that needs a margin to open and holds on to its last reading, `p4` with budgets, `p5` with one an hour.
pub fn book() -> Book {
    let loose = Contract {
        quota_per_day: 1_000,
        guard: GuardTerms {
            drawdown_pass_floor_ppm: None,
            reserved_max: 100,
            holdout_min_n: Some(50),
            ..contract("p1").guard
        },
        ..contract("p1")
    };
    let full = Contract {
        partner: Text::from("p2"),
        quota_per_hour: Some(9),
        guard: GuardTerms {
            diverted_share_max_ppm: Some(45_000),
            reopen_margin_ppm: Some(10_000),
            limit_approval_min_ppm: Some(300_000),
            stale_holds: true,
            below_min_n_max: 40,
            reserved_max: 40,
            ..loose.guard.clone()
        },
        ..loose.clone()
    };
    let few = GuardTerms { min_n: 1_000_000, below_min_n_max: 1_000, reserved_max: 1_000, ..loose.guard.clone() };
    let budgets = Budgets {
        offers_per_day: Some(4),
        coupon_minor_per_day: Some(4_000),
        exposure_minor: Some(300_000),
        avg_cost_max: vec![(Dates::default(), 200_000)],
    };
    let costly = Contract {
        partner: Text::from("p4"),
        day_begins_at_ms: 6 * HOUR_MS,
        budgets,
        guard: few.clone(),
        ..loose.clone()
    };
    let slow = Contract { partner: Text::from("p5"), quota_per_hour: Some(1), guard: few, ..loose.clone() };
    let edge = Contract {
        partner: Text::from("p3"),
        guard: GuardTerms {
            reopen_margin_ppm: Some(10_000),
            stale_holds: true,
            horizons: full.guard.horizons[..2].to_vec(),
            ..loose.guard.clone()
        },
        ..loose.clone()
    };
    Book(vec![contract("p0"), loose, full, edge, costly, slow])
}

pub fn settings() -> Settings {
    Settings {
        shard: 3,
        customer_shards: CUSTOMER_SHARDS,
        windows: vec![(Text::from("1h"), HOUR_MS), (Text::from("24h"), DAY_MS), (Text::from("7d"), 7 * DAY_MS)],
        minutes_keep_ms: 2 * HOUR_MS,
        hours_keep_ms: 35 * DAY_MS,
        days_keep_ms: 800 * DAY_MS,
        min_n: 30,
        heartbeat_stale_secs: STALE_MS / 1_000,
        time_passes: true,
        idle_after_secs: 300,
        view_every_ms: 1_000,
    }
}

pub fn draft(id: &str, decide_by: EventTime) -> Candidate {
    Candidate {
        candidate: Text::from(id),
        customer: Text::from(format!("customer of {id}")),
        kind: CandidateKind::NewRt,
        status: CandidateStatus::Active,
        version: 1,
        supersedes: None,
        campaign: None,
        arm: Arm::Treatment,
        origin_ref: Text::from("door"),
        decided_at: EventTime(0),
        decide_by,
        valid_from: EventTime(0),
        expires_at: EventTime(0),
        act_within_ms: VALID_FOR_MS,
        send_windows: Vec::new(),
        revocable_until: None,
        end_reasons: Vec::new(),
        offer: Offer::default(),
        delivery: Delivery::default(),
        friction: Friction::default(),
        right_to_act: RightToAct::default(),
        grounds: Grounds { policy_version: Text::from("v1"), policy_hash: Text::from("h1"), ..Grounds::default() },
    }
}

pub fn proposal(partner: &str, id: &str, requested_at: EventTime, decide_by: EventTime) -> Proposal {
    Proposal {
        partner: Text::from(partner),
        drawdown: Text::from(format!("drawdown of {id}")),
        requested_at,
        amount_minor: 100_000,
        triggered_at: requested_at,
        candidate: draft(id, decide_by),
    }
}

/// A change of one counter at a moment.
pub fn delta(partner: &str, counter: Counter, at: EventTime, count: i64) -> Delta {
    let at = if counter.family().by_day() { Family::day(at.utc_day()) } else { Family::minute(at) };
    Delta { partner: Text::from(partner), counter, at, change: Tally { count, amount_minor: 100 * count } }
}

/// Scores of the watched model in one tenth.
pub fn scored(partner: &str, day: CalendarDay, tenth: i32, count: i64) -> Scored {
    let (model, version) = (Text::from("m"), Text::from("1"));
    Scored { partner: Text::from(partner), model, version, day, tenth, count }
}

/// A shard that speaks through bundles with the right sequence, and whose changelog is kept.
pub struct Stage {
    pub shard: Shard,
    pub book: Book,
    pub now: EventTime,
    pub log: BTreeMap<Vec<u8>, Vec<u8>>,
    sequences: [i64; CUSTOMER_SHARDS as usize],
}

impl Stage {
    /// All customer shards were heard.
    pub fn new() -> Self {
        let mut stage = Self::silent();
        stage.heartbeats();
        stage
    }

    /// Nobody was heard yet.
    pub fn silent() -> Self {
        let sequences = [0; CUSTOMER_SHARDS as usize];
        Self { shard: Shard::new(settings()), book: book(), now: START, log: BTreeMap::new(), sequences }
    }

    pub fn bundle(&mut self, source_shard: i32) -> FactBundle {
        self.sequences[source_shard as usize] += 1;
        let header = BundleHeader {
            source_shard,
            source_shards: CUSTOMER_SHARDS,
            sequence: self.sequences[source_shard as usize],
            now: self.now,
            high_event_time: self.now,
            backlog: 0,
            policy_version: Text::from("v1"),
            fates: FateCounts::default(),
            policy_offset: None,
        };
        FactBundle {
            header,
            clocks: Vec::new(),
            deltas: Deltas::default(),
            settlements: Vec::new().into(),
            proposals: Vec::new().into(),
            scored: Vec::new(),
        }
    }

    pub fn heartbeats(&mut self) -> Vec<Output> {
        let bundles: Vec<_> = (0..CUSTOMER_SHARDS).map(|shard| self.bundle(shard)).collect();
        bundles.iter().flat_map(|bundle| self.take(bundle).1).collect()
    }

    /// One transaction with one bundle.
    pub fn take(&mut self, bundle: &FactBundle) -> (Fate, Vec<Output>) {
        let done = self.attempt(Input::Bundle(bundle));
        self.keep();
        done
    }

    /// One transaction with a tick.
    pub fn tick(&mut self) -> Vec<Output> {
        let (_, out) = self.attempt(Input::Tick);
        self.keep();
        out
    }

    /// Steps and seals without accepting.
    pub fn attempt(&mut self, input: Input<'_>) -> (Fate, Vec<Output>) {
        let mut out = Vec::new();
        let fate = self.shard.step(input, self.now, &self.book, &mut out);
        self.shard.seal(self.now, &self.book, &mut out);
        (fate, out)
    }

    /// Writes the changelog and accepts.
    pub fn keep(&mut self) {
        let log = self.log_after();
        self.shard.hand_over();
        self.shard.commit();
        self.log = log;
    }

    /// The changelog as it stands with the open batch.
    pub fn log_after(&mut self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut log = self.log.clone();
        self.shard.changes(&mut |key, value| match value {
            Some(value) => {
                log.insert(key.to_vec(), value.to_vec());
            }
            None => {
                log.remove(key);
            }
        });
        log
    }

    /// A shard restored from the changelog.
    pub fn restored(&self) -> Shard {
        let mut shard = Shard::new(settings());
        for (key, value) in &self.log {
            shard.load(key, Some(value)).unwrap();
        }
        shard
    }

    pub fn facts(&mut self, deltas: Vec<Delta>) -> Vec<Output> {
        let bundle = FactBundle { deltas: deltas.into(), ..self.bundle(0) };
        self.take(&bundle).1
    }

    pub fn events(&mut self, partner: &str, event_time: EventTime) -> Vec<Output> {
        let clocks = vec![PartnerClock { partner: Text::from(partner), event_time }];
        let bundle = FactBundle { clocks, ..self.bundle(0) };
        self.take(&bundle).1
    }

    pub fn propose(&mut self, partner: &str, id: &str) -> Vec<Output> {
        let proposals = vec![proposal(partner, id, self.now, self.now.plus_ms(2_000))];
        let bundle = FactBundle { proposals: proposals.into(), ..self.bundle(1) };
        self.take(&bundle).1
    }

    pub fn settle(&mut self, settlement: Settlement) -> Vec<Output> {
        let bundle = FactBundle { settlements: vec![settlement].into(), ..self.bundle(0) };
        self.take(&bundle).1
    }

    pub fn pass(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }
}
