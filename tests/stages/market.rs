//! The world around the stages: random histories, bad records, and what customers and operators do about a candidate.

use std::collections::BTreeMap;

use reflow::domain::events::{ApplicationKind, CancelReason, CommandKind, Event, Flag, FlagValue, OutcomeKind};
use reflow::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use reflow::domain::{Candidate, EventTime, Text};
use reflow_oracle::dice::Dice;
use reflow_oracle::inputs::{Body, InputTopic, OwnedEvent};
use reflow_oracle::poison::poison;
use reflow_oracle::random::{History, Size, history};
use reflow_oracle::{Rules, blank};

use crate::storm::storm;

/// How long a storm lasts.
const STORM_HOURS: i64 = 5;

/// Where and when a candidate's drawdown was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub partner: Text,
    pub drawdown: Text,
}

/// Records that are still to come, by the time at which they arrive.
pub struct Market {
    pub rules: Rules,
    pub size: Size,
    coming: BTreeMap<(EventTime, u64), OwnedEvent>,
    made: u64,
    seed: u64,
}

impl Market {
    /// Plausible lives.
    pub fn of_lives(seed: u64, size: &Size, rules: &Rules) -> Market {
        let History { arrivals, .. } = history(seed, size, rules);
        let mut market = Market::new(seed, size, rules);
        arrivals.into_iter().for_each(|arrival| market.expect(arrival.at, arrival.event));
        market
    }

    /// Records without plausibility.
    pub fn of_storm(seed: u64, size: &Size, records: u64, rules: &Rules) -> Market {
        let mut market = Market::new(seed, size, rules);
        let erases = size.erased_percent > 0;
        for (at, event) in storm(seed, size.from, STORM_HOURS, records, erases, rules) {
            market.expect(at, event);
        }
        market
    }

    fn new(seed: u64, size: &Size, rules: &Rules) -> Market {
        Market { rules: rules.clone(), size: size.clone(), coming: BTreeMap::new(), made: 0, seed }
    }

    fn expect(&mut self, at: EventTime, event: OwnedEvent) {
        self.made += 1;
        self.coming.insert((at, self.made), event);
    }

    /// Bad records of every class, tombstones, and orders that are not for the customer stage, over the whole time.
    pub fn add_poison(&mut self) {
        let mut dice = Dice::new(self.seed ^ 0xbad);
        for round in 0..self.size.days {
            let at = self.size.from.plus_ms(round * DAY_MS + dice.between(0, DAY_MS));
            let customer = format!("customer-{:05}", dice.between(0, self.size.customers as i64));
            for (bad, _) in poison(&customer, at, &self.rules) {
                self.expect(at.plus_ms(dice.between(0, DAY_MS)), bad);
            }
            let topic = *dice.pick(&InputTopic::ALL);
            self.expect(at, OwnedEvent { topic, key: Some(customer.clone().into_bytes()), body: Body::Tombstone });
            let id = format!("order-{round}");
            let mut order = blank::command(&id, at, CommandKind::PausePartner);
            order.partner = Some("partner-00");
            self.expect(at.plus_ms(7), OwnedEvent::of(&Event::Command(order), &self.rules));
            self.add_contradictions(&format!("poison-{round}"), at, &customer);
        }
    }

    /// Events that only the state shows to be wrong: another currency, an instalment 0, a revocation of nobody.
    fn add_contradictions(&mut self, id: &str, at: EventTime, customer: &str) {
        let mut other =
            blank::application(id, at, [customer, "partner-00", "app-currency"], ApplicationKind::Preaccepted);
        other.currency = Some("HKD");
        self.expect(at.plus_ms(1), OwnedEvent::of(&Event::Application(other.clone()), &self.rules));
        other.currency = Some("CNY");
        self.expect(at.plus_ms(3), OwnedEvent::of(&Event::Application(other), &self.rules));
        let mut revoke = blank::command(id, at, CommandKind::RevokeCandidate);
        self.expect(at.plus_ms(5), OwnedEvent::of(&Event::Command(revoke.clone()), &self.rules));
        (revoke.customer, revoke.candidate) = (Some(customer), Some("no-such-candidate"));
        self.expect(at.plus_ms(6), OwnedEvent::of(&Event::Command(revoke), &self.rules));
    }

    /// When the next record arrives.
    pub fn next_at(&self) -> Option<EventTime> {
        self.coming.keys().next().map(|(at, _)| *at)
    }

    /// Everything that has arrived by `now`.
    pub fn arrived(&mut self, now: EventTime) -> Vec<OwnedEvent> {
        let later = self.coming.split_off(&(now.plus_ms(1), 0));
        std::mem::replace(&mut self.coming, later).into_values().collect()
    }

    /// What follows from a candidate: acceptance, the drawdown given up, opting out, an order, silence. The same for the
    /// same candidate whatever else happens.
    pub fn react(&mut self, candidate: &Candidate, asked: &Asked, erase_percent: i64) {
        let mut dice = Dice::new(self.seed ^ number(candidate.candidate.as_str()));
        let (customer, id) = (candidate.customer.as_str(), candidate.candidate.as_str());
        let at = candidate.decided_at.plus_ms(dice.between(SECOND_MS, MINUTE_MS));
        let event_id = format!("re-{id}");
        if dice.chance(45) {
            let mut accepted = blank::outcome(&event_id, at, customer, OutcomeKind::Accepted);
            accepted.candidate = Some(id);
            self.arrives(&mut dice, &Event::Outcome(accepted));
        }
        let mut other =
            blank::outcome(&event_id, at, customer, *dice.pick(&[OutcomeKind::Delivered, OutcomeKind::Disbursed]));
        other.candidate = dice.chance(70).then_some(id);
        self.arrives(&mut dice, &Event::Outcome(other));
        let later = at.plus_ms(dice.between(0, 2 * MINUTE_MS));
        match dice.between(0, 20) {
            0..9 => self.give_up(&mut dice, later, customer, asked),
            9 => {
                let mut out = blank::customer(&event_id, later, customer);
                out.flags.push(FlagValue { flag: Flag::OptOut, value: true });
                self.arrives(&mut dice, &Event::Customer(out.clone()));
                // Comes back a week later.
                (out.event_time, out.flags[0].value) = (later.plus_ms(7 * DAY_MS), false);
                self.arrives(&mut dice, &Event::Customer(out));
            }
            10 => {
                let lender = self.size.lender.clone();
                let mut out = blank::customer(&event_id, later, customer);
                out.consents.push(blank::consent(&lender, at.plus_ms(-DAY_MS), Some(later)));
                self.arrives(&mut dice, &Event::Customer(out));
            }
            11 | 12 => {
                let mut revoke = blank::command(&event_id, later, CommandKind::RevokeCandidate);
                (revoke.customer, revoke.candidate) = (Some(customer), dice.chance(50).then_some(id));
                self.arrives(&mut dice, &Event::Command(revoke));
            }
            _ if dice.chance(erase_percent) => {
                let mut erased = blank::customer(&event_id, later, customer);
                erased.erased = true;
                self.arrives(&mut dice, &Event::Customer(erased));
            }
            _ => {}
        }
    }

    fn give_up(&mut self, dice: &mut Dice, at: EventTime, customer: &str, asked: &Asked) {
        let id = format!("give-up-{}", asked.drawdown);
        let ids = [customer, asked.partner.as_str(), "app-reaction"];
        let mut cancelled = blank::application(&id, at, ids, ApplicationKind::DrawdownCancelled);
        cancelled.drawdown = Some(asked.drawdown.as_str());
        cancelled.cancel_reason = *dice.pick(&[Some(CancelReason::ChoseOwn), Some(CancelReason::NotNeeded), None]);
        self.arrives(dice, &Event::Application(cancelled));
    }

    fn arrives(&mut self, dice: &mut Dice, event: &Event<'_>) {
        let at = event.event_time().plus_ms(dice.between(0, 2 * SECOND_MS));
        let owned = OwnedEvent::of(event, &self.rules);
        self.expect(at, owned);
    }
}

/// A number that depends on nothing but the text.
fn number(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}
