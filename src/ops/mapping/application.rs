//! Rows to application events.

use super::context::Context;
use super::field::{Field, Miss, TextField};
use super::id::Identity;
use super::keys::Keys;
use super::parts::{EmployerPart, VerdictPart, employer, optional, optional_text};
use super::reading::{Moment, Money, Ppm, Truth, Whole, WordOf};
use super::row::Row;
use crate::domain::ApplicationEvent;
use crate::domain::events::{ApplicationKind, CancelReason, Event, ProductKind, RepaymentMethod, RiskBearing};
use crate::domain::words::Word;

/// The fields of an application event, named as in its schema.
#[derive(Clone, Debug)]
pub(super) struct ApplicationFields {
    event_id: Option<TextField>,
    event_time: Field<Moment>,
    customer: TextField,
    partner: TextField,
    application: TextField,
    drawdown: Option<TextField>,
    loan: Option<TextField>,
    kind: Field<WordOf<ApplicationKind>>,
    product: Option<TextField>,
    product_kind: Option<Field<WordOf<ProductKind>>>,
    amount: Option<Field<Money>>,
    limit: Option<Field<Money>>,
    currency: Option<TextField>,
    all_in_cost: Option<Field<Ppm>>,
    term_months: Option<Field<Whole>>,
    repayment_method: Option<Field<WordOf<RepaymentMethod>>>,
    decline_reason: Option<TextField>,
    cancel_reason: Option<Field<WordOf<CancelReason>>>,
    risk_verdict: Option<VerdictPart>,
    risk_bearing: Option<Field<WordOf<RiskBearing>>>,
    enhancer: Option<TextField>,
    funder_share: Option<Field<Ppm>>,
    staff: Option<Field<Truth>>,
    test_order: Option<Field<Truth>>,
    region: Option<TextField>,
    employer: Option<EmployerPart>,
}

/// Whether the kind is about a drawdown, which then needs its id.
fn about_drawdown(kind: ApplicationKind) -> bool {
    kind.name().starts_with("drawdown_")
}

impl ApplicationFields {
    pub fn read(keys: &mut Keys<'_, '_>, currency: Option<&TextField>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let event_id = keys.text("event_id", cx);
        let (event_time, customer) = (keys.need_field("event_time", cx), keys.need_text("customer", cx));
        let (partner, application) = (keys.need_text("partner", cx), keys.need_text("application", cx));
        let kind: Option<Field<WordOf<ApplicationKind>>> = keys.need_field("kind", cx);
        let (drawdown, loan) = (keys.text("drawdown", cx), keys.text("loan", cx));
        let (product, product_kind) = (keys.text("product", cx), keys.field("product_kind", cx));
        let (amount, limit) = (keys.field("amount_minor", cx), keys.field("limit_minor", cx));
        let own_currency = keys.text("currency", cx);
        let all_in_cost = keys.field("all_in_cost_ppm", cx);
        let term_months = keys.field("term_months", cx);
        let repayment_method = keys.field("repayment_method", cx);
        let (decline_reason, cancel_reason) = (keys.text("decline_reason", cx), keys.field("cancel_reason", cx));
        let risk_verdict = keys.take("risk_verdict").and_then(|node| VerdictPart::read(node, cx));
        let (risk_bearing, enhancer) = (keys.field("risk_bearing", cx), keys.text("enhancer", cx));
        let funder_share = keys.field("funder_share_ppm", cx);
        let (staff, test_order) = (keys.field("staff", cx), keys.field("test_order", cx));
        let region = keys.text("region", cx);
        let employer = keys.take("employer").and_then(|node| EmployerPart::read(node, cx));
        let kind = kind?;
        if drawdown.is_none() && kind.known().into_iter().any(about_drawdown) {
            cx.checker.wrong(
                keys.at(),
                "found a drawdown event without `drawdown`, expected the drawdown's own id; add `drawdown: …`",
            );
        }
        let currency = own_currency.or_else(|| currency.filter(|_| amount.is_some() || limit.is_some()).cloned());
        Some(Self {
            event_id,
            event_time: event_time?,
            customer: customer?,
            partner: partner?,
            application: application?,
            drawdown,
            loan,
            kind,
            product,
            product_kind,
            amount,
            limit,
            currency,
            all_in_cost,
            term_months,
            repayment_method,
            decline_reason,
            cancel_reason,
            risk_verdict,
            risk_bearing,
            enhancer,
            funder_share,
            staff,
            test_order,
            region,
            employer,
        })
    }

    /// Gives the row's event to `emit`.
    pub fn event(&self, mapping: &str, row: &Row, emit: &mut dyn FnMut(&Event<'_>)) -> Result<(), Miss> {
        let kind = self.kind.kind(row)?;
        let event_time = self.event_time.need(row)?;
        let (customer, partner) = (self.customer.need(row)?, self.partner.need(row)?);
        let application = self.application.need(row)?;
        let (drawdown, loan) = (optional_text(&self.drawdown, row)?, optional_text(&self.loan, row)?);
        if about_drawdown(kind) && drawdown.is_none() {
            return Err(Miss::Wrong(format!("drawdown: empty, but {kind} needs it")));
        }
        let (product, currency) = (optional_text(&self.product, row)?, optional_text(&self.currency, row)?);
        let (decline_reason, enhancer) =
            (optional_text(&self.decline_reason, row)?, optional_text(&self.enhancer, row)?);
        let region = optional_text(&self.region, row)?;
        let verdict = self.risk_verdict.as_ref().map_or(Ok(None), |part| part.get(row))?;
        let employed = self.employer.as_ref().map_or(Ok(None), |part| part.get(row))?;
        let own_id = optional_text(&self.event_id, row)?;
        let identity = Identity::of(mapping, "application", kind.name(), event_time, &customer);
        let event_id = identity.id(
            own_id,
            &[Some(&partner), Some(&application), drawdown.as_deref(), loan.as_deref(), product.as_deref()],
        );
        emit(&Event::Application(ApplicationEvent {
            event_id: &event_id,
            event_time,
            customer: &customer,
            partner: &partner,
            application: &application,
            drawdown: drawdown.as_deref(),
            loan: loan.as_deref(),
            kind,
            product: product.as_deref(),
            product_kind: optional(&self.product_kind, row)?,
            amount_minor: optional(&self.amount, row)?,
            limit_minor: optional(&self.limit, row)?,
            currency: currency.as_deref(),
            all_in_cost_ppm: optional(&self.all_in_cost, row)?,
            term_months: optional(&self.term_months, row)?,
            repayment_method: optional(&self.repayment_method, row)?,
            decline_reason: decline_reason.as_deref(),
            cancel_reason: optional(&self.cancel_reason, row)?,
            risk_verdict: verdict.as_ref().map(|verdict| verdict.borrow()),
            risk_bearing: optional(&self.risk_bearing, row)?,
            enhancer: enhancer.as_deref(),
            funder_share_ppm: optional(&self.funder_share, row)?,
            staff: optional(&self.staff, row)?.unwrap_or(false),
            test_order: optional(&self.test_order, row)?.unwrap_or(false),
            region: region.as_deref(),
            employer: employer(&employed),
        }));
        Ok(())
    }
}
