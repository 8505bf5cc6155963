//! Who comes when: the arrivals of a day, and a customer's first appearance.

use smallvec::SmallVec;

use super::dice::{Dice, Purpose};
use super::partners::{PARTNERS, weights_at};
use super::people::{self, Person};
use super::plan::Action;
use super::{Account, CUSTOMERS_COUNT_MAX, Customer, LOANS_COUNT_MAX, Market, Place};
use crate::domain::EventTime;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::ops::demo::calendar::{HISTORY_DAYS, HISTORY_START, PLAY_DAY_START, day_start};

/// How busy each UTC hour is; the customers' day begins with the UTC day.
const HOURS: [u32; 24] = [30, 50, 60, 60, 55, 50, 55, 55, 50, 45, 40, 45, 50, 45, 35, 25, 15, 8, 5, 4, 4, 5, 10, 20];
/// Changes of customers and limits in a day of history and in a played one.
const STIRS_PER_HISTORY_DAY: u32 = 12;
const STIRS_PER_PLAYED_DAY: u32 = 360;

/// A moment of a day, busy hours more likely.
fn moment(day: i64, dice: &mut Dice) -> EventTime {
    let hour = dice.weighted(HOURS.iter().copied()) as i64;
    day_start(day).plus_ms(hour * HOUR_MS + dice.between(0, HOUR_MS - 1))
}

/// The share of a day in the drawdowns of the whole history: the market grows.
fn history_share(total: u32, day: i64) -> u32 {
    let weight = |day: i64| day + 6;
    let all: i64 = (0..HISTORY_DAYS).map(weight).sum();
    u32::try_from(i64::from(total) * weight(day) / all).unwrap_or(0)
}

impl Market {
    /// Plans everything of a day that nobody in particular causes, and the opening of the next day.
    pub(super) fn open_day(&mut self, day: i64) {
        let dice = &mut self.dice(Purpose::Arrival, day as usize);
        let played = day >= HISTORY_DAYS;
        if day == 0 {
            self.plan_history_arrivals(dice);
        }
        let (newcomers, draws, stirs) = match played {
            true => (self.size.day_customers, self.size.day_drawdowns, STIRS_PER_PLAYED_DAY),
            false => (0, history_share(self.size.history_drawdowns, day), STIRS_PER_HISTORY_DAY),
        };
        for _ in 0..newcomers {
            self.plan_arrival(moment(day, dice));
        }
        for number in 0..draws {
            let at = moment(day, dice);
            let partner = dice.weighted(weights_at(at));
            self.plan(at, Action::Draw { partner, draw: day as u32 * 0x10_0000 + number });
        }
        for number in 0..stirs {
            self.plan(moment(day, dice), Action::Stir(day as u32 * 0x1000 + number));
        }
        if played {
            self.plan_troubles(day);
        }
        self.plan(day_start(day + 1), Action::OpenDay(day + 1));
    }

    fn plan_history_arrivals(&mut self, dice: &mut Dice) {
        for _ in 0..self.size.customers {
            let day = dice.between(0, HISTORY_DAYS - 1);
            self.plan_arrival(moment(day, dice));
        }
    }

    fn plan_arrival(&mut self, at: EventTime) {
        let number = self.arrived;
        if number as usize >= CUSTOMERS_COUNT_MAX {
            return;
        }
        self.arrived += 1;
        // A veteran's loan is taken over with the opening book, in the first hours.
        let veteran = at < PLAY_DAY_START && self.veteran(number);
        let at = if veteran { HISTORY_START.plus_ms(at.ms_since(HISTORY_START) % (6 * HOUR_MS)) } else { at };
        self.plan(at, Action::Arrive(number));
    }

    fn veteran(&self, number: u32) -> bool {
        self.person(number, HISTORY_START).0.veteran
    }

    /// The person of that number with the doors through which it comes at that time.
    fn person(&self, number: u32, at: EventTime) -> (Person, Vec<Place>) {
        let doors = people::memberships(self.seed, number, weights_at(at));
        (Person::of(self.seed, number, &PARTNERS[doors[0]]), doors)
    }

    /// A customer appears: the profile is told, and the first application is sent or the old loan taken over.
    pub(super) fn arrive(&mut self, at: EventTime, number: u32) {
        let (person, doors) = self.person(number, at);
        let taken_over = person.veteran && at < HISTORY_START.plus_ms(6 * HOUR_MS);
        let customer = self.customers.len();
        let token = people::token(number);
        self.by_token.insert(token.clone(), customer);
        self.customers.push(Customer { token, number, person, gone: false, pending: SmallVec::new() });
        self.tell_profile(at, customer);
        let dice = &mut self.dice(Purpose::Takeover, number as usize);
        for (order, partner) in doors.into_iter().enumerate() {
            let account = self.open_account(customer, partner);
            match order {
                0 if taken_over => self.take_over(at, account),
                0 => self.apply(at, account),
                _ => {
                    let later = if at < PLAY_DAY_START { 2 * DAY_MS } else { 5 * HOUR_MS };
                    self.plan(at.plus_ms(dice.between(20 * MINUTE_MS, later)), Action::Apply(account));
                }
            }
        }
    }

    fn open_account(&mut self, customer: Place, partner: Place) -> Place {
        let account = self.accounts.len();
        let (limit_minor, cost_ppm) = people::limit_and_cost(self.seed, account);
        self.accounts.push(Account { customer, partner, limit_minor, cost_ppm, approved_at: None, frozen: false });
        account
    }

    /// Somebody with a limit of the partner wants money: the first of a few who may.
    pub(super) fn draw(&mut self, at: EventTime, partner: Place, draw: u32) {
        let mut dice = self.dice(Purpose::Draw, draw as usize);
        for _ in 0..8 {
            let those = &self.approved[partner];
            let Some(account) = those.get(dice.below(those.len() as u64) as usize).copied() else { return };
            let holder = self.holder(account);
            if !self.accounts[account].frozen && !holder.gone && holder.pending.is_empty() {
                return self.request(at, account, false);
            }
        }
    }

    /// True while another loan can be kept.
    pub(super) fn lends(&self) -> bool {
        self.loans.len() < LOANS_COUNT_MAX
    }
}
