//! Bounds: small logs that break one rule each.

use std::collections::BTreeMap;

use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::Event;
use reflow::domain::fact::Verdict as Answer;
use reflow::domain::time::DAY_MS;
use reflow::domain::{Candidate, CandidateStatus, EventTime, Output};
use reflow_oracle::bounds::{Outputs, Quota, check, check_consents};
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::{Rules, Verdict, blank};

const T: EventTime = EventTime(1_749_988_800_000);

/// A correct log: one candidate of `customer` at partner-a, admitted.
fn admitted(id: &str, customer: &str, at: EventTime) -> Outputs {
    let candidate = blank::candidate(id, customer, at);
    let about = [customer, "partner-a", "d1"];
    Outputs {
        candidates: vec![candidate.clone()],
        active: vec![(customer.into(), Some(candidate.clone()))],
        decisions: vec![blank::decision(id, about, StageName::Partner, DecisionKind::Yes, &[], at)],
        replies: vec![blank::reply(id, customer, Answer::Admitted, &[], at)],
        proposals: vec![blank::proposal("partner-a", "d1", at, candidate)],
        settlements: vec![],
        drained: true,
    }
}

fn expire(outputs: &mut Outputs, at: usize) {
    let mut ended = outputs.candidates[at].clone();
    (ended.status, ended.version) = (CandidateStatus::Expired, 2);
    ended.end_reasons = vec!["END_EXPIRED".into()];
    outputs.active.push((ended.customer.clone(), None));
    outputs.replies.push(blank::reply(&ended.candidate, &ended.customer, Answer::Released, &[], T));
    outputs.candidates.push(ended);
}

fn both(mut a: Outputs, b: Outputs) -> Outputs {
    a.candidates.extend(b.candidates);
    a.active.extend(b.active);
    a.decisions.extend(b.decisions);
    a.replies.extend(b.replies);
    a.proposals.extend(b.proposals);
    a
}

fn judge(outputs: &Outputs) -> Verdict {
    let quota = Quota { zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(), per_day: 1 };
    check(outputs, &BTreeMap::from([("partner-a".into(), quota)]), &["partner-a"])
}

fn broken(change: impl FnOnce(&mut Outputs)) -> Verdict {
    let mut outputs = admitted("x1", "c1", T);
    change(&mut outputs);
    judge(&outputs)
}

fn finds(words: &str, change: impl FnOnce(&mut Outputs)) {
    let verdict = broken(change);
    assert!(verdict.mentions(words), "{words:?} is not among: {verdict}");
}

#[test]
fn correct_logs_are_clean() {
    broken(|_| {}).assert_clean();
    broken(|o| expire(o, 0)).assert_clean();
    judge(&both(admitted("x1", "c1", T), admitted("x2", "c2", T.plus_ms(DAY_MS)))).assert_clean();
}

#[test]
fn outputs_of_a_step_are_a_log() {
    let correct = admitted("x1", "c1", T);
    let mut bundle = blank::bundle(0, 1, 1, T);
    bundle.proposals = correct.proposals.clone().into();
    let mut taken = Outputs { drained: true, ..Outputs::default() };
    let said = [
        Output::Bundle { partition: 0, bundle: Box::new(bundle) },
        Output::Candidate(Box::new(correct.candidates[0].clone())),
        Output::Decision(Box::new(correct.decisions[0].clone())),
        Output::Reply { shard: 0, reply: correct.replies[0].clone() },
    ];
    said.iter().for_each(|output| taken.take(output));
    assert_eq!(taken.active, correct.active);
    judge(&taken).assert_clean();
}

#[test]
fn lives_that_cannot_be() {
    finds("active twice with different content", |o| {
        let other = Candidate { act_within_ms: 1, ..o.candidates[0].clone() };
        o.candidates.push(other);
    });
    finds("active twice", |o| o.candidates.push(o.candidates[0].clone()));
    finds("version 1 expired follows version 1 active", |o| {
        expire(o, 0);
        o.candidates[1].version = 1;
    });
    finds("begins as expired", |o| {
        expire(o, 0);
        o.candidates.remove(0);
    });
    finds("with end reasons", |o| o.candidates[0].end_reasons.push("END_EXPIRED".into()));
    let two = both(admitted("x1", "c1", T), admitted("x2", "c1", T.plus_ms(DAY_MS)));
    assert!(judge(&two).mentions("x1 is still live"));
}

#[test]
fn the_compacted_topic_must_tell_the_live_set() {
    finds("candidates.active of c1: x1 expected, none found", |o| o.active.push(("c1".into(), None)));
    finds("candidates.active of c1: none expected, x1 found", |o| {
        expire(o, 0);
        o.active.pop();
    });
    finds("other content", |o| o.active[0].1.as_mut().unwrap().act_within_ms = 7);
}

#[test]
fn every_proposal_has_one_answer_and_every_ending_one_release() {
    finds("0 answers", |o| o.replies.clear());
    let unfinished = broken(|o| {
        o.replies.clear();
        o.drained = false;
    });
    assert!(!unfinished.mentions("answers"), "{unfinished}");
    finds("2 answers", |o| o.replies.push(blank::reply("x1", "c1", Answer::Refused, &["HOLD_MIN_N"], T)));
    finds("never proposed", |o| o.proposals.clear());
    finds("0 yes decisions", |o| o.decisions.clear());
    finds("0 released after 0 settlements and 1 expiries", |o| {
        expire(o, 0);
        o.replies.pop();
    });
    finds("1 released after 0 settlements and 0 expiries", |o| {
        o.replies.push(blank::reply("x1", "c1", Answer::Released, &[], T));
    });
}

#[test]
fn quotas_hold_per_day_of_the_contract_zone() {
    // 12:00 UTC is 20:00 in Shanghai: four hours later is another day there, three hours later is not.
    let after = |hours: i64| judge(&both(admitted("x1", "c1", T), admitted("x2", "c2", T.plus_ms(hours * 3_600_000))));
    after(4).assert_clean();
    assert!(after(3).mentions("2 admissions, the quota is 1"));
    finds("is there twice", |o| o.decisions.push(o.decisions[0].clone()));
    finds("yes for", |o| o.decisions[0].reasons.push("HOLD_QUOTA_DAY".into()));
}

#[test]
fn a_candidate_names_no_partner() {
    finds("names the partner partner-a", |o| o.candidates[0].delivery.deep_link = Some("app://partner-a/x".into()));
    finds("names the partner partner-a", |o| {
        o.active[0].1.as_mut().unwrap().grounds.source.event_id = "partner-a:1".into();
    });
}

#[test]
fn nobody_is_a_candidate_without_consent() {
    let rules = Rules::default();
    let profile = |given: i64, withdrawn: Option<i64>| {
        let mut event = blank::customer("e", T, "c1");
        let withdrawn = withdrawn.map(|ms| T.plus_ms(ms));
        event.consents.push(blank::consent("own", T.plus_ms(given), withdrawn));
        vec![OwnedEvent::of(&Event::Customer(event), &rules)]
    };
    let live = admitted("x1", "c1", T);
    let mut ended = live.clone();
    expire(&mut ended, 0);
    let judge = |o: &Outputs, events: &[OwnedEvent]| check_consents(o, events, Some("own"), DAY_MS, &rules);
    judge(&live, &profile(-1, None)).assert_clean();
    assert!(judge(&live, &profile(1, None)).mentions("no cross-marketing consent"));
    assert!(judge(&live, &[]).mentions("no cross-marketing consent"));
    assert!(judge(&live, &profile(-9, Some(-5))).mentions("withdrawn"));
    judge(&ended, &profile(-9, Some(-5))).assert_clean();
    assert!(judge(&ended, &profile(-9 * DAY_MS, Some(-DAY_MS))).mentions("withdrawn"));
    assert!(check_consents(&live, &profile(-1, None), Some("else"), DAY_MS, &rules).mentions("no cross-marketing"));
}
