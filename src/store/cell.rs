//! How a committed record lies in its cell: the length of its token, the token, the packed record.

/// Longest token, bytes.
pub const TOKEN_BYTES_MAX: usize = 0x7fff;

/// The token in front of a committed record.
pub fn set_head(token: &[u8], head: &mut Vec<u8>) {
    head.clear();
    let length = token.len().min(TOKEN_BYTES_MAX);
    if length >= 0x80 {
        head.push((length >> 8) as u8 | 0x80);
    }
    head.push(length as u8);
    head.extend_from_slice(&token[..length]);
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
