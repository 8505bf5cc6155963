//! Customers made up to try a policy on: one that every rule lets pass, and variations of it.

use crate::domain::candidate::Source;
use crate::domain::events::{Income, OwnProductState, RepaymentMethod, RiskBearing, RiskVerdict, Score};
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::domain::{CandidateKind, EventTime};
use crate::policy::experiments::Challenger;
use crate::policy::facts::{ConsentFact, History, Holdings, KnownAt, PartnerLimit, Person, Standing};
use crate::policy::models::Purpose;
use crate::policy::offer::OfferRule;
use crate::policy::{Contract, Facts, Judgement, Policy};

/// What the partner flow gives the probe customers: limits in minor units, all-in cost in parts per million.
const LIMITS: [Option<i64>; 4] = [Some(500_000), Some(2_000_000), Some(10_000_000), None];
const COSTS: [Option<i64>; 4] = [Some(99_000), Some(180_000), Some(235_000), None];
const TERMS: [Option<i32>; 3] = [Some(3), Some(12), None];
/// An income of which no share is too small, minor units a month.
const INCOME_MINOR: i64 = 1_000_000_000_000;
/// Longer than any silence a policy may name, milliseconds.
const LONG_MS: i64 = 3_661 * DAY_MS;
/// Most bands tried.
const BANDS_MAX: usize = 4;
const CUSTOMER: &str = "probe";
/// Every customer, parts per million.
const ALL_PPM: i64 = 1_000_000;
/// The kinds of real-time triggers.
pub const KINDS: [CandidateKind; 3] = [CandidateKind::NewRt, CandidateKind::ReturningRt, CandidateKind::UseOwnLimit];

static SOURCE: Source = Source {
    topic: crate::domain::Text::const_new(""),
    partition: 0,
    offset: 0,
    event_id: crate::domain::Text::const_new(""),
};

/// A customer at a moment who gives no rule a reason to say no: consenting, never late, with a verdict, in a permitted region.
pub fn good<'a>(policy: &'a Policy, contract: &'a Contract, kind: CandidateKind, at: EventTime) -> Facts<'a> {
    Facts {
        now: at,
        event_time: at,
        requested_at: at,
        customer: CUSTOMER,
        partner: &contract.partner,
        application: "application",
        drawdown: "drawdown",
        amount_minor: Some(1_000_000),
        kind,
        limit: PartnerLimit {
            limit_minor: Some(2_000_000),
            all_in_cost_ppm: Some(235_000),
            term_months: Some(12),
            repayment_method: Some(RepaymentMethod::EqualInstalment),
            product_kind: None,
            currency: Some(&contract.currency),
        },
        consent: Some(ConsentFact {
            consent: "consent",
            text_version: text(policy, at),
            given_at: at,
            withdrawn_at: None,
        }),
        flags: 0,
        staff: false,
        test_order: false,
        employers: &[],
        region: contract.regions.first(),
        standing: Standing::default(),
        verdict: policy.exclusions.risk_bands.first().map(|band| {
            let (model, version) = model(policy, Purpose::Verdict, at);
            RiskVerdict { model, version, band, decided_at: at, valid_days: 365 }
        }),
        offered_at: &[],
        live: false,
        pending: false,
        lenders: Some(1),
        debt_burden_ppm: Some(100_000),
        own_product: None,
        risk_bearing: Some(RiskBearing::Funder),
        enhancer: None,
        holdings: Holdings::default(),
        source: &SOURCE,
        person: Person {
            income: Some(Income { monthly_minor: INCOME_MINOR, currency: &contract.currency }),
            ..person(policy, at)
        },
    }
}

/// A text of the consent that counts at the moment; any where the policy names none.
fn text(policy: &Policy, at: EventTime) -> &str {
    let mut texts = policy.consent_texts.iter().flat_map(|texts| &texts.texts);
    texts.find(|text| text.dates.hold(at)).map_or("1", |text| &text.version)
}

/// A model that the policy approves for this use at the moment; where it approves none, or asks for none, any.
fn model(policy: &Policy, purpose: Purpose, at: EventTime) -> (&str, &str) {
    let mut models = policy.models.iter().flat_map(|registry| &registry.models);
    let fit = models.find(|model| model.valid.hold(at) && model.purposes.contains(&purpose));
    fit.map_or(("model", "1"), |model| (&model.model, &model.version))
}

/// Everything known, as of now, at its best (a high risk score is a bad one); every consent given.
fn person(policy: &Policy, at: EventTime) -> Person<'_> {
    let score = |purpose, value_ppm| {
        let (model, version) = model(policy, purpose, at);
        Some(Score { value_ppm, model, version, scored_at: at })
    };
    Person {
        risk: score(Purpose::Risk, 0),
        response: score(Purpose::Response, 900_000),
        conversion: score(Purpose::Conversion, 900_000),
        value: score(Purpose::Value, 900_000),
        zone: Some("Asia/Shanghai"),
        own_product_at: Some(at),
        reachable: Some(true),
        purposes: u32::MAX,
        bureau_given_at: Some(at),
        known_at: KnownAt {
            region: Some(at),
            employer: Some(at),
            lenders: Some(at),
            debt_burden: Some(at),
            income: Some(at),
        },
        ..Person::default()
    }
}

/// The good customer with every combination of what a partner flow may have given, of lives before, and of bands.
pub fn variations<'a>(policy: &'a Policy, good: &Facts<'a>) -> impl Iterator<Item = Facts<'a>> {
    let good = good.clone();
    let terms = LIMITS.into_iter().flat_map(|limit| COSTS.into_iter().map(move |cost| (limit, cost)));
    let terms = terms.flat_map(|(limit, cost)| TERMS.into_iter().map(move |term| (limit, cost, term)));
    let terms = terms.map(move |(limit_minor, all_in_cost_ppm, term_months)| {
        let limit = PartnerLimit { limit_minor, all_in_cost_ppm, term_months, ..good.limit };
        Facts { limit, ..good.clone() }
    });
    // Only what some offer asks for is varied: a review stays quick.
    let asks = |ask: fn(&OfferRule) -> bool| policy.offers.iter().any(ask);
    let laddered = asks(|offer| !offer.segments.is_empty() || !offer.activity.is_empty() || offer.renews);
    let bands = if asks(|offer| !offer.grades.is_empty()) { BANDS_MAX } else { 1 };
    let lived = terms.flat_map(move |facts| {
        let lives = lives(facts.kind, facts.event_time);
        let lives: Vec<_> = lives.into_iter().take(if laddered { usize::MAX } else { 1 }).collect();
        lives.into_iter().map(move |(history, own_product)| {
            let holdings = Holdings { history, ..facts.holdings.clone() };
            Facts { holdings, own_product, ..facts.clone() }
        })
    });
    lived.flat_map(move |facts| {
        policy.exclusions.risk_bands.words().take(bands).map(move |band| {
            let verdict = facts.verdict.clone().map(|verdict| RiskVerdict { band, ..verdict });
            Facts { verdict, ..facts.clone() }
        })
    })
}

/// What may have been before a trigger of a kind, with the state of the own product: one of each segment and activity.
fn lives(kind: CandidateKind, at: EventTime) -> Vec<(History, Option<OwnProductState>)> {
    let own_first = History { own_first: true, ..History::default() };
    let active = History {
        disbursed_here: 1,
        last_disbursed_at: Some(at),
        last_active_at: Some(at),
        limit_open: true,
        ..History::default()
    };
    let long_ago = Some(at.plus_ms(-LONG_MS));
    match kind {
        CandidateKind::ReturningRt => vec![
            (active, None),
            (History { last_disbursed_at: long_ago, ..active }, None),
            (History { last_disbursed_at: long_ago, last_active_at: long_ago, ..active }, None),
            (History { limit_open: false, ..active }, None),
            (History { disbursed_here: 0, disbursed_elsewhere: 1, ..active }, None),
            (History { own_first: true, ..active }, None),
            (active, Some(OwnProductState::Expired)),
            (active, Some(OwnProductState::Frozen)),
        ],
        CandidateKind::UseOwnLimit => vec![(own_first, Some(OwnProductState::Active))],
        _ => vec![
            (History::default(), None),
            (own_first, None),
            (own_first, Some(OwnProductState::Expired)),
            (own_first, Some(OwnProductState::Frozen)),
        ],
    }
}

/// The policy as each arm of its experiments meets it: without its holdout, and with every customer in that arm, so that it
/// is not by chance where a probe customer falls.
pub fn arms(policy: &Policy) -> Vec<Policy> {
    let challengers = &policy.experiments.challengers;
    let taken: i64 = challengers.iter().map(|challenger| challenger.share_ppm).sum();
    let champion = (taken < ALL_PPM || challengers.is_empty()).then_some(None);
    let trials = challengers.iter().filter(|challenger| challenger.share_ppm > 0).map(Some);
    champion.into_iter().chain(trials).map(|arm| in_arm(policy, arm)).collect()
}

fn in_arm(policy: &Policy, arm: Option<&Challenger>) -> Policy {
    let mut experiments = policy.experiments.clone();
    for challenger in &mut experiments.challengers {
        let all = arm.is_some_and(|arm| arm.challenger == challenger.challenger);
        challenger.share_ppm = if all { ALL_PPM } else { 0 };
    }
    Policy { holdout: None, experiments, ..policy.clone() }
}

/// Whether the customers of an arm may be made this offer.
pub fn admits(arm: &Policy, offer: &str) -> bool {
    arm.experiments.admits(offer, arm.experiments.challenger(CUSTOMER))
}

/// The name of the offer that a judgement makes.
pub fn offered(judgement: &Judgement) -> Option<&str> {
    judgement.proposal().map(|terms| terms.offer.offer.as_str())
}

/// A probe customer in words.
pub fn told(facts: &Facts<'_>) -> String {
    let part =
        |name: &str, value: Option<String>| value.map_or(format!("{name} unknown"), |value| format!("{name} {value}"));
    let limit = &facts.limit;
    format!(
        "a drawdown at {} by a customer of kind {}, {}, {}, {}",
        facts.partner,
        facts.kind.name(),
        part("limit", limit.limit_minor.map(|minor| format!("{minor} minor units"))),
        part("all-in cost", limit.all_in_cost_ppm.map(|ppm| format!("{}.{} %", ppm / 10_000, ppm % 10_000 / 1_000))),
        part("term", limit.term_months.map(|months| format!("{months} months"))),
    )
}
