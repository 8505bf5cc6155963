//! The `offers` part: an ordered list, the first offer that fits is made.

use rustc_hash::FxHashMap;

use super::fields::{Fields, Problems, Wrong, nearest, word};
use super::quantity::{currency, percentage_up_to, sentence, share, token, whole};
use super::rules::bounded;
use super::segments::{barred, compare};
use super::tree::{Node, Value};
use crate::domain::candidate::{CandidateKind, Coupon, LimitMode};
use crate::domain::words::Word;
use crate::domain::{AMOUNT_MINOR_MAX, ReasonCode, Text};
use crate::policy::ProblemCode;
use crate::policy::contact::{CONTACT_CHANNELS, OWN_CHANNELS};
use crate::policy::offer::{CostRule, LimitRule, MethodRule, OfferRule, TermRule};
use crate::words;

/// Most offers: every answer tries them in turn, and a review tries each on made-up customers.
const OFFERS_MAX: usize = 128;
/// Most grades, channels and coupons of one offer.
const OFFER_LIST_MAX: usize = 32;
/// Longest term, months.
const TERM_MONTHS_MAX: i64 = 600;
/// Highest annualised cost, and highest raise of a limit, a policy may state, percent.
pub(super) const PERCENT_MAX: i64 = 1_000;
/// The kinds that a real-time trigger can have.
const KINDS: [CandidateKind; 3] = [CandidateKind::NewRt, CandidateKind::ReturningRt, CandidateKind::UseOwnLimit];

words! {
    pub enum CouponKind {
        InterestFree = "interest_free",
        Repayment = "repayment",
    }
}

words! {
    /// What the terms of an offer are compared with.
    pub enum Compare {
        /// The terms at the partner's door.
        Partner = "partner",
        /// The best the customer has at any door.
        Best = "best",
    }
}

pub fn read(node: &Node, problems: &Problems<'_>) -> Option<Vec<OfferRule>> {
    let items = match problems.items(node)? {
        [] => &[],
        _ => bounded(node, OFFERS_MAX, problems)?,
    };
    let mut seen: FxHashMap<Text, usize> = FxHashMap::default();
    let mut offers = Vec::with_capacity(items.len());
    for item in items {
        let Some(fields) = Fields::of(item, "an offer", problems) else { continue };
        let place = fields.place_of("offer");
        let Some(offer) = offer(fields) else { continue };
        if let Some(line) = seen.insert(offer.offer.clone(), place.line) {
            let wrong = Wrong::new(format!("a name of its own (also on line {line})"), "rename one of the offers")
                .coded(ProblemCode::Twice);
            problems.report(place, format!("offer `{}` again", offer.offer), wrong);
        }
        offers.push(offer);
    }
    if offers.len() != items.len() {
        return None;
    }
    compare(node, &offers, problems);
    Some(offers)
}

fn offer(fields: Fields<'_, '_>) -> Option<OfferRule> {
    let offer = fields.required("offer", token);
    let code = fields.required("code", token);
    let product = fields.required("product", token);
    let kinds = fields.list_needed("kinds", kind);
    let segments = fields.list_or("segments", Vec::new(), word);
    let activity = fields.list_or("activity", Vec::new(), word);
    let grades = fields.list_or("grades", Vec::new(), token);
    let renews = fields.or("renews_own_limit", false, yes_or_no);
    let compare_with = fields.or("compare_with", Compare::Partner, word);
    let currency = fields.required("currency", currency);
    let limit = limit(&fields, kinds.as_deref());
    let limit_mode = fields.or("limit_mode", LimitMode::Shared, word);
    let interest_ppm = fields.or("interest", None, |text| percentage_up_to(text, PERCENT_MAX).map(Some));
    let cost = if fields.has("cost") { cost(&fields).map(Some) } else { Some(None) };
    let term = fields.or("term_months", None, |text| match text {
        "same" => Ok(Some(TermRule::Same)),
        _ => whole(1, TERM_MONTHS_MAX)(text).map(|months| i32::try_from(months).ok().map(TermRule::Months)),
    });
    let method = fields.or("repayment_method", None, |text| match text {
        "same" => Ok(Some(MethodRule::Same)),
        _ => word(text).map(|method| Some(MethodRule::Fixed(method))),
    });
    let coupons = if fields.has("coupons") { coupons(&fields) } else { Some(Vec::new()) };
    let channels = fields.list_needed("channels", channel);
    let [touchpoint, template, deep_link] =
        ["touchpoint", "template", "deep_link"].map(|key| fields.or(key, None, |text| token(text).map(Some)));
    let lengths = [
        ("grades", grades.as_ref().map(Vec::len)),
        ("channels", channels.as_ref().map(Vec::len)),
        ("coupons", coupons.as_ref().map(Vec::len)),
    ];
    for (key, length) in lengths {
        if let Some(length) = length.filter(|length| *length > OFFER_LIST_MAX) {
            let wrong = Wrong::new(format!("at most {OFFER_LIST_MAX} items"), "leave some out, or make two offers");
            let place = fields.place_of(key);
            fields.problems.report(place, format!("a list of {length}"), wrong.coded(ProblemCode::TooLarge));
        }
    }
    barred(&fields);
    fields.finish();
    Some(OfferRule {
        offer: offer?,
        code: code?,
        product: product?,
        kinds: kinds?,
        segments: segments?,
        activity: activity?,
        grades: grades?,
        renews: renews?,
        best: compare_with? == Compare::Best,
        interest_ppm: interest_ppm?,
        currency: currency?,
        limit: limit?,
        limit_mode: limit_mode?,
        cost: cost?,
        term: term?,
        repayment_method: method?,
        coupons: coupons?,
        channels: channels?,
        touchpoint: touchpoint?,
        template: template?,
        deep_link: deep_link?,
    })
}

fn yes_or_no(text: &str) -> Result<bool, Wrong> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Wrong::new("`true` or `false`", "choose one of these")),
    }
}

fn kind(text: &str) -> Result<CandidateKind, Wrong> {
    let known = KINDS.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| {
        let names = KINDS.map(CandidateKind::name).join(", ");
        Wrong::new(format!("one of {names}"), "choose a kind that a real-time trigger can have")
    })
}

/// One of the channels that are known: what a channel is called decides whether it is a contact.
fn channel(text: &str) -> Result<Text, Wrong> {
    let known: Vec<&str> = OWN_CHANNELS.into_iter().chain(CONTACT_CHANNELS).collect();
    if known.contains(&text) {
        return Ok(Text::from(text));
    }
    let next = match nearest(&text.to_lowercase(), &known) {
        Some(meant) => format!("perhaps `{meant}` is meant"),
        None => "choose one of these: each is known as a page of ours or as a contact".to_owned(),
    };
    Err(Wrong::new(format!("one of {}", known.join(", ")), next))
}

/// `same`, `own`, `{plus: 20 %}`, `{fixed_minor: 5000000}` or `{by_repeat_minor: [300000, 500000]}`.
fn limit(fields: &Fields<'_, '_>, kinds: Option<&[CandidateKind]>) -> Option<LimitRule> {
    let node = fields.need("limit")?;
    let wrong = || {
        Wrong::new(
            "`same`, `own`, `{plus: 20 %}`, `{fixed_minor: …}` or `{by_repeat_minor: […]}`",
            "choose one of these",
        )
    };
    if !matches!(node.value, Value::Group(_)) {
        let rule = fields.problems.scalar(node, |text| match text {
            "same" => Ok(LimitRule::Same),
            "own" => Ok(LimitRule::Own),
            _ => Err(wrong()),
        })?;
        let own_only = kinds.is_none_or(|kinds| kinds == [CandidateKind::UseOwnLimit]);
        if matches!(rule, LimitRule::Own) && !own_only {
            let wrong =
                Wrong::new("a limit for customers who hold none of ours", "keep `own` for kinds [use_own_limit]")
                    .coded(ProblemCode::Contradiction);
            fields.problems.report(node.place, "`own`", wrong);
            return None;
        }
        return Some(rule);
    }
    let choice = Fields::of(node, "`limit`", fields.problems)?;
    let plus = choice.optional("plus", |text| percentage_up_to(text, PERCENT_MAX));
    let fixed = choice.optional("fixed_minor", whole(1, AMOUNT_MINOR_MAX));
    let path = if choice.has("by_repeat_minor") { path(&choice) } else { None };
    let stated = ["plus", "fixed_minor", "by_repeat_minor"].iter().filter(|key| choice.has(key)).count();
    choice.finish();
    if stated != 1 {
        fields.problems.report(node.place, "not one of `plus`, `fixed_minor`, `by_repeat_minor`", wrong());
        return None;
    }
    plus.map(LimitRule::Plus).or(fixed.map(LimitRule::Fixed)).or(path.map(LimitRule::ByRepeat))
}

/// Limits by the number of disbursements before. One that falls makes those who return worse off, so it needs its reason.
fn path(choice: &Fields<'_, '_>) -> Option<Vec<i64>> {
    let path = choice.list("by_repeat_minor", whole(1, AMOUNT_MINOR_MAX))?;
    let reason = choice.or("falls_because", None, |text| sentence(text).map(Some))?;
    if reason.is_none() && path.windows(2).any(|step| matches!(step, [before, after] if after < before)) {
        let code = ReasonCode::FairExistingWorse.name();
        let wrong = Wrong::new(
            format!("`falls_because` with the reason of risk ({code})"),
            "say why those who return get less, or let it rise",
        )
        .coded(ProblemCode::Unfair);
        choice.problems.report(choice.place_of("by_repeat_minor"), "limits that fall with each return", wrong);
        return None;
    }
    Some(path)
}

/// `18 %` or `{below_partner_by: 2 points}`.
fn cost(fields: &Fields<'_, '_>) -> Option<CostRule> {
    let node = fields.find("cost")?;
    if !matches!(node.value, Value::Group(_)) {
        return fields.problems.scalar(node, |text| percentage_up_to(text, PERCENT_MAX)).map(CostRule::Fixed);
    }
    let choice = Fields::of(node, "`cost`", fields.problems)?;
    let points = choice.required("below_partner_by", share);
    choice.finish();
    points.map(CostRule::BelowPartner)
}

fn coupons(fields: &Fields<'_, '_>) -> Option<Vec<Coupon>> {
    let items = fields.find("coupons").and_then(|node| fields.problems.items(node))?;
    let read: Vec<Option<Coupon>> =
        items.iter().map(|item| coupon(Fields::of(item, "a coupon", fields.problems)?)).collect();
    read.into_iter().collect()
}

fn coupon(fields: Fields<'_, '_>) -> Option<Coupon> {
    let code = fields.required("code", token);
    let kind = fields.required("kind", word::<CouponKind>);
    let amount_minor = fields.or("amount_minor", None, |text| whole(1, AMOUNT_MINOR_MAX)(text).map(Some));
    let days = fields.or("days", None, |text| whole(1, 3_660)(text).map(|days| i32::try_from(days).ok()));
    let worth = match kind {
        Some(CouponKind::InterestFree) => "days",
        _ => "amount_minor",
    };
    if kind.is_some() && !fields.has(worth) {
        let wrong = Wrong::new(format!("`{worth}`"), format!("say what the coupon is worth: `{worth}: …`"));
        fields.problems.report(fields.place, "a coupon without its worth", wrong);
    }
    let complete = fields.has(worth);
    fields.finish();
    let kind = Text::const_new(kind?.name());
    complete.then_some(Coupon { code: code?, kind, amount_minor: amount_minor?, days: days? })
}
