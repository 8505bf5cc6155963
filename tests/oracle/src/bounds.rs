//! Layer 3: what holds in every prefix of the output topics, whatever the interleaving was.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::{ConsentPurpose, Event};
use reflow::domain::fact::Verdict as Answer;
use reflow::domain::{
    CalendarDay, Candidate, CandidateStatus, Decision, EventTime, Output, Proposal, Reply, Settlement, Text, codec,
};

use super::inputs::OwnedEvent;
use super::{Rules, Verdict, local_day};

/// The output topics, each in log order. Records of one customer lie in one partition, so partitions may follow each other.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// `candidates.realtime`.
    pub candidates: Vec<Candidate>,
    /// `candidates.active`: customer and what stands there, none for a tombstone.
    pub active: Vec<(Text, Option<Candidate>)>,
    pub decisions: Vec<Decision>,
    pub replies: Vec<Reply>,
    pub proposals: Vec<Proposal>,
    pub settlements: Vec<Settlement>,
    /// The shards have nothing left to read: no proposal waits, no settlement is on its way.
    pub drained: bool,
}

impl Outputs {
    /// Takes what a stage said in a step, for tests without a bus; a candidate also sets or clears its customer's entry.
    pub fn take(&mut self, output: &Output) {
        match output {
            Output::Bundle { bundle, .. } => {
                self.proposals.extend(bundle.proposals.iter().cloned());
                self.settlements.extend(bundle.settlements.iter().cloned());
            }
            Output::Reply { reply, .. } => self.replies.push(reply.clone()),
            Output::Decision(decision) => self.decisions.push((**decision).clone()),
            Output::Candidate(c) => {
                let standing = (c.status == CandidateStatus::Active).then(|| (**c).clone());
                self.active.push((c.customer.clone(), standing));
                self.candidates.push((**c).clone());
            }
            Output::View(_) | Output::Pane(_) | Output::Alert(_) => {}
        }
    }
}

/// Admissions a partner permits per calendar day of its contract's zone.
#[derive(Clone, Debug)]
pub struct Quota {
    pub zone: TimeZone,
    pub per_day: i64,
}

/// All bounds that need only the outputs.
pub fn check(outputs: &Outputs, quotas: &BTreeMap<Text, Quota>, partners: &[&str]) -> Verdict {
    lives(outputs)
        .and(active_topic(outputs))
        .and(answers(outputs))
        .and(admissions(outputs, quotas))
        .and(silence(outputs, partners))
}

/// Versions grow, an active candidate has one content, nobody has two live ones; all in every prefix.
fn lives(outputs: &Outputs) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen: BTreeMap<&Text, &Candidate> = BTreeMap::new();
    let mut live: BTreeMap<&Text, &Text> = BTreeMap::new();
    for c in &outputs.candidates {
        let name = format!("candidate {} of {}", c.candidate, c.customer);
        let active = c.status == CandidateStatus::Active;
        let before = seen.insert(&c.candidate, c);
        match before {
            None => verdict.expect(active && c.version == 1, || {
                format!("{name}: begins as {} with version {}", c.status, c.version)
            }),
            Some(b) if active => {
                let what = if b == c { "active twice" } else { "active twice with different content" };
                verdict.say(format!("{name}: {what}"));
            }
            Some(b) => verdict.expect(c.version == b.version + 1 && b.status == CandidateStatus::Active, || {
                format!("{name}: version {} {} follows version {} {}", c.version, c.status, b.version, b.status)
            }),
        }
        verdict.expect(active == c.end_reasons.is_empty(), || {
            format!("{name}: {} with end reasons {:?}", c.status, c.end_reasons)
        });
        if !active {
            live.retain(|_, id| **id != c.candidate);
        } else if let Some(other) = live.insert(&c.customer, &c.candidate).filter(|id| **id != c.candidate) {
            verdict.say(format!("{name}: {other} is still live"));
        }
    }
    verdict
}

/// The compacted topic's final state is the set of live candidates.
fn active_topic(outputs: &Outputs) -> Verdict {
    let mut verdict = Verdict::default();
    let last = |(customer, candidate): &(Text, Option<Candidate>)| (customer.clone(), candidate.clone());
    let standing: BTreeMap<Text, Option<Candidate>> = outputs.active.iter().map(last).collect();
    let newest: BTreeMap<&Text, &Candidate> = outputs.candidates.iter().map(|c| (&c.candidate, c)).collect();
    let live = newest.values().filter(|c| c.status == CandidateStatus::Active);
    let live: BTreeMap<&Text, &Candidate> = live.map(|c| (&c.customer, *c)).collect();
    let customers: BTreeSet<&Text> = standing.keys().chain(live.keys().copied()).collect();
    for customer in customers {
        let have = standing.get(customer).and_then(Option::as_ref);
        let want = live.get(customer).copied();
        verdict.expect(have == want, || {
            let id = |c: Option<&Candidate>| c.map_or("none".into(), |c| c.candidate.clone());
            format!("candidates.active of {customer}: {} expected, {} found, or other content", id(want), id(have))
        });
    }
    verdict
}

/// One answer per proposal, one yes per admitted candidate, one release per ending.
fn answers(outputs: &Outputs) -> Verdict {
    let mut verdict = Verdict::default();
    let replies = |id: &Text, released: bool| {
        outputs.replies.iter().filter(|r| r.candidate == *id && (r.verdict == Answer::Released) == released).count()
    };
    let decided = |id: &Text, kind: DecisionKind| {
        let own = |d: &&Decision| d.stage == StageName::Partner && d.candidate == *id && d.kind == kind;
        outputs.decisions.iter().filter(own).count()
    };
    let proposed: BTreeSet<&Text> = outputs.proposals.iter().map(|p| &p.candidate.candidate).collect();
    for id in &proposed {
        let answered = replies(id, false);
        let possible = answered == 1 || answered == 0 && !outputs.drained;
        verdict.expect(possible, || format!("proposal {id}: {answered} answers"));
    }
    for reply in outputs.replies.iter().filter(|r| r.verdict != Answer::Released) {
        let id = &reply.candidate;
        verdict.expect(proposed.contains(id), || format!("reply {} to {id}, which was never proposed", reply.verdict));
        let kind = match reply.verdict {
            Answer::Admitted => DecisionKind::Yes,
            Answer::TooLate => DecisionKind::TooLate,
            _ => DecisionKind::No,
        };
        let found = decided(id, kind);
        verdict.expect(found == 1, || format!("reply {} to {id}: {found} {kind} decisions", reply.verdict));
    }
    let emitted: BTreeSet<&Text> = outputs.candidates.iter().map(|c| &c.candidate).collect();
    for id in &emitted {
        let yes = decided(id, DecisionKind::Yes);
        verdict.expect(yes == 1, || format!("candidate {id}: {yes} yes decisions"));
        let admitted = outputs.replies.iter().filter(|r| r.candidate == **id && r.verdict == Answer::Admitted).count();
        verdict.expect(admitted == 1, || format!("candidate {id}: {admitted} admitted replies"));
    }
    let of_settlements = outputs.settlements.iter().map(|s| &s.candidate);
    for id in emitted.iter().copied().chain(of_settlements).chain(proposed).collect::<BTreeSet<_>>() {
        let ended = |c: &&Candidate, status| c.candidate == *id && c.status == status;
        let expired = outputs.candidates.iter().filter(|c| ended(c, CandidateStatus::Expired)).count();
        let revoked = outputs.candidates.iter().filter(|c| ended(c, CandidateStatus::Revoked)).count();
        let settled = outputs.settlements.iter().filter(|s| s.candidate == *id).count();
        verdict.expect(settled <= 1, || format!("candidate {id}: {settled} settlements"));
        // A settlement that crosses an expiry is released as well; then two releases are right.
        let released = replies(id, true);
        let possible = if outputs.drained {
            released == settled + expired
        } else {
            released <= settled + expired && released >= revoked + expired
        };
        verdict.expect(possible, || {
            format!("candidate {id}: {released} released after {settled} settlements and {expired} expiries")
        });
    }
    verdict
}

/// Per partner and day of the contract's zone no more yes decisions than the quota; no decision id twice.
fn admissions(outputs: &Outputs, quotas: &BTreeMap<Text, Quota>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut used: BTreeMap<(&Text, CalendarDay), i64> = BTreeMap::new();
    let mut ids: BTreeSet<&Text> = BTreeSet::new();
    for d in &outputs.decisions {
        verdict.expect(ids.insert(&d.decision), || format!("decision {} is there twice", d.decision));
        let yes = d.kind == DecisionKind::Yes;
        let passed = yes || d.kind == DecisionKind::Proposed;
        verdict.expect(passed == d.reasons.is_empty(), || {
            format!("decision {}: {} for {:?}", d.decision, d.kind, d.reasons)
        });
        let failed = d.checks.iter().find(|check| passed && !check.passed);
        verdict.expect(failed.is_none(), || format!("decision {}: {} in spite of {failed:?}", d.decision, d.kind));
        let Some(quota) = quotas.get(&d.partner).filter(|_| yes) else { continue };
        let day = local_day(Some(&quota.zone), d.decided_at);
        let count = used.entry((&d.partner, day)).or_default();
        *count += 1;
        verdict.expect(*count <= quota.per_day, || {
            format!("{} on {day}: {count} admissions, the quota is {}", d.partner, quota.per_day)
        });
    }
    verdict
}

/// A candidate names no partner, in whatever field.
fn silence(outputs: &Outputs, partners: &[&str]) -> Verdict {
    let mut verdict = Verdict::default();
    let standing = outputs.active.iter().filter_map(|(_, candidate)| candidate.as_ref());
    for c in outputs.candidates.iter().chain(standing) {
        let mut body = Vec::new();
        codec::encode(c, &mut body);
        for partner in partners.iter().filter(|partner| !partner.is_empty()) {
            let named = body.windows(partner.len()).any(|bytes| bytes == partner.as_bytes());
            verdict.expect(!named, || format!("candidate {} names the partner {partner}", c.candidate));
        }
    }
    verdict
}

/// Nobody is a candidate without a cross-marketing consent as of the trigger. A withdrawal may be read after the trigger
/// it precedes; then the candidate has to end, and from `slack_ms` on it must not have begun.
pub fn check_consents(
    outputs: &Outputs,
    events: &[OwnedEvent],
    lender: Option<&str>,
    slack_ms: i64,
    rules: &Rules,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut consents: BTreeMap<Text, Vec<(EventTime, Option<EventTime>)>> = BTreeMap::new();
    for event in events.iter().filter_map(|event| event.read(rules).ok()) {
        let Event::Customer(e) = event else { continue };
        let cross = e.consents.iter().filter(|c| {
            c.purpose == ConsentPurpose::MarketingCross && lender.is_none_or(|lender| lender == c.controller)
        });
        consents.entry(e.customer.into()).or_default().extend(cross.map(|c| (c.given_at, c.withdrawn_at)));
    }
    for d in outputs.decisions.iter().filter(|d| d.kind == DecisionKind::Yes) {
        let at = d.event_time;
        let of_customer = consents.get(&d.customer).map_or(&[][..], Vec::as_slice);
        let given = of_customer.iter().filter(|(given, _)| *given <= at).max();
        let name = format!("candidate {} of {}", d.candidate, d.customer);
        let Some((_, withdrawn)) = given else {
            verdict.say(format!("{name}: no cross-marketing consent was given before {at}"));
            continue;
        };
        let Some(withdrawn) = withdrawn.filter(|withdrawn| *withdrawn < at) else { continue };
        let newest = outputs.candidates.iter().rfind(|c| c.candidate == d.candidate);
        let ended = newest.is_some_and(|c| c.status != CandidateStatus::Active) || !outputs.drained;
        verdict.expect(ended && at.ms_since(withdrawn) < slack_ms, || {
            format!("{name}: the consent was withdrawn at {withdrawn}, before {at}")
        });
    }
    verdict
}
