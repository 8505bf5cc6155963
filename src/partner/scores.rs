//! Scores by the tenths of each model's reference population: one pane a day, kept as long as the index looks back.
//!
//! What a pane holds are counts; how far the population has moved is reckoned when somebody reads it ([`Deciles::psi_ppm`]).

use super::Shard;
use super::admission::Contracts;
use super::saying::alert;
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::fact::Scored;
use crate::domain::view::{ScoreShift, ShiftState};
use crate::domain::{CalendarDay, EventTime, Output, Text};
use crate::policy::deciles::{Deciles, PSI_MIN_N, STABLE_BELOW_PPM, TENTHS};
use crate::record;

/// Days over which the index is taken, today among them; what is older is forgotten.
pub const SCORE_DAYS: i32 = 28;

/// The scores of one model at one partner on one UTC day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoreKey {
    pub partner: Text,
    pub model: Text,
    pub version: Text,
    pub day: CalendarDay,
}
record!(ScoreKey { partner, model, version, day });

/// How many scores fell into each tenth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenths {
    pub counts: Vec<i64>,
}
record!(Tenths { counts });

impl Tenths {
    fn add(&mut self, tenth: usize, count: i64) {
        if self.counts.len() < TENTHS {
            self.counts.resize(TENTHS, 0);
        }
        if let Some(known) = self.counts.get_mut(tenth) {
            *known = known.saturating_add(count);
        }
    }
}

/// The first day that still counts.
fn first_day(today: CalendarDay) -> CalendarDay {
    CalendarDay(today.0.saturating_sub(SCORE_DAYS - 1))
}

impl Shard {
    pub(super) fn take_scores(&mut self, scored: &[Scored], now: EventTime) {
        let first = first_day(now.utc_day());
        for Scored { partner, model, version, day, tenth, count } in scored.iter().filter(|scored| scored.day >= first)
        {
            let key = ScoreKey { partner: partner.clone(), model: model.clone(), version: version.clone(), day: *day };
            self.scores.edit_or(&key, Tenths::default).add(usize::try_from(*tenth).unwrap_or(TENTHS), *count);
            self.partners.changed(partner, self.settings.view_every_ms, now);
        }
    }

    /// Forgets the days that count no more, as a day begins.
    pub(super) fn forget_scores(&mut self, today: CalendarDay) {
        let first = first_day(today);
        let gone: Vec<ScoreKey> =
            self.scores.iter().filter(|(key, _)| key.day < first).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| self.scores.remove(key));
    }

    /// How far the scores at a partner have moved, by model: of those whose reference the policy in force states.
    pub(super) fn shifts(&self, partner: &Text, now: EventTime, contracts: &impl Contracts) -> Vec<ScoreShift> {
        let first = first_day(now.utc_day());
        let begin = ScoreKey {
            partner: partner.clone(),
            model: Text::default(),
            version: Text::default(),
            day: CalendarDay(i32::MIN),
        };
        let panes: Vec<(&ScoreKey, &Tenths)> =
            self.scores.range(begin..).take_while(|(key, _)| key.partner == *partner).collect();
        let models = panes.chunk_by(|(a, _), (b, _)| (&a.model, &a.version) == (&b.model, &b.version));
        let shifts = models.filter_map(|days| {
            let (ScoreKey { model, version, .. }, _) = days.first()?;
            let deciles = contracts.deciles(now, model, version)?;
            let mut counts = [0; TENTHS];
            for (_, tenths) in days.iter().filter(|(key, _)| key.day >= first) {
                for (sum, count) in counts.iter_mut().zip(&tenths.counts) {
                    *sum = i64::saturating_add(*sum, *count);
                }
            }
            Some(shift(model, version, counts, deciles))
        });
        shifts.collect()
    }

    /// Tells of each model whose population has moved too far, once; again only after it had come back to stable.
    pub(super) fn report_shifts(
        &mut self,
        partner: &Text,
        shifts: &[ScoreShift],
        now: EventTime,
        out: &mut Vec<Output>,
    ) {
        let told = self.partners.get(partner).map(|state| state.shifted.clone()).unwrap_or_default();
        let mut still: Vec<Text> = Vec::new();
        for shift in shifts {
            let name = compact_str::format_compact!("{} {}", shift.model, shift.version);
            let before = told.contains(&name);
            match shift.state {
                ShiftState::Shifted if !before => out.push(self.shift_alert(partner, shift, now)),
                ShiftState::Shifted | ShiftState::Moved if before => {}
                ShiftState::Shifted | ShiftState::Moved | ShiftState::Stable | ShiftState::TooFew => continue,
            }
            still.push(name);
        }
        if still != told {
            self.partners.edit(partner).shifted = still;
        }
    }

    fn shift_alert(&self, partner: &Text, shift: &ScoreShift, now: EventTime) -> Output {
        let ScoreShift { model, version, n, psi_alert_ppm, .. } = shift;
        let psi = shift.psi_ppm.unwrap_or(0);
        let detail = format!(
            "{model} {version}: population stability index {psi} ppm of {n} scores in {SCORE_DAYS} days, told from {psi_alert_ppm} ppm on"
        );
        alert(AlertKind::ScoreShift, Severity::Warning, Some(partner), self.settings.shard, now, detail)
    }
}

fn shift(model: &Text, version: &Text, counts: [i64; TENTHS], deciles: &Deciles) -> ScoreShift {
    let n = counts.iter().fold(0i64, |sum, count| sum.saturating_add(*count));
    let psi_ppm = deciles.psi_ppm(&counts);
    let state = match psi_ppm {
        None => ShiftState::TooFew,
        Some(_) if n < PSI_MIN_N => ShiftState::TooFew,
        Some(psi) if psi >= deciles.alert_ppm => ShiftState::Shifted,
        Some(psi) if psi >= STABLE_BELOW_PPM => ShiftState::Moved,
        Some(_) => ShiftState::Stable,
    };
    ScoreShift {
        model: model.clone(),
        version: version.clone(),
        n,
        psi_ppm,
        psi_alert_ppm: deciles.alert_ppm,
        state,
        tenths: counts.to_vec(),
    }
}
