//! The load: encoded events of many customers, the same in every run.
//!
//! A customer lives in rounds of eleven visits: what is known of the person, an application and its decision, a drawdown and
//! (some seconds of event time later) its end with the loan's schedule, then three times an instalment that falls due and is
//! paid. Who is visited next is drawn evenly; everybody begins somewhere in the middle, as in a log that is read from a day on.

use std::collections::VecDeque;
use std::fmt::Write;

use reflow::bus::Topic;
use reflow::domain::codec::Avro;
use reflow::domain::events::{
    ApplicationEvent, ApplicationKind, CancelReason, Components, Consent, ConsentPurpose, CustomerEvent, Payer,
    RepaymentEvent, RepaymentKind, RepaymentMethod, RiskVerdict, Score,
};
use reflow::domain::partition::partition_of;
use reflow::domain::{CalendarDay, EventTime};
use reflow::wire::{Schema, SchemaIds};

/// 2026-03-02T04:00:00Z, when the load begins.
pub const BEGINS: EventTime = EventTime(1_772_424_000_000);
/// Events per millisecond of event time: 5,000 a second.
const EVENTS_PER_MS: u64 = 5;
/// Events between a drawdown and its end: 4 s of event time.
const ENDS_AFTER_EVENTS: u64 = 20_000;
const VISITS: u8 = 11;
const ENDING: u8 = 4;
const INSTALMENTS: i32 = 3;
pub const PARTNERS: u64 = 20;

/// One event, encoded.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub topic: Topic,
    pub partition: i32,
    pub key: &'a [u8],
    pub value: &'a [u8],
}

/// What the load looks like.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Shape {
    pub customers: u64,
    pub shards: i32,
    /// Percent of the customers that came through the first partner, instead of a twentieth.
    pub hot_partner_percent: u64,
    /// Percent of the visits to customers of the first shard, instead of an equal part.
    pub hot_shard_percent: u64,
}

impl Shape {
    pub fn even(customers: u64, shards: i32) -> Self {
        Self { customers, shards, hot_partner_percent: 0, hot_shard_percent: 0 }
    }
}

/// A number that looks drawn (the finaliser of splitmix64).
pub fn mix(value: u64) -> u64 {
    let a = (value.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

/// The tokens of one visit, written into the same buffers again and again.
#[derive(Default)]
struct Names {
    customer: String,
    partner: String,
    application: String,
    loan: String,
    event: String,
}

/// The generator.
pub struct Load {
    shape: Shape,
    ids: SchemaIds,
    names: Names,
    value: Vec<u8>,
    /// Per customer: rounds times [`VISITS`] plus the next visit.
    lives: Vec<u8>,
    /// Drawdowns that end, by the event before which they do.
    ending: VecDeque<(u64, u64)>,
    events: u64,
    drawn: u64,
}

impl Load {
    pub fn new(shape: Shape) -> Self {
        let lives = (0..shape.customers).map(|c| (mix(c ^ 0x11fe) % u64::from(VISITS)) as u8);
        let lives = lives.map(|visit| if visit == ENDING { ENDING - 1 } else { visit }).collect();
        Self {
            shape,
            ids: SchemaIds::default(),
            names: Names::default(),
            value: Vec::new(),
            lives,
            ending: VecDeque::new(),
            events: 0,
            drawn: 0,
        }
    }

    /// The next visits, until there are so many events or a few more; returns how many.
    pub fn send(&mut self, events: u64, mut to: impl FnMut(Record<'_>)) -> u64 {
        let until = self.events + events;
        while self.events < until {
            self.visit(&mut to);
        }
        self.events + events - until
    }

    fn visit(&mut self, to: &mut impl FnMut(Record<'_>)) {
        let due = self.ending.front().is_some_and(|(before, _)| *before <= self.events);
        let customer = match due.then(|| self.ending.pop_front()).flatten() {
            Some((_, customer)) => customer,
            None => self.draw(),
        };
        let life = self.lives[customer as usize];
        let (round, visit) = (life / VISITS, life % VISITS);
        self.name(customer, round);
        let goes_well = mix(customer ^ u64::from(round) << 32) % 100;
        let mut last = false;
        match visit {
            0 => self.profile(customer, to),
            1 => self.application(ApplicationKind::Submitted, to),
            2 => {
                last = goes_well >= 85;
                self.application(if last { ApplicationKind::Declined } else { ApplicationKind::Approved }, to);
            }
            3 => {
                self.application(ApplicationKind::DrawdownRequested, to);
                self.ending.push_back((self.events + ENDS_AFTER_EVENTS, customer));
            }
            ENDING if goes_well < 70 => {
                self.application(ApplicationKind::DrawdownDisbursed, to);
                self.disbursed(INSTALMENTS, to);
            }
            ENDING => {
                last = true;
                let declined = goes_well < 78;
                let kind =
                    if declined { ApplicationKind::DrawdownDeclined } else { ApplicationKind::DrawdownCancelled };
                self.application(kind, to);
            }
            visit => {
                let number = i32::from(visit - ENDING + 1) / 2;
                let kind = if visit % 2 == 1 { RepaymentKind::Due } else { RepaymentKind::Paid };
                self.instalment(kind, number, goes_well as i32, to);
            }
        }
        let next = if last { VISITS - visit } else { 1 };
        self.lives[customer as usize] = life.saturating_add(next).min(u8::MAX - VISITS);
    }

    /// Somebody whose drawdown is not in the air; from the hot shard or from another one, where there is a hot one.
    fn draw(&mut self) -> u64 {
        let hot = self.shape.hot_shard_percent;
        let from_hot = mix(!self.drawn) % 100 < hot;
        loop {
            self.drawn += 1;
            let customer = mix(self.drawn) % self.shape.customers;
            let waits = self.lives[customer as usize] % VISITS == ENDING;
            if !waits && (hot == 0 || from_hot == (self.shard(customer) == 0)) {
                return customer;
            }
        }
    }

    /// The key of that customer's records.
    pub fn token(&mut self, customer: u64) -> &[u8] {
        token(customer, &mut self.names.customer);
        self.names.customer.as_bytes()
    }

    fn shard(&mut self, customer: u64) -> i32 {
        let shards = self.shape.shards;
        partition_of(self.token(customer), shards)
    }

    fn name(&mut self, customer: u64, round: u8) {
        let (names, id) = (&mut self.names, mix(customer ^ 0x10a2));
        token(customer, &mut names.customer);
        let drawn = mix(customer ^ 0x9a57);
        let hot = (drawn >> 32) % 100 < self.shape.hot_partner_percent;
        let partner = if hot { 0 } else { drawn % PARTNERS };
        set(&mut names.partner, format_args!("partner-{partner:02}"));
        set(&mut names.application, format_args!("a{round:02}-{id:016x}"));
        set(&mut names.loan, format_args!("l{round:02}-{id:016x}"));
    }

    /// The time of the next event, which also gets its id.
    fn next(&mut self) -> EventTime {
        let n = self.events;
        self.events += 1;
        set(&mut self.names.event, format_args!("{n:08x}-7e00-4000-8000-{:012x}", mix(n) >> 16));
        BEGINS.plus_ms((n / EVENTS_PER_MS) as i64)
    }

    fn application(&mut self, kind: ApplicationKind, to: &mut impl FnMut(Record<'_>)) {
        let at = self.next();
        let event = self.names.application(kind, at);
        put(&self.ids, Schema::Application, &event, &self.names.customer, self.shape.shards, &mut self.value, to);
    }

    fn disbursed(&mut self, instalments: i32, to: &mut impl FnMut(Record<'_>)) {
        let at = self.next();
        let event = self.names.repayment(RepaymentKind::Disbursed, None, instalments, 0, at);
        put(&self.ids, Schema::Repayment, &event, &self.names.customer, self.shape.shards, &mut self.value, to);
        for number in 1..=instalments {
            self.instalment(RepaymentKind::Scheduled, number, instalments, to);
        }
    }

    fn instalment(&mut self, kind: RepaymentKind, number: i32, days: i32, to: &mut impl FnMut(Record<'_>)) {
        let at = self.next();
        let event = self.names.repayment(kind, Some(number), INSTALMENTS, days, at);
        put(&self.ids, Schema::Repayment, &event, &self.names.customer, self.shape.shards, &mut self.value, to);
    }

    fn profile(&mut self, customer: u64, to: &mut impl FnMut(Record<'_>)) {
        let at = self.next();
        let agrees = mix(customer ^ 0xc025) % 100 < 60;
        let event = self.names.profile(agrees, at);
        put(&self.ids, Schema::Customer, &event, &self.names.customer, self.shape.shards, &mut self.value, to);
    }

    /// What a customer who is only there has sent: an application that was approved with a limit.
    pub fn dormant(&mut self, customer: u64, to: &mut impl FnMut(Record<'_>)) {
        self.name(customer, 0);
        self.application(ApplicationKind::Submitted, to);
        self.application(ApplicationKind::Approved, to);
    }

    /// The same, and an open loan of that many instalments.
    pub fn borrower(&mut self, customer: u64, instalments: i32, to: &mut impl FnMut(Record<'_>)) {
        self.dormant(customer, to);
        self.disbursed(instalments, to);
    }
}

/// The customer's token, 22 bytes.
fn token(customer: u64, to: &mut String) {
    set(to, format_args!("cu-{customer:03x}{:016x}", mix(customer)));
    to.truncate(22);
}

fn set(to: &mut String, text: std::fmt::Arguments<'_>) {
    to.clear();
    to.write_fmt(text).expect("a string takes everything");
}

fn put<'a, T: Avro<'a>>(
    ids: &SchemaIds,
    schema: Schema,
    event: &T,
    key: &str,
    shards: i32,
    value: &mut Vec<u8>,
    to: &mut impl FnMut(Record<'_>),
) {
    value.clear();
    ids.encode(schema, event, value);
    let topic = Topic::of_event(schema).expect("an input topic");
    to(Record { topic, partition: partition_of(key.as_bytes(), shards), key: key.as_bytes(), value });
}

impl Names {
    fn application(&self, kind: ApplicationKind, at: EventTime) -> ApplicationEvent<'_> {
        use ApplicationKind as Kind;
        let drawdown = (Kind::DrawdownRequested..=Kind::DrawdownRerouted).contains(&kind);
        let verdict = RiskVerdict { model: "scorecard", version: "7", band: "B", decided_at: at, valid_days: 30 };
        ApplicationEvent {
            event_id: &self.event,
            event_time: at,
            customer: &self.customer,
            partner: &self.partner,
            application: &self.application,
            drawdown: drawdown.then_some(self.loan.as_str()),
            loan: None,
            kind,
            product: Some("cash-36"),
            product_kind: None,
            amount_minor: Some(500_000),
            limit_minor: (kind == Kind::Approved).then_some(2_000_000),
            currency: Some("CNY"),
            all_in_cost_ppm: Some(180_000),
            term_months: Some(12),
            repayment_method: Some(RepaymentMethod::EqualInstalment),
            decline_reason: matches!(kind, Kind::Declined | Kind::DrawdownDeclined).then_some("score"),
            cancel_reason: (kind == Kind::DrawdownCancelled).then_some(CancelReason::NotNeeded),
            risk_verdict: (kind == Kind::DrawdownRequested).then_some(verdict),
            risk_bearing: None,
            enhancer: None,
            funder_share_ppm: Some(700_000),
            staff: false,
            test_order: false,
            region: Some("region-31"),
            employer: None,
        }
    }

    /// `days`: what shifts the due dates, so that some are past and some to come.
    fn repayment(
        &self,
        kind: RepaymentKind,
        number: Option<i32>,
        instalments: i32,
        days: i32,
        at: EventTime,
    ) -> RepaymentEvent<'_> {
        let due = Components { principal_minor: 41_666, interest_minor: 6_250, fee_minor: 0 };
        let whole = Components { principal_minor: 500_000, ..Components::default() };
        let paid = kind == RepaymentKind::Paid;
        RepaymentEvent {
            event_id: &self.event,
            event_time: at,
            customer: &self.customer,
            partner: &self.partner,
            loan: &self.loan,
            instalment: number,
            kind,
            due_date: number.map(|number| CalendarDay(at.utc_day().0 + 30 * number - days % 60)),
            due: Some(if number.is_some() { due } else { whole }),
            paid: paid.then_some(due),
            payer: paid.then_some(Payer::Customer),
            close_reason: None,
            payment: paid.then_some(self.event.as_str()),
            currency: Some("CNY"),
            instalments: number.is_none().then_some(instalments),
        }
    }

    fn profile(&self, agrees: bool, at: EventTime) -> CustomerEvent<'_> {
        let consent = Consent {
            consent: &self.application,
            purpose: ConsentPurpose::MarketingCross,
            controller: "lender",
            recipient: None,
            text_version: "1",
            given_at: at.plus_ms(-1_000),
            withdrawn_at: None,
            collected_via: Some("app"),
        };
        let score = Score { model: "response", version: "3", value_ppm: 40_000, scored_at: at };
        CustomerEvent {
            event_id: &self.event,
            event_time: at,
            customer: &self.customer,
            region: Some("region-31"),
            zone: Some("Asia/Shanghai"),
            employer: None,
            risk: None,
            response: Some(score),
            conversion: None,
            value: None,
            tags: vec!["payroll"],
            lenders: Some(2),
            debt_burden_ppm: Some(220_000),
            consents: if agrees { vec![consent] } else { Vec::new() },
            flags: Vec::new(),
            own_product: None,
            own_limit_minor: None,
            merged_into: None,
            erased: false,
            income: None,
        }
    }
}
