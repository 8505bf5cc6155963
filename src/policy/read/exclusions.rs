//! The `exclusions` part: lists of persons and employers, severe overdue, flags, bands, burden.

use jiff::tz::TimeZone;

use super::fields::{Fields, Wrong, word};
use super::quantity::{end, percentage_up_to, sentence, token, whole};
use super::rules;
use crate::domain::words::Word;
use crate::domain::{EventTime, Text};
use crate::policy::Contract;
use crate::policy::ProblemCode;
use crate::policy::exclusions::{Exclusions, FLAGS, Severe, SevereRule, TokenList};
use crate::policy::gates::Forbidden;
use crate::policy::persons::{MaxAge, Persons};
use crate::policy::rules::Rules;
use crate::words;

/// Highest debt burden a policy may allow, percent of income.
const DEBT_BURDEN_PERCENT_MAX: i64 = 1_000;
/// Longest a customer can be past due, days.
const DPD_DAYS_MAX: i64 = 10_000;
/// Longest span of days a rule on persons may state.
const DAYS_MAX: i64 = 3_660;
/// Months of the lateness strip.
const STRIP_MONTHS: i64 = 24;

/// The exclusions and the document's own rules.
pub fn read(
    root: &Fields<'_, '_>,
    effective_from: Option<EventTime>,
    contracts: &[Contract],
) -> Option<(Exclusions, Rules)> {
    let fields = root.group("exclusions", "`exclusions`")?;
    let staff = list(&fields, "staff", effective_from);
    let employers = list(&fields, "employers", effective_from);
    let severe = severe(&fields);
    let flags = fields.list_or("flags", FLAGS.map(|(flag, _)| flag).to_vec(), |text| {
        let known = FLAGS.iter().map(|(flag, _)| *flag).find(|flag| flag.name() == text);
        known.ok_or_else(|| {
            let names = FLAGS.map(|(flag, _)| flag.name()).join(", ");
            Wrong::new(
                format!("one of {names}"),
                "remove it (opt-out, hardship and the like are gates and always hold)",
            )
        })
    });
    let risk_bands = fields.words("risk_bands", fields.list_needed("risk_bands", token));
    let lenders_max = fields.or("max_lenders", None, |text| whole(0, 10_000)(text).map(Some));
    let debt_burden_max_ppm =
        fields.or("max_debt_burden", None, |text| percentage_up_to(text, DEBT_BURDEN_PERCENT_MAX).map(Some));
    let persons = persons(&fields, effective_from);
    let rules = rules::read(&fields, contracts);
    fields.finish();
    let exclusions = Exclusions {
        staff: staff?,
        employers: employers?,
        severe: SevereRule::new(severe?),
        // In the order of the codes, whatever the document's.
        flags: flags.map(|named| Forbidden::new(FLAGS.into_iter().filter(|(flag, _)| named.contains(flag))))?,
        risk_bands: risk_bands?,
        lenders_max: lenders_max?,
        debt_burden_max_ppm: debt_burden_max_ppm?,
        persons: persons?,
    };
    Some((exclusions, rules?))
}

words! {
    pub enum Treat {
        Exclude = "exclude",
        Allow = "allow",
    }
}

fn persons(fields: &Fields<'_, '_>, effective_from: Option<EventTime>) -> Option<Persons> {
    let [test_orders, own_staff, related_parties] =
        ["test_orders", "own_staff", "related_parties"].map(|key| list(fields, key, effective_from));
    let days = |key| fields.or(key, None, |text| whole(1, DAYS_MAX)(text).map(Some));
    let (own_declined_days, bureau_days) = (days("own_declined_days"), days("bureau_authorisation_days"));
    let restructured = fields.or("restructured", Treat::Allow, word::<Treat>);
    let own_overdue = own_overdue(fields);
    let max_age = max_age(fields);
    Some(Persons {
        test_orders: test_orders?,
        own_staff: own_staff?,
        related_parties: related_parties?,
        own_declined_days: own_declined_days?,
        own_overdue: own_overdue?,
        restructured: restructured? == Treat::Exclude,
        bureau_days: bureau_days?,
        max_age: max_age?,
    })
}

/// The lender's own loans by the token under which it reports them, and how far past due is borne.
fn own_overdue(fields: &Fields<'_, '_>) -> Option<Option<(Text, i64)>> {
    if !fields.has("own_overdue") {
        return Some(None);
    }
    let own = fields.group_if_any("own_overdue", "`own_overdue`")?;
    let (reported_as, days) = (own.required("reported_as", token), own.required("dpd_above", whole(0, DPD_DAYS_MAX)));
    own.finish();
    Some(Some((reported_as?, days?)))
}

fn max_age(fields: &Fields<'_, '_>) -> Option<MaxAge> {
    if !fields.has("max_age_days") {
        return Some(MaxAge::default());
    }
    let ages = fields.group_if_any("max_age_days", "`max_age_days`")?;
    let [region, employer, lenders, debt_burden, income] = ["region", "employer", "lenders", "debt_burden", "income"]
        .map(|key| ages.or(key, None, |text| whole(1, DAYS_MAX)(text).map(Some)));
    ages.finish();
    Some(MaxAge { region: region?, employer: employer?, lenders: lenders?, debt_burden: debt_burden?, income: income? })
}

/// A list of tokens; the outer `None` means a problem was reported. Purpose, owner, source and expiry must be stated.
fn list(fields: &Fields<'_, '_>, key: &'static str, effective_from: Option<EventTime>) -> Option<Option<TokenList>> {
    if !fields.has(key) {
        return Some(None);
    }
    let list = fields.group_if_any(key, "a token list")?;
    let stated = ["purpose", "owner", "source"].map(|part| list.required(part, sentence));
    let expires = list.required("expires", |text| end(text, &TimeZone::UTC));
    let tokens = list.list_needed("tokens", token);
    let place = list.place_of("expires");
    list.finish();
    let expires = expires?;
    if let Some(from) = effective_from.filter(|from| expires <= *from) {
        let wrong = Wrong::new(format!("a day after `effective_from` ({from})"), "renew the list before it is used")
            .coded(ProblemCode::Contradiction);
        fields.problems.report(place, "a list that has run out before the policy begins", wrong);
        return None;
    }
    let mut tokens = tokens?;
    tokens.sort_unstable();
    tokens.dedup();
    stated.iter().all(Option::is_some).then_some(Some(TokenList { tokens, expires }))
}

/// The house definition of severe overdue: above 30 days now, 60 in 24 months, three late months in a row or six in all.
fn severe(fields: &Fields<'_, '_>) -> Option<Severe> {
    let house = Severe { dpd_now_above: 30, worst_24m_from: 60, consecutive_late_months: 3, late_months: 6 };
    if !fields.has("severe") {
        return Some(house);
    }
    let severe = fields.group_if_any("severe", "`severe`")?;
    let dpd_now_above = severe.or("dpd_now_above", house.dpd_now_above, whole(0, DPD_DAYS_MAX));
    let worst_24m_from = severe.or("worst_24m_from", house.worst_24m_from, whole(1, DPD_DAYS_MAX));
    let months = house.consecutive_late_months;
    let consecutive_late_months = severe.or("consecutive_late_months", months, whole(1, STRIP_MONTHS));
    let late_months = severe.or("late_months", house.late_months, whole(1, STRIP_MONTHS));
    severe.finish();
    Some(Severe {
        dpd_now_above: dpd_now_above?,
        worst_24m_from: worst_24m_from?,
        consecutive_late_months: consecutive_late_months?,
        late_months: late_months?,
    })
}
