//! Parts of events with fields of their own: amounts by component, employer, verdict, score, consent.
//!
//! One field of each part decides whether a row has it: an employer its token, an income its amount, a verdict its band, a score its value, a consent
//! the moment it was given, amounts any of their components. Where that field is null the part is left out.

use std::borrow::Cow;

use super::context::Context;
use super::field::{Field, Miss, TextField};
use super::keys::PartKeys;
use super::reading::{Moment, Money, Ppm, Reading, Whole, WordOf};
use super::row::Row;
use super::tree::{Node, Value};
use crate::domain::EventTime;
use crate::domain::events::{
    Components, Consent, ConsentPurpose, Employer, EmployerSource, Income, RiskVerdict, Score,
};

/// Amounts of an instalment: by component, or one amount that is taken as principal.
#[derive(Clone, Debug)]
pub(super) struct Amounts {
    principal: Option<Field<Money>>,
    interest: Option<Field<Money>>,
    fee: Option<Field<Money>>,
}

impl Amounts {
    pub fn read(name: &'static str, node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let by_component =
            matches!(&node.value, Value::Map(items) if items.iter().any(|(key, _)| key.name.ends_with("_minor")));
        if !by_component {
            return Some(Self { principal: Some(Field::read(name, node, cx)?), interest: None, fee: None });
        }
        let mut keys = PartKeys::open(node, name, cx)?;
        let principal = keys.field("principal_minor", cx);
        let interest = keys.field("interest_minor", cx);
        let fee = keys.field("fee_minor", cx);
        keys.close(cx);
        Some(Self { principal, interest, fee })
    }

    pub fn get(&self, row: &Row) -> Result<Option<Components>, Miss> {
        let amounts = [&self.principal, &self.interest, &self.fee].map(|field| optional(field, row));
        let [principal, interest, fee] = amounts;
        let (principal, interest, fee) = (principal?, interest?, fee?);
        if principal.or(interest).or(fee).is_none() {
            return Ok(None);
        }
        Ok(Some(Components {
            principal_minor: principal.unwrap_or(0),
            interest_minor: interest.unwrap_or(0),
            fee_minor: fee.unwrap_or(0),
        }))
    }
}

/// The value of a field that may be missing in the mapping or null in the row.
pub(super) fn optional<R: Reading>(field: &Option<Field<R>>, row: &Row) -> Result<Option<R::Out>, Miss> {
    field.as_ref().map_or(Ok(None), |field| field.get(row))
}

/// The text of a field that may be missing in the mapping or null in the row.
pub(super) fn optional_text<'r>(field: &'r Option<TextField>, row: &'r Row) -> Result<Option<Cow<'r, str>>, Miss> {
    field.as_ref().map_or(Ok(None), |field| field.get(row))
}

/// An employer token and where it was read.
#[derive(Clone, Debug)]
pub(super) struct EmployerPart {
    token: TextField,
    source: Field<WordOf<EmployerSource>>,
}

impl EmployerPart {
    pub fn read(node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let mut keys = PartKeys::open(node, "employer", cx)?;
        let (token, source) = (keys.need_text("token", cx), keys.need_field("source", cx));
        keys.close(cx);
        Some(Self { token: token?, source: source? })
    }

    pub fn get<'r>(&'r self, row: &'r Row) -> Result<Option<(Cow<'r, str>, EmployerSource)>, Miss> {
        let Some(token) = self.token.get(row)? else { return Ok(None) };
        Ok(Some((token, self.source.need(row)?)))
    }
}

/// Borrows an employer from what [`EmployerPart::get`] gave.
pub(super) fn employer<'r>(read: &'r Option<(Cow<'r, str>, EmployerSource)>) -> Option<Employer<'r>> {
    read.as_ref().map(|(token, source)| Employer { token, source: *source })
}

/// The funder's own verdict.
#[derive(Clone, Debug)]
pub(super) struct VerdictPart {
    model: TextField,
    version: TextField,
    band: TextField,
    decided_at: Field<Moment>,
    valid_days: Field<Whole>,
}

/// The texts and values of a part before an event borrows them.
pub(super) struct VerdictRead<'r>(Cow<'r, str>, Cow<'r, str>, Cow<'r, str>, EventTime, i32);

impl VerdictPart {
    pub fn read(node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let mut keys = PartKeys::open(node, "risk_verdict", cx)?;
        let (model, version, band) =
            (keys.need_text("model", cx), keys.need_text("version", cx), keys.need_text("band", cx));
        let (decided_at, valid_days) = (keys.need_field("decided_at", cx), keys.need_field("valid_days", cx));
        keys.close(cx);
        Some(Self { model: model?, version: version?, band: band?, decided_at: decided_at?, valid_days: valid_days? })
    }

    pub fn get<'r>(&'r self, row: &'r Row) -> Result<Option<VerdictRead<'r>>, Miss> {
        let Some(band) = self.band.get(row)? else { return Ok(None) };
        let (model, version) = (self.model.need(row)?, self.version.need(row)?);
        Ok(Some(VerdictRead(model, version, band, self.decided_at.need(row)?, self.valid_days.need(row)?)))
    }
}

impl VerdictRead<'_> {
    pub fn borrow(&self) -> RiskVerdict<'_> {
        RiskVerdict { model: &self.0, version: &self.1, band: &self.2, decided_at: self.3, valid_days: self.4 }
    }
}

/// A score with its model.
#[derive(Clone, Debug)]
pub(super) struct ScorePart {
    model: TextField,
    version: TextField,
    value_ppm: Field<Ppm>,
    scored_at: Field<Moment>,
}

pub(super) struct ScoreRead<'r>(Cow<'r, str>, Cow<'r, str>, i64, EventTime);

impl ScorePart {
    pub fn read(name: &'static str, node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let mut keys = PartKeys::open(node, name, cx)?;
        let (model, version) = (keys.need_text("model", cx), keys.need_text("version", cx));
        let (value_ppm, scored_at) = (keys.need_field("value_ppm", cx), keys.need_field("scored_at", cx));
        keys.close(cx);
        Some(Self { model: model?, version: version?, value_ppm: value_ppm?, scored_at: scored_at? })
    }

    pub fn get<'r>(&'r self, row: &'r Row) -> Result<Option<ScoreRead<'r>>, Miss> {
        let Some(value_ppm) = self.value_ppm.get(row)? else { return Ok(None) };
        Ok(Some(ScoreRead(self.model.need(row)?, self.version.need(row)?, value_ppm, self.scored_at.need(row)?)))
    }
}

impl ScoreRead<'_> {
    pub fn borrow(&self) -> Score<'_> {
        Score { model: &self.0, version: &self.1, value_ppm: self.2, scored_at: self.3 }
    }
}

/// What a customer earns; a row has it where the amount is not null.
#[derive(Clone, Debug)]
pub(super) struct IncomePart {
    monthly: Field<Money>,
    currency: TextField,
}

impl IncomePart {
    pub fn read(node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let mut keys = PartKeys::open(node, "income", cx)?;
        let (monthly, currency) = (keys.need_field("monthly_minor", cx), keys.need_text("currency", cx));
        keys.close(cx);
        Some(Self { monthly: monthly?, currency: currency? })
    }

    pub fn get<'r>(&'r self, row: &'r Row) -> Result<Option<(i64, Cow<'r, str>)>, Miss> {
        let Some(monthly) = self.monthly.get(row)? else { return Ok(None) };
        Ok(Some((monthly, self.currency.need(row)?)))
    }
}

/// Borrows an income from what [`IncomePart::get`] gave.
pub(super) fn income<'r>(read: &'r Option<(i64, Cow<'r, str>)>) -> Option<Income<'r>> {
    read.as_ref().map(|(monthly_minor, currency)| Income { monthly_minor: *monthly_minor, currency })
}

/// One purpose-specific consent.
#[derive(Clone, Debug)]
pub(super) struct ConsentPart {
    consent: TextField,
    purpose: Field<WordOf<ConsentPurpose>>,
    controller: TextField,
    recipient: Option<TextField>,
    text_version: TextField,
    given_at: Field<Moment>,
    withdrawn_at: Option<Field<Moment>>,
    collected_via: Option<TextField>,
}

pub(super) struct ConsentRead<'r> {
    consent: Cow<'r, str>,
    purpose: ConsentPurpose,
    controller: Cow<'r, str>,
    recipient: Option<Cow<'r, str>>,
    text_version: Cow<'r, str>,
    given_at: EventTime,
    withdrawn_at: Option<EventTime>,
    collected_via: Option<Cow<'r, str>>,
}

impl ConsentPart {
    pub fn read(node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let mut keys = PartKeys::open(node, "consents", cx)?;
        let (consent, purpose) = (keys.need_text("consent", cx), keys.need_field("purpose", cx));
        let (controller, recipient) = (keys.need_text("controller", cx), keys.text("recipient", cx));
        let (text_version, given_at) = (keys.need_text("text_version", cx), keys.need_field("given_at", cx));
        let (withdrawn_at, collected_via) = (keys.field("withdrawn_at", cx), keys.text("collected_via", cx));
        keys.close(cx);
        let (consent, purpose, controller) = (consent?, purpose?, controller?);
        let (text_version, given_at) = (text_version?, given_at?);
        Some(Self { consent, purpose, controller, recipient, text_version, given_at, withdrawn_at, collected_via })
    }

    pub fn get<'r>(&'r self, row: &'r Row) -> Result<Option<ConsentRead<'r>>, Miss> {
        let Some(given_at) = self.given_at.get(row)? else { return Ok(None) };
        Ok(Some(ConsentRead {
            consent: self.consent.need(row)?,
            purpose: self.purpose.need(row)?,
            controller: self.controller.need(row)?,
            recipient: optional_text(&self.recipient, row)?,
            text_version: self.text_version.need(row)?,
            given_at,
            withdrawn_at: optional(&self.withdrawn_at, row)?,
            collected_via: optional_text(&self.collected_via, row)?,
        }))
    }
}

impl ConsentRead<'_> {
    pub fn borrow(&self) -> Consent<'_> {
        Consent {
            consent: &self.consent,
            purpose: self.purpose,
            controller: &self.controller,
            recipient: self.recipient.as_deref(),
            text_version: &self.text_version,
            given_at: self.given_at,
            withdrawn_at: self.withdrawn_at,
            collected_via: self.collected_via.as_deref(),
        }
    }
}
