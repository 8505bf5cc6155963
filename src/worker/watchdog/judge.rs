//! When a worker is beyond waiting: the decision alone. Time comes as an argument and is only counted while somebody looks, so
//! that a process that was stopped and goes on is not blamed for the time in between.

use std::collections::BTreeMap;

use crate::bus::Topic;
use crate::bus::errors::Call;
use crate::bus::vitals::Sign;
use crate::domain::decision::StageName;

/// Longest time that one look may count for, milliseconds: longer than any look takes.
const LOOK_MS_MAX: u64 = 15_000;

/// How long is too long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub call_ms: u64,
    /// For a restore without any step forward, whose own bounds come first.
    pub restore_ms: u64,
    pub stall_ms: u64,
}

impl Limits {
    fn of(&self, call: Call) -> u64 {
        if call == Call::Restore { self.restore_ms } else { self.call_ms }
    }
}

/// Why the process has to end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Verdict {
    #[error(
        "{stage} lane {lane}: `{call}` has not come back for {secs} s (watchdog.call_secs_max). State is in Kafka and a restart \
         is safe; if it comes again, look at the brokers that coordinate groups and transactions, and at the network to them"
    )]
    Hung { stage: StageName, lane: u32, call: Call, secs: u64 },
    #[error(
        "{stage} shard {shard}: {topic} has stood at offset {next} for {secs} s while its log goes on to {end} \
         (watchdog.stall_secs_max). State is in Kafka and a restart is safe; if it stops at the same offset again, look at the \
         leader of that partition, and report the record"
    )]
    Stalled { stage: StageName, shard: i32, topic: Topic, next: i64, end: i64, secs: u64 },
    #[error(
        "topics have changed while the worker ran: {0}. Keys would go to other shards than their state: give the topics back \
         their partitions, or rebuild the state with the new counts"
    )]
    Topics(String),
}

/// Where one input of one shard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub stage: StageName,
    pub shard: i32,
    pub topic: Topic,
    /// Next offset committed; none: nothing was read yet.
    pub next: Option<i64>,
    /// Next offset of the log that a reader of committed records can reach.
    pub end: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    sign: Sign,
    ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stand {
    next: Option<i64>,
    ms: u64,
}

/// What was seen so far.
#[derive(Debug)]
pub struct Judge {
    limits: Limits,
    calls: BTreeMap<(StageName, u32), Held>,
    stands: BTreeMap<(StageName, i32, Topic), Stand>,
    called_ms: Option<u64>,
    stood_ms: Option<u64>,
    /// What differed at the last look: one look alone may meet a topic that is being created.
    differing: Option<String>,
}

impl Judge {
    pub fn new(limits: Limits) -> Self {
        let (calls, stands) = (BTreeMap::new(), BTreeMap::new());
        Self { limits, calls, stands, called_ms: None, stood_ms: None, differing: None }
    }

    /// Judges the threads that call the client.
    pub fn calls(&mut self, now_ms: u64, signs: &[(StageName, u32, Sign)]) -> Option<Verdict> {
        let passed = counted(&mut self.called_ms, now_ms);
        let mut hung = None;
        for (stage, lane, sign) in signs {
            let held = self.calls.entry((*stage, *lane)).or_default();
            *held = Held { sign: *sign, ms: if held.sign == *sign { held.ms + passed } else { 0 } };
            if let Some(call) = sign.call()
                && held.ms >= self.limits.of(call)
            {
                hung = hung.or(Some(Verdict::Hung { stage: *stage, lane: *lane, call, secs: held.ms / 1_000 }));
            }
        }
        hung
    }

    /// Takes the positions of all shards that are being read; gives those back that have stood still for too long, the longest first. Whether
    /// something lies there to be read is for the caller to find out: the end of a log may be markers of transactions only.
    pub fn positions(&mut self, now_ms: u64, positions: &[Position]) -> Vec<Position> {
        let passed = counted(&mut self.stood_ms, now_ms);
        let before = std::mem::take(&mut self.stands);
        let mut suspects = Vec::new();
        for position in positions {
            let key = (position.stage, position.shard, position.topic);
            let still = before.get(&key).filter(|stand| stand.next == position.next && position.is_behind());
            let stand = Stand { next: position.next, ms: still.map_or(0, |stand| stand.ms + passed) };
            if stand.ms >= self.limits.stall_ms {
                suspects.push(*position);
            }
            self.stands.insert(key, stand);
        }
        // Only one can be looked at in time: the next in turn is the one that no look has acquitted for longest.
        suspects.sort_by_key(|it| {
            std::cmp::Reverse(self.stands.get(&(it.stage, it.shard, it.topic)).map(|stand| stand.ms))
        });
        suspects
    }

    /// Nothing lies at that position.
    pub fn acquit(&mut self, position: &Position) {
        self.stands.remove(&(position.stage, position.shard, position.topic));
    }

    /// A record lies at that position.
    pub fn convict(&self, position: &Position) -> Verdict {
        let (stage, shard, topic) = (position.stage, position.shard, position.topic);
        let secs = self.stands.get(&(stage, shard, topic)).map_or(0, |stand| stand.ms / 1_000);
        Verdict::Stalled { stage, shard, topic, next: position.next.unwrap_or(0), end: position.end, secs }
    }

    /// Judges what differs from the configured partitions: the same twice in a row counts.
    pub fn topics(&mut self, differing: &[String]) -> Option<Verdict> {
        let now = (!differing.is_empty()).then(|| differing.join(", "));
        let before = std::mem::replace(&mut self.differing, now.clone());
        now.filter(|now| before.as_ref() == Some(now)).map(Verdict::Topics)
    }
}

impl Position {
    fn is_behind(&self) -> bool {
        self.end > self.next.unwrap_or(0)
    }
}

/// Milliseconds since the last look, as far as they count.
fn counted(last: &mut Option<u64>, now_ms: u64) -> u64 {
    let passed = last.map_or(0, |last| now_ms.saturating_sub(last));
    *last = Some(now_ms);
    passed.min(LOOK_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::vitals::Vitals;

    const STAGE: StageName = StageName::Customer;

    fn judge() -> Judge {
        Judge::new(Limits { call_ms: 60_000, restore_ms: 90_000, stall_ms: 120_000 })
    }

    fn at(next: i64, end: i64) -> Position {
        Position { stage: STAGE, shard: 3, topic: Topic::Repayments, next: Some(next), end }
    }

    #[test]
    fn a_call_that_does_not_come_back_ends_the_process_and_is_named() {
        let (mut judge, vitals) = (judge(), Vitals::default());
        vitals.enter(Call::SendOffsets);
        let found = (0..).step_by(1_000).find_map(|ms| Some((ms, judge.calls(ms, &[(STAGE, 1, vitals.look())])?)));
        let (ms, verdict) = found.unwrap();
        assert_eq!(ms, 60_000);
        assert_eq!(verdict, Verdict::Hung { stage: STAGE, lane: 1, call: Call::SendOffsets, secs: 60 });
        assert!(verdict.to_string().contains("customer lane 1: `send-offsets`"), "{verdict}");
    }

    #[test]
    fn a_restore_is_given_the_time_of_its_own_bounds_first() {
        let (mut judge, vitals) = (judge(), Vitals::default());
        vitals.enter(Call::Restore);
        for second in 0..60 {
            vitals.moved();
            assert_eq!(judge.calls(second * 1_000, &[(STAGE, 0, vitals.look())]), None);
        }
        let found =
            (60..).find_map(|second| Some((second, judge.calls(second * 1_000, &[(STAGE, 0, vitals.look())])?)));
        let (second, verdict) = found.unwrap();
        assert_eq!((second, &verdict), (149, &Verdict::Hung { stage: STAGE, lane: 0, call: Call::Restore, secs: 90 }));
    }

    #[test]
    fn short_calls_steps_within_a_long_one_and_time_outside_of_calls_are_no_hang() {
        let (mut judge, vitals) = (judge(), Vitals::default());
        for second in 0..1_000 {
            match second % 3 {
                0 => vitals.enter(Call::Commit),
                1 => vitals.moved(),
                _ => vitals.left(),
            }
            assert_eq!(judge.calls(second * 1_000, &[(STAGE, 0, vitals.look())]), None);
        }
        vitals.left();
        for second in 1_000..2_000 {
            assert_eq!(judge.calls(second * 1_000, &[(STAGE, 0, vitals.look())]), None, "nothing is called");
        }
    }

    #[test]
    fn a_process_that_was_stopped_is_not_blamed_for_the_time_in_between() {
        let (mut judge, vitals) = (judge(), Vitals::default());
        vitals.enter(Call::Commit);
        assert_eq!(judge.calls(0, &[(STAGE, 0, vitals.look())]), None);
        assert_eq!(judge.calls(3_600_000, &[(STAGE, 0, vitals.look())]), None);
    }

    #[test]
    fn a_shard_that_stands_while_its_log_grows_is_suspected_until_it_moves() {
        let mut judge = judge();
        for look in 0..12 {
            assert!(judge.positions(look * 10_000, &[at(7, 8 + look as i64)]).is_empty());
        }
        let suspects = judge.positions(120_000, &[at(7, 20)]);
        assert_eq!(suspects, [at(7, 20)]);
        let said = judge.convict(&suspects[0]).to_string();
        assert!(said.contains("customer shard 3: repayments has stood at offset 7 for 120 s"), "{said}");
        assert!(judge.positions(130_000, &[at(8, 30)]).is_empty());
    }

    #[test]
    fn of_several_that_stand_the_longest_is_the_first() {
        let (mut judge, other) = (judge(), Position { shard: 1, ..at(7, 9) });
        for look in 0..3 {
            assert!(judge.positions(look * 10_000, &[at(7, 9)]).is_empty());
        }
        for look in 3..15 {
            judge.positions(look * 10_000, &[other, at(7, 9)]);
        }
        assert_eq!(judge.positions(150_000, &[other, at(7, 9)]), [at(7, 9), other]);
    }

    #[test]
    fn read_to_the_end_acquitted_or_given_away_is_no_stall() {
        let mut judge = judge();
        for look in 0..100 {
            assert!(judge.positions(look * 10_000, &[at(7, 7)]).is_empty(), "nothing to read");
        }
        for look in 100..111 {
            assert!(judge.positions(look * 10_000, &[at(7, 9)]).is_empty());
        }
        for suspect in judge.positions(1_110_000, &[at(7, 9)]) {
            judge.acquit(&suspect);
        }
        assert!(judge.positions(1_120_000, &[at(7, 9)]).is_empty(), "markers only");
        assert!(judge.positions(1_200_000, &[]).is_empty());
        assert!(judge.positions(1_300_000, &[at(7, 9)]).is_empty(), "it was somebody else's");
    }

    #[test]
    fn topics_that_differ_twice_in_a_row_end_the_process() {
        let (mut judge, eight) = (judge(), ["repayments has 8 partitions, expected 4".to_owned()]);
        assert_eq!(judge.topics(&eight), None);
        assert_eq!(judge.topics(&[]), None);
        assert_eq!(judge.topics(&eight), None);
        let said = judge.topics(&eight).unwrap().to_string();
        assert!(said.contains("repayments has 8 partitions, expected 4"), "{said}");
    }
}
