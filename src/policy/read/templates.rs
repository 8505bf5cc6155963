//! The `templates` part: what is said to customers. A text that names a partner, or measures us against another's product, is
//! refused.

use aho_corasick::AhoCorasick;

use super::fields::{Fields, Problems, Wrong};
use super::quantity::{sentence, token};
use super::rules::each;
use super::tree::{Node, Value};
use crate::domain::Text;
use crate::policy::{Contract, ProblemCode};

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

/// Most templates.
const TEMPLATES_MAX: usize = 256;
/// Longest text, characters.
const TEXT_LETTERS_MAX: usize = 2_000;

/// Checks the texts; `None`: a problem was reported.
pub fn read(root: &Fields<'_, '_>, contracts: &[Contract]) -> Option<()> {
    if !root.has("templates") {
        return Some(());
    }
    let fields = root.group_if_any("templates", "`templates`")?;
    let names = fields.list_or("partner_names", Vec::new(), sentence)?;
    let unsaid = Unsaid::new(contracts, &names)?;
    let texts = each(&fields, ("texts", "a template", TEMPLATES_MAX), |fields| template(fields, &unsaid));
    fields.finish();
    texts.map(|_| ())
}

fn template(fields: Fields<'_, '_>, unsaid: &Unsaid) -> Option<((), Text)> {
    let template = fields.required("template", token);
    for language in ["en", "zh"] {
        if let Some(node) = fields.need_text(language) {
            unsaid.check(node, fields.problems);
        }
    }
    fields.finish();
    template.map(|template| ((), template))
}

/// Everything that must not be said, found in one pass however many partners there are.
struct Unsaid {
    /// Partners' names first, then comparisons.
    phrases: Vec<Text>,
    partners: usize,
    finder: AhoCorasick,
}

impl Unsaid {
    fn new(contracts: &[Contract], names: &[Text]) -> Option<Self> {
        let tokens = contracts.iter().map(|contract| &contract.partner);
        let mut phrases: Vec<Text> = tokens.chain(names).cloned().collect();
        let partners = phrases.len();
        phrases.extend(COMPARISONS.map(Text::const_new));
        let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(&phrases).ok()?;
        Some(Self { phrases, partners, finder })
    }

    fn check(&self, node: &Node, problems: &Problems<'_>) {
        let Value::Text(text) = &node.value else {
            problems.scalar(node, sentence);
            return;
        };
        if text.chars().count() > TEXT_LETTERS_MAX {
            let wrong = Wrong::new(format!("at most {TEXT_LETTERS_MAX} characters"), "shorten it");
            problems.report(node.place, "a longer text", wrong);
            return;
        }
        let mut told: Vec<usize> = Vec::new();
        for found in self.finder.find_overlapping_iter(text.as_str()) {
            let phrase = found.pattern().as_usize();
            if told.contains(&phrase) || !apart(text, found.start(), found.end()) {
                continue;
            }
            told.push(phrase);
            let (partner, expected, next) = match phrase < self.partners {
                true => (", a partner", "no partner's name", "speak of the lender's own product only"),
                false => ("", "no comparison with another's product", "say what the offer is"),
            };
            let name = self.phrases.get(phrase).map_or("", Text::as_str);
            let at = text.get(..found.start()).map_or(0, |before| before.chars().count());
            let wrong = Wrong::new(expected, next).coded(ProblemCode::NamesOthers);
            problems.report(node.place_of(at), format!("`{name}`{partner}"), wrong);
        }
    }
}

/// What is written in Latin letters counts as words of its own only: `p01` is not said in `p0123`.
fn apart(text: &str, start: usize, end: usize) -> bool {
    let latin = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let said = text.get(start..end).unwrap_or_default();
    !(latin(said.chars().next()) && latin(before.chars().next_back())
        || latin(said.chars().next_back()) && latin(after.chars().next()))
}
