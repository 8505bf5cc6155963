//! What the worker said so far, kept for people: counts, the newest view of each partner, what the guard held and why.
//!
//! Fed with every record of the output topics, in any order between topics. Bounded by the number of partners and codes.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::alert::{Alert, AlertKind};
use crate::domain::decision::{Decision, DecisionKind};
use crate::domain::view::{GuardReading, GuardState, PartnerView};
use crate::domain::words::Word;
use crate::domain::{Candidate, CandidateKind, CandidateStatus, Check, EventTime, ReasonCode, Text};

/// Most alerts and candidates that are remembered for the view.
const RECENT_COUNT_MAX: usize = 16;
/// Most partners and most codes that are kept apart; more than a demo has.
const PARTNERS_COUNT_MAX: usize = 1_000;
const CODES_COUNT_MAX: usize = 1_000;

/// A candidate as it is shown: never with a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentCandidate {
    pub at: EventTime,
    pub customer: Text,
    pub kind: CandidateKind,
    pub status: CandidateStatus,
    /// The offer, or why the candidate ended.
    pub detail: Text,
}

/// The first time that a reason of the partner stage held something back, and how often it did since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub since: EventTime,
    pub count: i64,
    /// The check that failed first, as the decision says it.
    pub check: Option<Check>,
}

/// A fall of a partner's drawdown pass that is not our doing: the deepest that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignFall {
    pub since: EventTime,
    pub fall_ppm: i64,
    pub effect_ppm: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    pub(super) partners: BTreeMap<Text, PartnerView>,
    pub(super) decisions: i64,
    pub(super) admitted: i64,
    pub(super) revoked: i64,
    pub(super) expired: i64,
    /// Reasons of every decision, the ends of candidates included.
    pub(super) reasons: BTreeMap<Text, i64>,
    /// Reasons of the noes only.
    pub(super) noes: BTreeMap<Text, i64>,
    pub(super) holds: BTreeMap<(Text, Text), Hold>,
    pub(super) foreign: BTreeMap<Text, ForeignFall>,
    pub(super) alerts: VecDeque<Alert>,
    pub(super) candidates: VecDeque<RecentCandidate>,
}

impl Chronicle {
    pub fn see_view(&mut self, view: PartnerView) {
        if let Some(foreign) = self.foreign.get_mut(&view.partner) {
            let fall_ppm = fall_ppm(&view).unwrap_or(0);
            if fall_ppm > foreign.fall_ppm {
                *foreign = ForeignFall { fall_ppm, effect_ppm: own_effect_ppm(&view), ..*foreign };
            }
        }
        if self.partners.len() < PARTNERS_COUNT_MAX || self.partners.contains_key(&view.partner) {
            self.partners.insert(view.partner.clone(), view);
        }
    }

    pub fn see_decision(&mut self, decision: &Decision) {
        if decision.kind == DecisionKind::Proposed {
            // The partner stage decides it.
            return;
        }
        self.decisions += 1;
        let refused = matches!(decision.kind, DecisionKind::No | DecisionKind::TooLate);
        for code in &decision.reasons {
            count(&mut self.reasons, code);
            if refused {
                count(&mut self.noes, code);
                self.see_hold(decision, code);
            }
        }
    }

    fn see_hold(&mut self, decision: &Decision, code: &Text) {
        let told = ReasonCode::named(code).is_some_and(is_room);
        if !told || self.holds.len() >= PARTNERS_COUNT_MAX {
            return;
        }
        let hold = self.holds.entry((decision.partner.clone(), code.clone())).or_insert_with(|| {
            let check = decision.checks.iter().find(|check| !check.passed && check.code == *code);
            Hold { since: decision.decided_at, count: 0, check }
        });
        hold.count += 1;
        hold.since = hold.since.min(decision.decided_at);
    }

    pub fn see_candidate(&mut self, candidate: &Candidate) {
        let counted = match candidate.status {
            CandidateStatus::Active => &mut self.admitted,
            CandidateStatus::Revoked => &mut self.revoked,
            CandidateStatus::Expired => &mut self.expired,
            CandidateStatus::Superseded => return,
        };
        *counted += 1;
        let detail = candidate.end_reasons.first().unwrap_or(&candidate.offer.offer).clone();
        let recent = RecentCandidate {
            at: candidate.decided_at,
            customer: candidate.customer.clone(),
            kind: candidate.kind,
            status: candidate.status,
            detail,
        };
        remember(&mut self.candidates, recent);
    }

    pub fn see_alert(&mut self, alert: &Alert) {
        remember(&mut self.alerts, alert.clone());
        let Some(partner) = alert.partner.as_ref().filter(|_| alert.kind == AlertKind::ForeignDecline) else { return };
        if self.foreign.len() >= PARTNERS_COUNT_MAX || self.foreign.contains_key(partner) {
            return;
        }
        let view = self.partners.get(partner);
        let fall = ForeignFall {
            since: alert.at,
            fall_ppm: view.and_then(fall_ppm).unwrap_or(0),
            effect_ppm: view.map_or(0, own_effect_ppm),
        };
        self.foreign.insert(partner.clone(), fall);
    }
}

/// Codes about room at the partner; others are not told as holds.
fn is_room(code: ReasonCode) -> bool {
    use ReasonCode::{HoldDrawdownPassFloor, HoldMinN, HoldQuotaDay, HoldReflowEffect};
    [HoldReflowEffect, HoldDrawdownPassFloor, HoldMinN, HoldQuotaDay].contains(&code)
}

fn count(counts: &mut BTreeMap<Text, i64>, code: &Text) {
    if let Some(count) = counts.get_mut(code) {
        *count += 1;
    } else if counts.len() < CODES_COUNT_MAX {
        counts.insert(code.clone(), 1);
    }
}

fn remember<T>(recent: &mut VecDeque<T>, item: T) {
    if recent.len() == RECENT_COUNT_MAX {
        recent.pop_back();
    }
    recent.push_front(item);
}

/// A rate of the view, parts per million.
pub(super) fn rate_ppm(view: &PartnerView, name: &str, window: &str) -> Option<i64> {
    view.rates.iter().find(|rate| rate.name == name && rate.window == window)?.rate_ppm
}

/// By how much the drawdown pass of a day is below that of four weeks.
fn fall_ppm(view: &PartnerView) -> Option<i64> {
    Some(rate_ppm(view, "drawdown_pass", "28d")? - rate_ppm(view, "drawdown_pass", "24h")?)
}

fn own_effect_ppm(view: &PartnerView) -> i64 {
    view.guard.iter().find(|reading| reading.horizon == "24h").and_then(|reading| reading.effect_ppm).unwrap_or(0)
}

/// The horizon to be shown: a closed one, else the one closest to closing among those that are judged. An open horizon
/// whose effect is above the maximum has too few cases to be judged.
pub(super) fn tightest(view: &PartnerView) -> Option<&GuardReading> {
    let tightness = |reading: &&GuardReading| {
        let (effect, max) = (reading.effect_ppm.unwrap_or(0), reading.effect_max_ppm.unwrap_or(0));
        let used = i128::from(effect) * 1_000_000 / i128::from(max.max(1));
        (reading.state == GuardState::Closed, effect <= max, used)
    };
    view.guard.iter().max_by_key(tightness)
}
