//! `reflow local`: files in, files out, no broker, the same two stages.

mod engine;
mod files;

pub use engine::{Engine, Incoming, Listener};

use std::path::PathBuf;

use super::exit::Ended;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Mapping of columns to events (YAML); may be given several times
    #[arg(long, value_name = "MAPPING", required = true)]
    pub mapping: Vec<PathBuf>,
    /// Policy (YAML); without one: panes only
    #[arg(long, value_name = "POLICY")]
    pub policy: Vec<PathBuf>,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Customer shards; the panes do not depend on it
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=64))]
    pub shards: i32,
    /// CSV or JSON lines, plain or gzip
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

pub fn local(_options: &Options) -> Ended {
    Ok(())
}
