//! Events and outputs with nothing in them but what must be there, to be filled in by tests and by the generator.

use reflow::domain::candidate::{Arm, Delivery, Friction, Grounds, Offer, RightToAct, Source};
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::{
    ApplicationEvent, ApplicationKind, Command, CommandKind, Components, Consent, ConsentPurpose, CustomerEvent,
    Outcome, OutcomeKind, RepaymentEvent, RepaymentKind,
};
use reflow::domain::fact::{BundleHeader, Verdict as Answer};
use reflow::domain::fate::FateCounts;
use reflow::domain::journal::{JournalEntry, Run, StepKind};
use reflow::domain::{
    Candidate, CandidateKind, CandidateStatus, Checks, Decision, Deltas, EventTime, FactBundle, List, Proposal, Reply,
    Text, content_id,
};

pub fn application<'a>(
    event_id: &'a str,
    at: EventTime,
    [customer, partner, application]: [&'a str; 3],
    kind: ApplicationKind,
) -> ApplicationEvent<'a> {
    ApplicationEvent {
        event_id,
        event_time: at,
        customer,
        partner,
        application,
        drawdown: None,
        loan: None,
        kind,
        product: None,
        product_kind: None,
        amount_minor: None,
        limit_minor: None,
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
    }
}

pub fn repayment<'a>(
    event_id: &'a str,
    at: EventTime,
    [customer, partner, loan]: [&'a str; 3],
    instalment: Option<i32>,
    kind: RepaymentKind,
) -> RepaymentEvent<'a> {
    RepaymentEvent {
        event_id,
        event_time: at,
        customer,
        partner,
        loan,
        instalment,
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

pub fn customer<'a>(event_id: &'a str, at: EventTime, customer: &'a str) -> CustomerEvent<'a> {
    CustomerEvent {
        event_id,
        event_time: at,
        customer,
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

/// A cross-marketing consent to `controller`.
pub fn consent<'a>(controller: &'a str, given_at: EventTime, withdrawn_at: Option<EventTime>) -> Consent<'a> {
    Consent {
        consent: "consent-1",
        purpose: ConsentPurpose::MarketingCross,
        controller,
        recipient: None,
        text_version: "v1",
        given_at,
        withdrawn_at,
        collected_via: None,
    }
}

pub fn outcome<'a>(event_id: &'a str, at: EventTime, customer: &'a str, kind: OutcomeKind) -> Outcome<'a> {
    let (channel, amount_minor, currency) = (None, None, None);
    Outcome { event_id, event_time: at, customer, candidate: None, kind, channel, amount_minor, currency }
}

pub fn command<'a>(event_id: &'a str, at: EventTime, kind: CommandKind) -> Command<'a> {
    Command {
        event_id,
        event_time: at,
        kind,
        customer: None,
        partner: None,
        campaign: None,
        candidate: None,
        ordered_by: "operator",
        reason: "a test",
    }
}

/// Amounts with a principal and an interest part.
pub fn components(principal_minor: i64, interest_minor: i64) -> Components {
    Components { principal_minor, interest_minor, fee_minor: 0 }
}

/// The candidate id of a real-time trigger by `drawdown_requested`.
pub fn candidate_id(partner: &str, drawdown: &str, customer: &str) -> Text {
    content_id(&["rt", partner, drawdown, customer, "drawdown_requested"].map(str::as_bytes))
}

pub fn candidate(id: &str, customer: &str, decided_at: EventTime) -> Candidate {
    Candidate {
        candidate: id.into(),
        customer: customer.into(),
        kind: CandidateKind::NewRt,
        status: CandidateStatus::Active,
        version: 1,
        supersedes: None,
        campaign: None,
        arm: Arm::Treatment,
        origin_ref: "door".into(),
        decided_at,
        decide_by: decided_at.plus_ms(5_000),
        valid_from: decided_at,
        expires_at: decided_at.plus_ms(900_000),
        act_within_ms: 900_000,
        send_windows: Vec::new(),
        revocable_until: None,
        end_reasons: Vec::new(),
        offer: Offer::default(),
        delivery: Delivery::default(),
        friction: Friction::default(),
        right_to_act: RightToAct::default(),
        grounds: Grounds { policy_version: "v1".into(), policy_hash: "h1".into(), ..Grounds::default() },
    }
}

pub fn proposal(partner: &str, drawdown: &str, at: EventTime, candidate: Candidate) -> Proposal {
    Proposal {
        partner: partner.into(),
        drawdown: drawdown.into(),
        requested_at: at,
        amount_minor: 0,
        triggered_at: at,
        candidate,
    }
}

/// A decision about a candidate; not yet in a chain.
pub fn decision(
    candidate: &str,
    [customer, partner, drawdown]: [&str; 3],
    stage: StageName,
    kind: DecisionKind,
    reasons: &[&str],
    at: EventTime,
) -> Decision {
    Decision {
        decision: format!("{candidate}.{stage}.{kind}.1").into(),
        candidate: candidate.into(),
        customer: customer.into(),
        partner: partner.into(),
        drawdown: Some(drawdown.into()),
        candidate_kind: CandidateKind::NewRt,
        kind,
        stage,
        reasons: reasons.iter().copied().map(Text::from).collect(),
        checks: Checks::default(),
        arm: Arm::Treatment,
        policy_version: "v1".into(),
        policy_hash: "h1".into(),
        event_time: at,
        decided_at: at,
        source: Source::default(),
        shard: 0,
        sequence: 0,
        prev_hash: Text::default(),
    }
}

pub fn reply(candidate: &str, customer: &str, verdict: Answer, reasons: &[&str], at: EventTime) -> Reply {
    Reply {
        candidate: candidate.into(),
        customer: customer.into(),
        verdict,
        reasons: reasons.iter().copied().map(Text::from).collect(),
        at,
        expires_at: None,
    }
}

pub fn bundle(source_shard: i32, source_shards: i32, sequence: i64, now: EventTime) -> FactBundle {
    FactBundle {
        header: BundleHeader {
            source_shard,
            source_shards,
            sequence,
            now,
            high_event_time: now,
            backlog: 0,
            policy_version: "v1".into(),
            fates: FateCounts::default(),
            policy_offset: None,
        },
        clocks: Vec::new(),
        deltas: Deltas::default(),
        settlements: List::default(),
        proposals: List::default(),
        scored: Vec::new(),
    }
}

/// A run of records `from..=to` of a topic without holes.
pub fn run(topic: &str, from: i64, to: i64) -> Run {
    Run { kind: StepKind::Records, topic: topic.into(), from, to, records: to - from + 1 }
}

pub fn journal(stage: StageName, shard: i32, sequence: i64, now: EventTime, runs: Vec<Run>) -> JournalEntry {
    JournalEntry {
        stage,
        shard,
        sequence,
        writer: "test".into(),
        build: "test".into(),
        now,
        policy_version: "v1".into(),
        policy_hash: "h1".into(),
        runs,
        fates: FateCounts::default(),
        outputs: Vec::new(),
        policy_offset: None,
        policy_digest: None,
    }
}
