//! Clocks are per partner: a silent one stays where it was, and nobody can move another's, or the future.

use reflow::domain::EventTime;
use reflow::domain::fate::DeadLetterClass;
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::view::DataState;

use crate::deployment::{CUSTOMER_SHARDS, Deployment, by_kind, now};
use crate::market::{on_shard, submitted};
use crate::readback::{dead_letters, views};
use crate::support::wait_until;

/// 9999-12-31T00:00:00Z.
const YEAR_9999: EventTime = EventTime(253_402_214_400_000);

#[test]
fn a_partner_silent_for_a_week() {
    let deployment = Deployment::new("silent", "", None);
    let mut worker = deployment.start();
    let customers: Vec<String> =
        (0..CUSTOMER_SHARDS).map(|shard| on_shard("client", shard, CUSTOMER_SHARDS, 0)).collect();
    // Everybody speaks nine days ago; then one is silent while the others go on, on every shard.
    let start = now().plus_ms(-9 * DAY_MS);
    let told = |partner: &str, at: EventTime| -> Vec<_> {
        let application = format!("app-{partner}-{at}");
        customers.iter().map(|customer| submitted([customer, partner, &application], at)).collect()
    };
    let last = start.plus_ms(HOUR_MS);
    for partner in ["silent", "loud", "other"] {
        deployment.send_all(&told(partner, start));
        deployment.send_all(&told(partner, last));
    }
    for day in 1..=8 {
        deployment.send_all(&told("loud", last.plus_ms(day * DAY_MS)));
        deployment.send_all(&told("other", last.plus_ms(day * DAY_MS)));
    }
    deployment.wait_until_drained(&mut worker, 60);
    wait_until("the silent partner's view to be told", 60, || views(&deployment).contains_key("silent"));
    let before = views(&deployment);
    assert_eq!(before["silent"].last_event_at, Some(last), "its clock moved while it was silent");
    assert_eq!(before["silent"].state, DataState::Idle);
    assert_eq!(before["loud"].last_event_at, Some(last.plus_ms(8 * DAY_MS)));

    // Its first new event is eight days behind the others and still its own future.
    deployment.send_all(&told("silent", last.plus_ms(MINUTE_MS)));
    deployment.send_all(&told("silent", last.plus_ms(8 * DAY_MS)));
    deployment.send_all(&told("loud", last.plus_ms(8 * DAY_MS + 1)));
    // The same time is late where the partner went on.
    deployment.send_all(&told("other", last.plus_ms(MINUTE_MS)));
    deployment.wait_until_drained(&mut worker, 60);
    let fates = by_kind(&worker.get("/metrics").1, "reflow_records_total");
    deployment.stop(worker);
    let letters = dead_letters(&deployment);
    assert!(letters.iter().all(|letter| letter.class == DeadLetterClass::Late), "{letters:?}");
    let shards = i64::from(CUSTOMER_SHARDS);
    assert_eq!((fates["late"], fates["applied"]), (shards, 25 * shards), "{fates:?}");
    assert_eq!(letters.len() as i64, shards);
}

#[test]
fn one_timestamp_in_the_year_9999() {
    for clock in ["wall", "event"] {
        let deployment = Deployment::new("future", &format!("clock: {{kind: {clock}}}"), None);
        let mut worker = deployment.start();
        let customer = on_shard("client", 0, CUSTOMER_SHARDS, 0);
        let at = now().plus_ms(-HOUR_MS);
        let told = |application: &str, at| submitted([&customer, "partner-00", application], at);
        deployment.send_all(&[told("app-0", YEAR_9999), told("app-1", at), told("app-2", YEAR_9999)]);
        deployment.send_all(&[told("app-3", at.plus_ms(1))]);
        deployment.wait_until_drained(&mut worker, 60);
        let fates = by_kind(&worker.get("/metrics").1, "reflow_records_total");
        deployment.stop(worker);
        assert_eq!((fates["applied"], fates["dead_lettered"], fates["late"]), (2, 2, 0), "{clock}: {fates:?}");
        let letters = dead_letters(&deployment);
        assert!(letters.iter().all(|letter| letter.class == DeadLetterClass::FutureTs), "{clock}: {letters:?}");
        let moved = crate::readback::journal(&deployment).into_iter().map(|entry| entry.now).max().unwrap();
        assert!(moved <= now(), "{clock}: a shard's clock went to {moved}");
        let view = views(&deployment);
        let seen = view.get("partner-00").and_then(|view| view.last_event_at);
        assert!(seen.is_none_or(|seen| seen <= at.plus_ms(1)), "{clock}: the partner's clock went to {seen:?}");
    }
}

#[test]
fn years_of_history_that_lie_waiting() {
    let deployment = Deployment::new("years", "clock: {kind: event}", None);
    let customer = on_shard("client", 0, CUSTOMER_SHARDS, 0);
    let start = now().plus_ms(-1_200 * DAY_MS);
    let told = |day: i64| submitted([&customer, "partner-00", &format!("app-{day}")], start.plus_ms(day * DAY_MS));
    // All of it lies there before the worker begins, and spans more than an event may lie ahead of the clock.
    deployment.send_all(&(0..1_200).step_by(3).map(told).collect::<Vec<_>>());
    let mut worker = deployment.start();
    deployment.wait_until_drained(&mut worker, 60);
    deployment.stop(worker);
    let letters = dead_letters(&deployment);
    assert!(letters.is_empty(), "{} dead letters, the first: {:?}", letters.len(), letters.first());
}
