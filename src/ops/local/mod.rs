//! `reflow local`: files in, files out, no broker, the same two stages.

mod engine;
mod files;
mod summary;

pub use engine::{Engine, Incoming, Listener};

use std::path::PathBuf;

use super::exit::{Ended, Failure};
use super::source::{Report, SourceSet};
use super::{policies, sources};
use crate::bus::Topic;
use crate::config::{ClockKind, Config, Shards};
use crate::domain::Text;
use crate::wire::SchemaIds;
use crate::worker::Shared;
use files::Files;
use summary::Summary;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Mapping of columns to events (YAML); may be given several times
    #[arg(long, value_name = "MAPPING", required = true)]
    pub mapping: Vec<PathBuf>,
    /// Policy (YAML): a file, or the directory of its files; given several times: several versions. Without one: panes only
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

/// Reads the files in event-time order through both stages and writes what they said.
pub fn local(options: &Options) -> Ended {
    let policies = policies::load(&options.policy)?;
    let files = Files::create(&options.out).map_err(|error| unwritable(options, &error))?;
    let mut config = Config::default();
    config.clock.kind = ClockKind::Event;
    config.shards = Shards { customer: options.shards, partner: 1 };
    // Files are read whole: hour tiles stay correct for as long as the run lasts.
    config.partner.hours_keep_days = config.partner.days_keep_days;
    // Nobody reads views of a run over files.
    config.partner.view_every_ms = i64::MAX / 4;
    let rejected = options.out.join("rejected-rows.jsonl");
    let source = sources::open(&options.mapping, &options.files, true, Some(&rejected), SchemaIds::default())?;
    let mut engine = Engine::new(&Shared::new(config, policies), files);
    let report = feed(source, &mut engine)?;
    engine.finish();
    let (fates, now, files) = engine.into_parts();
    sources::tell(&report);
    let counts = files.finish(&options.out, now).map_err(|error| unwritable(options, &error))?;
    let summary = Summary::new(&report, fates, now, &counts);
    summary.write(&options.out.join("summary.json")).map_err(|error| unwritable(options, &error))?;
    summary.tell(&options.out);
    Ok(())
}

fn feed(mut source: SourceSet, engine: &mut Engine<Files>) -> Result<Report, Failure> {
    let names: Vec<Text> = source.report().files.iter().map(|file| Text::from(file.file.as_str())).collect();
    for event in source.by_ref() {
        let event = event.map_err(sources::failure)?;
        let Some(topic) = Topic::of_event(event.schema) else { continue };
        engine.feed(Incoming {
            topic,
            key: event.key.as_bytes().to_vec(),
            value: event.value,
            event_time: event.event_time,
            file: names.get(event.file as usize).cloned().unwrap_or_default(),
            line: event.line,
        });
    }
    Ok(source.report().clone())
}

fn unwritable(options: &Options, error: &std::io::Error) -> Failure {
    Failure::reach(format!("{}: {error}; --out takes a folder that can be written", options.out.display()))
}
