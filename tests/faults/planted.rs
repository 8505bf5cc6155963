//! Faults that only a failing client shows, and the check that finds each.

#[path = "../planted/caught.rs"]
mod caught;

use caught::{caught, planted};

planted! {
    producer_reused: "indefinite::after_an_unknown_end_nothing_is_lost_and_nothing_is_double", "";
}
