//! The thread that writes image files: it asks the cluster, makes the checksums, and waits for the disk.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::images::ImageFiles;
use super::recovery::header;
use super::shared::Shared;
use crate::bus::Topic;
use crate::bus::identity::Identity;
use crate::bus::restore::StableEnd;
use crate::domain::decision::StageName;
use crate::store::image::{Chunk, Totals};
use crate::telemetry::events;

/// What the lane orders, in the order of one image.
pub(super) enum Order {
    /// Begin the image of a shard; what is told of it carries the number.
    Begin {
        shard: i32,
        number: u64,
    },
    Chunk {
        chunk: Chunk,
        last: bool,
    },
    /// Forget the image in the making.
    Drop,
}

/// What became of the image with that number.
pub(super) struct Told {
    pub number: u64,
    pub news: News,
}

pub(super) enum News {
    /// The tail begins here.
    From(i64),
    Done,
    Failed(String),
}

/// The image in the making.
struct Sheet {
    shard: i32,
    number: u64,
    file: File,
    unfinished: PathBuf,
    totals: Totals,
    bytes: u64,
    began: Instant,
}

/// What the thread has at hand once the cluster was reached.
struct Desk<'a> {
    shared: &'a Shared,
    stage: StageName,
    files: ImageFiles,
    /// Asked for with the first image.
    cluster: Option<(Identity, StableEnd)>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Carries out orders until the lane is gone.
pub(super) fn run(shared: &Shared, stage: StageName, orders: &Receiver<Order>, told: &SyncSender<Told>) {
    let files = ImageFiles::new(&shared.config.images.dir, &shared.config.kafka.prefix);
    let mut desk = Desk { shared, stage, files, cluster: None };
    let mut sheet: Option<Sheet> = None;
    while let Ok(order) = orders.recv() {
        let (number, done) = match order {
            Order::Drop => {
                discard(sheet.take());
                continue;
            }
            Order::Begin { shard, number } => {
                discard(sheet.take());
                let begun = desk.begin(shard, number).map(|(from, begun)| {
                    sheet = Some(begun);
                    Some(News::From(from))
                });
                (number, begun)
            }
            Order::Chunk { chunk, last } => {
                // After a failure the lane may have sent some more.
                let Some(mut open) = sheet.take() else { continue };
                let (number, drawn) = (open.number, desk.draw(&mut open, chunk, last));
                match &drawn {
                    Ok(()) if last => {}
                    Ok(()) => sheet = Some(open),
                    Err(_) => discard(Some(open)),
                }
                (number, drawn.map(|()| last.then_some(News::Done)))
            }
        };
        let news = done.unwrap_or_else(|error| Some(News::Failed(error.to_string())));
        if news.is_some_and(|news| told.send(Told { number, news }).is_err()) {
            break;
        }
    }
    discard(sheet);
}

impl Desk<'_> {
    /// Opens the file of an image; its tail begins at the stable end as it is now.
    fn begin(&mut self, shard: i32, number: u64) -> Result<(i64, Sheet), Failure> {
        let topic = self.shared.topic_name(Topic::changelog(self.stage));
        let (identity, stable) = match &mut self.cluster {
            Some(cluster) => cluster,
            none => {
                let config = &self.shared.config;
                let identity = Identity::of(&config.client(), topic)?
                    .ok_or("the cluster does not say its id or the ids of its topics")?;
                none.insert((identity, StableEnd::open(&config.restorer())?))
            }
        };
        let from = stable.of(topic, shard)?;
        let mut header = header(self.shared, self.stage, shard, identity);
        header.from = from;
        let (mut file, unfinished) = self.files.create(self.stage, shard)?;
        self.files.sweep(Duration::from_millis(identity.tombstones_ms.max(0).unsigned_abs()))?;
        let head = header.encode();
        file.write_all(&head)?;
        let (totals, bytes, began) = (Totals::default(), head.len() as u64, Instant::now());
        Ok((from, Sheet { shard, number, file, unfinished, totals, bytes, began }))
    }

    fn draw(&self, sheet: &mut Sheet, chunk: Chunk, last: bool) -> Result<(), Failure> {
        let mut bytes = sheet.totals.seal(chunk);
        if last {
            bytes.extend(sheet.totals.footer());
        }
        sheet.file.write_all(&bytes)?;
        sheet.bytes += bytes.len() as u64;
        if last {
            self.files.publish(&sheet.file, &sheet.unfinished, self.stage, sheet.shard)?;
            let (entries, took) = (sheet.totals.entries(), sheet.began.elapsed());
            events::image_written(self.stage, sheet.shard, entries, sheet.bytes, took);
        }
        Ok(())
    }
}

/// Leaves no unfinished file behind; one that cannot be removed is overwritten by the next image.
fn discard(sheet: Option<Sheet>) {
    if let Some(sheet) = sheet
        && let Err(error) = std::fs::remove_file(&sheet.unfinished)
    {
        tracing::debug!(%error, "an unfinished image");
    }
}
