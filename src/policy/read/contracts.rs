//! The `contracts` part: one entry per partner. What it does not permit is forbidden.

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use super::fields::{Fields, Problems, Wrong, word};
use super::guard;
use super::quantity::{beginning, clock, currency, day, duration, end, sentence, token, whole, zone};
use super::tree::Node;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::words::Word;
use crate::domain::{AMOUNT_MINOR_MAX, Text};
use crate::policy::ProblemCode;
use crate::policy::contract::{ApiChannel, Budgets, DataUse, Disclosure, Integration, Listing, Party};
use crate::policy::{Contract, Dates};
use crate::words;

/// Longest a partner's page may wait for an answer, milliseconds.
const ANSWER_WITHIN_MS_MAX: i64 = 24 * HOUR_MS;
/// Longest a candidate may be acted upon: its reservation counts against the guard until then, milliseconds.
const VALID_FOR_MS_MAX: i64 = 31 * DAY_MS;
/// Largest count a contract may state (quota, reservations, cases).
pub(super) const COUNT_MAX: i64 = 100_000_000;

words! {
    pub enum Mode {
        RealTime = "real_time",
        Offline = "offline",
        Referral = "referral",
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
                Wrong::new(format!("one contract a partner (also on line {line})"), "merge or remove one of them")
                    .coded(ProblemCode::Twice);
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
    let day_begins_at_ms = fields.or("day_begins_at", 0, clock);
    // Dates are still checked when the zone is wrong, so that one reading finds everything.
    let days_of = zone.clone().unwrap_or(TimeZone::UTC);
    let listed = listing(&fields, &days_of);
    let modes = fields.list_or("modes", Vec::new(), word::<Mode>);
    let term = term(&fields, &days_of);
    let permits = |mode| modes.as_ref().is_some_and(|modes| modes.contains(&mode));
    let any_mode = modes.as_ref().is_some_and(|modes| !modes.is_empty());
    let disclosed = disclosure(&fields, any_mode);
    let enhancers = parties(&fields, "enhancers", "enhancer", &days_of);
    let referral_recipients = parties(&fields, "referral_recipients", "recipient", &days_of);
    let regions = fields.words("regions", fields.list_or("regions", Vec::new(), token));
    let data_use = fields.list_or("data_use", Vec::new(), word::<DataUse>);
    let fee_minor = fields.or("fee_per_disbursed_minor", None, amount);
    let (real_time, offline, referral) = (permits(Mode::RealTime), permits(Mode::Offline), permits(Mode::Referral));
    let answering = answering(&fields, real_time);
    let guard = guard::read(&fields, real_time);
    let quota_per_day = when(&fields, real_time, "quota_per_day", 0, whole(0, COUNT_MAX));
    let quota_per_hour = fields.or("quota_per_hour", None, |text| whole(0, COUNT_MAX)(text).map(Some));
    let budgets = budgets(&fields);
    fields.finish();
    modes?;
    let (contract, tail_ms) = term?;
    Some(Contract {
        listed: listed?,
        contract,
        tail_ms,
        real_time,
        offline,
        referral,
        disclosed: disclosed?,
        enhancers: enhancers?,
        referral_recipients: referral_recipients?,
        day_begins_at_ms: day_begins_at_ms?,
        guard: guard?,
        quota_per_day: quota_per_day?,
        quota_per_hour: quota_per_hour?,
        budgets: budgets?,
        regions: regions?,
        data_use: data_use?,
        fee_minor: fee_minor?,
        ..answering?.within(Contract::forbidding(partner?, zone?, currency?))
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

/// Who stands on the published list, by which document, from when to when, last checked when.
fn listing(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<Listing> {
    let listed = fields.group("listed", "`listed`")?;
    let document = listed.required("document", sentence);
    let dates = dates(&listed, zone);
    let checked = listed.required("last_checked", day);
    listed.finish();
    Some(Listing { document: document?, dates: dates?, last_checked: Some(checked?) })
}

/// Others of the contract who must stand on the list too: `{enhancer: g01, listed: {…}}`.
fn parties(fields: &Fields<'_, '_>, key: &'static str, who: &'static str, zone: &TimeZone) -> Option<Vec<Party>> {
    if !fields.has(key) {
        return Some(Vec::new());
    }
    let items = fields.problems.items(fields.find(key)?)?;
    let read = items.iter().map(|item| {
        let party = Fields::of(item, "an entry of the list", fields.problems)?;
        let (token, listed) = (party.required(who, token), listing(&party, zone));
        party.finish();
        Some(Party { token: token?, listed: listed? })
    });
    // Each is read before the first wrong one ends it, so that one reading finds everything.
    read.collect::<Vec<Option<Party>>>().into_iter().collect()
}

/// The contract's dates, and its tail in milliseconds.
fn term(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<(Dates, i64)> {
    let term = fields.group("contract", "`contract`")?;
    let dates = dates(&term, zone);
    let tail = term.or("tail_days", 0, whole(0, 3_660));
    term.finish();
    Some((dates?, tail? * DAY_MS))
}

/// `from` and `to`; an end that is open must say so.
pub(super) fn dates(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<Dates> {
    let from = fields.required("from", |text| beginning(text, zone));
    let to = fields.required("to", |text| if text == "open" { Ok(None) } else { end(text, zone).map(Some) });
    let (from, to) = (from?, to?);
    if to.is_some_and(|to| to <= from) {
        let wrong = Wrong::new(format!("an end after the start ({from})"), "correct one of the two dates")
            .coded(ProblemCode::Contradiction);
        fields.problems.report(fields.place_of("to"), "an end before the start", wrong);
        return None;
    }
    Some(Dates { from: Some(from), to })
}

/// Where, in which version and when the partner was told; the outer `None` means a problem was reported.
fn disclosure(fields: &Fields<'_, '_>, needed: bool) -> Option<Option<Disclosure>> {
    if !needed && !fields.has("disclosed_to_partner") {
        return Some(None);
    }
    let disclosed = fields.group("disclosed_to_partner", "`disclosed_to_partner`")?;
    let document = disclosed.required("document", sentence);
    let version = disclosed.required("version", sentence);
    let date = disclosed.required("date", day);
    disclosed.finish();
    Some(Some(Disclosure { document: document?, version: version?, date: date? }))
}

fn amount(text: &str) -> Result<Option<i64>, Wrong> {
    whole(0, AMOUNT_MINOR_MAX)(text).map(Some)
}

fn budgets(fields: &Fields<'_, '_>) -> Option<Budgets> {
    if !fields.has("budgets") {
        return Some(Budgets::default());
    }
    let budgets = fields.group_if_any("budgets", "`budgets`")?;
    let offers = budgets.or("offers_per_day", None, |text| whole(0, COUNT_MAX)(text).map(Some));
    let coupon = budgets.or("coupon_minor_per_day", None, amount);
    let exposure = budgets.or("exposure_minor", None, amount);
    budgets.finish();
    let (offers_per_day, coupon_minor_per_day, exposure_minor) = (offers?, coupon?, exposure?);
    Some(Budgets { offers_per_day, coupon_minor_per_day, exposure_minor, ..Budgets::default() })
}

struct Answering {
    integration: Integration,
    triggers_on_risk_passed: bool,
    answer_within_ms: i64,
    api_channels: Vec<(ApiChannel, i64)>,
    valid_for_ms: i64,
    touchpoint: Option<Text>,
}

impl Answering {
    fn within(self, contract: Contract) -> Contract {
        let Answering {
            integration,
            triggers_on_risk_passed,
            answer_within_ms,
            api_channels,
            valid_for_ms,
            touchpoint,
        } = self;
        Contract {
            integration,
            triggers_on_risk_passed,
            answer_within_ms,
            api_channels,
            valid_for_ms,
            touchpoint,
            ..contract
        }
    }
}

fn answering(fields: &Fields<'_, '_>, needed: bool) -> Option<Answering> {
    let integration = when(fields, needed, "integration", Integration::Api, word::<Integration>);
    let touchpoint = fields.or("touchpoint", None, |text| token(text).map(Some));
    let trigger = when(fields, needed, "trigger", Trigger::Requested, word::<Trigger>);
    let by_channel = fields.has("api_channels");
    let channels = api_channels(fields);
    let within = when(fields, needed && !by_channel, "answer_within_ms", 0, whole(1, ANSWER_WITHIN_MS_MAX));
    let valid = when(fields, needed, "valid_for", 0, |text| {
        let too_long =
            || Wrong::new("at most `31d`", "shorten it: a reservation counts against the guard all that time");
        duration(text).and_then(|ms| Some(ms).filter(|ms| *ms <= VALID_FOR_MS_MAX).ok_or_else(too_long))
    });
    let (integration, touchpoint, api_channels) = (integration?, touchpoint?, channels?);
    let report = |key, found, wrong| {
        fields.problems.report(fields.place_of(key), found, wrong);
        None
    };
    if needed && integration == Integration::Api && touchpoint.is_some() {
        let wrong =
            Wrong::new("no touchpoint (with `api` there is no page of ours)", "remove it or correct `integration`")
                .coded(ProblemCode::Contradiction);
        return report("touchpoint", "a touchpoint", wrong);
    }
    if by_channel && integration != Integration::Api {
        let wrong =
            Wrong::new("`integration: api` (elsewhere there is a page of ours)", "remove it or correct the other")
                .coded(ProblemCode::Contradiction);
        return report("api_channels", "channels without a page", wrong);
    }
    if by_channel && fields.has("answer_within_ms") {
        let wrong = Wrong::new("one of the two", "keep `api_channels`: each channel has its own deadline")
            .coded(ProblemCode::Contradiction);
        return report("answer_within_ms", "`answer_within_ms` beside `api_channels`", wrong);
    }
    Some(Answering {
        integration,
        triggers_on_risk_passed: trigger? == Trigger::RiskPassed,
        answer_within_ms: api_channels.iter().map(|(_, ms)| *ms).max().unwrap_or(within?),
        api_channels,
        valid_for_ms: valid?,
        touchpoint,
    })
}

/// `{sms: 10m, push: 2m, app: 1h}`: the channels a candidate may carry, each with its deadline after the trigger.
fn api_channels(fields: &Fields<'_, '_>) -> Option<Vec<(ApiChannel, i64)>> {
    if !fields.has("api_channels") {
        return Some(Vec::new());
    }
    let group = fields.group_if_any("api_channels", "`api_channels`")?;
    let deadline = |text: &str| {
        let too_long = || Wrong::new("at most `24h`", "shorten it: an answer later than that is none");
        duration(text).and_then(|ms| Some(ms).filter(|ms| *ms <= ANSWER_WITHIN_MS_MAX).ok_or_else(too_long))
    };
    let all = [ApiChannel::Sms, ApiChannel::Push, ApiChannel::App];
    let read = all.map(|channel| group.or(channel.name(), None, |text| deadline(text).map(|ms| Some((channel, ms)))));
    group.finish();
    let read: Option<Vec<Option<(ApiChannel, i64)>>> = read.into_iter().collect();
    Some(read?.into_iter().flatten().collect())
}
