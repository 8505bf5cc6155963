//! `reflow policy …`: what authors, reviewers and operators do with a policy: checking, comparing, and the policy log.

mod check;
mod compare;
pub mod log;
mod publish;
pub mod reasons;
mod status;
pub mod test;

use std::path::PathBuf;

use clap::Subcommand;

use super::cli::Configured;
use super::exit::Ended;
use crate::domain::Text;

/// The shape of the document, for editors.
const SCHEMA: &str = include_str!("../../../policies/policy.schema.json");

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Do {
    /// Check policies: everything that is wrong with its place, and findings with a counter-example
    #[command(
        after_help = "Example: reflow policy check policies/example.yaml\n         reflow policy check --at 2026-12-01 policies --json\n\nExit codes: 0 clean, 1 findings, 2 not a policy."
    )]
    Check {
        /// Each a policy: a file, or a directory whose YAML files are one policy together
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// The moment from which 30 days are looked ahead: a day or an RFC 3339 time [default: when the policy takes effect]
        #[arg(long, value_name = "WHEN")]
        at: Option<String>,
        /// One JSON object a problem or finding
        #[arg(long)]
        json: bool,
    },
    /// Play scenarios through both stages, without a broker
    #[command(after_help = "Example: reflow policy test tests/scenarios")]
    Test {
        /// Scenario files, or folders with files that end in .yaml (*.policy.yaml are policies)
        #[arg(required = true, value_name = "DIR")]
        paths: Vec<PathBuf>,
        /// JSON instead of words
        #[arg(long)]
        json: bool,
    },
    /// Print the table of reason codes (docs/reasons.md)
    #[command(after_help = "Example: reflow policy reasons > docs/reasons.md")]
    Reasons,
    /// Print the JSON Schema of a policy, with which editors complete and check it
    #[command(after_help = "Example: reflow policy schema > policy.schema.json\n\n\
                            Beside it, a policy says in its first line: # yaml-language-server: $schema=policy.schema.json")]
    Schema,
    /// Say in plain words what differs between two policies; exit 0 when nothing does, 1 when something does
    #[command(after_help = "Example: reflow policy diff policies/2026-02.yaml policies/2026-03/\n\n\
                            A and B are each a file, or a directory with the files of one policy.")]
    Diff {
        /// The earlier policy
        #[arg(value_name = "A")]
        before: PathBuf,
        /// The later one
        #[arg(value_name = "B")]
        after: PathBuf,
        /// JSON instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Check a policy and put it into the policy log; every worker judges by it from its effective_from on
    #[command(after_help = "Example: reflow policy publish policies/2026-03/ --config reflow.yaml\n\n\
                            effective_from has to lie policy.lead_secs ahead of what the workers have seen.")]
    Publish {
        #[command(flatten)]
        configured: Configured,
        /// The files of one policy, or the directory they are in
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show what is in force, what comes, and what each worker knows; exit 1 when a worker knows something else
    #[command(after_help = "Example: reflow policy status --config reflow.yaml --json")]
    Status {
        #[command(flatten)]
        configured: Configured,
        /// JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Put an earlier version in force again, word for word, under a new version and effective time
    #[command(
        after_help = "Example: reflow policy rollback 2026-02 --as 2026-03-back --effective-from 2026-03-14T10:00:00Z \\\n         \
                            --author a.author --approver b.approver --reason \"Quota of p01 was wrong\" --config reflow.yaml"
    )]
    Rollback(#[command(flatten)] Rollback),
}

/// A rollback is a document like any other: somebody writes it, and somebody else approves it.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    #[command(flatten)]
    pub configured: Configured,
    /// The earlier version
    #[arg(value_name = "VERSION")]
    pub earlier: Text,
    /// The new version
    #[arg(long = "as", value_name = "VERSION")]
    pub version: String,
    /// Event time from which it is in force again, RFC 3339; left out: as soon as the lead time allows
    #[arg(long, value_name = "WHEN")]
    pub effective_from: Option<String>,
    /// Who rolls back
    #[arg(long)]
    pub author: String,
    /// Another person
    #[arg(long)]
    pub approver: String,
    /// Why
    #[arg(long)]
    pub reason: String,
}

pub fn policy(what: Do) -> Ended {
    match what {
        Do::Check { paths, at, json } => check::check(&paths, at.as_deref(), json),
        Do::Test { paths, json } => test::test(&paths, json),
        Do::Reasons => {
            print!("{}", reasons::page());
            Ok(())
        }
        Do::Schema => {
            print!("{SCHEMA}");
            Ok(())
        }
        Do::Diff { before, after, json } => compare::compare(before, after, json),
        Do::Publish { configured, files } => publish::publish(&configured.load()?, &files),
        Do::Status { configured, json } => status::status(&configured.load()?, json),
        Do::Rollback(options) => publish::rollback(&options.configured.load()?, &options),
    }
}
