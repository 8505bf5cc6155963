//! The `guard` of a contract: what is promised per horizon.

use super::contracts::COUNT_MAX;
use super::fields::{Fields, Wrong, word};
use super::quantity::{share, whole};
use super::tree::{Entry, Value};
use crate::policy::GuardTerms;
use crate::policy::ProblemCode;
use crate::policy::contract::Horizon;
use crate::words;

words! {
    /// What the guard does while the partner's data are stale.
    pub enum Stale {
        Closed = "closed",
        Hold = "hold",
    }
}

/// The guard; where it is neither needed nor stated, one that admits nobody.
pub fn read(fields: &Fields<'_, '_>, needed: bool) -> Option<GuardTerms> {
    if !needed && !fields.has("guard") {
        let horizons = Horizon::KNOWN.iter().filter_map(|(name, _)| Horizon::named(name, 0)).collect();
        return Some(GuardTerms { min_n: 1, horizons, ..GuardTerms::default() });
    }
    let guard = fields.group("guard", "`guard`")?;
    let horizons = horizons(&guard);
    let keys = ["drawdown_pass_floor", "diverted_share_max", "reopen_margin", "hold_on_limit_approval_below"];
    let [floor, diverted, margin, approval] = keys.map(|key| guard.or(key, None, |text| share(text).map(Some)));
    let stale = guard.or("stale", Stale::Closed, word::<Stale>);
    let min_n = guard.required("min_n", whole(1, COUNT_MAX));
    let holdout_min_n = guard.or("holdout_min_n", None, |text| whole(1, COUNT_MAX)(text).map(Some));
    let below = guard.required("below_min_n_max", whole(0, COUNT_MAX));
    let reserved = guard.required("reserved_max", whole(0, COUNT_MAX));
    other_basis(&guard);
    guard.finish();
    Some(GuardTerms {
        drawdown_pass_floor_ppm: floor?,
        diverted_share_max_ppm: diverted?,
        reopen_margin_ppm: margin?,
        limit_approval_min_ppm: approval?,
        stale_holds: stale? == Stale::Hold,
        min_n: min_n?,
        holdout_min_n: holdout_min_n?,
        below_min_n_max: below?,
        reserved_max: reserved?,
        horizons: horizons?,
    })
}

/// The rate that is no basis of a guard.
const LIMIT_APPROVAL: &str = "limit_approval";

/// What would let the guard promise something about `limit_approval`: no candidate can move that rate.
fn other_basis(group: &Fields<'_, '_>) {
    let speaks = |entry: &&Entry| {
        let value = matches!(&entry.node.value, Value::Text(text) if text == LIMIT_APPROVAL);
        value || entry.key.contains(LIMIT_APPROVAL)
    };
    for entry in group.unasked().into_iter().filter(speaks) {
        let wrong = Wrong::new(
            "a guard of `drawdown_pass`: no candidate can move `limit_approval`",
            "remove it; `hold_on_limit_approval_below` is the condition that a contract may hold on",
        )
        .coded(ProblemCode::GuardBasis);
        group.problems.report(entry.place, format!("`{}` with `{LIMIT_APPROVAL}` as its basis", entry.key), wrong);
        group.pass(entry);
    }
}

/// `reflow_effect_max` with one value for all of `horizons`, or a value for each: `{1h: 2 points, 28d: 1 point}`.
fn horizons(guard: &Fields<'_, '_>) -> Option<Vec<Horizon>> {
    let node = guard.need("reflow_effect_max");
    if let Some(node) = node.filter(|node| matches!(node.value, Value::Group(_))) {
        return by_horizon(guard, &Fields::of(node, "`reflow_effect_max`", guard.problems)?);
    }
    let effect = node.and_then(|node| guard.problems.scalar(node, share));
    let names = guard.list_needed("horizons", |text| {
        let known = Horizon::KNOWN.into_iter().find(|(name, _)| *name == text);
        known.ok_or_else(|| Wrong::new("one of 1h, 24h, 7d, 28d", "choose one of these"))
    });
    let (effect, mut names) = (effect?, names?);
    names.sort_by_key(|(_, ms)| *ms);
    names.dedup();
    Some(names.into_iter().filter_map(|(name, _)| Horizon::named(name, effect)).collect())
}

fn by_horizon(guard: &Fields<'_, '_>, group: &Fields<'_, '_>) -> Option<Vec<Horizon>> {
    let read =
        Horizon::KNOWN.map(|(name, _)| group.or(name, None, |text| share(text).map(|ppm| Horizon::named(name, ppm))));
    other_basis(group);
    group.report_unknown();
    if guard.has("horizons") {
        guard.find("horizons");
        let wrong = Wrong::new("one of the two", "remove `horizons`: `reflow_effect_max` names them")
            .coded(ProblemCode::Contradiction);
        guard.problems.report(guard.place_of("horizons"), "`horizons` beside a value for each", wrong);
        return None;
    }
    let read: Option<Vec<Option<Horizon>>> = read.into_iter().collect();
    let horizons: Vec<Horizon> = read?.into_iter().flatten().collect();
    if horizons.is_empty() {
        let wrong = Wrong::new("at least one of 1h, 24h, 7d, 28d", "say what is promised");
        guard.problems.report(group.place, "no horizon", wrong);
        return None;
    }
    Some(horizons)
}
