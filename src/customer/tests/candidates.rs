//! A candidate's life as the customer stage sees it: trigger, proposal, reply, end, release.

use super::fixture::*;
use crate::domain::candidate::CandidateKind;
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::events::*;
use crate::domain::fact::{SettlementKind, Verdict};
use crate::domain::fate::IgnoreReason;
use crate::domain::time::{DAY_MS, MINUTE_MS};
use crate::domain::{Counter, Decision, EventTime, Family, Fate, Output, Proposal, Settlement, Text, content_id};
use ApplicationKind as Kind;

fn requested() -> ApplicationEvent<'static> {
    drawdown(Kind::DrawdownRequested, NOW)
}

/// A desk with one proposal, and the proposal.
fn proposed() -> (Desk, Proposal) {
    let mut desk = Desk::new(Fixed::yes());
    assert_eq!(desk.application(requested()), Fate::Applied);
    let proposal = desk.seal().proposals[0].clone();
    (desk, proposal)
}

/// A desk with one live candidate, and its id.
fn live() -> (Desk, Text) {
    let (mut desk, proposal) = proposed();
    let id = proposal.candidate.candidate;
    assert_eq!(desk.reply(Verdict::Admitted, &id), Fate::Applied);
    desk.now = NOW.plus_ms(MINUTE_MS);
    desk.seal();
    (desk, id)
}

fn settlements(desk: &mut Desk) -> Vec<(SettlementKind, String)> {
    desk.now = desk.now.plus_ms(MINUTE_MS);
    let settled = |s: Settlement| {
        assert_eq!((s.partner.as_str(), s.customer.as_str()), ("p1", "c1"));
        (s.kind, s.reason.to_string())
    };
    desk.seal().settlements.into_iter().map(settled).collect()
}

fn decisions(desk: &Desk, kind: DecisionKind) -> Vec<&Decision> {
    desk.out
        .iter()
        .filter_map(|output| match output {
            Output::Decision(decision) if decision.kind == kind => Some(&**decision),
            _ => None,
        })
        .collect()
}

fn noes(desk: &Desk) -> Vec<&Decision> {
    decisions(desk, DecisionKind::No)
}

#[test]
fn a_request_becomes_a_proposal_that_names_no_partner() {
    let (desk, proposal) = proposed();
    let id = content_id(&[b"rt", b"p1", b"d1", b"c1", b"drawdown_requested"]);
    let candidate = &proposal.candidate;
    assert_eq!((&candidate.candidate, candidate.kind, candidate.version), (&id, CandidateKind::NewRt, 1));
    assert_eq!((proposal.requested_at, proposal.triggered_at, proposal.amount_minor), (NOW, NOW, 1_000));
    assert_eq!(candidate.expires_at, NOW.plus_ms(3_600_000));
    assert_eq!((candidate.grounds.policy_version.as_str(), candidate.grounds.source.offset), ("v7", 41));
    assert_eq!(candidate.origin_ref, content_id(&[b"origin", b"p1", b"c1"])[..16]);
    let mut text = Vec::new();
    crate::domain::codec::encode(candidate, &mut text);
    assert!(!text.windows(2).any(|two| two == b"p1"));
    assert_eq!(noes(&desk), Vec::<&Decision>::new());
}

#[test]
fn what_was_proposed_is_recorded_with_the_checks_that_it_passed() {
    let (desk, proposal) = proposed();
    let found = decisions(&desk, DecisionKind::Proposed);
    let [record] = found.as_slice() else { panic!("one record") };
    assert_eq!((&record.candidate, record.stage), (&proposal.candidate.candidate, StageName::Customer));
    assert!(record.reasons.is_empty() && record.checks.iter().eq([passed()]), "{record:?}");
    assert_eq!(record.decision, format!("{}.customer.proposed.1", record.candidate));
    let grounds = &proposal.candidate.grounds;
    assert_eq!((&record.policy_version, &record.policy_hash), (&grounds.policy_version, &grounds.policy_hash));
    assert_eq!((&record.source, record.event_time), (&grounds.source, proposal.triggered_at));
}

#[test]
fn a_no_is_a_decision_with_its_reasons() {
    let mut desk = Desk::new(Fixed::no("GATE_NO_CONSENT"));
    desk.application(requested());
    let id = content_id(&[b"rt", b"p1", b"d1", b"c1", b"drawdown_requested"]);
    let decisions = noes(&desk);
    let [no] = decisions.as_slice() else { panic!("one decision") };
    assert_eq!(
        (no.kind, no.stage, no.reasons.as_slice()),
        (DecisionKind::No, StageName::Customer, &["GATE_NO_CONSENT".into()][..])
    );
    assert_eq!((&no.candidate, no.drawdown.as_deref()), (&id, Some("d1")));
    assert_eq!(no.decision, format!("{id}.customer.no.1"));
    assert!(desk.seal().proposals.is_empty());
}

#[test]
fn what_triggers_no_decision() {
    let asked = |rules: Fixed, events: &[ApplicationEvent<'static>]| {
        let mut desk = Desk::new(rules);
        events.iter().for_each(|event| {
            desk.application(event.clone());
        });
        desk.rules.seen().len()
    };
    let old = drawdown(Kind::DrawdownRequested, EventTime(NOW.0 - DAY_MS - 1));
    let declined = drawdown(Kind::DrawdownDeclined, NOW);
    let passed = drawdown(Kind::DrawdownRiskPassed, NOW);
    let on_passed = || Fixed::yes().with_contract(|contract| contract.triggers_on_risk_passed = true);
    assert_eq!(asked(Fixed(None), &[requested()]), 0);
    assert_eq!(asked(Fixed::yes(), &[requested()]), 1);
    assert_eq!(asked(Fixed::yes(), &[requested(), requested()]), 1, "a duplicate");
    assert_eq!(asked(Fixed::yes(), &[old]), 0, "history");
    assert_eq!(asked(Fixed::yes(), &[declined, requested()]), 0, "it has ended");
    assert_eq!(asked(Fixed::yes(), std::slice::from_ref(&passed)), 0, "the contract triggers on the request");
    assert_eq!(asked(on_passed(), &[requested()]), 0, "the contract triggers on the risk step");
    assert_eq!(asked(on_passed(), &[requested(), passed]), 1);
    let stranger = ApplicationEvent { partner: "p9", ..requested() };
    assert_eq!(asked(Fixed::yes(), &[stranger]), 1, "the policy says what an unknown partner means");
}

#[test]
fn the_policy_sees_the_customer_over_all_partners() {
    let mut desk = Desk::new(Fixed::no("EXC_SEVERE_DPD"));
    let yesterday = EventTime(NOW.0 - DAY_MS);
    desk.repayment(RepaymentEvent { partner: "p2", ..scheduled(1, crate::domain::CalendarDay(TODAY.0 - 40), 5) });
    let verdict = RiskVerdict { model: "m", version: "1", band: "B", decided_at: yesterday, valid_days: 30 };
    let approved = application(Kind::Approved, yesterday);
    desk.application(ApplicationEvent { limit_minor: Some(8_000), risk_verdict: Some(verdict), ..approved });
    let consents = vec![consent(yesterday, None)];
    desk.event(Event::Customer(CustomerEvent { consents, ..customer(yesterday) }));
    desk.application(requested());
    let seen = desk.rules.seen();
    assert_eq!((seen[0].kind, seen[0].dpd_now), (CandidateKind::ReturningRt, 40));
    assert_eq!((seen[0].consent_withdrawn, seen[0].limit_minor), (Some(false), Some(8_000)));
    assert_eq!(seen[0].band.as_deref(), Some("B"));
}

#[test]
fn an_older_giving_does_not_undo_a_withdrawal() {
    let mut desk = Desk::new(Fixed::no("GATE_NO_CONSENT"));
    let ago = |days: i64| EventTime(NOW.0 - days * DAY_MS);
    for stated in [consent(ago(9), Some(ago(3))), consent(ago(5), None)] {
        desk.event(Event::Customer(CustomerEvent { consents: vec![stated], ..customer(NOW) }));
    }
    desk.application(requested());
    desk.event(Event::Customer(CustomerEvent { consents: vec![consent(ago(2), None)], ..customer(NOW) }));
    desk.application(ApplicationEvent { drawdown: Some("d2"), ..requested() });
    let withdrawn: Vec<_> = desk.rules.seen().iter().map(|seen| seen.consent_withdrawn).collect();
    assert_eq!(withdrawn, [Some(true), Some(false)]);
}

#[test]
fn one_candidate_a_customer_even_if_the_policy_forgot() {
    let (mut desk, proposal) = proposed();
    let second = || ApplicationEvent { drawdown: Some("d2"), ..requested() };
    desk.application(second());
    assert_eq!(noes(&desk).len(), 1);
    desk.reply(Verdict::Admitted, &proposal.candidate.candidate);
    desk.application(ApplicationEvent { drawdown: Some("d3"), ..requested() });
    assert_eq!(noes(&desk).len(), 2);
    let seen: Vec<_> = desk.rules.seen().iter().map(|s| (s.pending, s.live, s.offered)).collect();
    assert_eq!(seen, [(false, false, 0), (true, false, 0), (false, true, 1)]);
}

/// Why the exposure sum needs no place for an offered limit: at no door is anything proposed beside a candidate, from its
/// proposal until it is released, whatever the policy says.
#[test]
fn nothing_is_proposed_beside_a_candidate_so_no_offered_limit_is_ever_added_to() {
    let (mut desk, proposal) = proposed();
    let id = proposal.candidate.candidate;
    let elsewhere = |desk: &mut Desk, drawdown: &'static str| {
        let before = decisions(desk, DecisionKind::Proposed).len();
        desk.application(ApplicationEvent { partner: "p2", drawdown: Some(drawdown), ..requested() });
        decisions(desk, DecisionKind::Proposed).len() - before
    };
    assert_eq!(elsewhere(&mut desk, "e1"), 0, "while it waits");
    desk.reply(Verdict::Admitted, &id);
    assert_eq!(elsewhere(&mut desk, "e2"), 0, "while it lives");
    let flags = vec![FlagValue { flag: Flag::OptOut, value: true }];
    desk.event(Event::Customer(CustomerEvent { flags, ..customer(NOW) }));
    assert_eq!(elsewhere(&mut desk, "e3"), 0, "while its end is on its way");
    desk.reply(Verdict::Released, &id);
    assert_eq!(elsewhere(&mut desk, "e4"), 1, "the policy would always have said yes");
}

#[test]
fn a_refusal_frees_the_customer_and_counts_no_offer() {
    for verdict in [Verdict::Refused, Verdict::TooLate] {
        let (mut desk, proposal) = proposed();
        assert_eq!(desk.reply(verdict, &proposal.candidate.candidate), Fate::Applied);
        desk.application(ApplicationEvent { drawdown: Some("d2"), ..requested() });
        assert_eq!(desk.seal().proposals.len(), 1);
        assert_eq!(desk.rules.seen().last().map(|seen| seen.offered), Some(0));
    }
}

#[test]
fn a_reply_that_matches_nothing_changes_nothing() {
    let (mut desk, id) = live();
    let unmatched = Fate::Ignored(IgnoreReason::Unmatched);
    assert_eq!(desk.reply(Verdict::Admitted, "other"), unmatched);
    assert_eq!(desk.reply(Verdict::Refused, &id), unmatched);
    assert_eq!(desk.reply(Verdict::Admitted, &id), Fate::Duplicate);
    assert_eq!(desk.entries(), 0);
    assert_eq!(desk.reply(Verdict::Released, &id), Fate::Applied);
    assert_eq!(desk.reply(Verdict::Released, &id), unmatched);
}

#[test]
fn the_drawdowns_end_settles_its_candidate_once() {
    let cases = [
        (Kind::DrawdownDisbursed, None, SettlementKind::Kept, "END_DRAWDOWN_DISBURSED"),
        (Kind::DrawdownDeclined, None, SettlementKind::Revoked, "END_DRAWDOWN_DECLINED"),
        (Kind::DrawdownTimedOut, None, SettlementKind::Revoked, "END_DRAWDOWN_TIMED_OUT"),
        (Kind::DrawdownRerouted, None, SettlementKind::Revoked, "END_DRAWDOWN_REROUTED"),
        (Kind::DrawdownCancelled, None, SettlementKind::Revoked, "END_DRAWDOWN_CANCELLED"),
        (Kind::DrawdownCancelled, Some(CancelReason::ChoseOwn), SettlementKind::Diverted, "END_DRAWDOWN_CANCELLED"),
    ];
    for (outcome, cancel_reason, kind, reason) in cases {
        let (mut desk, id) = live();
        let ended = |minutes| ApplicationEvent { cancel_reason, ..drawdown(outcome, NOW.plus_ms(minutes * MINUTE_MS)) };
        desk.application(ended(1));
        assert_eq!(settlements(&mut desk), [(kind, reason.to_owned())]);
        desk.application(ended(2));
        assert_eq!(settlements(&mut desk), [], "only once");
        // Closing until it is released.
        assert!(desk.shard.customer("c1").unwrap().offering.as_ref().unwrap().live.is_some());
        desk.reply(Verdict::Released, &id);
        assert!(desk.shard.customer("c1").unwrap().offering.as_ref().unwrap().live.is_none());
    }
}

#[test]
fn another_drawdowns_end_settles_nothing() {
    let (mut desk, _) = live();
    desk.application(ApplicationEvent { drawdown: Some("d2"), ..drawdown(Kind::DrawdownDeclined, NOW) });
    assert_eq!(settlements(&mut desk), []);
}

#[test]
fn a_pending_proposal_is_settled_at_once_and_closes_on_admission() {
    let (mut desk, proposal) = proposed();
    desk.application(drawdown(Kind::DrawdownDeclined, NOW));
    assert_eq!(settlements(&mut desk), [(SettlementKind::Revoked, "END_DRAWDOWN_DECLINED".to_owned())]);
    let id = proposal.candidate.candidate;
    desk.reply(Verdict::Admitted, &id);
    desk.event(Event::Command(revoke(None, NOW)));
    assert_eq!(settlements(&mut desk), []);
    assert_eq!(desk.reply(Verdict::Released, &id), Fate::Applied);
}

#[test]
fn an_accepted_own_offer_makes_the_cancellation_a_diversion() {
    let (mut desk, id) = live();
    let fate = desk.event(Event::Outcome(outcome(OutcomeKind::Accepted, &id, NOW)));
    assert_eq!(fate, Fate::Applied);
    desk.application(drawdown(Kind::DrawdownCancelled, NOW.plus_ms(1)));
    desk.now = desk.now.plus_ms(MINUTE_MS);
    let bundle = desk.seal();
    let diverted: Vec<_> = bundle.deltas.iter().map(|d| (d.counter, d.at, d.change.count)).collect();
    assert_eq!(diverted, [(Counter::DrawdownDiverted, Family::minute(NOW), 1)]);
    assert_eq!(bundle.settlements[0].kind, SettlementKind::Diverted);
    let stranger = desk.event(Event::Outcome(outcome(OutcomeKind::Accepted, "other", NOW)));
    assert_eq!(stranger, Fate::Ignored(IgnoreReason::Unmatched));
}

/// Who accepts ours and lets the partner's run out of time has taken ours.
#[test]
fn an_accepted_own_offer_makes_the_time_out_a_diversion() {
    let (mut desk, id) = live();
    desk.event(Event::Outcome(outcome(OutcomeKind::Accepted, &id, NOW)));
    desk.application(drawdown(Kind::DrawdownTimedOut, NOW.plus_ms(1)));
    let bundle = desk.seal();
    assert_eq!(bundle.deltas.iter().map(|d| d.counter).collect::<Vec<_>>(), [Counter::DrawdownDiverted]);
    let settled = &bundle.settlements[0];
    assert_eq!((settled.kind, settled.reason.as_str()), (SettlementKind::Diverted, "END_DRAWDOWN_TIMED_OUT"));
}

#[test]
fn an_acceptance_after_the_cancellation_moves_the_count() {
    let (mut desk, id) = live();
    desk.application(drawdown(Kind::DrawdownCancelled, NOW.plus_ms(1)));
    desk.seal();
    desk.event(Event::Outcome(outcome(OutcomeKind::Accepted, &id, NOW.plus_ms(2))));
    let counts: Vec<_> = desk.seal().deltas.iter().map(|d| (d.counter, d.change.count)).collect();
    assert_eq!(counts, [(Counter::DrawdownDiverted, 1), (Counter::DrawdownCancelled, -1)]);
}

#[test]
fn a_late_admission_makes_a_diversion_of_a_cancelled_drawdown() {
    let (mut desk, proposal) = proposed();
    let cancel_reason = Some(CancelReason::ChoseOwn);
    desk.application(ApplicationEvent { cancel_reason, ..drawdown(Kind::DrawdownCancelled, NOW.plus_ms(1)) });
    assert_eq!(desk.seal().settlements[0].kind, SettlementKind::Diverted);
    desk.reply(Verdict::Admitted, &proposal.candidate.candidate);
    let counts: Vec<_> = desk.seal().deltas.iter().map(|d| (d.counter, d.change.count)).collect();
    assert_eq!(counts, [(Counter::DrawdownDiverted, 1), (Counter::DrawdownCancelled, -1)]);
}

#[test]
fn losing_the_right_to_act_revokes_at_once() {
    let flags = vec![FlagValue { flag: Flag::OptOut, value: true }];
    let hardship = vec![FlagValue { flag: Flag::Hardship, value: true }];
    let fraud = vec![FlagValue { flag: Flag::Fraud, value: true }];
    let withdrawn = vec![consent(EventTime(NOW.0 - DAY_MS), Some(NOW))];
    let cases = [
        (Event::Customer(CustomerEvent { flags, ..customer(NOW) }), Some("END_OPT_OUT")),
        (Event::Customer(CustomerEvent { consents: withdrawn, ..customer(NOW) }), Some("END_OPT_OUT")),
        (Event::Customer(CustomerEvent { flags: hardship, ..customer(NOW) }), Some("END_FORBIDDEN")),
        (Event::Customer(CustomerEvent { merged_into: Some("c2"), ..customer(NOW) }), Some("END_FORBIDDEN")),
        (Event::Customer(CustomerEvent { merged_into: Some(""), ..customer(NOW) }), None),
        (Event::Customer(CustomerEvent { flags: fraud, ..customer(NOW) }), None),
        (Event::Customer(CustomerEvent { erased: true, ..customer(NOW) }), Some("END_ERASED")),
        (Event::Command(revoke(None, NOW)), Some("END_COMMAND")),
    ];
    for (event, reason) in cases {
        let (mut desk, _) = live();
        assert_eq!(desk.event(event), Fate::Applied);
        let expected: Vec<_> = reason.map(|reason| (SettlementKind::Revoked, reason.to_owned())).into_iter().collect();
        assert_eq!(settlements(&mut desk), expected);
    }
}

#[test]
fn a_command_ends_only_the_candidate_it_names() {
    let (mut desk, id) = live();
    let unmatched = Fate::Ignored(IgnoreReason::Unmatched);
    assert_eq!(desk.event(Event::Command(revoke(Some("other"), NOW))), unmatched);
    assert_eq!(desk.event(Event::Command(revoke(Some(&id), NOW))), Fate::Applied);
    assert_eq!(desk.event(Event::Command(revoke(Some(&id), NOW))), Fate::Duplicate);
    assert_eq!(settlements(&mut desk).len(), 1);
    desk.reply(Verdict::Released, &id);
    assert_eq!(desk.event(Event::Command(revoke(None, NOW))), unmatched);
}

#[test]
fn undo_takes_back_a_proposal_and_its_pending_customer() {
    let mut desk = Desk::new(Fixed::yes());
    desk.application(requested());
    desk.shard.undo();
    assert_eq!((desk.shard.customers().count(), desk.entries()), (0, 0));
    let bundle = desk.seal();
    assert_eq!((bundle.proposals.len(), bundle.deltas.len(), bundle.header.fates.applied), (0, 0, 0));
    desk.application(requested());
    assert_eq!(desk.seal().proposals.len(), 1);
}

/// Whichever comes first in the list: all of it taken together, the consent is given again after it was withdrawn.
#[test]
fn an_event_that_withdraws_a_consent_and_gives_it_again_ends_nothing() {
    for withdrawal_first in [true, false] {
        let (mut desk, _) = live();
        let ago = |days: i64| EventTime(NOW.0 - days * DAY_MS);
        let mut consents = vec![consent(ago(3), Some(ago(2))), consent(ago(1), None)];
        if !withdrawal_first {
            consents.reverse();
        }
        assert_eq!(desk.event(Event::Customer(CustomerEvent { consents, ..customer(NOW) })), Fate::Applied);
        assert_eq!(settlements(&mut desk), []);
    }
}

/// Counters of the bundle by how they changed, those of the drawdown cohort left out.
fn held_out(desk: &mut Desk) -> Vec<(Counter, i64)> {
    desk.now = desk.now.plus_ms(MINUTE_MS);
    let bundle = desk.seal();
    let deltas = bundle.deltas.iter().filter(|delta| delta.counter.family() == Family::HeldOut);
    deltas.inspect(|delta| assert_eq!(delta.at, Family::minute(NOW))).map(|d| (d.counter, d.change.count)).collect()
}

#[test]
fn what_becomes_of_the_control_group_is_counted_and_taken_back() {
    let mut desk = Desk::new(Fixed::yes().holding_out("d1"));
    desk.application(requested());
    assert_eq!(decisions(&desk, DecisionKind::No)[0].reasons, ["CTRL_HOLDOUT"]);
    assert_eq!(held_out(&mut desk), [], "nothing came of it yet");
    desk.application(drawdown(Kind::DrawdownDeclined, NOW.plus_ms(1)));
    assert_eq!(held_out(&mut desk), [(Counter::HeldOutDeclined, 1)]);
    // A later fact stands, and one that a partner gave to another funder says nothing of the group.
    desk.application(drawdown(Kind::DrawdownDisbursed, NOW.plus_ms(2)));
    assert_eq!(held_out(&mut desk), [(Counter::HeldOutDisbursed, 1), (Counter::HeldOutDeclined, -1)]);
    desk.application(drawdown(Kind::DrawdownRerouted, NOW.plus_ms(3)));
    assert_eq!(held_out(&mut desk), [(Counter::HeldOutDisbursed, -1)]);
    let chose_own = drawdown(Kind::DrawdownCancelled, NOW.plus_ms(4));
    desk.application(ApplicationEvent { cancel_reason: Some(CancelReason::ChoseOwn), ..chose_own });
    assert_eq!(held_out(&mut desk), [(Counter::HeldOutCancelled, 1)], "nobody approached the customer");
    // The customer's next drawdown is no control: it was proposed.
    desk.application(ApplicationEvent { drawdown: Some("d2"), ..requested() });
    desk.application(ApplicationEvent { drawdown: Some("d2"), ..drawdown(Kind::DrawdownDeclined, NOW.plus_ms(5)) });
    assert_eq!(held_out(&mut desk), []);
}

#[test]
fn who_fails_another_rule_is_no_control_and_the_last_answer_counts() {
    let mut desk = Desk::new(Fixed::no("GATE_HARDSHIP").holding_out("d1"));
    desk.application(requested());
    desk.application(drawdown(Kind::DrawdownTimedOut, NOW.plus_ms(1)));
    assert_eq!(held_out(&mut desk), []);
    // Held out under one policy, and asked again under another that triggers on the risk step.
    let asked_twice = |again: Fixed| {
        let mut desk = Desk::new(Fixed::yes().holding_out("d1"));
        desk.application(requested());
        desk.rules = again.with_contract(|contract| contract.triggers_on_risk_passed = true);
        desk.application(drawdown(Kind::DrawdownRiskPassed, NOW.plus_ms(1)));
        desk.application(drawdown(Kind::DrawdownTimedOut, NOW.plus_ms(2)));
        held_out(&mut desk)
    };
    assert_eq!(asked_twice(Fixed::yes().holding_out("d1")), [(Counter::HeldOutTimedOut, 1)]);
    assert_eq!(asked_twice(Fixed::yes()), [], "proposed");
    assert_eq!(asked_twice(Fixed::no("EXC_REGION")), []);
}

#[test]
fn a_decision_counts_the_scores_that_stood() {
    let score = |model, value_ppm| Some(Score { model, version: "1", value_ppm, scored_at: NOW });
    let counted = |rules: Fixed| {
        let mut desk = Desk::new(rules);
        let scores = CustomerEvent { risk: score("tenths", 3), value: score("other", 4), ..customer(NOW) };
        desk.event(Event::Customer(scores));
        desk.application(requested());
        desk.application(requested());
        desk.application(ApplicationEvent { drawdown: Some("d2"), ..requested() });
        desk.seal().scored
    };
    for rules in [Fixed::yes(), Fixed::no("EXC_REGION")] {
        let [scored] = &counted(rules)[..] else { panic!("one cell") };
        assert_eq!((scored.partner.as_str(), scored.model.as_str(), scored.version.as_str()), ("p1", "tenths", "1"));
        assert_eq!((scored.day, scored.tenth, scored.count), (NOW.utc_day(), 3, 2), "one for each drawdown");
    }
    assert_eq!(counted(Fixed(None)), [], "no policy, no decision");
    let mut desk = Desk::new(Fixed::yes());
    desk.event(Event::Customer(CustomerEvent { risk: score("tenths", 3), ..customer(NOW) }));
    desk.application(requested());
    desk.shard.undo();
    assert_eq!(desk.seal().scored, [], "taken back with the batch");
}
