//! What a transaction has to say to the partner stage: one bundle per partition, its deltas added up.

use std::collections::BTreeMap;
use std::mem::swap;

use rustc_hash::FxHashMap;

use super::Settings;
use super::clocks::Clocks;
use super::contribution::{Cell, difference};
use super::record::ScoreFact;
use crate::domain::counter::Tally;
use crate::domain::fact::{BundleHeader, PartnerClock, Scored};
use crate::domain::fate::FateCounts;
use crate::domain::partition::partition_of;
use crate::domain::time::SECOND_MS;
use crate::domain::{
    CalendarDay, Counter, Delta, EventTime, FactBundle, Fate, List, Output, Proposal, Settlement, Text, set_text,
};
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

/// A partner's number, a counter, and where its cell starts.
type DeltaKey = (Number, Counter, i64);

/// What one partition is to hear at the end of the transaction.
#[derive(Debug, Default)]
struct Parts {
    /// By the partner's number.
    deltas: FxHashMap<DeltaKey, Tally>,
    settlements: List<Settlement>,
    proposals: List<Proposal>,
    clocks: Vec<PartnerClock>,
    /// By partner, model, version, day and tenth.
    scored: BTreeMap<(Text, Text, Text, CalendarDay, i32), i64>,
}

/// The bundles of the transaction in the making, and the lines they go out on.
#[derive(Debug)]
pub struct Bundles {
    pub lines: Sorted<i32, Line>,
    parts: Vec<Parts>,
    fates: FateCounts,
    partners: Names,
    /// Deltas on their way into a bundle, behind the rank of their partner.
    said: Vec<(u128, DeltaKey, Tally)>,
    spares: Spares<Box<FactBundle>>,
}

impl Bundles {
    pub fn new(partitions: i32) -> Self {
        let parts = (0..partitions.max(1)).map(|_| Parts::default()).collect();
        Self {
            lines: Sorted::default(),
            parts,
            fates: FateCounts::default(),
            partners: Names::default(),
            said: Vec::new(),
            spares: Spares::new(SPARE_BUNDLES_MAX),
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

    /// Adds what a change of one entity means for its partner's counters.
    pub fn add(&mut self, partner: &str, before: &[Cell], after: &[Cell]) {
        let number = self.partners.number(partner);
        let Some(parts) = self.parts_of(partner) else { return };
        let deltas = &mut parts.deltas;
        let before = if planted::is(Bug::ContributionNotReversed) { &[] } else { before };
        difference(before, after, |counter, at, tally| {
            deltas.entry((number, counter, at)).or_default().add(tally);
        });
    }

    /// Counts a score that a decision found.
    pub fn score(&mut self, partner: &str, score: &ScoreFact, day: CalendarDay, tenth: usize) {
        let Some(parts) = self.parts_of(partner) else { return };
        let key = (Text::from(partner), score.model.clone(), score.version.clone(), day, tenth as i32);
        *parts.scored.entry(key).or_default() += 1;
    }

    /// Takes a settlement and leaves another one, that was said before, to be written over.
    pub fn settle(&mut self, settlement: &mut Settlement) {
        if let Some(parts) = self.parts_of(&settlement.partner) {
            swap(parts.settlements.next(), settlement);
        }
    }

    /// Takes a proposal, and leaves another one likewise.
    pub fn propose(&mut self, proposal: &mut Proposal) {
        if let Some(parts) = self.parts_of(&proposal.partner) {
            swap(parts.proposals.next(), proposal);
        }
    }

    /// Takes a bundle back that is written, to write another in it.
    pub fn take_back(&mut self, bundle: Box<FactBundle>) {
        self.spares.keep(bundle);
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
            let mut bundle = self.spares.take().unwrap_or_default();
            parts.take(partners, &mut self.said, &mut bundle);
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
        self.fates = FateCounts::default();
        self.tidy();
    }

    /// Forgets the partners' numbers when there are too many; no delta may be named by them then.
    fn tidy(&mut self) {
        if self.partners.len() > PARTNERS_KEPT_MAX {
            self.partners = Names::default();
        }
    }

    /// Forgets the transaction in the making.
    pub fn undo(&mut self) {
        self.lines.undo();
        self.fates = FateCounts::default();
        self.parts.iter_mut().for_each(Parts::forget);
        self.tidy();
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
    fn take(&mut self, partners: &Names, said: &mut Vec<(u128, DeltaKey, Tally)>, bundle: &mut FactBundle) {
        said.clear();
        let changed = self.deltas.drain().filter(|(_, change)| !change.is_zero());
        said.extend(changed.map(|(key, change)| (order(partners.rank(key.0), key.1, key.2), key, change)));
        said.sort_unstable_by_key(|(order, ..)| *order);
        bundle.deltas.clear();
        bundle.deltas.extend(said.iter().map(|(_, (number, counter, at), change)| {
            let partner = partners.text(*number).clone();
            Delta { partner, counter: *counter, at: *at, change: *change }
        }));
        let scored = std::mem::take(&mut self.scored).into_iter();
        let scored = scored.map(|((partner, model, version, day, tenth), count)| Scored {
            partner,
            model,
            version,
            day,
            tenth,
            count,
        });
        bundle.scored.clear();
        bundle.scored.extend(scored);
        swap(&mut bundle.clocks, &mut self.clocks);
        swap(&mut bundle.settlements, &mut self.settlements);
        swap(&mut bundle.proposals, &mut self.proposals);
        self.forget();
    }

    /// Says nothing any more.
    fn forget(&mut self) {
        self.deltas.clear();
        self.settlements.clear();
        self.proposals.clear();
        self.clocks.clear();
        self.scored.clear();
    }
}

/// One number that sorts like partner, counter and time: there are thousands of deltas in a transaction.
fn order(partner: u32, counter: Counter, at: i64) -> u128 {
    let at = at.wrapping_sub(i64::MIN) as u64;
    u128::from(partner) << 96 | (counter as u128) << 64 | u128::from(at)
}

impl FactBundle {
    /// Nothing in it but the heartbeat.
    fn is_silent(&self) -> bool {
        let said = [self.deltas.len(), self.settlements.len(), self.proposals.len(), self.scored.len()];
        self.clocks.is_empty() && said.iter().all(|n| *n == 0)
    }
}
