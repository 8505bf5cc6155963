//! The promise about admissions, against a model that keeps everything and adds it up each time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reflow::domain::candidate::Coupon;
use reflow::domain::fact::{SettlementKind, Verdict};
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::{Counter, EventTime, FactBundle, Settlement, Text};
use reflow::partner::Input;

use crate::market::{Stage, delta, proposal, scored};
use crate::model::Model;
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
    /// Partner, age of the request in minutes, milliseconds left to decide, what it costs.
    proposals: Vec<(u8, i64, i64, u8)>,
    /// How many candidates back each settlement reaches, and how it ends.
    settlements: Vec<(usize, SettlementKind)>,
}

impl Content {
    pub fn bundle(&self, stage: &mut Stage, ids: &mut usize) -> FactBundle {
        let now = stage.now;
        let mut bundle = stage.bundle(self.shard);
        let ago = |minutes: i64| now.plus_ms(-minutes * MINUTE_MS);
        bundle.deltas = self.deltas.iter().map(|(p, c, age, n)| delta(&format!("p{p}"), *c, ago(*age), *n)).collect();
        let scored =
            self.deltas.iter().map(|(p, _, age, n)| scored(&format!("p{p}"), ago(*age).utc_day(), *n as i32 % 10, *n));
        bundle.scored = scored.collect();
        let settlements = self.settlements.iter();
        bundle.settlements =
            settlements.map(|(back, kind)| settlement(ids.saturating_sub(*back), *kind, now)).collect();
        for (partner, age, left, cost) in &self.proposals {
            *ids += 1;
            let mut made = proposal(&format!("p{partner}"), &format!("c{ids}"), ago(*age), now.plus_ms(*left));
            // Every fifth coupon does not say what it is worth; every third offer has no limit of its own.
            let worth = |n: u8| (!n.is_multiple_of(5)).then(|| i64::from(n) * 20);
            let coupon =
                |n| Coupon { code: Text::from("c"), kind: Text::from("k"), amount_minor: worth(n), days: None };
            made.candidate.offer.coupons = (0..*cost % 3).map(|n| coupon(cost / 3 + n)).collect();
            made.candidate.offer.limit_minor = (cost % 3 != 0).then(|| i64::from(*cost) * 700);
            made.candidate.offer.all_in_cost_ppm = (cost % 8 != 0).then(|| 120_000 + i64::from(cost % 8) * 20_000);
            bundle.proposals.push(made);
        }
        bundle
    }
}

fn settlement(id: usize, kind: SettlementKind, at: EventTime) -> Settlement {
    Settlement {
        candidate: Text::from(format!("c{id}")),
        customer: Text::from("somebody"),
        partner: Text::from("p0"),
        kind,
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
        1 => Just(Counter::HeldOutDisbursed),
        1 => Just(Counter::HeldOutDeclined),
        1 => Just(Counter::HeldOutTimedOut),
        3 => Just(Counter::Approved),
        1 => Just(Counter::Declined),
        1 => Just(Counter::InstalmentsDue),
        1 => Just(Counter::StockLoans),
    ];
    let age = || prop_oneof![0i64..60, 0i64..1_500, 0i64..40 * 1_440];
    let deltas = prop::collection::vec((0u8..5, counter, age(), 0i64..60), 0..5);
    let proposals = prop::collection::vec((0u8..6, age(), -5i64..2_000, any::<u8>()), 0..6);
    let kind = prop_oneof![Just(SettlementKind::Diverted), Just(SettlementKind::Kept), Just(SettlementKind::Revoked)];
    let settlements = prop::collection::vec((0usize..8, kind), 0..3);
    let content = (0i32..2, deltas, proposals, settlements);
    let passing = prop_oneof![4 => 1i64..9_000, 2 => 10_000i64..400_000, 1 => HOUR_MS..2 * DAY_MS];
    prop_oneof![
        6 => content.prop_map(|(shard, deltas, proposals, settlements)| Op::Bundle(Content { shard, deltas, proposals, settlements })),
        1 => Just(Op::Tick),
        2 => passing.prop_map(Op::Pass),
    ]
}

/// A stage and the model beside it.
struct Both {
    stage: Stage,
    model: Model,
    ids: usize,
}

impl Both {
    fn new() -> Self {
        let mut both = Self { stage: Stage::silent(), model: Model::default(), ids: 0 };
        both.heartbeats();
        both
    }

    fn heartbeats(&mut self) {
        for shard in 0..2 {
            let bundle = self.stage.bundle(shard);
            self.take(&bundle);
        }
    }

    /// One transaction that is accepted.
    fn take(&mut self, bundle: &FactBundle) {
        let (_, out) = self.stage.take(bundle);
        self.model.take(&self.stage.book, bundle, self.stage.now, &out);
    }

    fn tick(&mut self) {
        self.stage.tick();
        self.model.tick(&self.stage.book, self.stage.now);
    }

    fn pass(&mut self, ms: i64, heard: bool) {
        self.stage.pass(ms);
        if heard {
            self.heartbeats();
        }
    }

    fn bundle(&mut self, content: &Content) -> FactBundle {
        content.bundle(&mut self.stage, &mut self.ids)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every answer, admitted or not, is what the model says from all that ever happened; an undone attempt changes nothing.
    #[test]
    fn each_answer_is_the_models(ops in prop::collection::vec(op(), 1..60)) {
        let mut both = Both::new();
        for (n, op) in ops.iter().enumerate() {
            match op {
                // Mostly everybody is heard.
                Op::Pass(ms) => both.pass(*ms, n % 4 != 0),
                Op::Tick => both.tick(),
                Op::Bundle(content) => {
                    let bundle = both.bundle(content);
                    if n % 3 == 0 {
                        both.stage.attempt(Input::Bundle(&bundle));
                        both.stage.shard.undo();
                    }
                    both.take(&bundle);
                }
            }
        }
    }
}

/// What happens to the process between two bundles, and to the order in which they come.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The one in flight and the open one are lost, and read again.
    TwoLost,
    /// As before; another process takes over from the changelog and reads the two in the other order.
    TwoLostAndReordered,
    /// The first is accepted, the second lost with the process.
    OneLost,
    /// Both are accepted, then the process is lost.
    Restored,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::TwoLost),
        Just(Trouble::TwoLostAndReordered),
        Just(Trouble::OneLost),
        Just(Trouble::Restored)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is lost, replayed, restored or comes in another order: what was accepted is what the model says, so every
    /// horizon held at each admission and nothing was overspent.
    #[test]
    fn crashes_replays_restores_and_reorders_overspend_nothing(
        turns in prop::collection::vec((op(), op(), trouble(), 1i64..400_000), 1..25)
    ) {
        let mut both = Both::new();
        for (n, (first, second, trouble, ms)) in turns.iter().enumerate() {
            both.pass(*ms, n % 4 != 3);
            let (Op::Bundle(first), Op::Bundle(second)) = (first, second) else {
                both.tick();
                continue;
            };
            // Two customer shards, so that either order is one in which the broker may deliver them.
            let pair = [(first, 0), (second, 1)].map(|(content, shard)| both.bundle(&Content { shard, ..content.clone() }));
            both.stage.attempt(Input::Bundle(&pair[0]));
            if matches!(trouble, Trouble::TwoLost | Trouble::TwoLostAndReordered) {
                both.stage.shard.hand_over();
                both.stage.attempt(Input::Bundle(&pair[1]));
            }
            both.stage.shard.undo();
            match trouble {
                Trouble::TwoLost => pair.iter().for_each(|bundle| both.take(bundle)),
                Trouble::TwoLostAndReordered => {
                    both.stage.shard = both.stage.restored();
                    pair.iter().rev().for_each(|bundle| both.take(bundle));
                }
                Trouble::OneLost => {
                    both.take(&pair[0]);
                    both.stage.attempt(Input::Bundle(&pair[1]));
                    both.stage.shard = both.stage.restored();
                    both.take(&pair[1]);
                }
                Trouble::Restored => {
                    pair.iter().for_each(|bundle| both.take(bundle));
                    both.stage.shard = both.stage.restored();
                }
            }
        }
    }
}

/// The generator reaches both sides: otherwise the properties would say little.
#[test]
fn the_random_market_admits_and_refuses() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut yes, mut held, mut codes) = (0, 0, BTreeMap::<Text, usize>::new());
    for _ in 0..60 {
        let ops = prop::collection::vec(op(), 40..60).new_tree(&mut runner).unwrap().current();
        let (mut stage, mut ids) = (Stage::new(), 0);
        for (n, op) in ops.into_iter().enumerate() {
            match op {
                Op::Pass(ms) => {
                    stage.pass(ms);
                    if n % 4 != 0 {
                        stage.heartbeats();
                    }
                }
                Op::Tick => drop(stage.tick()),
                Op::Bundle(content) => {
                    let bundle = content.bundle(&mut stage, &mut ids);
                    let (_, out) = stage.take(&bundle);
                    let stale = out.iter().any(|o| format!("{o:?}").contains("state: Stale"));
                    for (_, reply) in replies(&out) {
                        let admitted = reply.verdict == Verdict::Admitted;
                        yes += usize::from(admitted);
                        held += usize::from(admitted && stale);
                        let noes = reply.reasons.iter().filter(|_| reply.verdict != Verdict::Released);
                        noes.for_each(|code| *codes.entry(code.clone()).or_default() += 1);
                    }
                }
            }
        }
    }
    let seen = |code: &str| codes.get(code).copied().unwrap_or(0);
    println!("{yes} admitted, {held} of them on stale data; {codes:?}");
    assert!(yes > 100 && held > 5, "{yes} {held} {codes:?}");
    for code in [
        "HOLD_REFLOW_EFFECT",
        "HOLD_DIVERTED_SHARE",
        "HOLD_DRAWDOWN_PASS_FLOOR",
        "HOLD_MIN_N",
        "HOLD_LIMIT_APPROVAL",
        "HOLD_QUOTA_DAY",
        "HOLD_QUOTA_HOUR",
        "HOLD_PACE",
        "HOLD_BUDGET_OFFERS",
        "HOLD_BUDGET_COUPON",
        "HOLD_BUDGET_EXPOSURE",
        "HOLD_AVG_COST",
        "GATE_DEADLINE",
        "DATA_STALE",
    ] {
        assert!(seen(code) > 5, "{code}: {codes:?}");
    }
}
