//! What is on the screen, at a small and a large size.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::candidate::{CandidateKind, CandidateStatus};
use crate::domain::fate::FateCounts;
use crate::domain::time::{HOUR_MS, MINUTE_MS};
use crate::domain::view::{DataState, GuardState};
use crate::domain::{EventTime, Text};
use crate::ops::demo::calendar::PLAY_DAY_START;
use crate::ops::demo::chronicle::RecentCandidate;
use crate::ops::demo::latency::Quantiles;

fn at(hours: i64, minutes: i64) -> EventTime {
    PLAY_DAY_START.plus_ms(hours * HOUR_MS + minutes * MINUTE_MS)
}

fn row(number: i64) -> PartnerRow {
    PartnerRow {
        partner: Text::from(format!("p{number:02}")),
        state: if number > 9 { DataState::Idle } else { DataState::Live },
        guard: match number {
            4 => None,
            5 => Some(GuardState::Closed),
            _ => Some(GuardState::Open),
        },
        limit_approval: Some(ShownRate { ppm: 700_000 + number * 10_000, n: 900 }),
        drawdown_pass: (number != 12).then_some(ShownRate { ppm: if number == 5 { 760_000 } else { 860_000 }, n: 400 }),
        usual_pass_ppm: Some(870_000),
        effect_ppm: (number != 4).then_some(number * 10_000 + 10_000),
        effect_max_ppm: (number != 4).then_some(60_000),
        live: number,
        quota_used: number * 3,
        quota_max: (number != 4).then_some(24),
    }
}

fn snapshot() -> Snapshot {
    let alert = |minutes, kind, partner: &str, severity, detail: &str| Alert {
        alert: Text::default(),
        kind,
        severity,
        partner: Some(Text::from(partner)),
        stage: Text::from("partner"),
        shard: 0,
        at: at(5, minutes),
        detail: detail.to_owned(),
    };
    let code = |code: &str, times| (Text::from(code), times);
    Snapshot {
        progress: Progress {
            phase: Phase::Day { number: 1, passed_ppm: 258_000 },
            now: at(6, 12),
            events_per_s: 2_913,
            fates: FateCounts { applied: 138_100, duplicate: 301, late: 41, ignored: 22, dead_lettered: 280 },
            latency: Quantiles { p50_us: 12_400, p99_us: 48_000, max_us: 90_000 },
        },
        decisions: 8_201,
        admitted: 1_203,
        revoked: 310,
        expired: 12,
        partners: (1..=12).map(row).collect(),
        reasons: vec![
            code("GATE_NO_CONSENT", 2_101),
            code("EXC_RISK_BAND", 903),
            code("HOLD_REFLOW_EFFECT", 611),
            code("DATA_VERDICT_MISSING", 240),
            code("GATE_CONTRACT_FORBIDS", 130),
            code("GATE_PARTNER_UNLISTED", 121),
            code("HOLD_QUOTA_DAY", 60),
        ],
        alerts: vec![
            alert(44, AlertKind::ForeignDecline, "p07", Severity::Warning, "drawdown_pass fell, our effect is small"),
            alert(20, AlertKind::Guard, "p05", Severity::Warning, "closed: HOLD_REFLOW_EFFECT"),
        ],
        candidates: vec![RecentCandidate {
            at: at(6, 11),
            customer: Text::from("c00d1e2f3a4b5"),
            kind: CandidateKind::ReturningRt,
            status: CandidateStatus::Active,
            detail: Text::from("come_home"),
        }],
    }
}

fn rendered(width: u16, height: u16, snapshot: &Snapshot) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(frame, snapshot, Theme::new(true))).unwrap();
    let buffer = terminal.backend().buffer();
    (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
}

/// The line that starts with those words.
fn line<'a>(lines: &'a [String], start: &str) -> &'a str {
    lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no line {start:?} in {lines:#?}"))
}

#[test]
fn eighty_by_twenty_four_has_all_that_matters() {
    let lines = rendered(80, 24, &snapshot());
    assert_eq!(lines[0], "reflow demo  2026-03-30 06:12 UTC  day 1: 25 %  2,913 ev/s  p50 12 ms  p99 48 ms");
    assert_eq!(lines[1], "138,744 read = 138,100 applied + 301 twice + 41 late + 22 ignored + 280 dead");
    assert!(lines[2].contains("1,203 candidates admitted, 310 revoked, 12 expired"), "{}", lines[2]);
    for title in ["limit_approval", "drawdown_pass", "effect/max", "guard", "data", "live", "quota"] {
        assert!(lines[3].contains(title), "{}", lines[3]);
    }
    let p05 = line(&lines, "p05");
    assert!(p05.contains("76 %") && p05.contains("6.0/6.0") && p05.contains("HOLDS") && p05.contains("15/24"), "{p05}");
    assert!(line(&lines, "p04").contains("live") && !line(&lines, "p04").contains("open"));
    assert!(line(&lines, "p11").contains("few cases") && line(&lines, "p01").contains("2.0/6.0"));
    assert!(line(&lines, "p12").contains("no cases") && line(&lines, "p12").contains("idle"));
    let all = lines.join("\n");
    for part in ["noes by reason", "2,101 GATE_NO_CONSENT", "alerts", "05:20 p05 guard closed: HOLD_REFLOW_EFFECT"] {
        assert!(all.contains(part), "{part} missing in\n{all}");
    }
    assert!(lines[23].starts_with("Ctrl-C or q: "), "{}", lines[23]);
}

#[test]
fn a_wide_screen_shows_candidates_without_a_partner() {
    let lines = rendered(140, 40, &snapshot());
    let all = lines.join("\n");
    let shown = all.lines().find(|line| line.contains("c00d1e2f3a4b5")).unwrap();
    let (_, recent) = shown.split_once("06:11").unwrap();
    assert_eq!(recent.trim(), "c00d1e2f3a4b5 returning_rt active come_home");
    assert!(all.contains("HOLD_QUOTA_DAY"));
    assert!(line(&lines, "p01").contains(&"█".repeat(20)), "bars grow with the screen");
}

#[test]
fn nothing_known_yet_and_tiny_screens_do_no_harm() {
    let mut empty = snapshot();
    empty.partners.clear();
    empty.reasons.clear();
    empty.alerts.clear();
    empty.progress.phase = Phase::History { done: 43_210, all: 113_042 };
    assert!(rendered(80, 24, &empty)[0].contains("history 43,210 of 113,042"));
    for (width, height) in [(1, 1), (20, 5), (79, 10)] {
        rendered(width, height, &snapshot());
    }
}

#[test]
fn bars_are_in_scale_and_mark_the_usual_level() {
    assert_eq!(draw::bar(500_000, None, 4), "██  ");
    assert_eq!(draw::bar(562_500, None, 2), "█▏");
    assert_eq!(draw::bar(500_000, Some(800_000), 10), "█████   ┊ ");
    assert_eq!(draw::bar(900_000, Some(800_000), 10), "█████████ ");
    assert_eq!(draw::bar(2_000_000, Some(2_000_000), 3), "███");
    assert_eq!(draw::bar(-5, None, 3), "   ");
}

#[test]
fn without_colours_nothing_is_coloured() {
    use ratatui::style::Color;
    let mut terminal = Terminal::new(TestBackend::new(140, 40)).unwrap();
    terminal.draw(|frame| draw::draw(frame, &snapshot(), Theme::new(false))).unwrap();
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn a_line_says_it_all() {
    let said = plain::line(&snapshot());
    assert_eq!(
        said,
        "day 1 06:12 (25 %) 2,913 events/s, 138,744 consumed, 41 late, 280 dead letters, 1,203 candidates, 310 revoked, \
         guard holds p05, most noes GATE_NO_CONSENT 2,101, p50 12 ms p99 48 ms"
    );
    let mut loading = snapshot();
    loading.progress.phase = Phase::History { done: 1_000, all: 2_000 };
    assert_eq!(plain::line(&loading), "history 1,000 of 2,000 events, 2,913 events/s");
}

/// For eyes: `cargo test --release --lib how_it_looks -- --ignored --nocapture`.
#[test]
#[ignore = "prints the view for people"]
fn how_it_looks() {
    for (width, height) in [(80, 24), (140, 40)] {
        println!("{}", rendered(width, height, &snapshot()).join("\n"));
    }
}

/// On a real terminal, for a few seconds: `cargo test --release --lib shows_itself -- --ignored --nocapture`.
#[test]
#[ignore = "takes the terminal"]
fn shows_itself() {
    let mut view = View::open(false).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) && !view.stop_wanted().unwrap() {
        view.draw(&snapshot()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}
