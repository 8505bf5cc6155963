//! Gates: what law and contract demand before anything else. No other part of a policy can lift one.

use compact_str::format_compact;

use super::findings::{Case, Findings, length};
use super::{Dates, Text};
use crate::domain::ReasonCode::{self, *};
use crate::domain::events::Flag;

/// Flags that always forbid an approach, in the order of `docs/semantics.md`.
const FLAGS: [(Flag, ReasonCode); 8] = [
    (Flag::OptOut, GateOptOut),
    (Flag::Hardship, GateHardship),
    (Flag::Dispute, GateDispute),
    (Flag::Complaint, GateComplaint),
    (Flag::InCollection, GateInCollection),
    (Flag::SelfExclusion, GateSelfExclusion),
    (Flag::Deceased, GateDeceased),
    (Flag::Minor, GateMinor),
];

pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    contract(case, found);
    consent(case, found);
    for (flag, code) in FLAGS {
        found.flag(case.facts.flags, flag, code);
    }
    deadline(case, found);
}

fn contract(case: &Case<'_>, found: &mut Findings) {
    let (contract, at) = (case.contract, case.facts.event_time);
    let moment = format_compact!("trigger at {at}");
    found.judge(
        GatePartnerUnlisted,
        contract.listed.dates.hold(at),
        moment.clone(),
        span("listed", contract.listed.dates),
    );
    let permitted = if contract.real_time { "real time permitted" } else { "real time not permitted" };
    found.judge(GateContractForbids, contract.real_time, permitted, "real time permitted");
    found.judge(GateContractDates, contract.contract.hold(at), moment, span("contract", contract.contract));
}

fn span(what: &str, dates: Dates) -> Text {
    let mut text = Text::from(what);
    if let Some(from) = dates.from {
        text.push_str(&format_compact!(" from {from}"));
    }
    if let Some(to) = dates.to {
        text.push_str(&format_compact!(" until {to}"));
    }
    text
}

/// Servicing consent is not marketing consent: the fact is the cross-marketing consent given to this lender.
fn consent(case: &Case<'_>, found: &mut Findings) {
    let at = case.facts.event_time;
    let (passed, observed) = match case.facts.consent {
        None => (false, Text::const_new("no consent")),
        Some(given) if given.withdrawn_at.is_some() => (false, Text::const_new("consent withdrawn")),
        Some(given) => (given.given_at <= at, format_compact!("text {} given {}", given.text_version, given.given_at)),
    };
    found.judge(GateNoConsent, passed, observed, format_compact!("cross-marketing consent given by {at}"));
}

fn deadline(case: &Case<'_>, found: &mut Findings) {
    let within_ms = case.contract.answer_within_ms;
    let age_ms = case.facts.now.ms_since(case.facts.event_time);
    let observed = format_compact!("{} after the trigger", length(age_ms));
    found.judge(GateDeadline, age_ms <= within_ms, observed, format_compact!("within {}", length(within_ms)));
}
