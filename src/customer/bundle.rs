//! What a transaction has to say to the partner stage: one bundle per partition, its deltas added up.

use std::collections::BTreeMap;

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
use crate::domain::{CalendarDay, Counter, Delta, EventTime, FactBundle, Fate, Output, Proposal, Settlement, Text};
use crate::planted::{self, Bug};
use crate::record;
use crate::store::{Names, Number, Sorted};

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

/// What one partition is to hear at the end of the transaction.
#[derive(Debug, Default)]
struct Parts {
    /// By the partner's number.
    deltas: FxHashMap<(Number, Counter, i64), Tally>,
    settlements: Vec<Settlement>,
    proposals: Vec<Proposal>,
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
}

impl Bundles {
    pub fn new(partitions: i32) -> Self {
        let parts = (0..partitions.max(1)).map(|_| Parts::default()).collect();
        Self { lines: Sorted::default(), parts, fates: FateCounts::default(), partners: Names::default() }
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

    pub fn settle(&mut self, settlement: Settlement) {
        if let Some(parts) = self.parts_of(&settlement.partner) {
            parts.settlements.push(settlement);
        }
    }

    pub fn propose(&mut self, proposal: Proposal) {
        if let Some(parts) = self.parts_of(&proposal.partner) {
            parts.proposals.push(proposal);
        }
    }

    /// True when a proposal or a settlement waits to go out.
    pub fn urgent(&self) -> bool {
        self.parts.iter().any(|parts| !parts.proposals.is_empty() || !parts.settlements.is_empty())
    }

    /// True when some partition has not heard from the shard for `heartbeat_secs`, or never.
    pub fn due(&self, now: EventTime, settings: &Settings) -> bool {
        (0..self.parts.len() as i32).any(|partition| self.owed(partition, now, settings))
    }

    fn owed(&self, partition: i32, now: EventTime, settings: &Settings) -> bool {
        let silence_max = settings.heartbeat_secs.saturating_mul(SECOND_MS);
        self.lines.get(&partition).is_none_or(|line| now.ms_since(line.sent_at) >= silence_max)
    }

    /// Closes the transaction's bundles: to every partition that has something to hear or is owed a heartbeat.
    pub fn seal(&mut self, header: &BundleHeader, clocks: &Clocks, settings: &Settings, out: &mut Vec<Output>) {
        for (partner, newest) in clocks.newest.changed().filter(|(partner, _)| !partner.is_empty()) {
            if let (Some(parts), Some(event_time)) = (self.parts_of(partner), newest) {
                parts.clocks.push(PartnerClock { partner: partner.clone(), event_time: *event_time });
            }
        }
        let ranks = self.partners.ranks();
        for partition in 0..self.parts.len() as i32 {
            let owed = self.owed(partition, header.now, settings);
            let Some(parts) = self.parts.get_mut(partition as usize) else { continue };
            let bundle = parts.take(header, &self.partners, |number| ranks.of(number));
            if !owed && bundle.is_silent() {
                continue;
            }
            let line = self.lines.edit_or(&partition, Line::default);
            *line = Line { sequence: line.sequence + 1, sent_at: header.now };
            let header = BundleHeader { sequence: line.sequence, fates: self.fates, ..bundle.header };
            out.push(Output::Bundle { partition, bundle: Box::new(FactBundle { header, ..bundle }) });
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
        for parts in &mut self.parts {
            parts.deltas.clear();
            parts.settlements.clear();
            parts.proposals.clear();
            parts.clocks.clear();
            parts.scored.clear();
        }
        self.tidy();
    }
}

impl Parts {
    /// Everything said so far, in an order that does not depend on how it was gathered.
    fn take(&mut self, header: &BundleHeader, partners: &Names, rank: impl Fn(Number) -> u32) -> FactBundle {
        let said = self.deltas.drain().filter(|(_, change)| !change.is_zero());
        let mut said: Vec<_> = said.map(|(key, change)| (order(rank(key.0), key.1, key.2), key, change)).collect();
        said.sort_unstable_by_key(|(order, ..)| *order);
        let deltas = said.into_iter().map(|(_, (number, counter, at), change)| {
            let partner = partners.text(number).clone();
            Delta { partner, counter, at, change }
        });
        let deltas = deltas.collect();
        let scored = std::mem::take(&mut self.scored).into_iter();
        let scored = scored.map(|((partner, model, version, day, tenth), count)| Scored {
            partner,
            model,
            version,
            day,
            tenth,
            count,
        });
        FactBundle {
            header: header.clone(),
            clocks: std::mem::take(&mut self.clocks),
            deltas,
            settlements: std::mem::take(&mut self.settlements),
            proposals: std::mem::take(&mut self.proposals),
            scored: scored.collect(),
        }
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
