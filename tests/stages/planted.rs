//! Faults that show in the stages alone, and the check that finds each.

#[path = "../planted/caught.rs"]
mod caught;

use caught::{caught, planted};
use reflow::planted::Bug;

planted! {
    contribution_not_reversed: "the_oracle_agrees_over_plausible_lives", "Σ deltas of customer shard";
    lane_keyed_delta: "the_oracle_agrees_over_plausible_lives", "settlements missing [], not expected";
    off_by_one_day: "the_oracle_agrees_over_plausible_lives", "Σ deltas of customer shard";
    late_judged_twice: "the_oracle_agrees_over_plausible_lives", "count 1 expected, 0 found";
    reply_lost: "the_oracle_agrees_over_plausible_lives", "replies of partner shard";
    double_undo: "neither_undo_nor_restore_shows_in_a_single_byte", "the same batch after undo";
    journal_gap: "the_oracle_agrees_over_plausible_lives", "sequence";
    image_with_uncommitted_slots: "neither_undo_nor_restore_shows_in_a_single_byte", "restore_percent: 3 }: record Some(";
}

#[test]
fn every_fault_has_its_test() {
    let tests =
        concat!(include_str!("planted.rs"), include_str!("../e2e/planted.rs"), include_str!("../faults/planted.rs"));
    let without: Vec<&str> =
        Bug::ALL.map(|(name, _)| name).into_iter().filter(|name| !tests.contains(&format!("    {name}: "))).collect();
    assert!(without.is_empty(), "nobody looks for {without:?}");
}
