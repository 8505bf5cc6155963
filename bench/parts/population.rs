//! A shard with many customers who lead one kind of life, and events that meet them at random. Knows nothing of Kafka.

use std::fmt::Write;

use reflow::customer::{Input, Settings, Shard};
use reflow::domain::candidate::Source;
use reflow::domain::events::*;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::{CalendarDay, EventTime};
use reflow::policy::PolicySet;

/// Events of one transaction.
const BATCH: usize = 4_096;
const START: EventTime = EventTime(20_000 * DAY_MS + 9 * HOUR_MS);

/// What a customer has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Applied, was approved with a limit; nothing since.
    Dormant,
    /// That, and drew it down: one open loan of 12 instalments, the first four paid.
    OneLoan,
}

/// The shard and how far its events have come.
pub struct Population {
    pub shard: Shard,
    customers: usize,
    pub life: Life,
    dice: u64,
    now: EventTime,
    policies: PolicySet,
    open: usize,
    names: Names,
}

/// Tokens of one customer, written into the same strings every time.
#[derive(Default)]
struct Names {
    customer: String,
    partner: String,
    application: String,
    drawdown: String,
    loan: String,
}

impl Names {
    fn of(mut self, n: usize) -> Self {
        let names = [
            (&mut self.customer, "cust-", n),
            (&mut self.partner, "partner-", n % 20),
            (&mut self.application, "app-", n),
            (&mut self.drawdown, "draw-", n),
            (&mut self.loan, "loan-", n),
        ];
        for (name, begin, n) in names {
            name.clear();
            write!(name, "{begin}{n:09}").unwrap();
        }
        self
    }
}

impl Population {
    pub fn new(life: Life, customers: usize) -> Self {
        let shard = Shard::new(Settings {
            shard: 0,
            shards: 1,
            partner_partitions: 4,
            future_event_secs_max: 3_600,
            late_event_secs_max: i64::MAX / 2_000,
            decision_age_secs_max: 86_400,
            end_to_end_days: 30,
            heartbeat_secs: 5,
        });
        let (dice, now) = (0x9e37_79b9_7f4a_7c15, EventTime(START.0 + 150 * DAY_MS));
        let mut it = Self {
            shard,
            customers,
            life,
            dice,
            now,
            policies: PolicySet::default(),
            open: 0,
            names: Names::default(),
        };
        (0..customers).for_each(|n| it.live(n));
        it
    }

    /// Steps `events` events of customers drawn at random: payments where there is a loan, else limit changes.
    pub fn play(&mut self, events: usize) {
        for step in 0..events {
            self.dice ^= self.dice << 13;
            self.dice ^= self.dice >> 7;
            self.dice ^= self.dice << 17;
            let n = (self.dice % self.customers as u64) as usize;
            let at = self.now.plus_ms(step as i64 * 10);
            match self.life {
                Life::Dormant => self.limit(n, at, (self.dice >> 40) as i64 % 1_000_000),
                Life::OneLoan => {
                    let number = (self.dice >> 40) as i32 % 8 + 5;
                    self.pay(n, number, at, (self.dice >> 44) as i64 % 110_000);
                }
            }
        }
        self.now = self.now.plus_ms(events as i64 * 10);
        self.settle();
    }

    /// Ends the open transaction.
    pub fn settle(&mut self) {
        let mut out = Vec::new();
        self.shard.seal(self.now, 0, "", &mut out);
        let mut bytes = 0;
        self.shard.changes(&mut |key, value| bytes += key.len() + value.map_or(0, <[u8]>::len));
        std::hint::black_box((out, bytes));
        self.shard.hand_over();
        self.shard.commit();
        self.open = 0;
    }

    fn step(&mut self, event: Event<'_>) {
        let source = Source::default();
        let fate =
            self.shard.step(Input::Event { event: &event, source: &source }, self.now, &self.policies, &mut Vec::new());
        std::hint::black_box(fate);
        self.open += 1;
        if self.open == BATCH {
            self.settle();
        }
    }

    fn live(&mut self, n: usize) {
        let begin = START.plus_ms((n % 86_400) as i64 * 1_000);
        self.application(n, ApplicationKind::Submitted, begin, Some(1_200_000), None);
        self.application(n, ApplicationKind::Approved, begin.plus_ms(95_000), None, Some(1_500_000));
        if self.life == Life::OneLoan {
            self.application(n, ApplicationKind::DrawdownRequested, begin.plus_ms(HOUR_MS), Some(1_200_000), None);
            self.application(
                n,
                ApplicationKind::DrawdownDisbursed,
                begin.plus_ms(HOUR_MS + 9_000),
                Some(1_200_000),
                None,
            );
            self.loan(n, begin.plus_ms(HOUR_MS + 10_000));
        }
    }

    fn loan(&mut self, n: usize, at: EventTime) {
        let disbursed = repayment(RepaymentKind::Disbursed, at);
        let due = Some(Components { principal_minor: 1_200_000, ..Components::default() });
        self.repayment(n, RepaymentEvent { due, instalments: Some(12), ..disbursed });
        for number in 1..=12 {
            let event = repayment(RepaymentKind::Scheduled, at);
            let due_date = Some(CalendarDay(at.utc_day().0 + 30 * number));
            self.repayment(n, RepaymentEvent { instalment: Some(number), due_date, due: Some(part(108_333)), ..event });
        }
        for number in 1..=4 {
            let paid_at = at.plus_ms(i64::from(number) * 30 * DAY_MS + 3 * HOUR_MS);
            self.pay(n, number, paid_at, 108_333);
        }
    }

    fn pay(&mut self, n: usize, number: i32, at: EventTime, minor: i64) {
        let event = repayment(RepaymentKind::Paid, at);
        self.repayment(n, RepaymentEvent { instalment: Some(number), paid: Some(part(minor)), ..event });
    }

    fn repayment(&mut self, n: usize, event: RepaymentEvent<'_>) {
        let names = std::mem::take(&mut self.names).of(n);
        let (customer, partner, loan) = (&names.customer, &names.partner, &names.loan);
        self.step(Event::Repayment(RepaymentEvent { customer, partner, loan, ..event }));
        self.names = names;
    }

    fn limit(&mut self, n: usize, at: EventTime, minor: i64) {
        self.application(n, ApplicationKind::LimitChanged, at, None, Some(minor));
    }

    fn application(&mut self, n: usize, kind: ApplicationKind, at: EventTime, amount: Option<i64>, limit: Option<i64>) {
        let names = std::mem::take(&mut self.names).of(n);
        self.step(Event::Application(ApplicationEvent {
            event_id: "e",
            event_time: at,
            customer: &names.customer,
            partner: &names.partner,
            application: &names.application,
            drawdown: (kind >= ApplicationKind::DrawdownRequested).then_some(&names.drawdown),
            loan: None,
            kind,
            product: Some("cash-12"),
            product_kind: None,
            amount_minor: amount,
            limit_minor: limit,
            currency: Some("CNY"),
            all_in_cost_ppm: None,
            term_months: None,
            repayment_method: None,
            decline_reason: None,
            cancel_reason: None,
            risk_verdict: None,
            risk_bearing: None,
            enhancer: None,
            funder_share_ppm: None,
            staff: false,
            test_order: false,
            region: None,
            employer: None,
        }));
        self.names = names;
    }
}

fn part(principal_minor: i64) -> Components {
    Components { principal_minor, interest_minor: 1_200, fee_minor: 0 }
}

fn repayment(kind: RepaymentKind, event_time: EventTime) -> RepaymentEvent<'static> {
    RepaymentEvent {
        event_id: "e",
        event_time,
        customer: "",
        partner: "",
        loan: "",
        instalment: None,
        kind,
        due_date: None,
        due: None,
        paid: None,
        payer: None,
        close_reason: None,
        payment: None,
        currency: Some("CNY"),
        instalments: None,
    }
}
