//! Plays a scenario and says what is not as expected.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::document::Scene;
use super::events::{Topic, Written};
use super::expect::{Difference, Expectation, compare, compare_decisions};
use super::steps::{Act, Step};
use super::world::World;
use crate::domain::decision::DecisionKind;
use crate::domain::fate::Fate;
use crate::domain::view::PartnerView;
use crate::domain::words::Word;
use crate::domain::{Candidate, Decision, Output, Text};
use crate::policy::Place;

/// What came of a scenario.
pub struct Played {
    pub differences: Vec<Difference>,
    /// Codes that an expectation named.
    pub codes: Vec<String>,
    pub heard: Heard,
    pub world: World,
}

/// What was said so far: the decisions in order, and the latest of everything else.
#[derive(Debug, Default)]
pub struct Heard {
    pub decisions: Vec<Decision>,
    /// What the customer stage passed on, with its checks; the partner stage decides it.
    pub proposed: Vec<Decision>,
    /// By customer.
    pub candidates: BTreeMap<Text, Candidate>,
    /// By partner.
    pub views: BTreeMap<Text, PartnerView>,
    alerts: Vec<&'static str>,
    /// How many decisions and alerts the expectations so far have looked at.
    seen: (usize, usize),
}

/// Plays every step.
pub fn play(scene: &Scene) -> Played {
    let world = World::new(scene.shards, scene.policies.clone(), scene.calendar.start);
    let mut played = Played { differences: Vec::new(), codes: Vec::new(), heard: Heard::default(), world };
    for step in &scene.steps {
        played.step(step, scene);
    }
    played
}

impl Played {
    fn step(&mut self, step: &Step, scene: &Scene) {
        self.world.pass_to(step.now, matches!(step.act, Act::Silence));
        match &step.act {
            Act::Wait | Act::Silence => {}
            Act::Pause { partner, paused } => self.world.pause(partner, *paused),
            Act::Events(written) => self.take(written),
        }
        self.heard.listen(std::mem::take(&mut self.world.said));
        if let Some(expectation) = &step.expect {
            self.codes.extend(expectation.codes.iter().cloned());
            let found = self.heard.differences(expectation, scene, self.world.now());
            self.differences.extend(found);
        }
    }

    fn take(&mut self, written: &[Written]) {
        let resolved: Vec<Written> = written.iter().map(|event| self.heard.resolved(event)).collect();
        let mut events = Vec::with_capacity(resolved.len());
        for event in &resolved {
            match event.event() {
                Ok(event) => events.push(event),
                Err(error) => self.differ(event.place, "an event", error.to_string()),
            }
        }
        let fates = self.world.take(&events);
        for (event, fate) in resolved.iter().zip(&fates) {
            let (name, detail) = fate_of(fate);
            if name != event.fate {
                self.differ(event.place, event.fate, format!("{name}{detail}"));
            }
        }
    }

    fn differ(&mut self, place: Place, expected: &str, found: String) {
        self.differences.push(Difference { place, expected: expected.to_owned(), found });
    }
}

fn fate_of(fate: &Fate) -> (&'static str, String) {
    match fate {
        Fate::Applied => ("applied", String::new()),
        Fate::Duplicate => ("duplicate", String::new()),
        Fate::Ignored(reason) => ("ignored", format!(": {}", reason.name())),
        Fate::Late(detail) => ("late", format!(": {detail}")),
        Fate::DeadLettered(class, detail) => ("dead_lettered", format!(": {}: {detail}", class.name())),
    }
}

impl Heard {
    fn listen(&mut self, said: Vec<Output>) {
        for output in said {
            match output {
                Output::Decision(decision) if decision.kind == DecisionKind::Proposed => self.proposed.push(*decision),
                Output::Decision(decision) => self.decisions.push(*decision),
                Output::Candidate(candidate) => _ = self.candidates.insert(candidate.customer.clone(), *candidate),
                Output::View(view) => _ = self.views.insert(view.partner.clone(), *view),
                Output::Alert(alert) => self.alerts.push(alert.kind.name()),
                Output::Bundle { .. } | Output::Reply { .. } | Output::Pane(_) => {}
            }
        }
    }

    /// An outcome or a revocation that names no candidate is about the customer's latest.
    fn resolved(&self, event: &Written) -> Written {
        let candidate = self.candidates.get(event.text("customer")).map(|candidate| candidate.candidate.as_str());
        match (event.topic, candidate) {
            (Topic::Outcome | Topic::Command, Some(candidate)) => event.clone().or("candidate", candidate),
            _ => event.clone(),
        }
    }

    fn differences(&mut self, wanted: &Expectation, scene: &Scene, now: crate::domain::EventTime) -> Vec<Difference> {
        let mut found = Vec::new();
        let (decisions, alerts) = self.seen;
        self.seen = (self.decisions.len(), self.alerts.len());
        let fresh: Vec<&Decision> = self.decisions.iter().skip(decisions).collect();
        if let Some(lines) = &wanted.decisions {
            found.extend(compare_decisions(lines, &fresh, wanted.place));
        }
        let customer = wanted.customer.as_str();
        let decision = self.decisions.iter().rev().find(|decision| decision.customer == customer);
        let things = [
            (&wanted.candidate, "candidate", json!(self.candidates.get(customer))),
            (&wanted.decision, "decision", json!(decision)),
            (&wanted.checks, "checks", decision.map_or(Json::Null, checks)),
            (
                &wanted.views,
                "view",
                self.views.iter().map(|(partner, seen)| (partner.to_string(), view(seen))).collect(),
            ),
        ];
        for (node, name, json) in things {
            if let Some(node) = node {
                compare(node, &json, name, &scene.calendar, now, &mut found);
            }
        }
        if let Some((place, kinds)) = &wanted.alerts {
            let fresh: Vec<&str> = self.alerts.iter().skip(alerts).copied().collect();
            if *kinds != fresh {
                let place = *place;
                found.push(Difference {
                    place,
                    expected: format!("alerts {}", kinds.join(", ")),
                    found: fresh.join(", "),
                });
            }
        }
        found
    }
}

/// What each check saw, by its subject.
fn checks(decision: &Decision) -> Json {
    let seen = decision.checks.iter().map(|check| {
        let word = || json!(check.observed_word);
        (check.subject.to_string(), check.observed.map_or_else(word, Json::from))
    });
    Json::Object(seen.collect())
}

/// A view with its guard by horizon, and its rates by window and name.
fn view(view: &PartnerView) -> Json {
    let mut json = json!(view);
    let guard: Map<String, Json> =
        view.guard.iter().map(|reading| (reading.horizon.to_string(), json!(reading))).collect();
    let mut rates = Map::new();
    for rate in &view.rates {
        let window = rates.entry(rate.window.to_string()).or_insert_with(|| json!({}));
        if let Some(window) = window.as_object_mut() {
            window.insert(rate.name.to_string(), json!(rate));
        }
    }
    if let Some(fields) = json.as_object_mut() {
        fields.insert("guard".to_owned(), Json::Object(guard));
        fields.insert("rates".to_owned(), Json::Object(rates));
    }
    json
}
