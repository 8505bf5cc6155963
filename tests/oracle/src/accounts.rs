//! Quotas, pace and budgets of section 5: every admission is kept, and added up anew for each proposal.

use reflow::domain::fact::SettlementKind;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::{EventTime, Proposal, ReasonCode, Text};

use super::plain_policy::OracleContract;

/// What is known of an admission.
#[derive(Clone, Debug)]
pub struct Admission {
    pub candidate: Text,
    partner: Text,
    at: EventTime,
    coupon_minor: i64,
    exposure_minor: i64,
    cost_ppm: Option<i64>,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Settled(SettlementKind),
    Expired,
}

/// All admissions of a shard, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Vec<Admission>);

/// A moment by the contract's clock: its day and its hour.
fn day_and_hour(contract: &OracleContract, at: EventTime) -> (i64, i64) {
    let offset_s = contract.zone.to_offset(jiff::Timestamp::from_millisecond(at.0).unwrap_or_default()).seconds();
    let local = at.0 + i64::from(offset_s) * 1_000;
    ((local - contract.day_begins_at_ms).div_euclid(DAY_MS), local.div_euclid(HOUR_MS))
}

fn month_of(contract: &OracleContract, at: EventTime) -> (i16, i8) {
    let day = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day_and_hour(contract, at).0);
    (day.year(), day.month())
}

/// The average cost weighed by exposure with one more, rounded up; none when the one more does not state its cost.
fn average_ppm(costs: impl Iterator<Item = (i64, i64)>, exposure: i64, cost_ppm: Option<i64>) -> Option<i128> {
    let costs: Vec<(i64, i64)> = costs.chain([(exposure, cost_ppm?)]).collect();
    let weight: i128 = costs.iter().map(|(weight, _)| i128::from(*weight)).sum();
    let cost: i128 = costs.iter().map(|(weight, ppm)| i128::from(*weight) * i128::from(*ppm)).sum();
    (weight > 0).then(|| (cost + weight - 1).div_euclid(weight))
}

/// What the offer's coupons are worth, if that is known of all; and what the customer may come to owe.
fn money(proposal: &Proposal) -> (Option<i64>, i64) {
    let offer = &proposal.candidate.offer;
    let exposure = offer.limit_minor.unwrap_or(proposal.amount_minor);
    let worth = offer.coupons.iter().map(|coupon| {
        coupon.amount_minor.or_else(|| {
            let year = 365 * 1_000_000i128;
            let parts = i128::from(coupon.days?) * i128::from(offer.all_in_cost_ppm?) * i128::from(exposure);
            i64::try_from((parts + year - 1).div_euclid(year)).ok()
        })
    });
    (worth.sum(), exposure)
}

impl Accounts {
    pub fn admit(&mut self, proposal: &Proposal, now: EventTime) {
        let (coupon, exposure_minor) = money(proposal);
        self.0.push(Admission {
            candidate: proposal.candidate.candidate.clone(),
            partner: proposal.partner.clone(),
            at: now,
            coupon_minor: coupon.unwrap_or(0),
            exposure_minor,
            cost_ppm: proposal.candidate.offer.all_in_cost_ppm,
            ended: Ended::No,
        });
    }

    pub fn settle(&mut self, candidate: &Text, kind: SettlementKind) {
        self.end(candidate, Ended::Settled(kind));
    }

    pub fn expire(&mut self, candidate: &Text) {
        self.end(candidate, Ended::Expired);
    }

    fn end(&mut self, candidate: &Text, how: Ended) {
        let live = self.0.iter_mut().find(|a| a.candidate == *candidate && a.ended == Ended::No);
        if let Some(admission) = live {
            admission.ended = how;
        }
    }

    /// The failing codes for one more admission, in the order of section 5.
    pub fn judge(&self, contract: &OracleContract, proposal: &Proposal, now: EventTime) -> Vec<ReasonCode> {
        let own: Vec<&Admission> = self.0.iter().filter(|a| a.partner == proposal.partner).collect();
        let (day, hour) = day_and_hour(contract, now);
        let today: Vec<&Admission> = own.iter().copied().filter(|a| day_and_hour(contract, a.at).0 == day).collect();
        let this_hour = own.iter().filter(|a| day_and_hour(contract, a.at).1 == hour).count() as i64;
        let (coupon, exposure) = money(proposal);
        let taken = |a: &&Admission| matches!(a.ended, Ended::No | Ended::Settled(SettlementKind::Diverted));
        let made = |a: &&Admission| taken(a) || a.ended == Ended::Settled(SettlementKind::Kept);
        let offers = today.iter().filter(|a| made(a)).count() as i64;
        let coupons: i64 = today.iter().filter(|a| taken(a)).map(|a| a.coupon_minor).sum();
        let exposures: i64 = own.iter().filter(|a| a.ended == Ended::No).map(|a| a.exposure_minor).sum();
        let costs = own.iter().filter(|a| taken(a) && month_of(contract, a.at) == month_of(contract, now));
        let costs = costs.filter_map(|a| Some((a.exposure_minor, a.cost_ppm?)));
        let average = average_ppm(costs, exposure, proposal.candidate.offer.all_in_cost_ppm);
        let costly = |most| exposure > 0 && average.is_none_or(|average| average > i128::from(most));
        let reached = |used: i64, most: Option<i64>| most.is_some_and(|most| used >= most);
        let above = |sum: i64, most: Option<i64>| most.is_some_and(|most| sum > most);
        let dear = match coupon {
            None => contract.coupon_minor_per_day.is_some(),
            Some(0) => false,
            Some(amount) => above(coupons + amount, contract.coupon_minor_per_day),
        };
        [
            (today.len() as i64 >= contract.quota_per_day, ReasonCode::HoldQuotaDay),
            (reached(this_hour, contract.quota_per_hour), ReasonCode::HoldQuotaHour),
            (contract.quota_per_hour.is_some_and(|most| !paced(&own, most, now)), ReasonCode::HoldPace),
            (reached(offers, contract.offers_per_day), ReasonCode::HoldBudgetOffers),
            (dear, ReasonCode::HoldBudgetCoupon),
            (exposure > 0 && above(exposures + exposure, contract.exposure_minor), ReasonCode::HoldBudgetExposure),
            (contract.avg_cost_max_ppm.is_some_and(costly), ReasonCode::HoldAvgCost),
        ]
        .into_iter()
        .filter_map(|(fails, code)| fails.then_some(code))
        .collect()
    }
}

/// Since no earlier admission more have followed than may go at once and than the pace let through meanwhile.
fn paced(own: &[&Admission], per_hour: i64, now: EventTime) -> bool {
    let nanos = |ms: i64| i128::from(ms) * 1_000_000;
    let each = nanos(HOUR_MS) / i128::from(per_hour.max(1));
    let at_once = i128::from((per_hour / 6).max(1));
    own.iter().enumerate().all(|(position, earlier)| {
        let from_it_on = (own.len() - position) as i128;
        nanos(now.ms_since(earlier.at)) >= (from_it_on - at_once + 1) * each
    })
}
