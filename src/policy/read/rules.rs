//! The document's own rules: conditions with their places, the codes they give, what may lift them.

use super::fields::{Fields, Problems, Wrong, word};
use super::quantity::{sentence, token};
use super::tree::{Node, Value};
use crate::domain::words::Word;
use crate::domain::{ReasonCode, Text};
use crate::policy::conditions::{Condition, Fault, Origin};
use crate::policy::contract::DataUse;
use crate::policy::findings::Words;
use crate::policy::rules::{Lift, Owner, Rule, Rules, Severity};
use crate::policy::{Contract, ProblemCode};

/// Most rules of a document: reading a hostile condition may take milliseconds.
const RULES_MAX: usize = 64;
/// Most lifts.
const LIFTS_MAX: usize = 16;
/// Longest code, characters.
const CODE_LETTERS_MAX: usize = 48;

/// A condition; what is wrong with it is reported at the very word.
pub fn condition(fields: &Fields<'_, '_>, key: &'static str) -> Option<Condition> {
    let node = fields.need(key)?;
    let Value::Text(text) = &node.value else {
        return fields.problems.scalar(node, |_| Err(Wrong::new("a condition", "write it as a text")));
    };
    let report = |fault: Fault| {
        let wrong = Wrong::new(fault.expected, fault.next).coded(fault.code);
        fields.problems.report(node.place_of(fault.at), fault.found, wrong);
    };
    Condition::compile(text).map_err(report).ok()
}

/// The keys `rules` and `lifts` of the exclusions.
pub fn read(exclusions: &Fields<'_, '_>, contracts: &[Contract]) -> Option<Rules> {
    let rules = each(exclusions, ("rules", "a rule", RULES_MAX), |fields| rule(fields, contracts));
    let lifts = each(exclusions, ("lifts", "a lift", LIFTS_MAX), |fields| lift(fields, rules.as_deref(), contracts));
    let (mut rules, lifts) = (rules?, lifts?);
    rules.sort_by_key(|rule| rule.severity);
    Some(Rules { rules, lifts })
}

/// The items of an optional list of groups: its key, what an item is, how many at most. `None`: a problem was reported.
pub fn each<T>(
    parent: &Fields<'_, '_>,
    (key, what, most): (&'static str, &'static str, usize),
    read: impl Fn(Fields<'_, '_>) -> Option<(T, Text)>,
) -> Option<Vec<T>> {
    if !parent.has(key) {
        return Some(Vec::new());
    }
    let node = parent.find(key)?;
    let items = bounded(node, most, parent.problems)?;
    let mut names: Vec<Text> = Vec::with_capacity(items.len());
    let mut taken = Vec::with_capacity(items.len());
    for item in items {
        let Some(fields) = Fields::of(item, what, parent.problems) else { continue };
        let Some((read, name)) = read(fields) else { continue };
        if names.contains(&name) {
            let wrong = Wrong::new("each name once", "rename one of the two").coded(ProblemCode::Twice);
            parent.problems.report(item.place, format!("`{name}` again"), wrong);
        }
        names.push(name);
        taken.push(read);
    }
    (taken.len() == items.len()).then_some(taken)
}

/// The items of a list that is neither empty nor too long; nothing of a longer one is read.
pub fn bounded<'n>(node: &'n Node, most: usize, problems: &Problems<'_>) -> Option<&'n [Node]> {
    let items = problems.items(node)?;
    if items.is_empty() || items.len() > most {
        let code = if items.is_empty() { ProblemCode::Value } else { ProblemCode::TooLarge };
        let wrong = Wrong::new(format!("one to {most} items"), "remove the key, or join some of them").coded(code);
        problems.report(node.place, format!("a list of {}", items.len()), wrong);
        return None;
    }
    Some(items)
}

fn rule(fields: Fields<'_, '_>, contracts: &[Contract]) -> Option<(Rule, Text)> {
    let code = fields.required("code", code);
    let text = texts(&fields);
    let owner = fields.required("owner", word::<Owner>);
    let severity = fields.required("severity", word::<Severity>);
    let partners = fields.list_or("partners", Vec::new(), |text| known_partner(text, contracts)).map(Words::new);
    let when = condition(&fields, "when");
    if let (Some(Owner::Business), Some(Severity::Hard)) = (owner, severity) {
        let wrong =
            Wrong::new("`soft` (hard rules are owned by risk or compliance)", "change the owner or the severity");
        fields.problems.report(fields.place_of("severity"), "`hard`", wrong);
    }
    if let (Some(code), Some(Severity::Soft)) = (&code, severity)
        && code.starts_with("GATE_")
    {
        let wrong = Wrong::new("`hard` (a gate is law or contract)", "make it hard, or give it an EXC_ code");
        fields.problems.report(fields.place_of("severity"), "a soft gate", wrong);
    }
    if let (Some(partners), Some(when)) = (&partners, &when) {
        permitted(&fields, when, |partner| partners.is_empty() || partners.has(partner), contracts);
    }
    fields.finish();
    let [text_en, text_zh] = text?;
    let code = code?;
    let rule = Rule {
        subject: code.to_lowercase(),
        code: code.clone(),
        text_en: text_en?,
        text_zh: text_zh?,
        owner: owner?,
        severity: severity?,
        partners: partners?,
        when: when?,
    };
    Some((rule, code))
}

/// What the code means, for people: in both languages.
fn texts(rule: &Fields<'_, '_>) -> Option<[Option<Text>; 2]> {
    let text = Fields::of(rule.need_text("text")?, "`text`", rule.problems)?;
    let said = |text: &str| sentence(text).map_err(|wrong| wrong.coded(ProblemCode::MissingText));
    let both = ["en", "zh"].map(|language| text.need_text(language).and_then(|node| text.problems.scalar(node, said)));
    text.finish();
    Some(both)
}

/// A partner with a contract; contracts are sorted by partner, and there are none when they could not be read.
fn known_partner(text: &str, contracts: &[Contract]) -> Result<Text, Wrong> {
    let known = contracts.is_empty() || contracts.binary_search_by(|known| known.partner.as_str().cmp(text)).is_ok();
    let wrong =
        || Wrong::new("a partner that has a contract here", "correct the token").coded(ProblemCode::UnknownName);
    known.then(|| Text::from(text)).ok_or_else(wrong)
}

/// What a partner supplied is read only where its contract lets it choose customers.
pub fn permitted(fields: &Fields<'_, '_>, when: &Condition, concerns: impl Fn(&Text) -> bool, contracts: &[Contract]) {
    let Some(supplied) = when.reads().iter().find(|read| read.origin == Origin::PartnerSupplied) else { return };
    let any_mode = |contract: &&Contract| contract.real_time || contract.offline || contract.referral;
    let mut asked = contracts.iter().filter(any_mode).filter(|contract| concerns(&contract.partner));
    if let Some(contract) = asked.find(|contract| !contract.data_use.contains(&DataUse::Selection)) {
        let found = format!("`{}`, which the partner supplied", supplied.name);
        let expected = format!("`selection` in the `data_use` of `{}`", contract.partner);
        let next = "agree on that use with the partner, name other `partners`, or remove the rule";
        fields.problems.report(fields.place_of("when"), found, Wrong::new(expected, next));
    }
}

/// A code of the document's own: `EXC_` or `GATE_`, and none that the code itself gives.
fn code(text: &str) -> Result<Text, Wrong> {
    let tail = ["EXC_", "GATE_"].iter().find_map(|family| text.strip_prefix(family)).unwrap_or_default();
    let shaped = tail.len() >= 3 && tail.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if !shaped || text.len() > CODE_LETTERS_MAX {
        return Err(Wrong::new("a code such as `EXC_RECENT_MOVE`, at most 48 letters", "begin it with EXC_ or GATE_"));
    }
    if ReasonCode::named(text).is_some() {
        return Err(Wrong::new("a code of its own", "choose another: this one has a meaning already"));
    }
    Ok(Text::from(text))
}

fn lift(fields: Fields<'_, '_>, rules: Option<&[Rule]>, contracts: &[Contract]) -> Option<(Lift, Text)> {
    let name = fields.required("lift", token);
    let owner = fields.required("owner", word::<Owner>);
    let reason = fields.required("reason", sentence);
    let codes = fields.list_needed("codes", |text| liftable(text, rules, owner));
    let when = condition(&fields, "when");
    if let Some(when) = &when {
        permitted(&fields, when, |_| true, contracts);
    }
    fields.finish();
    reason?;
    let name = name?;
    Some((Lift { name: name.clone(), owner: owner?, codes: Words::new(codes?), when: when? }, name))
}

/// Only a soft rule of the document can be lifted, and business lifts only its own.
fn liftable(text: &str, rules: Option<&[Rule]>, owner: Option<Owner>) -> Result<Text, Wrong> {
    let wrong = |expected: &str, next: &str| Err(Wrong::new(expected, next));
    if ReasonCode::named(text).is_some() {
        return wrong("a soft rule of this document", "remove it: nothing lifts what the code itself demands");
    }
    // Where a rule is wrong itself, that is said first.
    let Some(rules) = rules else { return Ok(Text::from(text)) };
    match rules.iter().find(|rule| rule.code == text) {
        None => wrong("the code of a rule above", "correct the code").map_err(|w| w.coded(ProblemCode::UnknownName)),
        Some(rule) if rule.severity == Severity::Hard => {
            wrong("a soft rule (nothing lifts a hard one)", "remove it, or let the owner make the rule soft")
        }
        Some(rule) if owner == Some(Owner::Business) && rule.owner != Owner::Business => {
            wrong("a rule that business owns", "let risk or compliance own the lift")
        }
        Some(rule) => Ok(rule.code.clone()),
    }
}
