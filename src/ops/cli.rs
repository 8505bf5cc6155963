//! The command line: what can be asked for, and how each answer becomes an exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::exit::{Ended, Failure};
use super::{decisions, demo, explain, load, local, moments, partners, policy, run, schemas, topics};
use crate::config::{self, Config};
use crate::domain::EventTime;
use crate::worker::clock;

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 a negative finding, 2 wrong input or usage, 3 a part out of reach, 130 interrupted.";

/// Real-time and offline reflow candidates over Kafka, compliance first.
#[derive(Debug, Parser)]
#[command(name = "reflow", version, about, after_help = EXIT_CODES, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct Configured {
    /// Configuration file (YAML); every setting can also be given as REFLOW_… in the environment
    #[arg(long, env = "REFLOW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configured {
    pub fn load(&self) -> Result<Config, Failure> {
        config::load(self.config.as_deref(), config::environment::settings()).map_err(Failure::input)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the worker: both stages, or those the configuration names
    #[command(
        after_help = "Example: reflow run --config reflow.yaml\n         reflow run --config reflow.yaml --check"
    )]
    Run {
        #[command(flatten)]
        configured: Configured,
        /// Print the effective configuration with secrets redacted, check policies, start nothing
        #[arg(long)]
        check: bool,
    },
    /// Play a generated market through the real worker
    #[command(after_help = "Example: reflow demo\n         reflow demo --for 30s --summary out.json")]
    Demo(demo::Options),
    /// Run both stages over files, without a broker
    #[command(
        after_help = "Example: reflow local --mapping examples/real-data/bpi2012.mapping.yaml --out out bpi2012_events.csv.gz"
    )]
    Local(local::Options),
    /// Read files into the input topics
    #[command(after_help = "Example: reflow load --mapping mine.mapping.yaml --dry-run events.csv.gz")]
    Load {
        #[command(flatten)]
        configured: Configured,
        #[command(flatten)]
        options: load::Options,
    },
    /// Show the state of every partner, or its history
    #[command(
        after_help = "Example: reflow partners --json\n         reflow partners history --partner p01 --from 7d --step 1d"
    )]
    Partners {
        #[command(flatten)]
        configured: Configured,
        /// JSON instead of a table
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        what: Option<PartnersWhat>,
    },
    /// Plan, create or check the topics
    #[command(after_help = "Example: reflow topics plan\n         reflow topics apply --config reflow.yaml")]
    Topics {
        what: topics::Do,
        #[command(flatten)]
        configured: Configured,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Register our schemas in the schema registry, or check them against it
    #[command(
        after_help = "Example: reflow schemas register --config reflow.yaml\n         reflow schemas check --json"
    )]
    Schemas {
        what: schemas::Do,
        #[command(flatten)]
        configured: Configured,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Check, try and compare policies; publish, show or roll back what the workers judge by
    #[command(
        after_help = "Example: reflow policy diff old.yaml new.yaml\n         reflow policy publish new.yaml --config reflow.yaml"
    )]
    Policy {
        #[command(subcommand)]
        what: policy::Do,
    },
    /// Show decisions with their reasons
    #[command(
        after_help = "Example: reflow decisions --customer c-0017\n         reflow decisions --partner p01 --since 24h --json"
    )]
    Decisions {
        #[command(flatten)]
        configured: Configured,
        /// The customer's token (reads one partition)
        #[arg(long, value_name = "TOKEN", conflicts_with = "partner", required_unless_present = "partner")]
        customer: Option<String>,
        /// The partner
        #[arg(long, value_name = "PARTNER")]
        partner: Option<String>,
        /// Only what was written since: 2026-03-01, an RFC 3339 time, or a span ago such as 24h
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Say why a decision was made, and what would have turned it
    #[command(
        after_help = "Example: reflow explain --decision 5f0c…\n         reflow explain --customer c-0017 --at 2026-03-01T08:00:00Z --lang zh --page > page.html\n         reflow explain --event tests/scenarios/contact/cool-down.yaml --policy mine.yaml"
    )]
    Explain {
        #[command(flatten)]
        configured: Configured,
        /// The decision's id (reads all partitions)
        #[arg(long, value_name = "ID", required_unless_present_any = ["customer", "event"], conflicts_with_all = ["customer", "event"])]
        decision: Option<String>,
        /// The customer's token: the latest decision at that moment or before
        #[arg(long, value_name = "TOKEN", requires = "at", conflicts_with = "event")]
        customer: Option<String>,
        /// The moment: 2026-03-01, an RFC 3339 time, or a span ago such as 24h
        #[arg(long, value_name = "TIME", requires = "customer")]
        at: Option<String>,
        /// Events as in a scenario: what would be decided, without a broker
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
        /// With --event, the policy to judge by, in place of the one they name; else where texts of a policy's own codes are
        /// read from, in place of the policies that the workers have
        #[arg(long, value_name = "FILE", num_args = 1..)]
        policy: Vec<PathBuf>,
        #[command(flatten)]
        shape: explain::Shape,
    },
}

#[derive(Debug, Subcommand)]
enum PartnersWhat {
    /// Sums of panes per step
    History {
        #[arg(long)]
        partner: Option<String>,
        /// Begin: a day, an RFC 3339 time, or a span ago
        #[arg(long, default_value = "7d")]
        from: String,
        /// End
        #[arg(long)]
        to: Option<String>,
        /// Whole hours or days
        #[arg(long, default_value = "1d")]
        step: String,
    },
}

/// Parses the arguments, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // The demo's live view owns the terminal: a log line would tear it.
    let quiet = matches!(&cli.command, Command::Demo(options) if options.live());
    log_to_stderr(if quiet { "off" } else { "info" });
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("reflow: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(command: Command) -> Ended {
    match command {
        Command::Run { configured, check: true } => run::check(&configured.load()?),
        Command::Run { configured, check: false } => run::run(configured.load()?),
        Command::Demo(options) => demo::demo(&options),
        Command::Local(options) => local::local(&options),
        Command::Load { configured, options } => load::load(&configured.load()?, &options),
        Command::Partners { configured, json, what: None } => partners::partners(&configured.load()?, json),
        Command::Partners { configured, json, what: Some(PartnersWhat::History { partner, from, to, step }) } => {
            let now = clock::wall();
            let to = to.map_or(Ok(now), |to| moment(&to, now))?;
            let step_ms = moments::span(&step).map_err(Failure::input)?;
            let span = partners::Span { from: moment(&from, now)?, to, step_ms };
            partners::history(&configured.load()?, partner.as_deref(), span, json)
        }
        Command::Topics { what, configured, json } => topics::topics(&configured.load()?, what, json),
        Command::Schemas { what, configured, json } => schemas::schemas(&configured.load()?, what, json),
        Command::Policy { what } => policy::policy(what),
        Command::Decisions { configured, customer, partner, since, json } => {
            let of = match (customer, partner) {
                (Some(customer), _) => decisions::Of::Customer(customer),
                (None, partner) => decisions::Of::Partner(partner.unwrap_or_default()),
            };
            let since = since.map(|since| moment(&since, clock::wall())).transpose()?;
            decisions::decisions(&configured.load()?, &of, since, json)
        }
        Command::Explain { event: Some(event), policy, shape, .. } => explain::planned(&event, &policy, &shape),
        Command::Explain { configured, decision, customer, at, policy, shape, .. } => {
            let which = match (customer, at) {
                (Some(customer), Some(at)) => explain::Which::At(customer, moment(&at, clock::wall())?),
                _ => explain::Which::Id(decision.unwrap_or_default()),
            };
            explain::written(&configured.load()?, &which, &policy, &shape)
        }
    }
}

fn moment(text: &str, now: EventTime) -> Result<EventTime, Failure> {
    moments::moment(text, now).map_err(Failure::input)
}

/// Logs go to standard error: text for a terminal, JSON lines with `REFLOW_LOG_FORMAT=json`; `REFLOW_LOG` filters.
fn log_to_stderr(default: &str) {
    let asked = config::environment::log();
    let filter = tracing_subscriber::EnvFilter::try_new(asked.filter.as_deref().unwrap_or(default))
        .unwrap_or_else(|_| default.into());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let ansi = asked.colour && std::io::IsTerminal::is_terminal(&std::io::stderr());
    if asked.json {
        builder.json().init();
    } else {
        builder.with_ansi(ansi).init();
    }
}
