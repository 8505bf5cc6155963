//! The customer stage with and without a policy: what a question costs all in all, and that nothing else pays for one.

use reflow::config::{ClockKind, Config, Shards as Counts};
use reflow::domain::decision::StageName;
use reflow::domain::events::{ApplicationKind, Event};
use reflow::policy::PolicySet;
use reflow::wire::{Schema, SchemaIds, decode_event};
use reflow::worker::Shared;

use crate::cpu::thread_nanos;
use crate::drive::{Records, Shards};
use crate::load::{Load, Record, Shape};

pub const SHARDS: Counts = Counts { customer: 8, partner: 2 };
const CUSTOMERS: u64 = 100_000;
pub const EVENTS: u64 = 400_000;
/// Records of a transaction, over all shards.
const BATCH_RECORDS: usize = 12_000;
/// Runs whose costs are compared: the best one was disturbed least.
const ROUNDS: usize = 5;

/// What the stage costs, CPU nanoseconds.
pub struct Found {
    /// An event that asks nothing, without a policy and with the largest.
    pub silent: [f64; 2],
    /// A drawdown that asks, beyond what it costs where nobody answers: facts, judgement, draft, proposal or decision.
    pub question: f64,
    /// Share of the events that ask.
    pub questions: f64,
}

pub fn shared(policies: PolicySet) -> Shared {
    let mut config = Config { shards: SHARDS, ..Config::default() };
    config.clock.kind = ClockKind::Event;
    Shared::new(config, policies)
}

pub fn load() -> Load {
    Load::new(Shape::even(CUSTOMERS, SHARDS.customer))
}

/// Whether the event is one for which a policy is asked.
pub fn asks(ids: &SchemaIds, record: &Record<'_>) -> bool {
    let Ok(event) = decode_event(Schema::Application, record.value, ids) else { return false };
    matches!(event, Event::Application(event) if event.kind == ApplicationKind::DrawdownRequested)
}

/// Compares no policy with `rules` over all events, and with `large` over those that ask nothing.
pub fn measure(rules: &PolicySet, large: &PolicySet) -> Found {
    let (ids, mut all, mut silent) = (SchemaIds::default(), Records::default(), Records::default());
    let mut questions = 0;
    load().send(EVENTS, |record| {
        all.push(record);
        match asks(&ids, &record) {
            true => questions += 1,
            false => silent.push(record),
        }
    });
    let runs = [
        (&silent, PolicySet::default()),
        (&silent, large.clone()),
        (&all, PolicySet::default()),
        (&all, rules.clone()),
    ];
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        for (best, (records, policies)) in best.iter_mut().zip(&runs) {
            *best = best.min(nanos(records, policies.clone()));
        }
    }
    let [unasked, unasked_large, unanswered, answered] = best;
    let per = |nanos: f64, count: usize| nanos / count as f64;
    Found {
        silent: [per(unasked, silent.len()), per(unasked_large, silent.len())],
        question: per(answered - unanswered, questions),
        questions: questions as f64 / all.len() as f64,
    }
}

/// CPU nanoseconds to read the records into empty shards.
fn nanos(records: &Records, policies: PolicySet) -> f64 {
    let mut shards = Shards::new(StageName::Customer, SHARDS.customer, &shared(policies));
    let began = thread_nanos();
    shards.read(records, BATCH_RECORDS, |_| {});
    (thread_nanos() - began) as f64
}
