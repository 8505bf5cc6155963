//! Quotas, pace and budgets as they stand for one more candidate.

use super::guard::Codes;
use super::ledger::Held;
use super::pace;
use super::quota::{Account, Amounts, Period, Quotas};
use super::rates::ONE_PPM;
use crate::domain::candidate::{Coupon, Offer};
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::view::BudgetUse;
use crate::domain::{Checks, EventTime, Proposal, ReasonCode, Subject, Text};
use crate::policy::Contract;

/// Days of a year, by which an interest-free day is priced.
const YEAR_DAYS: i128 = 365;

/// What a candidate would use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// What its coupons are worth, minor units; `None` when that is not known of one of them.
    pub coupon_minor: Option<i64>,
    /// The limit it offers; without one, the drawdown that it would replace. Minor units; `None` when neither is known.
    pub exposure_minor: Option<i64>,
    /// The all-in cost that it states, parts per million.
    pub cost_ppm: Option<i64>,
}

impl Need {
    pub fn of(proposal: &Proposal) -> Self {
        let offer = &proposal.candidate.offer;
        // A proposal without an amount says 0, and nobody draws nothing.
        let drawn = Some(proposal.amount_minor).filter(|minor| *minor > 0);
        let exposure_minor = offer.limit_minor.or(drawn).map(|minor| minor.max(0));
        let worth = |coupon: &Coupon| coupon.amount_minor.or_else(|| free_days_minor(coupon, offer, exposure_minor));
        let mut coupons = offer.coupons.iter().map(worth);
        let coupon_minor = coupons.try_fold(0i64, |sum, amount| Some(sum.saturating_add(amount?.max(0))));
        Self { coupon_minor, exposure_minor, cost_ppm: offer.all_in_cost_ppm }
    }

    /// What is reserved for it.
    pub fn amounts(self) -> Amounts {
        let (coupon_minor, exposure_minor) = (self.coupon_minor.unwrap_or(0), self.exposure_minor.unwrap_or(0));
        Amounts { coupon_minor, exposure_minor, cost_ppm: self.cost_ppm }
    }
}

/// What the interest-free days of a coupon are worth at most: the whole exposure at the offer's all-in cost, rounded up.
fn free_days_minor(coupon: &Coupon, offer: &Offer, exposure_minor: Option<i64>) -> Option<i64> {
    let (days, cost_ppm) = (i128::from(coupon.days?.max(0)), i128::from(offer.all_in_cost_ppm?.max(0)));
    let year = YEAR_DAYS * i128::from(ONE_PPM);
    let parts = days.checked_mul(cost_ppm)?.checked_mul(i128::from(exposure_minor?))?;
    i64::try_from((parts + year - 1) / year).ok()
}

/// A partner's account, what its live candidates hold, and what its pace says.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub period: Period,
    pub account: Account,
    pub held: Held,
    pub need: Need,
    pub now: EventTime,
    /// The token after an admission, or the moment from which one is possible; `None` where no pace is agreed.
    pub pace: Option<Result<i64, Option<EventTime>>>,
}

impl Allowance {
    pub fn of(contract: &Contract, quotas: &Quotas, held: Held, need: Need, now: EventTime) -> Self {
        let period = Period::of(contract, now);
        let account = quotas.at(&contract.partner, period);
        let pace = contract.quota_per_hour.map(|per_hour| pace::take(per_hour, account.pace, now));
        Self { period, account, held, need, now, pace }
    }

    /// The token to keep when the candidate is admitted.
    pub fn token(&self) -> Option<i64> {
        self.pace.and_then(Result::ok)
    }

    /// Every quota and budget that the contract states, in the order of `docs/semantics.md`, with the code that its failing
    /// gives.
    pub fn tell(&self, contract: &Contract, reasons: &mut Codes, checks: &mut Checks) {
        let mut push = |code, check: Check| {
            reasons.extend((!check.passed).then_some(code));
            checks.push(&check);
        };
        let mut number = |code, subject, unit, observed, relation, required| {
            push(code, Check::number(code, subject, unit, observed, relation, required));
        };
        let (admitted, quota) = (self.account.admitted, contract.quota_per_day);
        number(ReasonCode::HoldQuotaDay, Subject::AdmittedToday, Unit::Count, admitted, Relation::Below, quota);
        if let Some(quota) = contract.quota_per_hour {
            let admitted = self.account.admitted_hour;
            number(ReasonCode::HoldQuotaHour, Subject::AdmittedThisHour, Unit::Count, admitted, Relation::Below, quota);
        }
        if let Some(Err(Some(from))) = self.pace {
            number(ReasonCode::HoldPace, Subject::PaceFrom, Unit::Moment, self.now.0, Relation::AtLeast, from.0);
        }
        let budgets = &contract.budgets;
        if let Some(most) = budgets.offers_per_day {
            let offers = self.account.offers.all();
            number(ReasonCode::HoldBudgetOffers, Subject::OffersToday, Unit::Count, offers, Relation::Below, most);
        }
        // Who costs nothing is never held for want of money; of whom it is not known is.
        let mut money = |code, subject, spent: i64, need: Option<i64>, most: i64| {
            let with_this = need.map(|amount| spent.saturating_add(amount));
            let check = Check::maybe(code, subject, Unit::MoneyMinor, with_this, Relation::AtMost, Some(most));
            push(code, Check { passed: with_this.is_some_and(|sum| sum <= most), ..check });
        };
        let (coupon, exposure) = (self.need.coupon_minor, self.need.exposure_minor);
        if let Some(most) = budgets.coupon_minor_per_day.filter(|_| coupon != Some(0)) {
            money(ReasonCode::HoldBudgetCoupon, Subject::CouponsToday, self.account.coupon_minor.all(), coupon, most);
        }
        if let Some(most) = budgets.exposure_minor.filter(|_| exposure != Some(0)) {
            money(ReasonCode::HoldBudgetExposure, Subject::ExposureLive, self.held.exposure_minor, exposure, most);
        }
        if let Some(most) = budgets.avg_cost_max_ppm(self.now).filter(|_| exposure != Some(0)) {
            let average = self.average_cost_ppm();
            let code = ReasonCode::HoldAvgCost;
            let check = Check::maybe(code, Subject::AverageCost, Unit::Ppm, average, Relation::AtMost, Some(most));
            push(code, Check { passed: average.is_some_and(|average| average <= most), ..check });
        }
    }

    /// What this month's candidates would cost on average with this one, weighed by exposure, rounded up; `None` when this
    /// one's cost or exposure is not known.
    fn average_cost_ppm(&self) -> Option<i64> {
        self.need.cost_ppm.zip(self.need.exposure_minor)?;
        let (weight, cost) = self.need.amounts().weighed();
        let cost = self.account.cost_parts.all().saturating_add(cost);
        let weight = self.account.weight_minor.all().saturating_add(weight);
        // Beyond what can be added up nothing is known to be cheap enough.
        if cost == i64::MAX { Some(i64::MAX) } else { ppm_up_of_parts(cost, weight) }
    }
}

/// `parts / weight` rounded up; `None` when there is no weight.
fn ppm_up_of_parts(parts: i64, weight: i64) -> Option<i64> {
    let weight = (weight > 0).then_some(i128::from(weight))?;
    i64::try_from((i128::from(parts) + weight - 1) / weight).ok()
}

/// What this month's candidates cost on average as they stand, rounded up; `None` when none of them states a cost.
pub fn average_cost_ppm(account: &Account) -> Option<i64> {
    ppm_up_of_parts(account.cost_parts.all(), account.weight_minor.all())
}

/// The budgets that a contract states, and what they have been used for.
pub fn view(contract: &Contract, account: &Account, held: Held, uses: &mut Vec<BudgetUse>) {
    let budgets = &contract.budgets;
    let use_of = |budget, reserved, committed, max: Option<i64>| {
        max.map(|max| BudgetUse { budget: Text::const_new(budget), reserved, committed, max })
    };
    let (offers, coupon) = (account.offers, account.coupon_minor);
    let all = [
        use_of("offers", offers.reserved, offers.committed, budgets.offers_per_day),
        use_of("coupon", coupon.reserved, coupon.committed, budgets.coupon_minor_per_day),
        use_of("exposure", held.exposure_minor, 0, budgets.exposure_minor),
    ];
    uses.extend(all.into_iter().flatten());
}
