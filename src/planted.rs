//! Faults that tests put in on purpose, to see that the suite finds them. Only a build with the feature `planted` has any:
//! everywhere else [`is`] is a constant `false` and nothing of it is left in the binary.
//!
//! Which fault is there is said by `REFLOW_TEST_PLANTED`, one of [`Bug::ALL`]. `tests/planted` builds with the feature and names,
//! for each fault, the check that must fail.

/// One fault. Each is asked for where it would be made: at one place, or once in each of two tables that work the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A change adds what the record contributes now without taking back what it contributed before.
    ContributionNotReversed,
    /// The bundles of all shards of a lane go out under one source.
    LaneKeyedDelta,
    /// The days between due date and payment are one too few.
    OffByOneDay,
    /// The partner stage drops what it holds for late, which the customer stage has judged already.
    LateJudgedTwice,
    /// The reply that frees the customer of an ended candidate is not sent.
    ReplyLost,
    /// The journal skips a sequence number with each transaction.
    JournalGap,
    /// A committed generation stays in the undo log, and the next undo takes it back too.
    DoubleUndo,
    /// Transactions say nothing of what was read.
    CommitWithoutOffsets,
    /// A restore ends where the first open transaction begins, below what is committed above it.
    RestoreToTheLso,
    /// Offsets are committed under the membership of the first assignment, whatever the group says since.
    StaleGroupMetadata,
    /// The producer goes on after a commit of which nobody knows whether it landed.
    ProducerReused,
    /// A record is dropped on its way from the client to its shard, and the offsets behind it are committed.
    RecordDropped,
    /// An image shows what a batch has changed that is not committed yet.
    ImageWithUncommittedSlots,
}

impl Bug {
    /// Every fault by its name in `REFLOW_TEST_PLANTED`.
    pub const ALL: [(&'static str, Bug); 13] = [
        ("contribution_not_reversed", Bug::ContributionNotReversed),
        ("lane_keyed_delta", Bug::LaneKeyedDelta),
        ("off_by_one_day", Bug::OffByOneDay),
        ("late_judged_twice", Bug::LateJudgedTwice),
        ("reply_lost", Bug::ReplyLost),
        ("journal_gap", Bug::JournalGap),
        ("double_undo", Bug::DoubleUndo),
        ("commit_without_offsets", Bug::CommitWithoutOffsets),
        ("restore_to_the_lso", Bug::RestoreToTheLso),
        ("stale_group_metadata", Bug::StaleGroupMetadata),
        ("producer_reused", Bug::ProducerReused),
        ("record_dropped", Bug::RecordDropped),
        ("image_with_uncommitted_slots", Bug::ImageWithUncommittedSlots),
    ];
}

/// True when that fault is to be made.
#[cfg(not(feature = "planted"))]
pub const fn is(_: Bug) -> bool {
    false
}

/// True when that fault is to be made.
#[cfg(feature = "planted")]
#[expect(clippy::disallowed_methods, reason = "no setting: a build for tests asks which fault it has")]
pub fn is(bug: Bug) -> bool {
    static PLANTED: std::sync::OnceLock<Option<Bug>> = std::sync::OnceLock::new();
    let named = || {
        let name = std::env::var("REFLOW_TEST_PLANTED").ok()?;
        Bug::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, bug)| bug)
    };
    *PLANTED.get_or_init(named) == Some(bug)
}
