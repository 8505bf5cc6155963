//! Where a shard begins to read, until a transaction has said so.
//!
//! Positions that neither changelog nor group holds yet, and gaps that were found on the way, belong to the first batch that
//! is committed. One that is undone has said nothing: the next one says it again.

use super::progress::Position;
use super::shard::ShardRunner;
use crate::bus::Topic;
use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::decision::StageName;
use crate::domain::words::Word;
use crate::domain::{EventTime, Output, Text, content_id};

/// What was settled and is not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub positions: Vec<Position>,
    pub gaps: Vec<Gap>,
}

/// Records that were deleted before they were read.
#[derive(Debug)]
pub(super) struct Gap {
    topic: Topic,
    next: i64,
    low: i64,
}

impl Gap {
    fn alert(&self, stage: StageName, shard: i32, at: EventTime) -> Alert {
        let Self { topic, next, low } = self;
        let (stage, name) = (Text::from(stage.name()), topic.name());
        let alert = [b"gap".as_slice(), stage.as_bytes(), name.as_bytes(), &low.to_be_bytes(), &shard.to_be_bytes()];
        Alert {
            alert: content_id(&alert),
            kind: AlertKind::Gap,
            severity: Severity::Critical,
            partner: None,
            stage,
            shard,
            at,
            detail: format!("{topic}: offsets {next} to {} were deleted before they were read", low - 1),
        }
    }
}

impl ShardRunner {
    /// Forgets what was settled before: the shard is about to be placed anew. Nothing may be open or in flight.
    pub fn place_anew(&mut self) {
        self.placed = Placed::default();
        self.progress = self.committed().clone();
    }

    /// Settles where an input is read from. `is_told`: the group has an offset of it. One that it has not is told with the next
    /// batch although nothing has moved: a group that knows a part of a shard's inputs is taken for one that lost the others.
    pub fn start_at(&mut self, topic: Topic, next: i64, is_told: bool) {
        if !is_told || self.committed().next(topic) != Some(next) {
            self.placed.positions.push(Position { topic, next });
        }
        self.progress.advance(topic, next);
    }

    /// Records between `next` and `low` are gone: the next batch that is committed says so, once and loudly.
    pub fn note_gap(&mut self, topic: Topic, next: i64, low: i64) {
        self.placed.gaps.push(Gap { topic, next, low });
    }

    /// How far an input is read and committed; before the first commit, where it begins.
    pub fn reached(&self, topic: Topic) -> Option<i64> {
        let placed = self.placed.positions.iter().find(|position| position.topic == topic);
        placed.map(|position| position.next).or_else(|| self.committed().next(topic))
    }

    /// True when the next batch says where that input stands, wherever that is.
    pub(super) fn is_to_be_told(&self, topic: Topic) -> bool {
        self.placed.positions.iter().any(|position| position.topic == topic)
    }

    /// Puts the gaps that were not said yet among what the batch says.
    pub(super) fn tell_gaps(&mut self) {
        let (stage, shard, now) = (self.stage.name(), self.shard, self.now);
        let alerts = self.placed.gaps.iter().map(|gap| Output::Alert(Box::new(gap.alert(stage, shard, now))));
        self.batch.outputs.extend(alerts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Outbox;
    use crate::config::Config;
    use crate::policy::PolicySet;
    use crate::worker::Shared;
    use crate::worker::progress::Progress;

    /// A shard that a group has brought to offset 10 of its commands, and whose log of them begins at 12 by now.
    fn before_a_gap() -> ShardRunner {
        let shared = Shared::new(Config::default(), PolicySet::default());
        let mut runner = ShardRunner::new(StageName::Customer, 0, &shared);
        let position = |topic, next| Position { topic, next };
        let positions = vec![position(Topic::Applications, 7), position(Topic::Commands, 10)];
        let mut progress = Vec::new();
        Progress { sequence: 3, positions, ..runner.committed().clone() }.encode(&mut progress);
        runner.load(crate::worker::progress::PROGRESS_KEY, Some(&progress)).unwrap();
        runner.place_anew();
        runner.start_at(Topic::Applications, 7, true);
        runner.note_gap(Topic::Commands, 10, 12);
        runner.start_at(Topic::Commands, 12, true);
        runner
    }

    /// A batch on its way: how many gaps it tells, and the offsets it moves.
    fn handed_over(runner: &mut ShardRunner) -> (usize, Vec<(Topic, i64)>) {
        let (mut outbox, mut told) = (Outbox::default(), 0);
        runner.open();
        runner.close(&mut outbox, |output| {
            told += usize::from(matches!(&output, Output::Alert(alert) if alert.kind == AlertKind::Gap));
            Some(output)
        });
        let moved = runner.moved().collect();
        runner.hand_over();
        (told, moved)
    }

    #[test]
    fn what_is_beyond_a_gap_is_committed_to_the_group_too() {
        let mut runner = before_a_gap();
        assert_eq!(runner.committed().next(Topic::Commands), Some(10), "nothing is in the log yet");
        assert_eq!(runner.reached(Topic::Commands), Some(12));
        let (told, moved) = handed_over(&mut runner);
        assert_eq!((told, moved), (1, vec![(Topic::Commands, 12)]), "else group and changelog differ from here on");
        runner.commit();
        assert_eq!(runner.committed().next(Topic::Commands), Some(12));
        let (told, moved) = handed_over(&mut runner);
        assert_eq!((told, moved), (0, vec![(Topic::Applications, 7)]), "it is said once");
    }

    #[test]
    fn a_gap_survives_an_abort() {
        let mut runner = before_a_gap();
        handed_over(&mut runner);
        runner.undo();
        assert_eq!(runner.committed().next(Topic::Commands), Some(10));
        assert_eq!(runner.progress.next(Topic::Commands), Some(12), "it is read from there");
        assert_eq!(handed_over(&mut runner), (1, vec![(Topic::Commands, 12)]));
    }

    #[test]
    fn a_tick_tells_a_gap_when_no_record_comes() {
        let mut runner = before_a_gap();
        runner.tick();
        assert!(runner.is_open());
    }

    #[test]
    fn a_gap_that_another_owner_has_passed_is_not_told_again() {
        let mut runner = before_a_gap();
        let mut progress = Vec::new();
        let positions = vec![Position { topic: Topic::Commands, next: 12 }];
        Progress { sequence: 4, positions, ..runner.committed().clone() }.encode(&mut progress);
        runner.load(crate::worker::progress::PROGRESS_KEY, Some(&progress)).unwrap();
        runner.place_anew();
        runner.start_at(Topic::Commands, 12, true);
        assert_eq!(handed_over(&mut runner).0, 0);
    }

    #[test]
    fn a_group_that_has_lost_its_offsets_is_told_all_of_them() {
        let mut runner = before_a_gap();
        runner.place_anew();
        runner.start_at(Topic::Applications, 7, false);
        runner.start_at(Topic::Commands, 10, false);
        let all = vec![(Topic::Applications, 7), (Topic::Commands, 10)];
        assert_eq!(handed_over(&mut runner).1, all, "although nothing was read");
        runner.undo();
        assert_eq!(handed_over(&mut runner).1, all, "an abort has told nothing");
        runner.commit();
        assert_eq!(handed_over(&mut runner).1, all[..1], "once is enough");
    }
}
