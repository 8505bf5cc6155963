//! The journal against what lies in the topics: every offset once, sequences and fates that add up (layer 2).

use std::collections::BTreeMap;

use reflow::domain::decision::StageName;
use reflow::domain::journal::{JournalEntry, Run, StepKind};
use reflow::domain::{EventTime, FactBundle, Reply};

use super::Verdict;
use super::inputs::{InputTopic, OwnedEvent};

/// One record that a stage read.
#[derive(Clone, Debug)]
pub enum Read {
    Event(OwnedEvent),
    Reply(Reply),
    Bundle(Box<FactBundle>),
}

/// Everything that lies in the topics the stages read, by topic without prefix, partition and offset. Offsets may have
/// holes: transaction markers take one each.
#[derive(Clone, Debug, Default)]
pub struct Log(pub BTreeMap<(String, i32), BTreeMap<i64, Read>>);

/// Topics that the stages read from each other; their records are not counted among the consumed.
pub const INTERNAL: [&str; 2] = ["replies", "partner-facts"];

/// A topic without its prefix.
pub fn bare(topic: &str) -> &str {
    topic.rsplit('.').next().unwrap_or(topic)
}

/// The stage that reads a topic.
fn reader(topic: &str) -> Option<StageName> {
    match topic {
        "partner-facts" => Some(StageName::Partner),
        "replies" => Some(StageName::Customer),
        other => InputTopic::named(other).map(|_| StageName::Customer),
    }
}

impl Log {
    pub fn put(&mut self, topic: &str, partition: i32, offset: i64, read: Read) {
        self.0.entry((bare(topic).to_owned(), partition)).or_default().insert(offset, read);
    }

    /// The records of a run on a shard, in offset order.
    pub fn run(&self, shard: i32, run: &Run) -> Vec<(i64, &Read)> {
        let partition = self.0.get(&(bare(&run.topic).to_owned(), shard));
        match partition {
            Some(records) if run.from <= run.to => records.range(run.from..=run.to).map(|(o, r)| (*o, r)).collect(),
            _ => Vec::new(),
        }
    }
}

/// One thing that a shard was told, with the `now` of its transaction and the transaction's place in the journal.
pub struct Told<'a> {
    pub sequence: i64,
    pub now: EventTime,
    /// None: a tick.
    pub read: Option<&'a Read>,
}

/// Entries of one shard in the order of their sequence.
pub fn of_shard(entries: &[JournalEntry], stage: StageName, shard: i32) -> Vec<&JournalEntry> {
    let mut own: Vec<&JournalEntry> = entries.iter().filter(|e| e.stage == stage && e.shard == shard).collect();
    own.sort_by_key(|entry| entry.sequence);
    own
}

/// Everything a shard was told, in the order taken.
pub fn told<'a>(entries: &[&JournalEntry], log: &'a Log) -> Vec<Told<'a>> {
    let mut all = Vec::new();
    for entry in entries {
        let (sequence, now) = (entry.sequence, entry.now);
        for run in &entry.runs {
            match run.kind {
                StepKind::Records => all.extend(log.run(entry.shard, run).into_iter().map(|(_, read)| Told {
                    sequence,
                    now,
                    read: Some(read),
                })),
                StepKind::Tick => {
                    all.extend((0..run.records.max(1)).map(|_| Told { sequence, now, read: None }));
                }
                StepKind::Scan => {}
            }
        }
    }
    all
}

/// Checks sequences, clocks, coverage and fate counts of all shards.
pub fn check(entries: &[JournalEntry], log: &Log) -> Verdict {
    let mut verdict = Verdict::default();
    let mut shards: Vec<(StageName, i32)> = entries.iter().map(|e| (e.stage, e.shard)).collect();
    shards.sort();
    shards.dedup();
    for (stage, shard) in shards {
        let own = of_shard(entries, stage, shard);
        sequences(&own, &mut verdict);
        own.iter().for_each(|entry| counts(entry, &mut verdict));
    }
    for ((topic, partition), records) in &log.0 {
        let Some(stage) = reader(topic) else {
            verdict.say(format!("no stage reads topic {topic}"));
            continue;
        };
        coverage(&of_shard(entries, stage, *partition), topic, *partition, records, &mut verdict);
    }
    verdict
}

fn sequences(own: &[&JournalEntry], verdict: &mut Verdict) {
    let mut before = EventTime(i64::MIN);
    for (expected, entry) in (1..).zip(own) {
        let name = format!("journal of {} shard {}", entry.stage, entry.shard);
        verdict.expect(entry.sequence == expected, || {
            format!("{name}: sequence {} where {expected} was expected", entry.sequence)
        });
        verdict.expect(entry.now >= before, || format!("{name}: now goes back at sequence {}", entry.sequence));
        before = before.max(entry.now);
    }
}

/// Consumed input records are the sum of the fates; internal records are counted apart.
fn counts(entry: &JournalEntry, verdict: &mut Verdict) {
    if entry.stage != StageName::Customer {
        return;
    }
    let input = |run: &&Run| run.kind == StepKind::Records && !INTERNAL.contains(&bare(&run.topic));
    let consumed: i64 = entry.runs.iter().filter(input).map(|run| run.records).sum();
    verdict.expect(entry.fates.consumed() == consumed, || {
        format!(
            "journal of customer shard {} sequence {}: fates add up to {}, {consumed} records were consumed",
            entry.shard,
            entry.sequence,
            entry.fates.consumed()
        )
    });
}

/// Every record that lies there was taken once, in offset order, and no run claims more or fewer than lie there.
fn coverage(own: &[&JournalEntry], topic: &str, partition: i32, records: &BTreeMap<i64, Read>, verdict: &mut Verdict) {
    let mut taken: BTreeMap<i64, u32> = BTreeMap::new();
    let mut after = i64::MIN;
    for entry in own {
        for run in entry.runs.iter().filter(|r| r.kind == StepKind::Records && bare(&r.topic) == topic) {
            let name = format!("{topic}[{partition}] sequence {} run {}..{}", entry.sequence, run.from, run.to);
            verdict.expect(run.from > after && run.from <= run.to, || {
                format!("{name}: not behind the run before, which ended at {after}")
            });
            after = after.max(run.to);
            let mut found = 0;
            if run.from <= run.to {
                for (offset, _) in records.range(run.from..=run.to) {
                    *taken.entry(*offset).or_default() += 1;
                    found += 1;
                }
            }
            verdict.expect(found == run.records, || format!("{name}: says {} records, {found} lie there", run.records));
        }
    }
    for offset in records.keys() {
        match taken.get(offset).copied().unwrap_or(0) {
            1 => {}
            0 => verdict.say(format!(
                "{topic}[{partition}] offset {offset}: no journal run covers it; the last one ended at {after}"
            )),
            times => verdict.say(format!("{topic}[{partition}] offset {offset}: covered {times} times")),
        }
    }
}
