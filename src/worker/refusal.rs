//! Every reason not to take a shard over: what was found, what was expected, what to do. `docs/operations.md` lists them.

use rdkafka::error::KafkaError;

use super::Shared;
use crate::bus::Topic;
use crate::bus::restore::RestoreError;
use crate::domain::EventTime;
use crate::domain::decision::StageName;

/// Why a shard is not taken over. The process ends with it, so that nothing is written over state that does not fit.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(
        "shard {stage} {shard}: the changelog says the next offset of {topic} is {changelog}, the group has committed \
         {committed}; both are written in one transaction, so somebody moved one of them. Put the group's offset back to \
         {changelog} (kafka-consumer-groups.sh --reset-offsets --to-offset), or rebuild the state from the inputs"
    )]
    Torn { stage: StageName, shard: i32, topic: Topic, changelog: i64, committed: i64 },
    #[error(
        "shard {stage} {shard}: the next offset of {topic} is {next}, and the log ends at {high}: the topic was deleted and \
         made anew, or the cluster has lost its end. To wait until it has grown so far would be to skip what is written \
         meanwhile. Put the log back with its offsets, stop all workers and delete the group (the changelog says where every input \
         stands), or rebuild the state from the inputs"
    )]
    Shortened { stage: StageName, shard: i32, topic: Topic, next: i64, high: i64 },
    #[error(
        "shard {stage} {shard}: the changelog says the next offset of {topic} is {next}, and the group has committed none for it, \
         although it has for other inputs of the shard: the topic was deleted and made anew, which takes its offsets from the \
         group, or somebody deleted them. If the log is the one that was read, or was put back with its offsets, stop all workers \
         and delete the group (kafka-consumer-groups.sh --delete): the changelog says where every input stands. Else put the log \
         back, or rebuild the state from the inputs"
    )]
    Unplaced { stage: StageName, shard: i32, topic: Topic, next: i64 },
    #[error(
        "shard {stage} {shard}: the group has committed offset {committed} of {topic}, and the changelog {changelog} holds \
         no state: it was deleted, made anew, or kafka.prefix is another one. To go on would be to forget every customer. \
         Put the changelog back; or, to rebuild the state from the inputs, stop all workers and delete the group \
         (kafka-consumer-groups.sh --delete)"
    )]
    Empty { stage: StageName, shard: i32, topic: Topic, committed: i64, changelog: String },
    #[error(
        "shard {stage} {shard}: the changelog {changelog} holds entries and no progress record: it was not written by a \
         worker of this version, or only a part of it is left. Put the changelog back, or rebuild the state from the inputs \
         under another kafka.prefix"
    )]
    NoProgress { stage: StageName, shard: i32, changelog: String },
    #[error(
        "shard {stage} {shard}: the changelog {changelog} begins at offset {low}, so a part of the state was deleted; \
         expected is cleanup.policy=compact, which deletes nothing that is needed. `reflow topics check` shows the \
         settings. Correct them, and put the changelog back or rebuild the state from the inputs under another kafka.prefix"
    )]
    Beheaded { stage: StageName, shard: i32, changelog: String, low: i64 },
    #[error(
        "shard {stage} {shard}: its state was made with {was} customer and {was_partner} partner shards; configured are \
         {is} and {is_partner}. Counts are fixed once there is state: set shards.customer and shards.partner back, or \
         rebuild the state from the inputs under another kafka.prefix"
    )]
    Shards { stage: StageName, shard: i32, was: i32, was_partner: i32, is: i32, is_partner: i32 },
    #[error(
        "shard {stage} {shard}: its state is in format {found}, this build reads format {reads}. Start the build that \
         wrote it, or a newer one"
    )]
    Format { stage: StageName, shard: i32, found: i32, reads: i32 },
    #[error(
        "shard {stage} {shard}: it was judged by the policy log up to offset {told}, and the log ends at {known}: the topic was \
         deleted or made anew, or kafka.prefix is another one. Put the log back: `reflow policy status` shows what is there"
    )]
    PolicyLog { stage: StageName, shard: i32, told: i64, known: i64 },
    #[error(
        "shard {stage} {shard}: its last transaction says it is {told}, and this machine's clock says {wall}: the clock of the worker that \
         wrote it ran ahead by more than clock.skew_secs_max ({most} s; a worker that still writes such times does not say so itself), or this \
         one is behind, or the time came from data (clock.kind: event) until now. A shard's time never goes back, so it would stand still \
         until then. Set the clocks right (NTP on every machine) and wait until that time; or rebuild the state from the inputs"
    )]
    Ahead { stage: StageName, shard: i32, told: EventTime, wall: EventTime, most: i64 },
    #[error("the threads that restore the shards could not be run; the log says more")]
    Thread,
}

impl Refusal {
    /// Why a shard whose last time was `told` is not worked on by this machine's clock, when it is too far behind.
    pub(super) fn of_time(shared: &Shared, stage: StageName, shard: i32, told: EventTime) -> Option<Self> {
        let most = shared.config.clock.skew_secs_max;
        shared.clock.behind(told).map(|wall| Self::Ahead { stage, shard, told, wall, most })
    }

    /// True when nothing was wrong: the shards went elsewhere while they were restored.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Restore(RestoreError::Cancelled))
    }

    /// True when it may become right by itself: something is out of reach, or has to end first, or time has to pass.
    pub fn may_pass(&self) -> bool {
        let passes = |error: &RestoreError| !matches!(error, RestoreError::Entry { .. });
        matches!(self, Self::Kafka(_) | Self::Thread | Self::Ahead { .. })
            || matches!(self, Self::Restore(error) if passes(error))
    }
}
