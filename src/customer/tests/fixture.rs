//! Events with everything left out that a test does not speak of, and rules that say what the test wants.

use crate::customer::trigger::{Judge, Rules};
use crate::customer::{Input, Settings, Shard};
use crate::domain::candidate::{Arm, CandidateKind, Delivery, Friction, Offer, Source};
use crate::domain::check::Check;
use crate::domain::events::*;
use crate::domain::fact::{Reply, Verdict};
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::{CalendarDay, EventTime, FactBundle, Fate, Output, ReasonCode, Subject, Text};
use crate::policy::{Contract, Facts, Judgement, Terms};

/// 2026-03-10T00:00:00Z, a Tuesday.
pub const TODAY: CalendarDay = CalendarDay(20_522);
pub const NOW: EventTime = EventTime(20_522 * DAY_MS + 12 * HOUR_MS);

pub fn settings() -> Settings {
    Settings {
        shard: 3,
        shards: 16,
        partner_partitions: 4,
        future_event_secs_max: 3_600,
        late_event_secs_max: 7 * 86_400,
        decision_age_secs_max: 86_400,
        end_to_end_days: 30,
        heartbeat_secs: 5,
    }
}

pub fn application(kind: ApplicationKind, at: EventTime) -> ApplicationEvent<'static> {
    ApplicationEvent {
        event_id: "e",
        event_time: at,
        customer: "c1",
        partner: "p1",
        application: "a1",
        drawdown: None,
        loan: None,
        kind,
        product: None,
        product_kind: None,
        amount_minor: None,
        limit_minor: None,
        currency: None,
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
    }
}

pub fn drawdown(kind: ApplicationKind, at: EventTime) -> ApplicationEvent<'static> {
    ApplicationEvent { drawdown: Some("d1"), amount_minor: Some(1_000), ..application(kind, at) }
}

pub fn repayment(kind: RepaymentKind, at: EventTime) -> RepaymentEvent<'static> {
    RepaymentEvent {
        event_id: "e",
        event_time: at,
        customer: "c1",
        partner: "p1",
        loan: "l1",
        instalment: None,
        kind,
        due_date: None,
        due: None,
        paid: None,
        payer: None,
        close_reason: None,
        payment: None,
        currency: None,
        instalments: None,
    }
}

pub fn principal(minor: i64) -> Option<Components> {
    Some(Components { principal_minor: minor, ..Components::default() })
}

pub fn scheduled(number: i32, due: CalendarDay, minor: i64) -> RepaymentEvent<'static> {
    RepaymentEvent {
        instalment: Some(number),
        due_date: Some(due),
        due: principal(minor),
        ..repayment(RepaymentKind::Scheduled, EventTime(NOW.0 - 800 * DAY_MS))
    }
}

pub fn paid(number: i32, on: CalendarDay, minor: i64, payer: Payer) -> RepaymentEvent<'static> {
    let at = on.utc_start().plus_ms(HOUR_MS);
    RepaymentEvent {
        instalment: Some(number),
        paid: principal(minor),
        payer: Some(payer),
        ..repayment(RepaymentKind::Paid, at)
    }
}

pub fn closed(reason: CloseReason, on: CalendarDay) -> RepaymentEvent<'static> {
    RepaymentEvent { close_reason: Some(reason), ..repayment(RepaymentKind::Closed, on.utc_start()) }
}

pub fn customer(at: EventTime) -> CustomerEvent<'static> {
    CustomerEvent {
        event_id: "e",
        event_time: at,
        customer: "c1",
        region: None,
        zone: None,
        employer: None,
        risk: None,
        response: None,
        conversion: None,
        value: None,
        tags: Vec::new(),
        lenders: None,
        debt_burden_ppm: None,
        consents: Vec::new(),
        flags: Vec::new(),
        own_product: None,
        own_limit_minor: None,
        merged_into: None,
        erased: false,
        income: None,
    }
}

pub fn consent(given_at: EventTime, withdrawn_at: Option<EventTime>) -> Consent<'static> {
    Consent {
        consent: "consent-1",
        purpose: ConsentPurpose::MarketingCross,
        controller: "lender",
        recipient: None,
        text_version: "v1",
        given_at,
        withdrawn_at,
        collected_via: None,
    }
}

pub fn outcome(kind: OutcomeKind, candidate: &str, at: EventTime) -> Outcome<'_> {
    Outcome {
        event_id: "o1",
        event_time: at,
        customer: "c1",
        candidate: Some(candidate),
        kind,
        channel: None,
        amount_minor: None,
        currency: None,
    }
}

pub fn revoke(candidate: Option<&str>, at: EventTime) -> Command<'_> {
    Command {
        event_id: "o1",
        event_time: at,
        kind: CommandKind::RevokeCandidate,
        customer: Some("c1"),
        partner: None,
        campaign: None,
        candidate,
        ordered_by: "operator",
        reason: "asked for",
    }
}

pub fn reply(verdict: Verdict, candidate: &str) -> Reply {
    Reply {
        candidate: candidate.into(),
        customer: "c1".into(),
        verdict,
        reasons: Vec::new(),
        at: NOW,
        expires_at: (verdict == Verdict::Admitted).then(|| NOW.plus_ms(HOUR_MS)),
    }
}

/// A policy that answers every question the same way, and keeps nothing.
pub struct OnePolicy {
    pub version: Text,
    pub hash: Text,
    pub contract: Option<Contract>,
    pub reasons: Vec<Text>,
    /// The drawdown of this id is held out.
    pub held_out: Option<&'static str>,
    /// What the judge looked at, as far as tests ask.
    pub seen: std::cell::RefCell<Vec<Seen>>,
}

/// The facts that a test wants to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub kind: CandidateKind,
    pub dpd_now: i32,
    pub consent_withdrawn: Option<bool>,
    pub limit_minor: Option<i64>,
    pub band: Option<Text>,
    pub live: bool,
    pub pending: bool,
    pub offered: usize,
}

/// `None`: no policy at all.
pub struct Fixed(pub Option<OnePolicy>);

impl Fixed {
    pub fn yes() -> Self {
        Self(Some(OnePolicy {
            version: "v7".into(),
            hash: "h".into(),
            contract: Some(contract()),
            reasons: Vec::new(),
            held_out: None,
            seen: Default::default(),
        }))
    }

    pub fn no(reason: &str) -> Self {
        let mut fixed = Self::yes();
        if let Some(policy) = &mut fixed.0 {
            policy.reasons = vec![reason.into()];
        }
        fixed
    }

    pub fn holding_out(mut self, drawdown: &'static str) -> Self {
        if let Some(policy) = &mut self.0 {
            policy.held_out = Some(drawdown);
        }
        self
    }

    pub fn with_contract(mut self, change: impl FnOnce(&mut Contract)) -> Self {
        self.0.as_mut().and_then(|policy| policy.contract.as_mut()).map(change);
        self
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.0.as_ref().map(|policy| policy.seen.borrow().clone()).unwrap_or_default()
    }
}

impl Rules for Fixed {
    type Policy = OnePolicy;
    fn in_force(&self, _at: EventTime) -> Option<&OnePolicy> {
        self.0.as_ref()
    }
}

impl Judge for OnePolicy {
    /// Models called `tenths` are watched: their scores are tenths.
    fn tenth(&self, model: &str, _version: &str, score: i64) -> Option<usize> {
        (model == "tenths").then_some(score as usize)
    }
    fn stamp(&self) -> (&Text, &Text) {
        (&self.version, &self.hash)
    }
    fn contract(&self, partner: &str) -> Option<&Contract> {
        self.contract.as_ref().filter(|contract| contract.partner == partner)
    }
    fn judge(&self, facts: &Facts<'_>, judgement: &mut Judgement) {
        self.seen.borrow_mut().push(Seen {
            kind: facts.kind,
            dpd_now: facts.standing.dpd_now,
            consent_withdrawn: facts.consent.map(|consent| consent.withdrawn_at.is_some()),
            limit_minor: facts.limit.limit_minor,
            band: facts.verdict.as_ref().map(|verdict| verdict.band.into()),
            live: facts.live,
            pending: facts.pending,
            offered: facts.offered_at.len(),
        });
        let terms = Terms {
            offer: Offer { offer: "own".into(), limit_minor: facts.limit.limit_minor, ..Offer::default() },
            delivery: Delivery::default(),
            friction: Friction::default(),
            grade: None,
            send_windows: Vec::new(),
            source_disclosure: None,
            opt_out_link: None,
            non_personalised_alternative: None,
            decide_by: facts.event_time.plus_ms(2_000),
            valid_for_ms: HOUR_MS,
            marks: Vec::new(),
        };
        let held_out = self.reasons.is_empty() && self.held_out == Some(facts.drawdown);
        let reasons = if held_out { vec!["CTRL_HOLDOUT".into()] } else { self.reasons.clone() };
        let arm = if held_out { Arm::Holdout } else { Arm::Treatment };
        let checks = (!held_out).then(passed).into_iter().collect();
        *judgement = Judgement { proposes: reasons.is_empty(), reasons, checks, arm, terms };
    }
}

/// The one check of these policies.
pub fn passed() -> Check {
    Check::flag(ReasonCode::GateOptOut, Subject::OptOut, false, false)
}

pub fn contract() -> Contract {
    Contract {
        real_time: true,
        answer_within_ms: 2_000,
        valid_for_ms: HOUR_MS,
        ..Contract::forbidding("p1".into(), jiff::tz::TimeZone::UTC, "CNY".into())
    }
}

/// A shard with rules and a clock that stands still.
pub struct Desk {
    pub shard: Shard,
    pub rules: Fixed,
    pub now: EventTime,
    pub out: Vec<Output>,
}

impl Desk {
    pub fn new(rules: Fixed) -> Self {
        Self { shard: Shard::new(settings()), rules, now: NOW, out: Vec::new() }
    }

    pub fn event(&mut self, event: Event<'_>) -> Fate {
        let source = Source { topic: "reflow.applications".into(), partition: 3, offset: 41, event_id: "e".into() };
        let input = Input::Event { event: &event, source: &source };
        self.shard.step_by(input, self.now, &self.rules, &mut self.out)
    }

    pub fn application(&mut self, event: ApplicationEvent<'_>) -> Fate {
        self.event(Event::Application(event))
    }

    pub fn repayment(&mut self, event: RepaymentEvent<'_>) -> Fate {
        self.event(Event::Repayment(event))
    }

    pub fn reply(&mut self, verdict: Verdict, candidate: &str) -> Fate {
        let reply = reply(verdict, candidate);
        self.shard.step_by(Input::Reply(&reply), self.now, &self.rules, &mut self.out)
    }

    /// Ends the transaction and gives the bundle that `p1` hears.
    pub fn seal(&mut self) -> FactBundle {
        let mut said = std::mem::take(&mut self.out);
        self.commit();
        std::mem::swap(&mut said, &mut self.out);
        let partition_of_p1 = crate::domain::partition::partition_of(b"p1", settings().partner_partitions);
        said.into_iter()
            .find_map(|output| match output {
                Output::Bundle { partition, bundle } if partition == partition_of_p1 => Some(*bundle),
                _ => None,
            })
            .expect("a bundle for p1")
    }

    /// Ends the transaction, whoever hears of it.
    pub fn commit(&mut self) {
        self.shard.seal(self.now, 0, "v7", &mut self.out);
        self.shard.hand_over();
        self.shard.commit();
    }

    /// Changelog entries that the batch would write.
    pub fn entries(&mut self) -> usize {
        let mut entries = 0;
        self.shard.changes(&mut |_, _| entries += 1);
        entries
    }

    pub fn standing(&self) -> crate::policy::facts::Standing {
        crate::customer::standing::of(&self.shard.customer("c1").unwrap(), TODAY)
    }
}
