//! The live view: header, table of partners, three panels, footer.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::panels::draw_panels;
use super::snapshot::{PartnerRow, Phase, ShownRate, Snapshot};
use super::theme::Theme;
use crate::domain::view::{DataState, GuardState};
use crate::ops::demo::words::{clock, count, milliseconds, points};

/// Widest a bar column may be, characters.
const BAR_COLUMN_MAX: u16 = 34;
/// Columns besides the two bars, and the gaps between all eight.
const OTHER_COLUMNS: [u16; 6] = [5, 11, 6, 7, 4, 9];
const GAPS: u16 = 7;

pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, theme: Theme) {
    let rows = snapshot.partners.len().clamp(1, 24) as u16 + 1;
    let [header, table, panels, footer] =
        Layout::vertical([Constraint::Length(3), Constraint::Length(rows), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    draw_header(frame, header, snapshot, theme);
    draw_partners(frame, table, snapshot, theme);
    draw_panels(frame, panels, snapshot, theme);
    let keys = "Ctrl-C or q: no new events, finish what is in flight, print the summary";
    frame.render_widget(Paragraph::new(Line::styled(keys, theme.quiet())), footer);
}

fn draw_header(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, theme: Theme) {
    let (progress, fates) = (&snapshot.progress, &snapshot.progress.fates);
    let lines = vec![
        Line::from(vec![
            Span::styled("reflow demo  ", theme.title()),
            Span::raw(phase(snapshot)),
            Span::raw(format!(
                "  {} ev/s  p50 {}  p99 {}",
                count(progress.events_per_s),
                milliseconds(progress.latency.p50_us),
                milliseconds(progress.latency.p99_us)
            )),
        ]),
        Line::from(format!(
            "{} read = {} applied + {} twice + {} late + {} ignored + {} dead",
            count(fates.consumed()),
            count(fates.applied),
            count(fates.duplicate),
            count(fates.late),
            count(fates.ignored),
            count(fates.dead_lettered)
        )),
        Line::from(format!(
            "{} decisions: {} candidates admitted, {} revoked, {} expired",
            count(snapshot.decisions),
            count(snapshot.admitted),
            count(snapshot.revoked),
            count(snapshot.expired)
        )),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn phase(snapshot: &Snapshot) -> String {
    match snapshot.progress.phase {
        Phase::History { done, all } => format!("history {} of {}", count(done), count(all)),
        Phase::Day { number, passed_ppm } => {
            let day = snapshot.progress.now.utc_day();
            format!("{day} {} UTC  day {number}: {} %", clock(snapshot.progress.now), passed_ppm / 10_000)
        }
        Phase::Closing => "closing: finishing what is in flight".to_owned(),
    }
}

fn draw_partners(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, theme: Theme) {
    let left = area.width.saturating_sub(OTHER_COLUMNS.iter().sum::<u16>() + GAPS);
    let bars = (left / 2).min(BAR_COLUMN_MAX);
    let [name, effect, guard, data, live, quota] = OTHER_COLUMNS;
    let widths = [name, bars, bars, effect, guard, data, live, quota].map(Constraint::Length);
    let titles = ["", "limit_approval", "drawdown_pass", "effect/max", "guard", "data", "live", "quota"];
    let rows = snapshot.partners.iter().map(|row| partner(row, bars, theme));
    let table = Table::new(rows, widths).header(Row::new(titles).style(theme.title())).column_spacing(1);
    frame.render_widget(table, area);
}

fn partner(row: &PartnerRow, width: u16, theme: Theme) -> Row<'_> {
    let sinks = row.usual_pass_ppm.zip(row.drawdown_pass).is_some_and(|(usual, now)| usual - now.ppm > 50_000);
    let pass_style = if sinks { theme.warn() } else { theme.bar() };
    let effect = match (row.effect_ppm, row.effect_max_ppm) {
        (Some(effect), Some(max)) if effect > max && row.guard == Some(GuardState::Open) => "few cases".to_owned(),
        (Some(effect), Some(max)) => format!("{}/{}", points(effect), points(max)),
        _ => String::new(),
    };
    let quota = row.quota_max.map(|max| format!("{}/{max}", row.quota_used)).unwrap_or_default();
    let used_up = row.quota_max.is_some_and(|max| row.quota_used >= max && max > 0);
    let (guard, guard_style) = match row.guard {
        Some(GuardState::Open) => ("open", theme.good()),
        Some(GuardState::Closed) => ("HOLDS", theme.bad()),
        None => ("", theme.plain()),
    };
    Row::new(vec![
        Cell::from(row.partner.as_str()),
        bar_cell(row.limit_approval, None, width, theme.bar()),
        bar_cell(row.drawdown_pass, row.usual_pass_ppm, width, pass_style),
        Cell::from(effect),
        Cell::from(guard).style(guard_style),
        Cell::from(row.state.to_string()).style(data_style(row.state, theme)),
        Cell::from(row.live.to_string()),
        Cell::from(quota).style(if used_up { theme.warn() } else { theme.plain() }),
    ])
}

fn data_style(state: DataState, theme: Theme) -> Style {
    match state {
        DataState::Live => theme.good(),
        DataState::Idle | DataState::TooFew => theme.quiet(),
        DataState::Stale => theme.bad(),
    }
}

fn bar_cell(rate: Option<ShownRate>, usual_ppm: Option<i64>, width: u16, style: Style) -> Cell<'static> {
    let Some(rate) = rate else { return Cell::from("no cases") };
    let room = usize::from(width.saturating_sub(5));
    let figure = format!("{:>3} %", (rate.ppm + 5_000) / 10_000);
    Cell::from(Line::from(vec![Span::styled(bar(rate.ppm, usual_ppm, room), style), Span::raw(figure)]))
}

/// A bar of `width` characters in steps of an eighth; `┊` marks the usual level where the bar does not reach it.
pub(super) fn bar(ppm: i64, usual_ppm: Option<i64>, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let scaled = |ppm: i64| ppm.clamp(0, 1_000_000) as usize * width * 8 / 1_000_000;
    let (full, part) = (scaled(ppm) / 8, scaled(ppm) % 8);
    let mut cells: Vec<char> = vec!['█'; full];
    cells.resize(width, ' ');
    if let Some(cell) = cells.get_mut(full) {
        *cell = EIGHTHS[part];
    }
    let mark = usual_ppm.map(|usual| scaled(usual) / 8).filter(|mark| *mark > full);
    if let Some(cell) = mark.and_then(|mark| cells.get_mut(mark)) {
        *cell = '┊';
    }
    cells.into_iter().collect()
}
