//! Layer 2: what the product wrote against the replay in the journalled order.

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::fact::Verdict as Answer;
use reflow::domain::fate::FateCounts;
use reflow::domain::journal::JournalEntry;
use reflow::domain::view::PartnerPane;
use reflow::domain::words::Word;
use reflow::domain::{Decision, FactBundle, Reply, Text};

use super::contributions::sum_of_deltas;
use super::customer_shard::{CustomerShard, ExpectedDecision, Scores};
use super::guard::Retention;
use super::journal::{self, Log, Read};
use super::partner_shard::{Ended, PartnerShard};
use super::plain_policy::OraclePolicy;
use super::tiles::{TileScope, compare_cells, compare_tiles_since, tiles_of};
use super::{Rules, Verdict, chain};

/// Records of a batch that a difference in fates shows.
const SHOWN_RECORDS_MAX: usize = 2;

/// What the product wrote, each topic in log order (partitions one after the other where there are several).
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub journal: Vec<JournalEntry>,
    pub decisions: Vec<Decision>,
    pub bundles: Vec<FactBundle>,
    pub replies: Vec<Reply>,
    pub panes: Vec<PartnerPane>,
}

/// How the replay is set up.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    pub rules: &'a Rules,
    pub policies: &'a [OraclePolicy],
    pub heartbeat_stale_secs: i64,
    pub retention: Retention,
    pub tiles: TileScope,
    /// Compare duplicates and ignored as one sum.
    pub unchanged_as_one: bool,
}

impl<'a> Setup<'a> {
    pub fn new(rules: &'a Rules, policies: &'a [OraclePolicy]) -> Self {
        Self {
            rules,
            policies,
            heartbeat_stale_secs: 30,
            retention: Retention::default(),
            tiles: TileScope::ALL,
            unchanged_as_one: false,
        }
    }
}

/// Everything of layer 2, over all shards of both stages that the journal names.
pub fn check(written: &Written, log: &Log, setup: &Setup<'_>) -> Verdict {
    let mut verdict = journal::check(&written.journal, log).and(chain::check(&written.decisions));
    let shards: BTreeSet<(StageName, i32)> = written.journal.iter().map(|e| (e.stage, e.shard)).collect();
    let mut deltas = Vec::new();
    for (stage, shard) in shards {
        let entries = journal::of_shard(&written.journal, stage, shard);
        if stage == StageName::Customer {
            let replayed = replay_customers(&entries, log, setup, &mut verdict);
            verdict = verdict.and(compare_customers(shard, &replayed, written));
        } else {
            let replayed = replay_partners(&entries, log, setup);
            verdict = verdict.and(compare_partners(shard, &entries, &replayed, log, written));
            deltas.extend(replayed.deltas);
        }
    }
    verdict.and(compare_tiles_since(&tiles_of(&sum_of_deltas(deltas)), &written.panes, setup.tiles))
}

fn replay_customers<'s>(
    entries: &[&JournalEntry],
    log: &Log,
    setup: &Setup<'s>,
    verdict: &mut Verdict,
) -> CustomerShard<'s> {
    let mut shard = CustomerShard::new(setup.rules, setup.policies);
    for entry in entries {
        shard.fates = FateCounts::default();
        for told in journal::told(&[*entry], log) {
            match told.read {
                Some(Read::Event(event)) => drop(shard.take(event, told.now)),
                Some(Read::Reply(reply)) => drop(shard.reply(reply)),
                Some(Read::Bundle(_)) | None => {}
            }
        }
        let as_compared = |fates: FateCounts| match setup.unchanged_as_one {
            true => FateCounts { duplicate: fates.duplicate + fates.ignored, ignored: 0, ..fates },
            false => fates,
        };
        let (want, have) = (as_compared(shard.fates), as_compared(entry.fates));
        verdict.expect(want == have, || {
            format!(
                "customer shard {} sequence {}: fates {want:?} expected, {have:?} found; its first records: {}",
                entry.shard,
                entry.sequence,
                first_records(entry, log, setup.rules)
            )
        });
    }
    shard
}

/// The first records of a batch in words, to see what a difference is about.
fn first_records(entry: &JournalEntry, log: &Log, rules: &Rules) -> String {
    let told = journal::told(&[entry], log);
    let events = told.iter().filter_map(|told| match told.read {
        Some(Read::Event(event)) => Some(format!("{:?}", event.read(rules))),
        _ => None,
    });
    events.take(SHOWN_RECORDS_MAX).collect::<Vec<_>>().join("; ")
}

fn replay_partners<'s>(entries: &[&JournalEntry], log: &Log, setup: &Setup<'s>) -> PartnerShard<'s> {
    let mut shard = PartnerShard::new(setup.policies, setup.heartbeat_stale_secs, setup.retention);
    for told in journal::told(entries, log) {
        match told.read {
            Some(Read::Bundle(bundle)) => shard.bundle(bundle, told.now),
            None => shard.tick(told.now),
            Some(_) => {}
        }
    }
    shard
}

/// Decisions, proposals, settlements and Σ deltas of one customer shard.
pub fn compare_customers(shard: i32, replayed: &CustomerShard<'_>, written: &Written) -> Verdict {
    let mut verdict = Verdict::default();
    let own: Vec<&FactBundle> = written.bundles.iter().filter(|b| b.header.source_shard == shard).collect();
    let name = |customer: &Text, partner: &Text, drawdown: &Text| format!("{customer}/{partner}/{drawdown}");
    let mut said: BTreeMap<String, Vec<(Text, String)>> = BTreeMap::new();
    let mut recorded: Vec<String> = Vec::new();
    for p in own.iter().flat_map(|bundle| &bundle.proposals) {
        let at = format!("propose, requested {}, triggered {}", p.requested_at, p.triggered_at);
        let key = name(&p.candidate.customer, &p.partner, &p.drawdown);
        said.entry(key).or_default().push((p.candidate.candidate.clone(), at));
    }
    for d in written.decisions.iter().filter(|d| d.stage == StageName::Customer && d.shard == shard) {
        let key = name(&d.customer, &d.partner, d.drawdown.as_ref().unwrap_or(&Text::default()));
        match d.kind {
            DecisionKind::No => {
                said.entry(key).or_default().push((d.candidate.clone(), format!("no: {}", codes(&d.reasons))));
            }
            DecisionKind::Proposed => recorded.push(format!("{key} {} triggered {}", d.candidate, d.event_time)),
            other => verdict.say(format!("{}: the customer stage decided {other}", d.decision)),
        }
    }
    let mut wanted: BTreeMap<String, Vec<(Text, String)>> = BTreeMap::new();
    for e in &replayed.decisions {
        wanted.entry(name(&e.customer, &e.partner, &e.drawdown)).or_default().push((e.candidate.clone(), words(e)));
    }
    compare_maps(&format!("customer shard {shard}"), &wanted, &said, &mut verdict);
    let mut proposed: Vec<String> = replayed
        .decisions
        .iter()
        .filter(|e| e.reasons.is_empty())
        .map(|e| format!("{} {} triggered {}", name(&e.customer, &e.partner, &e.drawdown), e.candidate, e.triggered_at))
        .collect();
    proposed.sort();
    recorded.sort();
    verdict.expect(recorded == proposed, || {
        let (missing, extra) = difference(&proposed, &recorded);
        format!("customer shard {shard}: decisions `proposed` missing {missing:?}, not expected {extra:?}")
    });
    let told = |candidate: &Text, kind: &str, reason: &str| format!("{candidate} {kind} {reason}");
    let mut have: Vec<String> = own
        .iter()
        .flat_map(|bundle| &bundle.settlements)
        .map(|s| told(&s.candidate, s.kind.name(), &s.reason))
        .collect();
    let mut want: Vec<String> =
        replayed.settlements.iter().map(|s| told(&s.candidate, s.kind.name(), s.reason.name())).collect();
    have.sort();
    want.sort();
    verdict.expect(have == want, || {
        let (missing, extra) = difference(&want, &have);
        format!("customer shard {shard}: settlements missing {missing:?}, not expected {extra:?}")
    });
    let mut scored = Scores::new();
    for s in own.iter().flat_map(|bundle| &bundle.scored) {
        let key = (s.partner.clone(), s.model.clone(), s.version.clone(), s.day, s.tenth);
        *scored.entry(key).or_default() += s.count;
    }
    verdict.expect(replayed.scored == scored, || {
        format!("customer shard {shard}: scores {:?} expected, {scored:?} found", replayed.scored)
    });
    let deltas = sum_of_deltas(own.iter().flat_map(|bundle| bundle.deltas.iter()));
    verdict.and(compare_cells(&format!("Σ deltas of customer shard {shard}"), &replayed.contributions(), &deltas))
}

/// Replies and decisions of one partner shard.
pub fn compare_partners(
    shard: i32,
    entries: &[&JournalEntry],
    replayed: &PartnerShard<'_>,
    log: &Log,
    written: &Written,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut wanted: BTreeMap<String, Vec<(Text, String)>> = BTreeMap::new();
    for r in &replayed.replies {
        let reasons: Vec<Text> = r.reasons.iter().map(|code| code.name().into()).collect();
        let words = reply_words(r.verdict, &reasons, r.at.0, r.expires_at.map(|at| at.0));
        wanted.entry(r.candidate.to_string()).or_default().push((r.candidate.clone(), words));
    }
    // Replies carry no partner: those to candidates that this shard's bundles speak of.
    let mine: BTreeSet<&Text> = journal::told(entries, log)
        .into_iter()
        .filter_map(|told| match told.read {
            Some(Read::Bundle(bundle)) => Some(bundle),
            _ => None,
        })
        .flat_map(|b| {
            b.proposals.iter().map(|p| &p.candidate.candidate).chain(b.settlements.iter().map(|s| &s.candidate))
        })
        .collect();
    let mut said: BTreeMap<String, Vec<(Text, String)>> = BTreeMap::new();
    for r in written.replies.iter().filter(|r| mine.contains(&r.candidate)) {
        let words = reply_words(r.verdict, &r.reasons, r.at.0, r.expires_at.map(|at| at.0));
        said.entry(r.candidate.to_string()).or_default().push((r.candidate.clone(), words));
    }
    compare_maps(&format!("replies of partner shard {shard}"), &wanted, &said, &mut verdict);
    for (candidate, ended) in &replayed.ended {
        let kind = if *ended == Ended::Expired { DecisionKind::Expired } else { DecisionKind::Revoked };
        let own = |d: &&Decision| d.stage == StageName::Partner && d.candidate == *candidate && d.kind == kind;
        let found = written.decisions.iter().filter(own).count();
        verdict.expect(found == 1, || format!("partner shard {shard}: {candidate} has {found} {kind} decisions"));
    }
    verdict
}

fn reply_words(verdict: Answer, reasons: &[Text], at: i64, expires_at: Option<i64>) -> String {
    match verdict {
        Answer::Admitted => format!("admitted at {at} until {expires_at:?}"),
        // What a release says of its cause is not the replay's business.
        Answer::Released => format!("released at {at}"),
        refused => format!("{refused} at {at}: {}", codes(reasons)),
    }
}

fn words(e: &ExpectedDecision) -> String {
    if e.reasons.is_empty() {
        return format!("propose, requested {}, triggered {}", e.requested_at, e.triggered_at);
    }
    let reasons: Vec<Text> = e.reasons.iter().map(|code| code.name().into()).collect();
    format!("no: {}", codes(&reasons))
}

/// Codes in their order.
fn codes(reasons: &[Text]) -> String {
    reasons.iter().map(Text::as_str).collect::<Vec<_>>().join(" ")
}

fn compare_maps(
    what: &str,
    wanted: &BTreeMap<String, Vec<(Text, String)>>,
    said: &BTreeMap<String, Vec<(Text, String)>>,
    verdict: &mut Verdict,
) {
    let nothing = Vec::new();
    let keys: BTreeSet<&String> = wanted.keys().chain(said.keys()).collect();
    for key in keys {
        let (want, have) = (wanted.get(key).unwrap_or(&nothing), said.get(key).unwrap_or(&nothing));
        let plain = |list: &[(Text, String)]| list.iter().map(|(_, words)| words.clone()).collect::<Vec<_>>();
        verdict.expect(plain(want) == plain(have), || {
            format!("{what}: {key}: {:?} expected, {:?} found", plain(want), plain(have))
        });
        let ids = |list: &[(Text, String)]| list.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        let same_words = plain(want) == plain(have);
        verdict.expect(!same_words || ids(want) == ids(have), || {
            format!("{what}: {key}: candidate id {:?} expected, {:?} found", ids(want), ids(have))
        });
    }
}

/// What the first list has more than the second, and the other way round.
fn difference(want: &[String], have: &[String]) -> (Vec<String>, Vec<String>) {
    let without = |a: &[String], b: &[String]| {
        let mut left = b.to_vec();
        let mut more = a.to_vec();
        more.retain(|item| match left.iter().position(|other| other == item) {
            Some(at) => {
                left.swap_remove(at);
                false
            }
            None => true,
        });
        more
    };
    (without(want, have), without(have, want))
}
