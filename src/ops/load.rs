//! `reflow load`: files into the input topics.

use std::path::PathBuf;

use super::exit::Ended;
use crate::config::Config;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Mapping of columns to events (YAML); may be given several times
    #[arg(long, value_name = "MAPPING", required = true)]
    pub mapping: Vec<PathBuf>,
    /// Read and check everything, send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the order of the files instead of sorting by event time
    #[arg(long)]
    pub as_is: bool,
    /// CSV or JSON lines, plain or gzip
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

pub fn load(_config: &Config, _options: &Options) -> Ended {
    Ok(())
}
