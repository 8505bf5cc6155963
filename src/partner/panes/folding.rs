//! Panes become wider as they age: minutes are folded into hours, hours into days, days into what is older.

use smallvec::SmallVec;

use super::{Cell, CellKey, Panes, Width};
use crate::domain::EventTime;
use crate::domain::counter::Family;
use crate::domain::view::PartnerPane;
use crate::store::Number;

/// How long panes keep their width, milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub minutes_ms: i64,
    pub hours_ms: i64,
    pub days_ms: i64,
}

/// The first pane start that still stands in its own width, per width; earlier ones fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edges {
    minute: i64,
    hour: i64,
    day: i64,
}

impl Edges {
    pub(super) fn at(retention: Retention, now: EventTime) -> Self {
        let edge = |width: Width, keep: i64| width.start_of(width.start_of(now.0).saturating_sub(keep.max(0)));
        Self {
            minute: edge(Width::Minute, retention.minutes_ms),
            hour: edge(Width::Hour, retention.hours_ms),
            day: edge(Width::Day, retention.days_ms),
        }
    }

    /// The width in which a counter of `family` at `at` stands; `None`: beyond all retention of a flow.
    pub fn width_of(&self, family: Family, at: i64) -> Option<Width> {
        match family {
            Family::Stock => Some(Width::Day),
            Family::DueBook if at >= self.day => Some(Width::Day),
            Family::DueBook => Some(Width::Older),
            _ if at >= self.minute => Some(Width::Minute),
            _ if at >= self.hour => Some(Width::Hour),
            _ if at >= self.day => Some(Width::Day),
            _ => None,
        }
    }

    pub(super) fn first_of(&self, width: Width) -> i64 {
        match width {
            Width::Minute => self.minute,
            Width::Hour => self.hour,
            Width::Day => self.day,
            Width::Older => i64::MIN,
        }
    }
}

impl Panes {
    /// Moves what has left its width by `now` into the next wider pane, once per minute of `now`.
    ///
    /// Tells the tiles that changed before, because an hour tile cannot be read any more once its hour is part of a day.
    pub fn fold(&mut self, now: EventTime, tell: impl FnMut(Box<PartnerPane>)) {
        let edges = Edges::at(self.retention, now);
        if self.folded == Some(edges) {
            return;
        }
        self.changed_tiles(tell);
        self.folded = Some(edges);
        let mut next = self.cells.iter().next().map(|(key, _)| *key);
        while let Some(at) = next {
            if at.family() != Family::Stock {
                self.fold_family(at.partner(), at.family(), &edges);
            }
            let last = at.moved(Width::Older, i64::MAX);
            next = self.cells.range(last..).next().map(|(key, _)| *key);
        }
    }

    fn fold_family(&mut self, partner: Number, family: Family, edges: &Edges) {
        for width in [Width::Minute, Width::Hour, Width::Day] {
            let key = |start| CellKey::new(partner, family, width, start);
            let gone: SmallVec<[CellKey; 8]> =
                self.cells.range(key(i64::MIN)..key(edges.first_of(width))).map(|(key, _)| *key).collect();
            for from in gone {
                let Some(cell) = self.cells.get(&from) else { continue };
                self.folding.clone_from(cell);
                self.cells.remove(&from);
                let width = edges.width_of(family, from.start).unwrap_or(Width::Older);
                let to = from.moved(width, width.start_of(from.start));
                self.note(&to);
                let sum = self.cells.edit_or(&to, || Cell::of(family));
                sum.merge(&self.folding);
                if sum.is_zero() {
                    self.cells.remove(&to);
                }
            }
        }
    }
}
