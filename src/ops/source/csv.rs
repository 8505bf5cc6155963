//! CSV records (RFC 4180, with any delimiter and quote), each with the physical line on which it starts.
//!
//! The reader is our own because it has to go on after anything: a quote that is never closed costs its own line, not the
//! rest of the file, and no record grows beyond a bound.

use std::io;

use super::window::{RECORD_BYTES_MAX, Window};

/// Longest field, bytes.
pub(super) const FIELD_BYTES_MAX: usize = 1024 * 1024;

/// The characters with a meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
}

/// One record: the fields' bytes end to end, and where each ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The fields as texts; the sentence says why they are none.
    pub fn texts(&self) -> Result<impl Iterator<Item = &str>, String> {
        let starts = || std::iter::once(0).chain(self.ends.iter().copied());
        if starts().zip(&self.ends).any(|(start, end)| end - start > FIELD_BYTES_MAX) {
            return Err(format!("a field is longer than {FIELD_BYTES_MAX} bytes"));
        }
        check(&self.bytes)?;
        let fields = starts().zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default());
        let texts: Result<Vec<&str>, _> = fields.map(std::str::from_utf8).collect();
        texts.map(Vec::into_iter).map_err(|_| NOT_TEXT.to_owned())
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

const NOT_TEXT: &str = "not valid in the file's encoding (see `encoding`)";

/// Refuses what is no text.
pub(super) fn check(bytes: &[u8]) -> Result<&str, String> {
    if bytes.contains(&0) {
        return Err("holds a NUL byte; is it another encoding, such as utf-16le?".to_owned());
    }
    std::str::from_utf8(bytes).map_err(|_| NOT_TEXT.to_owned())
}

/// What the next record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The record is in the fields; it starts on this physical line.
    Record(u64),
    /// A record starts on this line that cannot be read; reading goes on behind it.
    Broken(u64, String),
    End,
}

/// Reads the next record that is no blank line.
pub(super) fn next(window: &mut Window, dialect: Dialect, fields: &mut Fields) -> io::Result<Next> {
    skip_blank_lines(window)?;
    let line = window.line;
    loop {
        match parse(window.rest(), window.ended(), dialect, fields) {
            Parsed::Record(used) => {
                window.advance(used);
                return Ok(Next::Record(line));
            }
            Parsed::End => return Ok(Next::End),
            Parsed::Stray(used) => {
                window.advance(used);
                window.skip_line()?;
                return Ok(Next::Broken(
                    line,
                    "text follows a closing quote; a quote inside a field is doubled".to_owned(),
                ));
            }
            Parsed::More => {}
        }
        if !window.more()? && !window.ended() {
            window.skip_line()?;
            return Ok(Next::Broken(
                line,
                format!("the record does not end within {RECORD_BYTES_MAX} bytes; is a quote not closed?"),
            ));
        }
        if window.ended() && parse(window.rest(), true, dialect, fields) == Parsed::More {
            window.skip_line()?;
            return Ok(Next::Broken(line, "a quote is opened and never closed".to_owned()));
        }
    }
}

fn skip_blank_lines(window: &mut Window) -> io::Result<()> {
    loop {
        let blank = window.rest().iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        window.advance(blank);
        if !window.rest().is_empty() || !window.more()? {
            return Ok(());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parsed {
    /// A record that takes so many bytes, its line end included.
    Record(usize),
    /// The record goes on behind the bytes given.
    More,
    /// After so many bytes something stands behind a closing quote.
    Stray(usize),
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a field.
    Start,
    Plain,
    Quoted,
    /// Behind a quote within a quoted field: its end, or the first of two.
    Closed,
}

/// One record from the start of `bytes`; `ended` when nothing follows them.
fn parse(bytes: &[u8], ended: bool, dialect: Dialect, fields: &mut Fields) -> Parsed {
    fields.clear();
    if bytes.is_empty() {
        return if ended { Parsed::End } else { Parsed::More };
    }
    let mut state = State::Start;
    let mut rest = bytes.iter().copied().enumerate().peekable();
    while let Some((at, byte)) = rest.next() {
        if state == State::Quoted {
            if dialect.escape == Some(byte) && dialect.escape != dialect.quote {
                match rest.next() {
                    Some((_, escaped)) => fields.bytes.push(escaped),
                    None => return Parsed::More,
                }
            } else if dialect.quote == Some(byte) {
                state = State::Closed;
            } else {
                fields.bytes.push(byte);
            }
            continue;
        }
        match byte {
            _ if byte == dialect.delimiter => {
                fields.ends.push(fields.bytes.len());
                state = State::Start;
            }
            b'\n' => {
                fields.ends.push(fields.bytes.len());
                return Parsed::Record(at + 1);
            }
            b'\r' => match rest.peek() {
                Some((_, b'\n')) => {}
                None if !ended => return Parsed::More,
                // A carriage return alone ends the record too (files of old).
                _ => {
                    fields.ends.push(fields.bytes.len());
                    return Parsed::Record(at + 1);
                }
            },
            _ if dialect.quote == Some(byte) && state == State::Start => state = State::Quoted,
            _ if dialect.quote == Some(byte) && state == State::Closed => {
                fields.bytes.push(byte);
                state = State::Quoted;
            }
            _ if state == State::Closed => return Parsed::Stray(at),
            _ => {
                fields.bytes.push(byte);
                state = State::Plain;
            }
        }
    }
    if !ended || state == State::Quoted {
        return Parsed::More;
    }
    fields.ends.push(fields.bytes.len());
    Parsed::Record(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', quote: Some(b'"'), escape: None };

    fn all(text: &[u8], dialect: Dialect) -> Vec<Result<(u64, Vec<String>), u64>> {
        let mut window = Window::new(Box::new(io::Cursor::new(text.to_vec())));
        let mut fields = Fields::default();
        let mut records = Vec::new();
        loop {
            match next(&mut window, dialect, &mut fields).unwrap() {
                Next::End => return records,
                Next::Broken(line, _) => records.push(Err(line)),
                Next::Record(line) => match fields.texts() {
                    Ok(texts) => records.push(Ok((line, texts.map(str::to_owned).collect()))),
                    Err(_) => records.push(Err(line)),
                },
            }
        }
    }

    fn row(line: u64, cells: &[&str]) -> Result<(u64, Vec<String>), u64> {
        Ok((line, cells.iter().map(|cell| (*cell).to_owned()).collect()))
    }

    #[test]
    fn lines_are_physical_lines() {
        let text = b"a,b\r\n\n\"x\ny\",\"say \"\"hi\"\"\"\n,\nlast,";
        let expected =
            vec![row(1, &["a", "b"]), row(3, &["x\ny", "say \"hi\""]), row(5, &["", ""]), row(6, &["last", ""])];
        assert_eq!(all(text, COMMA), expected);
        assert_eq!(
            all(b"a;'b;c'\n", Dialect { delimiter: b';', quote: Some(b'\''), escape: None }),
            vec![row(1, &["a", "b;c"])]
        );
        assert_eq!(
            all(b"a\t\"b\n", Dialect { delimiter: b'\t', quote: None, escape: None }),
            vec![row(1, &["a", "\"b"])]
        );
        assert_eq!(all(b"\"a\\\"b\",c", Dialect { escape: Some(b'\\'), ..COMMA }), vec![row(1, &["a\"b", "c"])]);
    }

    #[test]
    fn goes_on_after_what_is_broken() {
        assert_eq!(
            all(b"a,b\n\"open,c\nd,e\nf,g\n", COMMA),
            vec![row(1, &["a", "b"]), Err(2), row(3, &["d", "e"]), row(4, &["f", "g"])]
        );
        assert_eq!(all(b"\"a\"x,b\nc,d", COMMA), vec![Err(1), row(2, &["c", "d"])]);
        assert_eq!(all(b"a\0,b\nc\xff,d\ne,f", COMMA), vec![Err(1), Err(2), row(3, &["e", "f"])]);
        let long = [b"a\n".as_slice(), &vec![b'x'; FIELD_BYTES_MAX + 1], b"\nb\n"].concat();
        assert_eq!(all(&long, COMMA), vec![row(1, &["a"]), Err(2), row(3, &["b"])]);
        let endless = [b"\"".as_slice(), &vec![b'x'; 2 * RECORD_BYTES_MAX], b"\nb\n"].concat();
        assert_eq!(all(&endless, COMMA), vec![Err(1), row(2, &["b"])]);
    }

    proptest! {
        /// What the csv crate writes, we read as it was.
        #[test]
        fn reads_what_another_writer_wrote(rows in prop::collection::vec(prop::collection::vec("[a\",;\r\n é]{0,5}", 2..4), 1..8)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let read: Vec<Vec<String>> = all(&writer.into_inner().unwrap(), COMMA).into_iter().map(|row| row.unwrap().1).collect();
            prop_assert_eq!(read, rows);
        }

        /// Any bytes give records and broken lines, and reading ends.
        #[test]
        fn any_bytes_are_read_to_the_end(bytes in prop::collection::vec(prop::sample::select(b"ab,\"\r\n\\\xff\0".to_vec()), 0..200)) {
            for record in all(&bytes, Dialect { escape: Some(b'\\'), ..COMMA }) {
                let line = match record { Ok((line, _)) => line, Err(line) => line };
                prop_assert!(line >= 1 && line <= 1 + bytes.iter().filter(|b| **b == b'\n').count() as u64);
            }
        }
    }
}
