//! The promise about admissions, against an oracle that keeps everything and adds it up each time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reflow::domain::fact::{SettlementKind, Verdict};
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::{Counter, Delta, EventTime, FactBundle, Output, Proposal, Settlement, Text};
use reflow::partner::Input;
use reflow::policy::{Contract, GuardTerms};

use crate::market::{Book, Stage, book, delta, proposal};
use crate::scenes::replies;

#[derive(Clone, Debug)]
pub enum Op {
    Bundle(Content),
    Tick,
    /// Milliseconds that pass.
    Pass(i64),
}

/// What a random bundle holds.
#[derive(Clone, Debug)]
pub struct Content {
    shard: i32,
    /// Partner, counter, age in minutes, count.
    deltas: Vec<(u8, Counter, i64, i64)>,
    /// Partner, age of the request in minutes, milliseconds left to decide.
    proposals: Vec<(u8, i64, i64)>,
    /// How many candidates back each settlement reaches.
    settlements: Vec<usize>,
}

impl Content {
    pub fn bundle(&self, stage: &mut Stage, ids: &mut usize) -> FactBundle {
        let now = stage.now;
        let mut bundle = stage.bundle(self.shard);
        let ago = |minutes: i64| now.plus_ms(-minutes * MINUTE_MS);
        bundle.deltas = self.deltas.iter().map(|(p, c, age, n)| delta(&format!("p{p}"), *c, ago(*age), *n)).collect();
        bundle.settlements = self.settlements.iter().map(|back| settlement(ids.saturating_sub(*back), now)).collect();
        for (partner, age, left) in &self.proposals {
            *ids += 1;
            bundle.proposals.push(proposal(&format!("p{partner}"), &format!("c{ids}"), ago(*age), now.plus_ms(*left)));
        }
        bundle
    }
}

fn settlement(id: usize, at: EventTime) -> Settlement {
    Settlement {
        candidate: Text::from(format!("c{id}")),
        customer: Text::from("somebody"),
        partner: Text::from("p0"),
        kind: SettlementKind::Revoked,
        reason: Text::from("END_COMMAND"),
        at,
    }
}

pub fn op() -> impl Strategy<Value = Op> {
    let counter = prop_oneof![
        8 => Just(Counter::DrawdownDisbursed),
        2 => Just(Counter::DrawdownDeclined),
        1 => Just(Counter::DrawdownDiverted),
        1 => Just(Counter::DrawdownCancelled),
        1 => Just(Counter::DrawdownTimedOut),
        1 => Just(Counter::Approved),
        1 => Just(Counter::InstalmentsDue),
        1 => Just(Counter::StockLoans),
    ];
    let age = || prop_oneof![0i64..60, 0i64..1_500, 0i64..40 * 1_440];
    let deltas = prop::collection::vec((0u8..2, counter, age(), 0i64..60), 0..4);
    let proposals = prop::collection::vec((0u8..2, age(), -5i64..2_000), 0..4);
    let settlements = prop::collection::vec(0usize..8, 0..3);
    let content = (0i32..2, deltas, proposals, settlements);
    let passing = prop_oneof![4 => 1i64..9_000, 2 => 10_000i64..400_000, 1 => HOUR_MS..2 * DAY_MS];
    prop_oneof![
        6 => content.prop_map(|(shard, deltas, proposals, settlements)| Op::Bundle(Content { shard, deltas, proposals, settlements })),
        1 => Just(Op::Tick),
        2 => passing.prop_map(Op::Pass),
    ]
}

#[derive(Clone)]
struct Live {
    partner: Text,
    requested_at: EventTime,
    expires_at: EventTime,
}

/// Everything that ever happened.
#[derive(Default)]
struct Oracle {
    deltas: Vec<Delta>,
    live: BTreeMap<Text, Live>,
    admitted: Vec<(Text, i64)>,
    heard: [Option<EventTime>; 2],
}

/// The moment at which a window begins, with the pane that moment lies in as a whole.
fn window_start(now: EventTime, length_ms: i64) -> i64 {
    let first = now.floor(MINUTE_MS).plus_ms(MINUTE_MS - length_ms);
    match () {
        _ if first >= now.floor(MINUTE_MS).plus_ms(-2 * HOUR_MS) => first.0,
        _ if first >= now.floor(HOUR_MS).plus_ms(-35 * DAY_MS) => first.floor(HOUR_MS).0,
        _ => first.floor(DAY_MS).0,
    }
}

impl Oracle {
    fn count(&self, partner: &str, counter: Counter, now: EventTime, length_ms: i64) -> i128 {
        let window = window_start(now, length_ms)..=now.floor(MINUTE_MS).0;
        let inside =
            self.deltas.iter().filter(|d| d.partner == partner && d.counter == counter && window.contains(&d.at));
        i128::from(inside.map(|d| d.change.count).sum::<i64>())
    }

    /// Why the guard of this partner would refuse one more.
    fn guard(&self, terms: &GuardTerms, partner: &str, now: EventTime) -> Vec<&'static str> {
        let (mut effect, mut floor, mut few) = (false, false, false);
        let five = |ms| {
            [
                Counter::DrawdownDisbursed,
                Counter::DrawdownDeclined,
                Counter::DrawdownDiverted,
                Counter::DrawdownCancelled,
                Counter::DrawdownTimedOut,
            ]
            .map(|counter| self.count(partner, counter, now, ms))
        };
        let up = |a: i128, b: i128| (a + b - 1) / b;
        let [c, d, _, k, t] = five(28 * DAY_MS);
        let q = if c + d + k + t == 0 { 1_000_000 } else { up(c * 1_000_000, c + d + k + t) };
        for horizon in &terms.horizons {
            let [c, d, x, k, t] = five(horizon.length_ms);
            let start = window_start(now, horizon.length_ms);
            let r = self.live.values().filter(|l| l.partner == partner && l.requested_at.0 >= start).count() as i128;
            let concluded = c + d + x + k + t;
            let n = concluded + r + 1;
            if concluded < i128::from(terms.min_n) {
                few |= x + r + 1 > i128::from(terms.below_min_n_max);
            } else {
                effect |= up(q * (x + r + 1), n) > i128::from(horizon.effect_max_ppm);
                floor |= terms.drawdown_pass_floor_ppm.is_some_and(|floor| c * 1_000_000 / n < i128::from(floor));
            }
        }
        effect |= self.live.values().filter(|l| l.partner == partner).count() as i64 + 1 > terms.reserved_max;
        let codes = [(effect, "HOLD_REFLOW_EFFECT"), (floor, "HOLD_DRAWDOWN_PASS_FLOOR"), (few, "HOLD_MIN_N")];
        codes.into_iter().filter(|(failed, _)| *failed).map(|(_, code)| code).collect()
    }

    fn day(now: EventTime) -> i64 {
        now.plus_ms(8 * HOUR_MS).0.div_euclid(DAY_MS)
    }

    fn judge(&self, contract: &Contract, proposal: &Proposal, now: EventTime) -> Vec<&'static str> {
        let mut codes = Vec::new();
        if now > proposal.candidate.decide_by {
            codes.push("GATE_DEADLINE");
        }
        if self.heard.iter().any(|heard| heard.is_none_or(|at| now.ms_since(at) > 30_000)) {
            codes.push("DATA_STALE");
        }
        codes.extend(self.guard(&contract.guard, &proposal.partner, now));
        let used = self.admitted.iter().filter(|(p, day)| *p == proposal.partner && *day == Self::day(now)).count();
        if used as i64 >= contract.quota_per_day {
            codes.push("HOLD_QUOTA_DAY");
        }
        codes
    }

    /// Takes a bundle, and compares each answer.
    fn take(&mut self, book: &Book, bundle: &FactBundle, now: EventTime, out: &[Output]) {
        let header = &bundle.header;
        self.heard[header.source_shard as usize] = Some(header.now);
        self.deltas.extend(bundle.deltas.iter().cloned());
        // What ends a candidate of this very bundle is taken after the proposals.
        let own = |s: &&Settlement| bundle.proposals.iter().any(|p| p.candidate.candidate == s.candidate);
        for settlement in bundle.settlements.iter().filter(|settlement| !own(settlement)) {
            self.live.remove(&settlement.candidate);
        }
        let answers: Vec<_> = replies(out).into_iter().filter(|(_, r)| r.verdict != Verdict::Released).collect();
        assert_eq!(answers.len(), bundle.proposals.len(), "exactly one reply per proposal");
        for (proposal, (shard, reply)) in bundle.proposals.iter().zip(answers) {
            assert_eq!((&reply.candidate, shard), (&proposal.candidate.candidate, header.source_shard));
            let contract = book.0.iter().find(|c| c.partner == proposal.partner).unwrap();
            let expected = self.judge(contract, proposal, now);
            assert_eq!(reply.reasons, expected, "{} of {}", proposal.candidate.candidate, proposal.partner);
            assert_eq!(reply.verdict == Verdict::Admitted, expected.is_empty());
            if let Some(expires_at) = reply.expires_at {
                self.admit(contract, proposal, now, expires_at);
            }
        }
        for settlement in bundle.settlements.iter().filter(own) {
            self.live.remove(&settlement.candidate);
        }
    }

    fn admit(&mut self, contract: &Contract, proposal: &Proposal, now: EventTime, expires_at: EventTime) {
        let partner = proposal.partner.clone();
        self.admitted.push((partner.clone(), Self::day(now)));
        let live = Live { partner: partner.clone(), requested_at: proposal.requested_at, expires_at };
        self.live.insert(proposal.candidate.candidate.clone(), live);
        let reserved = self.live.values().filter(|l| l.partner == partner).count() as i64;
        assert!(reserved <= contract.guard.reserved_max);
        let today = self.admitted.iter().filter(|(p, day)| *p == partner && *day == Self::day(now)).count() as i64;
        assert!(today <= contract.quota_per_day);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every answer, admitted or not, is what the oracle says from all that ever happened; an undone attempt changes nothing.
    #[test]
    fn each_answer_is_the_oracles(ops in prop::collection::vec(op(), 1..60)) {
        let mut stage = Stage::new();
        let mut oracle = Oracle { heard: [Some(stage.now); 2], ..Oracle::default() };
        let (book, mut ids) = (book(), 0);
        for (n, op) in ops.iter().enumerate() {
            match op {
                Op::Pass(ms) => {
                    stage.pass(*ms);
                    // Mostly everybody is heard.
                    if n % 4 != 0 {
                        stage.heartbeats();
                        oracle.heard = [Some(stage.now); 2];
                    }
                }
                Op::Tick => {
                    stage.tick();
                    let now = stage.now;
                    oracle.live.retain(|_, live| live.expires_at > now);
                }
                Op::Bundle(content) => {
                    let bundle = content.bundle(&mut stage, &mut ids);
                    if n % 3 == 0 {
                        stage.attempt(Input::Bundle(&bundle));
                        stage.shard.undo();
                    }
                    let (_, out) = stage.take(&bundle);
                    oracle.take(&book, &bundle, stage.now, &out);
                }
            }
        }
    }
}

/// The generator reaches both sides: otherwise the property would say little.
#[test]
fn the_random_market_admits_and_refuses() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut yes, mut codes) = (0, BTreeMap::<Text, usize>::new());
    for _ in 0..60 {
        let ops = prop::collection::vec(op(), 40..60).new_tree(&mut runner).unwrap().current();
        let (mut stage, mut ids) = (Stage::new(), 0);
        for op in ops {
            match op {
                Op::Pass(ms) => {
                    stage.pass(ms);
                    stage.heartbeats();
                }
                Op::Tick => drop(stage.tick()),
                Op::Bundle(content) => {
                    let bundle = content.bundle(&mut stage, &mut ids);
                    let (_, out) = stage.take(&bundle);
                    for (_, reply) in replies(&out) {
                        yes += usize::from(reply.verdict == Verdict::Admitted);
                        let noes = reply.reasons.iter().filter(|_| reply.verdict != Verdict::Released);
                        noes.for_each(|code| *codes.entry(code.clone()).or_default() += 1);
                    }
                }
            }
        }
    }
    let seen = |code: &str| codes.get(code).copied().unwrap_or(0);
    assert!(yes > 100, "{yes} {codes:?}");
    for code in ["HOLD_REFLOW_EFFECT", "HOLD_DRAWDOWN_PASS_FLOOR", "HOLD_MIN_N", "HOLD_QUOTA_DAY", "GATE_DEADLINE"] {
        assert!(seen(code) > 5, "{code}: {codes:?}");
    }
}
