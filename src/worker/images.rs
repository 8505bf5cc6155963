//! The image files of a process: two generations per shard in one directory. What they hold is [`crate::store::image`]'s.
//!
//! A file is written under another name, brought to the disk and only then renamed, so a process that dies leaves the last
//! whole one. What cannot be read is not used and said; the state then comes from the changelog.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::shard::ShardRunner;
use crate::bus::restore::Course;
use crate::domain::decision::StageName;
use crate::store::image::{Discard, FOOTER_BYTES, FRAME_BYTES, Frame, Header, Log, PREAMBLE_BYTES, Totals};
use crate::telemetry::events;

/// The generations of a shard's image, the newer one first.
const GENERATIONS: [&str; 2] = ["image", "previous"];
/// The name of an image in the making ends with it.
const UNFINISHED: &str = "unfinished";

/// Where images lie.
#[derive(Clone, Debug)]
pub struct ImageFiles {
    dir: PathBuf,
    /// `kafka.prefix`: several deployments may share a directory.
    prefix: String,
}

/// A shard as an image has it.
pub struct Loaded {
    pub runner: ShardRunner,
    /// The changelog is read on from here.
    pub from: i64,
    pub entries: u64,
}

/// What an image has to fit to.
pub struct Fit<'a> {
    /// What an image written now would say of itself.
    pub own: &'a Header,
    pub log: &'a Log,
    /// The sequence of the shard's last transaction in the changelog, where it is known.
    pub sequence: Option<i64>,
    pub course: &'a Course,
}

impl ImageFiles {
    pub fn new(dir: &Path, prefix: &str) -> Self {
        Self { dir: dir.to_owned(), prefix: prefix.to_owned() }
    }

    fn path(&self, stage: StageName, shard: i32, ending: &str) -> PathBuf {
        self.dir.join(format!("{}{stage}-{shard:04}.{ending}", self.prefix))
    }

    /// A new file for an image in the making.
    pub fn create(&self, stage: StageName, shard: i32) -> io::Result<(File, PathBuf)> {
        fs::create_dir_all(&self.dir)?;
        let path = self.path(stage, shard, UNFINISHED);
        Ok((File::create(&path)?, path))
    }

    /// Puts a finished image in the place of the current one, which becomes the previous one.
    pub fn publish(&self, file: &File, unfinished: &Path, stage: StageName, shard: i32) -> io::Result<()> {
        file.sync_all()?;
        let [current, previous] = GENERATIONS.map(|ending| self.path(stage, shard, ending));
        match fs::rename(&current, &previous) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(unfinished, &current)?;
        File::open(&self.dir)?.sync_all()
    }

    /// Deletes what is too old to be used, of any shard: it may name customers that are deleted by now.
    pub fn sweep(&self, age_max: Duration) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let ours = name.to_string_lossy().starts_with(&self.prefix)
                && GENERATIONS
                    .iter()
                    .chain([&UNFINISHED])
                    .any(|it| name.to_string_lossy().ends_with(&format!(".{it}")));
            if ours {
                remove_older(&entry, age_max)?;
            }
        }
        Ok(())
    }

    /// The newest image that fits, in a runner that `fresh` makes.
    pub fn load(&self, stage: StageName, shard: i32, fit: &Fit<'_>, fresh: impl Fn() -> ShardRunner) -> Option<Loaded> {
        for ending in GENERATIONS {
            let path = self.path(stage, shard, ending);
            match read(&path, fit, fresh()) {
                Ok(loaded) => return Some(loaded),
                Err(Unread::Missing) => {}
                Err(Unread::GivenUp) => return None,
                Err(Unread::Discarded(reason)) => events::image_discarded(stage, shard, &path, &reason),
                Err(Unread::Io(error)) => events::image_discarded(stage, shard, &path, &error),
            }
        }
        None
    }
}

/// What another lane has renamed meanwhile is not there any more, which is as well.
fn remove_older(entry: &fs::DirEntry, age_max: Duration) -> io::Result<()> {
    let removed = entry.metadata().and_then(|it| it.modified()).and_then(|modified| {
        if modified.elapsed().unwrap_or_default() > age_max { fs::remove_file(entry.path()) } else { Ok(()) }
    });
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Why a file gave no state.
enum Unread {
    Missing,
    /// The shard is not wanted any more.
    GivenUp,
    Discarded(Discard),
    Io(io::Error),
}

impl From<Discard> for Unread {
    fn from(reason: Discard) -> Self {
        Self::Discarded(reason)
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::UnexpectedEof => Self::Discarded(Discard::Torn),
            _ => Self::Io(error),
        }
    }
}

/// Reads an image: first what it belongs to and whether it has an end, then chunk after chunk into one buffer.
fn read(path: &Path, fit: &Fit<'_>, mut runner: ShardRunner) -> Result<Loaded, Unread> {
    let mut file = File::open(path)?;
    let mut preamble = [0; PREAMBLE_BYTES];
    file.read_exact(&mut preamble)?;
    let mut buffer = vec![0; Header::rest(&preamble)?];
    file.read_exact(&mut buffer)?;
    let header = Header::decode(&preamble, &buffer)?;
    header.check(fit.own, fit.log)?;
    let first_chunk = file.stream_position()?;
    let end = file.seek(SeekFrom::End(0))?;
    let footer_at = end.checked_sub(FOOTER_BYTES as u64).filter(|at| *at >= first_chunk).ok_or(Discard::Torn)?;
    let mut footer = [0; FOOTER_BYTES];
    file.seek(SeekFrom::Start(footer_at))?;
    file.read_exact(&mut footer)?;
    let totals = Totals::of_footer(&footer)?;
    file.seek(SeekFrom::Start(first_chunk))?;
    let mut entries = 0;
    runner.expect(totals.entries());
    for number in 0..totals.chunks() {
        if !fit.course.step() {
            return Err(Unread::GivenUp);
        }
        let mut frame = [0; FRAME_BYTES];
        file.read_exact(&mut frame)?;
        let frame = Frame::decode(&frame)?;
        buffer.resize(frame.len(), 0);
        file.read_exact(&mut buffer)?;
        entries += frame.read(number, &buffer, |key, value| runner.load(key, Some(value)))?;
    }
    totals.agree(entries)?;
    let image = runner.committed().sequence;
    match fit.sequence {
        Some(changelog) if image > changelog => Err(Discard::Ahead { image, changelog }.into()),
        _ => Ok(Loaded { runner, from: header.from, entries }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_goes_finished_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = ImageFiles::new(dir.path(), "reflow.");
        let (finished, unfinished) = files.create(StageName::Customer, 0).unwrap();
        files.publish(&finished, &unfinished, StageName::Customer, 0).unwrap();
        files.create(StageName::Customer, 1).unwrap();
        fs::write(dir.path().join("another.unfinished"), b"not ours").unwrap();
        files.sweep(Duration::from_secs(60)).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        files.sweep(Duration::ZERO).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["another.unfinished"]);
    }
}
