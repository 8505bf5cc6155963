//! The state of shards, from wherever it comes fastest: kept in the process, an image and the changelog's tail, or the
//! changelog alone. Shards are shared out among threads, and those of a thread are read together.

use std::collections::BTreeMap;
use std::thread::available_parallelism;
use std::time::Duration;

use super::clock::wall;
use super::images::{Fit, ImageFiles};
use super::parking::{Parked, Parking};
use super::progress::{PROGRESS_KEY, Progress};
use super::refusal::Refusal;
use super::shard::ShardRunner;
use super::shared::Shared;
use super::stage::Stage;
use crate::bus::Topic;
use crate::bus::identity::Identity;
use crate::bus::restore::{Course, Extent, RestoreError, Restorer, Stretch};
use crate::domain::Text;
use crate::domain::decision::StageName;
use crate::store::image::{Header, Log};
use crate::words;

/// Offsets at the end of a changelog in which its last progress record is looked for: each transaction ends with one.
const LAST_OFFSETS: i64 = 512;
/// Most threads that restore at the same time.
const THREADS_MAX: usize = 8;

words! {
    /// Where a shard's state came from.
    pub enum Origin {
        /// It had stayed in the process, and nobody had moved on.
        Kept = "kept",
        /// It had stayed in the process; what another owner wrote was read.
        KeptAndTail = "kept_and_tail",
        ImageAndTail = "image_and_tail",
        Changelog = "changelog",
    }
}

/// A shard that is asked for.
pub struct Wanted {
    pub shard: i32,
    /// Its state, where it stayed in the process.
    pub kept: Option<Parked>,
}

/// A shard with its state.
pub struct Recovered {
    pub runner: ShardRunner,
    pub origin: Origin,
    /// Entries read from an image, and from the changelog.
    pub image_entries: u64,
    pub changelog_entries: u64,
    /// Everything of the changelog below this offset is in it.
    pub known: i64,
}

/// Recovers shards of one stage.
pub struct Recovery<'a> {
    pub shared: &'a Shared,
    pub stage: StageName,
    /// By which the work is given up, and seen to go on.
    pub course: &'a Course,
    /// Where whole states go back to when the work is given up or fails: they are not restored twice.
    pub parking: &'a Parking,
}

/// A shard on its way.
struct Underway {
    recovered: Recovered,
    stretch: Stretch,
}

impl Underway {
    /// True when what it knows is all of some commit: it was read to its end, or stayed here and nothing was read on top of it.
    fn is_whole(&self) -> bool {
        let Recovered { origin, known, changelog_entries, .. } = &self.recovered;
        let stayed = matches!(origin, Origin::Kept | Origin::KeptAndTail);
        *known == self.stretch.high && *known > 0 || stayed && *changelog_entries == 0
    }
}

impl Recovery<'_> {
    /// The shards in the order of their numbers.
    pub fn run(&self, wanted: Vec<Wanted>) -> Result<Vec<Recovered>, Refusal> {
        let identity = self.identity();
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = cores.min(THREADS_MAX).min(wanted.len()).max(1);
        let mut shares: Vec<Vec<Wanted>> = (0..threads).map(|_| Vec::new()).collect();
        for (at, one) in wanted.into_iter().enumerate() {
            shares[at % threads].push(one);
        }
        let mut recovered = Vec::new();
        let ended = std::thread::scope(|scope| {
            let share = |share| scope.spawn(|| self.share(share, identity.as_ref()));
            let running: Vec<_> = shares.into_iter().map(share).collect();
            // All of them end before one of them says why there is nothing to take over.
            let ended: Vec<_> = running.into_iter().map(|it| it.join().unwrap_or(Err(Refusal::Thread))).collect();
            let mut refusals = Vec::new();
            for share in ended {
                share.map_or_else(|refusal| refusals.push(refusal), |share| recovered.extend(share));
            }
            refusals.into_iter().next().map_or(Ok(()), Err)
        });
        recovered.sort_by_key(|one| one.runner.shard());
        match ended {
            Ok(()) => Ok(recovered),
            Err(refusal) => {
                recovered.into_iter().for_each(|one| self.parking.park(self.stage, one.runner, one.known));
                Err(refusal)
            }
        }
    }

    fn changelog(&self) -> &str {
        self.shared.topic_name(Topic::changelog(self.stage))
    }

    /// What images are tied to; none when there are none, or when it cannot be asked for.
    fn identity(&self) -> Option<Identity> {
        let config = &self.shared.config;
        if !config.images.is_on() {
            return None;
        }
        match Identity::of(&config.client(), self.changelog()) {
            Ok(Some(identity)) => return Some(identity),
            Ok(None) => tracing::warn!("images are not used: the cluster does not say its id or the ids of its topics"),
            Err(error) => tracing::warn!(%error, "images are not used: the changelog topic could not be described"),
        }
        None
    }

    /// One thread's shards.
    fn share(&self, wanted: Vec<Wanted>, identity: Option<&Identity>) -> Result<Vec<Recovered>, Refusal> {
        let (mut wanted, mut underway) = (wanted.into_iter(), Vec::new());
        if let Err(refusal) = self.get(&mut wanted, &mut underway, identity) {
            let kept = wanted.filter_map(|one| one.kept).map(|kept| (kept.runner, kept.known));
            let whole = underway.into_iter().filter(Underway::is_whole).map(|one| one.recovered);
            for (runner, known) in kept.chain(whole.map(|one| (one.runner, one.known))) {
                self.parking.park(self.stage, runner, known);
            }
            return Err(refusal);
        }
        Ok(underway.into_iter().map(|one| one.recovered).collect())
    }

    /// Begins every shard that is wanted, and reads them all.
    fn get(
        &self,
        wanted: &mut std::vec::IntoIter<Wanted>,
        underway: &mut Vec<Underway>,
        identity: Option<&Identity>,
    ) -> Result<(), Refusal> {
        let config = &self.shared.config;
        let silence = Duration::from_secs(config.restore.silence_secs_max);
        let restorer = Restorer::open(&config.restorer(), self.changelog(), silence, self.course)?;
        let mut extents = BTreeMap::new();
        for one in wanted.as_slice() {
            extents.insert(one.shard, restorer.extent(one.shard)?);
        }
        let last = self.last_progress(&restorer, &extents)?;
        for (shard, last) in &last {
            self.check(*shard, last)?;
        }
        for one in wanted {
            let (shard, extent) = (one.shard, extents[&one.shard]);
            let recovered = self.begin(one, extent, last.get(&shard), identity)?;
            let from = if recovered.origin == Origin::Kept { extent.high } else { recovered.known };
            underway.push(Underway { recovered, stretch: Stretch { shard, from, high: extent.high } });
        }
        self.read_on(&restorer, underway)
    }

    /// Reads what is missing of every shard, and settles that it is a whole state.
    fn read_on(&self, restorer: &Restorer<'_>, underway: &mut [Underway]) -> Result<(), Refusal> {
        let stretches: Vec<Stretch> = underway.iter().map(|one| one.stretch).collect();
        let most = stretches.iter().map(|stretch| stretch.shard).max().unwrap_or(0);
        let mut place = vec![usize::MAX; most as usize + 1];
        for (at, stretch) in stretches.iter().enumerate() {
            place[stretch.shard as usize] = at;
        }
        restorer.read(&stretches, |entry| {
            let recovered = &mut underway[place[entry.shard as usize]].recovered;
            recovered.changelog_entries += 1;
            recovered.runner.load(entry.key, entry.value)
        })?;
        for Underway { recovered, stretch } in underway {
            let progress = recovered.runner.committed();
            if progress.sequence == 0 && recovered.changelog_entries > 0 {
                let (stage, shard, changelog) = (self.stage, stretch.shard, self.changelog().to_owned());
                return Err(Refusal::NoProgress { stage, shard, changelog });
            }
            self.check(stretch.shard, progress)?;
            self.know(stretch.shard, progress)?;
            recovered.known = stretch.high;
        }
        Ok(())
    }

    /// The last progress record of each shard, where it stands near the end of its changelog: it tells in milliseconds
    /// whether a state fits, before any of it is read.
    fn last_progress(
        &self,
        restorer: &Restorer<'_>,
        extents: &BTreeMap<i32, Extent>,
    ) -> Result<BTreeMap<i32, Progress>, Refusal> {
        let stretch = |(shard, extent): (&i32, &Extent)| Stretch {
            shard: *shard,
            from: extent.low.max(extent.high - LAST_OFFSETS),
            high: extent.high,
        };
        let stretches: Vec<Stretch> = extents.iter().map(stretch).collect();
        let mut last: BTreeMap<i32, Vec<u8>> = BTreeMap::new();
        restorer.read(&stretches, |entry| {
            if let (PROGRESS_KEY, Some(value)) = (entry.key, entry.value) {
                let kept = last.entry(entry.shard).or_default();
                kept.clear();
                kept.extend_from_slice(value);
            }
            Ok(())
        })?;
        let mut read = BTreeMap::new();
        for (shard, value) in last {
            self.check_form(shard, &value)?;
            if let Ok(progress) = Progress::decode(&value) {
                read.insert(shard, progress);
            }
        }
        Ok(read)
    }

    /// Where a shard's state begins: what stayed here, else an image, else nothing.
    fn begin(
        &self,
        wanted: Wanted,
        extent: Extent,
        last: Option<&Progress>,
        identity: Option<&Identity>,
    ) -> Result<Recovered, Refusal> {
        let shard = wanted.shard;
        let found = |runner, origin, known| Recovered { runner, origin, known, image_entries: 0, changelog_entries: 0 };
        if let Some(Parked { runner, known, .. }) = wanted.kept
            && (extent.low..=extent.high).contains(&known)
        {
            if last == Some(runner.committed()) {
                return Ok(found(runner, Origin::Kept, known));
            }
            if last.is_none_or(|last| last.sequence > runner.committed().sequence) {
                return Ok(found(runner, Origin::KeptAndTail, known));
            }
        }
        if let Some(loaded) = identity.and_then(|identity| self.image(shard, extent, last, identity)) {
            let recovered = found(loaded.runner, Origin::ImageAndTail, loaded.from);
            return Ok(Recovered { image_entries: loaded.entries, ..recovered });
        }
        if !self.course.step() {
            return Err(RestoreError::Cancelled.into());
        }
        if extent.low > 0 {
            let (stage, changelog) = (self.stage, self.changelog().to_owned());
            return Err(Refusal::Beheaded { stage, shard, changelog, low: extent.low });
        }
        Ok(found(ShardRunner::new(self.stage, shard, self.shared), Origin::Changelog, 0))
    }

    fn image(
        &self,
        shard: i32,
        extent: Extent,
        last: Option<&Progress>,
        identity: &Identity,
    ) -> Option<super::images::Loaded> {
        let config = &self.shared.config;
        let own = header(self.shared, self.stage, shard, identity);
        let log = Log {
            low: extent.low,
            high: extent.high,
            tombstones_ms: identity.tombstones_ms,
            skew_secs: config.clock.skew_secs_max,
        };
        let fit = Fit { own: &own, log: &log, sequence: last.map(|last| last.sequence), course: self.course };
        let files = ImageFiles::new(&config.images.dir, &config.kafka.prefix);
        files.load(self.stage, shard, &fit, || ShardRunner::new(self.stage, shard, self.shared))
    }

    /// Errs when a progress record was written in a form that this build does not know.
    fn check_form(&self, shard: i32, value: &[u8]) -> Result<(), Refusal> {
        let (stage, reads) = (self.stage, Progress::FORM);
        match value.first() {
            Some(form) if *form != reads => {
                Err(Refusal::Format { stage, shard, found: i32::from(*form), reads: i32::from(reads) })
            }
            _ => Ok(()),
        }
    }

    /// Waits until the policy log is known as far as the shard has been judged by it: another worker may have read more.
    fn know(&self, shard: i32, progress: &Progress) -> Result<(), Refusal> {
        let (stage, policies) = (self.stage, &self.shared.policies);
        let told = progress.next(Topic::Policies).unwrap_or(0);
        let ends = || !self.course.step();
        policies.wait_for(told, ends).map_err(|known| match ends() {
            true => Refusal::Restore(RestoreError::Cancelled),
            false => Refusal::PolicyLog { stage, shard, told, known },
        })
    }

    /// Errs unless the state was made for what is configured.
    fn check(&self, shard: i32, progress: &Progress) -> Result<(), Refusal> {
        let (stage, topics) = (self.stage, &self.shared.topics);
        let (found, reads) = (progress.state_format, Stage::format(stage));
        if found != reads {
            return Err(Refusal::Format { stage, shard, found, reads });
        }
        let (is, is_partner) = (topics.customer_shards, topics.partner_shards);
        let (was, was_partner) = (progress.customer_shards, progress.partner_shards);
        if (was, was_partner) != (is, is_partner) {
            return Err(Refusal::Shards { stage, shard, was, was_partner, is, is_partner });
        }
        Refusal::of_time(self.shared, stage, shard, progress.now).map_or(Ok(()), Err)
    }
}

/// What an image of a shard that is written now says of itself; `from` is still to be set.
pub(super) fn header(shared: &Shared, stage: StageName, shard: i32, identity: &Identity) -> Header {
    Header {
        cluster: Text::from(identity.cluster.as_str()),
        topic_id: Text::from(identity.topic_id.as_str()),
        stage,
        shard,
        customer_shards: shared.topics.customer_shards,
        partner_shards: shared.topics.partner_shards,
        state_format: Stage::format(stage),
        from: 0,
        written_at: wall(),
    }
}
