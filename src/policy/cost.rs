//! The all-in cost of a loan: the yearly rate at which every charge, discounted by months, is worth what was paid out.
//!
//! Monthly internal rate times twelve. Amounts are exact integers, each month's interest is rounded to a minor unit (half up);
//! discount factors are fixed-point numbers of 60 binary digits, rounded up. The rate is the smallest whole part per million
//! at which the payments are worth no more than what was paid out, told to the nearest hundredth of a percent (half up), so
//! that a loan at exactly the cap is at the cap.

use crate::domain::Text;
use crate::domain::candidate::{CostDisclosure, CostItem, Coupon};
use crate::domain::events::RepaymentMethod;

/// Months of a year in parts per million: a yearly rate over this is the monthly one.
const YEAR_PPM: u64 = 12_000_000;
/// Highest rate that is told apart, parts per million: 1,000 %.
pub const RATE_PPM_MAX: i64 = 10_000_000;
/// The rate is told in steps of so much: a hundredth of a percent, parts per million.
const STEP_PPM: i64 = 100;
/// How far the second look for a rate is from the first, parts per million; looks along a line before it is halving only.
const FIRST_STEP_PPM: i64 = 2_000;
const LINES_MAX: u32 = 8;
/// Longest term, months.
pub const MONTHS_MAX: i32 = 600;
/// Binary digits of a discount factor.
const DIGITS: u32 = 60;
/// Days of a month, for coupons by the day.
const MONTH_DAYS: i64 = 30;

/// What a charge is charged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A yearly rate on what is outstanding, parts per million. The first one of a product is its interest.
    Yearly(i64),
    /// A share of the amount, kept back when it is paid out, parts per million.
    Upfront(i64),
    UpfrontMinor(i64),
    /// A share of the amount each month, parts per million.
    Monthly(i64),
    MonthlyMinor(i64),
    /// Due in some event only (late fee); not part of the rate.
    ContingentMinor(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub name: Text,
    pub charged_by: Text,
    pub basis: Basis,
}

/// The loan whose cost is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub amount_minor: i64,
    pub months: i32,
    pub method: RepaymentMethod,
}

/// Every charge over the term, and the rate before and after coupons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    pub before_coupon_ppm: i64,
    pub after_coupon_ppm: i64,
    pub items: Vec<CostItem>,
}

impl Cost {
    pub fn disclosure(self) -> CostDisclosure {
        CostDisclosure {
            items: self.items,
            annualised_before_coupon_ppm: Some(self.before_coupon_ppm),
            annualised_after_coupon_ppm: Some(self.after_coupon_ppm),
        }
    }
}

/// One payment of the customer.
#[derive(Clone, Copy, Debug, Default)]
struct Payment {
    total_minor: i64,
    /// Of that, what the product's interest is: the part that an interest-free coupon takes away.
    interest_minor: i64,
}

/// The cost of a loan under all charges of its product; nothing for terms that no loan has.
pub fn of(charges: &[Charge], terms: &Terms, coupons: &[Coupon]) -> Option<Cost> {
    if terms.amount_minor <= 0 || !(1..=MONTHS_MAX).contains(&terms.months) {
        return None;
    }
    let mut totals = vec![0_i64; charges.len()];
    let mut payments = schedule(charges, terms, &mut totals);
    let mut upfront = 0_i64;
    for (charge, total) in charges.iter().zip(&mut totals) {
        match charge.basis {
            Basis::Yearly(_) => {}
            Basis::Upfront(ppm) => *total = part(terms.amount_minor, ppm),
            Basis::UpfrontMinor(minor) | Basis::ContingentMinor(minor) => *total = minor,
            Basis::Monthly(_) | Basis::MonthlyMinor(_) => {
                let monthly = match charge.basis {
                    Basis::Monthly(ppm) => part(terms.amount_minor, ppm),
                    Basis::MonthlyMinor(minor) => minor,
                    _ => 0,
                };
                *total = monthly.saturating_mul(i64::from(terms.months));
                for payment in &mut payments {
                    payment.total_minor = payment.total_minor.saturating_add(monthly);
                }
            }
        }
        if matches!(charge.basis, Basis::Upfront(_) | Basis::UpfrontMinor(_)) {
            upfront = upfront.saturating_add(*total);
        }
    }
    let net = terms.amount_minor.saturating_sub(upfront);
    let interest = charges.iter().filter_map(yearly).sum();
    let before_coupon_ppm = rate(net, &payments, interest);
    let mut after_coupon_ppm = before_coupon_ppm;
    if !coupons.is_empty() {
        redeem(&mut payments, coupons);
        after_coupon_ppm = rate(net, &payments, before_coupon_ppm);
    }
    Some(Cost { before_coupon_ppm, after_coupon_ppm, items: items(charges, &totals) })
}

fn items(charges: &[Charge], totals: &[i64]) -> Vec<CostItem> {
    let item = |(charge, total): (&Charge, &i64)| CostItem {
        name: charge.name.clone(),
        charged_by: charge.charged_by.clone(),
        amount_minor: *total,
        contingent: matches!(charge.basis, Basis::ContingentMinor(_)),
    };
    charges.iter().zip(totals).map(item).collect()
}

/// Parts per million of an amount, rounded up.
fn part(minor: i64, ppm: i64) -> i64 {
    let product = i128::from(minor) * i128::from(ppm);
    i64::try_from((product + 999_999).div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// A month's charge at a yearly rate, rounded to a minor unit (half up).
fn month_of(balance: i64, yearly_ppm: i64) -> i64 {
    let product = i128::from(balance) * i128::from(yearly_ppm);
    let year = i128::from(YEAR_PPM);
    i64::try_from((product + year / 2).div_euclid(year)).unwrap_or(i64::MAX)
}

fn yearly(charge: &Charge) -> Option<i64> {
    match charge.basis {
        Basis::Yearly(ppm) => Some(ppm),
        _ => None,
    }
}

/// Principal and yearly charges month by month; `totals` takes what each yearly charge comes to.
fn schedule(charges: &[Charge], terms: &Terms, totals: &mut [i64]) -> Vec<Payment> {
    let rate: i64 = charges.iter().filter_map(yearly).sum();
    let months = i64::from(terms.months);
    let mut balance = terms.amount_minor;
    let instalment = annuity(terms.amount_minor, rate, terms.months);
    let mut unpaid = Payment::default();
    let mut payments = Vec::with_capacity(terms.months as usize);
    for month in 1..=months {
        let (mut charged, mut interest) = (0_i64, None);
        for (charge, total) in charges.iter().zip(totals.iter_mut()) {
            if let Some(ppm) = yearly(charge) {
                let due = month_of(balance, ppm);
                *total = total.saturating_add(due);
                charged = charged.saturating_add(due);
                interest = interest.or(Some(due));
            }
        }
        let principal = match terms.method {
            _ if month == months => balance,
            RepaymentMethod::EqualInstalment => instalment.saturating_sub(charged).clamp(0, balance),
            RepaymentMethod::EqualPrincipal => terms.amount_minor / months,
            RepaymentMethod::InterestFirst | RepaymentMethod::Bullet => 0,
        };
        balance -= principal;
        unpaid.total_minor = unpaid.total_minor.saturating_add(principal).saturating_add(charged);
        unpaid.interest_minor = unpaid.interest_minor.saturating_add(interest.unwrap_or(0));
        // With one payment at the end everything waits for it.
        let pays = terms.method != RepaymentMethod::Bullet || month == months;
        payments.push(if pays { std::mem::take(&mut unpaid) } else { Payment::default() });
    }
    payments
}

/// The equal instalment that repays an amount, rounded up to a minor unit.
fn annuity(amount_minor: i64, yearly_ppm: i64, months: i32) -> i64 {
    let mut worth = 0_u128;
    let factors = Factors::at(yearly_ppm);
    for factor in factors.take(months as usize) {
        worth += u128::from(factor);
    }
    let paid_out = u128::from(amount_minor.unsigned_abs()) << DIGITS;
    i64::try_from(paid_out.div_ceil(worth.max(1))).unwrap_or(i64::MAX)
}

/// Discount factors of month 1, 2, … at a yearly rate, in binary digits below one, rounded up.
struct Factors {
    monthly: u64,
    next: u64,
}

impl Factors {
    fn at(yearly_ppm: i64) -> Self {
        let denominator = u128::from(YEAR_PPM + yearly_ppm.unsigned_abs());
        let monthly = (u128::from(YEAR_PPM) << DIGITS).div_ceil(denominator);
        Self { monthly: monthly as u64, next: 1 << DIGITS }
    }
}

impl Iterator for Factors {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let product = u128::from(self.next) * u128::from(self.monthly);
        self.next = ((product + (1 << DIGITS) - 1) >> DIGITS) as u64;
        Some(self.next)
    }
}

/// The smallest yearly rate, to the nearest step, at which the payments are worth no more than what was paid out: 0 where they never are,
/// [`RATE_PPM_MAX`] where even that does not bring them down to it. Looked for from a rate on that is likely near.
fn rate(net_minor: i64, payments: &[Payment], near: i64) -> i64 {
    let net = i128::from(net_minor.max(0)) << DIGITS;
    let worth = |rate: i64| -> i128 {
        let discounted = payments.iter().zip(Factors::at(rate));
        discounted
            .map(|(payment, factor)| i128::from(payment.total_minor) * i128::from(factor))
            .fold(0, i128::saturating_add)
    };
    let (mut low, mut high) = (0_i64, RATE_PPM_MAX);
    let (mut probe, mut last) = (near.clamp(0, RATE_PPM_MAX - 1), None);
    for turn in 0.. {
        if low >= high {
            break;
        }
        let here = worth(probe);
        let above = here > net;
        (low, high) = if above { (probe + 1, high) } else { (low, probe) };
        // The worth is nearly a straight line: where it meets what was paid out is soon the rate itself. Halving ends it anyway.
        let line = last.and_then(|last| meets(net, last, (probe, here)));
        last = Some((probe, here));
        probe = match line {
            Some(rate) if turn < LINES_MAX => rate,
            None if turn == 0 => probe.saturating_add(if above { FIRST_STEP_PPM } else { -FIRST_STEP_PPM }),
            _ => low + (high - low) / 2,
        };
        probe = probe.clamp(low, (high - 1).max(low));
    }
    (low + STEP_PPM / 2) / STEP_PPM * STEP_PPM
}

/// The rate at which the straight line through two rates and their worths meets what was paid out.
fn meets(net: i128, (rate, worth): (i64, i128), (other, here): (i64, i128)) -> Option<i64> {
    // So coarse that no product leaves its range, and fine enough for a part per million.
    let coarse = |worth: i128| worth >> (DIGITS / 2);
    let (run, rise) = (i128::from(other - rate), coarse(here - worth));
    let step = (coarse(net - here) * run).checked_div(rise)?;
    i64::try_from(i128::from(other) + step).ok()
}

/// Takes what the coupons are worth from the payments, the first ones first; a part of a month's interest is rounded down.
fn redeem(payments: &mut [Payment], coupons: &[Coupon]) {
    for coupon in coupons {
        let mut days = coupon.days.map_or(0, i64::from);
        let mut minor = coupon.amount_minor.unwrap_or(0);
        for payment in payments.iter_mut() {
            let free = days.clamp(0, MONTH_DAYS);
            let waived = i128::from(payment.interest_minor) * i128::from(free) / i128::from(MONTH_DAYS);
            let waived = i64::try_from(waived).unwrap_or(0).saturating_add(minor).min(payment.total_minor);
            let by_amount = minor.min(payment.total_minor);
            payment.total_minor -= waived;
            (days, minor) = (days - free, minor - by_amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn charge(basis: Basis) -> Charge {
        Charge { name: "c".into(), charged_by: "lender".into(), basis }
    }

    fn ppm(bases: &[Basis], amount_minor: i64, months: i32, method: RepaymentMethod) -> i64 {
        let charges: Vec<Charge> = bases.iter().copied().map(charge).collect();
        of(&charges, &Terms { amount_minor, months, method }, &[]).unwrap().before_coupon_ppm
    }

    use Basis::*;
    use RepaymentMethod::*;

    /// No amount stops the reckoning: what is beyond the largest number is as dear as can be told, and not without a price.
    #[test]
    fn amounts_beyond_the_range_are_dear_and_harmless() {
        let bases = [Yearly(2_000_000), Monthly(1_000_000), MonthlyMinor(i64::MAX), Upfront(900_000)];
        for method in [EqualInstalment, EqualPrincipal, InterestFirst, Bullet] {
            for months in [1, 12, MONTHS_MAX] {
                assert_eq!(ppm(&bases, i64::MAX, months, method), RATE_PPM_MAX, "{method} {months}");
                assert_eq!(
                    ppm(&bases[1..], crate::domain::AMOUNT_MINOR_MAX, months, method),
                    RATE_PPM_MAX,
                    "{method} {months}"
                );
            }
        }
    }

    #[test]
    fn interest_alone_is_its_own_rate() {
        for method in [EqualInstalment, EqualPrincipal, InterestFirst] {
            assert_eq!(ppm(&[Yearly(240_000)], 100_000, 12, method), 240_000, "{method}");
        }
        assert_eq!(ppm(&[], 1_000_000, 12, EqualInstalment), 0);
        // Interest of a whole year at the end is less than monthly interest: 12·(1.12^(1/12) − 1) = 11.39 %.
        assert_eq!(ppm(&[Yearly(120_000)], 100_000_000, 12, Bullet), 113_900);
    }

    #[test]
    fn a_flat_monthly_fee_is_nearly_twice_its_name() {
        // 1 % a month of the amount, repaid in twelve equal parts of the principal: about 21.5 % a year.
        let twelve_parts = [Monthly(10_000)];
        let found = ppm(&twelve_parts, 12_000_000, 12, EqualInstalment);
        assert!((214_000..216_000).contains(&found), "{found}");
    }

    #[test]
    fn what_is_kept_back_at_the_start_counts() {
        // 2 % kept back of a loan of one month at 12 %: 101 for 98, 36.73 % a year.
        assert_eq!(ppm(&[Yearly(120_000), Upfront(20_000)], 10_000_000, 1, EqualInstalment), 367_300);
        assert_eq!(ppm(&[Yearly(120_000), UpfrontMinor(200_000)], 10_000_000, 1, EqualInstalment), 367_300);
        assert_eq!(ppm(&[Yearly(120_000), ContingentMinor(200_000)], 10_000_000, 1, EqualInstalment), 120_000);
        assert_eq!(ppm(&[UpfrontMinor(10_000_000)], 10_000_000, 1, EqualInstalment), RATE_PPM_MAX);
    }

    #[test]
    fn coupons_lower_the_rate_after_and_leave_the_one_before() {
        let charges = [charge(Yearly(120_000)), charge(Yearly(60_000))];
        let terms = Terms { amount_minor: 10_000_000, months: 1, method: EqualInstalment };
        let coupon = |days, amount_minor| Coupon { code: "c".into(), kind: "k".into(), amount_minor, days };
        let cost = of(&charges, &terms, &[coupon(Some(15), None)]).unwrap();
        // Half of the first charge: 1.5 % less 0.5 %.
        assert_eq!((cost.before_coupon_ppm, cost.after_coupon_ppm), (180_000, 120_000));
        assert_eq!(cost.items.iter().map(|item| item.amount_minor).collect::<Vec<_>>(), [100_000, 50_000]);
        let cost = of(&charges, &terms, &[coupon(None, Some(50_000))]).unwrap();
        assert_eq!(cost.after_coupon_ppm, 120_000);
        let cost = of(&charges, &terms, &[coupon(None, Some(99_000_000))]).unwrap();
        assert_eq!(cost.after_coupon_ppm, 0);
    }

    #[test]
    fn terms_that_no_loan_has_cost_nothing_known() {
        for (amount_minor, months) in [(0, 12), (-1, 12), (1, 0), (1, MONTHS_MAX + 1)] {
            assert_eq!(of(&[], &Terms { amount_minor, months, method: Bullet }, &[]), None);
        }
    }

    proptest! {
        #[test]
        fn every_further_charge_makes_a_loan_dearer(
            yearly in 0_i64..1_000_000, upfront in 0_i64..100_000, monthly in 0_i64..20_000,
            amount_minor in 10_000_i64..1_000_000_000_000, months in 1_i32..=MONTHS_MAX, method in 0_usize..4,
        ) {
            let method = [EqualInstalment, EqualPrincipal, InterestFirst, Bullet][method];
            let charges = [charge(Yearly(yearly)), charge(Upfront(upfront)), charge(Monthly(monthly))];
            let cost = of(&charges, &Terms { amount_minor, months, method }, &[]).unwrap();
            prop_assert!((0..=RATE_PPM_MAX).contains(&cost.before_coupon_ppm));
            let bullet = method == Bullet;
            // One payment at the end is the one case below its interest; small loans feel the rounding of a minor unit.
            let least = yearly - 50 - 12_000_000 / amount_minor;
            prop_assert!(bullet || cost.before_coupon_ppm >= least, "{} below {yearly}", cost.before_coupon_ppm);
            let without = of(&charges[..2], &Terms { amount_minor, months, method }, &[]).unwrap();
            prop_assert!(cost.before_coupon_ppm >= without.before_coupon_ppm);
        }

        /// Wherever the search begins, it ends where halving the whole range does.
        #[test]
        fn the_rate_does_not_depend_on_where_it_is_looked_for(
            yearly in 0_i64..2_000_000, upfront in 0_i64..1_000_000, amount_minor in 1_i64..1_000_000_000_000_000,
            months in 1_i32..=MONTHS_MAX, method in 0_usize..4, near in 0_i64..=RATE_PPM_MAX,
        ) {
            let method = [EqualInstalment, EqualPrincipal, InterestFirst, Bullet][method];
            let charges = [charge(Yearly(yearly))];
            let payments = schedule(&charges, &Terms { amount_minor, months, method }, &mut [0]);
            let net_minor = amount_minor - part(amount_minor, upfront);
            let net = i128::from(net_minor) << DIGITS;
            let worth = |rate: i64| -> i128 {
                payments.iter().zip(Factors::at(rate)).map(|(p, f)| i128::from(p.total_minor) * i128::from(f)).sum()
            };
            let (mut low, mut high) = (0_i64, RATE_PPM_MAX);
            while low < high {
                let middle = low + (high - low) / 2;
                (low, high) = if worth(middle) <= net { (low, middle) } else { (middle + 1, high) };
            }
            let told = (low + STEP_PPM / 2) / STEP_PPM * STEP_PPM;
            prop_assert_eq!(rate(net_minor, &payments, near), told);
            prop_assert_eq!(rate(net_minor, &payments, yearly), told);
        }

        #[test]
        fn what_is_repaid_is_what_was_paid_out(yearly in 0_i64..2_000_000, amount_minor in 1_i64..1_000_000_000_000_000, months in 1_i32..=MONTHS_MAX, method in 0_usize..4) {
            let method = [EqualInstalment, EqualPrincipal, InterestFirst, Bullet][method];
            let charges = [charge(Yearly(yearly))];
            let mut totals = [0];
            let paid: i64 = schedule(&charges, &Terms { amount_minor, months, method }, &mut totals).iter().map(|p| p.total_minor).sum();
            prop_assert_eq!(paid - totals[0], amount_minor);
        }
    }
}
