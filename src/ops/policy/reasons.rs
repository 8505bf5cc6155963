//! `reflow policy reasons`: the table of codes as `docs/reasons.md`.

use std::fmt::Write as _;

use crate::domain::ReasonCode;
use crate::domain::reason_text::{Language, text};
use crate::domain::words::Word;

/// The families in the order of the table, with what they mean.
const FAMILIES: [(&str, &str); 7] = [
    ("GATE_", "Law and contract: they come first, and nothing lifts them"),
    ("EXC_", "Exclusions: persons, risk, region, and that no offer fits"),
    ("HOLD_", "Holds: not now, because of a promise, a quota or a rest"),
    ("CTRL_", "Control groups"),
    ("DATA_", "Data: what is not known does not pass"),
    ("FAIR_", "Fairness: what a policy is refused for, and what a person has to look at"),
    ("END_", "Ends: why a candidate is no longer active"),
];

const HEAD: &str = "# Reason codes

What every code means, in English and Chinese. `reflow policy reasons` writes this page; a test compares it with the code.

A no names every failing code in the order in which the rules are judged (`docs/semantics.md`). A person is told four at
most: what nothing lifts (*hard*) before what passes (*soft*), and within that law, risk, compliance, business. A policy may
add codes of its own; they count as hard and bring their own texts.
";

/// The whole page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for (prefix, about) in FAMILIES {
        _ = write!(page, "\n## {about}\n\n| code | owner | | meaning | what to do |\n|---|---|---|---|---|\n");
        for code in ReasonCode::ALL.iter().filter(|code| code.name().starts_with(prefix)) {
            let text = text(*code);
            let (en, zh) = (Language::English, Language::Chinese);
            _ = writeln!(
                page,
                "| `{code}` | {} | {} | {} {} | {} {} |",
                text.owner,
                text.severity,
                text.meaning(en),
                text.meaning(zh),
                text.remedy(en),
                text.remedy(zh)
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_line_once() {
        let page = page();
        for code in ReasonCode::NAMES {
            assert_eq!(page.matches(&format!("| `{code}` |")).count(), 1, "{code}");
        }
    }

    #[test]
    fn the_page_in_docs_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reasons.md");
        let known = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            known == page(),
            "docs/reasons.md is not current: write it with `reflow policy reasons > docs/reasons.md`"
        );
    }
}
