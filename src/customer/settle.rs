//! The end of a candidate: said once, as soon as it is known; after it the candidate is *closing* until it is released.

use super::record::{Customer, find};
use crate::domain::events::ApplicationKind;
use crate::domain::fact::SettlementKind;
use crate::domain::words::Word;
use crate::domain::{EventTime, ReasonCode, Settlement, Text};

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

/// Ends the standing candidate, live or pending; nothing when there is none or its end is said already.
pub fn end(customer: &mut Customer, token: &str, end: End) -> Option<Settlement> {
    let standing = customer.offering.as_deref_mut()?.standing()?;
    if std::mem::replace(standing.settled, true) {
        return None;
    }
    Some(Settlement {
        candidate: standing.candidate.clone(),
        customer: Text::from(token),
        partner: standing.partner.clone(),
        kind: end.kind,
        reason: Text::const_new(end.reason.name()),
        at: end.at,
    })
}

/// Ends the standing candidate when it belongs to this drawdown and the drawdown has an outcome.
pub fn ended_drawdown(customer: &mut Customer, token: &str, partner: &str, drawdown: &str) -> Option<Settlement> {
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
    end(customer, token, End { kind, reason, at: outcome.at })
}
