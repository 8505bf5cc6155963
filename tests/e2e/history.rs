//! A history of weeks and live drawdowns through the worker: undisturbed, and with `kill -9` at random moments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use reflow::bus::Topic;
use reflow::domain::CandidateStatus;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::ApplicationKind;
use reflow::domain::time::{DAY_MS, MINUTE_MS};
use reflow_oracle::dice::Dice;
use reflow_oracle::inputs::{InputTopic, OwnedEvent};
use reflow_oracle::random::{History, Size, history};

use crate::deployment::{Deployment, by_kind, get, now, send};
use crate::readback::{Readback, read_back};
use crate::support::{Isolation, Producer, read_all};
use crate::{audit, market};

/// Weeks that end a minute ago.
fn weeks(seed: u64, customers: usize, days: i64) -> History {
    let from = now().plus_ms(-days * DAY_MS - MINUTE_MS);
    history(seed, &Size { customers, days, from, ..Size::default() }, &market::patient_rules())
}

/// Profiles first: a trigger finds the consent that was given before it.
fn profiles_and_rest(history: &History) -> (Vec<OwnedEvent>, Vec<OwnedEvent>) {
    history.events().into_iter().partition(|event| event.topic == InputTopic::Customers)
}

#[test]
fn end_to_end() {
    let deployment = Deployment::new("end-to-end", market::PATIENT, Some(&market::document()));
    let mut worker = deployment.start();
    assert_eq!(get(&worker, "/health/ready").0, 200);
    assert_eq!(get(&worker, "/health/live").0, 200);

    let (profiles, rest) = profiles_and_rest(&weeks(7, 40, 20));
    let live: Vec<String> = (0..12).map(|number| format!("live-{number:02}")).collect();
    deployment.send_all(&profiles);
    let consents: Vec<OwnedEvent> = live.iter().map(|name| market::consenting(name, now())).collect();
    deployment.send_all(&consents);
    deployment.wait_until_drained(&mut worker, 60);
    deployment.send_all(&rest);

    // One drawdown per customer; the quota, the guard and the missing consent have something to refuse.
    let ids = |n: usize| [live[n].clone(), market::partners()[n % 3].to_owned(), format!("d-{}", live[n])];
    let tell = |n: usize, kind: ApplicationKind| {
        let [customer, partner, drawdown] = ids(n);
        market::drawdown([&customer, &partner, &drawdown], kind, now())
    };
    let asked: Vec<OwnedEvent> = (0..live.len()).map(|n| tell(n, ApplicationKind::DrawdownRequested)).collect();
    deployment.send_all(&asked);
    let stranger = market::drawdown(["stranger", "partner-00", "d-s"], ApplicationKind::DrawdownRequested, now());
    deployment.send_all([&stranger]);
    deployment.wait_until_drained(&mut worker, 60);
    let ends = [
        (0, ApplicationKind::DrawdownDisbursed),
        (3, ApplicationKind::DrawdownCancelled),
        (6, ApplicationKind::DrawdownDeclined),
    ];
    deployment.send_all(&ends.map(|(n, kind)| tell(n, kind)));
    deployment.wait_until_drained(&mut worker, 60);

    let fates = by_kind(&get(&worker, "/metrics").1, "reflow_records_total");
    deployment.stop(worker);
    let back = read_back(&deployment);
    assert_eq!(fates.values().sum::<i64>(), back.events.len() as i64, "{fates:?}");
    assert_eq!(back.events.len(), profiles.len() + rest.len() + 2 * live.len() + 1 + ends.len());
    something_of_everything(&back);
    audit::schemas(&back);
    audit::sums(&back).assert_clean();
    audit::oracle(&back).assert_clean();
}

/// Admissions, refusals of both stages, and settlements of each kind: the audit has something to look at.
fn something_of_everything(back: &Readback) {
    let decided = |stage: StageName, kind: DecisionKind, code: &str| {
        let decisions = back.written.decisions.iter();
        let same = decisions.filter(|d| d.stage == stage && d.kind == kind);
        same.filter(|d| code.is_empty() || d.reasons.iter().any(|reason| reason == code)).count()
    };
    assert!(decided(StageName::Partner, DecisionKind::Yes, "") >= 6);
    assert!(decided(StageName::Partner, DecisionKind::No, "HOLD_QUOTA_DAY") >= 1);
    assert!(decided(StageName::Partner, DecisionKind::No, "HOLD_MIN_N") >= 1);
    assert!(decided(StageName::Customer, DecisionKind::No, "GATE_NO_CONSENT") >= 1);
    for code in ["END_DRAWDOWN_DISBURSED", "END_DRAWDOWN_CANCELLED", "END_DRAWDOWN_DECLINED"] {
        assert!(decided(StageName::Partner, DecisionKind::Revoked, code) >= 1, "{code}");
    }
    assert!(back.outputs.candidates.iter().any(|candidate| candidate.status == CandidateStatus::Active));
}

/// Rounds of `kill -9` and restart.
const ROUNDS: usize = 10;
const SEED: u64 = 20_261_122;

#[test]
fn kill_nine() {
    let deployment = Deployment::new("kill-nine", market::PATIENT, Some(&market::document()));
    let (profiles, rest) = profiles_and_rest(&weeks(SEED, 120, 20));
    let live: Vec<String> = (0..60).map(|number| format!("live-{number:02}")).collect();
    let consents: Vec<OwnedEvent> = live.iter().map(|name| market::consenting(name, now())).collect();
    deployment.send_all(profiles.iter().chain(&consents));

    let over = AtomicBool::new(false);
    let (bootstrap, prefix) = (deployment.bootstrap.clone(), deployment.prefix.clone());
    let sent = scope(|threads| {
        let market = threads.spawn(|| trade(&Producer::new(&bootstrap), &prefix, &rest, &live, &over));
        let end = Over(&over);
        let mut dice = Dice::new(SEED);
        for round in 0..ROUNDS {
            let mut worker = deployment.spawn();
            // Most rounds end in the middle of work, some while the worker joins and restores.
            if dice.chance(75) {
                worker.wait_for_log("ready lanes=", 60);
            }
            sleep(Duration::from_millis(dice.between(0, 1_500) as u64));
            assert!(worker.is_running(), "round {round}: the worker ended by itself; its log:\n{}", worker.log());
            worker.kill();
        }
        drop(end);
        market.join().unwrap()
    });

    let mut worker = deployment.start();
    deployment.wait_until_drained(&mut worker, 120);
    deployment.stop(worker);
    let back = read_back(&deployment);
    assert_eq!(back.events.len(), profiles.len() + consents.len() + sent);
    assert!(back.written.decisions.iter().any(|decision| decision.kind == DecisionKind::Yes));
    audit::sums(&back).assert_clean();
    audit::oracle(&back).assert_clean();
    let lie =
        |topic: Topic| read_all(&deployment.bootstrap, &deployment.topic(topic), Isolation::Uncommitted, 60).len();
    let hidden: usize = back.records.iter().map(|(topic, records)| lie(*topic) - records.len()).sum();
    println!("{hidden} records of aborted transactions are hidden from a committed reader");
}

/// Ends the trade, also when a round fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends the history in its order and lets customers draw down, until it is over; returns how many records were sent.
fn trade(producer: &Producer, prefix: &str, rest: &[OwnedEvent], live: &[String], over: &AtomicBool) -> usize {
    use ApplicationKind::{
        DrawdownCancelled, DrawdownDeclined, DrawdownDisbursed, DrawdownRequested, DrawdownRiskPassed, DrawdownTimedOut,
    };
    let mut dice = Dice::new(SEED + 1);
    let (mut sent, mut open, mut number) = (0, Vec::<[String; 3]>::new(), 0);
    let mut tell = |event: &OwnedEvent| {
        send(producer, prefix, event);
        sent += 1;
    };
    let mut history = rest.iter();
    let mut step = 0u32;
    while !over.load(Ordering::Relaxed) {
        history.by_ref().take(3).for_each(&mut tell);
        if step.is_multiple_of(5) {
            number += 1;
            let ids = [dice.pick(live).clone(), (*dice.pick(&market::partners())).to_owned(), format!("d-{number}")];
            let [customer, partner, drawdown] = ids.each_ref().map(String::as_str);
            tell(&market::drawdown([customer, partner, drawdown], DrawdownRequested, now()));
            tell(&market::drawdown([customer, partner, drawdown], DrawdownRiskPassed, now()));
            open.push(ids);
        }
        if open.len() > 20 {
            let ids = open.swap_remove(dice.between(0, open.len() as i64) as usize);
            let kind = *dice.pick(&[DrawdownDisbursed, DrawdownDeclined, DrawdownCancelled, DrawdownTimedOut]);
            tell(&market::drawdown(ids.each_ref().map(String::as_str), kind, now()));
        }
        step += 1;
        sleep(Duration::from_millis(10));
    }
    history.for_each(&mut tell);
    producer.drain();
    sent
}
