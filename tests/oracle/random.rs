//! Random but plausible histories from a seed: applications, drawdowns, loans, consents, flags and outcomes of customers over
//! partners, with repetitions, records out of order, corrections, reversals and compensations.

use reflow::domain::events::{
    ApplicationKind, CancelReason, CloseReason, Employer, EmployerSource, Event, Flag, FlagValue, OutcomeKind,
    OwnProductState, Payer, RepaymentKind, RiskVerdict,
};
use reflow::domain::fate::DeadLetterClass;
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use reflow::domain::{CalendarDay, EventTime};

use super::inputs::{Body, InputTopic, OwnedEvent};
use super::{Rules, blank};

/// SplitMix64 (Steele, Lea and Flood 2014): small, seeded, good enough for test data.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `from` up to, not including, `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from).max(1) as u64) as i64
    }

    /// True in `percent` of cases.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.between(0, 100) < percent
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.between(0, from.len() as i64) as usize]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.between(0, last as i64 + 1) as usize);
        }
    }
}

/// How much history, and how untidy.
#[derive(Clone, Debug)]
pub struct Size {
    pub customers: usize,
    pub partners: usize,
    pub from: EventTime,
    pub days: i64,
    /// The controller that consents are given to.
    pub lender: String,
    pub duplicates_percent: i64,
    /// Records that arrive up to two days after their event; the others arrive within two seconds.
    pub delayed_percent: i64,
    /// Application records that arrive 20 days after their event and are late where the partner went on.
    pub late_percent: i64,
    /// Customers that are erased at some time; their contributions depend on the order of arrival.
    pub erased_percent: i64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            customers: 40,
            partners: 4,
            from: EventTime(1_750_000_000_000),
            days: 60,
            lender: "lender-own".into(),
            duplicates_percent: 5,
            delayed_percent: 5,
            late_percent: 0,
            erased_percent: 0,
        }
    }
}

/// One record with the time at which it comes in, never before its event.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: EventTime,
    pub event_time: EventTime,
    pub customer: String,
    pub event: OwnedEvent,
}

/// Records in the order of arrival.
#[derive(Clone, Debug)]
pub struct History {
    pub partners: Vec<String>,
    pub arrivals: Vec<Arrival>,
}

impl History {
    pub fn events(&self) -> Vec<OwnedEvent> {
        self.arrivals.iter().map(|arrival| arrival.event.clone()).collect()
    }
}

/// The same seed and size give the same history.
pub fn history(seed: u64, size: &Size, rules: &Rules) -> History {
    let partners: Vec<String> = (0..size.partners).map(|p| format!("partner-{p:02}")).collect();
    let mut arrivals = Vec::new();
    for number in 0..size.customers {
        let dice = Dice::new(seed ^ (number as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
        let name = format!("customer-{number:05}");
        let mut life = Life { dice, size, rules, partners: &partners, name, made: 0, arrivals: Vec::new() };
        life.live();
        arrivals.append(&mut life.arrivals);
    }
    arrivals.sort_by(|a, b| (a.at, &a.customer).cmp(&(b.at, &b.customer)));
    History { partners, arrivals }
}

/// One customer's life.
struct Life<'a> {
    dice: Dice,
    size: &'a Size,
    rules: &'a Rules,
    partners: &'a [String],
    name: String,
    made: usize,
    arrivals: Vec<Arrival>,
}

impl Life<'_> {
    fn end(&self) -> EventTime {
        self.size.from.plus_ms(self.size.days * DAY_MS)
    }

    fn id(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}-{}", &self.name["customer-".len()..], self.made)
    }

    /// Sends an event, perhaps late and perhaps twice; nothing is sent that happens after the end.
    fn send(&mut self, event: &Event<'_>) {
        let event_time = event.event_time();
        if event_time >= self.end() {
            return;
        }
        let owned = OwnedEvent::of(event, self.rules);
        let late = matches!(event, Event::Application(_)) && self.dice.chance(self.size.late_percent);
        let delay = match self.dice.chance(self.size.delayed_percent) {
            _ if late => 20 * DAY_MS,
            true => self.dice.between(0, 2 * DAY_MS),
            false => self.dice.between(0, 2 * SECOND_MS),
        };
        let copies = 1 + i64::from(self.dice.chance(self.size.duplicates_percent));
        for copy in 0..copies {
            let at = event_time.plus_ms(delay + copy * self.dice.between(0, DAY_MS));
            self.arrivals.push(Arrival { at, event_time, customer: self.name.clone(), event: owned.clone() });
        }
    }

    fn live(&mut self) {
        self.profile();
        for _ in 0..self.dice.between(1, 4) {
            let at = self.size.from.plus_ms(self.dice.between(0, self.size.days * DAY_MS * 2 / 3));
            self.apply(at);
        }
        if self.dice.chance(self.size.erased_percent) {
            let (id, name) = (self.id("e"), self.name.clone());
            let at = self.size.from.plus_ms(self.dice.between(DAY_MS, self.size.days * DAY_MS));
            let mut erased = blank::customer(&id, at, &name);
            erased.erased = true;
            self.send(&Event::Customer(erased));
        }
    }

    /// Consent, region, employer; later flags, withdrawals and new consents.
    fn profile(&mut self) {
        let (name, lender) = (self.name.clone(), self.size.lender.clone());
        let start = self.size.from;
        let id = self.id("e");
        let mut first = blank::customer(&id, start, &name);
        let given = start.plus_ms(-self.dice.between(0, 100 * DAY_MS));
        let region = format!("region-{}", self.dice.between(0, 3));
        let employer = format!("employer-{}", self.dice.between(0, 20));
        first.consents.extend(self.dice.chance(85).then(|| blank::consent(&lender, given, None)));
        first.region = self.dice.chance(90).then_some(region.as_str());
        first.employer =
            self.dice.chance(50).then_some(Employer { token: &employer, source: EmployerSource::CreditReport });
        first.lenders = Some(self.dice.between(0, 8) as i32);
        first.debt_burden_ppm = Some(self.dice.between(0, 900_000));
        first.own_product = self.dice.chance(15).then_some(OwnProductState::Active);
        self.send(&Event::Customer(first));
        for _ in 0..self.dice.between(0, 3) {
            let (id, at) = (self.id("e"), start.plus_ms(self.dice.between(DAY_MS, self.size.days * DAY_MS)));
            let mut change = blank::customer(&id, at, &name);
            match self.dice.between(0, 4) {
                0 => {
                    let flags = [Flag::OptOut, Flag::Complaint, Flag::Hardship, Flag::Student, Flag::Dispute];
                    let (flag, value) = (*self.dice.pick(&flags), self.dice.chance(70));
                    change.flags.push(FlagValue { flag, value });
                }
                1 => change.consents.push(blank::consent(&lender, given, Some(at))),
                2 => change.consents.push(blank::consent(&lender, at, None)),
                _ => change.region = Some("region-1"),
            }
            self.send(&Event::Customer(change));
        }
    }

    /// One application and, when approved, its drawdowns.
    fn apply(&mut self, at: EventTime) {
        use ApplicationKind as K;
        let (name, partner) = (self.name.clone(), self.dice.pick(self.partners).clone());
        let application = self.id("app");
        let ids = [name.as_str(), partner.as_str(), application.as_str()];
        let amount = self.dice.between(1_000, 500_000) * 100;
        let id = self.id("e");
        let mut submitted = blank::application(&id, at, ids, K::Submitted);
        submitted.amount_minor = Some(amount);
        self.send(&Event::Application(submitted));
        let decided = at.plus_ms(self.dice.between(SECOND_MS, 2 * DAY_MS));
        if self.dice.chance(20) {
            let id = self.id("e");
            self.send(&Event::Application(blank::application(&id, at.plus_ms(SECOND_MS), ids, K::Preaccepted)));
        }
        let kind = *self.dice.pick(&[
            K::Approved,
            K::Approved,
            K::Approved,
            K::Declined,
            K::Declined,
            K::Cancelled,
            K::Expired,
        ]);
        if self.dice.chance(5) {
            return; // stays pending
        }
        let id = self.id("e");
        let mut end = blank::application(&id, decided, ids, kind);
        let approved = kind == K::Approved;
        end.limit_minor = (approved && self.dice.chance(80)).then_some(amount / 2);
        end.risk_verdict = (approved && self.dice.chance(90)).then(|| verdict(decided));
        self.send(&Event::Application(end));
        if self.dice.chance(5) {
            // A later correction of the decision.
            let id = self.id("e");
            let corrected = if approved { K::Cancelled } else { K::Approved };
            let later = decided.plus_ms(self.dice.between(HOUR_MS, 3 * DAY_MS));
            self.send(&Event::Application(blank::application(&id, later, ids, corrected)));
        }
        let mut moment = decided;
        for _ in 0..if approved { self.dice.between(0, 4) } else { 0 } {
            moment = moment.plus_ms(self.dice.between(MINUTE_MS, 8 * DAY_MS));
            self.draw(moment, ids, amount / 4);
        }
    }

    fn draw(&mut self, at: EventTime, ids: [&str; 3], amount: i64) {
        use ApplicationKind as K;
        let drawdown = self.id("dd");
        let tell = |life: &mut Self, at: EventTime, kind: K| {
            let id = life.id("e");
            let mut event = blank::application(&id, at, ids, kind);
            event.drawdown = Some(&drawdown);
            event.amount_minor = Some(amount);
            let reasons = [None, Some(CancelReason::ChoseOwn), Some(CancelReason::Terms)];
            event.cancel_reason = if kind == K::DrawdownCancelled { *life.dice.pick(&reasons) } else { None };
            event.staff = life.dice.chance(2);
            event.test_order = life.dice.chance(1);
            event.risk_verdict = (kind == K::DrawdownRequested && life.dice.chance(30)).then(|| verdict(at));
            life.send(&Event::Application(event));
        };
        tell(self, at, K::DrawdownRequested);
        if self.dice.chance(60) {
            tell(self, at.plus_ms(300), K::DrawdownRiskPassed);
        }
        if self.dice.chance(15) {
            let (id, name) = (self.id("e"), ids[0].to_owned());
            let candidate = blank::candidate_id(ids[1], &drawdown, ids[0]);
            let mut accepted =
                blank::outcome(&id, at.plus_ms(self.dice.between(SECOND_MS, HOUR_MS)), &name, OutcomeKind::Accepted);
            accepted.candidate = Some(&candidate);
            self.send(&Event::Outcome(accepted));
        }
        let ends = [
            K::DrawdownDisbursed,
            K::DrawdownDisbursed,
            K::DrawdownDisbursed,
            K::DrawdownDisbursed,
            K::DrawdownDeclined,
            K::DrawdownCancelled,
            K::DrawdownCancelled,
            K::DrawdownTimedOut,
            K::DrawdownRerouted,
        ];
        let (end, stays) = (*self.dice.pick(&ends), self.dice.chance(8));
        if stays {
            return;
        }
        let ended = at.plus_ms(self.dice.between(5 * SECOND_MS, 6 * HOUR_MS));
        tell(self, ended, end);
        if end == K::DrawdownDisbursed {
            self.repay(ended, [ids[0], ids[1], &drawdown], amount);
        }
    }

    /// A loan of a few weekly instalments, so that a short history sees all of it.
    fn repay(&mut self, at: EventTime, ids: [&str; 3], principal: i64) {
        use CloseReason::{BoughtBack, Compensated, Prepaid, Restructured, Settled, Transferred, WrittenOff};
        use RepaymentKind as K;
        let reasons = [Settled, Prepaid, Compensated, BoughtBack, WrittenOff, Restructured, Transferred];
        let close =
            self.dice.chance(25).then(|| (at.plus_ms(self.dice.between(7, 50) * DAY_MS), *self.dice.pick(&reasons)));
        let count = self.dice.between(2, 6);
        let id = self.id("e");
        let mut disbursed = blank::repayment(&id, at, ids, None, K::Disbursed);
        disbursed.due = Some(blank::components(principal, 0));
        disbursed.instalments = Some(count as i32);
        self.send(&Event::Repayment(disbursed));
        let due = blank::components(principal / count, principal / 100);
        for number in 1..=count {
            let date = CalendarDay(at.utc_day().0 + 7 * number as i32);
            let id = self.id("e");
            let mut scheduled = blank::repayment(&id, at.plus_ms(SECOND_MS), ids, Some(number as i32), K::Scheduled);
            scheduled.due_date = Some(date);
            scheduled.due = Some(due);
            let rescheduled = self.dice.chance(4).then(|| {
                let mut moved = scheduled.clone();
                moved.kind = K::Rescheduled;
                moved.event_time = at.plus_ms(DAY_MS * 2);
                moved.due_date = Some(CalendarDay(date.0 + 5));
                moved
            });
            self.send(&Event::Repayment(scheduled));
            rescheduled.into_iter().for_each(|moved| self.send(&Event::Repayment(moved)));
            let over = close.is_some_and(|(closed_at, _)| date.utc_start() > closed_at);
            if !over || self.dice.chance(20) {
                self.pay(date, ids, number as i32, due);
            }
        }
        if let Some((at, reason)) = close {
            let id = self.id("e");
            let mut closed = blank::repayment(&id, at, ids, None, K::Closed);
            closed.close_reason = Some(reason);
            self.send(&Event::Repayment(closed));
        }
    }

    /// Pays an instalment: early, on time, late, in parts, by another, taken back, waived, or not at all.
    fn pay(&mut self, date: CalendarDay, ids: [&str; 3], number: i32, due: reflow::domain::events::Components) {
        use RepaymentKind as K;
        let days = *self.dice.pick(&[-3, -1, 0, 0, 0, 0, 0, 1, 2, 5, 9, 20, 40, 70, 100]);
        let paid_at = date.utc_start().plus_ms(days * DAY_MS + self.dice.between(0, DAY_MS));
        let tell = |life: &mut Self, at: EventTime, kind: K, paid, payer| {
            let id = life.id("e");
            let mut event = blank::repayment(&id, at, ids, Some(number), kind);
            (event.paid, event.payer) = (paid, payer);
            life.send(&Event::Repayment(event));
        };
        let half = blank::components(due.principal_minor / 2, 0);
        match self.dice.between(0, 20) {
            0 => {}
            1 | 2 => {
                tell(self, paid_at, K::PartiallyPaid, Some(half), Some(Payer::Customer));
                let later = paid_at.plus_ms(2 * DAY_MS);
                tell(self, later, K::Paid, Some(due), Some(Payer::Customer));
            }
            3 => tell(self, paid_at.plus_ms(3 * DAY_MS), K::Paid, Some(due), Some(Payer::Enhancer)),
            4 => tell(self, paid_at, K::Waived, None, None),
            5 => {
                tell(self, paid_at, K::Paid, Some(due), Some(Payer::Customer));
                let back = Some(blank::components(0, 0));
                tell(self, paid_at.plus_ms(DAY_MS), K::Reversed, back, Some(Payer::Customer));
                if self.dice.chance(50) {
                    tell(self, paid_at.plus_ms(4 * DAY_MS), K::Paid, Some(due), Some(Payer::Customer));
                }
            }
            _ => tell(self, paid_at, K::Paid, Some(due), Some(Payer::Customer)),
        }
    }
}

fn verdict(decided_at: EventTime) -> RiskVerdict<'static> {
    RiskVerdict { model: "own-risk", version: "3", band: "a", decided_at, valid_days: 30 }
}

/// One record of every class of bad input that a producer can send, and the class it must end in. `now` is the clock
/// against which the one from the year 2099 is ahead.
pub fn poison(customer: &str, at: EventTime, rules: &Rules) -> Vec<(OwnedEvent, DeadLetterClass)> {
    let good = |change: &dyn Fn(&mut reflow::domain::ApplicationEvent<'_>)| {
        let mut event = blank::application("bad", at, [customer, "partner-00", "app-bad"], ApplicationKind::Submitted);
        change(&mut event);
        OwnedEvent::of(&Event::Application(event), rules)
    };
    let raw = |bytes: Vec<u8>| OwnedEvent {
        topic: InputTopic::Applications,
        key: Some(customer.as_bytes().to_vec()),
        body: Body::Confluent(bytes),
    };
    let id = rules.schema_ids[0].to_be_bytes();
    let mut giant = vec![0, id[0], id[1], id[2], id[3]];
    giant.resize(rules.value_bytes_max + 1, 0);
    let other_key = OwnedEvent { key: Some(b"somebody-else".to_vec()), ..good(&|_| {}) };
    vec![
        (raw(b"{}".to_vec()), DeadLetterClass::Framing),
        (raw(vec![0, 0, 0, 0, 99, 1, 2]), DeadLetterClass::Framing),
        (raw(vec![0, id[0], id[1], id[2], id[3], 0xff]), DeadLetterClass::Decode),
        (raw(giant), DeadLetterClass::TooLarge),
        (good(&|e| e.partner = ""), DeadLetterClass::Invalid),
        (good(&|e| e.amount_minor = Some(-1)), DeadLetterClass::Invalid),
        (good(&|e| e.kind = ApplicationKind::DrawdownRequested), DeadLetterClass::Invalid),
        (other_key, DeadLetterClass::Key),
        (good(&|e| e.event_time = EventTime(4_070_908_800_000)), DeadLetterClass::FutureTs),
        (good(&|e| e.event_time = EventTime(0)), DeadLetterClass::FutureTs),
    ]
}
