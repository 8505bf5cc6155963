//! The metrics, in OpenMetrics text, made from the read models when somebody asks.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::words::Word;
use crate::worker::models::{Models, ShardState};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Shard {
    stage: String,
    shard: i32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartnerRate {
    partner: String,
    rate: String,
    window: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartnerModel {
    partner: String,
    model: String,
    version: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PolicySet {
    digest: String,
    newest: String,
}

/// Everything as of now.
pub fn exposition(models: &Models, lanes: u64) -> String {
    let mut registry = Registry::with_prefix("reflow");
    fates(&mut registry, models);
    let totals = [
        ("transactions", "Committed transactions", &models.transactions),
        ("transactions_aborted", "Aborted or unknown transactions", &models.aborted),
        ("produced_records", "Records produced", &models.produced),
        ("produced_bytes", "Bytes produced, keys and values", &models.produced_bytes),
        (
            "input_offsets_passed_over",
            "Offsets of inputs without a record for us: markers, aborted or compacted records; else nothing",
            &models.offsets_passed_over,
        ),
    ];
    for (name, help, value) in totals {
        let counter = Counter::<u64>::default();
        counter.inc_by(value.load(Ordering::Relaxed));
        registry.register(name, help, counter);
    }
    by_kind(
        &mut registry,
        "decisions",
        "Decisions by kind",
        models.decisions.iter().map(|e| (e.key().name().to_owned(), *e.value())),
    );
    by_kind(
        &mut registry,
        "refusals",
        "Failing reason codes of the noes",
        models.reasons.iter().map(|e| (e.key().to_string(), *e.value())),
    );
    shards(&mut registry, models, lanes);
    schema_registry(&mut registry, models);
    policies(&mut registry, models);
    rates(&mut registry, models);
    scores(&mut registry, models);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
    text
}

fn fates(registry: &mut Registry, models: &Models) {
    let fates = models.fates();
    let rows = [
        ("applied", fates.applied),
        ("duplicate", fates.duplicate),
        ("late", fates.late),
        ("ignored", fates.ignored),
        ("dead_lettered", fates.dead_lettered),
    ];
    let rows = rows.into_iter().map(|(fate, count)| (fate.to_owned(), u64::try_from(count).unwrap_or(0)));
    by_kind(registry, "records", "Input records by fate; the sum is what was consumed", rows);
}

fn by_kind(registry: &mut Registry, name: &str, help: &str, rows: impl Iterator<Item = (String, u64)>) {
    let family = Family::<Kind, Counter>::default();
    for (kind, count) in rows {
        family.get_or_create(&Kind { kind }).inc_by(count);
    }
    registry.register(name, help, family);
}

fn shards(registry: &mut Registry, models: &Models, lanes: u64) {
    let family = Family::<Shard, Gauge>::default();
    for entry in &models.shards {
        let (stage, shard) = entry.key();
        let running = i64::from(*entry.value() == ShardState::Running);
        family.get_or_create(&Shard { stage: stage.name().to_owned(), shard: *shard }).set(running);
    }
    registry.register("shard_running", "1 when the shard is restored and running, 0 while it restores", family);
    let ready: Gauge = Gauge::default();
    ready.set(i64::from(models.ready(lanes)));
    registry.register("ready", "1 when every lane has its shards restored", ready);
}

fn schema_registry(registry: &mut Registry, models: &Models) {
    let Some(schemas) = models.schemas() else { return };
    let rows = [
        ("schema_registry_up", "1 while the schema registry answers", i64::from(schemas.answers)),
        ("schema_ids_asked", "Schema ids that are being asked for", schemas.asked as i64),
        ("shards_waiting_for_schema", "Shards that wait for a writer's schema or for policies", schemas.waiting as i64),
    ];
    for (name, help, value) in rows {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}

/// Which policies are known. Workers that know the same have the same digest.
fn policies(registry: &mut Registry, models: &Models) {
    let Some(policies) = models.policies.get() else { return };
    let set = policies.current();
    let known = Family::<PolicySet, Gauge>::default();
    let newest = set.newest().map(|policy| policy.version.to_string()).unwrap_or_default();
    known.get_or_create(&PolicySet { digest: set.digest().to_string(), newest }).set(set.versions().count() as i64);
    registry.register("policies_known", "Policy versions known, by their digest", known);
    let rows = [
        ("policies_rejected", "Records of the policy log that are no policy", set.rejected_since(0).count() as i64),
        ("policy_offset", "Next offset of the policy log; -1 where policies come from files", set.next().unwrap_or(-1)),
        (
            "policy_log_current",
            "0 when the policy log is silent and nothing is decided",
            i64::from(!policies.is_silent()),
        ),
    ];
    for (name, help, value) in rows {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}

fn rates(registry: &mut Registry, models: &Models) {
    let family = Family::<PartnerRate, Gauge>::default();
    for entry in &models.partners {
        for rate in &entry.value().1.rates {
            if let Some(ppm) = rate.rate_ppm {
                let (partner, name, window) = (entry.key().to_string(), rate.name.to_string(), rate.window.to_string());
                family.get_or_create(&PartnerRate { partner, rate: name, window }).set(ppm);
            }
        }
    }
    registry.register("partner_rate_ppm", "Windowed rates per partner, parts per million", family);
}

fn scores(registry: &mut Registry, models: &Models) {
    let family = Family::<PartnerModel, Gauge>::default();
    for entry in &models.partners {
        for shift in &entry.value().1.scores {
            if let Some(ppm) = shift.psi_ppm {
                let (model, version) = (shift.model.to_string(), shift.version.to_string());
                family.get_or_create(&PartnerModel { partner: entry.key().to_string(), model, version }).set(ppm);
            }
        }
    }
    registry.register("score_psi_ppm", "Population stability index of a model's scores, parts per million", family);
}
