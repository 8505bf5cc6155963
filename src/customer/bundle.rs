//! What a transaction has to say to the partner stage: one bundle per partition, its deltas added up.

use std::mem::{replace, swap};

use super::Settings;
use super::clocks::Clocks;
use super::contribution::{Cell, difference};
use super::delta_rows::DeltaRows;
use super::record::ScoreFact;
use crate::domain::codec::Avro;
use crate::domain::fact::{BundleHeader, PartnerClock, Scored};
use crate::domain::fate::FateCounts;
use crate::domain::partition::partition_of;
use crate::domain::time::SECOND_MS;
use crate::domain::{CalendarDay, EventTime, FactBundle, Fate, List, Output, Proposal, Settlement, Text, set_text};
use crate::planted::{self, Bug};
use crate::record;
use crate::store::{Names, Number, Sorted, Spares};

/// How far the shard has spoken to one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Bundles sent, without gaps.
    pub sequence: i64,
    /// `now` of the last one.
    pub sent_at: EventTime,
}
record!(Line { sequence, sent_at });

/// Most partners whose numbers are kept from one transaction to the next.
const PARTNERS_KEPT_MAX: usize = 4_096;
/// Most bundles that are kept to write others in.
const SPARE_BUNDLES_MAX: usize = 64;
/// Most settlements, and most proposals, that are kept to say others in, and how many are made at once.
const SPARES_SAID_MAX: usize = 1_024;
const SAID_MADE_AT_ONCE: usize = 128;

/// Most that is gathered for one partition, bytes: a message is at most 1,000,000, and beside it clocks and what one more event
/// says have to find room.
const BUNDLE_BYTES_MAX: usize = 512 * 1024;
/// Most bytes of a partner's deltas besides them and its name, and of a score's count besides its texts.
const PARTNER_BYTES_MAX: usize = 8;
const SCORED_BYTES_MAX: usize = 24;

/// What one partition is to hear at the end of the transaction.
#[derive(Debug, Default)]
struct Parts {
    /// Not below what is gathered, when it is encoded; clocks come last and are not in it.
    bytes: usize,
    deltas: DeltaRows,
    settlements: List<Settlement>,
    proposals: List<Proposal>,
    clocks: Vec<PartnerClock>,
    /// In the order of partner, model, version, day and tenth.
    scored: Vec<Scored>,
}

/// Where a partner is spoken of.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: usize,
    /// The transaction in which a delta of it was last added.
    spoken_in: u64,
}

/// The bundles of the transaction in the making, and the lines they go out on.
#[derive(Debug)]
pub struct Bundles {
    pub lines: Sorted<i32, Line>,
    parts: Vec<Parts>,
    fates: FateCounts,
    pub partners: Names,
    /// By the partner's number.
    places: Vec<Place>,
    /// The number of the transaction in the making.
    transaction: u64,
    spares: Spares<Box<FactBundle>>,
    /// Settlements and proposals that are written, of all partitions, to say others in.
    settlements: Spares<Settlement>,
    proposals: Spares<Proposal>,
    /// Bytes of the part that has most.
    fullest: usize,
    /// Proposals and settlements are encoded here to be measured.
    measured: Vec<u8>,
}

impl Bundles {
    pub fn new(partitions: i32) -> Self {
        let parts = (0..partitions.max(1)).map(|_| Parts::default()).collect();
        Self {
            lines: Sorted::default(),
            parts,
            fates: FateCounts::default(),
            partners: Names::default(),
            places: Vec::new(),
            transaction: 1,
            spares: Spares::new(SPARE_BUNDLES_MAX, 1),
            settlements: Spares::new(SPARES_SAID_MAX, SAID_MADE_AT_ONCE),
            proposals: Spares::new(SPARES_SAID_MAX, SAID_MADE_AT_ONCE),
            fullest: 0,
            measured: Vec::new(),
        }
    }

    fn parts_of(&mut self, partner: &str) -> Option<&mut Parts> {
        let partition = partition_of(partner.as_bytes(), self.parts.len() as i32);
        self.parts.get_mut(usize::try_from(partition).ok()?)
    }

    /// Counts the fate of one event.
    pub fn count(&mut self, fate: &Fate) {
        self.fates.count(fate);
    }

    /// The number of a partner, good until the transaction ends.
    #[inline]
    pub fn number(&mut self, partner: &str) -> Number {
        let number = self.partners.number(partner);
        if self.places.len() < self.partners.len() {
            // It was named for the first time.
            self.place(partner);
        }
        number
    }

    #[inline(never)]
    fn place(&mut self, partner: &str) {
        let partition = partition_of(partner.as_bytes(), self.parts.len() as i32);
        let partition = usize::try_from(partition).unwrap_or_default();
        self.places.push(Place { partition, spoken_in: 0 });
    }

    /// Adds what a change of one entity means for its partner's counters.
    pub fn add(&mut self, partner: &str, before: &[Cell], after: &[Cell]) {
        let number = self.number(partner);
        let place = &mut self.places[number.index()];
        let parts = &mut self.parts[place.partition];
        if place.spoken_in != self.transaction {
            place.spoken_in = self.transaction;
            parts.bytes += PARTNER_BYTES_MAX + partner.len();
        }
        let before = if planted::is(Bug::ContributionNotReversed) { &[] } else { before };
        difference(before, after, |counter, at, tally| parts.bytes += parts.deltas.add(number, counter, at, tally));
        self.fullest = parts.bytes.max(self.fullest);
    }

    /// Counts a score that a decision found.
    pub fn score(&mut self, partner: &str, score: &ScoreFact, day: CalendarDay, tenth: usize) {
        let Some(parts) = self.parts_of(partner) else { return };
        let (model, version, tenth) = (&score.model, &score.version, tenth as i32);
        let wanted = (partner, model.as_str(), version.as_str(), day, tenth);
        let key = |it: &Scored| (&*it.partner, &*it.model, &*it.version, it.day, it.tenth).cmp(&wanted);
        match parts.scored.binary_search_by(key) {
            Ok(at) => parts.scored[at].count += 1,
            Err(at) => {
                let (partner, model, version) = (Text::from(partner), model.clone(), version.clone());
                parts.bytes += SCORED_BYTES_MAX + partner.len() + model.len() + version.len();
                parts.scored.insert(at, Scored { partner, model, version, day, tenth, count: 1 });
            }
        }
        self.fullest = parts.bytes.max(self.fullest);
    }

    /// Takes a settlement and leaves another one, that was said before, to be written over.
    pub fn settle(&mut self, settlement: &mut Settlement) {
        let (size, another) = (self.measure(settlement), self.settlements.take_or(Settlement::with_room));
        if let Some(parts) = self.parts_of(&settlement.partner) {
            parts.bytes += size;
            parts.settlements.push(replace(settlement, another));
            self.fullest = parts.bytes.max(self.fullest);
        }
    }

    /// Takes a proposal, and leaves another one likewise.
    pub fn propose(&mut self, proposal: &mut Proposal) {
        let (size, another) = (self.measure(proposal), self.proposals.take_or(|| proposal.clone()));
        if let Some(parts) = self.parts_of(&proposal.partner) {
            parts.bytes += size;
            parts.proposals.push(replace(proposal, another));
            self.fullest = parts.bytes.max(self.fullest);
        }
    }

    /// Takes a bundle back that is written, to write another in it.
    pub fn take_back(&mut self, mut bundle: Box<FactBundle>) {
        bundle.settlements.drain().for_each(|said| self.settlements.keep(said));
        bundle.proposals.drain().for_each(|said| self.proposals.keep(said));
        self.spares.keep(bundle);
    }

    fn measure<'a>(&mut self, said: &impl Avro<'a>) -> usize {
        self.measured.clear();
        said.put(&mut self.measured);
        self.measured.len()
    }

    /// True when one partition is to hear as much as goes into a message: the transaction ends with it.
    pub fn is_full(&self) -> bool {
        self.fullest >= BUNDLE_BYTES_MAX
    }

    /// True when a proposal or a settlement waits to go out.
    pub fn urgent(&self) -> bool {
        self.parts.iter().any(|parts| !parts.proposals.is_empty() || !parts.settlements.is_empty())
    }

    /// True when some partition has not heard from the shard for `heartbeat_secs`, or never.
    pub fn due(&self, now: EventTime, settings: &Settings) -> bool {
        (0..self.parts.len() as i32).any(|partition| owed(&self.lines, partition, now, settings))
    }

    /// Closes the transaction's bundles: to every partition that has something to hear or is owed a heartbeat.
    pub fn seal(&mut self, header: &BundleHeader, clocks: &mut Clocks, settings: &Settings, out: &mut Vec<Output>) {
        for (partner, newest) in clocks.newest.changed().filter(|(partner, _)| !partner.is_empty()) {
            if let (Some(parts), Some(event_time)) = (self.parts_of(partner), newest) {
                parts.clocks.push(PartnerClock { partner: partner.clone(), event_time: *event_time });
            }
        }
        let partners = self.partners.ranked();
        for (partition, parts) in (0..).zip(&mut self.parts) {
            let owed = owed(&self.lines, partition, header.now, settings);
            let mut bundle = self.spares.take_or(Box::default);
            parts.take(partners, &mut bundle);
            if !owed && bundle.is_silent() {
                self.spares.keep(bundle);
                continue;
            }
            let line = self.lines.edit_or(&partition, Line::default);
            *line = Line { sequence: line.sequence + 1, sent_at: header.now };
            let mut policy_version = std::mem::take(&mut bundle.header.policy_version);
            set_text(&mut policy_version, &header.policy_version);
            bundle.header = BundleHeader { policy_version, sequence: line.sequence, fates: self.fates, ..*header };
            out.push(Output::Bundle { partition, bundle });
        }
        self.begin();
    }

    /// Begins the next transaction.
    fn begin(&mut self) {
        (self.fates, self.fullest) = (FateCounts::default(), 0);
        self.transaction += 1;
        self.tidy();
    }

    /// Forgets the partners' numbers when there are too many; no delta may be named by them then.
    fn tidy(&mut self) {
        if self.partners.len() > PARTNERS_KEPT_MAX {
            self.partners = Names::default();
            self.places.clear();
        }
    }

    /// Forgets the transaction in the making.
    pub fn undo(&mut self) {
        self.lines.undo();
        self.parts.iter_mut().for_each(Parts::forget);
        self.begin();
    }
}

/// True when a partition has not heard from the shard for `heartbeat_secs`, or never.
fn owed(lines: &Sorted<i32, Line>, partition: i32, now: EventTime, settings: &Settings) -> bool {
    let silence_max = settings.heartbeat_secs.saturating_mul(SECOND_MS);
    lines.get(&partition).is_none_or(|line| now.ms_since(line.sent_at) >= silence_max)
}

impl Parts {
    /// Writes everything said so far over a bundle that was written before, in an order that does not depend on how it was
    /// gathered. What the bundle said is room for what is said next.
    fn take(&mut self, partners: &Names, bundle: &mut FactBundle) {
        self.deltas.take(partners, &mut bundle.deltas);
        swap(&mut bundle.scored, &mut self.scored);
        swap(&mut bundle.clocks, &mut self.clocks);
        swap(&mut bundle.settlements, &mut self.settlements);
        swap(&mut bundle.proposals, &mut self.proposals);
        self.forget();
    }

    /// Says nothing any more.
    fn forget(&mut self) {
        self.bytes = 0;
        self.deltas.clear();
        self.settlements.clear();
        self.proposals.clear();
        self.clocks.clear();
        self.scored.clear();
    }
}

impl FactBundle {
    /// Nothing in it but the heartbeat.
    fn is_silent(&self) -> bool {
        let said = [self.deltas.len(), self.settlements.len(), self.proposals.len(), self.scored.len()];
        self.clocks.is_empty() && said.iter().all(|n| *n == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Counter;
    use crate::domain::counter::Tally;
    use crate::domain::fact::SettlementKind;

    const PARTNER: &str = "partner-with-a-name-that-is-longer-than-most";

    fn bundles() -> (Bundles, Settings) {
        let settings = Settings {
            shard: 0,
            shards: 1,
            partner_partitions: 2,
            future_event_secs_max: 3_600,
            late_event_secs_max: 3_600,
            decision_age_secs_max: 3_600,
            end_to_end_days: 30,
            heartbeat_secs: 5,
        };
        (Bundles::new(2), settings)
    }

    /// The largest bundle that the transaction ends with, bytes.
    fn sealed(bundles: &mut Bundles, settings: &Settings) -> usize {
        let (mut out, now) = (Vec::new(), EventTime(1));
        let header = BundleHeader {
            source_shard: 0,
            source_shards: 1,
            sequence: 0,
            now,
            high_event_time: now,
            backlog: 0,
            policy_version: Text::default(),
            fates: FateCounts::default(),
            policy_offset: None,
        };
        bundles.seal(&header, &mut Clocks::default(), settings, &mut out);
        let size = |output: &Output| match output {
            Output::Bundle { bundle, .. } => {
                let mut encoded = Vec::new();
                bundle.put(&mut encoded);
                encoded.len()
            }
            _ => 0,
        };
        out.iter().map(size).max().unwrap()
    }

    /// Says something again and again until the transaction is to end.
    fn fill(bundles: &mut Bundles, mut say: impl FnMut(&mut Bundles, i64)) {
        let full = (0..1_000_000).find(|number| {
            say(bundles, *number);
            bundles.is_full()
        });
        assert!(full.is_some(), "there is no maximum");
    }

    #[test]
    fn a_bundle_ends_the_transaction_before_it_is_larger_than_a_message() {
        let (mut bundles, settings) = bundles();
        let largest = Tally { count: i64::from(i32::MAX), amount_minor: i64::MAX };
        fill(&mut bundles, |bundles, number| {
            let at = 4_000_000_000_000 + number * 60_000;
            bundles.add(PARTNER, &[], &[Cell { counter: Counter::HeldOutTimedOut, at, tally: largest }]);
        });
        let size = sealed(&mut bundles, &settings);
        assert!((BUNDLE_BYTES_MAX / 2..BUNDLE_BYTES_MAX + 1_000).contains(&size), "{size} bytes of deltas");
        assert!(!bundles.is_full(), "the next one begins empty");

        fill(&mut bundles, |bundles, number| bundles.settle(&mut settlement(number)));
        bundles.undo();
        assert!(!bundles.is_full(), "what is undone is not said");
        fill(&mut bundles, |bundles, number| bundles.settle(&mut settlement(number)));
        let size = sealed(&mut bundles, &settings);
        assert!((BUNDLE_BYTES_MAX / 2..BUNDLE_BYTES_MAX + 1_000).contains(&size), "{size} bytes of settlements");
    }

    fn settlement(number: i64) -> Settlement {
        Settlement {
            candidate: Text::from(format!("candidate-{number}").as_str()),
            customer: Text::from(format!("customer-{number}").as_str()),
            partner: Text::from(PARTNER),
            kind: SettlementKind::Diverted,
            reason: Text::from("END_DIVERTED"),
            at: EventTime(1),
        }
    }
}
