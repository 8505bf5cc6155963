//! `reflow partners`: what is known of each partner now, and `history`: its panes over time.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::exit::{Ended, Failure};
use super::reading::{Decoder, Part, read};
use crate::bus::Topic;
use crate::config::Config;
use crate::domain::counter::Tally;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::view::{BudgetUse, PartnerPane, PartnerView, Rate, ShiftState, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, EventTime, Text};
use crate::wire::Schema;

/// The table of partners as of the newest views.
pub fn partners(config: &Config, json: bool) -> Ended {
    let mut decoder = Decoder::open(config)?;
    let mut views: BTreeMap<Text, PartnerView> = BTreeMap::new();
    let mut unreadable = 0;
    read(config, &config.topics().name(Topic::Partners), None, Part::ALL, |seen| {
        match seen.value.map(|value| decoder.decode::<PartnerView>(Schema::PartnerView, value)) {
            Some(Ok(view)) => drop(views.insert(view.partner.clone(), view)),
            Some(Err(_)) => unreadable += 1,
            None => {}
        }
    })?;
    if unreadable > 0 {
        eprintln!("{unreadable} views could not be read: written by another version?");
    }
    if json {
        let list: Vec<&PartnerView> = views.values().collect();
        println!("{}", serde_json::to_string_pretty(&list).map_err(Failure::reach)?);
        return Ok(());
    }
    print!("{}", table(views.values()));
    Ok(())
}

/// The partners as a person reads them: a line each, and below it what its contract limits besides.
fn table<'v>(views: impl Iterator<Item = &'v PartnerView> + Clone) -> String {
    let width = views.clone().map(|view| view.partner.len()).max().unwrap_or(0).max(7);
    let mut text = format!(
        "{:width$}  {:8} {:>22} {:>22} {:>24} {:>8} {:>6} {:>10} {:>8} {:>20}  as of\n",
        "partner",
        "state",
        "limit_approval 24h",
        "drawdown_pass 24h",
        "counterfactual 28d",
        "guard",
        "live",
        "quota/day",
        "/hour",
        "score shift 28d"
    );
    for view in views {
        let guard =
            view.guard.iter().find(|reading| reading.horizon == "24h").map_or("-", |reading| reading.state.name());
        let _ = writeln!(
            text,
            "{:width$}  {:8} {:>22} {:>22} {:>24} {:>8} {:>6} {:>10} {:>8} {:>20}  {}",
            view.partner,
            view.state.name(),
            rate(view, "limit_approval"),
            rate(view, "drawdown_pass"),
            counterfactual(view),
            guard,
            view.live_candidates,
            of(Some(view.quota_day_used), view.quota_day_max),
            of(view.quota_hour_used, view.quota_hour_max),
            shift(view),
            view.at
        );
        let limits = limits(view);
        if !limits.is_empty() {
            let _ = writeln!(text, "{:width$}  {}", "", limits.join(" · "));
        }
    }
    text
}

/// What is used of what a contract allows: `3/40`.
fn of(used: Option<i64>, max: Option<i64>) -> String {
    max.map_or_else(|| "-".to_owned(), |max| format!("{}/{max}", used.unwrap_or(0)))
}

/// The budgets that the contract states, each with what is used of it and how much of that is only reserved; the average cost.
fn limits(view: &PartnerView) -> Vec<String> {
    let budget = |use_of: &BudgetUse| {
        let BudgetUse { budget, reserved, committed, max } = use_of;
        let reserved = if *committed > 0 { format!(" ({reserved} reserved)") } else { String::new() };
        format!("{budget} {}{reserved}", of(Some(use_of.reserved.saturating_add(*committed)), Some(*max)))
    };
    let percent = |ppm: i64| format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100);
    let average = view.average_cost_max_ppm.map(|max| {
        let cost = view.average_cost_ppm.map_or_else(|| "-".to_owned(), percent);
        format!("average cost {cost} of at most {}", percent(max))
    });
    view.budgets.iter().map(budget).chain(average).collect()
}

fn rate(view: &PartnerView, name: &str) -> String {
    let found = view.rates.iter().find(|rate| rate.name == name && rate.window == "24h");
    found.map_or_else(|| "-".to_owned(), percent)
}

/// The pass that ours would have had, and whose it is: `80.1 % (holdout 45)`.
fn counterfactual(view: &PartnerView) -> String {
    let told = view.guard.first().and_then(|r| Some((r.counterfactual?, r.counterfactual_ppm?, r.counterfactual_n?)));
    told.map_or_else(
        || "-".to_owned(),
        |(whose, ppm, n)| format!("{}.{} % ({whose} {n})", ppm / 10_000, ppm % 10_000 / 1_000),
    )
}

/// The model whose scores have moved furthest: `0.312 risk 3`; those with too few scores do not count.
fn shift(view: &PartnerView) -> String {
    let judged = view.scores.iter().filter(|shift| shift.state != ShiftState::TooFew);
    let furthest = judged.filter_map(|shift| Some((shift.psi_ppm?, shift))).max_by_key(|(psi, _)| *psi);
    furthest.map_or_else(
        || "-".to_owned(),
        |(psi, shift)| format!("{}.{:03} {} {}", psi / 1_000_000, psi % 1_000_000 / 1_000, shift.model, shift.version),
    )
}

/// A rate as a person reads it: `61.2 % (n 104)`.
fn percent(rate: &Rate) -> String {
    match rate.rate_ppm {
        Some(ppm) => format!("{}.{} % (n {})", ppm / 10_000, ppm % 10_000 / 1_000, rate.n),
        None => "no cases".to_owned(),
    }
}

/// The span and step of a history.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: EventTime,
    pub to: EventTime,
    /// A multiple of an hour, milliseconds.
    pub step_ms: i64,
}

/// Sums of panes per step, one row per partner and step that has any.
pub fn history(config: &Config, only: Option<&str>, span: Span, json: bool) -> Ended {
    if span.step_ms % HOUR_MS != 0 {
        return Err(Failure::input("--step: expected whole hours, such as 1h, 6h or 1d"));
    }
    // Day tiles hold the due book too and reach back further; hours only where the step asks for them.
    let tile = if span.step_ms % DAY_MS == 0 { Tile::Day } else { Tile::Hour };
    let mut decoder = Decoder::open(config)?;
    let mut panes: BTreeMap<(Text, EventTime), PartnerPane> = BTreeMap::new();
    read(config, &config.topics().name(Topic::PartnerPanes), None, Part::ALL, |seen| {
        if let Some(Ok(pane)) = seen.value.map(|value| decoder.decode::<PartnerPane>(Schema::PartnerPane, value))
            && pane.tile == tile
            && only.is_none_or(|only| pane.partner == only)
            && (span.from..span.to).contains(&pane.start)
        {
            panes.insert((pane.partner.clone(), pane.start), pane);
        }
    })?;
    let mut rows: BTreeMap<(Text, EventTime), BTreeMap<Counter, Tally>> = BTreeMap::new();
    for ((partner, start), pane) in panes {
        let row = rows.entry((partner, start.floor(span.step_ms))).or_default();
        pane.cells.iter().for_each(|cell| row.entry(cell.counter).or_default().add(cell.tally));
    }
    print_history(&rows, json)
}

fn print_history(rows: &BTreeMap<(Text, EventTime), BTreeMap<Counter, Tally>>, json: bool) -> Ended {
    if !json {
        println!(
            "partner\tstart\tsubmitted\tapproved\tdeclined\tdrawdown_requested\tdrawdown_disbursed\tdrawdown_diverted\tinstalments_due\tinstalments_open"
        );
    }
    for ((partner, start), cells) in rows {
        if json {
            let counters: BTreeMap<&str, &Tally> =
                cells.iter().map(|(counter, tally)| (counter.name(), tally)).collect();
            println!("{}", serde_json::json!({"partner": partner, "start": start.to_string(), "counters": counters}));
            continue;
        }
        let count = |counter| cells.get(&counter).map_or(0, |tally| tally.count);
        let columns = [
            Counter::Submitted,
            Counter::Approved,
            Counter::Declined,
            Counter::DrawdownRequested,
            Counter::DrawdownDisbursed,
            Counter::DrawdownDiverted,
            Counter::InstalmentsDue,
            Counter::InstalmentsOpen,
        ];
        let counts: Vec<String> = columns.iter().map(|counter| count(*counter).to_string()).collect();
        println!("{partner}\t{start}\t{}", counts.join("\t"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(example: &str) -> PartnerView {
        let path = format!("{}/schemas/examples/partner_view/{example}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_table_tells_quotas_budgets_and_the_average_cost() {
        let (guarded, silent) = (view("guarded"), view("silent"));
        let text = table([&guarded, &silent].into_iter());
        let lines: Vec<&str> = text.lines().collect();
        println!("{text}");
        assert_eq!(lines.len(), 4, "a line of limits for the one partner that has any");
        let hour = of(guarded.quota_hour_used, guarded.quota_hour_max);
        assert!(hour.contains('/') && lines[1].contains(&hour), "{}", lines[1]);
        for budget in &guarded.budgets {
            let used = budget.reserved + budget.committed;
            assert!(lines[2].contains(&format!("{} {used}/{}", budget.budget, budget.max)), "{}", lines[2]);
        }
        assert!(lines[2].ends_with("average cost 21.34 % of at most 24.00 %"), "{}", lines[2]);
        assert!(lines[3].contains("        -        -  2026-"), "{}", lines[3]);
    }
}
