//! From the text of a document to a policy, or to everything that is wrong with it.
//!
//! The text becomes a tree with places; each part is read from it by one file. All problems are collected; only a text that
//! is no tree stops at its first. What may be left out has a default that permits nothing more than the key would.

mod consents;
mod contact;
mod contracts;
mod costs;
mod exclusions;
mod experiments;
pub(crate) mod fields;
mod grading;
mod guard;
pub(crate) mod merge;
mod models;
mod offers;
pub(crate) mod quantity;
mod rules;
mod segments;
mod templates;
pub(crate) mod tree;
#[cfg(test)]
mod mistakes;

pub(super) use merge::HEAD;
pub(super) use tree::{Entry, Node, Value};

use fields::{Fields, Problems, Wrong};
use quantity::{moment, sentence, token};

use super::contract::Contracts;
use super::document::Document;
use super::problem::{Problem, ProblemCode};
use super::{Origin, Policy, Source, Texts};
use crate::domain::candidate::{Friction, PrefillField};
use crate::domain::{EventTime, Text};

pub fn read(document: &Document) -> Result<Policy, Vec<Problem>> {
    let problems = Problems::new(document.all().map(|part| part.file.as_str()));
    let root = merge::tree(document, &problems);
    let fields = root.as_ref().and_then(|root| Fields::of(root, "a policy", &problems));
    let policy = fields.and_then(|fields| policy(document.hash(), fields));
    let list = problems.into_list();
    match policy {
        Some(policy) if list.is_empty() => Ok(policy),
        _ => Err(list),
    }
}

/// The document as a tree of texts with their places, whatever it says.
pub fn outline(document: &Document) -> Result<Node, Vec<Problem>> {
    let problems = Problems::new(document.all().map(|part| part.file.as_str()));
    let root = merge::tree(document, &problems);
    let list = problems.into_list();
    match root {
        Some(root) if list.is_empty() => Ok(root),
        _ => Err(list),
    }
}

fn policy(hash: Text, root: Fields<'_, '_>) -> Option<Policy> {
    let version = root.required("version", token);
    let effective_from = root.required("effective_from", moment);
    let author = root.required("author", sentence);
    let approver = root.required("approver", sentence);
    let reason = root.required("reason", sentence);
    four_eyes(&root, author.as_ref(), approver.as_ref());
    let contracts = root.need("contracts").and_then(|node| contracts::read(node, root.problems));
    let known = contracts.as_deref().unwrap_or_default();
    let exclusions = exclusions::read(&root, effective_from, known);
    let consent_texts = consents::read(&root);
    let models = models::read(&root, known);
    let grading = grading::read(&root, known);
    let contact = contact::read(&root);
    let holdout = experiments::holdout(&root);
    let templates = templates::read(&root, known);
    let offers = match root.find("offers") {
        Some(node) => offers::read(node, root.problems),
        None => Some(Vec::new()),
    };
    let named: Vec<&Text> = offers.iter().flatten().map(|offer| &offer.offer).collect();
    let experiments = experiments::read(&root, &named);
    let licence = costs::licence(&root);
    let licensed = licence.as_ref().and_then(Option::as_ref);
    let exposure = costs::exposure(&root, licensed);
    let prices = costs::prices(&root, licensed);
    let segments = segments::read(&root);
    let fairness = segments::fairness(&root);
    let texts = texts(&root);
    let friction = friction(&root);
    let origin = Origin { version: source_of(&root, "version"), effective_from: source_of(&root, "effective_from") };
    root.finish();
    reason?;
    licence?;
    let (mut contracts, prices) = (contracts?, prices?);
    costs::average_caps(&mut contracts, &prices);
    templates?;
    let (exclusions, rules) = exclusions?;
    Some(Policy {
        version: version?,
        hash,
        effective_from: effective_from?,
        origin,
        contracts: Contracts::new(contracts),
        exclusions,
        rules,
        consent_texts: consent_texts?,
        models: models?,
        grading: grading?,
        contact: contact?,
        holdout: holdout?,
        experiments: experiments?,
        offers: offers?,
        exposure: exposure?,
        prices,
        segments: segments?,
        fairness: fairness?,
        texts: texts?,
        friction: friction?,
    })
}

/// Where a key's value stands, for problems between documents.
fn source_of(fields: &Fields<'_, '_>, key: &str) -> Source {
    let place = fields.place_of(key);
    Source { file: fields.problems.file(place).to_owned(), place }
}

/// Who writes a policy does not approve it.
fn four_eyes(root: &Fields<'_, '_>, author: Option<&Text>, approver: Option<&Text>) {
    if let (Some(author), Some(approver)) = (author, approver)
        && author.to_lowercase() == approver.to_lowercase()
    {
        let wrong = Wrong::new("another person than the author", "let a second person approve the document")
            .coded(ProblemCode::FourEyes);
        root.problems.report(root.place_of("approver"), format!("`{approver}`"), wrong);
    }
}

/// What every offer must say. Without offers the texts may be left out.
fn texts(root: &Fields<'_, '_>) -> Option<Texts> {
    if !root.has("texts") && !root.has("offers") {
        return Some(Texts::default());
    }
    if !root.has("texts") {
        let wrong = Wrong::new("`texts` as well", "add source_disclosure, opt_out_link, non_personalised_alternative")
            .coded(ProblemCode::MissingText);
        root.problems.report(root.place_of("offers"), "offers without their texts", wrong);
        return None;
    }
    let texts = root.group_if_any("texts", "`texts`")?;
    let [source_disclosure, opt_out_link, non_personalised_alternative] =
        ["source_disclosure", "opt_out_link", "non_personalised_alternative"].map(|key| texts.required(key, sentence));
    texts.finish();
    Some(Texts {
        source_disclosure: Some(source_disclosure?),
        opt_out_link: Some(opt_out_link?),
        non_personalised_alternative: Some(non_personalised_alternative?),
    })
}

fn friction(root: &Fields<'_, '_>) -> Option<Friction> {
    let must_confirm = root.list_or("must_confirm", Vec::new(), token);
    let steps_skipped = root.list_or("steps_skipped", Vec::new(), token);
    let prefill = root.list_or("prefill", Vec::new(), token);
    let fields = prefill?.into_iter().map(|field| PrefillField { field, as_of: EventTime::default() }).collect();
    Some(Friction { fields, must_confirm: must_confirm?, steps_skipped: steps_skipped?, ..Friction::default() })
}
