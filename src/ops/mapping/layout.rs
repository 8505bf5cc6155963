//! How a file is laid out: CSV or JSON lines, delimiter, quote, encoding, header, nulls.

use encoding_rs::Encoding;

use super::money::{choice, texts};
use super::problem::Checker;
use super::tree::{Node, Section, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// The layout of a mapping's files.
#[derive(Clone, Debug)]
pub struct Layout {
    pub format: Format,
    pub encoding: &'static Encoding,
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    /// The first line names the columns.
    pub header: bool,
    /// The names of the columns where no line does.
    pub names: Vec<String>,
    /// Lines before the header (or the first row) that are no rows.
    pub skip_lines: u64,
    pub(super) trim: bool,
    pub(super) nulls: Vec<String>,
}

impl Layout {
    /// Reads `format`, `encoding`, `csv`, `trim`, `nulls` of the document.
    pub(super) fn read(document: &mut Section<'_>, checker: &mut Checker<'_>) -> Self {
        let formats = [("csv", Format::Csv), ("jsonl", Format::JsonLines)];
        let format = choice(document.take("format"), &formats, checker).unwrap_or(Format::Csv);
        let mut layout = Self {
            format,
            encoding: encoding_rs::UTF_8,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            header: true,
            names: Vec::new(),
            skip_lines: 0,
            trim: truth(document.take("trim"), true, checker),
            nulls: document.take("nulls").map_or_else(|| vec![String::new()], |node| texts(node, checker)),
        };
        if let Some(node) = document.take("encoding") {
            match node.scalar().and_then(|label| Encoding::for_label(label.as_bytes())) {
                Some(encoding) => layout.encoding = encoding,
                None => checker.wrong(
                    node.at,
                    format!("found {}, expected a character encoding; write utf-8, windows-1252, gbk or another WHATWG label", node.found()),
                ),
            }
        }
        if let Some(node) = document.take("csv") {
            if format == Format::JsonLines {
                checker.wrong(node.at, "found a `csv` section with `format: jsonl`, expected none; remove one of them");
            }
            layout.read_csv(node, checker);
        }
        layout
    }

    fn read_csv(&mut self, node: &Node, checker: &mut Checker<'_>) {
        let Some(mut section) = Section::open(node, "`csv`", checker) else { return };
        if let Some(node) = section.take("delimiter") {
            self.delimiter = byte(node, checker).unwrap_or(self.delimiter);
        }
        if let Some(node) = section.take("quote") {
            self.quote = if node.scalar() == Some("none") { None } else { byte(node, checker) };
        }
        if let Some(node) = section.take("escape") {
            self.escape = byte(node, checker);
        }
        if self.quote == Some(self.delimiter) {
            checker.wrong(section.at, "found the same character as delimiter and quote, expected two; set one of them");
        }
        self.header = truth(section.take("header"), true, checker);
        if let Some(node) = section.take("columns") {
            self.names = match &node.value {
                Value::List(_) => texts(node, checker),
                _ => {
                    checker.wrong(
                        node.at,
                        format!("found {}, expected the names of all columns in order; write [a, b, c]", node.found()),
                    );
                    Vec::new()
                }
            };
            if self.header {
                checker.wrong(node.at, "found `columns` for a file with a header, expected one of them; add `header: false` or remove `columns`");
            }
        } else if !self.header {
            checker.wrong(
                section.at,
                "found `header: false` without `columns`, expected their names; add `columns: [a, b, c]`",
            );
        }
        if let Some(node) = section.take("skip_lines") {
            match node.scalar().and_then(|text| text.parse().ok()) {
                Some(lines) => self.skip_lines = lines,
                None => checker.wrong(node.at, format!("found {}, expected a number of lines; write 1", node.found())),
            }
        }
        section.close(checker);
    }

    /// The text of a cell as the mapping sees it; `None` when it is one of the nulls.
    pub(super) fn cell<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = if self.trim { text.trim() } else { text };
        (!self.nulls.iter().any(|null| null == text)).then_some(text)
    }
}

fn truth(node: Option<&Node>, default: bool, checker: &mut Checker<'_>) -> bool {
    choice(node, &[("true", true), ("false", false)], checker).unwrap_or(default)
}

/// One ASCII character, or the word `tab`.
fn byte(node: &Node, checker: &mut Checker<'_>) -> Option<u8> {
    let text = node.scalar().unwrap_or_default();
    let byte = match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
        _ => None,
    };
    if byte.is_none() {
        checker.wrong(
            node.at,
            format!(
                "found {}, expected one ASCII character that is no letter or digit; write \";\" or tab",
                node.found()
            ),
        );
    }
    byte
}

/// Whether a file name fits a pattern in which `*` stands for any characters and `?` for one.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || name.get(n) == Some(c) => {
                p += 1;
                n += 1;
            }
            _ => {
                // Let the last star take one character more.
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_of_file_names() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("loans*", "loans-2024.csv.gz", true),
            ("p?rt-*-*.jsonl", "part-1-2.jsonl", true),
            ("p?rt-*-*.jsonl", "part-1.jsonl", false),
            ("*", "", true),
            ("a", "", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
