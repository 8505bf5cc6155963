//! The Confluent header: a zero byte, then the id of the schema in four bytes, most significant first.

use super::WireError;

/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 5;

const MAGIC: u8 = 0;

/// Appends the header.
pub fn put(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

/// The schema id in the header, and the body behind it.
pub fn split(bytes: &[u8]) -> Result<(u32, &[u8]), WireError> {
    let (&[magic, a, b, c, d], body) =
        bytes.split_first_chunk::<HEADER_BYTES>().ok_or(WireError::Short(bytes.len()))?;
    if magic != MAGIC {
        return Err(WireError::Magic(magic));
    }
    Ok((u32::from_be_bytes([a, b, c, d]), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_five_bytes_most_significant_first() {
        let mut out = Vec::new();
        put(0x0102_0304, &mut out);
        assert_eq!(out, [0, 1, 2, 3, 4]);
        assert_eq!(split(&[0, 1, 2, 3, 4, 9]), Ok((0x0102_0304, &[9][..])));
    }

    #[test]
    fn refuses_what_is_not_framed() {
        assert_eq!(split(&[]), Err(WireError::Short(0)));
        assert_eq!(split(&[0, 0, 0, 1]), Err(WireError::Short(4)));
        assert_eq!(split(b"{\"event_id\""), Err(WireError::Magic(b'{')));
    }
}
