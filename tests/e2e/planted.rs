//! Faults that only a broker shows, and the check that finds each.

#[path = "../planted/caught.rs"]
mod caught;

use caught::{caught, planted};

planted! {
    commit_without_offsets: "proofs::offsets_are_committed_with_the_work", "offsets to work off everything";
    restore_to_the_lso: "proofs::a_restore_waits_for_an_open_transaction", "the group has committed";
    record_dropped: "history::end_to_end", "every record has one fate";
    stale_group_metadata: "rebalance::workers_come_and_go_as_planned", "every customer shard to go on";
}
