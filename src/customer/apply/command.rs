//! Commands: an operator ends a customer's candidate. What concerns campaigns and partners is not this stage's.

use crate::customer::record::Customer;
use crate::domain::Fate;
use crate::domain::events::{Command, CommandKind};
use crate::domain::fate::IgnoreReason;

/// Fine when the command ends the standing candidate; a command that names another one matches nothing.
pub fn weigh(customer: &Customer, command: &Command<'_>) -> Result<(), Fate> {
    if command.kind != CommandKind::RevokeCandidate {
        return Err(Fate::Ignored(IgnoreReason::NotRelevant));
    }
    let standing = customer.offering.as_ref().and_then(|offering| offering.candidate());
    match standing.filter(|(candidate, _)| command.candidate.is_none_or(|named| **candidate == named)) {
        None => Err(Fate::Ignored(IgnoreReason::Unmatched)),
        Some((_, true)) => Err(Fate::Duplicate),
        Some((_, false)) => Ok(()),
    }
}
