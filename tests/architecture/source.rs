//! One source file as the rules see it: its code without comments, literals and unit tests, and what it names.

use std::collections::BTreeSet;

/// A file below `src/`, by its path there.
pub struct SourceFile {
    pub path: String,
    /// Line after line of code; a line that held only a comment, a test or nothing is empty here.
    code: String,
}

impl SourceFile {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), code: without_tests(&without_comments(text)) }
    }

    /// The first part of the path; none for the files that hold the library and the binary together.
    pub fn module(&self) -> Option<&str> {
        self.path.split_once('/').map(|(module, _)| module).or(match self.path.strip_suffix(".rs") {
            Some("lib" | "main") | None => None,
            module => module,
        })
    }

    pub fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Every word of the code that stands on its own: identifiers and keywords.
    pub fn words(&self) -> BTreeSet<&str> {
        self.code.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).collect()
    }

    /// Every path in the code that begins with `head`, one segment long behind it, also out of a braced list.
    pub fn after(&self, head: &str) -> BTreeSet<String> {
        let code = without_spaces(&self.code);
        let mut found = BTreeSet::new();
        for (at, _) in code.match_indices(head).filter(|(at, _)| !code[..*at].ends_with(is_word)) {
            let rest = &code[at + head.len()..];
            match rest.strip_prefix('{') {
                Some(list) => found.extend(heads_of_list(list)),
                None => found.extend(first_word(rest)),
            }
        }
        found
    }

    /// The modules that the file declares, in order.
    pub fn declared_modules(&self) -> Vec<&str> {
        let name = |line: &'_ str| -> Option<std::ops::Range<usize>> {
            let start = line.find("mod ")? + 4;
            Some(start..line.trim_end().strip_suffix(';')?.len())
        };
        self.code.lines().filter_map(|line| name(line).and_then(|range| line.get(range))).collect()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Leaves only the spaces that keep two words apart.
fn without_spaces(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut space = false;
    for c in code.chars() {
        if c.is_whitespace() {
            space = true;
            continue;
        }
        if space && is_word(c) && out.ends_with(is_word) {
            out.push(' ');
        }
        space = false;
        out.push(c);
    }
    out
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| is_word(*c)).collect();
    (!word.is_empty()).then_some(word)
}

/// The first word of every entry of a braced list, up to its closing brace.
fn heads_of_list(list: &str) -> Vec<String> {
    let (mut depth, mut at_head, mut heads) = (0, true, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            _ if at_head => {
                heads.extend(first_word(&list[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

/// Takes out comments and the inside of literals; line breaks stay.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' | 'b' if !out.ends_with(is_word) => raw_string(rest).unwrap_or(0),
            '\'' => char_literal(rest).unwrap_or(0),
            _ => 0,
        };
        if taken == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..taken].chars().filter(|c| *c == '\n'));
            rest = &rest[taken..];
        }
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"`, `br#"…"#` and so on; none when the `r` or `b` begins something else.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or(text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + length)
}

/// A character literal; none when the quote begins a lifetime.
fn char_literal(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        let closing = chars.skip(1).find(|(_, c)| *c == '\'')?;
        return Some(closing.0 + 1);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 1)
}

/// Takes out what stands behind `#[cfg(test)]`: the item up to its closing brace or semicolon.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let Some(start) = code.find(MARK) else { return code.to_owned() };
    let mut depth = 0;
    let item = &code[start + MARK.len()..];
    let end = item.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return Some(at + 1),
            _ => return None,
        }
        (depth == 0).then_some(at + 1)
    });
    format!("{}{}", &code[..start], without_tests(&item[end.unwrap_or(item.len())..]))
}

mod tests {
    use super::*;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "// rdkafka\nlet a = \"tokio \\\" rand\"; /* /* std */ fs */ let q = '\"'; let n = r#\"a \" env\"#;\n'x: loop {}";
        let file = SourceFile::new("domain/a.rs", text);
        let expected = BTreeSet::from(["a", "let", "loop", "n", "q", "x"]);
        assert_eq!(file.words(), expected);
        assert_eq!(file.code_lines(), 2);
    }

    #[test]
    fn unit_tests_are_not_code_but_what_follows_is() {
        let file =
            SourceFile::new("domain/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n fn t() { rand() }\n}\nfn b() {}\n");
        assert_eq!(file.words(), BTreeSet::from(["a", "b", "fn"]));
        assert_eq!(file.code_lines(), 2);
        assert_eq!(SourceFile::new("domain/a.rs", "#[cfg(test)]\nmod tests;\nfn b() {}").code_lines(), 1);
    }

    #[test]
    fn paths_are_found_in_lists_too() {
        let text = "use crate::{store::{Slots, Sorted}, wire, domain::Text as T};\nfn f() { crate :: bus::x(); mycrate::no() }";
        assert_eq!(SourceFile::new("a.rs", text).after("crate::"), set(&["bus", "domain", "store", "wire"]));
        assert_eq!(SourceFile::new("a.rs", "use std::{fs::File, io};").after("std::"), set(&["fs", "io"]));
    }

    #[test]
    fn a_file_belongs_to_its_first_directory() {
        assert_eq!(SourceFile::new("bus/topics.rs", "").module(), Some("bus"));
        assert_eq!(SourceFile::new("bus/deep/topics.rs", "").module(), Some("bus"));
        assert_eq!(SourceFile::new("bus.rs", "").module(), Some("bus"));
        assert_eq!(SourceFile::new("lib.rs", "").module(), None);
    }

    #[test]
    fn declared_modules_in_order() {
        let file = SourceFile::new("lib.rs", "//! x\npub mod domain;\nmod b;\npub(crate) mod a;\nmod c { }\n");
        assert_eq!(file.declared_modules(), ["domain", "b", "a"]);
    }
}
