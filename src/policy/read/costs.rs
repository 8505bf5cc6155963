//! The lender's licence with what follows from it: the exposure caps, the price caps, and what each product charges.

use jiff::tz::TimeZone;

use super::contracts::dates;
use super::fields::{Fields, Wrong, word};
use super::offers::PERCENT_MAX;
use super::quantity::{currency, percentage_up_to, sentence, share, token, whole};
use super::rules::bounded;
use crate::domain::{AMOUNT_MINOR_MAX, Text};
use crate::policy::cost::{Basis, Charge};
use crate::policy::exposure::{Cap, ExposureRule, StandsIn};
use crate::policy::offer::{PriceCap, Prices, Product};
use crate::policy::{Contract, Dates, ProblemCode};

/// Most rows of a table of products or of exposure caps: every answer looks through them.
const ROWS_MAX: usize = 256;
/// Most charges of a product.
const CHARGES_MAX: usize = 64;
/// Most price caps: each contract holds their averages.
const PRICE_CAPS_MAX: usize = 64;

/// What the lender is licensed as; needed where a table is about licences.
pub fn licence(root: &Fields<'_, '_>) -> Option<Option<Text>> {
    let tables = root.has("exposure") || root.has("price_caps");
    if tables {
        root.required("licence", token).map(Some)
    } else {
        root.or("licence", None, |text| token(text).map(Some))
    }
}

pub fn exposure(root: &Fields<'_, '_>, licence: Option<&Text>) -> Option<Option<ExposureRule>> {
    if !root.has("exposure") {
        return Some(None);
    }
    let fields = root.group_if_any("exposure", "`exposure`")?;
    let rows = fields.need("caps").and_then(|node| rows(&fields, node, ("a cap", ROWS_MAX), cap));
    let place = fields.place_of("caps");
    fields.finish();
    let mut caps: Vec<Cap> = rows?;
    caps.retain(|cap| Some(&cap.licence) == licence);
    if caps.is_empty() {
        let licence = licence.map_or("", Text::as_str);
        let wrong = Wrong::new(format!("a cap for `{licence}`"), "add the row of the lender's own licence");
        root.problems.report(place, "no cap for the licence", wrong);
        return None;
    }
    Some(Some(ExposureRule { caps }))
}

fn cap(fields: &Fields<'_, '_>) -> Option<Cap> {
    let licence = fields.required("licence", token);
    let dates = dates(fields, &TimeZone::UTC);
    let currency = fields.required("currency", currency);
    let product = fields.or("product", None, |text| token(text).map(Some));
    let max = fields.required("max_minor", whole(0, AMOUNT_MINOR_MAX));
    let income = fields.or("income_share_max", None, |text| percentage_up_to(text, PERCENT_MAX).map(Some));
    let without = fields.or("without_income", None, |text| word::<StandsIn>(text).map(Some));
    if fields.is_written("without_income") && !fields.is_written("income_share_max") {
        let wrong = Wrong::new("`income_share_max` beside it", "state the share, or remove it");
        let found = "`without_income` without `income_share_max`";
        fields.problems.report(fields.place_of("without_income"), found, wrong.coded(ProblemCode::Contradiction));
    }
    Some(Cap {
        licence: licence?,
        dates: dates?,
        currency: currency?,
        product: product?,
        max_minor: max?,
        income_share_max_ppm: income?,
        without_income: without?,
    })
}

/// What each contract has to keep of the price caps: an average that holds at every partner holds over all of them.
pub fn average_caps(contracts: &mut [Contract], prices: &Prices) {
    let caps: Vec<(Dates, i64)> =
        prices.caps.iter().filter_map(|cap| Some((cap.dates, cap.portfolio_avg_max_ppm?))).collect();
    contracts.iter_mut().for_each(|contract| contract.budgets.avg_cost_max.clone_from(&caps));
}

pub fn prices(root: &Fields<'_, '_>, licence: Option<&Text>) -> Option<Prices> {
    let products = match root.find("costs") {
        Some(node) => rows(root, node, ("a product", ROWS_MAX), product).map(Some),
        None if root.has("costs") => None,
        None => Some(None),
    };
    let caps = match root.find("price_caps") {
        Some(node) => rows(root, node, ("a price cap", PRICE_CAPS_MAX), price_cap),
        None if root.has("price_caps") => None,
        None => Some(Vec::new()),
    };
    let caps = caps?.into_iter().filter(|(of, _)| Some(of) == licence).map(|(_, cap)| cap).collect();
    Some(Prices { products: products?, caps })
}

fn price_cap(fields: &Fields<'_, '_>) -> Option<(Text, PriceCap)> {
    let licence = fields.required("licence", token);
    let dates = dates(fields, &TimeZone::UTC);
    let per_loan = fields.required("per_loan_max", share);
    let average = fields.or("portfolio_avg_max", None, |text| share(text).map(Some));
    let cap = PriceCap { dates: dates?, per_loan_max_ppm: per_loan?, portfolio_avg_max_ppm: average? };
    Some((licence?, cap))
}

fn product(fields: &Fields<'_, '_>) -> Option<Product> {
    let product = fields.required("product", token);
    let currency = fields.required("currency", currency);
    let charges = fields.need("charges").and_then(|node| rows(fields, node, ("a charge", CHARGES_MAX), charge));
    Some(Product { product: product?, currency: currency?, charges: charges? })
}

/// `{name, charged_by}` with one of `yearly`, `upfront`, `upfront_minor`, `monthly`, `monthly_minor`, `contingent_minor`.
fn charge(fields: &Fields<'_, '_>) -> Option<Charge> {
    let name = fields.required("name", sentence);
    let charged_by = fields.required("charged_by", token);
    let rate = |text: &str| percentage_up_to(text, PERCENT_MAX);
    let amount = whole(0, AMOUNT_MINOR_MAX);
    let bases = [
        fields.optional("yearly", rate).map(Basis::Yearly),
        fields.optional("upfront", share).map(Basis::Upfront),
        fields.optional("upfront_minor", &amount).map(Basis::UpfrontMinor),
        fields.optional("monthly", share).map(Basis::Monthly),
        fields.optional("monthly_minor", &amount).map(Basis::MonthlyMinor),
        fields.optional("contingent_minor", &amount).map(Basis::ContingentMinor),
    ];
    const KEYS: [&str; 6] = ["yearly", "upfront", "upfront_minor", "monthly", "monthly_minor", "contingent_minor"];
    if KEYS.iter().filter(|key| fields.has(key)).count() != 1 {
        let wrong = Wrong::new(format!("exactly one of {}", KEYS.join(", ")), "say once what is charged, and on what");
        fields.problems.report(fields.place, "a charge without its one basis", wrong);
        return None;
    }
    let basis = bases.into_iter().flatten().next();
    Some(Charge { name: name?, charged_by: charged_by?, basis: basis? })
}

/// The rows of a table: what one is, and how many at most; every row is read before a wrong one ends it.
fn rows<T>(
    fields: &Fields<'_, '_>,
    node: &super::tree::Node,
    (what, most): (&'static str, usize),
    read: impl Fn(&Fields<'_, '_>) -> Option<T>,
) -> Option<Vec<T>> {
    let items = bounded(node, most, fields.problems)?;
    let row = |item| {
        let row = Fields::of(item, what, fields.problems)?;
        let value = read(&row);
        row.finish();
        value
    };
    items.iter().map(row).collect::<Vec<Option<T>>>().into_iter().collect()
}
