//! The price of an offer: computed from every charge of its product, capped by law, compared at the same amount, term, method.

use crate::domain::candidate::{CostDisclosure, Coupon};
use crate::domain::events::RepaymentMethod;
use crate::domain::{EventTime, Text};
use crate::policy::Dates;
use crate::policy::cost::{self, Basis, Charge};

/// Highest all-in cost of one loan where the policy states no other, parts per million: 24 %.
const PER_LOAN_MAX_PPM: i64 = 240_000;

/// Everything that a product charges.
#[derive(Clone, Debug)]
pub struct Product {
    pub product: Text,
    pub currency: Text,
    pub charges: Vec<Charge>,
}

/// One row of the price caps.
#[derive(Clone, Debug)]
pub struct PriceCap {
    pub dates: Dates,
    pub per_loan_max_ppm: i64,
    /// Most that all loans may cost on average; a budget of the partner stage.
    pub portfolio_avg_max_ppm: Option<i64>,
}

/// What products charge and what they may cost.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// None: the policy does not say what its products charge, and the offers state their cost themselves.
    pub products: Option<Vec<Product>>,
    /// As far as they are about the lender's licence.
    pub caps: Vec<PriceCap>,
}

/// What an offer may say of its cost.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// All-in cost before coupons, parts per million.
    pub all_in_cost_ppm: Option<i64>,
    pub disclosure: Option<CostDisclosure>,
}

/// The loan that the price is about; what is not known is none.
#[derive(Clone, Copy, Debug)]
pub struct Priced<'a> {
    pub product: &'a str,
    pub currency: &'a str,
    pub amount_minor: Option<i64>,
    pub term_months: Option<i32>,
    pub method: Option<RepaymentMethod>,
    /// The offer's own interest, instead of the product's.
    pub interest_ppm: Option<i64>,
    pub coupons: &'a [Coupon],
}

impl Prices {
    /// The highest all-in cost of one loan; the strictest of the rows in force, 24 % where none is.
    pub fn per_loan_max_ppm(&self, at: EventTime) -> i64 {
        let rows = self.caps.iter().filter(|cap| cap.dates.hold(at));
        rows.map(|cap| cap.per_loan_max_ppm).min().unwrap_or(PER_LOAN_MAX_PPM)
    }

    /// The claim that the charges give: none while a charge, the amount, the term or the method is not known.
    pub fn claim(&self, priced: &Priced<'_>) -> Claim {
        let Some(cost) = self.cost(priced) else { return Claim::default() };
        Claim { all_in_cost_ppm: Some(cost.before_coupon_ppm), disclosure: Some(cost.disclosure()) }
    }

    fn cost(&self, priced: &Priced<'_>) -> Option<cost::Cost> {
        let known = |product: &&Product| product.product == priced.product && product.currency == priced.currency;
        let product = self.products.as_ref()?.iter().find(known)?;
        let terms =
            cost::Terms { amount_minor: priced.amount_minor?, months: priced.term_months?, method: priced.method? };
        match priced.interest_ppm {
            None => cost::of(&product.charges, &terms, priced.coupons),
            Some(ppm) => cost::of(&with_interest(&product.charges, ppm), &terms, priced.coupons),
        }
    }
}

/// The charges with another interest: the first yearly rate is the interest.
fn with_interest(charges: &[Charge], ppm: i64) -> Vec<Charge> {
    let mut charges = charges.to_vec();
    if let Some(interest) = charges.iter_mut().find(|charge| matches!(charge.basis, Basis::Yearly(_))) {
        interest.basis = Basis::Yearly(ppm);
    }
    charges
}
