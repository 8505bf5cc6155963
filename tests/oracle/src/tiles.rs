//! Hour and day tiles from contributions, and the comparison with what the product wrote.

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::counter::Tally;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::view::{PartnerPane, Tile};
use reflow::domain::{Counter, EventTime, Family, Text};

use super::contributions::{Cell, Contributions, Decided, expected_contributions};
use super::inputs::OwnedEvent;
use super::{Rules, Verdict};

/// Partner, width, start in UTC milliseconds.
pub type TileKey = (Text, Tile, i64);
pub type Tiles = BTreeMap<TileKey, BTreeMap<Counter, Tally>>;

/// From when on tiles are compared; what is older may have been folded or never had a tile.
#[derive(Clone, Copy, Debug)]
pub struct TileScope {
    pub hours_from: EventTime,
    pub days_from: EventTime,
}

impl TileScope {
    pub const ALL: TileScope = TileScope { hours_from: EventTime(i64::MIN), days_from: EventTime(i64::MIN) };

    fn holds(self, tile: Tile, start: i64) -> bool {
        match tile {
            Tile::Hour => start >= self.hours_from.0,
            Tile::Day => start >= self.days_from.0,
        }
    }
}

/// The tiles that the inputs alone imply when no event is late.
pub fn expected_tiles(events: &[OwnedEvent], decided: &BTreeMap<Text, Decided>, rules: &Rules) -> Tiles {
    tiles_of(&expected_contributions(events, decided, rules))
}

/// Families by minute fill hour and day tiles, the due book day tiles; the stock has no tiles.
pub fn tiles_of(contributions: &Contributions) -> Tiles {
    let mut tiles = Tiles::new();
    for ((partner, counter, at), tally) in contributions {
        let widths: &[(Tile, i64)] = match counter.family() {
            Family::Stock => &[],
            Family::DueBook => &[(Tile::Day, DAY_MS)],
            _ => &[(Tile::Hour, HOUR_MS), (Tile::Day, DAY_MS)],
        };
        for (tile, width) in widths {
            let start = at.div_euclid(*width) * width;
            tiles.entry((partner.clone(), *tile, start)).or_default().entry(*counter).or_default().add(*tally);
        }
    }
    tiles
}

/// The last state of each tile, from pane records in log order.
pub fn last_tiles(panes: &[PartnerPane]) -> Tiles {
    let last = |pane: &PartnerPane| {
        let mut cells: BTreeMap<Counter, Tally> = BTreeMap::new();
        pane.cells.iter().for_each(|cell| cells.entry(cell.counter).or_default().add(cell.tally));
        ((pane.partner.clone(), pane.tile, pane.start.0), cells)
    };
    panes.iter().map(last).collect()
}

/// Differences in words; a missing cell is a zero cell.
pub fn compare_tiles(expected: &Tiles, actual: &[PartnerPane]) -> Verdict {
    compare_tiles_since(expected, actual, TileScope::ALL)
}

/// As [`compare_tiles`], for the tiles of a scope.
pub fn compare_tiles_since(expected: &Tiles, actual: &[PartnerPane], scope: TileScope) -> Verdict {
    let mut verdict = Verdict::default();
    let actual = last_tiles(actual);
    let keys: BTreeSet<&TileKey> = expected.keys().chain(actual.keys()).collect();
    let empty = BTreeMap::new();
    for key in keys.into_iter().filter(|(_, tile, start)| scope.holds(*tile, *start)) {
        let (want, have) = (expected.get(key).unwrap_or(&empty), actual.get(key).unwrap_or(&empty));
        let counters: BTreeSet<&Counter> = want.keys().chain(have.keys()).collect();
        for counter in counters {
            let want = want.get(counter).copied().unwrap_or_default();
            let have = have.get(counter).copied().unwrap_or_default();
            let (partner, tile, start) = key;
            verdict.expect(want == have, || {
                format!("{partner} {tile} {} {counter}: {}", EventTime(*start), difference(want, have))
            });
        }
    }
    verdict
}

/// Differences between two sums of cells.
pub fn compare_cells(what: &str, expected: &Contributions, actual: &Contributions) -> Verdict {
    let mut verdict = Verdict::default();
    let cells: BTreeSet<&Cell> = expected.keys().chain(actual.keys()).collect();
    for cell in cells {
        let want = expected.get(cell).copied().unwrap_or_default();
        let have = actual.get(cell).copied().unwrap_or_default();
        verdict.expect(want == have, || {
            let (partner, counter, at) = cell;
            format!("{what}: {partner} {counter} {}: {}", EventTime(*at), difference(want, have))
        });
    }
    verdict
}

/// Says whether it is the count or only the amount that differs.
fn difference(want: Tally, have: Tally) -> String {
    match want.count == have.count {
        true => format!("amount {} expected, {} found (count {})", want.amount_minor, have.amount_minor, have.count),
        false => format!(
            "count {} expected, {} found (amounts {} and {})",
            want.count, have.count, want.amount_minor, have.amount_minor
        ),
    }
}
