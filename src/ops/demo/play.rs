//! The command: a cluster, the real worker, the market as its lender, and what people see of it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::calendar::{DAY_DURATION_DEFAULT, DAY_DURATION_MIN, PLAY_DAY_START, Pace};
use super::chronicle::Chronicle;
use super::cluster::Cluster;
use super::feeder::Feeder;
use super::latency::Latencies;
use super::market::{Market, MarketSize};
use super::summary::{Summary, words};
use super::view::{Phase, Progress, Snapshot, View};
use super::{POLICY, POLICY_FILE, SEED_DEFAULT, banner};
use crate::config::{ClockKind, Config, Shards};
use crate::domain::time::DAY_MS;
use crate::domain::{CandidateStatus, EventTime, Output};
use crate::ops::exit::{Ended, Failure};
use crate::ops::run::stop_on_signals;
use crate::policy::{Policy, PolicySet};
use crate::worker::models::Models;
use crate::worker::supervisor::Worker;
use crate::worker::{self, Shared};

/// How often the market is asked for what is next.
const BEAT: Duration = Duration::from_millis(5);
/// Longest wait for the history to be worked off, and for what is in flight at the end, seconds.
const HISTORY_SECS_MAX: u64 = 300;
const CLOSING_SECS_MAX: u64 = 30;
/// The end is reached when nothing was decided for that long, milliseconds.
const QUIET_MS: u64 = 400;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Play the whole day in that time, then end: 30s, 5m; without it the days go on until Ctrl-C
    #[arg(long = "for", value_name = "SPAN")]
    span: Option<String>,
    /// Write the closing counts to this file as JSON
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Run on a real Apache Kafka that the demo starts (needs Java 17, and Maven once)
    #[arg(long)]
    kafka: bool,
    /// Another market
    #[arg(long, default_value_t = SEED_DEFAULT)]
    seed: u64,
    /// A line a second instead of the live view
    #[arg(long)]
    plain: bool,
}

impl Options {
    /// True when the live view will own the terminal.
    pub fn live(&self) -> bool {
        !self.plain && std::io::stdout().is_terminal()
    }
}

/// Plays the demo.
pub fn demo(options: &Options) -> Ended {
    let limit = options.span.as_deref().map(parse_span).transpose()?;
    let pace = Pace::new(limit.unwrap_or(DAY_DURATION_DEFAULT));
    let stop = stop_on_signals()?;
    eprintln!("{}", banner::banner(options.kafka));
    let mut config = configuration(pace);
    let cluster = Cluster::start(options.kafka, &mut config)?;
    let policy = Policy::parse(POLICY_FILE, POLICY).map_err(|found| Failure::input(join(&found)))?;
    let policies = PolicySet::new(vec![policy]).map_err(|found| Failure::input(join(&found)))?;
    let feeder = Feeder::open(&config)?;
    let shared = Shared::holding_the_clock(config, policies);
    let worker = worker::start(&shared, |stage| cluster.assignment(&shared.topics, stage)).map_err(Failure::reach)?;
    let mut stage = Stage {
        outputs: worker.models.listen(),
        models: worker.models.clone(),
        shared,
        feeder,
        market: Market::new(options.seed, MarketSize::default()),
        chronicle: Chronicle::default(),
        latencies: Latencies::default(),
        view: View::open(options.plain).map_err(Failure::reach)?,
        pace,
        stop,
        rate: Rate::default(),
    };
    let played = stage.play(&worker, limit);
    let Stage { view, models, chronicle, latencies, market, .. } = stage;
    drop(view);
    worker.join().map_err(Failure::reach)?;
    drop(cluster);
    played?;
    let fates = models.fates();
    let summary = Summary::new(&fates, &chronicle, latencies.quantiles());
    println!("{}", words(&summary, &fates, &chronicle, market.truth()));
    match &options.summary {
        Some(file) => summary.write(file).map_err(|error| Failure::reach(format!("{}: {error}", file.display()))),
        None => Ok(()),
    }
}

fn join(problems: &[impl std::fmt::Display]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn parse_span(text: &str) -> Result<Duration, Failure> {
    let ms = crate::ops::moments::span(text).map_err(|error| Failure::input(format!("--for: {error}")))?;
    let span = Duration::from_millis(ms.unsigned_abs());
    if span < DAY_DURATION_MIN {
        return Err(Failure::input(format!("--for: a day takes at least {} s", DAY_DURATION_MIN.as_secs())));
    }
    Ok(span)
}

/// The worker's settings at that pace: what bounds the machine's own delay is stretched with the clock.
fn configuration(pace: Pace) -> Config {
    let mut config = Config { shards: Shards { customer: 4, partner: 2 }, ..Config::default() };
    config.clock.kind = ClockKind::Scaled;
    config.clock.scaled_from_ms = PLAY_DAY_START.0;
    config.clock.scale = u32::try_from(pace.speed()).unwrap_or(u32::MAX);
    config.customer.heartbeat_secs = pace.event_secs(Duration::from_millis(200)).max(5);
    config.customer.decision_age_secs_max = 2 * 3_600;
    // While history loads, repayments may move a partner's clock far ahead of its applications.
    config.customer.late_event_secs_max = 35 * 86_400;
    config.partner.heartbeat_stale_secs = pace.event_secs(Duration::from_secs(3)).max(30);
    config.partner.idle_after_secs = pace.event_secs(Duration::from_millis(500)).max(1_800);
    config.partner.view_every_ms = pace.event_secs(Duration::from_millis(250)).max(1) * 1_000;
    config.http.listen = String::new();
    config
}

/// Events per second over the last second.
#[derive(Default)]
struct Rate {
    at: Option<Instant>,
    consumed: i64,
    per_s: i64,
}

impl Rate {
    fn update(&mut self, consumed: i64) -> i64 {
        match self.at {
            Some(at) if at.elapsed() < Duration::from_secs(1) => {}
            Some(at) => {
                let ms = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX).max(1);
                self.per_s = (consumed - self.consumed) * 1_000 / ms;
                (self.at, self.consumed) = (Some(Instant::now()), consumed);
            }
            None => (self.at, self.consumed) = (Some(Instant::now()), consumed),
        }
        self.per_s
    }
}

/// Everything that plays together.
struct Stage {
    shared: Shared,
    models: Arc<Models>,
    outputs: Receiver<Output>,
    feeder: Feeder,
    market: Market,
    chronicle: Chronicle,
    latencies: Latencies,
    view: View,
    pace: Pace,
    stop: Arc<AtomicBool>,
    rate: Rate,
}

impl Stage {
    fn play(&mut self, worker: &Worker, limit: Option<Duration>) -> Ended {
        self.load_history(worker)?;
        self.shared.clock.release();
        let began = Instant::now();
        while limit.is_none_or(|limit| began.elapsed() < limit) && !self.stopped(worker)? {
            let at = self.pace.event_time(began.elapsed());
            for record in self.market.next_until(at) {
                self.feeder.send(&record)?;
            }
            self.feeder.serve();
            self.listen(Some(at), BEAT);
            let passed_ms = at.ms_since(PLAY_DAY_START);
            let (number, rest) = (passed_ms / DAY_MS + 1, passed_ms % DAY_MS);
            self.show(Phase::Day { number, passed_ppm: rest * 1_000_000 / DAY_MS }, at)?;
        }
        self.close(worker)
    }

    /// Four weeks before the day that is played; the clock stands still meanwhile.
    fn load_history(&mut self, worker: &Worker) -> Ended {
        let records: Vec<_> = self.market.history().collect();
        let all = records.len() as i64;
        for (done, record) in records.iter().enumerate() {
            self.feeder.send(record)?;
            if done % 512 == 0 {
                self.feeder.serve();
                self.listen(None, Duration::ZERO);
                self.show(Phase::History { done: self.models.fates().consumed(), all }, PLAY_DAY_START)?;
                if self.stopped(worker)? {
                    return Ok(());
                }
            }
        }
        self.feeder.flush()?;
        let began = Instant::now();
        while self.models.fates().consumed() < self.feeder.sent() && !self.stopped(worker)? {
            if began.elapsed() > Duration::from_secs(HISTORY_SECS_MAX) {
                return Err(Failure::reach("the history was not worked off in time"));
            }
            self.listen(None, BEAT);
            self.show(Phase::History { done: self.models.fates().consumed(), all }, PLAY_DAY_START)?;
        }
        Ok(())
    }

    /// Lets what is in flight come to its end.
    fn close(&mut self, worker: &Worker) -> Ended {
        self.feeder.flush()?;
        let (began, mut heard) = (Instant::now(), Instant::now());
        loop {
            if self.listen(None, BEAT) > 0 {
                heard = Instant::now();
            }
            let behind = self.models.fates().consumed() < self.feeder.sent();
            let quiet = heard.elapsed() > Duration::from_millis(QUIET_MS);
            if (!behind && quiet) || worker.stopping() || began.elapsed() > Duration::from_secs(CLOSING_SECS_MAX) {
                return Ok(());
            }
            self.show(Phase::Closing, self.shared.clock.now(EventTime::default(), EventTime::default()))?;
        }
    }

    fn stopped(&mut self, worker: &Worker) -> Result<bool, Failure> {
        let asked = self.view.stop_wanted().map_err(Failure::reach)?;
        Ok(asked || self.stop.load(Ordering::Relaxed) || worker.stopping())
    }

    /// Takes what the worker said within `most`; with `at` the market's customers react to candidates. Returns how many
    /// answers came: views come as long as time goes on and are no answers.
    fn listen(&mut self, at: Option<EventTime>, most: Duration) -> usize {
        let (mut answers, until) = (0, Instant::now() + most);
        while let Ok(output) = self.outputs.recv_timeout(until.saturating_duration_since(Instant::now())) {
            answers += usize::from(!matches!(output, Output::View(_)));
            match output {
                Output::View(view) => self.chronicle.see_view(*view),
                Output::Alert(alert) => self.chronicle.see_alert(&alert),
                Output::Decision(decision) => self.chronicle.see_decision(&decision),
                Output::Candidate(candidate) => {
                    if candidate.status == CandidateStatus::Active
                        && let Some(took) = self.feeder.since(&candidate.grounds.source)
                    {
                        self.latencies.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                    }
                    self.chronicle.see_candidate(&candidate);
                    if let Some(at) = at {
                        self.market.on_candidate(&candidate, at);
                    }
                }
                Output::Bundle { .. } | Output::Reply { .. } | Output::Pane(_) => {}
            }
        }
        answers
    }

    fn show(&mut self, phase: Phase, now: EventTime) -> Ended {
        if !self.view.due() {
            return Ok(());
        }
        let fates = self.models.fates();
        let events_per_s = self.rate.update(fates.consumed());
        let progress = Progress { phase, now, events_per_s, fates, latency: self.latencies.quantiles() };
        self.view.draw(&Snapshot::new(&self.chronicle, progress)).map_err(Failure::reach)
    }
}
