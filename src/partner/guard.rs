//! The guard: how much our candidates may lower a partner's `drawdown_pass`, judged per horizon before each admission.
//!
//! With C disbursed, D declined, X diverted, K cancelled, T timed out, R reserved and q the pass of the control group, or of
//! undiverted drawdowns (the counterfactual): N = C+D+X+K+T+R+1, projected = C/N, effect = q·(X+R+1)/N (`docs/semantics.md`, section 5).
//! Everything is parts per million in integers and rounds against us.

use smallvec::SmallVec;

use super::rates::{Drawdowns, ONE_PPM, Ratio, ppm_down, ppm_up, wilson_ppm};
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::time::DAY_MS;
use crate::domain::view::{Counterfactual, GuardReading, GuardState};
use crate::domain::words::Word;
use crate::domain::{Checks, Name, ReasonCode, Subject, Text};
use crate::policy::{GuardTerms, Horizon};

/// The window over which the counterfactual pass is measured.
pub const BASELINE_MS: i64 = 28 * DAY_MS;
/// The window of `limit_approval` that a contract may hold on; with few decisions in it, [`BASELINE_MS`].
pub const APPROVAL_MS: i64 = DAY_MS;
/// Codes that fail, few at a time.
pub type Codes = SmallVec<[ReasonCode; 8]>;

/// The codes of the guard in the order in which they are given.
const ORDER: [ReasonCode; 5] = [
    ReasonCode::HoldReflowEffect,
    ReasonCode::HoldDivertedShare,
    ReasonCode::HoldDrawdownPassFloor,
    ReasonCode::HoldMinN,
    ReasonCode::HoldLimitApproval,
];

/// q: the pass that our diversions would have had, with its Wilson interval, parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    pub ppm: i64,
    pub low_ppm: i64,
    pub high_ppm: i64,
    /// Whose pass it is.
    pub of: Counterfactual,
    /// The drawdowns it is the pass of.
    pub n: i64,
    /// Drawdowns of the control group, which may be too few.
    pub held_out: i64,
}

impl Baseline {
    /// Of the control group when it has enough, else of all that were not diverted, both of the last 28 days.
    pub fn of(undiverted: &Drawdowns, held_out: &Drawdowns, terms: Option<&GuardTerms>) -> Self {
        let enough = terms.is_some_and(|terms| held_out.undiverted() >= terms.holdout_min_n());
        let (of, drawdowns) =
            if enough { (Counterfactual::Holdout, held_out) } else { (Counterfactual::Undiverted, undiverted) };
        // Rounded up; with none concluded every one of ours counts in full.
        let (passed, n) = (drawdowns.disbursed, drawdowns.undiverted());
        let (low_ppm, high_ppm) = wilson_ppm(passed, n).unwrap_or((0, ONE_PPM));
        Self { ppm: ppm_up(passed, n).unwrap_or(ONE_PPM), low_ppm, high_ppm, of, n, held_out: held_out.undiverted() }
    }

    /// The figures that say where q comes from.
    fn checks(&self) -> [Check; 4] {
        let word = figure(Subject::Counterfactual.into(), Unit::Word, None);
        [
            Check { observed_word: Some(Text::const_new(self.of.name())), ..word },
            figure(Subject::CounterfactualPass.into(), Unit::Ppm, Some(self.ppm)),
            figure(Subject::CounterfactualDrawdowns.into(), Unit::Count, Some(self.n)),
            figure(Subject::HoldoutDrawdowns.into(), Unit::Count, Some(self.held_out)),
        ]
    }
}

/// `q·ours/n` rounded up, at most one.
fn effect_ppm(baseline_ppm: i64, ours: i64, n: i64) -> i64 {
    let n = i128::from(n.max(1));
    let lost = i128::from(baseline_ppm) * i128::from(ours.max(0));
    ((lost + n - 1) / n).min(i128::from(ONE_PPM)) as i64
}

/// What has been lowered already, without a further candidate: `q·(X+R)/(concluded+R)`.
pub fn standing_effect_ppm(baseline: Baseline, drawdowns: &Drawdowns, reserved: i64) -> i64 {
    let ours = drawdowns.diverted.saturating_add(reserved);
    effect_ppm(baseline.ppm, ours, drawdowns.concluded().saturating_add(reserved))
}

/// One horizon as it would stand with one candidate more.
#[derive(Clone, Debug)]
pub struct Reading {
    pub horizon: Horizon,
    pub baseline: Baseline,
    pub drawdowns: Drawdowns,
    pub reserved: i64,
    /// It was above its maximum and has not come down far enough since (`hysteresis`).
    pub closed: bool,
    pub projected_ppm: i64,
    pub effect_ppm: i64,
}

impl Reading {
    pub fn new(horizon: &Horizon, drawdowns: Drawdowns, reserved: i64, baseline: Baseline, closed: bool) -> Self {
        let horizon = horizon.clone();
        let mut reading = Self { horizon, baseline, drawdowns, reserved, closed, projected_ppm: 0, effect_ppm: 0 };
        reading.projected_ppm = ppm_down(drawdowns.disbursed, reading.n()).unwrap_or(0);
        reading.effect_ppm = effect_ppm(baseline.ppm, reading.ours(), reading.n());
        reading
    }

    /// The same horizon after so many admissions.
    fn after(&self, admissions: i64) -> Self {
        let reserved = self.reserved.saturating_add(admissions);
        Self::new(&self.horizon, self.drawdowns, reserved, self.baseline, self.closed)
    }

    /// Diversions and reservations with one more.
    fn ours(&self) -> i64 {
        self.drawdowns.diverted.saturating_add(self.reserved).saturating_add(1)
    }

    /// Concluded drawdowns and reservations with one more.
    fn n(&self) -> i64 {
        self.drawdowns.concluded().saturating_add(self.reserved).saturating_add(1)
    }

    /// Diversions and reservations as a share of all, rounded up.
    fn share_ppm(&self) -> i64 {
        ppm_up(self.ours(), self.n()).unwrap_or(ONE_PPM)
    }

    fn is_judged(&self, terms: &GuardTerms) -> bool {
        self.drawdowns.concluded() >= terms.min_n
    }

    /// The effect is above what the contract allows.
    pub fn exceeds(&self, terms: &GuardTerms) -> bool {
        self.is_judged(terms) && self.effect_ppm > self.horizon.effect_max_ppm
    }

    /// The effect is as far below the maximum as a closed horizon has to come, or too few are concluded to judge it.
    pub fn reopens(&self, terms: &GuardTerms) -> bool {
        let margin = terms.reopen_margin_ppm.unwrap_or(0);
        !self.is_judged(terms) || self.effect_ppm <= self.horizon.effect_max_ppm.saturating_sub(margin)
    }

    /// Why this horizon does not hold; empty when it does.
    pub fn failing(&self, terms: &GuardTerms) -> Codes {
        let mut failing = Codes::new();
        if !self.is_judged(terms) {
            failing.extend((self.ours() > terms.below_min_n_max).then_some(ReasonCode::HoldMinN));
            return failing;
        }
        if self.closed || self.exceeds(terms) {
            failing.push(ReasonCode::HoldReflowEffect);
        }
        if terms.diverted_share_max_ppm.is_some_and(|most| self.share_ppm() > most) {
            failing.push(ReasonCode::HoldDivertedShare);
        }
        if terms.drawdown_pass_floor_ppm.is_some_and(|floor| self.projected_ppm < floor) {
            failing.push(ReasonCode::HoldDrawdownPassFloor);
        }
        failing
    }

    /// The checks of this horizon, and what they are made of; their subjects end with its name.
    fn tell(&self, terms: &GuardTerms, checks: &mut Checks) {
        self.tell_judged(terms, checks);
        let Drawdowns { disbursed, declined, diverted, cancelled, timed_out, .. } = self.drawdowns;
        let counts = [
            ("disbursed", disbursed),
            ("declined", declined),
            ("diverted", diverted),
            ("cancelled", cancelled),
            ("timed_out", timed_out),
            ("reserved", self.reserved),
        ];
        let figure = |(name, count)| figure(self.subject(name), Unit::Count, Some(count));
        checks.extend(counts.map(figure));
    }

    fn subject(&self, name: &str) -> Name<Subject> {
        let mut subject = Text::from(name);
        subject.push('_');
        subject.push_str(&self.horizon.name);
        Name::Own(subject)
    }

    fn tell_judged(&self, terms: &GuardTerms, checks: &mut Checks) {
        use ReasonCode::{HoldDivertedShare, HoldDrawdownPassFloor, HoldMinN, HoldReflowEffect};
        let subject = |name: &str| self.subject(name);
        if !self.is_judged(terms) {
            let (ours, most) = (self.ours(), terms.below_min_n_max);
            checks.push(&Check::number(HoldMinN, subject("ours"), Unit::Count, ours, Relation::AtMost, most));
            return;
        }
        let (effect, most) = (self.effect_ppm, self.horizon.effect_max_ppm);
        let name = subject("reflow_effect");
        checks.push(&Check::number(HoldReflowEffect, name, Unit::Ppm, effect, Relation::AtMost, most));
        if self.closed {
            checks.push(&Check::flag(HoldReflowEffect, subject("guard_closed"), true, false));
        }
        if let Some(most) = terms.diverted_share_max_ppm {
            let (name, share) = (subject("diverted_share"), self.share_ppm());
            checks.push(&Check::number(HoldDivertedShare, name, Unit::Ppm, share, Relation::AtMost, most));
        }
        let (name, projected) = (subject("projected_pass"), self.projected_ppm);
        checks.push(&match terms.drawdown_pass_floor_ppm {
            Some(floor) => Check::number(HoldDrawdownPassFloor, name, Unit::Ppm, projected, Relation::AtLeast, floor),
            None => figure(name, Unit::Ppm, Some(projected)),
        });
    }

    /// What the pass would be had we diverted nothing.
    fn without_ppm(&self) -> i64 {
        self.projected_ppm.saturating_add(self.effect_ppm)
    }

    /// The effect at both ends of the counterfactual's interval.
    fn effect_interval(&self) -> (i64, i64) {
        let at = |baseline_ppm| effect_ppm(baseline_ppm, self.ours(), self.n());
        (at(self.baseline.low_ppm), at(self.baseline.high_ppm))
    }

    /// Drawdowns that would have passed had we diverted nothing, rounded to the nearest.
    fn without(&self) -> i64 {
        let half = i128::from(ONE_PPM) / 2;
        let lost = (i128::from(self.baseline.ppm) * i128::from(self.ours()) + half) / i128::from(ONE_PPM);
        i64::try_from(lost).map_or(i64::MAX, |lost| self.drawdowns.disbursed.saturating_add(lost))
    }

    fn view(&self, terms: &GuardTerms, room: bool) -> GuardReading {
        let open = room && self.failing(terms).is_empty();
        let pass = self.drawdowns.pass();
        let ends = |interval: Option<(i64, i64)>| (interval.map(|(low, _)| low), interval.map(|(_, high)| high));
        let (observed_low_ppm, observed_high_ppm) = ends(wilson_ppm(pass.hits, pass.n));
        let (projected_low_ppm, projected_high_ppm) = ends(wilson_ppm(self.drawdowns.disbursed, self.n()));
        let (without_reflow_low_ppm, without_reflow_high_ppm) = ends(wilson_ppm(self.without(), self.n()));
        let (effect_low_ppm, effect_high_ppm) = ends(Some(self.effect_interval()));
        GuardReading {
            horizon: self.horizon.name.clone(),
            state: if open { GuardState::Open } else { GuardState::Closed },
            n: pass.n,
            reserved: self.reserved,
            observed_ppm: ppm_down(pass.hits, pass.n),
            projected_ppm: Some(self.projected_ppm),
            without_reflow_ppm: Some(self.without_ppm()),
            effect_ppm: Some(self.effect_ppm),
            effect_max_ppm: Some(self.horizon.effect_max_ppm),
            observed_low_ppm,
            observed_high_ppm,
            projected_low_ppm,
            projected_high_ppm,
            without_reflow_low_ppm,
            without_reflow_high_ppm,
            effect_low_ppm,
            effect_high_ppm,
            diverted_share_ppm: Some(self.share_ppm()),
            diverted_share_max_ppm: terms.diverted_share_max_ppm,
            counterfactual: Some(self.baseline.of),
            counterfactual_ppm: Some(self.baseline.ppm),
            counterfactual_n: Some(self.baseline.n),
        }
    }
}

/// A figure that decides nothing by itself, told beside the checks that it explains.
fn figure(subject: Name<Subject>, unit: Unit, observed: Option<i64>) -> Check {
    let code = ReasonCode::HoldReflowEffect;
    Check { passed: true, ..Check::maybe(code, subject, unit, observed, Relation::Is, None) }
}

/// `limit_approval` where the contract holds on it: no candidate moves it, so it is a condition and never the guard's basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Rounded down; `None` when too few were decided.
    pub ppm: Option<i64>,
    pub least_ppm: i64,
}

impl Approval {
    /// Of the short window, of the long one when fewer than `min_n` are decided in it; too few there too is no reading.
    pub fn of(windows: [Ratio; 2], min_n: i64, least_ppm: i64) -> Self {
        let read = windows.into_iter().find(|ratio| ratio.n >= min_n);
        Self { ppm: read.and_then(|ratio| ppm_down(ratio.hits, ratio.n)), least_ppm }
    }

    /// What is not known holds.
    fn holds_back(self) -> bool {
        self.ppm.is_none_or(|ppm| ppm < self.least_ppm)
    }

    fn check(self) -> Check {
        let (code, least) = (ReasonCode::HoldLimitApproval, Some(self.least_ppm));
        let check = Check::maybe(code, Subject::LimitApproval, Unit::Ppm, self.ppm, Relation::AtLeast, least);
        Check { passed: !self.holds_back(), ..check }
    }
}

/// All horizons of a partner, how many reservations are live over all of them, and the rate the contract holds on.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub readings: SmallVec<[Reading; 4]>,
    pub live: i64,
    pub approval: Option<Approval>,
}

impl Judgement {
    fn has_room(&self, terms: &GuardTerms) -> bool {
        self.live < terms.reserved_max
    }

    fn holds_on_approval(&self) -> bool {
        self.approval.is_some_and(Approval::holds_back)
    }

    /// Every failing code once, in the order of `docs/semantics.md`; empty: the guard is open.
    pub fn failing(&self, terms: &GuardTerms) -> Codes {
        let mut found: SmallVec<[ReasonCode; 16]> =
            self.readings.iter().flat_map(|reading| reading.failing(terms)).collect();
        if !self.has_room(terms) {
            found.push(ReasonCode::HoldReflowEffect);
        }
        if self.holds_on_approval() {
            found.push(ReasonCode::HoldLimitApproval);
        }
        ORDER.into_iter().filter(|code| found.contains(code)).collect()
    }

    /// How many admissions in a row every horizon would hold for, as things stand.
    pub fn room(&self, terms: &GuardTerms) -> i64 {
        if self.holds_on_approval() {
            return 0;
        }
        let holds = |more: i64| self.readings.iter().all(|reading| reading.after(more).failing(terms).is_empty());
        // Each further admission only makes it worse: halve between what holds and what does not.
        let (mut room, mut most) = (0, terms.reserved_max.saturating_sub(self.live).max(0));
        while room < most {
            let middle = room + (most - room) / 2;
            if holds(middle) { room = middle + 1 } else { most = middle }
        }
        room
    }

    /// Every check, and what it is made of.
    pub fn tell(&self, terms: &GuardTerms, checks: &mut Checks) {
        self.readings.iter().for_each(|reading| reading.tell(terms, checks));
        checks.extend(self.readings.first().into_iter().flat_map(|reading| reading.baseline.checks()));
        let (with_one_more, most) = (self.live.saturating_add(1), terms.reserved_max);
        let code = ReasonCode::HoldReflowEffect;
        checks.push(&Check::number(code, Subject::Reserved, Unit::Count, with_one_more, Relation::AtMost, most));
        checks.extend(self.approval.map(Approval::check));
    }

    pub fn view(&self, terms: &GuardTerms, readings: &mut Vec<GuardReading>) {
        let room = self.has_room(terms) && !self.holds_on_approval();
        readings.extend(self.readings.iter().map(|reading| reading.view(terms, room)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms() -> GuardTerms {
        GuardTerms {
            drawdown_pass_floor_ppm: Some(700_000),
            min_n: 30,
            below_min_n_max: 2,
            reserved_max: 50,
            ..GuardTerms::default()
        }
    }

    fn baseline(ppm: i64) -> Baseline {
        Baseline { low_ppm: ppm, high_ppm: ppm, ..Baseline::of(&tally(ppm, ONE_PPM - ppm), &tally(0, 0), None) }
    }

    fn tally(disbursed: i64, declined: i64) -> Drawdowns {
        Drawdowns { disbursed, declined, ..Drawdowns::default() }
    }

    fn judgement(readings: Vec<Reading>, live: i64) -> Judgement {
        Judgement { readings: readings.into(), live, approval: None }
    }

    fn checks(judgement: &Judgement) -> Vec<Check> {
        let mut checks = Checks::default();
        judgement.tell(&terms(), &mut checks);
        checks.iter().collect()
    }

    fn reading(disbursed: i64, declined: i64, diverted: i64, reserved: i64, q: i64) -> Reading {
        let drawdowns = Drawdowns { disbursed, declined, diverted, ..Drawdowns::default() };
        Reading::new(&Horizon::named("24h", 20_000).unwrap(), drawdowns, reserved, baseline(q), false)
    }

    #[test]
    fn the_effect_is_the_share_we_would_have_passed() {
        // 100 concluded, one more: q·1/101 = 0.8/101 = 0.00792…, rounded up.
        let r = reading(80, 20, 0, 0, 800_000);
        assert_eq!((r.effect_ppm, r.projected_ppm), (7_921, 792_079));
        assert!(r.failing(&terms()).is_empty());
        assert_eq!(reading(80, 20, 0, 2, 800_000).failing(&terms()).as_slice(), [ReasonCode::HoldReflowEffect]);
        assert_eq!(reading(70, 30, 0, 0, 800_000).failing(&terms()).as_slice(), [ReasonCode::HoldDrawdownPassFloor]);
    }

    #[test]
    fn the_control_group_says_what_ours_would_have_come_to_once_it_is_large_enough() {
        let q = |held_out: Drawdowns, own: Option<i64>| {
            let terms = GuardTerms { holdout_min_n: own, ..terms() };
            let baseline = Baseline::of(&tally(80, 20), &held_out, Some(&terms));
            (baseline.of, baseline.ppm, baseline.n, baseline.held_out)
        };
        use Counterfactual::{Holdout, Undiverted};
        assert_eq!(q(tally(10, 19), None), (Undiverted, 800_000, 100, 29), "min_n is 30");
        assert_eq!(q(tally(10, 20), None), (Holdout, 333_334, 30, 30));
        assert_eq!(q(Drawdowns { cancelled: 5, timed_out: 5, ..tally(10, 10) }, None), (Holdout, 333_334, 30, 30));
        assert_eq!(q(tally(1, 3), Some(4)), (Holdout, 250_000, 4, 4), "a minimum of its own");
        assert_eq!(q(tally(0, 0), Some(0)), (Undiverted, 800_000, 100, 0), "nobody is no group");
        assert_eq!(Baseline::of(&tally(80, 20), &tally(10, 20), None).of, Undiverted, "no contract, no minimum");
    }

    #[test]
    fn a_decision_tells_whose_pass_q_is() {
        let reading = reading(80, 20, 0, 0, 800_000);
        let checks = checks(&judgement(vec![reading.clone(), reading], 0));
        let said: Vec<&Check> = checks.iter().filter(|check| check.subject.starts_with("counterfactual")).collect();
        let [whose, pass, n] = said[..] else { panic!("told once: {said:?}") };
        assert_eq!((whose.observed_word.as_deref(), pass.observed), (Some("undiverted"), Some(800_000)));
        assert_eq!((n.observed, said.iter().all(|check| check.passed)), (Some(1_000_000), true));
    }

    #[test]
    fn below_min_n_only_a_few() {
        assert!(reading(10, 0, 0, 1, ONE_PPM).failing(&terms()).is_empty());
        assert_eq!(reading(10, 0, 0, 2, ONE_PPM).failing(&terms()).as_slice(), [ReasonCode::HoldMinN]);
        assert_eq!(reading(0, 0, 1, 1, ONE_PPM).failing(&terms()).as_slice(), [ReasonCode::HoldMinN]);
    }

    #[test]
    fn reservations_have_a_maximum_of_their_own() {
        let full = judgement(vec![reading(100_000, 0, 0, 50, ONE_PPM)], 50);
        assert_eq!(full.failing(&terms()).as_slice(), [ReasonCode::HoldReflowEffect]);
        let mut view = Vec::new();
        full.view(&terms(), &mut view);
        assert_eq!(view[0].state, GuardState::Closed);
        assert!(Judgement { live: 49, ..full }.failing(&terms()).is_empty());
    }

    #[test]
    fn a_closed_horizon_needs_its_margin_to_open() {
        let terms = GuardTerms { reopen_margin_ppm: Some(5_000), ..terms() };
        // 0.8·2/101 = 15,842 ppm: below the maximum of 20,000, and not yet 5,000 below.
        let closed = Reading { closed: true, ..reading(80, 19, 0, 1, 800_000) };
        assert_eq!((closed.effect_ppm, closed.exceeds(&terms), closed.reopens(&terms)), (15_842, false, false));
        assert_eq!(closed.failing(&terms).as_slice(), [ReasonCode::HoldReflowEffect]);
        assert!(reading(80, 20, 0, 0, 800_000).reopens(&terms));
        assert!(reading(10, 0, 0, 1, 800_000).reopens(&terms), "too few to judge: the cold start decides");
    }

    #[test]
    fn a_share_of_diverted_has_its_own_maximum() {
        let terms = GuardTerms { diverted_share_max_ppm: Some(10_000), ..terms() };
        assert!(reading(80, 20, 0, 0, 0).failing(&terms).is_empty(), "1 of 101");
        assert_eq!(reading(80, 19, 1, 0, 0).failing(&terms).as_slice(), [ReasonCode::HoldDivertedShare], "2 of 101");
    }

    #[test]
    fn the_approval_rate_holds_when_low_or_unknown() {
        let of = |short: (i64, i64), long: (i64, i64)| {
            Approval::of([Ratio::of(short.0, short.1), Ratio::of(long.0, long.1)], 30, 300_000)
        };
        assert!(!of((9, 30), (0, 0)).holds_back() && of((8, 30), (900, 1_000)).holds_back());
        assert!(!of((0, 29), (300, 1_000)).holds_back(), "too few today: the month counts");
        assert_eq!(of((0, 29), (29, 29)).ppm, None);
        let judgement = Judgement { approval: Some(of((0, 0), (0, 0))), ..judgement(vec![], 0) };
        assert_eq!(judgement.failing(&terms()).as_slice(), [ReasonCode::HoldLimitApproval]);
        assert_eq!((judgement.room(&terms()), checks(&judgement).last().map(|c| c.passed)), (0, Some(false)));
    }

    #[test]
    fn every_figure_has_its_interval() {
        let wide = Baseline { low_ppm: 700_000, high_ppm: 900_000, ..baseline(800_000) };
        let got =
            Reading::new(&Horizon::named("24h", 20_000).unwrap(), reading(80, 20, 0, 0, 0).drawdowns, 0, wide, false);
        let view = got.view(&terms(), true);
        assert_eq!(
            (view.effect_low_ppm, view.effect_ppm, view.effect_high_ppm),
            (Some(6_931), Some(7_921), Some(8_911))
        );
        assert_eq!(view.observed_low_ppm.zip(view.observed_high_ppm), wilson_ppm(80, 100));
        assert_eq!(view.projected_low_ppm.zip(view.projected_high_ppm), wilson_ppm(80, 101));
        assert_eq!(view.without_reflow_low_ppm.zip(view.without_reflow_high_ppm), wilson_ppm(81, 101));
    }

    proptest! {
        /// The room is what one admission after the other would get.
        #[test]
        fn room_is_how_many_would_be_admitted(c in 0i64..2_000, d in 0i64..500, x in 0i64..40, r in 0i64..40, share in prop::option::of(0i64..60_000)) {
            let terms = GuardTerms { diverted_share_max_ppm: share, ..terms() };
            let mut next = judgement(vec![reading(c, d, x, r, 800_000), reading(c / 9, d / 9, x / 9, r, 800_000)], r);
            let (room, mut admitted) = (next.room(&terms), 0);
            while next.failing(&terms).is_empty() {
                admitted += 1;
                next.readings = next.readings.iter().map(|reading| reading.after(1)).collect();
                next.live += 1;
            }
            prop_assert_eq!(room, admitted);
        }

        /// Against exact fractions: never better for us than the truth, and by less than a step of the rounding worse.
        #[test]
        fn rounds_against_us(c in 0i64..1_000_000, d in 0i64..1_000_000, x in 0i64..1_000_000, r in 0i64..10_000, base in (0i64..1_000_000, 0i64..1_000_000)) {
            let q = Baseline::of(&tally(base.0, base.1), &tally(0, 0), None).ppm;
            let got = reading(c, d, x, r, q);
            let one = i128::from(ONE_PPM);
            let (n, ours) = (i128::from(c + d + x + r + 1), i128::from(x + r + 1));
            // effect = base.0·ours / ((base.0 + base.1)·n) where something was concluded, else ours / n.
            let (num, den) = match i128::from(base.0 + base.1) {
                0 => (ours * one, n),
                all => (i128::from(base.0) * ours * one, all * n),
            };
            let effect = i128::from(got.effect_ppm);
            prop_assert!(effect * den >= num.min(one * den), "{effect} below {num}/{den}");
            prop_assert!((effect - 2) * den < num, "{effect} far above {num}/{den}");
            let projected = i128::from(got.projected_ppm);
            prop_assert!(projected * n <= i128::from(c) * one && (projected + 1) * n > i128::from(c) * one);
        }

        #[test]
        fn holds_at_any_numbers(c in 0i64.., d in 0i64.., x in 0i64.., r in 0i64.., q in 0i64..=ONE_PPM) {
            let got = reading(c, d, x, r, q);
            prop_assert!((0..=ONE_PPM).contains(&got.effect_ppm) && (0..=ONE_PPM).contains(&got.projected_ppm));
        }
    }
}
