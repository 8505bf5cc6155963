//! The `templates` part: what is said to customers. A text that names a partner, or measures us against another's product, is
//! refused.

use super::fields::{Fields, Problems, Wrong};
use super::quantity::{sentence, token};
use super::rules::each;
use super::tree::{Node, Value};
use crate::domain::Text;
use crate::policy::Contract;

/// Phrases that compare with somebody else's product.
const COMPARISONS: [&str; 24] = [
    "better than",
    "cheaper than",
    "compared to",
    "compared with",
    "faster than",
    "higher than",
    "instead of",
    "less than",
    "lower than",
    "more than",
    "other lender",
    "other platform",
    "unlike",
    "your current lender",
    "他行",
    "低于",
    "优于",
    "其他平台",
    "别家",
    "同行",
    "比别",
    "相比",
    "竞品",
    "高于",
];

/// Checks the texts; `None`: a problem was reported.
pub fn read(root: &Fields<'_, '_>, contracts: &[Contract]) -> Option<()> {
    if !root.has("templates") {
        return Some(());
    }
    let fields = root.group_if_any("templates", "`templates`")?;
    let mut names = fields.list_or("partner_names", Vec::new(), sentence)?;
    names.extend(contracts.iter().map(|contract| contract.partner.clone()));
    let texts = each(&fields, "texts", "a template", |fields| template(fields, &names));
    fields.finish();
    texts.map(|_| ())
}

fn template(fields: Fields<'_, '_>, names: &[Text]) -> Option<((), Text)> {
    let template = fields.required("template", token);
    for language in ["en", "zh"] {
        if let Some(node) = fields.need(language) {
            fair(node, names, fields.problems);
        }
    }
    fields.finish();
    template.map(|template| ((), template))
}

fn fair(node: &Node, names: &[Text], problems: &Problems<'_>) {
    let Value::Text(text) = &node.value else {
        problems.scalar(node, sentence);
        return;
    };
    // Lower case letter by letter keeps every character where it stands.
    let said: Vec<char> = text.chars().map(|letter| letter.to_lowercase().next().unwrap_or(letter)).collect();
    for name in names {
        if let Some(at) = said_at(&said, name) {
            let wrong = Wrong::new("no partner's name", "speak of the lender's own product only");
            problems.report(node.place_of(at), format!("`{name}`, a partner"), wrong);
        }
    }
    for phrase in COMPARISONS {
        if let Some(at) = said_at(&said, phrase) {
            let wrong = Wrong::new("no comparison with another's product", "say what the offer is");
            problems.report(node.place_of(at), format!("`{phrase}`"), wrong);
        }
    }
}

/// Where a phrase is said, as words of its own where it is written in Latin letters.
fn said_at(said: &[char], phrase: &str) -> Option<usize> {
    let phrase: Vec<char> = phrase.chars().map(|letter| letter.to_lowercase().next().unwrap_or(letter)).collect();
    let apart = |letter: Option<&char>| letter.is_none_or(|letter| !letter.is_ascii_alphanumeric());
    let first_latin = phrase.first().is_some_and(char::is_ascii_alphanumeric);
    let last_latin = phrase.last().is_some_and(char::is_ascii_alphanumeric);
    (0..said.len()).find(|at| {
        let end = at + phrase.len();
        let before = at.checked_sub(1).and_then(|at| said.get(at));
        said.get(*at..end) == Some(phrase.as_slice())
            && (!first_latin || apart(before))
            && (!last_latin || apart(said.get(end)))
    })
}
