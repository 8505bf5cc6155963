//! Records without any plausibility: every kind with any part, few ids and few moments, so that facts meet on the same key
//! and the same time, in any order. Some customers stay clean enough to be proposed for.

use reflow::domain::events::*;
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, EventTime, content_id};
use reflow_oracle::dice::Dice;
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::{Rules, blank};

/// Of so many customers the first half has no loans and no flags.
pub const CUSTOMERS: i64 = 24;
const PARTNERS: [&str; 4] = ["partner-00", "partner-01", "partner-02", "partner-03"];

/// The dice and the moment of one record.
struct Storm<'a> {
    dice: &'a mut Dice,
    rules: &'a Rules,
    from: EventTime,
    now: EventTime,
    customer: String,
    clean: bool,
    id: String,
}

/// `records` records over `hours` from `from` on, with the times at which they arrive.
pub fn storm(
    seed: u64,
    from: EventTime,
    hours: i64,
    records: u64,
    erases: bool,
    rules: &Rules,
) -> Vec<(EventTime, OwnedEvent)> {
    let mut dice = Dice::new(seed ^ 0x5707);
    let mut all = Vec::new();
    for customer in 0..CUSTOMERS {
        let (name, id) = (format!("customer-{customer:05}"), format!("first-{customer}"));
        all.push((from, OwnedEvent::of(&Event::Customer(fit(&id, from, &name)), rules)));
    }
    for record in 0..records {
        let now = from.plus_ms(dice.between(0, hours * HOUR_MS));
        let number = dice.between(0, CUSTOMERS);
        let (customer, id) = (format!("customer-{number:05}"), format!("s-{record}"));
        let clean = number < CUSTOMERS / 2;
        let mut one = Storm { dice: &mut dice, rules, from, now, customer, clean, id };
        let event = one.record(erases);
        all.extend(one.sequel());
        let copies = 1 + i64::from(dice.chance(8));
        for copy in 0..copies {
            all.push((now.plus_ms(copy * dice.between(0, HOUR_MS)), event.clone()));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Everything that the gates ask for.
fn fit<'a>(id: &'a str, at: EventTime, customer: &'a str) -> CustomerEvent<'a> {
    let mut event = blank::customer(id, at, customer);
    event.consents.push(blank::consent("lender-own", at.plus_ms(-DAY_MS), None));
    (event.region, event.lenders, event.debt_burden_ppm) = (Some("region-0"), Some(2), Some(100_000));
    event
}

impl Storm<'_> {
    fn some<T: Copy>(&mut self, percent: i64, from: &[T]) -> Option<T> {
        let picked = *self.dice.pick(from);
        self.dice.chance(percent).then_some(picked)
    }

    fn word<W: Word>(&mut self) -> W {
        *self.dice.pick(W::ALL)
    }

    fn some_word<W: Word>(&mut self, percent: i64) -> Option<W> {
        self.some(percent, W::ALL)
    }

    /// Just now, or one of few moments, or long ago.
    fn at(&mut self) -> EventTime {
        match self.dice.between(0, 20) {
            0 => self.from.plus_ms(-self.dice.between(1, 12) * DAY_MS),
            1 => self.now.plus_ms(self.dice.between(0, 2) * 2 * HOUR_MS),
            2..8 => self.from.plus_ms(self.dice.between(0, 6) * 20 * MINUTE_MS),
            _ => self.now.plus_ms(-self.dice.between(0, 3_000)),
        }
    }

    /// When something was done of which an event speaks. Seldom after the event, and of the clean never.
    fn said(&mut self, event_time: EventTime) -> EventTime {
        let at = self.at();
        if self.clean { at.min(event_time) } else { at }
    }

    fn record(&mut self, erases: bool) -> OwnedEvent {
        match self.dice.between(0, 100) {
            0..62 => self.application(),
            62..75 => self.repayment(),
            75..87 => self.person(erases),
            87..95 => self.outcome(),
            _ => self.command(),
        }
    }

    fn partner(&mut self) -> &'static str {
        // The customer's own few, so that applications and drawdowns meet.
        let first = self.customer.len() + usize::from(self.customer.as_bytes()[13]);
        PARTNERS[(first + self.dice.between(0, 2) as usize) % PARTNERS.len()]
    }

    fn application(&mut self) -> OwnedEvent {
        use ApplicationKind as K;
        let drawdowns = [K::DrawdownRequested, K::DrawdownRequested, K::DrawdownRiskPassed];
        let kind = match self.dice.between(0, 10) {
            0..5 => *self.dice.pick(&drawdowns),
            _ => self.word(),
        };
        let at = if self.clean && kind == K::DrawdownRequested { self.now.plus_ms(-40) } else { self.at() };
        let (id, customer, partner) = (self.id.clone(), self.customer.clone(), self.partner());
        let application = format!("a{}", self.dice.between(0, 3));
        let drawdown = format!("d{}", self.dice.between(0, 14));
        let mut e = blank::application(&id, at, [&customer, partner, &application], kind);
        e.drawdown = Some(&drawdown);
        e.product = self.some(15, &["product"]);
        e.amount_minor = self.some(70, &[0, 100, 200]);
        e.limit_minor = self.some(40, &[0, 300, 400]);
        e.currency = self.some(96, &["CNY"; 30]);
        if self.dice.chance(2) {
            e.currency = Some("HKD");
        }
        e.all_in_cost_ppm = self.some(20, &[100_000, 200_000]);
        e.term_months = self.some(20, &[6, 12]);
        e.repayment_method = self.some_word(20);
        e.product_kind = self.some_word(20);
        e.cancel_reason = self.some_word(60);
        let decided_at = self.said(at);
        let bands: &[&str] = if self.clean { &["a"] } else { &["a", "b", "c"] };
        let verdict = RiskVerdict {
            model: "m",
            version: if self.dice.chance(50) { "1" } else { "2" },
            band: self.dice.pick::<&str>(bands),
            decided_at,
            valid_days: self.dice.between(0, 30) as i32,
        };
        e.risk_verdict = self.dice.chance(if self.clean { 60 } else { 15 }).then_some(verdict);
        (e.staff, e.test_order) = (self.dice.chance(1), self.dice.chance(1));
        e.region = self.some(5, &["region-0", "region-1", "region-2"]);
        let employer = Employer { token: "employer-3", source: self.word() };
        e.employer = self.dice.chance(5).then_some(employer);
        OwnedEvent::of(&Event::Application(e), self.rules)
    }

    fn amounts(&mut self) -> Components {
        let part = |dice: &mut Dice| *dice.pick(&[0, 50, 100]);
        Components {
            principal_minor: part(self.dice),
            interest_minor: part(self.dice),
            fee_minor: if self.dice.chance(20) { 10 } else { 0 },
        }
    }

    fn repayment(&mut self) -> OwnedEvent {
        if self.clean {
            return self.application();
        }
        let at = match self.dice.chance(40) {
            true => self.from.plus_ms(-self.dice.between(0, 200) * DAY_MS),
            false => self.at(),
        };
        let (id, customer, partner) = (self.id.clone(), self.customer.clone(), self.partner());
        let loan = format!("l{}", self.dice.between(0, 3));
        let number = self.dice.between(1, 4) as i32;
        let kind = self.word();
        let mut e = blank::repayment(&id, at, [&customer, partner, &loan], Some(number), kind);
        if self.dice.chance(8) {
            e.instalment = self.some(50, &[0, -1, 5_000]);
        }
        let days = self.dice.between(-300, 10) as i32;
        e.due_date = self.dice.chance(95).then_some(CalendarDay(self.from.utc_day().0 + days));
        e.due = self.dice.chance(95).then(|| self.amounts());
        e.paid = self.dice.chance(if kind == RepaymentKind::Waived { 50 } else { 97 }).then(|| self.amounts());
        (e.payer, e.close_reason) = (self.some_word(60), self.some_word(95));
        e.instalments = self.some(50, &[3, 4]);
        e.currency = self.some(97, &["CNY", "CNY", "CNY", "CNY", "CNY", "HKD"]);
        OwnedEvent::of(&Event::Repayment(e), self.rules)
    }

    fn person(&mut self, erases: bool) -> OwnedEvent {
        let at = self.at();
        let (id, customer) = (self.id.clone(), self.customer.clone());
        let mut e = blank::customer(&id, at, &customer);
        let purposes = [ConsentPurpose::MarketingCross, ConsentPurpose::MarketingCross, ConsentPurpose::MarketingOwn];
        for _ in 0..self.dice.between(0, 3) {
            let controller = *self.dice.pick(&["lender-own", "lender-other"]);
            let (given, withdrawn) = (self.said(at), self.at());
            let percent = if self.clean { 10 } else { 30 };
            let mut consent = blank::consent(controller, given, self.dice.chance(percent).then_some(withdrawn));
            consent.purpose = *self.dice.pick(&purposes);
            consent.recipient = self.some(30, &["r"]);
            consent.text_version = *self.dice.pick::<&str>(&["v1", "v2"]);
            e.consents.push(consent);
        }
        for _ in 0..if self.clean { 0 } else { self.dice.between(0, 3) } {
            let (flag, value) = (self.word(), self.dice.chance(40));
            e.flags.push(FlagValue { flag, value });
        }
        if self.clean && self.dice.chance(6) {
            let value = self.dice.chance(40);
            e.flags.push(FlagValue { flag: Flag::OptOut, value });
        }
        e.region = self.some(20, &["region-0", "region-1", "region-2"]);
        e.zone = self.some(10, &["UTC", "Asia/Shanghai"]);
        let employer =
            Employer { token: if self.dice.chance(20) { "employer-4" } else { "employer-5" }, source: self.word() };
        e.employer = self.dice.chance(10).then_some(employer);
        e.tags = if self.dice.chance(20) { vec!["t1", "t2"] } else { vec![] };
        e.lenders = self.some(20, &[0, 6, 7]);
        e.debt_burden_ppm = self.some(20, &[0, 800_000, 800_001]);
        e.own_product = self.some_word(if self.clean { 4 } else { 15 });
        e.own_limit_minor = self.some(10, &[1, 2]);
        e.merged_into = self.some(if self.clean { 0 } else { 3 }, &["customer-x"]);
        let scored_at = self.said(at);
        let score = Score { model: "s", version: "1", value_ppm: self.dice.between(0, 3), scored_at };
        e.risk = self.dice.chance(15).then(|| score.clone());
        e.value = self.dice.chance(15).then_some(score);
        e.erased = erases && self.dice.chance(3);
        // From the dice of what comes next, so that what comes next stays as it was.
        let mut aside = self.dice.clone();
        let (monthly_minor, currency) = (aside.between(0, 3), *aside.pick(&["CNY", "HKD"]));
        e.income = aside.chance(8).then_some(Income { monthly_minor, currency });
        OwnedEvent::of(&Event::Customer(e), self.rules)
    }

    fn outcome(&mut self) -> OwnedEvent {
        let at = self.at();
        let (id, customer) = (self.id.clone(), self.customer.clone());
        let kind = if self.dice.chance(60) { OutcomeKind::Accepted } else { self.word() };
        let mut e = blank::outcome(&id, at, &customer, kind);
        let candidate = self.candidate();
        e.candidate = self.dice.chance(85).then_some(candidate.as_str());
        e.channel = self.some(30, &["page", "push"]);
        OwnedEvent::of(&Event::Outcome(e), self.rules)
    }

    /// Sometimes a drawdown of its own, which asks and very soon ends, or whose customer wants no more.
    fn sequel(&mut self) -> Vec<(EventTime, OwnedEvent)> {
        use ApplicationKind as K;
        if !self.clean || !self.dice.chance(12) {
            return vec![];
        }
        let (partner, customer) = (self.partner(), self.customer.clone());
        let (drawdown, id) = (format!("own-{}", self.id), self.id.clone());
        let ids = [customer.as_str(), partner, "a0"];
        let tell = |kind: K, at: EventTime, reason: Option<CancelReason>| {
            let name = format!("{id}-{kind}");
            let mut e = blank::application(&name, at, ids, kind);
            (e.drawdown, e.amount_minor, e.cancel_reason) = (Some(drawdown.as_str()), Some(500), reason);
            (at, OwnedEvent::of(&Event::Application(e), self.rules))
        };
        let end =
            *self.dice.pick(&[K::DrawdownCancelled, K::DrawdownCancelled, K::DrawdownDisbursed, K::DrawdownDeclined]);
        let ended = self.now.plus_ms(self.dice.between(400, 9_000));
        let reason = *self.dice.pick(&[Some(CancelReason::ChoseOwn), None]);
        let mut told = vec![
            tell(K::DrawdownRequested, self.now, None),
            tell(K::DrawdownRiskPassed, self.now.plus_ms(200), None),
            tell(end, ended, reason),
        ];
        if self.dice.chance(25) {
            let name = format!("{id}-out");
            let mut e = blank::command(&name, ended.plus_ms(-100), CommandKind::RevokeCandidate);
            e.customer = Some(&customer);
            told.push((e.event_time, OwnedEvent::of(&Event::Command(e), self.rules)));
        }
        told
    }

    /// The id that a candidate of the customer would have.
    fn candidate(&mut self) -> String {
        let (partner, drawdown) = (self.partner(), format!("d{}", self.dice.between(0, 14)));
        let trigger = if partner == "partner-01" { "drawdown_risk_passed" } else { "drawdown_requested" };
        content_id(&["rt", partner, &drawdown, &self.customer, trigger].map(str::as_bytes)).to_string()
    }

    fn command(&mut self) -> OwnedEvent {
        let at = self.now.plus_ms(-self.dice.between(0, 20) * SECOND_MS);
        let (id, customer) = (self.id.clone(), self.customer.clone());
        let kind = if self.dice.chance(70) { CommandKind::RevokeCandidate } else { self.word() };
        let mut e = blank::command(&id, at, kind);
        let candidate = self.candidate();
        e.customer = self.dice.chance(90).then_some(customer.as_str());
        e.candidate = self.dice.chance(40).then_some(candidate.as_str());
        e.partner = self.some(30, &["partner-00"]);
        OwnedEvent::of(&Event::Command(e), self.rules)
    }
}
