//! How a committed record lies in its cell: the length of its token, the token, the packed record.

/// Longest token, bytes.
pub const TOKEN_BYTES_MAX: usize = 0x7fff;

/// The length of a token, as it stands in front of it.
#[derive(Clone, Copy, Debug)]
pub struct Head([u8; 2]);

impl Head {
    pub fn of(token: &[u8]) -> Self {
        let length = token.len().min(TOKEN_BYTES_MAX);
        Self([(length >> 8) as u8 | 0x80, length as u8])
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // What is shorter than 128 needs one byte.
        match self.0 {
            [0x80, 0..0x80] => &self.0[1..],
            _ => &self.0,
        }
    }
}

/// Token and record of a cell.
#[inline]
pub fn split(cell: &[u8]) -> (&[u8], &[u8]) {
    match *cell {
        [high, low, ..] if high >= 0x80 => cell[2..].split_at(usize::from(high & 0x7f) << 8 | usize::from(low)),
        [length, ..] => cell[1..].split_at(usize::from(length)),
        [] => (cell, cell),
    }
}

#[inline]
pub fn token(cell: &[u8]) -> &[u8] {
    split(cell).0
}

#[inline]
pub fn record(cell: &[u8]) -> &[u8] {
    split(cell).1
}
