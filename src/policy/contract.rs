//! What one partner's contract permits and promises, as parsed and checked.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use super::findings::Words;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::{EventTime, Text};
use crate::words;

/// A half-open span of event time; an absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    pub from: Option<EventTime>,
    pub to: Option<EventTime>,
}

impl Dates {
    pub fn hold(self, at: EventTime) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
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
    /// How a candidate reaches a customer of a partner without a page of ours.
    pub enum ApiChannel {
        Sms = "sms",
        Push = "push",
        App = "app",
    }
}

words! {
    /// What data that the partner supplied may be used for.
    pub enum DataUse {
        CreditAssessment = "credit_assessment",
        LoanServicing = "loan_servicing",
        Collection = "collection",
        /// To choose whom to approach, and when.
        Selection = "selection",
        /// To make the terms of an offer.
        OfferTerms = "offer_terms",
        ModelTraining = "model_training",
    }
}

/// An entry of the published list of cooperation partners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The document that lists it.
    pub document: Text,
    pub dates: Dates,
    /// When somebody last looked.
    pub last_checked: Option<Date>,
}

/// Somebody else of the contract who must be listed too: an enhancer, a referral recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    pub token: Text,
    pub listed: Listing,
}

/// Where, in which version and when the partner was told of what the contract permits us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosure {
    pub document: Text,
    pub version: Text,
    pub date: Date,
}

/// One horizon of the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// `1h`, `24h`, `7d` or `28d`.
    pub name: Text,
    pub length_ms: i64,
    /// Most points by which reflow may lower `drawdown_pass` in this horizon, parts per million.
    pub effect_max_ppm: i64,
}

/// The guard's promise about our own effect on the partner's `drawdown_pass`. The default admits nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardTerms {
    /// Agreed floor of the projected `drawdown_pass`, parts per million.
    pub drawdown_pass_floor_ppm: Option<i64>,
    /// Most diversions and reservations as a share of all drawdowns in a horizon, parts per million.
    pub diverted_share_max_ppm: Option<i64>,
    /// Room below `effect_max_ppm` that a closed horizon must regain before it opens again, parts per million.
    pub reopen_margin_ppm: Option<i64>,
    /// `limit_approval` below which nobody is admitted, parts per million. A condition: no candidate can move that rate.
    pub limit_approval_min_ppm: Option<i64>,
    /// Stale data hold the last reading instead of closing the guard.
    pub stale_holds: bool,
    /// Concluded drawdowns in the horizon below which the effect is not judged.
    pub min_n: i64,
    /// Concluded drawdowns of the control group in 28 days below which the counterfactual is taken of all undiverted ones;
    /// `None`: as `min_n`.
    pub holdout_min_n: Option<i64>,
    /// Below `min_n`: most reservations and diversions together.
    pub below_min_n_max: i64,
    /// Most live reservations.
    pub reserved_max: i64,
    /// By length.
    pub horizons: Vec<Horizon>,
}

impl GuardTerms {
    /// Concluded drawdowns of the control group from which on their pass is the counterfactual; at least one.
    pub fn holdout_min_n(&self) -> i64 {
        self.holdout_min_n.unwrap_or(self.min_n).max(1)
    }
}

/// What may be spent on one partner's customers; what is not stated is not limited by a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Admitted candidates a day.
    pub offers_per_day: Option<i64>,
    /// Face value of the coupons of admitted candidates a day, minor units.
    pub coupon_minor_per_day: Option<i64>,
    /// Limits of all live candidates together, minor units.
    pub exposure_minor: Option<i64>,
    /// Most that admitted candidates may cost on average, parts per million, by date: the price caps of the lender's licence.
    pub avg_cost_max: Vec<(Dates, i64)>,
}

impl Budgets {
    /// Most that admitted candidates may cost on average at a moment, parts per million; the strictest that is in force.
    pub fn avg_cost_max_ppm(&self, at: EventTime) -> Option<i64> {
        self.avg_cost_max.iter().filter(|(dates, _)| dates.hold(at)).map(|(_, ppm)| *ppm).min()
    }
}

/// One partner's contract. Everything that is not permitted is forbidden.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    pub partner: Text,
    pub listed: Listing,
    pub contract: Dates,
    /// How long after a loan is closed the partner's word is still needed, milliseconds.
    pub tail_ms: i64,
    pub real_time: bool,
    pub offline: bool,
    pub referral: bool,
    pub disclosed: Option<Disclosure>,
    /// Guarantors and insurers whose loans may be approached, by token.
    pub enhancers: Vec<Party>,
    /// Lenders to whom a customer may be referred, by token.
    pub referral_recipients: Vec<Party>,
    pub integration: Integration,
    /// The core emits `drawdown_risk_passed`, so that is the trigger; else `drawdown_requested`.
    pub triggers_on_risk_passed: bool,
    /// Milliseconds between trigger and the moment the answer must be there; with `api_channels` the longest of theirs.
    pub answer_within_ms: i64,
    /// With `api`: the channels a candidate may carry, each with its own deadline in milliseconds after the trigger.
    pub api_channels: Vec<(ApiChannel, i64)>,
    /// How long an admitted candidate may be acted upon, milliseconds.
    pub valid_for_ms: i64,
    pub touchpoint: Option<Text>,
    pub zone: TimeZone,
    /// When the partner's day begins, milliseconds after midnight of `zone`: quotas and budgets count by it.
    pub day_begins_at_ms: i64,
    pub currency: Text,
    pub guard: GuardTerms,
    /// Admissions per day.
    pub quota_per_day: i64,
    /// Admissions per hour.
    pub quota_per_hour: Option<i64>,
    pub budgets: Budgets,
    /// Region tokens in which the lender may act; empty: everywhere.
    pub regions: Words,
    /// What data that the partner supplied may be used for; empty: nothing.
    pub data_use: Vec<DataUse>,
    /// What the partner is owed for a customer who is disbursed through us, minor units.
    pub fee_minor: Option<i64>,
}

impl Contract {
    /// A contract that permits nothing: what a document, or a test, fills in.
    pub fn forbidding(partner: Text, zone: TimeZone, currency: Text) -> Self {
        Self {
            partner,
            listed: Listing::default(),
            contract: Dates::default(),
            tail_ms: 0,
            real_time: false,
            offline: false,
            referral: false,
            disclosed: None,
            enhancers: Vec::new(),
            referral_recipients: Vec::new(),
            integration: Integration::Api,
            triggers_on_risk_passed: false,
            answer_within_ms: 0,
            api_channels: Vec::new(),
            valid_for_ms: 0,
            touchpoint: None,
            zone,
            day_begins_at_ms: 0,
            currency,
            guard: GuardTerms::default(),
            quota_per_day: 0,
            quota_per_hour: None,
            budgets: Budgets::default(),
            regions: Words::default(),
            data_use: Vec::new(),
            fee_minor: None,
        }
    }

    /// The enhancer stands on the list at that moment.
    pub fn enhancer_listed(&self, enhancer: &str, at: EventTime) -> bool {
        self.enhancers.iter().any(|party| party.token == enhancer && party.listed.dates.hold(at))
    }

    /// The recipient stands on the list at that moment.
    pub fn recipient_listed(&self, recipient: &str, at: EventTime) -> bool {
        self.referral_recipients.iter().any(|party| party.token == recipient && party.listed.dates.hold(at))
    }
}

/// The contracts of a document. Payments too ask for theirs, so a contract is found in one step however many there are.
#[derive(Clone, Debug)]
pub(super) struct Contracts {
    /// Sorted by partner.
    pub sorted: Vec<Contract>,
    places: FxHashMap<Text, usize>,
}

impl Contracts {
    pub fn new(sorted: Vec<Contract>) -> Self {
        let places = sorted.iter().enumerate().map(|(place, contract)| (contract.partner.clone(), place)).collect();
        Self { sorted, places }
    }

    pub fn of(&self, partner: &str) -> Option<&Contract> {
        self.sorted.get(*self.places.get(partner)?)
    }
}

impl Horizon {
    /// The horizons that a contract may name.
    pub const KNOWN: [(&'static str, i64); 4] =
        [("1h", HOUR_MS), ("24h", DAY_MS), ("7d", 7 * DAY_MS), ("28d", 28 * DAY_MS)];

    /// A known horizon with its promise.
    pub fn named(name: &str, effect_max_ppm: i64) -> Option<Self> {
        let (name, length_ms) = Self::KNOWN.into_iter().find(|(known, _)| *known == name)?;
        Some(Self { name: Text::const_new(name), length_ms, effect_max_ppm })
    }
}
