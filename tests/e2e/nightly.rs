//! A nightly file of repayments does not stall drawdowns.

use std::thread::sleep;
use std::time::Duration;

use reflow::bus::Topic;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::{ApplicationKind, Event, RepaymentKind};
use reflow::domain::journal::{JournalEntry, StepKind};
use reflow::domain::time::{DAY_MS, SECOND_MS};
use reflow::domain::{CalendarDay, Decision, EventTime};
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::{Rules, blank};

use crate::deployment::{CUSTOMER_SHARDS, Deployment, now};
use crate::market;
use crate::readback::{all, journal};

const REPAYMENTS: usize = 200_000;
const INSTALMENTS: usize = 10;
/// The file is worked off within a second or two: so many want money at once, and so long is between, milliseconds.
const ASKED_AT_ONCE: usize = 4;
const ASK_EVERY_MS: u64 = 5;

/// One record of the file: an instalment falls due.
fn scheduled(number: usize, at: EventTime) -> OwnedEvent {
    let (customer, loan) = (format!("borrower-{}", number / INSTALMENTS), format!("loan-{}", number / INSTALMENTS));
    let instalment = (number % INSTALMENTS) as i32 + 1;
    let id = format!("e-{number}");
    let ids = [customer.as_str(), "partner-00", loan.as_str()];
    let mut event = blank::repayment(&id, at, ids, Some(instalment), RepaymentKind::Scheduled);
    event.due_date = Some(CalendarDay(at.utc_day().0 + 30 * instalment));
    event.due = Some(blank::components(10_000, 100));
    OwnedEvent::of(&Event::Repayment(event), &Rules::default())
}

#[test]
fn a_nightly_file_does_not_stall_drawdowns() {
    let deployment = Deployment::new("nightly", "", Some(&market::document()));
    let start = now();
    let live: Vec<String> = (0..200).map(|number| format!("live-{number:03}")).collect();
    let consents: Vec<OwnedEvent> = live.iter().map(|name| market::consenting(name, start)).collect();
    let mut worker = deployment.start();
    deployment.send_all(&consents);
    deployment.wait_until_drained(&mut worker, 60);

    let at = start.plus_ms(-DAY_MS);
    // The worker would keep pace with the sender: it finds the whole file at once.
    worker.pause();
    (0..REPAYMENTS).for_each(|number| deployment.send(&scheduled(number, at)));
    deployment.producer.drain();
    worker.resume();
    // As long as the file is worked off somebody wants money now and then.
    let mut asked = 0;
    for few in live.chunks(ASKED_AT_ONCE) {
        if deployment.inputs_are_consumed() {
            break;
        }
        let drawdown =
            |name: &String| market::drawdown([name, "partner-00", name], ApplicationKind::DrawdownRequested, now());
        deployment.send_all(&few.iter().map(drawdown).collect::<Vec<_>>());
        asked += few.len();
        sleep(Duration::from_millis(ASK_EVERY_MS));
    }
    deployment.wait_until_drained(&mut worker, 120);
    deployment.stop(worker);

    let decisions: Vec<Decision> = all(&deployment, Topic::Decisions);
    let answered: Vec<&Decision> = decisions
        .iter()
        .filter(|decision| decision.kind == DecisionKind::Yes && decision.stage == StageName::Partner)
        .collect();
    let said = |name: &String| {
        let own = decisions.iter().filter(|decision| decision.customer == *name);
        own.map(|decision| (decision.kind, decision.reasons.clone())).collect::<Vec<_>>()
    };
    let unanswered = live[..asked].iter().filter(|name| !answered.iter().any(|yes| yes.customer == **name));
    let unanswered: Vec<_> = unanswered.map(|name| (name, said(name))).collect();
    assert!(unanswered.is_empty(), "of {asked}: {unanswered:?}");
    let last = last_repayments(&journal(&deployment));
    let during: Vec<i64> = answered
        .iter()
        .filter(|decision| decision.decided_at < last)
        .map(|decision| decision.decided_at.ms_since(decision.event_time))
        .collect();
    println!("{} of {asked} drawdowns were decided before the last repayment, in {during:?} ms", during.len());
    assert!(during.len() >= 5, "{} of {asked} drawdowns were decided before the last repayment", during.len());
    // The file takes longer than this; who waits behind it would too.
    let slowest = during.iter().max().unwrap();
    assert!(*slowest < 10 * SECOND_MS, "one waited {slowest} ms");
    overtaken(&journal(&deployment));
}

/// When the last repayments were taken.
fn last_repayments(entries: &[JournalEntry]) -> EventTime {
    entries.iter().filter(|entry| takes(entry, Topic::Repayments)).map(|entry| entry.now).max().unwrap()
}

fn takes(entry: &JournalEntry, topic: Topic) -> bool {
    use reflow::domain::words::Word;
    entry.runs.iter().any(|run| run.kind == StepKind::Records && run.topic == topic.name())
}

/// By the order of the journal too: on every shard that had drawdowns some were taken before the last repayments.
fn overtaken(entries: &[JournalEntry]) {
    let of = |shard: i32, topic: Topic| {
        let own = entries.iter().filter(move |e| e.stage == StageName::Customer && e.shard == shard);
        own.filter(move |e| takes(e, topic)).map(|e| e.sequence)
    };
    let before = (0..CUSTOMER_SHARDS).filter(|shard| {
        let last = of(*shard, Topic::Repayments).max().unwrap();
        of(*shard, Topic::Applications).any(|sequence| sequence < last)
    });
    assert!(before.count() > 0, "no shard took a drawdown before its last repayment");
}
