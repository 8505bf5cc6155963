//! The customer stage: everything about one customer in one place. Pure.
//!
//! An event is [checked](check) for what it must have, *weighed* against the customer's [record] without touching it, judged
//! by the partner's [clock](clocks), and only then [written](apply). What the record [contributes](contribution) after, minus
//! what it contributed before, is the delta for the partner stage. A drawdown that asks [triggers](trigger) the policy; what
//! ends a candidate [settles](settle) it. At the end of the transaction all of it goes out as one [bundle] per partition.

mod apply;
mod bundle;
mod check;
mod clocks;
mod codec;
pub mod contribution;
mod delta_rows;
mod draft;
mod exposure;
mod group;
pub mod record;
mod person;
mod settle;
mod standing;
mod trigger;

#[cfg(test)]
mod tests;

pub use codec::{Entry, FORMAT};
pub use group::{GROUP_MAX, Met};

use crate::domain::candidate::{Arm, Source};
use crate::domain::decision::DecisionKind;
use crate::domain::events::{ApplicationEvent, Event, RepaymentKind};
use crate::domain::fact::BundleHeader;
use crate::domain::fate::{DeadLetterClass, FateCounts, IgnoreReason};
use crate::domain::{CalendarDay, EventTime, Fate, Id, Output, Proposal, Reply, Text, set_text};
use crate::planted::{self, Bug};
use crate::policy::PolicySet;
use crate::store::{At, Records};
use apply::{Change, reply};
use bundle::Bundles;
use clocks::Clocks;
use contribution::{Cells, Target};
use record::{Customer, Pending, Place, Spare, find, find_mut, section};
use trigger::{Judge, Room, Rules, Trigger};

/// What a customer shard is told about itself and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub shard: i32,
    pub shards: i32,
    pub partner_partitions: i32,
    /// Furthest an event may be ahead of `now`, seconds.
    pub future_event_secs_max: i64,
    /// Oldest an application event may be against its partner's clock, seconds.
    pub late_event_secs_max: i64,
    /// Oldest trigger that is still decided, seconds.
    pub decision_age_secs_max: i64,
    /// Days after submission within which a disbursement counts for `end_to_end`.
    pub end_to_end_days: i64,
    /// Longest silence of a shard's bundles, seconds.
    pub heartbeat_secs: i64,
}

/// One thing a shard is told.
pub enum Input<'a> {
    Event { event: &'a Event<'a>, source: &'a Source },
    Reply(&'a Reply),
    Tick,
}

/// One shard of the customer stage.
pub struct Shard {
    settings: Settings,
    customers: Records<Customer>,
    clocks: Clocks,
    bundles: Bundles,
    /// What an event's entity contributes before and after it, used again for every event.
    before: Cells,
    after: Cells,
    /// Of the event that asks the policy; used again, because event ids are often longer than what a text holds in itself.
    source: Source,
    /// Of whom nothing is known.
    nobody: Customer,
    /// Where the policy is asked.
    room: Room,
    /// To write changelog entries in: key and value.
    entry: (Vec<u8>, Vec<u8>),
}

/// An event on its way through a step.
struct Arrival<'a> {
    event: &'a Event<'a>,
    read: Read<'a>,
    now: EventTime,
}

/// Where an event was read. Few events ask the policy, and only those need a [`Source`] of their own.
#[derive(Clone, Copy)]
struct Read<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    event_id: &'a str,
}

impl<'a> Read<'a> {
    fn of(source: &'a Source) -> Self {
        let Source { topic, partition, offset, event_id } = source;
        Self { topic, partition: *partition, offset: *offset, event_id }
    }

    fn write(&self, source: &mut Source) {
        set_text(&mut source.topic, self.topic);
        set_text(&mut source.event_id, self.event_id);
        (source.partition, source.offset) = (self.partition, self.offset);
    }
}

impl Shard {
    pub fn new(settings: Settings) -> Self {
        Self {
            bundles: Bundles::new(settings.partner_partitions),
            settings,
            customers: Records::default(),
            clocks: Clocks::default(),
            before: Cells::new(),
            after: Cells::new(),
            source: Source::default(),
            nobody: Customer::default(),
            room: Room::default(),
            entry: (Vec::new(), Vec::new()),
        }
    }

    /// Takes one input; outputs of decisions go to `out`, deltas and proposals are kept for [`Shard::seal`].
    pub fn step(&mut self, input: Input<'_>, now: EventTime, policies: &PolicySet, out: &mut Vec<Output>) -> Fate {
        self.step_by(input, now, policies, out)
    }

    fn step_by<R: Rules>(&mut self, input: Input<'_>, now: EventTime, rules: &R, out: &mut Vec<Output>) -> Fate {
        match input {
            Input::Event { event, source } => {
                let checked = check::event(event);
                self.step_event(&Arrival { event, read: Read::of(source), now }, checked, None, rules, out)
            }
            Input::Reply(reply) => self.take_reply(reply),
            // Heartbeats are all that time alone brings about, and sealing sends them.
            Input::Tick => Fate::Applied,
        }
    }

    /// `found`: the customer's record, where it was found before.
    fn step_event<R: Rules>(
        &mut self,
        arrival: &Arrival<'_>,
        checked: Result<(), String>,
        found: Option<At>,
        rules: &R,
        out: &mut Vec<Output>,
    ) -> Fate {
        let fate = match checked {
            Ok(()) => self.take_event(arrival, found, rules, out),
            Err(detail) => Fate::DeadLettered(DeadLetterClass::Invalid, detail),
        };
        self.bundles.count(&fate);
        fate
    }

    /// The fates of a sound event in their order: invalid, implausible time, late, erased, unchanged, applied.
    fn take_event<R: Rules>(
        &mut self,
        arrival: &Arrival<'_>,
        found: Option<At>,
        rules: &R,
        out: &mut Vec<Output>,
    ) -> Fate {
        let event = arrival.event;
        // Who was not known may have been made since by an event of the same group.
        let find = || event.customer().and_then(|token| self.customers.find(token, apply::reads(event)));
        let at = found.or_else(find);
        let (customer, spare) = self.customers.weigh(at, &self.nobody);
        let erased = customer.erased_at.is_some();
        let target = Target::of(event);
        let place = target.place(customer);
        let weighed = apply::weigh(customer, event, place, contract_day(event, rules), spare);
        if let Err(fate @ Fate::DeadLettered(..)) = weighed {
            return fate;
        }
        let partner = event.partner().map(|partner| self.bundles.number(partner));
        if let Err(fate) = self.clocks.judge(event, partner, arrival.now, &self.settings) {
            return fate;
        }
        let policy = || rules.in_force(event.event_time());
        let contracted = |partner: &str| policy().is_some_and(|policy| policy.contract(partner).is_some());
        if let Err(fate) = self.clocks.room_for(event, partner, contracted) {
            return fate;
        }
        self.clocks.advance(event, partner);
        match weighed {
            _ if erased => Fate::Ignored(IgnoreReason::Erased),
            Err(fate) => fate,
            Ok(change) => {
                self.write(arrival, at, change, (target, place), rules, out);
                Fate::Applied
            }
        }
    }

    /// Writes a change with everything that follows from it.
    fn write<R: Rules>(
        &mut self,
        arrival: &Arrival<'_>,
        known: Option<At>,
        change: Change,
        (target, place): (Target<'_>, Place),
        rules: &R,
        out: &mut Vec<Output>,
    ) {
        let token = arrival.event.customer().unwrap_or_default();
        let at = known.unwrap_or_else(|| self.customers.make(token));
        self.look(at, target, place);
        let (customer, spare) = self.customers.edit(at, change.writes());
        let written = apply::write(customer, change, arrival.event, place, spare);
        self.contribute(at, target, place);
        if written.settled {
            let (_, spare) = self.customers.edit(at, section::OFFERING);
            self.bundles.settle(&mut spare.settlement);
        }
        if let (true, Event::Application(event)) = (written.asked, arrival.event) {
            self.ask(at, event, arrival, rules, out);
        }
    }

    /// Asks the policy about a drawdown: a proposal makes the customer pending; either way a decision says what was checked.
    fn ask<R: Rules>(
        &mut self,
        at: At,
        event: &ApplicationEvent<'_>,
        arrival: &Arrival<'_>,
        rules: &R,
        out: &mut Vec<Output>,
    ) {
        let age_secs_max = self.settings.decision_age_secs_max;
        arrival.read.write(&mut self.source);
        let trigger = Trigger { event, source: &self.source, now: arrival.now, age_secs_max };
        self.customers.open(at, section::ALL);
        let Some(decision) = trigger.ask(self.customers.get(at), rules, &mut self.room) else { return };
        self.count_scores(at, event, rules);
        if decision.kind == DecisionKind::Proposed {
            let proposal = &mut self.room.proposal;
            let (customer, spare) = self.customers.edit(at, section::DRAWDOWNS | section::OFFERING);
            customer.wait_for(proposal, spare);
            self.bundles.propose(proposal);
        } else {
            self.note_arm(at, event, decision.arm == Arm::Holdout);
        }
        out.push(Output::Decision(decision));
    }

    /// Counts the scores that stood when the policy was asked, of the models whose reference population it states.
    fn count_scores<R: Rules>(&mut self, at: At, event: &ApplicationEvent<'_>, rules: &R) {
        let (Some(profile), Some(policy)) = (&self.customers.get(at).profile, rules.in_force(event.event_time)) else {
            return;
        };
        for score in &profile.scores {
            if let Some(tenth) = policy.tenth(&score.model, &score.version, score.value_ppm) {
                self.bundles.score(event.partner, score, event.event_time.utc_day(), tenth);
            }
        }
    }

    /// Notes whether the drawdown belongs to the control group. It has no outcome yet, so nothing is contributed by it.
    fn note_arm(&mut self, at: At, event: &ApplicationEvent<'_>, held_out: bool) {
        let id = event.drawdown.unwrap_or_default();
        let known = find(&self.customers.get(at).drawdowns, event.partner, id);
        if known.is_none_or(|drawdown| drawdown.held_out == held_out) {
            return;
        }
        let customer = self.customers.edit(at, section::DRAWDOWNS).0;
        if let Some(drawdown) = find_mut(&mut customer.drawdowns, event.partner, id) {
            drawdown.held_out = held_out;
        }
    }

    fn take_reply(&mut self, reply: &Reply) -> Fate {
        let touched = section::DRAWDOWNS | section::OFFERING;
        let Some(at) = self.customers.find(&reply.customer, touched | section::APPLICATIONS) else {
            return Fate::Ignored(IgnoreReason::Unmatched);
        };
        if let Err(fate) = reply::weigh(self.customers.get(at), reply) {
            return fate;
        }
        let target = Target::Candidate(&reply.candidate);
        let place = target.place(self.customers.get(at));
        self.look(at, target, place);
        reply::write(self.customers.edit(at, touched).0, reply);
        self.contribute(at, target, place);
        Fate::Applied
    }

    /// Notes what the entity contributes before it is changed.
    fn look(&mut self, at: At, target: Target<'_>, place: Place) {
        self.before.clear();
        target.footprint(self.customers.get(at), place, self.settings.end_to_end_days, &mut self.before);
    }

    /// Adds the difference that a change made to what the entity contributes; `place`: where it stood before.
    fn contribute(&mut self, at: At, target: Target<'_>, place: Place) {
        let customer = self.customers.get(at);
        let place = if place == Place::Nowhere { target.place(customer) } else { place };
        self.after.clear();
        target.footprint(customer, place, self.settings.end_to_end_days, &mut self.after);
        if let Some(partner) = target.partner(customer, place) {
            self.bundles.add(partner, &self.before, &self.after);
        }
    }

    /// Ends the transaction: one bundle per partner-stage partition that has something to hear, or a heartbeat where owed.
    pub fn seal(&mut self, now: EventTime, backlog: i64, policy_version: &str, out: &mut Vec<Output>) {
        self.clocks.settle(&self.bundles.partners);
        let header = BundleHeader {
            source_shard: if planted::is(Bug::LaneKeyedDelta) { 0 } else { self.settings.shard },
            source_shards: self.settings.shards,
            sequence: 0,
            now,
            high_event_time: self.clocks.high(),
            backlog,
            policy_version: Text::from(policy_version),
            fates: FateCounts::default(),
            policy_offset: None,
        };
        self.bundles.seal(&header, &mut self.clocks, &self.settings, out);
    }

    /// Takes back what was said and is written by now: its buffers are used again.
    pub fn take_back(&mut self, output: Output) {
        match output {
            Output::Decision(decision) => self.room.decisions.keep(decision),
            Output::Bundle { bundle, .. } => self.bundles.take_back(bundle),
            Output::Reply { .. } | Output::Candidate(_) | Output::View(_) | Output::Pane(_) | Output::Alert(_) => {}
        }
    }

    /// True when the open batch holds a proposal or a settlement: somebody waits for it.
    pub fn proposes(&self) -> bool {
        self.bundles.urgent()
    }

    /// True when the open batch says as much as goes into a message: it ends with what it has.
    pub fn is_full(&self) -> bool {
        self.bundles.is_full() || self.clocks.is_full()
    }

    /// True when a tick would do something: a heartbeat is owed.
    pub fn due(&self, now: EventTime) -> bool {
        self.bundles.due(now, &self.settings)
    }

    /// Every customer with slot and token, in slot order, as the open batch sees it.
    pub fn customers(&self) -> impl Iterator<Item = (u32, Text, Customer)> {
        self.customers.all()
    }

    /// The record of one customer, as the open batch sees it.
    pub fn customer(&self, token: &str) -> Option<Customer> {
        self.customers.look(token)
    }

    /// Looks up the customers of a group of inputs that are not met, replies, before they are stepped: their look-ups overlap.
    pub fn bring<'t>(&self, tokens: impl Iterator<Item = &'t [u8]>) {
        self.customers.bring(tokens);
    }

    /// Highest accepted event time of the shard; 0 before the first.
    pub fn high_event_time(&self) -> EventTime {
        self.clocks.high()
    }

    /// Makes room for that many entries that are about to be loaded; nearly all of them are customers.
    pub fn expect(&mut self, entries: u64) {
        self.customers.expect(usize::try_from(entries).unwrap_or(usize::MAX));
    }

    /// Sends the batch into flight, which ended with [`Shard::seal`] and [`Shard::changes`]; what is stepped from here on
    /// belongs to the next one. At most one batch is in flight.
    pub fn hand_over(&mut self) {
        self.customers.hand_over();
        self.clocks.hand_over(&self.bundles.partners);
        self.bundles.lines.hand_over();
    }

    /// Accepts the batch in flight.
    pub fn commit(&mut self) {
        self.customers.commit();
        self.clocks.newest.commit();
        self.bundles.lines.commit();
    }

    /// Puts everything back as it was at the last commit: the open batch first, then the one in flight.
    pub fn undo(&mut self) {
        self.customers.undo();
        self.clocks.undo();
        self.bundles.undo();
    }
}

impl Customer {
    /// Notes a proposal: the drawdown has its candidate, and the customer waits for the reply.
    fn wait_for(&mut self, proposal: &Proposal, spare: &mut Spare) {
        if let Some(drawdown) = find_mut(&mut self.drawdowns, &proposal.partner, &proposal.drawdown) {
            drawdown.candidate = Id::from(&proposal.candidate.candidate);
            drawdown.offered_minor = proposal.candidate.offer.limit_minor;
            drawdown.held_out = false;
        }
        self.offering.get_or_insert_with(|| spare.offering()).pending = Some(Pending {
            candidate: Id::from(&proposal.candidate.candidate),
            partner: proposal.partner.clone(),
            drawdown: proposal.drawdown.clone(),
            settled: false,
        });
    }
}

/// The event's calendar day in its contract's zone, UTC without a contract. Only payments and closes are kept by day.
fn contract_day<R: Rules>(event: &Event<'_>, rules: &R) -> CalendarDay {
    let at = event.event_time();
    let contract = match event {
        Event::Repayment(e) if e.kind >= RepaymentKind::Paid => {
            rules.in_force(at).and_then(|policy| policy.contract(e.partner))
        }
        _ => None,
    };
    contract.map_or(at.utc_day(), |contract| standing::day_in(&contract.zone, at))
}
