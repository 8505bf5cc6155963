//! A market that goes on trading while something happens to the workers, and the audit of what came of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use reflow::bus::Topic;
use reflow::domain::decision::DecisionKind;
use reflow::domain::events::ApplicationKind;
use reflow::domain::time::{DAY_MS, MINUTE_MS};
use reflow_oracle::dice::Dice;
use reflow_oracle::inputs::{InputTopic, OwnedEvent};
use reflow_oracle::random::{History, Size, history};

use crate::deployment::{Deployment, now, send};
use crate::readback::{Readback, read_back};
use crate::support::{Isolation, Producer, Worker, read_all, wait_until};
use crate::{audit, market};

/// Records of the history that are sent in one step, and how long a step is, milliseconds.
const RECORDS_PER_STEP: usize = 3;
const STEP_MS: u64 = 10;
/// Times that a worker is started once more at the end: candidates live for 10 s at least, so few expire in each of them.
const DRAINS_MAX: usize = 5;

/// Weeks that end a minute ago.
pub fn weeks(seed: u64, customers: usize, days: i64) -> History {
    let from = now().plus_ms(-days * DAY_MS - MINUTE_MS);
    history(seed, &Size { customers, days, from, ..Size::default() }, &market::patient_rules())
}

/// Profiles first: a trigger finds the consent that was given before it.
pub fn profiles_and_rest(history: &History) -> (Vec<OwnedEvent>, Vec<OwnedEvent>) {
    history.events().into_iter().partition(|event| event.topic == InputTopic::Customers)
}

/// A deployment for workers that come and go: a transaction that its owner left open ends before its session does.
pub fn deployment(name: &str) -> Deployment {
    deployment_with(name, "")
}

/// The same with further settings of `transaction`, each with a comma before it.
pub fn deployment_with(name: &str, transaction: &str) -> Deployment {
    let more = format!("{}\ntransaction: {{timeout_ms: 5000{transaction}}}", market::PATIENT);
    Deployment::new(name, &more, Some(&market::document()))
}

/// Lets a market trade while `body` runs; returns how many records were sent in all.
pub fn under_load(deployment: &Deployment, seed: u64, body: impl FnOnce()) -> usize {
    let (profiles, rest) = profiles_and_rest(&weeks(seed, 120, 20));
    let live: Vec<String> = (0..60).map(|number| format!("live-{number:02}")).collect();
    let consents: Vec<OwnedEvent> = live.iter().map(|name| market::consenting(name, now())).collect();
    deployment.send_all(profiles.iter().chain(&consents));
    let over = AtomicBool::new(false);
    let (bootstrap, prefix) = (deployment.bootstrap.clone(), deployment.prefix.clone());
    let sent = scope(|threads| {
        let market = threads.spawn(|| trade(seed, &Producer::new(&bootstrap), &prefix, &rest, &live, &over));
        let end = Over(&over);
        body();
        drop(end);
        market.join().unwrap()
    });
    profiles.len() + consents.len() + sent
}

/// Waits until every shard of the customer stage has committed something that was not committed before.
#[track_caller]
pub fn wait_for_progress(deployment: &Deployment, secs: u64) {
    let before = deployment.committed(Topic::Applications);
    wait_until("every customer shard to go on", secs, || {
        deployment.committed(Topic::Applications).iter().zip(&before).all(|(now, before)| now > before)
    });
}

/// Lets the last workers work everything off and stop; what lies there must satisfy the oracle in all three layers.
#[track_caller]
pub fn audited(deployment: &Deployment, mut workers: Vec<Worker>, sent: usize) -> Readback {
    deployment.wait_until_drained(&mut workers[0], 120);
    for worker in workers {
        // The market writes plainly, so there is a record at every offset.
        assert_eq!(worker.metric("reflow_input_offsets_passed_over_total"), Some(0), "records were passed over");
        deployment.stop(worker);
    }
    assert!(deployment.inputs_are_consumed(), "inputs that were consumed are not any more");
    // A candidate may expire while the workers stop; what they say of it is read by one more.
    for _ in 0..DRAINS_MAX {
        if deployment.stages_are_quiet() {
            break;
        }
        let mut worker = deployment.start();
        deployment.wait_until_drained(&mut worker, 120);
        deployment.stop(worker);
    }
    let back = read_back(deployment);
    assert_eq!(back.events.len(), sent);
    assert!(back.written.decisions.iter().any(|decision| decision.kind == DecisionKind::Yes));
    audit::sums(&back).assert_clean();
    audit::oracle(&back).assert_clean();
    let lie =
        |topic: Topic| read_all(&deployment.bootstrap, &deployment.topic(topic), Isolation::Uncommitted, 60).len();
    let hidden: usize = back.records.iter().map(|(topic, records)| lie(*topic) - records.len()).sum();
    println!("{sent} records in; {hidden} records of aborted transactions are hidden from a committed reader");
    back
}

/// Ends the trade, also when what goes on beside it fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends the history in its order and lets customers draw down, until it is over; returns how many records were sent.
fn trade(
    seed: u64,
    producer: &Producer,
    prefix: &str,
    rest: &[OwnedEvent],
    live: &[String],
    over: &AtomicBool,
) -> usize {
    use ApplicationKind::{
        DrawdownCancelled, DrawdownDeclined, DrawdownDisbursed, DrawdownRequested, DrawdownRiskPassed, DrawdownTimedOut,
    };
    let mut dice = Dice::new(seed + 1);
    let (mut sent, mut open, mut number) = (0, Vec::<[String; 3]>::new(), 0);
    let mut tell = |event: &OwnedEvent| {
        send(producer, prefix, event);
        sent += 1;
    };
    let mut history = rest.iter();
    let mut step = 0u32;
    while !over.load(Ordering::Relaxed) {
        history.by_ref().take(RECORDS_PER_STEP).for_each(&mut tell);
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
        sleep(Duration::from_millis(STEP_MS));
    }
    history.for_each(&mut tell);
    producer.drain();
    sent
}
