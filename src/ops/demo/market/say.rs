//! Saying things: from what happened to the bytes of a record.

use super::dice::Purpose;
use super::record::{MarketRecord, Trouble};
use super::{Market, Place};
use crate::domain::events::{
    ApplicationEvent, ApplicationKind, Consent, CustomerEvent, Outcome, OutcomeKind, ProductKind, RepaymentEvent,
    RepaymentKind, RepaymentMethod, RiskBearing,
};
use crate::domain::time::SECOND_MS;
use crate::domain::{EventTime, Text};
use crate::ops::demo::calendar::PLAY_DAY_START;
use crate::wire::Schema;

/// The one currency of the market.
pub const CURRENCY: &str = "CNY";
/// Who bears the losses of an enhanced loan.
const ENHANCER: &str = "guarantor-1";

/// The words that every event of an account repeats.
pub struct Words {
    event: Text,
    pub customer: Text,
    pub partner: &'static str,
    application: Text,
    enhanced: bool,
    staff: bool,
    region: Option<&'static str>,
    product: (&'static str, ProductKind),
}

impl Words {
    /// An application event with what is always said.
    pub fn application(&self, at: EventTime, kind: ApplicationKind) -> ApplicationEvent<'_> {
        ApplicationEvent {
            event_id: &self.event,
            event_time: at,
            customer: &self.customer,
            partner: self.partner,
            application: &self.application,
            drawdown: None,
            loan: None,
            kind,
            product: Some(self.product.0),
            product_kind: Some(self.product.1),
            amount_minor: None,
            limit_minor: None,
            currency: Some(CURRENCY),
            all_in_cost_ppm: None,
            term_months: Some(12),
            repayment_method: Some(RepaymentMethod::EqualInstalment),
            decline_reason: None,
            cancel_reason: None,
            risk_verdict: None,
            risk_bearing: Some(if self.enhanced { RiskBearing::Enhanced } else { RiskBearing::Funder }),
            enhancer: self.enhanced.then_some(ENHANCER),
            funder_share_ppm: Some(1_000_000),
            staff: self.staff,
            test_order: false,
            region: self.region,
            employer: None,
        }
    }

    /// A repayment event with what is always said.
    pub fn repayment<'a>(&'a self, at: EventTime, loan: &'a str, kind: RepaymentKind) -> RepaymentEvent<'a> {
        RepaymentEvent {
            event_id: &self.event,
            event_time: at,
            customer: &self.customer,
            partner: self.partner,
            loan,
            instalment: None,
            kind,
            due_date: None,
            due: None,
            paid: None,
            payer: None,
            close_reason: None,
            payment: None,
            currency: Some(CURRENCY),
            instalments: None,
        }
    }
}

/// A customer event that says nothing yet.
pub fn nothing_about<'a>(event_id: &'a str, at: EventTime, customer: &'a str) -> CustomerEvent<'a> {
    CustomerEvent {
        event_id,
        event_time: at,
        customer,
        region: None,
        zone: None,
        employer: None,
        risk: None,
        response: None,
        conversion: None,
        value: None,
        tags: Vec::new(),
        lenders: None,
        debt_burden_ppm: None,
        consents: Vec::<Consent<'a>>::new(),
        flags: Vec::new(),
        own_product: None,
        own_limit_minor: None,
        merged_into: None,
        erased: false,
        income: None,
    }
}

impl Market {
    /// A new event id.
    pub(super) fn event_id(&mut self) -> Text {
        self.said += 1;
        compact_str::format_compact!("e{:x}", self.said)
    }

    pub(super) fn words(&mut self, account: Place) -> Words {
        const PRODUCTS: [(&str, ProductKind); 3] = [
            ("cash-line", ProductKind::Cash),
            ("transfer-line", ProductKind::BalanceTransfer),
            ("scene-line", ProductKind::SceneInstalment),
        ];
        let event = self.event_id();
        let (profile, holder) = (self.profile(account), self.holder(account));
        Words {
            event,
            customer: holder.token.clone(),
            partner: profile.token,
            application: compact_str::format_compact!("a{account:x}"),
            enhanced: profile.enhanced,
            staff: holder.person.staff,
            region: holder.person.region,
            product: PRODUCTS[account % PRODUCTS.len()],
        }
    }

    pub(super) fn say_application(&mut self, event: &ApplicationEvent<'_>) {
        let mut value = Vec::with_capacity(192);
        self.ids.encode(Schema::Application, event, &mut value);
        let repeatable = matches!(event.kind, ApplicationKind::Submitted | ApplicationKind::DrawdownRequested);
        self.say(Schema::Application, event.customer, event.event_time, value, repeatable);
    }

    pub(super) fn say_repayment(&mut self, event: &RepaymentEvent<'_>) {
        let mut value = Vec::with_capacity(96);
        self.ids.encode(Schema::Repayment, event, &mut value);
        self.say(Schema::Repayment, event.customer, event.event_time, value, event.kind == RepaymentKind::Scheduled);
    }

    pub(super) fn say_customer(&mut self, event: &CustomerEvent<'_>) {
        let mut value = Vec::with_capacity(192);
        self.ids.encode(Schema::Customer, event, &mut value);
        self.say(Schema::Customer, event.customer, event.event_time, value, false);
    }

    pub(super) fn say_outcome(&mut self, at: EventTime, customer: &str, candidate: &str, kind: OutcomeKind) {
        let event_id = self.event_id();
        let event = Outcome {
            event_id: &event_id,
            event_time: at,
            customer,
            candidate: Some(candidate),
            kind,
            channel: Some("app"),
            amount_minor: None,
            currency: None,
        };
        let mut value = Vec::with_capacity(96);
        self.ids.encode(Schema::Outcome, &event, &mut value);
        self.say(Schema::Outcome, customer, at, value, false);
    }

    fn say(&mut self, schema: Schema, key: &str, at: EventTime, value: Vec<u8>, repeatable: bool) {
        let record = MarketRecord { schema, key: Text::from(key), at, event_time: at, value, truth: Trouble::None };
        if repeatable && at >= PLAY_DAY_START {
            self.maybe_repeat(&record);
        }
        self.put(record);
    }

    pub(super) fn put(&mut self, record: MarketRecord) {
        self.truth.count(&record);
        self.out.push(record);
    }

    /// Plans that a producer sends the same bytes again, as it does when an acknowledgement was lost.
    fn maybe_repeat(&mut self, record: &MarketRecord) {
        let said = self.said;
        let mut dice = self.dice(Purpose::Repeat, said as usize);
        if dice.happens(self.size.repeat_ppm) {
            let again = record.at.plus_ms(dice.between(1, 60) * SECOND_MS);
            self.repeats.insert(said, MarketRecord { at: again, truth: Trouble::Duplicate, ..record.clone() });
            self.plan(again, super::plan::Action::Repeat(said));
        }
    }

    pub(super) fn repeat(&mut self, _at: EventTime, said: u64) {
        let Some(record) = self.repeats.remove(&said) else { return };
        let forgotten = self.by_token.get(&record.key).is_none_or(|customer| self.customers[*customer].gone);
        if !forgotten {
            self.put(record);
        }
    }
}
