//! The end of a candidate: said once, as soon as it is known; after it the candidate is *closing* until it is released.

use super::record::{Customer, Offering, find};
use crate::domain::events::ApplicationKind;
use crate::domain::fact::SettlementKind;
use crate::domain::words::Word;
use crate::domain::{EventTime, ReasonCode, Settlement, Text, set_text};

/// How and when a candidate ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    kind: SettlementKind,
    reason: ReasonCode,
    at: EventTime,
}

impl End {
    pub fn opt_out(at: EventTime) -> Self {
        Self { kind: SettlementKind::Revoked, reason: ReasonCode::EndOptOut, at }
    }

    pub fn forbidden(at: EventTime) -> Self {
        Self { kind: SettlementKind::Revoked, reason: ReasonCode::EndForbidden, at }
    }

    pub fn erased(at: EventTime) -> Self {
        Self { kind: SettlementKind::Revoked, reason: ReasonCode::EndErased, at }
    }

    pub fn command(at: EventTime) -> Self {
        Self { kind: SettlementKind::Revoked, reason: ReasonCode::EndCommand, at }
    }
}

/// Ends the standing candidate, live or pending, and writes the settlement that says so; false when there is none or its end
/// is said already.
pub fn end(customer: &mut Customer, token: &str, end: End, said: &mut Settlement) -> bool {
    let Some(standing) = customer.offering.as_deref_mut().and_then(Offering::standing) else { return false };
    if std::mem::replace(standing.settled, true) {
        return false;
    }
    set_text(&mut said.candidate, standing.candidate);
    set_text(&mut said.customer, token);
    set_text(&mut said.partner, standing.partner);
    (said.kind, said.at) = (end.kind, end.at);
    said.reason = Text::const_new(end.reason.name());
    true
}

/// How the standing candidate ends: when it belongs to this drawdown and the drawdown has an outcome.
pub fn ended_drawdown(customer: &mut Customer, partner: &str, drawdown: &str) -> Option<End> {
    let standing = customer.offering.as_deref_mut()?.standing()?;
    if standing.partner != partner || standing.drawdown != drawdown {
        return None;
    }
    let drawdown = find(&customer.drawdowns, partner, drawdown)?;
    let outcome = drawdown.outcome?;
    let reason = match outcome.kind {
        ApplicationKind::DrawdownDisbursed => ReasonCode::EndDrawdownDisbursed,
        ApplicationKind::DrawdownDeclined => ReasonCode::EndDrawdownDeclined,
        ApplicationKind::DrawdownTimedOut => ReasonCode::EndDrawdownTimedOut,
        ApplicationKind::DrawdownRerouted => ReasonCode::EndDrawdownRerouted,
        _ => ReasonCode::EndDrawdownCancelled,
    };
    let kind = match outcome.kind {
        ApplicationKind::DrawdownDisbursed => SettlementKind::Kept,
        // Of a pending candidate it is not known yet whether it is admitted; if it is not, nobody asks how it ended.
        _ if drawdown.chose_own() => SettlementKind::Diverted,
        _ => SettlementKind::Revoked,
    };
    Some(End { kind, reason, at: outcome.at })
}
