//! What one event says about one customer, as facts with a key and a rank; the record is the highest-ranking fact per key.
//!
//! Section 2 of the semantics, read literally: because the record is a maximum per key, order and repetition cannot matter.

use std::collections::BTreeMap;

use reflow::domain::EventTime;
use reflow::domain::events::{
    ApplicationEvent, ApplicationKind, CancelReason, CloseReason, Components, Consent, ConsentPurpose, CustomerEvent,
    Employer, EmployerSource, Event, Flag, Outcome, OutcomeKind, OwnProductState, Payer, RepaymentEvent, RepaymentKind,
};
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, Text};

use super::Rules;
use super::inputs::is_drawdown;

/// What a fact is about. The first two names are the partner and the id under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Submitted(Text, Text),
    Preaccepted(Text, Text),
    ApplicationEnd(Text, Text),
    /// One term of a limit by its name; each stands by itself.
    LimitTerm(Text, Text, &'static str),
    LimitFrozen(Text, Text),
    LimitClosed(Text, Text),
    Requested(Text, Text),
    RiskPassed(Text, Text),
    FirstSeen(Text, Text),
    /// What some event said of the order itself: the drawdown and the marker.
    Marked(Text, Text, &'static str),
    DrawdownEnd(Text, Text),
    Disbursed(Text, Text),
    Closed(Text, Text),
    Schedule(Text, Text, i32),
    Payment(Text, Text, i32),
    /// What the loan has once been, by its name.
    Once(Text, Text, &'static str),
    Verdict,
    Region,
    Employer(EmployerSource),
    /// The latest giving by purpose, controller and recipient.
    Consent(usize, Text, Option<Text>),
    /// The latest withdrawal.
    Withdrawal(usize, Text, Option<Text>),
    /// What was reported of a contact: time, event id, kind, channel.
    Contact(EventTime, Text, usize, Option<Text>),
    /// When the customer had first come through the own door.
    OwnSince,
    Flag(Flag),
    Lenders,
    DebtBurden,
    OwnProduct,
    /// The latest decline of the own product.
    OwnDeclined,
    /// Facts that no gate of this first cut reads: scores, tags, zone, own limit, merge.
    Other(&'static str),
    Erased,
    /// The own offer of that candidate was accepted.
    Accepted(Text),
}

/// Compared field by field; the text breaks what ties are left.
pub type Rank = (Vec<i64>, String);

/// What a fact says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Moment {
        at: EventTime,
        amount: Option<i64>,
    },
    ApplicationEnd {
        kind: ApplicationKind,
        at: EventTime,
        amount: Option<i64>,
    },
    DrawdownEnd {
        kind: ApplicationKind,
        at: EventTime,
        amount: Option<i64>,
        reason: Option<CancelReason>,
    },
    Loan {
        principal_minor: i64,
    },
    Close {
        reason: CloseReason,
        day: CalendarDay,
    },
    Due {
        date: CalendarDay,
        amounts: Components,
    },
    /// `paid` none: all that is open.
    Payment {
        paid: Option<Components>,
        payer: Payer,
        day: CalendarDay,
    },
    Verdict {
        band: Text,
        decided_at: EventTime,
        valid_days: i32,
    },
    Flag(bool),
    Token(Text),
    Number(i64),
    OwnProduct(OwnProductState),
    Known,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub key: Key,
    pub rank: Rank,
    pub value: Value,
}

fn fact(key: Key, rank: &[i64], value: Value) -> Fact {
    Fact { key, rank: (rank.to_vec(), String::new()), value }
}

/// A missing amount ranks below zero.
fn or_least(amount: Option<i64>) -> i64 {
    amount.unwrap_or(-1)
}

/// Everything one event says.
pub fn facts(event: &Event<'_>, rules: &Rules) -> Vec<Fact> {
    match event {
        Event::Application(e) => application_facts(e),
        Event::Repayment(e) => repayment_facts(e, rules),
        Event::Customer(e) => customer_facts(e),
        Event::Outcome(e) => outcome_facts(e),
        Event::Command(_) => vec![],
    }
}

fn outcome_facts(e: &Outcome<'_>) -> Vec<Fact> {
    let contact = Key::Contact(e.event_time, e.event_id.into(), e.kind.ordinal(), e.channel.map(Text::from));
    let mut facts = vec![fact(contact, &[], Value::Known)];
    match (e.kind, e.candidate) {
        (OutcomeKind::Accepted, Some(id)) => facts.push(fact(Key::Accepted(id.into()), &[], Value::Known)),
        (OutcomeKind::Disbursed, _) => facts.push(own_since(e.event_time)),
        _ => {}
    }
    facts
}

fn own_since(at: EventTime) -> Fact {
    fact(Key::OwnSince, &[-at.0], Value::Moment { at, amount: None })
}

fn application_facts(e: &ApplicationEvent<'_>) -> Vec<Fact> {
    let at = e.event_time;
    let mut facts = if is_drawdown(e) { drawdown_facts(e) } else { limit_and_outcome_facts(e) };
    if let Some(verdict) = &e.risk_verdict {
        let value = Value::Verdict {
            band: verdict.band.into(),
            decided_at: verdict.decided_at,
            valid_days: verdict.valid_days,
        };
        let rank = vec![verdict.decided_at.0, i64::from(verdict.valid_days)];
        let ties = format!("{}\0{}\0{}", verdict.model, verdict.version, verdict.band);
        facts.push(Fact { key: Key::Verdict, rank: (rank, ties), value });
    }
    facts.extend(profile_facts(at, e.region, e.employer.as_ref()));
    facts
}

fn limit_and_outcome_facts(e: &ApplicationEvent<'_>) -> Vec<Fact> {
    use ApplicationKind as K;
    let at = e.event_time;
    let (partner, id): (Text, Text) = (e.partner.into(), e.application.into());
    let product: Text = e.product.unwrap_or("").into();
    let kind = e.kind.ordinal() as i64;
    let (moment, bare) = (Value::Moment { at, amount: e.amount_minor }, Value::Moment { at, amount: None });
    let terms = || {
        let stated = [
            ("stated", Some(0)),
            ("limit", e.limit_minor),
            ("cost", e.all_in_cost_ppm),
            ("term", e.term_months.map(i64::from)),
            ("method", e.repayment_method.map(|method| method.ordinal() as i64)),
            ("kind", e.product_kind.map(|kind| kind.ordinal() as i64)),
        ];
        let term = |(name, value): (&'static str, Option<i64>)| {
            let key = Key::LimitTerm(partner.clone(), product.clone(), name);
            value.map(|value| fact(key, &[at.0, value], Value::Number(value)))
        };
        stated.into_iter().filter_map(term).collect::<Vec<_>>()
    };
    match e.kind {
        K::Submitted => vec![fact(Key::Submitted(partner.clone(), id), &[-at.0, or_least(e.amount_minor)], moment)],
        K::Preaccepted => vec![fact(Key::Preaccepted(partner.clone(), id), &[-at.0], bare)],
        K::Approved | K::Declined | K::Cancelled | K::Expired => {
            let approved = e.kind == K::Approved;
            let amount = e.limit_minor.filter(|_| approved).or(e.amount_minor);
            let end = Value::ApplicationEnd { kind: e.kind, at, amount };
            let mut facts = vec![fact(Key::ApplicationEnd(partner.clone(), id), &[at.0, kind, or_least(amount)], end)];
            if approved && e.limit_minor.is_some() {
                facts.extend(terms());
            }
            facts
        }
        K::LimitGranted | K::LimitChanged | K::LimitRepriced => terms(),
        // Of the same time the freeze stands.
        K::LimitFrozen | K::LimitUnfrozen => {
            let frozen = i64::from(e.kind == K::LimitFrozen);
            vec![fact(Key::LimitFrozen(partner, product), &[at.0, frozen], Value::Flag(frozen > 0))]
        }
        _ => vec![fact(Key::LimitClosed(partner, product), &[at.0, kind], bare)],
    }
}

fn drawdown_facts(e: &ApplicationEvent<'_>) -> Vec<Fact> {
    let at = e.event_time;
    let (partner, id): (Text, Text) = (e.partner.into(), e.drawdown.unwrap_or("").into());
    let moment = Value::Moment { at, amount: e.amount_minor };
    let (amount, bare) = (or_least(e.amount_minor), Value::Moment { at, amount: None });
    let first = fact(Key::FirstSeen(partner.clone(), id.clone()), &[-at.0], bare.clone());
    let said = match e.kind {
        ApplicationKind::DrawdownRequested => fact(Key::Requested(partner, id), &[-at.0, amount], moment),
        ApplicationKind::DrawdownRiskPassed => fact(Key::RiskPassed(partner, id), &[-at.0], bare),
        kind => {
            let cancelled = kind == ApplicationKind::DrawdownCancelled;
            let reason = e.cancel_reason.filter(|_| cancelled);
            let end = Value::DrawdownEnd { kind, at, amount: e.amount_minor, reason };
            let why = reason.map_or(-1, |r| r.ordinal() as i64);
            fact(Key::DrawdownEnd(partner, id), &[at.0, kind.ordinal() as i64, amount, why], end)
        }
    };
    let mut facts = vec![first, said];
    for (marker, marked) in [("staff", e.staff), ("test order", e.test_order)] {
        let key = Key::Marked(e.partner.into(), e.drawdown.unwrap_or("").into(), marker);
        facts.extend(marked.then(|| fact(key, &[], Value::Known)));
    }
    facts
}

fn repayment_facts(e: &RepaymentEvent<'_>, rules: &Rules) -> Vec<Fact> {
    use RepaymentKind as K;
    let at = e.event_time;
    let (partner, id): (Text, Text) = (e.partner.into(), e.loan.into());
    let number = e.instalment.unwrap_or(0);
    let day = rules.day(e.partner, at);
    let one = match (e.kind, e.due_date, e.due, e.close_reason) {
        (K::Disbursed, _, due, _) => {
            let principal_minor = due.map_or(0, |amounts| amounts.principal_minor);
            let rank = [at.0, principal_minor, e.instalments.map_or(i64::MIN, i64::from)];
            fact(Key::Disbursed(partner, id), &rank, Value::Loan { principal_minor })
        }
        (K::Scheduled | K::Due | K::Rescheduled, Some(date), Some(amounts), _) => {
            let rank =
                [at.0, i64::from(date.0), amounts.total_minor(), amounts.principal_minor, amounts.interest_minor];
            fact(Key::Schedule(partner, id, number), &rank, Value::Due { date, amounts })
        }
        (K::Paid | K::PartiallyPaid | K::Reversed | K::Waived, ..) => {
            let waived = e.kind == K::Waived;
            let payer = if waived { Payer::Waiver } else { e.payer.unwrap_or(Payer::Customer) };
            let paid = e.paid.map_or([i64::MAX; 3], |p| [p.total_minor(), p.principal_minor, p.interest_minor]);
            let rank = [at.0, paid[0], payer.ordinal() as i64, paid[1], paid[2]];
            fact(Key::Payment(partner, id, number), &rank, Value::Payment { paid: e.paid, payer, day })
        }
        (K::Closed, _, _, Some(reason)) => {
            fact(Key::Closed(partner, id), &[at.0, reason.ordinal() as i64], Value::Close { reason, day })
        }
        _ => return vec![],
    };
    let mut facts = vec![one];
    facts.extend(once(e).map(|name| fact(Key::Once(e.partner.into(), e.loan.into(), name), &[], Value::Known)));
    facts
}

/// What no later fact of the loan takes back. A waiver is no payment by another.
fn once(e: &RepaymentEvent<'_>) -> Option<&'static str> {
    use RepaymentKind as K;
    match (e.kind, e.close_reason, e.payer) {
        (K::Closed, Some(CloseReason::Compensated | CloseReason::BoughtBack), _) => Some("compensated"),
        (K::Closed, Some(CloseReason::WrittenOff), _) => Some("written off"),
        (K::Closed, Some(CloseReason::Restructured), _) => Some("restructured"),
        (
            K::Paid | K::PartiallyPaid | K::Reversed,
            _,
            Some(Payer::Enhancer | Payer::PartnerBuyback | Payer::Insurer),
        ) => e.paid.filter(|paid| paid.total_minor() > 0).map(|_| "compensated"),
        _ => None,
    }
}

fn profile_facts(at: EventTime, region: Option<&str>, employer: Option<&Employer<'_>>) -> Vec<Fact> {
    let token =
        |key: Key, text: &str| Fact { key, rank: (vec![at.0], text.to_owned()), value: Value::Token(text.into()) };
    let region = region.map(|text| token(Key::Region, text));
    let employer = employer.map(|e| token(Key::Employer(e.source), e.token));
    region.into_iter().chain(employer).collect()
}

fn customer_facts(e: &CustomerEvent<'_>) -> Vec<Fact> {
    let at = e.event_time.0;
    let mut facts = profile_facts(e.event_time, e.region, e.employer.as_ref());
    let mut number = |key: Key, value: Option<i64>| {
        facts.extend(value.map(|value| fact(key, &[at, value], Value::Number(value))));
    };
    number(Key::Lenders, e.lenders.map(i64::from));
    number(Key::DebtBurden, e.debt_burden_ppm);
    number(Key::Other("own_limit"), e.own_limit_minor);
    let others = [
        ("zone", e.zone.map(str::to_owned)),
        ("merged_into", e.merged_into.map(str::to_owned)),
        ("tags", (!e.tags.is_empty()).then(|| e.tags.join("\n"))),
    ];
    let scores = [("risk", &e.risk), ("response", &e.response), ("conversion", &e.conversion), ("value", &e.value)];
    for (name, score) in scores {
        facts.extend(score.as_ref().map(|score| Fact {
            key: Key::Other(name),
            rank: (vec![at, score.scored_at.0, score.value_ppm], format!("{}\0{}", score.model, score.version)),
            value: Value::Known,
        }));
    }
    facts.extend(e.income.map(|income| Fact {
        key: Key::Other("income"),
        rank: (vec![at, income.monthly_minor], income.currency.to_owned()),
        value: Value::Known,
    }));
    for (name, text) in others {
        facts.extend(text.map(|text| Fact { key: Key::Other(name), rank: (vec![at], text), value: Value::Known }));
    }
    facts.extend(e.consents.iter().flat_map(consent_facts));
    facts.extend(e.flags.iter().map(|f| fact(Key::Flag(f.flag), &[at, i64::from(f.value)], Value::Flag(f.value))));
    let own = e.own_product.map(|state| fact(Key::OwnProduct, &[at, state.ordinal() as i64], Value::OwnProduct(state)));
    facts.extend(own);
    let declined = e.own_product.filter(|state| *state == OwnProductState::Declined);
    facts.extend(declined.map(|_| fact(Key::OwnDeclined, &[at], Value::Known)));
    let has_own = e.own_product.filter(|state| !matches!(state, OwnProductState::None | OwnProductState::Declined));
    facts.extend(has_own.map(|_| own_since(e.event_time)));
    facts.extend(e.erased.then(|| fact(Key::Erased, &[], Value::Known)));
    facts
}

/// The giving, and the withdrawal if there is one.
pub fn consent_facts(c: &Consent<'_>) -> Vec<Fact> {
    let moment = |at| Value::Moment { at, amount: None };
    let (purpose, by, to) = (c.purpose.ordinal(), Text::from(c.controller), c.recipient.map(Text::from));
    let ties = format!("{}\0{}\0{}", c.consent, c.text_version, c.collected_via.unwrap_or_default());
    let giving = Fact {
        key: Key::Consent(purpose, by.clone(), to.clone()),
        rank: (vec![c.given_at.0], ties),
        value: moment(c.given_at),
    };
    let withdrawal = c.withdrawn_at.map(|at| fact(Key::Withdrawal(purpose, by, to), &[at.0], moment(at)));
    std::iter::once(giving).chain(withdrawal).collect()
}

/// The standing fact per key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record(BTreeMap<Key, Fact>);

impl Record {
    /// Sorts all facts by rank and lets the last of each key stand. The time a drawdown was first seen matters only while
    /// no request is known.
    pub fn of<'f>(facts: impl IntoIterator<Item = &'f Fact>) -> Record {
        let mut sorted: Vec<&Fact> = facts.into_iter().collect();
        sorted.sort_by(|a, b| (&a.key, &a.rank).cmp(&(&b.key, &b.rank)));
        let mut standing: BTreeMap<Key, Fact> =
            sorted.into_iter().map(|fact| (fact.key.clone(), fact.clone())).collect();
        let requested: Vec<(Text, Text)> = standing
            .keys()
            .filter_map(|key| if let Key::Requested(p, d) = key { Some((p.clone(), d.clone())) } else { None })
            .collect();
        for (partner, drawdown) in requested {
            standing.remove(&Key::FirstSeen(partner, drawdown));
        }
        Record(standing)
    }

    pub fn fact(&self, key: &Key) -> Option<&Fact> {
        self.0.get(key)
    }

    pub fn value(&self, key: &Key) -> Option<&Value> {
        self.0.get(key).map(|fact| &fact.value)
    }

    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.0.values()
    }

    /// Some event of the drawdown carried the marker.
    pub fn marked(&self, partner: &str, drawdown: &str, marker: &'static str) -> bool {
        self.fact(&Key::Marked(partner.into(), drawdown.into(), marker)).is_some()
    }

    /// The record was merged into another one.
    pub fn merged(&self) -> bool {
        self.fact(&Key::Other("merged_into")).is_some_and(|fact| !fact.rank.1.is_empty())
    }

    pub fn flag(&self, flag: Flag) -> bool {
        self.value(&Key::Flag(flag)) == Some(&Value::Flag(true))
    }

    /// When a drawdown was requested, and for how much where that is known.
    pub fn requested(&self, partner: &Text, drawdown: &Text) -> Option<(EventTime, Option<i64>)> {
        let keys =
            [Key::Requested(partner.clone(), drawdown.clone()), Key::FirstSeen(partner.clone(), drawdown.clone())];
        keys.iter().find_map(|key| match self.value(key)? {
            Value::Moment { at, amount } => Some((*at, *amount)),
            _ => None,
        })
    }

    /// The cross-marketing consents: when given, and whether withdrawn. A withdrawal counts against every giving that is
    /// not later.
    pub fn cross_marketing(&self) -> Vec<(EventTime, bool)> {
        let marketing = ConsentPurpose::MarketingCross.ordinal();
        let keys = self.0.keys().filter(|key| matches!(key, Key::Consent(purpose, ..) if *purpose == marketing));
        keys.filter_map(|key| match self.value(key) {
            Some(Value::Moment { at, .. }) => Some((*at, self.withdrawn(key))),
            _ => None,
        })
        .collect()
    }

    /// True when the consent of that key stands withdrawn.
    pub fn withdrawn(&self, key: &Key) -> bool {
        let Key::Consent(purpose, by, to) = key else { return false };
        let withdrawal = self.value(&Key::Withdrawal(*purpose, by.clone(), to.clone()));
        match (self.value(key), withdrawal) {
            (Some(Value::Moment { at: given, .. }), Some(Value::Moment { at: withdrawn, .. })) => given <= withdrawn,
            _ => false,
        }
    }

    /// The product whose limit counts at a partner: the one named if anything is known of it, else the one whose terms were
    /// stated last.
    pub fn limit_of(&self, partner: &str, named: &str) -> Option<Text> {
        let mut limits: BTreeMap<&Text, Option<EventTime>> = BTreeMap::new();
        for (key, fact) in &self.0 {
            let stated = match key {
                Key::LimitTerm(p, product, "stated") if p == partner => (product, Some(EventTime(fact.rank.0[0]))),
                Key::LimitTerm(p, product, _) | Key::LimitFrozen(p, product) | Key::LimitClosed(p, product)
                    if p == partner =>
                {
                    (product, None)
                }
                _ => continue,
            };
            let known = limits.entry(stated.0).or_default();
            *known = stated.1.max(*known);
        }
        let last = limits.iter().max_by_key(|(product, stated)| (**stated, **product)).map(|(product, _)| *product);
        limits.keys().copied().find(|product| *product == named).or(last).cloned()
    }
}
