//! One customer's random life: consent and flags, applications, drawdowns, loans, payments.

use reflow::domain::events::{
    ApplicationKind, CancelReason, CloseReason, Components, Employer, EmployerSource, Event, Flag, FlagValue,
    OutcomeKind, OwnProductState, Payer, RepaymentKind, RiskVerdict,
};
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use reflow::domain::{CalendarDay, EventTime};

use super::dice::Dice;
use super::inputs::OwnedEvent;
use super::random::{Arrival, Size};
use super::{Rules, blank};

/// One customer's life.
pub struct Life<'a> {
    pub dice: Dice,
    pub size: &'a Size,
    pub rules: &'a Rules,
    pub partners: &'a [String],
    pub name: String,
    /// Ids given out so far.
    pub made: usize,
    pub arrivals: Vec<Arrival>,
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

    pub fn live(&mut self) {
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
    fn pay(&mut self, date: CalendarDay, ids: [&str; 3], number: i32, due: Components) {
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
