//! Rows to customer events and to outcomes.

use super::context::Context;
use super::field::{Field, Miss, TextField};
use super::id::Identity;
use super::keys::Keys;
use super::parts::{ConsentPart, EmployerPart, IncomePart, ScorePart, employer, income, optional, optional_text};
use super::reading::{Moment, Money, Ppm, Truth, Whole, WordOf};
use super::row::Row;
use super::tree::{Node, Value};
use crate::domain::CustomerEvent;
use crate::domain::events::{Event, Flag, FlagValue, Outcome, OutcomeKind, OwnProductState};
use crate::domain::words::Word;

/// The fields of a customer event, named as in its schema; flags by their own names.
#[derive(Clone, Debug)]
pub(super) struct CustomerFields {
    event_id: Option<TextField>,
    event_time: Field<Moment>,
    customer: TextField,
    region: Option<TextField>,
    zone: Option<TextField>,
    employer: Option<EmployerPart>,
    scores: [Option<ScorePart>; 4],
    tags: Vec<TextField>,
    lenders: Option<Field<Whole>>,
    debt_burden: Option<Field<Ppm>>,
    income: Option<IncomePart>,
    consents: Vec<ConsentPart>,
    flags: Vec<(Flag, Field<Truth>)>,
    own_product: Option<Field<WordOf<OwnProductState>>>,
    own_limit: Option<Field<Money>>,
    merged_into: Option<TextField>,
    erased: Option<Field<Truth>>,
}

/// The scores in the order of the schema.
const SCORES: [&str; 4] = ["risk", "response", "conversion", "value"];

impl CustomerFields {
    pub fn read(keys: &mut Keys<'_, '_>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let event_id = keys.text("event_id", cx);
        let (event_time, customer) = (keys.need_field("event_time", cx), keys.need_text("customer", cx));
        let (region, zone) = (keys.text("region", cx), keys.text("zone", cx));
        let employer = keys.take("employer").and_then(|node| EmployerPart::read(node, cx));
        let scores = SCORES.map(|name| keys.take(name).and_then(|node| ScorePart::read(name, node, cx)));
        let tags = items(keys.take("tags"), cx, |node, cx| TextField::read("tags", node, cx));
        let (lenders, debt_burden) = (keys.field("lenders", cx), keys.field("debt_burden_ppm", cx));
        let income = keys.take("income").and_then(|node| IncomePart::read(node, cx));
        let consents = items(keys.take("consents"), cx, ConsentPart::read);
        let flags = keys.take("flags").map(|node| flags(node, cx)).unwrap_or_default();
        let (own_product, own_limit) = (keys.field("own_product", cx), keys.field("own_limit_minor", cx));
        let (merged_into, erased) = (keys.text("merged_into", cx), keys.field("erased", cx));
        let (event_time, customer) = (event_time?, customer?);
        Some(Self {
            event_id,
            event_time,
            customer,
            region,
            zone,
            employer,
            scores,
            tags,
            lenders,
            debt_burden,
            income,
            consents,
            flags,
            own_product,
            own_limit,
            merged_into,
            erased,
        })
    }

    /// Gives the row's event to `emit`.
    pub fn event(&self, mapping: &str, row: &Row, emit: &mut dyn FnMut(&Event<'_>)) -> Result<(), Miss> {
        let event_time = self.event_time.need(row)?;
        let customer = self.customer.need(row)?;
        let (region, zone) = (optional_text(&self.region, row)?, optional_text(&self.zone, row)?);
        let merged_into = optional_text(&self.merged_into, row)?;
        let employed = self.employer.as_ref().map_or(Ok(None), |part| part.get(row))?;
        let [risk, response, conversion, value] =
            self.scores.each_ref().map(|part| part.as_ref().map_or(Ok(None), |part| part.get(row)));
        let (risk, response, conversion, value) = (risk?, response?, conversion?, value?);
        let tags = self.tags.iter().map(|tag| tag.get(row)).collect::<Result<Vec<_>, _>>()?;
        let consents = self.consents.iter().map(|part| part.get(row)).collect::<Result<Vec<_>, _>>()?;
        let earned = self.income.as_ref().map_or(Ok(None), |part| part.get(row))?;
        let mut flags = Vec::new();
        for (flag, field) in &self.flags {
            flags.extend(field.get(row)?.map(|value| FlagValue { flag: *flag, value }));
        }
        let own_id = optional_text(&self.event_id, row)?;
        let event_id = Identity::of(mapping, "customer", "", event_time, &customer).id(own_id, &[]);
        emit(&Event::Customer(CustomerEvent {
            event_id: &event_id,
            event_time,
            customer: &customer,
            region: region.as_deref(),
            zone: zone.as_deref(),
            employer: employer(&employed),
            risk: risk.as_ref().map(|score| score.borrow()),
            response: response.as_ref().map(|score| score.borrow()),
            conversion: conversion.as_ref().map(|score| score.borrow()),
            value: value.as_ref().map(|score| score.borrow()),
            tags: tags.iter().flatten().map(|tag| tag.as_ref()).collect(),
            lenders: optional(&self.lenders, row)?,
            debt_burden_ppm: optional(&self.debt_burden, row)?,
            consents: consents.iter().flatten().map(|consent| consent.borrow()).collect(),
            flags,
            own_product: optional(&self.own_product, row)?,
            own_limit_minor: optional(&self.own_limit, row)?,
            merged_into: merged_into.as_deref(),
            erased: optional(&self.erased, row)?.unwrap_or(false),
            income: income(&earned),
        }));
        Ok(())
    }
}

/// A list of parts.
fn items<T>(
    node: Option<&Node>,
    cx: &mut Context<'_, '_>,
    read: impl Fn(&Node, &mut Context<'_, '_>) -> Option<T>,
) -> Vec<T> {
    match node.map(|node| (node, &node.value)) {
        None => Vec::new(),
        Some((_, Value::List(items))) => items.iter().filter_map(|item| read(item, cx)).collect(),
        Some((node, _)) => {
            cx.checker.wrong(node.at, format!("found {}, expected a list; begin each item with `- `", node.found()));
            Vec::new()
        }
    }
}

fn flags(node: &Node, cx: &mut Context<'_, '_>) -> Vec<(Flag, Field<Truth>)> {
    let Some(mut section) = super::tree::Section::open(node, "`flags`", cx.checker) else { return Vec::new() };
    let mut found = Vec::new();
    for (flag, name) in Flag::ALL.iter().zip(Flag::NAMES.iter().copied()) {
        let field = section.take(name).and_then(|node| Field::read(name, node, cx));
        found.extend(field.map(|field| (*flag, field)));
    }
    section.close(cx.checker);
    found
}

/// The fields of an outcome, named as in its schema.
#[derive(Clone, Debug)]
pub(super) struct OutcomeFields {
    event_id: Option<TextField>,
    event_time: Field<Moment>,
    customer: TextField,
    candidate: Option<TextField>,
    kind: Field<WordOf<OutcomeKind>>,
    channel: Option<TextField>,
    amount: Option<Field<Money>>,
    currency: Option<TextField>,
}

impl OutcomeFields {
    pub fn read(keys: &mut Keys<'_, '_>, currency: Option<&TextField>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let event_id = keys.text("event_id", cx);
        let (event_time, customer) = (keys.need_field("event_time", cx), keys.need_text("customer", cx));
        let (candidate, kind) = (keys.text("candidate", cx), keys.need_field("kind", cx));
        let (channel, amount) = (keys.text("channel", cx), keys.field("amount_minor", cx));
        let currency = keys.text("currency", cx).or_else(|| currency.filter(|_| amount.is_some()).cloned());
        let (event_time, customer, kind) = (event_time?, customer?, kind?);
        Some(Self { event_id, event_time, customer, candidate, kind, channel, amount, currency })
    }

    /// Gives the row's event to `emit`.
    pub fn event(&self, mapping: &str, row: &Row, emit: &mut dyn FnMut(&Event<'_>)) -> Result<(), Miss> {
        let kind = self.kind.kind(row)?;
        let event_time = self.event_time.need(row)?;
        let customer = self.customer.need(row)?;
        let (candidate, channel) = (optional_text(&self.candidate, row)?, optional_text(&self.channel, row)?);
        let (currency, own_id) = (optional_text(&self.currency, row)?, optional_text(&self.event_id, row)?);
        let identity = Identity::of(mapping, "outcome", kind.name(), event_time, &customer);
        let event_id = identity.id(own_id, &[candidate.as_deref(), channel.as_deref()]);
        emit(&Event::Outcome(Outcome {
            event_id: &event_id,
            event_time,
            customer: &customer,
            candidate: candidate.as_deref(),
            kind,
            channel: channel.as_deref(),
            amount_minor: optional(&self.amount, row)?,
            currency: currency.as_deref(),
        }));
        Ok(())
    }
}
