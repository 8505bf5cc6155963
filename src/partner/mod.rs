//! The partner stage: one owner per partner, who holds panes, windows, guard, quota and ledger. Pure.
//!
//! A fact bundle changes the [`panes`], from which [`windows`] are summed and [`rates`] read; a proposal meets [`guard`],
//! [`quota`] and [`ledger`] in [`admission`] and ends in [`settle`]; [`view`] says how the partner stands.

use rustc_hash::FxHashSet;

use crate::domain::codec::{self as avro, Avro, CodecError, Copying};
use crate::domain::time::SECOND_MS;
use crate::domain::{CalendarDay, EventTime, FactBundle, Fate, Output, Settlement, Text};
use crate::store::{Cursor, Sorted};

mod admission;
mod budget;
mod candidate_key;
mod cell_key;
mod clocks;
mod codec;
mod facts;
mod guard;
mod hysteresis;
mod ledger;
mod pace;
mod panes;
mod partners;
mod quota;
mod rates;
pub mod returning;
mod saying;
mod scores;
mod settle;
mod staleness;
mod stock;
mod view;
mod windows;

#[cfg(test)]
mod model;

pub use admission::{Contracts, Known};
pub use codec::{Entry, FORMAT};
pub use facts::{DATA_ALERT_EVERY_MS, GUARD_ALERT_EVERY_MS};
pub use guard::{APPROVAL_MS, BASELINE_MS};
pub use ledger::{ANSWER_KEPT_MS, ANSWERS_MAX, RESERVATIONS_MAX};
pub use pace::AT_ONCE_PART;
pub use rates::wilson_ppm;
pub use scores::SCORE_DAYS;
pub use settle::EXPIRIES_PER_TICK_MAX;
pub use staleness::STALE_HOLD_MS_MAX;
pub use view::VIEWS_PER_SEAL_MAX;

use candidate_key::CandidateKey;
use clocks::Clocks;
use codec::{Teller, tag};
use ledger::{Answers, Ledger, Reservation};
use panes::{Panes, Retention};
use partners::Partners;
use quota::Quotas;
use saying::Spent;
use scores::{ScoreKey, Tenths};
use staleness::StageState;
use stock::Snapshots;
use windows::Windows;

/// What a partner shard is told about itself and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub shard: i32,
    pub customer_shards: i32,
    /// Windows by name and length in milliseconds.
    pub windows: Vec<(Text, i64)>,
    pub minutes_keep_ms: i64,
    pub hours_keep_ms: i64,
    pub days_keep_ms: i64,
    /// Cases below which a rate is `too_few`.
    pub min_n: i64,
    pub heartbeat_stale_secs: i64,
    /// Time passes without records: a bundle of a later time than now comes from a clock that runs ahead.
    pub time_passes: bool,
    pub idle_after_secs: i64,
    /// Least time between two views of one partner, milliseconds.
    pub view_every_ms: i64,
}

/// One thing a shard is told.
pub enum Input<'a> {
    Bundle(&'a FactBundle),
    Tick,
    /// A person paused a partner, or let it go on.
    Pause {
        partner: &'a str,
        paused: bool,
    },
}

/// One shard of the partner stage.
pub struct Shard {
    settings: Settings,
    panes: Panes,
    /// Derived from the panes.
    windows: Windows,
    snapshots: Sorted<Text, Snapshots>,
    scores: Sorted<ScoreKey, Tenths>,
    partners: Partners,
    clocks: Clocks,
    quotas: Quotas,
    ledger: Ledger,
    answers: Answers,
    /// One record under the shard's number.
    stage: Sorted<i32, StageState>,
    /// To write changelog entries in.
    teller: Teller,
    spent: Spent,
    /// A reservation that has ended, or was packed, to read and write others over.
    ended: Option<Box<Reservation>>,
    /// What the bundle proposes that is being taken.
    proposed: FxHashSet<CandidateKey>,
    copying: Copying,
    /// Partners whose view is due, while they are looked through.
    due: Vec<Text>,
}

impl Shard {
    pub fn new(settings: Settings) -> Self {
        let retention = Retention {
            minutes_ms: settings.minutes_keep_ms,
            hours_ms: settings.hours_keep_ms,
            days_ms: settings.days_keep_ms,
        };
        Self {
            settings,
            panes: Panes::new(retention),
            windows: Windows::default(),
            snapshots: Sorted::default(),
            scores: Sorted::default(),
            partners: Partners::default(),
            clocks: Clocks::default(),
            quotas: Quotas::default(),
            ledger: Ledger::default(),
            answers: Answers::default(),
            stage: Sorted::default(),
            teller: Teller::default(),
            spent: Spent::default(),
            ended: None,
            proposed: FxHashSet::default(),
            copying: Copying::default(),
            due: Vec::new(),
        }
    }

    pub fn step(&mut self, input: Input<'_>, now: EventTime, policies: &impl Contracts, out: &mut Vec<Output>) -> Fate {
        self.advance(now, policies, out);
        match input {
            Input::Bundle(bundle) => return self.take(bundle, now, policies, out),
            Input::Pause { partner, paused } => self.pause(&Text::from(partner), paused, now),
            Input::Tick => self.expire(now, out),
        }
        self.report_staleness(now, policies, out);
        Fate::Applied
    }

    /// Moves panes, snapshots and closed horizons to where they stand at `now`.
    fn advance(&mut self, now: EventTime, contracts: &impl Contracts, out: &mut Vec<Output>) {
        self.panes.fold(now, |pane| out.push(Output::Pane(pane)));
        self.begin_day(now.utc_day());
        self.reopen_horizons(now, contracts);
    }

    /// The stock as a day begins is what roll rates are measured from.
    fn begin_day(&mut self, today: CalendarDay) {
        if self.stage_state().snapshot_day.is_none_or(|day| day < today) {
            self.edit_stage().snapshot_day = Some(today);
            for partner in self.partners.names() {
                stock::snapshot(&mut self.snapshots, &self.panes, &partner, today);
            }
            self.forget_scores(today);
        }
    }

    /// Deltas, then settlements, then proposals: what a proposal meets includes all that its bundle knows. The settlement
    /// of a candidate that the same bundle proposes comes last, so that it finds the reservation it ends.
    fn take(&mut self, bundle: &FactBundle, now: EventTime, policies: &impl Contracts, out: &mut Vec<Output>) -> Fate {
        let (header, source_shard) = (&bundle.header, bundle.header.source_shard);
        if !self.hear(header, now, out) {
            return Fate::Duplicate;
        }
        self.report_staleness(now, policies, out);
        self.take_clocks(&bundle.clocks, now);
        self.take_deltas(bundle, now, out);
        self.take_scores(&bundle.scored, now);
        let mut proposed = std::mem::take(&mut self.proposed);
        proposed.clear();
        // Only settlements ask what the bundle proposes.
        if !bundle.settlements.is_empty() {
            proposed.extend(bundle.proposals.iter().map(|p| CandidateKey::of(&p.candidate.candidate)));
        }
        let is_own = |settlement: &&Settlement| proposed.contains(&CandidateKey::of(&settlement.candidate));
        for settlement in bundle.settlements.iter().filter(|settlement| !is_own(settlement)) {
            self.settle(settlement, source_shard, now, out);
        }
        for proposal in &bundle.proposals {
            self.propose(proposal, source_shard, now, policies, out);
        }
        for settlement in bundle.settlements.iter().filter(is_own) {
            self.settle(settlement, source_shard, now, out);
        }
        self.proposed = proposed;
        Fate::Applied
    }

    fn pause(&mut self, partner: &Text, paused: bool, now: EventTime) {
        self.partners.edit(partner).paused = paused;
        self.partners.changed(partner, self.settings.view_every_ms, now);
    }

    /// Ends the transaction: changed tiles as panes, views of changed partners at most every `view_every_ms`.
    pub fn seal(&mut self, now: EventTime, policies: &impl Contracts, out: &mut Vec<Output>) {
        self.panes.changed_tiles(|pane| out.push(Output::Pane(pane)));
        self.write_views(now, policies, out);
    }

    /// Takes back what was said and is written by now: its buffers are used again.
    pub fn take_back(&mut self, output: Output) {
        match output {
            Output::Pane(pane) => self.panes.take_back(pane),
            other => self.spent.take_back(other),
        }
    }

    /// True when a tick would do something: an expiry is due, a view is owed, a closed horizon may open, or the data became
    /// stale.
    pub fn due(&self, now: EventTime) -> bool {
        self.ledger.is_due(now) || self.partners.is_due(now) || self.may_reopen(now) || self.staleness_changes(now)
    }

    fn idle_after_ms(&self) -> i64 {
        self.settings.idle_after_secs.saturating_mul(SECOND_MS)
    }

    /// Changelog entries of the batch, absolute: key and value (`None`: gone).
    pub fn changes(&mut self, entry: &mut Entry<'_>) {
        let teller = &mut self.teller;
        self.panes.changes(teller, entry);
        codec::changes(tag::SNAPSHOT, &mut self.snapshots, teller, entry);
        codec::changes(tag::STAGE, &mut self.stage, teller, entry);
        codec::changes(tag::SCORES, &mut self.scores, teller, entry);
        self.partners.changes(teller, entry);
        self.clocks.changes(teller, entry);
        self.quotas.changes(teller, entry);
        self.ledger.changes(teller, entry);
        self.answers.changes(teller, entry);
    }

    /// Shows up to `most` committed entries, as the changelog holds them, from the cursor on; true when all were shown.
    pub fn committed_entries(
        &self,
        cursor: &mut Cursor,
        most: usize,
        entry: &mut Entry<'_>,
    ) -> Result<bool, CodecError> {
        let mut left = most;
        while left > 0 {
            left -= match cursor.table {
                0 => self.panes.walk(cursor, left, entry)?,
                1 => codec::walk(tag::SNAPSHOT, &self.snapshots, cursor, left, entry)?,
                2 => codec::walk(tag::STAGE, &self.stage, cursor, left, entry)?,
                3 => codec::walk(tag::PARTNER, &self.partners.states, cursor, left, entry)?,
                4 => codec::walk(tag::SHARD_CLOCK, &self.clocks.shards, cursor, left, entry)?,
                5 => codec::walk(tag::QUOTA, &self.quotas.accounts, cursor, left, entry)?,
                6 => codec::walk(tag::RESERVATION, &self.ledger.by_candidate, cursor, left, entry)?,
                7 => codec::walk(tag::ANSWER, &self.answers.by_candidate, cursor, left, entry)?,
                8 => codec::walk(tag::SCORES, &self.scores, cursor, left, entry)?,
                _ => return Ok(true),
            };
        }
        Ok(false)
    }

    /// Takes one changelog entry during restore.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), CodecError> {
        fn key_of<K: for<'a> Avro<'a>>(bytes: &[u8]) -> Result<K, CodecError> {
            avro::decode(bytes)
        }
        let Some((tag, key)) = key.split_first() else {
            return Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 });
        };
        self.windows.clear();
        match *tag {
            tag::CELL => self.panes.load(key_of(key)?, codec::value(value)?),
            tag::SNAPSHOT => self.snapshots.load(key_of(key)?, codec::value(value)?),
            tag::STAGE => self.stage.load(key_of(key)?, codec::value(value)?),
            tag::SCORES => self.scores.load(key_of(key)?, codec::value(value)?),
            tag::PARTNER => self.partners.load(key_of(key)?, codec::value(value)?),
            tag::SHARD_CLOCK => self.clocks.shards.load(key_of(key)?, codec::value(value)?),
            tag::QUOTA => self.quotas.accounts.load(key_of(key)?, codec::value(value)?),
            tag::RESERVATION => self.ledger.load(key_of(key)?, codec::value(value)?),
            tag::ANSWER => self.answers.load(key_of(key)?, codec::value(value)?),
            other => return Err(CodecError::Ordinal { at: 0, ordinal: i64::from(other) }),
        }
        Ok(())
    }

    /// Sends the batch into flight, which ended with [`Shard::seal`] and [`Shard::changes`]; what is stepped from here on
    /// belongs to the next one. At most one batch is in flight.
    pub fn hand_over(&mut self) {
        self.panes.hand_over();
        self.snapshots.hand_over();
        self.scores.hand_over();
        self.partners.hand_over();
        self.clocks.shards.hand_over();
        self.quotas.accounts.hand_over();
        self.ledger.hand_over();
        self.answers.hand_over();
        self.stage.hand_over();
    }

    /// Accepts the batch in flight.
    pub fn commit(&mut self) {
        self.panes.commit();
        self.snapshots.commit();
        self.scores.commit();
        self.partners.commit();
        self.clocks.shards.commit();
        self.quotas.accounts.commit();
        self.ledger.commit();
        self.answers.commit();
        self.stage.commit();
    }

    /// Puts everything back as it was at the last commit: the open batch first, then the one in flight.
    pub fn undo(&mut self) {
        self.panes.undo();
        self.windows.clear();
        self.snapshots.undo();
        self.scores.undo();
        self.partners.undo();
        self.clocks.shards.undo();
        self.quotas.accounts.undo();
        self.ledger.undo();
        self.answers.undo();
        self.stage.undo();
    }
}
