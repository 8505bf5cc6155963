//! What a partner's admissions have used of the day and the hour of its contract: one record a partner.

use super::codec::{self, Entry, Teller, tag};
use crate::domain::time::HOUR_MS;
use crate::domain::{CalendarDay, EventTime, Text};
use crate::policy::Contract;
use crate::record;
use crate::store::Sorted;

/// The day and the hour that an admission counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Begins where the contract says, by its zone.
    pub day: CalendarDay,
    /// Hours of the contract's zone since 1970 began there.
    pub hour: i64,
}

impl Period {
    pub fn of(contract: &Contract, now: EventTime) -> Self {
        let local = local(&contract.zone, now);
        let day = local.plus_ms(contract.day_begins_at_ms.saturating_neg()).utc_day();
        Self { day, hour: local.0.div_euclid(HOUR_MS) }
    }
}

/// A moment by the wall clock of a zone, as if that were UTC.
fn local(zone: &jiff::tz::TimeZone, at: EventTime) -> EventTime {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(moment) => at.plus_ms(i64::from(zone.to_offset(moment).seconds()) * 1_000),
        Err(_) => at,
    }
}

/// The calendar day of a moment in a zone.
pub fn day_in(zone: &jiff::tz::TimeZone, at: EventTime) -> CalendarDay {
    local(zone, at).utc_day()
}

/// What was set aside for live candidates, and what stays used by those that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub reserved: i64,
    pub committed: i64,
}
record!(Spent { reserved, committed });

impl Spent {
    pub fn all(self) -> i64 {
        self.reserved.saturating_add(self.committed)
    }

    fn reserve(&mut self, amount: i64) {
        self.reserved = self.reserved.saturating_add(amount);
    }

    /// Ends a reservation: it stays used, or is given back.
    fn end(&mut self, amount: i64, used: bool) {
        self.reserved = self.reserved.saturating_sub(amount);
        if used {
            self.committed = self.committed.saturating_add(amount);
        }
    }
}

/// What one candidate uses of its partner's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What its coupons are worth, as far as that is known, minor units.
    pub coupon_minor: i64,
    /// What the customer may come to owe, minor units.
    pub exposure_minor: i64,
    /// The all-in cost that the offer states, parts per million.
    pub cost_ppm: Option<i64>,
}
record!(Amounts { coupon_minor, exposure_minor, cost_ppm });

impl Amounts {
    /// Its weight in an average of costs, and its cost so weighed (minor units times parts per million); nothing where no
    /// cost is stated.
    pub fn weighed(self) -> (i64, i64) {
        let cost = |ppm: i64| (self.exposure_minor, self.exposure_minor.saturating_mul(ppm.max(0)));
        self.cost_ppm.map_or((0, 0), cost)
    }
}

/// The calendar month of a day, counted on through the years.
fn month_of(day: CalendarDay) -> i32 {
    let days = jiff::Span::new().try_days(i64::from(day.0));
    let civil = days.and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days));
    // Beyond the calendar there is one month.
    civil.map_or(i32::MAX, |civil| i32::from(civil.year()) * 12 + i32::from(civil.month()))
}

/// One partner's admissions of the newest month, day and hour in which there was one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub day: CalendarDay,
    /// Admissions of the day; what ends later gives none back.
    pub admitted: i64,
    pub hour: i64,
    pub admitted_hour: i64,
    /// The token of [`super::pace`].
    pub pace: Option<i64>,
    /// Offers of the day: reserved at admission, committed when the customer chose, else given back.
    pub offers: Spent,
    /// Face value of the day's coupons, minor units: committed when the own offer was taken, else given back.
    pub coupon_minor: Spent,
    /// The calendar month of the day, counted on.
    pub month: i32,
    /// Exposure of the month's candidates with a stated cost, minor units: committed when the own offer was taken, else
    /// given back.
    pub weight_minor: Spent,
    /// The same, each times its cost in parts per million.
    pub cost_parts: Spent,
}
record!(Account { day, admitted, hour, admitted_hour, pace, offers, coupon_minor, month, weight_minor, cost_parts });

impl Account {
    /// The account as it stands in a period. A period before the newest one (a zone that moved, another cut-off) has the
    /// newest one's: never more is spent.
    fn at(self, period: Period) -> Self {
        let mut account = self;
        let month = month_of(period.day);
        if month > self.month {
            account = Self { month, weight_minor: Spent::default(), cost_parts: Spent::default(), ..account };
        }
        if period.day > self.day {
            account = Self {
                day: period.day,
                admitted: 0,
                offers: Spent::default(),
                coupon_minor: Spent::default(),
                ..account
            };
        }
        if period.hour > self.hour {
            account = Self { hour: period.hour, admitted_hour: 0, ..account };
        }
        account
    }
}

/// How a candidate ended, as far as budgets are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The own offer was taken: offer and coupon stay used.
    Taken,
    /// The customer stayed with the partner's drawdown: the offer was made, the coupon was not used.
    Kept,
    /// Expired or revoked: as if it had not been.
    Unused,
}

/// The accounts by partner.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    pub(super) accounts: Sorted<Text, Account>,
}

impl Quotas {
    /// The partner's account as it stands in a period.
    pub fn at(&self, partner: &Text, period: Period) -> Account {
        match self.accounts.get(partner) {
            Some(account) => account.at(period),
            None => {
                let (day, hour) = (period.day, period.hour);
                Account { day, hour, month: month_of(day), ..Account::default() }
            }
        }
    }

    /// Counts an admission. Returns the day it counts for, which is needed to end it.
    pub fn admit(&mut self, partner: &Text, period: Period, pace: Option<i64>, amounts: Amounts) -> CalendarDay {
        let mut account = self.at(partner, period);
        account.admitted = account.admitted.saturating_add(1);
        account.admitted_hour = account.admitted_hour.saturating_add(1);
        account.pace = pace.or(account.pace);
        account.offers.reserve(1);
        account.coupon_minor.reserve(amounts.coupon_minor);
        let (weight, cost) = amounts.weighed();
        account.weight_minor.reserve(weight);
        account.cost_parts.reserve(cost);
        self.accounts.put(partner.clone(), account);
        account.day
    }

    /// Ends what was reserved on a day; a day or a month that is over has no account any more.
    pub fn end(&mut self, partner: &Text, day: CalendarDay, amounts: Amounts, ended: Ended) {
        let Some(account) = self.accounts.edit(partner) else { return };
        let taken = ended == Ended::Taken;
        if account.day == day {
            account.offers.end(1, ended != Ended::Unused);
            account.coupon_minor.end(amounts.coupon_minor, taken);
        }
        if account.month == month_of(day) {
            let (weight, cost) = amounts.weighed();
            account.weight_minor.end(weight, taken);
            account.cost_parts.end(cost, taken);
        }
    }

    pub fn changes(&mut self, teller: &mut Teller, entry: &mut Entry<'_>) {
        codec::changes(tag::QUOTA, &mut self.accounts, teller, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::DAY_MS;

    const PARTNER: Text = Text::const_new("p");

    fn shanghai() -> Contract {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        Contract::forbidding(PARTNER, zone, Text::const_new("CNY"))
    }

    fn period(day: i32, hour: i64) -> Period {
        Period { day: CalendarDay(day), hour }
    }

    #[test]
    fn a_day_begins_where_the_contract_says() {
        let midnight = EventTime(DAY_MS + 16 * HOUR_MS);
        assert_eq!(Period::of(&shanghai(), midnight.plus_ms(-1)), period(1, 47));
        assert_eq!(Period::of(&shanghai(), midnight), period(2, 48));
        let cut_off = Contract { day_begins_at_ms: 6 * HOUR_MS, ..shanghai() };
        assert_eq!(Period::of(&cut_off, midnight.plus_ms(6 * HOUR_MS - 1)), period(1, 53));
        assert_eq!(Period::of(&cut_off, midnight.plus_ms(6 * HOUR_MS)), period(2, 54));
        assert_eq!(day_in(&shanghai().zone, midnight), CalendarDay(2));
    }

    #[test]
    fn a_new_day_and_a_new_hour_start_at_zero_and_older_ones_do_not() {
        let mut quotas = Quotas::default();
        let used = |quotas: &Quotas, day, hour| {
            let account = quotas.at(&PARTNER, period(day, hour));
            (account.admitted, account.admitted_hour)
        };
        quotas.admit(&PARTNER, period(5, 120), None, Amounts::default());
        quotas.admit(&PARTNER, period(5, 120), None, Amounts::default());
        assert_eq!((used(&quotas, 5, 120), used(&quotas, 5, 121), used(&quotas, 6, 144)), ((2, 2), (2, 0), (0, 0)));
        assert_eq!(used(&quotas, 4, 119), (2, 2));
        assert_eq!(quotas.admit(&PARTNER, period(4, 119), None, Amounts::default()), CalendarDay(5));
        assert_eq!(used(&quotas, 5, 120), (3, 3));
    }

    #[test]
    fn what_ends_is_committed_or_given_back_on_its_own_day() {
        let mut quotas = Quotas::default();
        let hundred = Amounts { coupon_minor: 100, exposure_minor: 1_000, cost_ppm: Some(180_000) };
        for _ in 0..3 {
            quotas.admit(&PARTNER, period(5, 120), Some(7), hundred);
        }
        quotas.end(&PARTNER, CalendarDay(5), hundred, Ended::Taken);
        quotas.end(&PARTNER, CalendarDay(5), hundred, Ended::Kept);
        quotas.end(&PARTNER, CalendarDay(5), hundred, Ended::Unused);
        let account = quotas.at(&PARTNER, period(5, 120));
        assert_eq!((account.offers, account.coupon_minor.all()), (Spent { reserved: 0, committed: 2 }, 100));
        assert_eq!((account.admitted, account.pace), (3, Some(7)), "a quota gives nothing back");
        quotas.admit(&PARTNER, period(6, 144), None, hundred);
        quotas.end(&PARTNER, CalendarDay(5), hundred, Ended::Taken);
        let account = quotas.at(&PARTNER, period(6, 144));
        assert_eq!(
            (account.offers, account.coupon_minor),
            (Spent { reserved: 1, committed: 0 }, Spent { reserved: 100, committed: 0 })
        );
        assert_eq!(account.pace, Some(7), "the token outlives the day");
    }
    #[test]
    fn costs_are_averaged_over_a_month() {
        let mut quotas = Quotas::default();
        let dear = Amounts { exposure_minor: 1_000, cost_ppm: Some(240_000), ..Amounts::default() };
        // 2000-02-29 and the first of March.
        let (leap, march) = (period(11_016, 264_384), period(11_017, 264_408));
        quotas.admit(&PARTNER, leap, None, dear);
        quotas.admit(&PARTNER, period(11_015, 264_360), None, Amounts { cost_ppm: None, ..dear });
        let account = quotas.at(&PARTNER, leap);
        assert_eq!((account.weight_minor.all(), account.cost_parts.all()), (1_000, 240_000_000), "no cost, no weight");
        quotas.end(&PARTNER, CalendarDay(11_016), dear, Ended::Kept);
        assert_eq!(quotas.at(&PARTNER, leap).weight_minor, Spent::default());
        quotas.admit(&PARTNER, leap, None, dear);
        quotas.end(&PARTNER, CalendarDay(11_016), dear, Ended::Taken);
        assert_eq!(quotas.at(&PARTNER, leap).weight_minor, Spent { reserved: 0, committed: 1_000 });
        assert_eq!(quotas.at(&PARTNER, march).weight_minor, Spent::default());
        assert_eq!((month_of(CalendarDay(0)), month_of(CalendarDay(i32::MAX))), (1970 * 12 + 1, i32::MAX));
    }
}
