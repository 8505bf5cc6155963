//! Faults that only a failing client shows, and the check that finds each.

#[path = "../planted/caught.rs"]
mod caught;

use caught::{caught, planted};

planted! {
    producer_reused: "lane::a_lane_goes_on_after_a_commit_without_an_answer", "after a commit without an answer";
}
