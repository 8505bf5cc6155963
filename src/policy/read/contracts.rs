//! The `contracts` part: one entry per partner. What it does not permit is forbidden.

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use super::fields::{Fields, Problems, Wrong, word};
use super::quantity::{beginning, currency, day, duration, end, sentence, share, token, whole, zone};
use super::tree::Node;
use crate::domain::Text;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::policy::{Contract, Dates, GuardTerms, Words};
use crate::words;

/// Longest a partner's page may wait for an answer, milliseconds.
const ANSWER_WITHIN_MS_MAX: i64 = 24 * HOUR_MS;
/// Longest a candidate may be acted upon: its reservation counts against the guard until then, milliseconds.
const VALID_FOR_MS_MAX: i64 = 31 * DAY_MS;
/// Largest count a contract may state (quota, reservations, cases).
const COUNT_MAX: i64 = 100_000_000;
/// The horizons the guard knows.
const HORIZONS: [(&str, i64); 4] = [("1h", HOUR_MS), ("24h", 24 * HOUR_MS), ("7d", 7 * DAY_MS), ("28d", 28 * DAY_MS)];

words! {
    pub enum Mode {
        RealTime = "real_time",
        Offline = "offline",
        Referral = "referral",
    }
}

words! {
    /// Where the customer meets an offer: on our page inside the partner's app, in no page of ours, in our part of the app.
    pub enum Integration {
        H5Hosted = "h5_hosted",
        Api = "api",
        Sdk = "sdk",
    }
}

words! {
    pub enum Trigger {
        RiskPassed = "risk_passed",
        Requested = "requested",
    }
}

/// All contracts, by partner.
pub fn read(node: &Node, problems: &Problems<'_>) -> Option<Vec<Contract>> {
    let items = problems.items(node)?;
    let mut seen: FxHashMap<Text, usize> = FxHashMap::default();
    let mut contracts = Vec::with_capacity(items.len());
    for item in items {
        let Some(fields) = Fields::of(item, "a contract", problems) else { continue };
        let place = fields.place_of("partner");
        let Some(contract) = contract(fields) else { continue };
        if let Some(line) = seen.insert(contract.partner.clone(), place.line) {
            let wrong =
                Wrong::new(format!("one contract a partner (also on line {line})"), "merge or remove one of them");
            problems.report(place, format!("`{}` again", contract.partner), wrong);
        }
        contracts.push(contract);
    }
    contracts.sort_by(|a, b| a.partner.cmp(&b.partner));
    (contracts.len() == items.len()).then_some(contracts)
}

fn contract(fields: Fields<'_, '_>) -> Option<Contract> {
    let partner = fields.required("partner", token);
    let zone = fields.required("zone", zone);
    let currency = fields.required("currency", currency);
    // Dates are still checked when the zone is wrong, so that one reading finds everything.
    let days_of = zone.clone().unwrap_or(TimeZone::UTC);
    let listed = listing(&fields, &days_of);
    let modes = fields.list_or("modes", Vec::new(), word::<Mode>);
    let term = term(&fields, &days_of);
    let permits = |mode| modes.as_ref().is_some_and(|modes| modes.contains(&mode));
    let any_mode = modes.as_ref().is_some_and(|modes| !modes.is_empty());
    let disclosed = disclosure(&fields, any_mode);
    let regions = fields.list_or("regions", Vec::new(), token);
    let (real_time, offline, referral) = (permits(Mode::RealTime), permits(Mode::Offline), permits(Mode::Referral));
    let answering = answering(&fields, real_time);
    let guard = if real_time || fields.has("guard") { guard(&fields) } else { Some(closed()) };
    let quota_per_day = when(&fields, real_time, "quota_per_day", 0, whole(0, COUNT_MAX));
    fields.finish();
    disclosed?;
    modes?;
    let Answering { triggers_on_risk_passed, answer_within_ms, valid_for_ms, touchpoint } = answering?;
    Some(Contract {
        partner: partner?,
        listed: listed?,
        contract: term?,
        real_time,
        offline,
        referral,
        triggers_on_risk_passed,
        answer_within_ms,
        valid_for_ms,
        touchpoint,
        zone: zone?,
        currency: currency?,
        guard: guard?,
        quota_per_day: quota_per_day?,
        regions: Words::new(regions?),
    })
}

/// A key that must be there when `needed`, and else has a value that permits nothing.
fn when<T>(
    fields: &Fields<'_, '_>,
    needed: bool,
    key: &'static str,
    otherwise: T,
    read: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<T> {
    if needed { fields.required(key, read) } else { fields.or(key, otherwise, read) }
}

/// The partner stands on the published list of cooperation partners, by which document, from when to when, last checked when.
fn listing(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<Dates> {
    let listed = fields.group("listed", "`listed`")?;
    let document = listed.required("document", sentence);
    let dates = dates(&listed, zone);
    let checked = listed.required("last_checked", day);
    listed.finish();
    document.and(checked).and(dates)
}

fn term(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<Dates> {
    let term = fields.group("contract", "`contract`")?;
    let dates = dates(&term, zone);
    let tail = term.or("tail_days", 0, whole(0, 3_660));
    term.finish();
    tail.and(dates)
}

/// `from` and `to`; an end that is open must say so.
fn dates(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<Dates> {
    let from = fields.required("from", |text| beginning(text, zone));
    let to = fields.required("to", |text| if text == "open" { Ok(None) } else { end(text, zone).map(Some) });
    let (from, to) = (from?, to?);
    if to.is_some_and(|to| to <= from) {
        let wrong = Wrong::new(format!("an end after the start ({from})"), "correct one of the two dates");
        fields.problems.report(fields.place_of("to"), "an end before the start", wrong);
        return None;
    }
    Some(Dates { from: Some(from), to })
}

/// Where, in which version and when the partner was told of what the contract permits us.
fn disclosure(fields: &Fields<'_, '_>, needed: bool) -> Option<()> {
    if !needed && !fields.has("disclosed_to_partner") {
        return Some(());
    }
    let disclosed = fields.group("disclosed_to_partner", "`disclosed_to_partner`")?;
    let document = disclosed.required("document", sentence);
    let version = disclosed.required("version", sentence);
    let date = disclosed.required("date", day);
    disclosed.finish();
    document.and(version).and(date).map(|_| ())
}

struct Answering {
    triggers_on_risk_passed: bool,
    answer_within_ms: i64,
    valid_for_ms: i64,
    touchpoint: Option<Text>,
}

fn answering(fields: &Fields<'_, '_>, needed: bool) -> Option<Answering> {
    let integration = when(fields, needed, "integration", Integration::Api, word::<Integration>);
    let touchpoint = fields.or("touchpoint", None, |text| token(text).map(Some));
    let trigger = when(fields, needed, "trigger", Trigger::Requested, word::<Trigger>);
    let within = when(fields, needed, "answer_within_ms", 0, whole(1, ANSWER_WITHIN_MS_MAX));
    let valid = when(fields, needed, "valid_for", 0, |text| {
        let too_long =
            || Wrong::new("at most `31d`", "shorten it: a reservation counts against the guard all that time");
        duration(text).and_then(|ms| Some(ms).filter(|ms| *ms <= VALID_FOR_MS_MAX).ok_or_else(too_long))
    });
    let (integration, touchpoint) = (integration?, touchpoint?);
    if needed && integration == Integration::Api && touchpoint.is_some() {
        let wrong =
            Wrong::new("no touchpoint (with `api` there is no page of ours)", "remove it or correct `integration`");
        fields.problems.report(fields.place_of("touchpoint"), "a touchpoint", wrong);
        return None;
    }
    Some(Answering {
        triggers_on_risk_passed: trigger? == Trigger::RiskPassed,
        answer_within_ms: within?,
        valid_for_ms: valid?,
        touchpoint,
    })
}

fn guard(fields: &Fields<'_, '_>) -> Option<GuardTerms> {
    let guard = fields.group("guard", "`guard`")?;
    let effect = guard.required("reflow_effect_max", share);
    let floor = guard.or("drawdown_pass_floor", None, |text| share(text).map(Some));
    let min_n = guard.required("min_n", whole(1, COUNT_MAX));
    let below = guard.required("below_min_n_max", whole(0, COUNT_MAX));
    let reserved = guard.required("reserved_max", whole(0, COUNT_MAX));
    let horizons = guard.list_needed("horizons", |text| {
        let known = HORIZONS.iter().find(|(name, _)| *name == text);
        let wrong = || Wrong::new("one of 1h, 24h, 7d, 28d", "choose one of these");
        known.map(|(name, ms)| (Text::from(*name), *ms)).ok_or_else(wrong)
    });
    guard.finish();
    let mut horizons = horizons?;
    horizons.sort_by_key(|(_, ms)| *ms);
    horizons.dedup();
    Some(GuardTerms {
        reflow_effect_max_ppm: effect?,
        drawdown_pass_floor_ppm: floor?,
        min_n: min_n?,
        below_min_n_max: below?,
        reserved_max: reserved?,
        horizons,
    })
}

/// A guard that admits nobody, for a partner without real time.
fn closed() -> GuardTerms {
    GuardTerms {
        reflow_effect_max_ppm: 0,
        drawdown_pass_floor_ppm: None,
        min_n: 1,
        below_min_n_max: 0,
        reserved_max: 0,
        horizons: HORIZONS.iter().map(|(name, ms)| (Text::from(*name), *ms)).collect(),
    }
}
