//! The `consent_texts` part: by which texts a customer may have consented to offers of ours, and while each counts.

use jiff::tz::TimeZone;

use super::contracts::dates;
use super::fields::Fields;
use super::quantity::token;
use super::rules::each;
use crate::domain::Text;
use crate::policy::findings::Words;
use crate::policy::gates::{ConsentText, ConsentTexts};

/// Most texts.
const TEXTS_MAX: usize = 64;

/// The outer `None`: a problem was reported. Without the part a consent by any text counts.
pub fn read(root: &Fields<'_, '_>) -> Option<Option<ConsentTexts>> {
    if !root.has("consent_texts") {
        return Some(None);
    }
    let texts = each(root, ("consent_texts", "a consent text", TEXTS_MAX), text)?;
    let versions = Words::new(texts.iter().map(|text| text.version.clone()).collect());
    Some(Some(ConsentTexts { texts, versions }))
}

fn text(fields: Fields<'_, '_>) -> Option<(ConsentText, Text)> {
    let version = fields.required("version", token);
    let dates = dates(&fields, &TimeZone::UTC);
    fields.finish();
    let version = version?;
    Some((ConsentText { version: version.clone(), dates: dates? }, version))
}
