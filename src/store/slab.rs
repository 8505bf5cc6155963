//! Byte strings in cells of size classes: little is lost to rounding, and what is given back is used again.
//!
//! A class hands out cells of one size from pages; free cells of a class form a list inside themselves. Pages of all classes
//! lie in chunks, so that memory is asked for rarely. What is longer than the largest class is boxed. A cell begins with the
//! length of what it holds.

use std::num::NonZeroU32;

/// Bytes of a page, at most; a cell of more than half of it has a page of its own.
const PAGE_BYTES: usize = 16 << 10;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = 256 << 10;
/// Bits of a cell's number within its class; the rest of the handle is the class.
const NUMBER_BITS: u32 = 25;
/// Most cells of one class; what finds no place there goes to the next larger one.
pub const CELLS_MAX: u32 = 1 << NUMBER_BITS;
/// Cell sizes in bytes: steps of 8, 16 and 32, then four steps to each doubling.
const SIZES: [usize; 87] = sizes();
/// Every size is a multiple of so many bytes.
const STEP_BYTES: usize = 8;
/// The class of what takes so many steps, for the usual lengths: found without a search.
const SMALL_CLASSES: [u8; 129] = small_classes();
/// A string is given in so many parts.
pub const PARTS: usize = 3;
/// The class of what is boxed by itself.
const BOXED: u32 = SIZES.len() as u32;
const CACHE_LINE_BYTES: usize = 64;
/// Lines of a cell that [`Slab::touch`] reads; the processor fetches the rest of a long one by itself.
const TOUCHED_LINES_MAX: usize = 4;
/// Ends a list of free cells.
const NONE: u32 = u32::MAX;

const fn sizes() -> [usize; 87] {
    let mut sizes = [0; 87];
    let (mut size, mut i) = (16usize, 0);
    while i < sizes.len() {
        sizes[i] = size;
        size += match size {
            ..256 => 8,
            256..512 => 16,
            512..1024 => 32,
            _ => 1 << (size.ilog2() - 2),
        };
        i += 1;
    }
    sizes
}

const fn small_classes() -> [u8; 129] {
    let mut classes = [0; 129];
    let (mut steps, mut class) = (0, 0);
    while steps < classes.len() {
        if SIZES[class as usize] < steps * STEP_BYTES {
            class += 1;
        }
        classes[steps] = class;
        steps += 1;
    }
    classes
}

/// The place of one byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell(NonZeroU32);

impl Cell {
    fn new(class: u32, number: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(class << NUMBER_BITS | number))
    }

    #[inline]
    fn parts(self) -> (u32, u32) {
        let bits = self.0.get() - 1;
        (bits >> NUMBER_BITS, bits & (CELLS_MAX - 1))
    }
}

/// Memory that pages lie in one after the other; a page is never given back.
#[derive(Debug, Default)]
struct Chunks {
    chunks: Vec<Box<[u8]>>,
    /// Bytes of the last chunk that pages lie in.
    used: usize,
}

/// Where a page lies: its chunk, and where it begins in it.
#[derive(Clone, Copy, Debug)]
struct Page {
    chunk: u32,
    start: u32,
}

impl Chunks {
    /// A page of so many bytes, all zero.
    #[cold]
    #[inline(never)]
    fn page(&mut self, bytes: usize) -> Page {
        if self.chunks.last().is_none_or(|last| last.len() - self.used < bytes) {
            self.chunks.push(vec![0; CHUNK_BYTES.max(bytes)].into_boxed_slice());
            self.used = 0;
        }
        let page = Page { chunk: self.chunks.len() as u32 - 1, start: self.used as u32 };
        self.used += bytes;
        page
    }

    #[inline]
    fn bytes(&self, page: Page, at: usize, size: usize) -> &[u8] {
        let from = page.start as usize + at;
        &self.chunks[page.chunk as usize][from..from + size]
    }

    #[inline]
    fn bytes_mut(&mut self, page: Page, at: usize, size: usize) -> &mut [u8] {
        let from = page.start as usize + at;
        &mut self.chunks[page.chunk as usize][from..from + size]
    }
}

/// Cells of one size.
#[derive(Debug)]
struct Class {
    pages: Vec<Page>,
    size: usize,
    /// Cells of a page are a power of two, so that a number is split by shifting.
    shift: u32,
    used: u32,
    /// The first free cell; each holds the number of the next one.
    free: u32,
}

impl Class {
    fn new(size: usize) -> Self {
        let shift = (PAGE_BYTES / size).max(1).ilog2();
        Self { pages: Vec::new(), size, shift, used: 0, free: NONE }
    }

    #[inline]
    fn place(&self, number: u32) -> (usize, usize) {
        let within = number & ((1 << self.shift) - 1);
        ((number >> self.shift) as usize, within as usize * self.size)
    }

    #[inline]
    fn cell<'c>(&self, number: u32, chunks: &'c Chunks) -> &'c [u8] {
        let (page, at) = self.place(number);
        chunks.bytes(self.pages[page], at, self.size)
    }

    /// What a cell holds. How long that is stands in front of it, so the cell's own end is not looked for.
    #[inline]
    fn content<'c>(&self, number: u32, chunks: &'c Chunks) -> &'c [u8] {
        let (page, at) = self.place(number);
        content(chunks.bytes(self.pages[page], at, self.size))
    }

    #[inline]
    fn cell_mut<'c>(&self, number: u32, chunks: &'c mut Chunks) -> &'c mut [u8] {
        let (page, at) = self.place(number);
        chunks.bytes_mut(self.pages[page], at, self.size)
    }

    /// A cell to fill; `None`: the class is full.
    fn take(&mut self, chunks: &mut Chunks) -> Option<u32> {
        if self.free != NONE {
            let number = self.free;
            let mut next = [0; 4];
            next.copy_from_slice(&self.cell(number, chunks)[..4]);
            self.free = u32::from_le_bytes(next);
            return Some(number);
        }
        if self.used == CELLS_MAX {
            return None;
        }
        let number = self.used;
        if (number >> self.shift) as usize == self.pages.len() {
            self.pages.push(chunks.page(self.size << self.shift));
        }
        self.used += 1;
        Some(number)
    }

    fn give_back(&mut self, number: u32, chunks: &mut Chunks) {
        let next = self.free.to_le_bytes();
        self.cell_mut(number, chunks)[..4].copy_from_slice(&next);
        self.free = number;
    }
}

/// Byte strings by cell.
#[derive(Debug)]
pub struct Slab {
    classes: Vec<Class>,
    chunks: Chunks,
    boxed: Vec<Box<[u8]>>,
    boxed_free: Vec<u32>,
}

impl Default for Slab {
    fn default() -> Self {
        Self {
            classes: SIZES.iter().map(|size| Class::new(*size)).collect(),
            chunks: Chunks::default(),
            boxed: Vec::new(),
            boxed_free: Vec::new(),
        }
    }
}

impl Slab {
    #[inline]
    pub fn get(&self, cell: Cell) -> &[u8] {
        let (class, number) = cell.parts();
        match self.classes.get(class as usize) {
            Some(class) => class.content(number, &self.chunks),
            None => &self.boxed[number as usize],
        }
    }

    /// Reads a little of a cell, so that it is near when it is read in earnest.
    pub fn touch(&self, cell: Cell) -> u8 {
        let (class, number) = cell.parts();
        let bytes = self.classes.get(class as usize).map_or(&[][..], |class| class.cell(number, &self.chunks));
        bytes.iter().step_by(CACHE_LINE_BYTES).take(TOUCHED_LINES_MAX).fold(0, |sum, byte| sum ^ byte)
    }

    /// Stores the parts as one string.
    pub fn put(&mut self, parts: &[&[u8]; PARTS]) -> Cell {
        let length = length_of(parts);
        let mut class = class_of(length);
        while let Some(cells) = self.classes.get_mut(class as usize) {
            if let Some(number) = cells.take(&mut self.chunks) {
                fill(cells.cell_mut(number, &mut self.chunks), length, parts);
                return Cell::new(class, number);
            }
            class += 1;
        }
        let content = parts.concat().into_boxed_slice();
        match self.boxed_free.pop() {
            Some(number) => {
                self.boxed[number as usize] = content;
                Cell::new(BOXED, number)
            }
            None => {
                self.boxed.push(content);
                Cell::new(BOXED, self.boxed.len() as u32 - 1)
            }
        }
    }

    /// Replaces what a cell holds, in place when it fits its class.
    pub fn replace(&mut self, cell: Cell, parts: &[&[u8]; PARTS]) -> Cell {
        let (class, number) = cell.parts();
        let length = length_of(parts);
        match self.classes.get_mut(class as usize) {
            Some(cells) if class_of(length) == class => {
                fill(cells.cell_mut(number, &mut self.chunks), length, parts);
                cell
            }
            _ => {
                self.free(cell);
                self.put(parts)
            }
        }
    }

    pub fn free(&mut self, cell: Cell) {
        let (class, number) = cell.parts();
        match self.classes.get_mut(class as usize) {
            Some(cells) => cells.give_back(number, &mut self.chunks),
            None => {
                self.boxed[number as usize] = Box::default();
                self.boxed_free.push(number);
            }
        }
    }
}

/// The smallest class that takes a string of this length with the length in front.
#[inline]
fn class_of(length: usize) -> u32 {
    let wanted = length + prefix_len(length);
    match SMALL_CLASSES.get(wanted.div_ceil(STEP_BYTES)) {
        Some(class) => u32::from(*class),
        None => SIZES.partition_point(|size| *size < wanted) as u32,
    }
}

fn length_of(parts: &[&[u8]; PARTS]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// One byte for what is shorter than 128, else three.
#[inline]
fn prefix_len(length: usize) -> usize {
    if length < 0x80 { 1 } else { 3 }
}

#[inline]
fn fill(cell: &mut [u8], length: usize, parts: &[&[u8]; PARTS]) {
    let mut from = prefix_len(length);
    if from == 1 {
        cell[0] = length as u8;
    } else {
        // The largest class is shorter than what 22 bits and the mark can say.
        let [high, middle, low] = [length >> 16, length >> 8, length].map(|part| part as u8);
        cell[..3].copy_from_slice(&[high | 0x80, middle, low]);
    }
    for part in parts {
        cell[from..from + part.len()].copy_from_slice(part);
        from += part.len();
    }
}

#[inline]
fn content(cell: &[u8]) -> &[u8] {
    match *cell {
        [length @ ..0x80, ref content @ ..] => &content[..usize::from(length)],
        [high, middle, low, ref content @ ..] => {
            &content[..usize::from(high & 0x7f) << 16 | usize::from(middle) << 8 | usize::from(low)]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn sizes_ascend_and_lose_little() {
        assert_eq!(SIZES[0], 16);
        assert_eq!(SIZES[SIZES.len() - 1], 64 << 10);
        assert!((0..70_000).all(|length| {
            class_of(length) as usize == SIZES.partition_point(|size| *size < length + prefix_len(length))
        }));
        assert!(SIZES.windows(2).all(|w| w[0] < w[1] && (w[1] - w[0]) * 4 <= w[1].max(32)));
        let class = |length: usize| SIZES.get(class_of(length) as usize).copied();
        assert_eq!((class(0), class(15), class(16), class(127)), (Some(16), Some(16), Some(24), Some(128)));
        assert_eq!((class(128), class((64 << 10) - 3), class((64 << 10) - 2)), (Some(136), Some(64 << 10), None));
    }

    proptest! {
        /// Whatever is put, replaced and freed: every live cell holds what was put there last.
        #[test]
        fn cells_keep_what_they_were_given(acts in prop::collection::vec((0u8..4, 0usize..40, 0usize..90_000, any::<u8>()), 1..150)) {
            let (mut slab, mut live) = (Slab::default(), BTreeMap::<usize, (Cell, Vec<u8>)>::new());
            for (act, key, length, byte) in acts {
                let length = if act == 0 { length } else { length % 300 };
                let body = vec![byte; length];
                let parts = [&[key as u8][..], &body, b"end"];
                let expected = parts.concat();
                match (act, live.remove(&key)) {
                    (3, Some((cell, _))) => slab.free(cell),
                    (_, Some((cell, _))) => { live.insert(key, (slab.replace(cell, &parts), expected)); }
                    (_, None) => { live.insert(key, (slab.put(&parts), expected)); }
                }
                for (cell, expected) in live.values() {
                    prop_assert_eq!(slab.get(*cell), expected.as_slice());
                }
            }
        }
    }
}
