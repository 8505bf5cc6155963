//! Whose word is needed before a customer is approached: the enhancer of the loan asked for, and, offline, every partner
//! with a claim on the customer.

use super::findings::{Case, Findings};
use super::{Contract, Policy};
use crate::domain::ReasonCode::{self, *};
use crate::domain::events::RiskBearing;
use crate::domain::{EventTime, Subject, Text};

/// An enhanced loan may be approached only when its enhancer stands on the list. Where the contract names enhancers, it must
/// be known whether there is one.
pub(super) fn judge_enhancer(case: &Case<'_>, found: &mut Findings) {
    let facts = case.facts;
    if facts.enhancer.is_none() && facts.risk_bearing.is_none() {
        if !case.contract.enhancers.is_empty() {
            found.missing(Subject::RiskBearing);
        }
        return;
    }
    if facts.enhancer.is_none() && facts.risk_bearing != Some(RiskBearing::Enhanced) {
        return;
    }
    let listed = facts.enhancer.is_some_and(|enhancer| case.contract.enhancer_listed(enhancer, facts.event_time));
    found.flag(GateEnhancerUnlisted, Subject::EnhancerListed, listed, true);
}

/// What ties a customer to one partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie<'a> {
    pub partner: &'a str,
    /// A limit that has neither ended nor expired.
    pub limit_live: bool,
    pub loan_open: bool,
    /// When the last of the loans was closed.
    pub closed_at: Option<EventTime>,
    /// When the last loan was disbursed.
    pub disbursed_at: Option<EventTime>,
}

/// Whether a customer may be approached offline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflinePermission {
    /// Each partner whose word is needed and missing, with why; empty: permitted, if there is somebody to charge.
    pub refused: Vec<(Text, ReasonCode)>,
    /// The one partner to whom quota, guard and fee are charged; none when no partner has a claim (then nothing is permitted).
    pub attributed: Option<Text>,
}

impl OfflinePermission {
    pub fn granted(&self) -> bool {
        self.refused.is_empty() && self.attributed.is_some()
    }
}

impl Policy {
    /// Offline needs the permission of every partner with a live limit, an open loan, or one closed within the tail.
    ///
    /// Charged is the partner whose loan was disbursed last; with none, or at the same moment, the first by token.
    pub fn offline_permission(&self, ties: &[Tie<'_>], at: EventTime) -> OfflinePermission {
        let claims: Vec<&Tie<'_>> = ties.iter().filter(|tie| self.has_claim(tie, at)).collect();
        let refusal =
            |tie: &&Tie<'_>| refuses(self.contract(tie.partner), at).map(|code| (Text::from(tie.partner), code));
        let first = claims.iter().max_by(|a, b| a.disbursed_at.cmp(&b.disbursed_at).then(b.partner.cmp(a.partner)));
        OfflinePermission {
            refused: claims.iter().filter_map(refusal).collect(),
            attributed: first.map(|tie| Text::from(tie.partner)),
        }
    }

    /// Of a partner without a contract the tail is not known, so that its claim never ends.
    fn has_claim(&self, tie: &Tie<'_>, at: EventTime) -> bool {
        let within_tail = |closed: EventTime| match self.contract(tie.partner) {
            Some(contract) => at.ms_since(closed) < contract.tail_ms,
            None => true,
        };
        tie.limit_live || tie.loan_open || tie.closed_at.is_some_and(within_tail)
    }
}

/// Why a contract does not permit to approach offline at a moment.
fn refuses(contract: Option<&Contract>, at: EventTime) -> Option<ReasonCode> {
    match contract {
        None => Some(DataUnknownPartner),
        Some(contract) if !contract.listed.dates.hold(at) => Some(GatePartnerUnlisted),
        Some(contract) if !contract.offline => Some(GateContractForbids),
        Some(contract) if !contract.contract.hold(at) => Some(GateContractDates),
        Some(_) => None,
    }
}
