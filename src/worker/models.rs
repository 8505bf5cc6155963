//! Read models for people, fed when a batch is committed. The hot path takes no lock: a lane gathers and hands over.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dashmap::{DashMap, DashSet};

use super::open_batch::Closed;
use super::policies::Policies;
use crate::bus::producer::Phases;
use crate::bus::registry::{Registry, State};
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::fate::FateCounts;
use crate::domain::view::PartnerView;
use crate::domain::{Output, Text};

/// Most outputs that wait for a listener; more are not heard, and counted.
pub const LISTENER_OUTPUTS_MAX: usize = 262_144;

/// What a shard is doing, for readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardState {
    Restoring,
    /// Restored; what had gathered in the inputs meanwhile is worked off.
    CatchingUp,
    Running,
}

/// How it stands with other writers' schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemas {
    /// The registry answered when it was asked last.
    pub answers: bool,
    /// Schema ids that are being asked for.
    pub asked: usize,
    /// Shards that wait for one.
    pub waiting: usize,
}

/// Everything the console, the demo's view and the metrics read.
#[derive(Default)]
pub struct Models {
    /// What each partner's shard said of it last.
    pub partners: DashMap<Text, (i32, PartnerView)>,
    pub shards: DashMap<(StageName, i32), ShardState>,
    /// Shards that wait for a writer's schema or for policies.
    pub waiting: DashSet<(StageName, i32)>,
    /// Knows the schemas of other writers, where there is a registry.
    pub registry: OnceLock<Arc<Registry>>,
    pub policies: OnceLock<Arc<Policies>>,
    /// Noes by code, both stages.
    pub reasons: DashMap<Text, u64>,
    pub decisions: DashMap<DecisionKind, u64>,
    fates: Mutex<FateCounts>,
    listener: OnceLock<SyncSender<Output>>,
    pub unheard: AtomicU64,
    pub transactions: AtomicU64,
    pub aborted: AtomicU64,
    /// Bundles and replies, counted apart from input records.
    pub internal_records: AtomicI64,
    /// Offsets of inputs that held no record for us: what [`Closed::passed_over`] says of all batches.
    pub offsets_passed_over: AtomicU64,
    pub produced: AtomicU64,
    pub produced_bytes: AtomicU64,
    /// Lanes that have what the group gave them, were it nothing.
    pub joined: DashSet<(StageName, u32)>,
    pub phases: PhaseTotals,
}

/// Time spent in the parts of all transactions, microseconds.
#[derive(Default)]
pub struct PhaseTotals {
    pub produce: AtomicU64,
    pub offsets: AtomicU64,
    pub acknowledge: AtomicU64,
    pub commit: AtomicU64,
}

impl PhaseTotals {
    pub fn add(&self, phases: &Phases) {
        let rows = [
            (&self.produce, phases.produce),
            (&self.offsets, phases.offsets),
            (&self.acknowledge, phases.acknowledge),
            (&self.commit, phases.commit),
        ];
        for (total, took) in rows {
            total.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl Models {
    /// Takes over what shards said in a committed batch, and gives back what no listener gets.
    pub fn absorb(&self, outputs: &mut Vec<(i32, Output)>, mut back: impl FnMut(i32, Output)) {
        for (shard, output) in outputs.drain(..) {
            match &output {
                Output::View(view) => {
                    self.partners.insert(view.partner.clone(), (shard, view.as_ref().clone()));
                }
                Output::Decision(decision) => {
                    *self.decisions.entry(decision.kind).or_default() += 1;
                    if matches!(decision.kind, DecisionKind::No | DecisionKind::TooLate) {
                        for reason in &decision.reasons {
                            *self.reasons.entry(reason.clone()).or_default() += 1;
                        }
                    }
                }
                Output::Candidate(_) | Output::Alert(_) => {}
                Output::Bundle { .. } | Output::Reply { .. } | Output::Pane(_) => continue,
            }
            let Some(listener) = self.listener.get() else {
                back(shard, output);
                continue;
            };
            if listener.try_send(output).is_err() {
                self.unheard.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How it stands with other writers' schemas; none without a registry.
    pub fn schemas(&self) -> Option<Schemas> {
        let registry = self.registry.get()?;
        let answers = registry.state() == State::Up;
        Some(Schemas { answers, asked: registry.waiting(), waiting: self.waiting.len() })
    }

    /// Hands every later candidate, decision, view and alert to one listener; only the first call gets any.
    pub fn listen(&self) -> Receiver<Output> {
        let (sender, receiver) = sync_channel(LISTENER_OUTPUTS_MAX);
        let _ = self.listener.set(sender);
        receiver
    }

    /// A shard is not here any more.
    pub fn forget(&self, stage: StageName, shard: i32) {
        self.shards.remove(&(stage, shard));
        self.waiting.remove(&(stage, shard));
    }

    /// Drops what was said of partners whose shards are not here any more: somebody else says what they are like now.
    pub fn forget_partners(&self) {
        self.partners.retain(|_, (shard, _)| self.shards.contains_key(&(StageName::Partner, *shard)));
    }

    /// Counts a committed batch.
    pub fn count(&self, closed: &Closed) {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).add(&closed.fates);
        self.internal_records.fetch_add(closed.internal.consumed(), Ordering::Relaxed);
        self.offsets_passed_over.fetch_add(closed.passed_over, Ordering::Relaxed);
    }

    pub fn fates(&self) -> FateCounts {
        *self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when every assigned shard has caught up and each lane has joined.
    pub fn ready(&self, lanes: u64) -> bool {
        self.joined.len() as u64 >= lanes && self.shards.iter().all(|shard| *shard.value() == ShardState::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_of_shards_that_went_elsewhere_are_forgotten() {
        let models = Models::default();
        for (partner, shard) in [("p01", 0), ("p02", 1)] {
            models.shards.insert((StageName::Partner, shard), ShardState::Running);
            let view = PartnerView { partner: partner.into(), ..PartnerView::default() };
            models.absorb(&mut vec![(shard, Output::View(Box::new(view)))], |_, _| {});
        }
        models.forget(StageName::Partner, 0);
        models.forget_partners();
        let left: Vec<Text> = models.partners.iter().map(|entry| entry.key().clone()).collect();
        assert_eq!(left, ["p02"]);
    }

    #[test]
    fn is_ready_when_each_lane_has_joined_and_every_shard_runs() {
        let (models, customer, partner) = (Models::default(), (StageName::Customer, 0), (StageName::Partner, 0));
        models.joined.insert(customer);
        models.joined.insert(customer);
        assert!(!models.ready(2), "one lane twice is not two");
        models.joined.insert(partner);
        assert!(models.ready(2));
        models.shards.insert((StageName::Customer, 3), ShardState::CatchingUp);
        assert!(!models.ready(2));
        models.forget(StageName::Customer, 3);
        models.joined.remove(&customer);
        assert!(!models.ready(2), "between two assignments");
    }
}
