//! The end of a demo: figures for machines, sentences for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::chronicle::{Chronicle, ForeignFall, Hold};
use super::latency::Quantiles;
use super::market::Truth;
use super::words::{clock, count, points};
use crate::domain::check::{Check, Unit};
use crate::domain::fate::FateCounts;
use crate::domain::reason_text::Language::English;
use crate::domain::words::Word;
use crate::domain::{ReasonCode, Text};
use crate::ops::wording;

/// Most reasons that the sentences name.
const REASONS_NAMED_MAX: usize = 8;

/// Milliseconds from an event's append to its decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencyMs {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// The file that `--summary` writes: a contract with whoever checks a demo.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub consumed: i64,
    pub applied: i64,
    pub duplicate: i64,
    pub late: i64,
    pub ignored: i64,
    pub dead_lettered: i64,
    pub decisions: i64,
    pub candidates_realtime: i64,
    pub revoked: i64,
    /// How often each full code was given, by any decision.
    pub reasons: BTreeMap<Text, i64>,
    pub latency_ms: LatencyMs,
}

impl Summary {
    pub fn new(fates: &FateCounts, chronicle: &Chronicle, latency: Quantiles) -> Self {
        let ms = |us: u64| us as f64 / 1_000.0;
        Self {
            consumed: fates.consumed(),
            applied: fates.applied,
            duplicate: fates.duplicate,
            late: fates.late,
            ignored: fates.ignored,
            dead_lettered: fates.dead_lettered,
            decisions: chronicle.decisions,
            candidates_realtime: chronicle.admitted,
            revoked: chronicle.revoked,
            reasons: chronicle.reasons.clone(),
            latency_ms: LatencyMs { p50: ms(latency.p50_us), p99: ms(latency.p99_us), max: ms(latency.max_us) },
        }
    }

    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text)
    }
}

/// The closing words: what came in, what went out, what the guard did and why, and whether the market agrees.
pub fn words(summary: &Summary, fates: &FateCounts, chronicle: &Chronicle, truth: &Truth) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_words(&mut out, summary, fates, chronicle, truth);
    out
}

fn write_words(
    out: &mut String,
    summary: &Summary,
    fates: &FateCounts,
    chronicle: &Chronicle,
    truth: &Truth,
) -> std::fmt::Result {
    let Summary { applied, duplicate, late, ignored, dead_lettered, latency_ms, .. } = summary;
    writeln!(
        out,
        "{} events: {} applied, {} seen before, {} too late, {} without effect, {} could not be used.",
        count(summary.consumed),
        count(*applied),
        count(*duplicate),
        count(*late),
        count(*ignored),
        count(*dead_lettered)
    )?;
    writeln!(
        out,
        "{} decisions: {} candidates, of which {} were revoked and {} ran out. Half of the answers took at most {:.0} ms, 99 of 100 at most {:.0} ms.",
        count(summary.decisions),
        count(summary.candidates_realtime),
        count(summary.revoked),
        count(chronicle.expired),
        latency_ms.p50,
        latency_ms.p99
    )?;
    write_reasons(out, &chronicle.noes)?;
    for ((partner, code), hold) in &chronicle.holds {
        writeln!(out, "{}", hold_in_words(partner, code, hold))?;
    }
    for (partner, fall) in &chronicle.foreign {
        writeln!(out, "{}", fall_in_words(partner, fall))?;
    }
    match truth.contradictions(fates) {
        none if none.is_empty() => writeln!(out, "The market that made the events agrees with these counts."),
        found => found.iter().try_for_each(|line| writeln!(out, "The market disagrees: {line}")),
    }
}

fn write_reasons(out: &mut String, noes: &BTreeMap<Text, i64>) -> std::fmt::Result {
    let ordered = most_frequent(noes);
    if ordered.is_empty() {
        return writeln!(out, "Nothing was refused.");
    }
    let named: Vec<String> =
        ordered.iter().take(REASONS_NAMED_MAX).map(|(code, times)| format!("{code} {}", count(*times))).collect();
    let more = ordered.len().saturating_sub(named.len());
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    writeln!(out, "The noes, by reason: {}{rest}.", named.join(", "))
}

/// Codes by how often they were given, the most frequent first; ties by name.
pub(super) fn most_frequent(counts: &BTreeMap<Text, i64>) -> Vec<(&Text, i64)> {
    let mut ordered: Vec<_> = counts.iter().map(|(code, times)| (code, *times)).collect();
    ordered.sort_by_key(|(code, times)| (-times, *code));
    ordered
}

fn hold_in_words(partner: &str, code: &str, hold: &Hold) -> String {
    let Hold { since, count: times, check } = hold;
    let why = match ReasonCode::named(code) {
        Some(ReasonCode::HoldReflowEffect) => {
            "one more candidate would lower its drawdown pass by more than was agreed"
        }
        Some(ReasonCode::HoldDrawdownPassFloor) => "its drawdown pass would fall below the agreed floor",
        Some(ReasonCode::HoldMinN) => "too few of its drawdowns are known to judge our effect",
        Some(ReasonCode::HoldQuotaDay) => "the quota of the day was used up",
        _ => code,
    };
    let seen = check.as_ref().map_or_else(String::new, |check| format!(" ({})", in_points(check)));
    let times = if *times == 1 { "1 candidate was".to_owned() } else { format!("{} candidates were", count(*times)) };
    format!("{partner}: held at {} because {why}{seen}; {times} held back for {code}.", clock(*since))
}

/// What was seen and what was asked; shares as points, because a rate is what moves.
fn in_points(check: &Check) -> String {
    match (check.unit, check.observed, check.required) {
        (Unit::Ppm, Some(observed), Some(required)) => {
            let relation = check.relation.name().replace('_', " ");
            format!("{} points, {relation} {} points", points(observed), points(required))
        }
        _ => format!("{}, {}", wording::observed(check, English), wording::required(check, English)),
    }
}

fn fall_in_words(partner: &str, fall: &ForeignFall) -> String {
    format!(
        "{partner} sinks, but not because of us: since {} our effect is {} points of a fall of {}.",
        clock(fall.since),
        points(fall.effect_ppm),
        points(fall.fall_ppm)
    )
}
