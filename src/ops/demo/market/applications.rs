//! Applications: submitted, decided, and the limit that follows.

use super::dice::Purpose;
use super::people::verdict_time;
use super::plan::Action;
use super::{Market, Place};
use crate::domain::EventTime;
use crate::domain::events::{ApplicationEvent, ApplicationKind, Employer, EmployerSource, RiskVerdict};
use crate::domain::time::{DAY_MS, MINUTE_MS};

/// How applications end before approval is drawn at all, and how many hear of a pre-decision first.
const PREACCEPTED_PPM: u32 = 80_000;
const CANCELLED_PPM: u32 = 45_000;
const EXPIRED_PPM: u32 = 10_000;

impl Market {
    pub(super) fn apply(&mut self, at: EventTime, account: Place) {
        if self.mute(account, at) {
            return;
        }
        let words = self.words(account);
        let holder = self.holder(account);
        let employer = holder.person.employer.clone();
        let event = ApplicationEvent {
            amount_minor: Some(self.accounts[account].limit_minor),
            employer: employer.as_deref().map(|token| Employer { token, source: EmployerSource::Form }),
            ..words.application(at, ApplicationKind::Submitted)
        };
        self.say_application(&event);
        let mut dice = self.dice(Purpose::Application, account);
        if dice.happens(PREACCEPTED_PPM) {
            let words = self.words(account);
            self.say_application(&words.application(at, ApplicationKind::Preaccepted));
        }
        self.plan(at.plus_ms(dice.between(2, 40) * MINUTE_MS), Action::Decide(account));
    }

    pub(super) fn decide(&mut self, at: EventTime, account: Place) {
        if self.mute(account, at) {
            return;
        }
        let mut dice = self.dice(Purpose::Verdict, account);
        let (cancelled, expired) = (dice.happens(CANCELLED_PPM), dice.happens(EXPIRED_PPM));
        let approved = dice.happens(self.profile(account).approved_ppm);
        match (cancelled, expired, approved) {
            (true, _, _) => self.end_application(at, account, ApplicationKind::Cancelled, None),
            (_, true, _) => self.end_application(at, account, ApplicationKind::Expired, None),
            (_, _, false) => {
                const REASONS: [&str; 4] =
                    ["income_insufficient", "obligations_excessive", "history_limited", "unverified"];
                let reason = REASONS[dice.below(REASONS.len() as u64) as usize];
                self.end_application(at, account, ApplicationKind::Declined, Some(reason));
            }
            (_, _, true) => self.grant(at, account, ApplicationKind::Approved),
        }
    }

    fn end_application(&mut self, at: EventTime, account: Place, kind: ApplicationKind, reason: Option<&'static str>) {
        let words = self.words(account);
        self.say_application(&ApplicationEvent { decline_reason: reason, ..words.application(at, kind) });
    }

    /// A limit is there: by approval or, for the opening book, as it stood.
    pub(super) fn grant(&mut self, at: EventTime, account: Place, kind: ApplicationKind) {
        let words = self.words(account);
        let verdict = self.holder(account).person.verdict;
        let (limit_minor, cost_ppm) = (self.accounts[account].limit_minor, self.accounts[account].cost_ppm);
        let event = ApplicationEvent {
            limit_minor: Some(limit_minor),
            amount_minor: Some(limit_minor),
            all_in_cost_ppm: Some(cost_ppm),
            risk_verdict: verdict.map(|verdict| RiskVerdict {
                model: "own-risk",
                version: "12",
                band: verdict.band,
                decided_at: verdict_time(at),
                valid_days: verdict.valid_days,
            }),
            ..words.application(at, kind)
        };
        self.say_application(&event);
        self.accounts[account].approved_at = Some(at);
        let partner = self.accounts[account].partner;
        self.approved[partner].push(account);
    }

    /// A later fact about a limit.
    pub(super) fn change_limit(&mut self, at: EventTime, account: Place, kind: ApplicationKind) {
        let known_long = self.accounts[account].approved_at.is_some_and(|approved| at.ms_since(approved) > DAY_MS / 24);
        if !known_long || self.mute(account, at) {
            return;
        }
        let held = &mut self.accounts[account];
        match kind {
            ApplicationKind::LimitChanged => held.limit_minor += held.limit_minor / 10,
            ApplicationKind::LimitRepriced => held.cost_ppm -= held.cost_ppm / 20,
            ApplicationKind::LimitFrozen | ApplicationKind::LimitClosed | ApplicationKind::LimitExpired => {
                held.frozen = true;
            }
            _ => held.frozen = false,
        }
        let (limit_minor, cost_ppm) = (held.limit_minor, held.cost_ppm);
        let words = self.words(account);
        self.say_application(&ApplicationEvent {
            limit_minor: Some(limit_minor),
            all_in_cost_ppm: Some(cost_ppm),
            ..words.application(at, kind)
        });
    }
}
