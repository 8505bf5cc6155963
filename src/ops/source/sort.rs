//! Sorting by event time: in memory up to a named maximum, above it in runs on disk that are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use super::RowEvent;
use crate::domain::codec::{self, Bytes, Reader};
use crate::domain::{EventTime, Text, codec::Avro};
use crate::wire::Schema;

/// Most runs that lie side by side; more are merged into one first.
const RUNS_MAX: usize = 64;

/// The order of events: time, then file, line, and place within the row.
type Order = (EventTime, u32, u64, u32);

fn order(event: &RowEvent) -> Order {
    (event.event_time, event.file, event.line, event.place)
}

/// Takes events in any order.
pub(super) struct Sorter {
    rows_max: usize,
    rows: Vec<RowEvent>,
    runs: Vec<File>,
}

impl Sorter {
    /// `rows_max`: events held in memory.
    pub fn new(rows_max: usize) -> Self {
        Self { rows_max: rows_max.max(1), rows: Vec::new(), runs: Vec::new() }
    }

    pub fn push(&mut self, event: RowEvent) -> io::Result<()> {
        if self.rows.len() >= self.rows_max {
            self.spill()?;
        }
        self.rows.push(event);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.rows.sort_unstable_by_key(order);
        let rows = std::mem::take(&mut self.rows);
        self.runs.push(write_run(rows.into_iter().map(Ok))?);
        if self.runs.len() >= RUNS_MAX {
            let merged = write_run(Merged::of(std::mem::take(&mut self.runs), Vec::new())?)?;
            self.runs.push(merged);
        }
        Ok(())
    }

    /// All events in their order.
    pub fn finish(mut self) -> io::Result<Merged> {
        self.rows.sort_unstable_by_key(order);
        Merged::of(self.runs, self.rows)
    }
}

fn write_run(events: impl Iterator<Item = io::Result<RowEvent>>) -> io::Result<File> {
    let mut out = BufWriter::new(tempfile::tempfile()?);
    let mut record = Vec::new();
    for event in events {
        record.clear();
        put(event?, &mut record);
        out.write_all(&(record.len() as u64).to_le_bytes())?;
        out.write_all(&record)?;
    }
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

fn put(event: RowEvent, out: &mut Vec<u8>) {
    event.event_time.put(out);
    for number in [i64::from(event.file), event.line as i64, i64::from(event.place)] {
        codec::put_long(number, out);
    }
    event.schema.put(out);
    event.key.put(out);
    Bytes(event.value).put(out);
}

fn get(record: &[u8]) -> Result<RowEvent, codec::CodecError> {
    let mut reader = Reader::new(record);
    let event_time = EventTime::get(&mut reader)?;
    let (file, line, place) = (reader.long()? as u32, reader.long()? as u64, reader.long()? as u32);
    let (schema, key, value) = (Schema::get(&mut reader)?, Text::get(&mut reader)?, Bytes::get(&mut reader)?.0);
    Ok(RowEvent { event_time, schema, key, value, file, line, place })
}

/// The sorted runs and what is still in memory, as one sequence.
pub(super) struct Merged {
    runs: Vec<BufReader<File>>,
    rows: std::vec::IntoIter<RowEvent>,
    /// The next event of each run, and of the memory (which is the run behind the last).
    heads: BinaryHeap<Reverse<Head>>,
}

struct Head {
    event: RowEvent,
    run: usize,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        order(&self.event) == order(&other.event)
    }
}
impl Eq for Head {}
impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        order(&self.event).cmp(&order(&other.event))
    }
}

impl Merged {
    fn of(runs: Vec<File>, rows: Vec<RowEvent>) -> io::Result<Self> {
        let runs = runs.into_iter().map(BufReader::new).collect();
        let mut merged = Self { runs, rows: rows.into_iter(), heads: BinaryHeap::new() };
        for run in 0..=merged.runs.len() {
            merged.pull(run)?;
        }
        Ok(merged)
    }

    /// Puts the next event of a run among the heads.
    fn pull(&mut self, run: usize) -> io::Result<()> {
        let event = match self.runs.get_mut(run) {
            Some(file) => read_record(file)?,
            None => self.rows.next(),
        };
        self.heads.extend(event.map(|event| Reverse(Head { event, run })));
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = io::Result<RowEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse(head) = self.heads.pop()?;
        match self.pull(head.run) {
            Ok(()) => Some(Ok(head.event)),
            Err(error) => Some(Err(error)),
        }
    }
}

fn read_record(file: &mut BufReader<File>) -> io::Result<Option<RowEvent>> {
    let mut length = [0; 8];
    match file.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u64::from_le_bytes(length);
    let mut record = Vec::new();
    file.take(length).read_to_end(&mut record)?;
    get(&record).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("a sorted run: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event((time, file, line): (i64, u32, u64)) -> RowEvent {
        let value = vec![line as u8; 3];
        RowEvent { event_time: EventTime(time), schema: Schema::Outcome, key: "c".into(), value, file, line, place: 0 }
    }

    #[test]
    fn a_record_on_disk_is_the_same() {
        let event = event((-5, 7, u64::from(u32::MAX) + 1));
        let mut record = Vec::new();
        put(event.clone(), &mut record);
        assert_eq!(get(&record).unwrap(), event);
    }

    proptest! {
        /// Whatever the maximum in memory, the sequence is the one sorted at once; more runs than lie side by side too.
        #[test]
        fn disk_and_memory_agree(keys in prop::collection::vec((-3i64..3, 0u32..3, 0u64..1000), 0..200), rows_max in 1usize..5) {
            let mut sorter = Sorter::new(rows_max);
            for key in &keys {
                sorter.push(event(*key)).unwrap();
            }
            let sorted: Vec<RowEvent> = sorter.finish().unwrap().map(Result::unwrap).collect();
            let mut expected = keys;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected.into_iter().map(event).collect::<Vec<_>>());
        }
    }
}
