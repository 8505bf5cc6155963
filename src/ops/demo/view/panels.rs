//! Below the table: the reasons of the noes, recent alerts and, where there is room, recent candidates.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::snapshot::Snapshot;
use super::theme::Theme;
use crate::domain::alert::{Alert, Severity};
use crate::ops::demo::chronicle::RecentCandidate;
use crate::ops::demo::words::{clock, count};

/// Width from which recent candidates are shown too, characters.
const THREE_PANELS_FROM_WIDTH: u16 = 120;
/// Width of the longest code and its count.
const REASONS_WIDTH: u16 = 34;

pub fn draw_panels(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, theme: Theme) {
    let wide = area.width >= THREE_PANELS_FROM_WIDTH;
    let third = if wide { Constraint::Fill(1) } else { Constraint::Length(0) };
    let [reasons, alerts, candidates] =
        Layout::horizontal([Constraint::Length(REASONS_WIDTH), Constraint::Fill(1), third]).spacing(2).areas(area);
    panel(
        frame,
        reasons,
        "noes by reason",
        theme,
        snapshot.reasons.iter().map(|(code, times)| reason(code, *times, theme)),
    );
    panel(frame, alerts, "alerts", theme, snapshot.alerts.iter().map(|found| alert(found, theme)));
    if wide {
        panel(
            frame,
            candidates,
            "candidates",
            theme,
            snapshot.candidates.iter().map(|recent| candidate(recent, theme)),
        );
    }
}

fn panel<'a>(frame: &mut Frame<'_>, area: Rect, title: &'a str, theme: Theme, lines: impl Iterator<Item = Line<'a>>) {
    let mut all = vec![Line::styled(title, theme.title())];
    all.extend(lines.take(usize::from(area.height.saturating_sub(1))));
    if all.len() == 1 {
        all.push(Line::styled("none yet", theme.quiet()));
    }
    frame.render_widget(Paragraph::new(all), area);
}

fn reason<'a>(code: &'a str, times: i64, theme: Theme) -> Line<'a> {
    let style = if code.starts_with("HOLD_") { theme.warn() } else { theme.plain() };
    Line::from(vec![Span::raw(format!("{:>7} ", count(times))), Span::styled(code, style)])
}

fn alert<'a>(alert: &'a Alert, theme: Theme) -> Line<'a> {
    let style = match alert.severity {
        Severity::Info => theme.plain(),
        Severity::Warning => theme.warn(),
        Severity::Critical => theme.bad(),
    };
    let whom = alert.partner.as_deref().unwrap_or("-");
    Line::from(vec![
        Span::styled(format!("{} ", clock(alert.at)), theme.quiet()),
        Span::styled(format!("{whom} {} ", alert.kind), style),
        Span::raw(alert.detail.as_str()),
    ])
}

fn candidate<'a>(recent: &'a RecentCandidate, theme: Theme) -> Line<'a> {
    let RecentCandidate { at, customer, kind, status, detail } = recent;
    Line::from(vec![
        Span::styled(format!("{} ", clock(*at)), theme.quiet()),
        Span::raw(format!("{customer} {kind} {status} {detail}")),
    ])
}
