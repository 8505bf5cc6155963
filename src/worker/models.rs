//! Read models for people, fed when a batch is committed. The hot path takes no lock: a lane gathers and hands over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dashmap::DashMap;

use super::shard::Closed;
use crate::domain::alert::Alert;
use crate::domain::candidate::CandidateStatus;
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::fate::FateCounts;
use crate::domain::view::PartnerView;
use crate::domain::{Candidate, Output, Text};

/// Most recent things that are kept for a look.
pub const RECENT_MAX: usize = 256;

/// What a shard is doing, for readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardState {
    Restoring,
    Running,
}

/// Everything the console, the demo's view and the metrics read.
#[derive(Default)]
pub struct Models {
    pub partners: DashMap<Text, PartnerView>,
    pub shards: DashMap<(StageName, i32), ShardState>,
    /// Noes by code, both stages.
    pub reasons: DashMap<Text, u64>,
    pub decisions: DashMap<DecisionKind, u64>,
    fates: Mutex<FateCounts>,
    candidates: Mutex<VecDeque<Candidate>>,
    alerts: Mutex<VecDeque<Alert>>,
    /// Milliseconds from trigger to decision of admitted candidates.
    latencies: Mutex<VecDeque<i64>>,
    pub transactions: AtomicU64,
    pub aborted: AtomicU64,
    pub records: AtomicI64,
    pub internal_records: AtomicI64,
    pub produced: AtomicU64,
    pub produced_bytes: AtomicU64,
    pub lanes_joined: AtomicU64,
}

impl Models {
    /// Takes over what a committed batch said.
    pub fn absorb(&self, outputs: &mut Vec<Output>) {
        for output in outputs.drain(..) {
            match output {
                Output::View(view) => {
                    self.partners.insert(view.partner.clone(), *view);
                }
                Output::Decision(decision) => {
                    *self.decisions.entry(decision.kind).or_default() += 1;
                    if matches!(decision.kind, DecisionKind::No | DecisionKind::TooLate) {
                        for reason in &decision.reasons {
                            *self.reasons.entry(reason.clone()).or_default() += 1;
                        }
                    }
                }
                Output::Candidate(candidate) => {
                    if candidate.status == CandidateStatus::Active {
                        let latency = candidate.decided_at.ms_since(candidate.valid_from);
                        push(&self.latencies, latency, 65_536);
                    }
                    push(&self.candidates, *candidate, RECENT_MAX);
                }
                Output::Alert(alert) => push(&self.alerts, *alert, RECENT_MAX),
                Output::Bundle { .. } | Output::Reply { .. } | Output::Pane(_) => {}
            }
        }
    }

    /// Counts a committed batch.
    pub fn count(&self, closed: &Closed) {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).add(&closed.fates);
        self.records.fetch_add(closed.fates.consumed(), Ordering::Relaxed);
        self.internal_records.fetch_add(closed.internal.consumed(), Ordering::Relaxed);
    }

    pub fn fates(&self) -> FateCounts {
        *self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest candidates, oldest first.
    pub fn recent_candidates(&self) -> Vec<Candidate> {
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub fn recent_alerts(&self) -> Vec<Alert> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Takes the candidates gathered since the last call (the demo's market reacts to them).
    pub fn take_candidates(&self) -> Vec<Candidate> {
        self.candidates.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// True when every assigned shard runs and each lane has joined.
    pub fn ready(&self, lanes: u64) -> bool {
        self.lanes_joined.load(Ordering::Relaxed) >= lanes
            && self.shards.iter().all(|shard| *shard.value() == ShardState::Running)
    }
}

fn push<T>(queue: &Mutex<VecDeque<T>>, item: T, most: usize) {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}
