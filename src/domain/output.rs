//! What a stage says in one step. The worker turns each into records of the topics that the topic table names.

use super::alert::Alert;
use super::view::{PartnerPane, PartnerView};
use super::{Candidate, Decision, FactBundle, Reply};

/// One output of a step. A [`Candidate`] also sets (active) or clears (any other status) the customer's entry in
/// `reflow.candidates.active`. Decisions leave a stage without shard, sequence and hash: the chain is the shard's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To one partition of `reflow.partner-facts`.
    Bundle {
        partition: i32,
        bundle: Box<FactBundle>,
    },
    /// To the customer shard that proposed.
    Reply {
        shard: i32,
        reply: Reply,
    },
    Candidate(Box<Candidate>),
    Decision(Box<Decision>),
    View(Box<PartnerView>),
    Pane(Box<PartnerPane>),
    Alert(Box<Alert>),
}
