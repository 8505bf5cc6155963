//! One line for logs and pipes.

use super::snapshot::{Phase, Snapshot};
use crate::domain::view::GuardState;
use crate::ops::demo::words::{clock, count, milliseconds};

/// The state of the demo in one line.
pub fn line(snapshot: &Snapshot) -> String {
    let progress = &snapshot.progress;
    let fates = &progress.fates;
    let rate = count(progress.events_per_s);
    let head = match progress.phase {
        Phase::History { done, all } => {
            return format!("history {} of {} events, {rate} events/s", count(done), count(all));
        }
        Phase::Day { number, passed_ppm } => {
            format!("day {number} {} ({} %)", clock(progress.now), passed_ppm / 10_000)
        }
        Phase::Closing => "closing".to_owned(),
    };
    let closed: Vec<&str> = snapshot
        .partners
        .iter()
        .filter(|row| row.guard == Some(GuardState::Closed))
        .map(|row| row.partner.as_str())
        .collect();
    let guard = if closed.is_empty() { "guard open".to_owned() } else { format!("guard holds {}", closed.join(" ")) };
    let top = snapshot.reasons.first().map(|(code, times)| format!(", most noes {code} {}", count(*times)));
    format!(
        "{head} {rate} events/s, {} consumed, {} late, {} dead letters, {} candidates, {} revoked, {guard}{}, p50 {} p99 {}",
        count(fates.consumed()),
        count(fates.late),
        count(fates.dead_lettered),
        count(snapshot.admitted),
        count(snapshot.revoked),
        top.unwrap_or_default(),
        milliseconds(progress.latency.p50_us),
        milliseconds(progress.latency.p99_us)
    )
}
