//! One customer shard replayed in the journalled order: fates, noes, proposals, settlements (sections 1, 2 and 4).

use std::collections::BTreeMap;

use reflow::domain::events::{
    ApplicationEvent, ApplicationKind, Command, CommandKind, ConsentPurpose, CustomerEvent, Event, Flag, OutcomeKind,
};
use reflow::domain::fact::{SettlementKind, Verdict as Answer};
use reflow::domain::fate::{DeadLetterClass, FateCounts, IgnoreReason};
use reflow::domain::words::Word;
use reflow::domain::{EventTime, Fate, ReasonCode, Reply, Text, content_id};

use super::Rules;
use super::contributions::{Admitted, Contributions, add, contributions, diverted};
use super::eligibility::{Hold, Trigger};
use super::inputs::{OwnedEvent, Unread};
use super::plain_policy::{OraclePolicy, in_force};
use super::record::{Fact, Key, Record, Value, facts};

/// What a customer shard should have decided on a trigger; no reasons: a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedDecision {
    pub candidate: Text,
    pub customer: Text,
    pub partner: Text,
    pub drawdown: Text,
    pub requested_at: EventTime,
    pub triggered_at: EventTime,
    pub reasons: Vec<ReasonCode>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedSettlement {
    pub candidate: Text,
    pub kind: SettlementKind,
    pub reason: ReasonCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Pending,
    Live,
    Closing,
    Gone,
}

#[derive(Clone, Debug)]
struct Given {
    candidate: Text,
    partner: Text,
    drawdown: Text,
    phase: Phase,
    admitted: bool,
}

#[derive(Debug, Default)]
struct Customer {
    facts: Vec<Fact>,
    given: Vec<Given>,
    offered_at: Vec<EventTime>,
    currencies: BTreeMap<(bool, Text, Text), Text>,
    /// What an erased customer had contributed.
    erased: Option<Contributions>,
}

impl Customer {
    fn record(&self) -> Record {
        Record::of(&self.facts)
    }

    fn hold(&self) -> Hold {
        let any = |phase: Phase| self.given.iter().any(|given| given.phase == phase);
        match () {
            _ if any(Phase::Pending) => Hold::Pending,
            _ if any(Phase::Live) || any(Phase::Closing) => Hold::Taken,
            _ => Hold::Free,
        }
    }

    fn admitted(&self) -> Admitted {
        let admitted = self.given.iter().filter(|given| given.admitted);
        admitted.map(|g| ((g.partner.clone(), g.drawdown.clone()), g.candidate.clone())).collect()
    }

    fn contributions(&self, rules: &Rules) -> Contributions {
        self.erased.clone().unwrap_or_else(|| contributions(&self.record(), &self.admitted(), rules))
    }
}

/// The naive twin of a customer shard.
pub struct CustomerShard<'r> {
    rules: &'r Rules,
    policies: &'r [OraclePolicy],
    clocks: BTreeMap<Text, EventTime>,
    customers: BTreeMap<Text, Customer>,
    pub fates: FateCounts,
    pub decisions: Vec<ExpectedDecision>,
    pub settlements: Vec<ExpectedSettlement>,
}

impl<'r> CustomerShard<'r> {
    pub fn new(rules: &'r Rules, policies: &'r [OraclePolicy]) -> Self {
        Self {
            rules,
            policies,
            clocks: BTreeMap::new(),
            customers: BTreeMap::new(),
            fates: FateCounts::default(),
            decisions: Vec::new(),
            settlements: Vec::new(),
        }
    }

    /// Takes one record of an input topic.
    pub fn take(&mut self, record: &OwnedEvent, now: EventTime) -> Fate {
        let fate = self.fate(record, now);
        self.fates.count(&fate);
        fate
    }

    /// Takes one reply of the partner stage; replies are not counted.
    pub fn reply(&mut self, reply: &Reply) -> Fate {
        let found = self.customers.get_mut(&reply.customer).and_then(|c| {
            Some((c.given.iter().position(|g| g.candidate == reply.candidate && g.phase != Phase::Gone)?, c))
        });
        let Some((at, customer)) = found else { return Fate::Ignored(IgnoreReason::Unmatched) };
        let given = &mut customer.given[at];
        match reply.verdict {
            Answer::Admitted if given.admitted => return Fate::Duplicate,
            Answer::Admitted => {
                given.admitted = true;
                if given.phase == Phase::Pending {
                    given.phase = Phase::Live;
                }
                customer.offered_at.push(reply.at);
            }
            Answer::Refused | Answer::TooLate | Answer::Released => given.phase = Phase::Gone,
        }
        Fate::Applied
    }

    /// Σ contributions of all customers of the shard, as of now.
    pub fn contributions(&self) -> Contributions {
        let mut sum = Contributions::new();
        for customer in self.customers.values() {
            for (cell, tally) in customer.contributions(self.rules) {
                add(&mut sum, cell, tally);
            }
        }
        sum
    }

    /// What one customer contributes, as of now.
    pub fn contributions_of(&self, customer: &str) -> Contributions {
        self.customers.get(customer).map(|known| known.contributions(self.rules)).unwrap_or_default()
    }

    fn fate(&mut self, owned: &OwnedEvent, now: EventTime) -> Fate {
        let dead = |class: DeadLetterClass| Fate::DeadLettered(class, String::new());
        let event = match owned.read_at(now, self.rules) {
            Ok(event) => event,
            Err(Unread::Tombstone) => return Fate::Ignored(IgnoreReason::Tombstone),
            Err(Unread::Dead(class)) => return dead(class),
        };
        if self.other_currency(&event) {
            return dead(DeadLetterClass::Invalid);
        }
        if self.late(&event) {
            return Fate::Late(String::new());
        }
        if let Some(partner) = event.partner() {
            let clock = self.clocks.entry(partner.into()).or_insert(event.event_time());
            *clock = event.event_time().max(*clock);
        }
        let Some(name) = event.customer() else { return Fate::Ignored(IgnoreReason::NotRelevant) };
        let mut customer = self.customers.remove(name).unwrap_or_default();
        let fate = self.apply(&mut customer, &event, now);
        self.customers.insert(name.into(), customer);
        fate
    }

    /// Application events and commands that are too far behind their partner's clock on this shard.
    fn late(&self, event: &Event<'_>) -> bool {
        let clocked = matches!(event, Event::Application(_) | Event::Command(_));
        let clock = event.partner().and_then(|partner| self.clocks.get(partner));
        let behind = |clock: &EventTime| clock.ms_since(event.event_time()) > self.rules.late_event_secs_max * 1_000;
        clocked && clock.is_some_and(behind)
    }

    fn other_currency(&self, event: &Event<'_>) -> bool {
        let Some((key, currency)) = currency(event) else { return false };
        let customer = event.customer().and_then(|name| self.customers.get(name));
        customer.and_then(|c| c.currencies.get(&key)).is_some_and(|known| *known != currency)
    }

    fn apply(&mut self, customer: &mut Customer, event: &Event<'_>, now: EventTime) -> Fate {
        if customer.erased.is_some() {
            return Fate::Ignored(IgnoreReason::Erased);
        }
        if let Some((key, currency)) = currency(event) {
            customer.currencies.entry(key).or_insert(currency);
        }
        match event {
            Event::Command(command) => return self.command(customer, command),
            Event::Outcome(outcome) if outcome.kind != OutcomeKind::Accepted => {
                return Fate::Ignored(IgnoreReason::NotRelevant);
            }
            Event::Outcome(outcome)
                if !customer.given.iter().any(|g| Some(g.candidate.as_str()) == outcome.candidate) =>
            {
                return Fate::Ignored(IgnoreReason::Unmatched);
            }
            Event::Customer(e) if e.erased => return self.erase(customer),
            _ => {}
        }
        let said = facts(event, self.rules);
        let before = customer.record();
        customer.facts.extend(said.iter().cloned());
        let after = customer.record();
        if before == after {
            return unchanged(&before, &said);
        }
        self.settle(customer, event, &after, now);
        if let Event::Application(e) = event {
            self.trigger(customer, e, &before, &after, now);
        }
        Fate::Applied
    }

    fn erase(&mut self, customer: &mut Customer) -> Fate {
        let left = customer.contributions(self.rules);
        self.end(customer, |_| true, SettlementKind::Revoked, ReasonCode::EndErased);
        customer.facts.clear();
        customer.offered_at.clear();
        customer.erased = Some(left);
        Fate::Applied
    }

    fn command(&mut self, customer: &mut Customer, command: &Command<'_>) -> Fate {
        if command.kind != CommandKind::RevokeCandidate {
            return Fate::Ignored(IgnoreReason::NotRelevant);
        }
        let named = |given: &Given| command.candidate.is_none_or(|id| given.candidate == id);
        match self.end(customer, named, SettlementKind::Revoked, ReasonCode::EndCommand) {
            true => Fate::Applied,
            false => Fate::Ignored(IgnoreReason::Unmatched),
        }
    }

    /// One settlement for a pending or live candidate; after it the candidate is closing.
    fn end(
        &mut self,
        customer: &mut Customer,
        which: impl Fn(&Given) -> bool,
        kind: SettlementKind,
        reason: ReasonCode,
    ) -> bool {
        let open = |given: &&mut Given| matches!(given.phase, Phase::Pending | Phase::Live) && which(given);
        let Some(given) = customer.given.iter_mut().find(open) else { return false };
        given.phase = Phase::Closing;
        self.settlements.push(ExpectedSettlement { candidate: given.candidate.clone(), kind, reason });
        true
    }

    fn settle(&mut self, customer: &mut Customer, event: &Event<'_>, record: &Record, now: EventTime) {
        match event {
            Event::Customer(e) if self.right_to_act_ended(e, record, now) => {
                self.end(customer, |_| true, SettlementKind::Revoked, ReasonCode::EndOptOut);
            }
            Event::Application(e) => self.settle_drawdown(customer, e, record),
            _ => {}
        }
    }

    fn right_to_act_ended(&self, e: &CustomerEvent<'_>, record: &Record, now: EventTime) -> bool {
        let opted_out = e.flags.iter().any(|f| f.flag == Flag::OptOut && f.value) && record.flag(Flag::OptOut);
        let withdrawal =
            e.consents.iter().any(|c| c.purpose == ConsentPurpose::MarketingCross && c.withdrawn_at.is_some());
        let lender = in_force(self.policies, now).and_then(|policy| policy.lender.as_deref());
        opted_out || withdrawal && !record.cross_marketing(lender).iter().any(|(_, withdrawn)| withdrawn.is_none())
    }

    fn settle_drawdown(&mut self, customer: &mut Customer, e: &ApplicationEvent<'_>, record: &Record) {
        let (partner, drawdown): (Text, Text) = (e.partner.into(), e.drawdown.unwrap_or("").into());
        let end = record.value(&Key::DrawdownEnd(partner.clone(), drawdown.clone()));
        let Some(Value::DrawdownEnd { kind, .. }) = end else { return };
        let (settled, reason) = match kind {
            ApplicationKind::DrawdownDisbursed => (SettlementKind::Kept, ReasonCode::EndDrawdownDisbursed),
            ApplicationKind::DrawdownDeclined => (SettlementKind::Revoked, ReasonCode::EndDrawdownDeclined),
            ApplicationKind::DrawdownTimedOut => (SettlementKind::Revoked, ReasonCode::EndDrawdownTimedOut),
            ApplicationKind::DrawdownRerouted => (SettlementKind::Revoked, ReasonCode::EndDrawdownRerouted),
            _ if diverted(record, &customer.admitted(), &partner, &drawdown) => {
                (SettlementKind::Diverted, ReasonCode::EndDrawdownCancelled)
            }
            _ => (SettlementKind::Revoked, ReasonCode::EndDrawdownCancelled),
        };
        self.end(customer, |given| given.partner == partner && given.drawdown == drawdown, settled, reason);
    }

    /// Decides a drawdown when its trigger fact is known for the first time.
    fn trigger(
        &mut self,
        customer: &mut Customer,
        e: &ApplicationEvent<'_>,
        before: &Record,
        after: &Record,
        now: EventTime,
    ) {
        let (partner, drawdown): (Text, Text) = (e.partner.into(), e.drawdown.unwrap_or("").into());
        let Some(policy) = in_force(self.policies, e.event_time) else { return };
        let on_risk_passed = policy.contracts.get(e.partner).is_some_and(|contract| contract.triggers_on_risk_passed);
        let (kind, key) = match on_risk_passed {
            true => (ApplicationKind::DrawdownRiskPassed, Key::RiskPassed(partner.clone(), drawdown.clone())),
            false => (ApplicationKind::DrawdownRequested, Key::Requested(partner.clone(), drawdown.clone())),
        };
        let ended = after.fact(&Key::DrawdownEnd(partner.clone(), drawdown.clone())).is_some();
        let proposed = customer.given.iter().any(|g| g.partner == partner && g.drawdown == drawdown);
        let old = now.ms_since(e.event_time) > self.rules.decision_age_secs_max * 1_000;
        if e.kind != kind || before.fact(&key).is_some() || ended || proposed || old {
            return;
        }
        let hold = customer.hold();
        let trigger = Trigger { event: e, record: after, now, hold, offered_at: &customer.offered_at };
        let reasons = trigger.judge(policy);
        let parts = ["rt", e.partner, &drawdown, e.customer, kind.name()];
        let candidate = content_id(&parts.map(str::as_bytes));
        let requested_at = after.requested(&partner, &drawdown).map_or(e.event_time, |(at, _)| at);
        if reasons.is_empty() {
            customer.given.push(Given {
                candidate: candidate.clone(),
                partner: partner.clone(),
                drawdown: drawdown.clone(),
                phase: Phase::Pending,
                admitted: false,
            });
        }
        self.decisions.push(ExpectedDecision {
            candidate,
            customer: e.customer.into(),
            partner,
            drawdown,
            requested_at,
            triggered_at: e.event_time,
            reasons,
        });
    }
}

/// The application or loan whose one currency an event states.
fn currency(event: &Event<'_>) -> Option<((bool, Text, Text), Text)> {
    match event {
        Event::Application(e) => Some(((false, e.partner.into(), e.application.into()), e.currency?.into())),
        Event::Repayment(e) => Some(((true, e.partner.into(), e.loan.into()), e.currency?.into())),
        _ => None,
    }
}

/// The fate of an event that left the record as it was.
fn unchanged(record: &Record, said: &[Fact]) -> Fate {
    let beaten = said.iter().any(|fact| record.fact(&fact.key).is_some_and(|standing| standing.rank > fact.rank));
    match (said.is_empty(), beaten) {
        (true, _) => Fate::Ignored(IgnoreReason::NotRelevant),
        (_, true) => Fate::Ignored(IgnoreReason::Outdated),
        _ => Fate::Duplicate,
    }
}
