//! Customers as the policy of `rules.yaml` sees them, one for each way through its rules, and what it costs to judge one.

use std::hint::black_box;

use reflow::domain::Text;
use reflow::domain::candidate::{CandidateKind, Source};
use reflow::domain::events::{Flag, RepaymentMethod, RiskVerdict, Score};
use reflow::domain::time::DAY_MS;
use reflow::domain::words::Word;
use reflow::policy::facts::{
    ConsentFact, Door, Exposure, Facts, History, Holdings, KnownAt, PartnerLimit, Person, Standing,
};
use reflow::policy::{Judgement, Policy};

use crate::counting::{allocations, count_from_now};
use crate::cpu::thread_nanos;
use crate::load::{BEGINS, mix};

/// Questions of a round.
const QUESTIONS: u64 = 20_000;
/// Rounds whose cost is compared: the best one was disturbed least.
const ROUNDS: usize = 9;
/// Checks that a yes leaves at least: as many rules were judged.
const RULES: usize = 40;

static SOURCE: Source = Source { topic: Text::const_new("t"), partition: 0, offset: 1, event_id: Text::const_new("e") };
static TAGS: [Text; 2] = [Text::const_new("payroll"), Text::const_new("relationship")];

/// A customer and what the policy has to say of it: the offer, or all reasons.
pub struct Case {
    pub what: &'static str,
    pub facts: Facts<'static>,
    pub answer: &'static str,
}

/// Nobody's proposal is dearer than these: the first offer, the last of five, a no before any condition, a no by one.
pub fn cases() -> [Case; 4] {
    let (newcomer, returning) = (newcomer(), returning());
    let mut cheap = returning.clone();
    cheap.limit.all_in_cost_ppm = Some(110_000);
    cheap.holdings.doors = only_door(cheap.limit);
    let complains = Facts { flags: 1 << Flag::Complaint.ordinal(), ..newcomer.clone() };
    let late = Facts { standing: Standing { late_months: 0b11, ..Standing::default() }, ..returning };
    [
        Case { what: "a yes, the first offer", facts: newcomer, answer: "welcome" },
        Case { what: "a yes, the last of five offers", facts: cheap, answer: "plain" },
        Case { what: "a no by a gate", facts: complains, answer: "GATE_COMPLAINT" },
        Case { what: "a no by a condition", facts: late, answer: "EXC_RECENTLY_LATE" },
    ]
}

/// Kept as long as the program runs: there are four of them.
fn only_door(terms: PartnerLimit<'static>) -> &'static [Door<'static>] {
    Box::leak(Box::new([Door { partner: "partner-00", terms }]))
}

fn newcomer() -> Facts<'static> {
    let limit = PartnerLimit {
        limit_minor: Some(2_000_000),
        all_in_cost_ppm: Some(180_000),
        term_months: Some(12),
        repayment_method: Some(RepaymentMethod::EqualInstalment),
        product_kind: None,
        currency: Some("CNY"),
    };
    let at = BEGINS;
    let known = Some(at.plus_ms(-10 * DAY_MS));
    let response = Score { model: "response", version: "3", value_ppm: 40_000, scored_at: at };
    Facts {
        now: at.plus_ms(100),
        event_time: at,
        requested_at: at,
        // Not in the holdout.
        customer: "cu-0004",
        partner: "partner-00",
        application: "a00-0000000000000001",
        drawdown: "l00-0000000000000001",
        amount_minor: Some(500_000),
        kind: CandidateKind::NewRt,
        limit,
        consent: Some(ConsentFact { consent: "k1", text_version: "1", given_at: at, withdrawn_at: None }),
        flags: 0,
        staff: false,
        test_order: false,
        employers: &["e-9", "e-8"],
        region: Some("region-31"),
        standing: Standing::default(),
        verdict: Some(RiskVerdict { model: "scorecard", version: "7", band: "B", decided_at: at, valid_days: 30 }),
        offered_at: &[],
        live: false,
        pending: false,
        lenders: Some(2),
        debt_burden_ppm: Some(220_000),
        own_product: None,
        risk_bearing: None,
        enhancer: None,
        holdings: Holdings {
            doors: only_door(limit),
            exposure: Exposure { total_minor: 2_000_000, here_minor: 2_000_000, ..Exposure::default() },
            history: History::default(),
        },
        source: &SOURCE,
        person: Person {
            response: Some(response),
            tags: Some(&TAGS),
            zone: Some("Asia/Shanghai"),
            reachable: Some(true),
            purposes: u32::MAX,
            known_at: KnownAt { region: known, employer: known, lenders: known, debt_burden: known, income: None },
            ..Person::default()
        },
    }
}

fn returning() -> Facts<'static> {
    let mut facts = Facts { kind: CandidateKind::ReturningRt, ..newcomer() };
    facts.holdings.history = History {
        disbursed_here: 1,
        last_disbursed_at: Some(BEGINS.plus_ms(-20 * DAY_MS)),
        last_active_at: Some(BEGINS.plus_ms(-DAY_MS)),
        limit_open: true,
        ..History::default()
    };
    facts
}

/// Stops where the policy does not say what the case is there for.
pub fn verify(policy: &Policy, case: &Case) -> Judgement {
    let judgement = policy.judge(&case.facts);
    let said = match judgement.proposal() {
        Some(terms) => terms.offer.offer.to_string(),
        None => judgement.reasons.join(" "),
    };
    assert_eq!(said, case.answer, "{}", case.what);
    let (checks, yes) = (judgement.checks.len(), judgement.proposes);
    assert!(!yes || checks >= RULES, "{}: {checks} rules", case.what);
    judgement
}

/// CPU nanoseconds of one question and its allocations, each about another partner's drawdown.
pub fn cost(policy: &Policy, case: &Case, partners: &[String]) -> (f64, f64) {
    let mut facts: Facts<'_> = case.facts.clone();
    let mut asked = 0;
    let mut best = f64::INFINITY;
    let mut calls = 0;
    for round in 0..=ROUNDS {
        let before = allocations();
        count_from_now(round == ROUNDS);
        let began = thread_nanos();
        for _ in 0..QUESTIONS {
            asked += 1;
            facts.partner = &partners[(mix(asked) % partners.len() as u64) as usize];
            black_box(policy.judge(black_box(&facts)));
        }
        let nanos = (thread_nanos() - began) as f64 / QUESTIONS as f64;
        count_from_now(false);
        calls = allocations() - before;
        // The first round makes caches warm.
        best = if round == 0 { best } else { best.min(nanos) };
    }
    (best, calls as f64 / QUESTIONS as f64)
}

/// The partners of a document, named as the load names them.
pub fn partners(count: u64) -> Vec<String> {
    (0..count).map(|partner| format!("partner-{partner:02}")).collect()
}
