//! The `models` part: which version of which model may be used for what, when, and how long its results count.

use jiff::tz::TimeZone;

use super::fields::{Fields, Wrong, word};
use super::quantity::{beginning, end, sentence, token, whole};
use super::rules::each;
use super::source_of;
use crate::domain::Text;
use crate::policy::conditions::Origin;
use crate::policy::contract::{DataUse, Dates};
use crate::policy::deciles::{ALERT_PPM, ALL_PPM, Deciles, TENTHS};
use crate::policy::models::{Model, Purpose, Registry};
use crate::policy::{Contract, ProblemCode};

/// Most versions of models.
const MODELS_MAX: usize = 256;
/// Largest edge between two tenths, in the model's own scale.
const SCORE_MAX: i64 = 1_000_000_000;
/// Largest index that somebody may want to be told of, parts per million; none is larger than nine.
const PSI_MAX_PPM: i64 = 9_000_000;
/// Longest a result may count, days.
const AGE_DAYS_MAX: i64 = 3_660;

/// The outer `None`: a problem was reported. Without the part no model is asked for.
pub fn read(root: &Fields<'_, '_>, contracts: &[Contract]) -> Option<Option<Registry>> {
    if !root.has("models") {
        return Some(None);
    }
    each(root, ("models", "a model", MODELS_MAX), |fields| model(fields, contracts))
        .map(|models| Some(Registry::new(models)))
}

fn model(fields: Fields<'_, '_>, contracts: &[Contract]) -> Option<(Model, Text)> {
    let [model, version] = ["model", "version"].map(|key| fields.required(key, token));
    let [owner, approver] = ["owner", "approver"].map(|key| fields.required(key, sentence));
    let from = fields.required("from", |text| beginning(text, &TimeZone::UTC));
    let to = fields.required("to", |text| end(text, &TimeZone::UTC));
    let max_age_days = fields.required("max_age_days", whole(0, AGE_DAYS_MAX));
    let purposes = fields.list_needed("purposes", word::<Purpose>);
    let inputs = fields.list_needed("inputs", word::<Origin>);
    if let (Some(owner), Some(approver)) = (&owner, &approver)
        && owner.to_lowercase() == approver.to_lowercase()
    {
        let wrong = Wrong::new("another person than the owner", "let a second person approve the model")
            .coded(ProblemCode::FourEyes);
        fields.problems.report(fields.place_of("approver"), format!("`{approver}`"), wrong);
    }
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        let wrong = Wrong::new("an end after the start", "correct one of the two dates");
        fields.problems.report(fields.place_of("to"), "an end before the start", wrong);
    }
    let deciles = deciles(&fields);
    let deciles_at = source_of(&fields, "deciles");
    let supplied = inputs.as_ref().is_some_and(|inputs| inputs.contains(&Origin::PartnerSupplied));
    let any_mode = |contract: &&Contract| contract.real_time || contract.offline || contract.referral;
    let uncovered = contracts.iter().filter(any_mode).find(|contract| !contract.data_use.contains(&DataUse::Selection));
    if let Some(contract) = uncovered.filter(|_| supplied) {
        let expected = format!("`selection` in the `data_use` of `{}`", contract.partner);
        let next = "agree on that use with the partner, or use a model without such inputs";
        fields.problems.report(
            fields.place_of("inputs"),
            "a model made from what partners supplied",
            Wrong::new(expected, next),
        );
    }
    fields.finish();
    let (model, version) = (model?, version?);
    let name = compact_str::format_compact!("{model} {version}");
    let valid = Dates { from: Some(from?), to: Some(to?) };
    let (purposes, inputs, max_age_days) = (purposes?, inputs?, max_age_days?);
    let (owner, approver, deciles) = (owner?, approver?, deciles?);
    Some((Model { model, version, owner, approver, valid, max_age_days, purposes, inputs, deciles, deciles_at }, name))
}

/// `deciles`, `reference_ppm`, `psi_alert_ppm`; the outer `None`: a problem was reported.
fn deciles(fields: &Fields<'_, '_>) -> Option<Option<Deciles>> {
    if !fields.has("deciles") {
        for key in ["reference_ppm", "psi_alert_ppm"].into_iter().filter(|key| fields.has(key)) {
            fields.find(key);
            let wrong = Wrong::new("`deciles` beside it", "state the nine edges, or remove it");
            fields.problems.report(fields.place_of(key), format!("`{key}` without `deciles`"), wrong);
        }
        return Some(None);
    }
    let edges = fields.list_needed("deciles", whole(-SCORE_MAX, SCORE_MAX));
    let reference = fields.list_or("reference_ppm", vec![ALL_PPM / TENTHS as i64; TENTHS], whole(0, ALL_PPM));
    let alert_ppm = fields.or("psi_alert_ppm", ALERT_PPM, whole(1, PSI_MAX_PPM));
    let edges = edges.and_then(|edges| {
        let growing = edges.is_sorted_by(|a, b| a < b);
        let read = <[i64; TENTHS - 1]>::try_from(edges).ok().filter(|_| growing);
        if read.is_none() {
            let wrong = Wrong::new("nine growing edges between ten tenths", "correct the list");
            fields.problems.report(fields.place_of("deciles"), "another list of edges", wrong);
        }
        read
    });
    let reference_ppm = reference.and_then(|shares| {
        let read = <[i64; TENTHS]>::try_from(shares).ok().filter(|shares| shares.iter().sum::<i64>() == ALL_PPM);
        if read.is_none() {
            let wrong = Wrong::new("ten shares that add up to 1000000", "correct the list");
            fields.problems.report(fields.place_of("reference_ppm"), "other shares", wrong);
        }
        read
    });
    Some(Some(Deciles { edges: edges?, reference_ppm: reference_ppm?, alert_ppm: alert_ppm? }))
}
