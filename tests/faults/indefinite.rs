//! A commit whose end nobody knows: the broker stops in the middle of it, and the worker finds out what landed.

use std::time::{Duration, Instant};

use reflow::domain::events::ApplicationKind;
use reflow::domain::time::SECOND_MS;
use reflow::ops::broker::{Broker, BrokerOptions};
use reflow_oracle::inputs::OwnedEvent;

use crate::audit;
use crate::deployment::{Deployment, now};
use crate::market;
use crate::readback::read_back;
use crate::support::{Worker, reflow, wait_until};

const CUSTOMERS: usize = 200;
/// Tries to stop the broker inside of a commit; one in a few hits.
const ROUNDS_MAX: usize = 12;
/// How long a transaction may be open, seconds; then the client gives up.
const OPEN_SECS: u64 = 4;

/// How the log tells a commit without an answer.
const UNKNOWN_COMMIT: [&str; 2] = ["call=commit", "action=re-create"];

fn wishes(round: usize) -> Vec<OwnedEvent> {
    let at = now();
    let wish = |number: usize| {
        let (customer, ask) = (format!("customer-{number:03}"), format!("ask-{round}-{number}"));
        let partner = market::partners()[number % 2];
        market::drawdown([&customer, partner, &ask], ApplicationKind::DrawdownRequested, at.plus_ms(-SECOND_MS))
    };
    (0..CUSTOMERS).map(wish).collect()
}

/// Times that the log says it.
fn count(worker: &Worker, words: [&str; 2]) -> usize {
    worker.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

#[test]
fn after_an_unknown_end_nothing_is_lost_and_nothing_is_double() {
    let mut broker = Broker::start(BrokerOptions::default()).unwrap();
    let more = format!("{}\ntransaction: {{timeout_ms: {}}}", market::PATIENT, OPEN_SECS * 1_000);
    let deployment = Deployment::at(&broker.bootstrap(), "indefinite", &more, Some(&market::document()));
    deployment.apply();
    let mut worker = Worker::spawn_with("indefinite", reflow().args(["run", "--config", deployment.path()]));
    worker.wait_for_log("ready lanes=", 60);
    let consents: Vec<OwnedEvent> =
        (0..CUSTOMERS).map(|number| market::consenting(&format!("customer-{number:03}"), now())).collect();
    deployment.send_all(&consents);
    deployment.wait_until_drained(&mut worker, 60);

    for round in 0..ROUNDS_MAX {
        let failed = count(&worker, ["transaction failed", "call="]);
        let wishes = wishes(round);
        wishes.iter().for_each(|wish| deployment.send(wish));
        deployment.producer.drain();
        // Somewhere in the transactions that follow.
        std::thread::sleep(Duration::from_millis(3 + 7 * round as u64));
        broker.pause().unwrap();
        let began = Instant::now();
        let most = Duration::from_secs(3 * OPEN_SECS);
        while count(&worker, ["transaction failed", "call="]) == failed && began.elapsed() < most {
            std::thread::sleep(Duration::from_millis(20));
        }
        broker.resume().unwrap();
        assert!(worker.is_running(), "{}", worker.log());
        deployment.wait_until_drained(&mut worker, 120);
        if count(&worker, UNKNOWN_COMMIT) > 0 {
            break;
        }
    }
    // Where the broker stopped is chance; one in a few stops leaves an end unknown, and one in some more that of a commit.
    let (unknown, commits) = (count(&worker, ["batch is undone", "unknown=true"]), count(&worker, UNKNOWN_COMMIT));
    println!("{unknown} ends were unknown, {commits} of them of a commit");
    assert!(unknown > 0, "every end was known in {ROUNDS_MAX} rounds; log:\n{}", worker.log());
    wait_until("the worker to be quiet", 60, || deployment.inputs_are_consumed());
    deployment.stop(worker);
    let back = read_back(&deployment);
    audit::schemas(&back);
    audit::sums(&back).and(audit::oracle(&back)).assert_clean();
}
