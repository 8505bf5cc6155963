//! A synthetic market: partners, customers, applications, drawdowns, loans and payments as a discrete-event simulation in
//! event time. Deterministic: the same seed, size and candidates give the same bytes.
//!
//! [`Market::history`] tells four weeks; then [`Market::next_until`] plays on, and [`Market::on_candidate`] lets customers
//! react to what the worker decided. What is wrong with a record is known only to [`Market::truth`].

mod answers;
mod applications;
mod arrivals;
mod dice;
mod drawdowns;
mod loans;
pub mod partners;
mod people;
mod plan;
mod profile;
mod record;
mod say;
mod stir;
mod trouble;
mod truth;

#[cfg(test)]
mod tests;

pub use plan::MarketSize;
pub use record::{MarketRecord, Trouble};
pub use truth::{PartnerTruth, Truth};

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use self::dice::{Dice, Purpose};
use self::drawdowns::Drawdown;
use self::loans::Loan;
use self::partners::{PARTNERS_COUNT, Profile};
use self::people::Person;
use self::plan::{Action, Planned};
use super::calendar::{HISTORY_START, PLAY_DAY_START};
use crate::domain::time::HOUR_MS;
use crate::domain::{EventTime, Text};
use crate::wire::SchemaIds;

/// Most customers a market ever has; beyond it nobody new arrives.
pub const CUSTOMERS_COUNT_MAX: usize = 400_000;
/// Most loans a market ever has; beyond it drawdowns are requested no more.
pub const LOANS_COUNT_MAX: usize = 2_000_000;

/// Position of a customer, account, drawdown or loan in its list.
type Place = usize;

struct Customer {
    token: Text,
    number: u32,
    person: Person,
    /// Erased: nothing more is said about this customer.
    gone: bool,
    /// Drawdowns that have no outcome yet.
    pending: SmallVec<[Place; 2]>,
}

/// A customer's relation with one partner: one application and the limit it gave.
struct Account {
    customer: Place,
    partner: Place,
    limit_minor: i64,
    cost_ppm: i64,
    /// When the limit was approved.
    approved_at: Option<EventTime>,
    frozen: bool,
}

/// The market and everything that will happen in it.
pub struct Market {
    seed: u64,
    size: MarketSize,
    ids: SchemaIds,
    queue: BinaryHeap<Reverse<Planned>>,
    planned: u64,
    said: u64,
    arrived: u32,
    customers: Vec<Customer>,
    by_token: FxHashMap<Text, Place>,
    accounts: Vec<Account>,
    /// Accounts with an approved limit, by partner.
    approved: [Vec<Place>; PARTNERS_COUNT],
    drawdowns: Vec<Drawdown>,
    loans: Vec<Loan>,
    /// Records to be said once more, until they are.
    repeats: FxHashMap<u64, MarketRecord>,
    out: Vec<MarketRecord>,
    truth: Truth,
}

impl Market {
    pub fn new(seed: u64, size: MarketSize) -> Self {
        let mut market = Self {
            seed,
            size,
            ids: SchemaIds::default(),
            queue: BinaryHeap::new(),
            planned: 0,
            said: 0,
            arrived: 0,
            customers: Vec::new(),
            by_token: FxHashMap::default(),
            accounts: Vec::new(),
            approved: std::array::from_fn(|_| Vec::new()),
            drawdowns: Vec::new(),
            loans: Vec::new(),
            repeats: FxHashMap::default(),
            out: Vec::new(),
            truth: Truth::default(),
        };
        market.plan(HISTORY_START, Action::OpenDay(0));
        market
    }

    /// Everything before the played day, in order, an hour of event time at a time. Asked again, it goes on where it stopped.
    pub fn history(&mut self) -> impl Iterator<Item = MarketRecord> {
        let mut hour = HISTORY_START;
        std::iter::from_fn(move || {
            (hour < PLAY_DAY_START).then(|| {
                hour = hour.plus_ms(HOUR_MS);
                self.next_until(hour)
            })
        })
        .flatten()
    }

    /// What is said before `at` and was not said yet, in order. It never ends: day follows day.
    pub fn next_until(&mut self, at: EventTime) -> Vec<MarketRecord> {
        while let Some(Reverse(next)) = self.queue.peek() {
            if next.at >= at {
                break;
            }
            if let Some(Reverse(next)) = self.queue.pop() {
                self.happen(next.at, next.action);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// What the market knows about everything it said so far.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    fn happen(&mut self, at: EventTime, action: Action) {
        match action {
            Action::OpenDay(day) => self.open_day(day),
            Action::Arrive(number) => self.arrive(at, number),
            Action::Apply(account) => self.apply(at, account),
            Action::Decide(account) => self.decide(at, account),
            Action::Draw { partner, draw } => self.draw(at, partner, draw),
            Action::DrawAgain(account) => self.request(at, account, true),
            Action::RiskPass(drawdown) => self.risk_pass(at, drawdown),
            Action::Conclude(drawdown) => self.conclude(at, drawdown),
            Action::Pay { loan, instalment, step } => self.pay(at, loan, instalment, step),
            Action::Prepay(loan) => self.prepay(at, loan),
            Action::Stir(number) => self.stir(at, number),
            Action::Answer { drawdown, answer } => self.answer(at, drawdown, answer),
            Action::Trouble(number) => self.trouble(at, number),
            Action::Repeat(said) => self.repeat(at, said),
        }
    }

    fn plan(&mut self, at: EventTime, action: Action) {
        self.planned += 1;
        self.queue.push(Reverse(Planned { at, order: self.planned, action }));
    }

    fn dice(&self, purpose: Purpose, about: usize) -> Dice {
        Dice::of(self.seed, purpose, about as u64)
    }

    fn profile(&self, account: Place) -> &'static Profile {
        &partners::PARTNERS[self.accounts[account].partner]
    }

    /// The customer of an account.
    fn holder(&self, account: Place) -> &Customer {
        &self.customers[self.accounts[account].customer]
    }

    /// True when nothing is said about an account: its partner is silent or its customer forgotten.
    fn mute(&self, account: Place, at: EventTime) -> bool {
        self.profile(account).silent_at(at) || self.holder(account).gone
    }
}
