//! Two processes with the same `instance`: one of them leaves and says why, the other goes on.

use reflow::bus::Topic;

use crate::deployment::{Deployment, now};
use crate::market;
use crate::support::wait_until;

#[test]
fn one_of_two_processes_with_the_same_instance_leaves_and_names_it() {
    let deployment = Deployment::new("same-instance", "", Some(&market::document()));
    let mut workers = [deployment.start(), deployment.spawn()];
    let mut left = None;
    wait_until("one of the two to leave", 180, || {
        left = workers.iter_mut().position(|worker| !worker.is_running());
        left.is_some()
    });
    let (gone, mut stays) = match (left.unwrap(), workers) {
        (0, [gone, stays]) | (_, [stays, gone]) => (gone, stays),
    };
    let mut gone = gone;
    assert_eq!(gone.wait(1), 3, "{}", gone.log());
    assert!(gone.log().contains("give each its own (`instance`, or REFLOW_INSTANCE)"), "{}", gone.log());
    deployment.send_all([&market::consenting("customer", now())]);
    deployment.wait_until_drained(&mut stays, 90);
    assert!(deployment.committed(Topic::Customers).iter().flatten().sum::<i64>() > 0);
    deployment.stop(stays);
}
