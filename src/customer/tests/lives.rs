//! Any sequence of asks, ends, replies and lost rights, under a policy that says yes to all but the control group, with
//! batches that abort.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::fixture::*;
use crate::customer::record::{Customer, Offering};
use crate::customer::{Shard, contribution};
use crate::domain::counter::Tally;
use crate::domain::decision::DecisionKind;
use crate::domain::events::*;
use crate::domain::fact::Verdict;
use crate::domain::time::{HOUR_MS, MINUTE_MS};
use crate::domain::words::Word;
use crate::domain::{Counter, EventTime, Output, Text};

#[derive(Clone, Debug)]
enum Op {
    Asks(&'static str, i64),
    Ends(&'static str, ApplicationKind, Option<CancelReason>, i64),
    /// Of any candidate proposed so far.
    Replied(Index, Verdict),
    Accepted(Index),
    OptsOut(bool),
    Revoked,
    /// Ends the batch, which is accepted when the next one ends; `false`: it aborts, and so does the one before.
    Seals(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let drawdown = || select(&["d1", "d2", "d3"][..]);
    let end = select(&ApplicationKind::ALL[8..13]);
    let reason = prop::option::of(select(CancelReason::ALL));
    prop_oneof![
        4 => (drawdown(), 0..5i64).prop_map(|(id, at)| Op::Asks(id, at)),
        2 => (drawdown(), end, reason, 0..5i64).prop_map(|(id, kind, reason, at)| Op::Ends(id, kind, reason, at)),
        5 => (any::<Index>(), select(Verdict::ALL)).prop_map(|(of, verdict)| Op::Replied(of, verdict)),
        1 => any::<Index>().prop_map(Op::Accepted),
        1 => any::<bool>().prop_map(Op::OptsOut),
        1 => Just(Op::Revoked),
        4 => any::<bool>().prop_map(Op::Seals),
    ]
}

fn at(step: i64) -> EventTime {
    EventTime(NOW.0 - HOUR_MS + step * MINUTE_MS)
}

/// Everything a shard holds, as it would be seen by the next batch.
type State = (Vec<(u32, Text, Customer)>, Vec<(Text, EventTime)>, Vec<(i32, i64, EventTime)>);

fn state(shard: &Shard) -> State {
    (
        shard.customers().collect(),
        shard.clocks.newest.iter().map(|(token, at)| (token.clone(), *at)).collect(),
        shard.bundles.lines.iter().map(|(partition, line)| (*partition, line.sequence, line.sent_at)).collect(),
    )
}

type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn changes(shard: &mut Shard) -> Changes {
    let mut changes = Vec::new();
    shard.changes(&mut |key, value| changes.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    changes
}

/// What the committed bundles said.
#[derive(Default)]
struct Heard {
    sums: BTreeMap<(Text, Counter, i64), Tally>,
    settled: Vec<Text>,
    proposed: Vec<Text>,
}

impl Heard {
    fn take(&mut self, out: &[Output]) {
        for output in out {
            let Output::Bundle { bundle, .. } = output else { continue };
            for delta in bundle.deltas.iter() {
                self.sums.entry((delta.partner.clone(), delta.counter, delta.at)).or_default().add(delta.change);
            }
            self.settled.extend(bundle.settlements.iter().map(|settlement| settlement.candidate.clone()));
            self.proposed.extend(bundle.proposals.iter().map(|proposal| proposal.candidate.candidate.clone()));
        }
    }
}

fn offering(desk: &Desk) -> Option<Box<Offering>> {
    desk.shard.customer("c1").and_then(|customer| customer.offering)
}

fn play(desk: &mut Desk, op: &Op, candidates: &[Text]) {
    let named = |of: &Index| if candidates.is_empty() { Text::from("none") } else { of.get(candidates).clone() };
    match op {
        Op::Asks(id, step) => {
            let kind = ApplicationKind::DrawdownRequested;
            desk.application(ApplicationEvent { drawdown: Some(id), ..drawdown(kind, at(*step)) });
        }
        Op::Ends(id, kind, cancel_reason, step) => {
            let (drawdown_id, cancel_reason) = (Some(*id), *cancel_reason);
            let event = drawdown(*kind, at(*step));
            desk.application(ApplicationEvent { drawdown: drawdown_id, cancel_reason, ..event });
        }
        Op::Replied(of, verdict) => {
            desk.reply(*verdict, &named(of));
        }
        Op::Accepted(of) => {
            desk.event(Event::Outcome(outcome(OutcomeKind::Accepted, &named(of), at(4))));
        }
        Op::OptsOut(value) => {
            let flags = vec![FlagValue { flag: Flag::OptOut, value: *value }];
            desk.event(Event::Customer(CustomerEvent { flags, ..customer(at(5)) }));
        }
        Op::Revoked => {
            desk.event(Event::Command(revoke(None, at(5))));
        }
        Op::Seals(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_candidate_lives_once(ops in prop::collection::vec(op(), 1..60)) {
        let mut desk = Desk::new(Fixed::yes().holding_out("d2"));
        let mut copy = Shard::new(settings());
        let (mut heard, mut before) = (Heard::default(), state(&desk.shard));
        let mut flight: Option<(Vec<Output>, Changes, State)> = None;
        for op in ops.iter().chain([&Op::Seals(true), &Op::Seals(true)]) {
            let (standing, said) = (offering(&desk).is_some_and(|o| o.pending.is_some() || o.live.is_some()), desk.out.len());
            play(&mut desk, op, &heard.proposed);
            let proposed = desk.out.iter().skip(said).any(
                |output| matches!(output, Output::Decision(decision) if decision.kind == DecisionKind::Proposed),
            );
            prop_assert!(!(standing && proposed), "proposed beside a candidate");
            let Op::Seals(keep) = op else { continue };
            let mut out = Vec::new();
            desk.shard.seal(desk.now, 0, "v7", &mut out);
            if *keep {
                let changes = changes(&mut desk.shard);
                // The batch before is accepted only now, with this one stepped.
                if let Some((out, changes, then)) = flight.take() {
                    desk.shard.commit();
                    heard.take(&out);
                    changes.iter().for_each(|(key, value)| copy.load(key, value.as_deref()).unwrap());
                    prop_assert_eq!(&state(&copy), &then);
                    before = then;
                }
                desk.shard.hand_over();
                flight = Some((out, changes, state(&desk.shard)));
            } else {
                desk.shard.undo();
                flight = None;
                prop_assert_eq!(&state(&desk.shard), &before);
            }
            prop_assert!(offering(&desk).is_none_or(|offering| offering.pending.is_none() || offering.live.is_none()));
        }
        let proposed: BTreeSet<_> = heard.proposed.iter().collect();
        prop_assert_eq!(proposed.len(), heard.proposed.len(), "one proposal a drawdown");
        let settled: BTreeSet<_> = heard.settled.iter().collect();
        prop_assert_eq!(settled.len(), heard.settled.len(), "one settlement a candidate");
        prop_assert!(settled.is_subset(&proposed));
        let mut sums = heard.sums;
        for (_, _, customer) in desk.shard.customers() {
            contribution::whole(&customer, settings().end_to_end_days, |partner, cell| {
                let Tally { count, amount_minor } = cell.tally;
                let sum = sums.entry((partner.into(), cell.counter, cell.at)).or_default();
                sum.add(Tally { count: -count, amount_minor: -amount_minor });
            });
        }
        prop_assert!(sums.values().all(|rest| rest.is_zero()), "{sums:?}");
    }
}
