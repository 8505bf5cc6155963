//! Replies of the partner stage: a proposal's answer, and the release that frees the customer for another candidate.

use crate::customer::record::{Customer, Live, Offering};
use crate::domain::fact::Verdict;
use crate::domain::fate::IgnoreReason;
use crate::domain::{Fate, Reply};

/// Errs with the fate of a reply that changes nothing.
pub fn weigh(customer: &Customer, reply: &Reply) -> Result<(), Fate> {
    let unmatched = Fate::Ignored(IgnoreReason::Unmatched);
    let Some(offering) = customer.offering.as_deref() else { return Err(unmatched) };
    let pending = offering.pending.as_ref().is_some_and(|c| c.candidate == reply.candidate);
    let live = offering.live.as_ref().is_some_and(|c| c.candidate == reply.candidate);
    match reply.verdict {
        _ if pending => Ok(()),
        Verdict::Released if live => Ok(()),
        Verdict::Admitted if live => Err(Fate::Duplicate),
        _ => Err(unmatched),
    }
}

/// Takes a reply that [`weigh`] found to match.
pub fn write(customer: &mut Customer, reply: &Reply) {
    let Some(offering) = customer.offering.as_deref_mut() else { return };
    match reply.verdict {
        Verdict::Admitted => admit(offering, &mut customer.drawdowns, reply),
        Verdict::Refused | Verdict::TooLate => offering.pending = None,
        Verdict::Released => release(offering, reply),
    }
}

fn admit(offering: &mut Offering, drawdowns: &mut [crate::customer::record::Drawdown], reply: &Reply) {
    let Some(pending) = offering.pending.take() else { return };
    if let Some(drawdown) = drawdowns.iter_mut().find(|d| d.candidate == reply.candidate) {
        drawdown.admitted = true;
    }
    offering.offered(reply.at);
    offering.live = Some(Live {
        candidate: pending.candidate,
        partner: pending.partner,
        drawdown: pending.drawdown,
        expires_at: reply.expires_at,
        settled: pending.settled,
    });
}

fn release(offering: &mut Offering, reply: &Reply) {
    if offering.live.as_ref().is_some_and(|c| c.candidate == reply.candidate) {
        offering.live = None;
    }
    if offering.pending.as_ref().is_some_and(|c| c.candidate == reply.candidate) {
        offering.pending = None;
    }
}
