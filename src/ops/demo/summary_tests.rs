//! From what the worker said to what people read.

use super::calendar::PLAY_DAY_START;
use super::chronicle::Chronicle;
use super::latency::Quantiles;
use super::market::Truth;
use super::summary::{Summary, words};
use super::view::{PartnerRow, Phase, Progress, Snapshot};
use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::candidate::{Arm, CandidateKind, Source};
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::counter::Tally;
use crate::domain::decision::{Decision, DecisionKind, StageName};
use crate::domain::fate::FateCounts;
use crate::domain::time::MINUTE_MS;
use crate::domain::view::{DataState, GuardReading, GuardState, PartnerView, Rate};
use crate::domain::{EventTime, Name, ReasonCode, Subject, Text};

fn at(minutes: i64) -> EventTime {
    PLAY_DAY_START.plus_ms(minutes * MINUTE_MS)
}

fn decision(partner: &str, kind: DecisionKind, reasons: &[&str], check: Option<Check>, minutes: i64) -> Decision {
    Decision {
        decision: Text::default(),
        candidate: Text::default(),
        customer: Text::from("c1"),
        partner: Text::from(partner),
        drawdown: None,
        candidate_kind: CandidateKind::NewRt,
        kind,
        stage: StageName::Partner,
        reasons: reasons.iter().map(|code| Text::from(*code)).collect(),
        checks: check.into_iter().collect(),
        arm: Arm::Treatment,
        policy_version: Text::default(),
        policy_hash: Text::default(),
        event_time: at(minutes),
        decided_at: at(minutes),
        source: Source::default(),
        shard: 0,
        sequence: 1,
        prev_hash: Text::default(),
    }
}

fn view(partner: &str, pass_24h_ppm: i64, effect_ppm: i64) -> PartnerView {
    let rate = |window: &str, ppm| Rate {
        name: Text::from("drawdown_pass"),
        window: Text::from(window),
        hits: 1,
        n: 100,
        rate_ppm: Some(ppm),
        low_ppm: None,
        high_ppm: None,
        state: DataState::Live,
    };
    let reading = |horizon: &str, effect_ppm, state| GuardReading {
        horizon: Text::from(horizon),
        state,
        n: 100,
        reserved: 2,
        observed_ppm: None,
        projected_ppm: None,
        without_reflow_ppm: None,
        effect_ppm: Some(effect_ppm),
        effect_max_ppm: Some(60_000),
        observed_low_ppm: None,
        observed_high_ppm: None,
        projected_low_ppm: None,
        projected_high_ppm: None,
        without_reflow_low_ppm: None,
        without_reflow_high_ppm: None,
        effect_low_ppm: None,
        effect_high_ppm: None,
        diverted_share_ppm: None,
        diverted_share_max_ppm: None,
        counterfactual: None,
        counterfactual_ppm: None,
        counterfactual_n: None,
    };
    PartnerView {
        partner: Text::from(partner),
        at: at(0),
        last_event_at: None,
        state: DataState::Live,
        rates: vec![rate("24h", pass_24h_ppm), rate("28d", 860_000)],
        guard: vec![
            reading("24h", effect_ppm, if effect_ppm > 60_000 { GuardState::Closed } else { GuardState::Open }),
            reading("7d", 1_000, GuardState::Open),
        ],
        quota_day_used: 3,
        quota_day_max: Some(12),
        live_candidates: 2,
        outstanding: Tally::default(),
        currency: None,
        policy_version: Text::default(),
        quota_hour_used: None,
        quota_hour_max: None,
        budgets: Vec::new(),
        average_cost_ppm: None,
        average_cost_max_ppm: None,
        scores: Vec::new(),
    }
}

fn foreign_decline(partner: &str) -> Alert {
    Alert {
        alert: Text::default(),
        kind: AlertKind::ForeignDecline,
        severity: Severity::Warning,
        partner: Some(Text::from(partner)),
        stage: Text::from("partner"),
        shard: 0,
        at: at(300),
        detail: String::new(),
    }
}

fn told() -> Chronicle {
    let mut chronicle = Chronicle::default();
    let (code, subject) = (ReasonCode::HoldReflowEffect, Name::of("reflow_effect_24h"));
    let effect = Some(Check::number(code, subject, Unit::Ppm, 81_234, Relation::AtMost, 80_000));
    chronicle.see_decision(&decision("p05", DecisionKind::No, &["HOLD_REFLOW_EFFECT"], effect.clone(), 320));
    chronicle.see_decision(&decision("p05", DecisionKind::No, &["HOLD_REFLOW_EFFECT"], effect, 330));
    let quota =
        Some(Check::number(ReasonCode::HoldQuotaDay, Subject::AdmittedToday, Unit::Count, 12, Relation::Below, 12));
    chronicle.see_decision(&decision("p08", DecisionKind::No, &["HOLD_QUOTA_DAY"], quota, 200));
    chronicle.see_decision(&decision("p01", DecisionKind::No, &["GATE_NO_CONSENT"], None, 10));
    chronicle.see_decision(&decision("p01", DecisionKind::Yes, &[], None, 11));
    chronicle.see_decision(&decision("p01", DecisionKind::Revoked, &["END_OPT_OUT"], None, 12));
    chronicle.see_view(view("p07", 800_000, 3_000));
    chronicle.see_alert(&foreign_decline("p07"));
    chronicle.see_view(view("p07", 720_000, 2_000));
    chronicle.see_view(view("p07", 790_000, 2_500));
    chronicle
}

#[test]
fn the_guard_is_told_in_words() {
    let chronicle = told();
    let fates = FateCounts { applied: 90, duplicate: 4, late: 3, ignored: 2, dead_lettered: 1 };
    let summary = Summary::new(&fates, &chronicle, Quantiles { p50_us: 9_400, p99_us: 41_000, max_us: 90_000 });
    let truth = Truth { sound: 92, duplicate: 4, late: 3, broken: Default::default(), ..Truth::default() };
    let said = words(&summary, &fates, &chronicle, &truth);
    for sentence in [
        "100 events: 90 applied, 4 seen before, 3 too late, 2 without effect, 1 could not be used.",
        "The noes, by reason: HOLD_REFLOW_EFFECT 2, GATE_NO_CONSENT 1, HOLD_QUOTA_DAY 1.",
        "p05: held at 05:20 because one more candidate would lower its drawdown pass by more than was agreed \
         (8.1 points, at most 8.0 points); 2 candidates were held back for HOLD_REFLOW_EFFECT.",
        "p08: held at 03:20 because the quota of the day was used up (12, below 12); 1 candidate was held back",
        "p07 sinks, but not because of us: since 05:00 our effect is 0.2 points of a fall of 14.0.",
        "The market disagrees: dead letters: the worker counted 1, the market said 0",
    ] {
        assert!(said.contains(sentence), "{sentence}\nmissing in\n{said}");
    }
    assert!(!said.contains("agrees with"));
}

#[test]
fn the_summary_file_has_the_names_that_are_promised() {
    let chronicle = told();
    let fates = FateCounts { applied: 90, duplicate: 4, late: 3, ignored: 2, dead_lettered: 1 };
    let summary = Summary::new(&fates, &chronicle, Quantiles { p50_us: 9_400, p99_us: 41_000, max_us: 90_000 });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.json");
    summary.write(&path).unwrap();
    let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let expected = serde_json::json!({
        "consumed": 100, "applied": 90, "duplicate": 4, "late": 3, "ignored": 2, "dead_lettered": 1,
        "decisions": 6, "candidates_realtime": 0, "revoked": 0,
        "reasons": {"HOLD_REFLOW_EFFECT": 2, "HOLD_QUOTA_DAY": 1, "GATE_NO_CONSENT": 1, "END_OPT_OUT": 1},
        "latency_ms": {"p50": 9.4, "p99": 41.0, "max": 90.0}
    });
    assert_eq!(read, expected);
}

#[test]
fn a_snapshot_shows_the_horizon_that_is_closest_to_closing() {
    let mut chronicle = told();
    chronicle.see_view(view("p05", 700_000, 61_000));
    let progress = Progress {
        phase: Phase::Closing,
        now: at(400),
        events_per_s: 1,
        fates: FateCounts::default(),
        latency: Quantiles::default(),
    };
    let snapshot = Snapshot::new(&chronicle, progress);
    let p05 = snapshot.partners.iter().find(|row| row.partner == "p05").unwrap();
    assert_eq!((p05.guard, p05.effect_ppm), (Some(GuardState::Closed), Some(61_000)));
    let mut forbidden = view("p04", 700_000, 1_000_000);
    forbidden.quota_day_max = Some(0);
    assert_eq!(PartnerRow::from(&forbidden).guard, None, "no guard where real time is not permitted");
    let mut few = view("p06", 700_000, 50_000);
    few.guard[0].effect_ppm = Some(900_000);
    few.guard[0].state = GuardState::Open;
    assert_eq!(PartnerRow::from(&few).effect_ppm, Some(1_000), "a horizon that is judged is shown first");
    assert_eq!(p05.drawdown_pass.map(|rate| rate.ppm), Some(700_000));
    let codes: Vec<_> = snapshot.reasons.iter().map(|(code, times)| (code.as_str(), *times)).collect();
    assert_eq!(codes, [("HOLD_REFLOW_EFFECT", 2), ("GATE_NO_CONSENT", 1), ("HOLD_QUOTA_DAY", 1)]);
}
