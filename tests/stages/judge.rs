//! A finished run in the oracle's terms, and the oracle's verdict on it.

use std::collections::BTreeMap;

use reflow::bus::Topic;
use reflow::domain::alert::{Alert, AlertKind};
use reflow::domain::codec::Avro;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::fate::{DeadLetterClass, IgnoreReason};
use reflow::domain::time::DAY_MS;
use reflow::domain::words::Word;
use reflow::domain::{DeadLetter, EventTime, FactBundle, Fate, Text};
use reflow::wire::Schema;
use reflow_oracle::Verdict;
use reflow_oracle::bounds::{self, Outputs, Quota};
use reflow_oracle::contributions::decided;
use reflow_oracle::customer_shard::CustomerShard;
use reflow_oracle::inputs::OwnedEvent;
use reflow_oracle::journal::{self, Log, Read};
use reflow_oracle::ordered::{self, Setup, Written};
use reflow_oracle::plain_policy::in_force;
use reflow_oracle::tiles::{TileScope, compare_tiles_since, expected_tiles};

use crate::drive::Ran;

/// How long panes keep hours, days; the default of the configuration.
const HOURS_KEEP_DAYS: i64 = 35;

/// Everything of a run, decoded.
pub struct Judged {
    pub written: Written,
    pub log: Log,
    pub outputs: Outputs,
    pub dead_letters: Vec<DeadLetter>,
    pub alerts: Vec<Alert>,
}

/// Decodes everything a run read and wrote.
pub fn judged(ran: &Ran) -> Judged {
    let mut judged = Judged {
        written: Written::default(),
        log: Log::default(),
        outputs: Outputs::default(),
        dead_letters: Vec::new(),
        alerts: Vec::new(),
    };
    for ((topic, partition, offset), event) in &ran.events {
        judged.log.put(topic.name(), *partition, *offset, Read::Event(event.clone()));
    }
    for ((topic, partition), records) in &ran.bench.lying {
        for record in records {
            let value = record.value.as_deref();
            let read = match topic {
                Topic::Replies => Read::Reply(decoded(ran, Schema::Reply, value)),
                Topic::PartnerFacts => Read::Bundle(Box::new(decoded(ran, Schema::FactBundle, value))),
                _ => continue,
            };
            judged.log.put(topic.name(), *partition, record.offset, read);
        }
    }
    for record in &ran.bench.produced {
        judged.take(ran, record.topic, &record.key, record.value.as_deref());
    }
    judged.outputs.drained = true;
    judged
}

fn decoded<'v, T: Avro<'v>>(ran: &Ran, schema: Schema, value: Option<&'v [u8]>) -> T {
    ran.bench.shared.ids.decode(schema, value.unwrap()).unwrap()
}

impl Judged {
    fn take(&mut self, ran: &Ran, topic: Topic, key: &[u8], value: Option<&[u8]>) {
        let (written, outputs) = (&mut self.written, &mut self.outputs);
        match topic {
            Topic::Journal => written.journal.push(decoded(ran, Schema::Journal, value)),
            Topic::Decisions => {
                written.decisions.push(decoded(ran, Schema::Decision, value));
                outputs.decisions.push(decoded(ran, Schema::Decision, value));
            }
            Topic::PartnerFacts => {
                let bundle: FactBundle = decoded(ran, Schema::FactBundle, value);
                outputs.proposals.extend(bundle.proposals.iter().cloned());
                outputs.settlements.extend(bundle.settlements.iter().cloned());
                written.bundles.push(bundle);
            }
            Topic::Replies => {
                written.replies.push(decoded(ran, Schema::Reply, value));
                outputs.replies.push(decoded(ran, Schema::Reply, value));
            }
            Topic::DeadLetters => self.dead_letters.push(decoded(ran, Schema::DeadLetter, value)),
            Topic::Alerts => self.alerts.push(decoded(ran, Schema::Alert, value)),
            Topic::PartnerPanes => written.panes.push(decoded(ran, Schema::PartnerPane, value)),
            Topic::CandidatesRealtime => outputs.candidates.push(decoded(ran, Schema::Candidate, value)),
            Topic::CandidatesActive => {
                let customer = Text::from_utf8(key).unwrap();
                outputs.active.push((customer, value.map(|value| decoded(ran, Schema::Candidate, Some(value)))));
            }
            _ => {}
        }
    }

    /// The layers that hold for every run.
    pub fn ordered_and_bounds(&self, ran: &Ran) -> Verdict {
        self.ordered(ran).and(self.bounds(ran)).and(self.dead(ran)).and(self.stamps(ran)).and(self.no_data_alert())
    }

    /// Who is rejected for what, shard by shard; and each rejected record with its true place, key and bytes.
    fn dead(&self, ran: &Ran) -> Verdict {
        let mut verdict = Verdict::default();
        let mut expected: BTreeMap<(i32, DeadLetterClass), usize> = BTreeMap::new();
        self.replay(ran, |shard, _, fate| {
            let class = match fate {
                Fate::DeadLettered(class, _) => *class,
                Fate::Late(_) => DeadLetterClass::Late,
                Fate::Applied | Fate::Duplicate | Fate::Ignored(_) => return,
            };
            *expected.entry((shard, class)).or_default() += 1;
        });
        let mut found: BTreeMap<(i32, DeadLetterClass), usize> = BTreeMap::new();
        for letter in &self.dead_letters {
            *found.entry((letter.partition, letter.class)).or_default() += 1;
            let place = format!("{}[{}]@{}", letter.topic, letter.partition, letter.offset);
            let record = ran.lying(&letter.topic, letter.partition, letter.offset);
            let same = record.is_some_and(|record| {
                record.key == letter.key.as_ref().map(|key| key.0.clone())
                    && record.value.as_deref().map(kept) == letter.value.as_ref().map(|value| value.0.as_slice())
            });
            verdict.expect(same, || format!("dead letter {place}: no such record, or another key or value"));
        }
        verdict.expect(expected == found, || format!("dead letters {expected:?} expected, {found:?} found"));
        verdict
    }

    /// Every decision names the policy in force at its trigger.
    fn stamps(&self, ran: &Ran) -> Verdict {
        let mut verdict = Verdict::default();
        let triggered: BTreeMap<&Text, EventTime> =
            self.outputs.proposals.iter().map(|p| (&p.candidate.candidate, p.triggered_at)).collect();
        for decision in &self.written.decisions {
            let at = triggered.get(&decision.candidate).copied().unwrap_or(decision.event_time);
            let policy = in_force(&ran.policies.plain, at);
            let stamp = policy.map(|policy| (policy.version.as_str(), policy.hash.as_str()));
            let said = (decision.policy_version.as_str(), decision.policy_hash.as_str());
            verdict.expect(stamp == Some(said), || format!("decision {}: policy {said:?}", decision.decision));
        }
        verdict
    }

    /// Nothing was lost on the way, came twice, or fell below zero.
    fn no_data_alert(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let wrong = [AlertKind::Sequence, AlertKind::NegativeCount, AlertKind::Unplaced, AlertKind::Gap];
        for alert in self.alerts.iter().filter(|alert| wrong.contains(&alert.kind)) {
            verdict.say(format!("alert {} at {}: {}", alert.kind, alert.at, alert.detail));
        }
        verdict
    }

    fn scope(ran: &Ran) -> TileScope {
        // Hours are told as long as they are kept.
        let hours_from = ran.ended_at.plus_ms(-(HOURS_KEEP_DAYS - 2) * DAY_MS);
        TileScope { hours_from, days_from: EventTime(i64::MIN) }
    }

    fn ordered(&self, ran: &Ran) -> Verdict {
        let setup = Setup { tiles: Self::scope(ran), ..Setup::new(&ran.rules, &ran.policies.plain) };
        ordered::check(&self.written, &self.log, &setup)
    }

    fn bounds(&self, ran: &Ran) -> Verdict {
        let mut quotas: BTreeMap<Text, Quota> = BTreeMap::new();
        for (partner, contract) in ran.policies.plain.iter().flat_map(|policy| &policy.contracts) {
            let quota = quotas
                .entry(partner.as_str().into())
                .or_insert_with(|| Quota { zone: contract.zone.clone(), per_day: contract.quota_per_day });
            quota.per_day = quota.per_day.max(contract.quota_per_day);
        }
        let partners = ["partner-00", "partner-01", "partner-02", "partner-03"];
        let events: Vec<OwnedEvent> = ran.events.values().cloned().collect();
        bounds::check(&self.outputs, &quotas, &partners).and(bounds::check_consents(
            &self.outputs,
            &events,
            None,
            ran.delay_ms_max,
            &ran.rules,
        ))
    }

    /// Tiles from the multiset of the records that were accepted; not for runs in which somebody is erased.
    pub fn order_free(&self, ran: &Ran) -> Verdict {
        let accepted = self.accepted(ran);
        let expected = expected_tiles(&accepted, &decided(&self.written.decisions), &ran.rules);
        compare_tiles_since(&expected, &self.written.panes, Self::scope(ran))
    }

    /// The records that were not rejected, not late, and not about something unknown when they came.
    fn accepted(&self, ran: &Ran) -> Vec<OwnedEvent> {
        let mut accepted = Vec::new();
        self.replay(ran, |_, event, fate| {
            if matches!(fate, Fate::Applied | Fate::Duplicate | Fate::Ignored(IgnoreReason::Outdated)) {
                accepted.push(event.clone());
            }
        });
        accepted
    }

    /// The fate of every input record, by the oracle's replay of each shard.
    fn replay(&self, ran: &Ran, mut seen: impl FnMut(i32, &OwnedEvent, &Fate)) {
        for shard in 0..ran.bench.shards(StageName::Customer) {
            let mut twin = CustomerShard::new(&ran.rules, &ran.policies.plain);
            let entries = journal::of_shard(&self.written.journal, StageName::Customer, shard);
            for told in journal::told(&entries, &self.log) {
                match told.read {
                    Some(Read::Reply(reply)) => drop(twin.reply(reply)),
                    Some(Read::Event(event)) => seen(shard, event, &twin.take(event, told.now)),
                    Some(Read::Bundle(_)) | None => {}
                }
            }
        }
    }

    /// How often each reason and each kind of decision occurs, to see that a run says something.
    pub fn census(&self) -> BTreeMap<String, usize> {
        let mut census: BTreeMap<String, usize> = BTreeMap::new();
        for decision in &self.written.decisions {
            *census.entry(format!("{} {}", decision.stage, decision.kind)).or_default() += 1;
            let counterfactual = decision.checks.iter().find(|check| check.subject == "counterfactual");
            if let Some(whose) = counterfactual.and_then(|check| check.observed_word) {
                *census.entry(format!("{} by {whose}", decision.stage)).or_default() += 1;
            }
            if matches!(decision.kind, DecisionKind::No | DecisionKind::TooLate) {
                for reason in &decision.reasons {
                    *census.entry(format!("{} {reason}", decision.stage)).or_default() += 1;
                }
            }
        }
        let scored: i64 = self.written.bundles.iter().flat_map(|b| &b.scored).map(|s| s.count).sum();
        if scored > 0 {
            census.insert("scored".to_owned(), scored as usize);
        }
        for settlement in &self.outputs.settlements {
            *census.entry(format!("settled {} {}", settlement.kind, settlement.reason)).or_default() += 1;
        }
        census
    }
}

/// What a dead letter keeps of a value: the first 512 KiB.
fn kept(value: &[u8]) -> &[u8] {
    &value[..value.len().min(512 * 1024)]
}
