//! `reflow policy …`: what its authors, reviewers and operators do with a policy.

mod check;

use std::path::PathBuf;

use clap::Subcommand;

use super::exit::Ended;

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub enum What {
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
}

pub fn policy(what: What) -> Ended {
    match what {
        What::Check { paths, at, json } => check::check(&paths, at.as_deref(), json),
    }
}
