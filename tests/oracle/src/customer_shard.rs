//! One customer shard replayed in the journalled order: fates, noes, proposals, settlements (sections 1, 2 and 4).

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::events::{
    ApplicationEvent, ApplicationKind, Command, CommandKind, ConsentPurpose, CustomerEvent, Event, Flag,
};
use reflow::domain::fact::{SettlementKind, Verdict as Answer};
use reflow::domain::fate::{DeadLetterClass, FateCounts, IgnoreReason};
use reflow::domain::time::DAY_MS;
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, EventTime, Fate, ReasonCode, Reply, Text, content_id};

use super::Rules;
use super::contributions::{Admitted, Contributions, Decided, add, contributions, diverted};
use super::eligibility::{Hold, Trigger};
use super::inputs::{OwnedEvent, Unread, is_drawdown};
use super::plain_policy::{OraclePolicy, in_force};
use super::record::{Fact, Key, Record, Value, consent_facts, facts};

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
    /// The proposal waits for its reply, perhaps with its end said already.
    Pending,
    /// Admitted and not yet released, perhaps with its end said already.
    Live,
    Gone,
}

#[derive(Clone, Debug)]
struct Given {
    candidate: Text,
    partner: Text,
    drawdown: Text,
    phase: Phase,
    /// Its end is said.
    settled: bool,
    admitted: bool,
}

#[derive(Debug, Default)]
struct Customer {
    facts: Vec<Fact>,
    given: Vec<Given>,
    offered_at: Vec<EventTime>,
    currencies: BTreeMap<Priced, Text>,
    /// Drawdowns whose last answer was a no for the holdout alone: partner and drawdown.
    held_out: BTreeSet<(Text, Text)>,
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
            _ if any(Phase::Live) => Hold::Taken,
            _ => Hold::Free,
        }
    }

    fn decided(&self) -> Decided {
        let admitted = self.given.iter().filter(|given| given.admitted);
        let admitted = admitted.map(|g| ((g.partner.clone(), g.drawdown.clone()), g.candidate.clone())).collect();
        Decided { admitted, held_out: self.held_out.clone() }
    }

    /// The currency of the limit that a drawdown stands under, else of its application.
    fn currency_of(&self, e: &ApplicationEvent<'_>, record: &Record) -> Option<Text> {
        let limit = record.limit_of(e.partner, e.product.unwrap_or_default());
        let of_limit = limit.and_then(|product| self.currencies.get(&Priced::Limit(e.partner.into(), product)));
        let application = Priced::Application(e.partner.into(), e.application.into());
        of_limit.or_else(|| self.currencies.get(&application)).cloned()
    }

    /// The admitted ones, and the one that waits for its reply.
    fn not_refused(&self) -> Admitted {
        let given = self.given.iter().filter(|given| given.admitted || given.phase == Phase::Pending);
        given.map(|g| ((g.partner.clone(), g.drawdown.clone()), g.candidate.clone())).collect()
    }

    fn contributions(&self, rules: &Rules) -> Contributions {
        self.erased.clone().unwrap_or_else(|| contributions(&self.record(), &self.decided(), rules))
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
    /// Scores that decisions found.
    pub scored: Scores,
}

/// How many scores by partner, model, version, day and tenth.
pub type Scores = BTreeMap<(Text, Text, Text, CalendarDay, i32), i64>;

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
            scored: Scores::new(),
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
        let event = match owned.read(self.rules) {
            Ok(event) => event,
            Err(Unread::Tombstone) => return Fate::Ignored(IgnoreReason::Tombstone),
            Err(Unread::Dead(class)) => return dead(class),
        };
        // What makes an event invalid is asked before its time.
        if parts_with_currency(&event).iter().any(|part| self.other_currency(part, &event)) {
            return dead(DeadLetterClass::Invalid);
        }
        if let Err(Unread::Dead(class)) = owned.read_at(now, self.rules) {
            return dead(class);
        }
        if self.late(&event) {
            return Fate::Late(String::new());
        }
        if let (Some(partner), false) = (event.partner(), matches!(event, Event::Command(_))) {
            let clock = self.clocks.entry(partner.into()).or_insert(event.event_time());
            *clock = event.event_time().max(*clock);
        }
        let Some(name) = event.customer() else { return Fate::Ignored(IgnoreReason::NotRelevant) };
        let mut customer = self.customers.remove(name).unwrap_or_default();
        let fate = self.apply(&mut customer, &event, now);
        self.customers.insert(name.into(), customer);
        fate
    }

    /// Application events that are too far behind their partner's clock on this shard.
    fn late(&self, event: &Event<'_>) -> bool {
        let clocked = matches!(event, Event::Application(_));
        let clock = event.partner().and_then(|partner| self.clocks.get(partner));
        let behind = |clock: &EventTime| clock.ms_since(event.event_time()) > self.rules.late_event_secs_max * 1_000;
        clocked && clock.is_some_and(behind)
    }

    fn other_currency(&self, part: &Priced, event: &Event<'_>) -> bool {
        let customer = event.customer().and_then(|name| self.customers.get(name));
        let known = customer.and_then(|c| c.currencies.get(part));
        known.is_some_and(|known| currency(event).is_some_and(|stated| known != stated))
    }

    fn apply(&mut self, customer: &mut Customer, event: &Event<'_>, now: EventTime) -> Fate {
        if customer.erased.is_some() {
            return Fate::Ignored(IgnoreReason::Erased);
        }
        match event {
            Event::Command(command) => return self.command(customer, command),
            Event::Outcome(outcome)
                if outcome.candidate.is_some_and(|id| customer.given.iter().all(|g| g.candidate != id)) =>
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
        // The first currency stated of an application, a limit or a loan is news too.
        let news = note_currency(customer, event);
        if before == after && !news {
            return unchanged(&before, &said);
        }
        self.settle(customer, event, &before, &after);
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
        customer.currencies.clear();
        customer.held_out.clear();
        customer.erased = Some(left);
        Fate::Applied
    }

    fn command(&mut self, customer: &mut Customer, command: &Command<'_>) -> Fate {
        if command.kind != CommandKind::RevokeCandidate {
            return Fate::Ignored(IgnoreReason::NotRelevant);
        }
        let named = |given: &Given| command.candidate.is_none_or(|id| given.candidate == id);
        match self.end(customer, named, SettlementKind::Revoked, ReasonCode::EndCommand) {
            Some(true) => Fate::Applied,
            Some(false) => Fate::Duplicate,
            None => Fate::Ignored(IgnoreReason::Unmatched),
        }
    }

    /// One settlement for a pending or live candidate; after it the candidate is closing. None when there is no such
    /// candidate, false when its end was said before.
    fn end(
        &mut self,
        customer: &mut Customer,
        which: impl Fn(&Given) -> bool,
        kind: SettlementKind,
        reason: ReasonCode,
    ) -> Option<bool> {
        let given = customer.given.iter_mut().find(|given| given.phase != Phase::Gone && which(given))?;
        if std::mem::replace(&mut given.settled, true) {
            return Some(false);
        }
        self.settlements.push(ExpectedSettlement { candidate: given.candidate.clone(), kind, reason });
        Some(true)
    }

    fn settle(&mut self, customer: &mut Customer, event: &Event<'_>, before: &Record, after: &Record) {
        match event {
            Event::Customer(e) if right_to_act_ended(e, before, after) => {
                self.end(customer, |_| true, SettlementKind::Revoked, ReasonCode::EndOptOut);
            }
            Event::Customer(e) if forbidden(e, before, after) => {
                self.end(customer, |_| true, SettlementKind::Revoked, ReasonCode::EndForbidden);
            }
            Event::Application(e) if is_drawdown(e) => self.settle_drawdown(customer, e, after),
            _ => {}
        }
    }

    fn settle_drawdown(&mut self, customer: &mut Customer, e: &ApplicationEvent<'_>, record: &Record) {
        let (partner, drawdown): (Text, Text) = (e.partner.into(), e.drawdown.unwrap_or("").into());
        let end = record.value(&Key::DrawdownEnd(partner.clone(), drawdown.clone()));
        let Some(Value::DrawdownEnd { kind, .. }) = end else { return };
        let (settled, reason) = match kind {
            ApplicationKind::DrawdownDisbursed => (SettlementKind::Kept, ReasonCode::EndDrawdownDisbursed),
            ApplicationKind::DrawdownDeclined => (SettlementKind::Revoked, ReasonCode::EndDrawdownDeclined),
            ApplicationKind::DrawdownTimedOut => {
                let taken = diverted(record, &customer.not_refused(), &partner, &drawdown);
                let kind = if taken { SettlementKind::Diverted } else { SettlementKind::Revoked };
                (kind, ReasonCode::EndDrawdownTimedOut)
            }
            ApplicationKind::DrawdownRerouted => (SettlementKind::Revoked, ReasonCode::EndDrawdownRerouted),
            // Of a pending candidate it is not known yet whether it is admitted: as if it were.
            _ if diverted(record, &customer.not_refused(), &partner, &drawdown) => {
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
        let currency = customer.currency_of(e, after);
        let trigger = Trigger { event: e, record: after, now, hold, currency, offered_at: &customer.offered_at };
        let reasons = trigger.judge(policy);
        let parts = ["rt", e.partner, &drawdown, e.customer, kind.name()];
        let candidate = content_id(&parts.map(str::as_bytes));
        let requested_at = after.requested(&partner, &drawdown).map_or(e.event_time, |(at, _)| at);
        self.score(policy, e, after);
        let key = (partner.clone(), drawdown.clone());
        if reasons == [ReasonCode::CtrlHoldout] {
            customer.held_out.insert(key);
        } else {
            customer.held_out.remove(&key);
        }
        if reasons.is_empty() {
            customer.given.push(Given {
                candidate: candidate.clone(),
                partner: partner.clone(),
                drawdown: drawdown.clone(),
                phase: Phase::Pending,
                settled: false,
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

impl CustomerShard<'_> {
    /// Each standing score of a model whose tenths the policy states counts once a decision. A score's value is the third of
    /// its ranks, its model and version their text.
    fn score(&mut self, policy: &OraclePolicy, e: &ApplicationEvent<'_>, record: &Record) {
        for kind in ["risk", "response", "conversion", "value"] {
            let Some((numbers, text)) = record.fact(&Key::Other(kind)).map(|fact| &fact.rank) else { continue };
            let (model, version) = text.split_once('\0').unwrap_or_default();
            if let Some(edges) = policy.deciles.get(&(model.to_owned(), version.to_owned())) {
                let tenth = edges.iter().filter(|edge| **edge <= numbers[2]).count() as i32;
                let day = CalendarDay(e.event_time.0.div_euclid(DAY_MS) as i32);
                *self.scored.entry((e.partner.into(), model.into(), version.into(), day, tenth)).or_default() += 1;
            }
        }
    }
}

/// What has one currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Priced {
    Application(Text, Text),
    /// By product.
    Limit(Text, Text),
    Loan(Text, Text),
}

fn currency<'e>(event: &Event<'e>) -> Option<&'e str> {
    match event {
        Event::Application(e) => e.currency,
        Event::Repayment(e) => e.currency,
        _ => None,
    }
}

/// What the event's currency is compared with. A drawdown is one of its application, whose currency it does not settle.
fn parts_with_currency(event: &Event<'_>) -> Vec<Priced> {
    match event {
        Event::Application(e) => {
            let mut parts = vec![Priced::Application(e.partner.into(), e.application.into())];
            let granted = e.kind == ApplicationKind::Approved && e.limit_minor.is_some();
            if granted || e.kind >= ApplicationKind::LimitGranted {
                parts.push(Priced::Limit(e.partner.into(), e.product.unwrap_or_default().into()));
            }
            parts
        }
        Event::Repayment(e) => vec![Priced::Loan(e.partner.into(), e.loan.into())],
        _ => vec![],
    }
}

/// True when the event is the first to state the currency of something.
fn note_currency(customer: &mut Customer, event: &Event<'_>) -> bool {
    let Some(stated) = currency(event) else { return false };
    let about_application = |e: &ApplicationEvent<'_>| !is_drawdown(e) && e.kind < ApplicationKind::LimitGranted;
    let mut news = false;
    for part in parts_with_currency(event) {
        let settles = match (&part, event) {
            (Priced::Application(..), Event::Application(e)) => about_application(e),
            _ => true,
        };
        if settles && !customer.currencies.contains_key(&part) {
            customer.currencies.insert(part, stated.into());
            news = true;
        }
    }
    news
}

/// The event opts out, or withdraws a cross-marketing consent, and that is news.
fn right_to_act_ended(e: &CustomerEvent<'_>, before: &Record, after: &Record) -> bool {
    let opt_out = Key::Flag(Flag::OptOut);
    let changed = |key: &Key| before.fact(key) != after.fact(key);
    let opted_out = e.flags.iter().any(|f| f.flag == Flag::OptOut && f.value) && changed(&opt_out);
    let marketing = e.consents.iter().filter(|c| c.purpose == ConsentPurpose::MarketingCross);
    let withdrawn = marketing.map(consent_facts).any(|stated| {
        stated.iter().any(|fact| changed(&fact.key))
            && stated.first().is_some_and(|giving| after.withdrawn(&giving.key))
    });
    opted_out && after.flag(Flag::OptOut) || withdrawn
}

/// The event sets a flag that no policy lifts, or merges the record into another, and that is news.
fn forbidden(e: &CustomerEvent<'_>, before: &Record, after: &Record) -> bool {
    use Flag::{Complaint, Deceased, Dispute, Hardship, InCollection, Minor, SelfExclusion};
    let flags = [Complaint, Deceased, Dispute, Hardship, InCollection, Minor, SelfExclusion];
    let set = |flag: &Flag| e.flags.iter().any(|stated| stated.flag == *flag && stated.value);
    let news = |flag: &Flag| before.fact(&Key::Flag(*flag)) != after.fact(&Key::Flag(*flag));
    flags.iter().any(|flag| set(flag) && news(flag) && after.flag(*flag)) || after.merged() && !before.merged()
}

/// The fate of an event that left the record as it was. When a drawdown was first seen, or the customer first came, is what
/// other facts imply: nothing stands against it.
fn unchanged(record: &Record, said: &[Fact]) -> Fate {
    let stated = said.iter().filter(|fact| !matches!(fact.key, Key::FirstSeen(..) | Key::OwnSince));
    let mut standing = stated.filter_map(|fact| Some((fact, record.fact(&fact.key)?)));
    match standing.any(|(fact, standing)| standing.rank > fact.rank) {
        true => Fate::Ignored(IgnoreReason::Outdated),
        false => Fate::Duplicate,
    }
}
