//! `reflow partners`: what is known of each partner now, and `history`: its panes over time.

use std::collections::BTreeMap;

use super::exit::{Ended, Failure};
use super::reading::{Decoder, From, read};
use crate::bus::Topic;
use crate::config::Config;
use crate::domain::counter::Tally;
use crate::domain::time::{DAY_MS, HOUR_MS};
use crate::domain::view::{PartnerPane, PartnerView, Rate, ShiftState, Tile};
use crate::domain::words::Word;
use crate::domain::{Counter, EventTime, Text};
use crate::wire::Schema;

/// The table of partners as of the newest views.
pub fn partners(config: &Config, json: bool) -> Ended {
    let mut decoder = Decoder::open(config)?;
    let mut views: BTreeMap<Text, PartnerView> = BTreeMap::new();
    let mut unreadable = 0;
    read(config, &config.topics().name(Topic::Partners), None, From::Beginning, |_, _, _, value| {
        match value.map(|value| decoder.decode::<PartnerView>(Schema::PartnerView, value)) {
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
    let width = views.keys().map(|partner| partner.len()).max().unwrap_or(0).max(7);
    println!(
        "{:width$}  {:8} {:>22} {:>22} {:>24} {:>8} {:>6} {:>10} {:>20}  as of",
        "partner",
        "state",
        "limit_approval 24h",
        "drawdown_pass 24h",
        "counterfactual 28d",
        "guard",
        "live",
        "quota",
        "score shift 28d"
    );
    for view in views.values() {
        let guard =
            view.guard.iter().find(|reading| reading.horizon == "24h").map_or("-", |reading| reading.state.name());
        let quota = view.quota_day_max.map_or_else(|| "-".to_owned(), |max| format!("{}/{max}", view.quota_day_used));
        println!(
            "{:width$}  {:8} {:>22} {:>22} {:>24} {:>8} {:>6} {:>10} {:>20}  {}",
            view.partner,
            view.state.name(),
            rate(view, "limit_approval"),
            rate(view, "drawdown_pass"),
            counterfactual(view),
            guard,
            view.live_candidates,
            quota,
            shift(view),
            view.at
        );
    }
    Ok(())
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
    read(config, &config.topics().name(Topic::PartnerPanes), None, From::Beginning, |_, _, _, value| {
        if let Some(Ok(pane)) = value.map(|value| decoder.decode::<PartnerPane>(Schema::PartnerPane, value))
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
