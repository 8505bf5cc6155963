//! From the text of a scenario to a [`Scene`], or to everything that is wrong with it.

use std::path::Path;

use super::change;
use super::steps::{Reader, Step};
use super::times::Calendar;
use crate::ops::exit::Failure;
use crate::ops::policies;
use crate::policy::read::fields::{Fields, Problems, Wrong};
use crate::policy::read::merge;
use crate::policy::read::quantity::{moment, sentence, whole, zone};
use crate::policy::read::tree::{self, Entry, Node, Value};
use crate::policy::{Document, Part, Place, Policy, PolicySet, Problem};

/// Where a scenario begins when it does not say: a Monday morning in Shanghai.
const START: &str = "2024-06-03T09:00:00+08:00";
/// Longest scenario, bytes.
const SCENARIO_BYTES_MAX: usize = 1 << 20;
/// Most steps of one scenario.
const STEPS_MAX: usize = 10_000;
/// Most customer shards.
const SHARDS_MAX: i64 = 16;

/// A scenario, ready to be played.
#[derive(Debug)]
pub struct Scene {
    pub file: String,
    pub title: String,
    /// What the customer stage judges by, and what the partner stage knows.
    pub policies: [PolicySet; 2],
    pub calendar: Calendar,
    pub shards: i32,
    pub steps: Vec<Step>,
}

/// Reads a scenario; `policy` takes the place of the file it names. Files are named as seen from the scenario's own.
pub fn read(file: &Path, text: &str, policy: Option<&Path>) -> Result<Scene, Vec<Problem>> {
    let name = file.display().to_string();
    let problems = Problems::new(std::iter::once(name.as_str()));
    if text.len() > SCENARIO_BYTES_MAX {
        let wrong = Wrong::new("at most 1 MiB in one scenario", "make several of it");
        problems.report(Place::default(), format!("{} bytes", text.len()), wrong);
        return Err(problems.into_list());
    }
    let scene = match tree::read(0, text) {
        Ok(root) => scene(file, &name, &root, policy, &problems),
        Err(broken) => {
            let expected = if broken.expected == "a policy" { "a scenario" } else { broken.expected };
            problems.report(broken.place, broken.found, Wrong::new(expected, broken.next));
            None
        }
    };
    let list = problems.into_list();
    match scene {
        Some(scene) if list.is_empty() => Ok(scene),
        _ => Err(list),
    }
}

fn scene(file: &Path, name: &str, root: &Node, policy: Option<&Path>, problems: &Problems<'_>) -> Option<Scene> {
    let fields = Fields::of(root, "a scenario", problems)?;
    let title = fields.required("scenario", sentence);
    let zone = fields.optional("zone", zone).or_else(|| zone_of("Asia/Shanghai"))?;
    let start = if fields.has("starts") { fields.optional("starts", moment) } else { moment(START).ok() };
    let shards = fields.or("shards", 2, whole(1, SHARDS_MAX));
    let policies = policies(file, &fields, policy);
    let calendar = Calendar { zone, start: start? };
    let mut reader = Reader::new(&calendar);
    let items = fields.need("steps").and_then(|node| problems.items(node)).unwrap_or_default();
    if items.len() > STEPS_MAX {
        let wrong = Wrong::new(format!("at most {STEPS_MAX} steps"), "make several scenarios of it");
        problems.report(fields.place_of("steps"), format!("{} steps", items.len()), wrong);
        return None;
    }
    let steps = items.iter().filter_map(|item| reader.step(item, problems)).collect();
    fields.finish();
    Some(Scene {
        file: name.to_owned(),
        title: title?.to_string(),
        policies: policies?,
        calendar,
        shards: shards? as i32,
        steps,
    })
}

fn zone_of(name: &str) -> Option<jiff::tz::TimeZone> {
    zone(name).ok()
}

/// `policy: FILE` with `change`, or a list of such groups; `known_to: customer` keeps one from the partner stage.
fn policies(file: &Path, fields: &Fields<'_, '_>, instead: Option<&Path>) -> Option<[PolicySet; 2]> {
    let change = fields.find("change");
    let node = match instead {
        Some(_) => fields.find("policy"),
        None => Some(fields.need("policy")?),
    };
    let (mut all, mut partner) = (Vec::new(), Vec::new());
    match node.map(|node| (&node.value, node)) {
        Some((Value::List(items), _)) if instead.is_none() => {
            for item in items {
                let group = Fields::of(item, "a policy", fields.problems)?;
                let path = group.need("file")?;
                let read = policy(file, path, group.find("change"), instead, fields.problems);
                let both = group.or("known_to", "both", |text| super::events::one_of(&["both", "customer"], text));
                group.finish();
                let read = read?;
                if both? == "both" {
                    partner.push(read.clone());
                }
                all.push(read);
            }
        }
        _ => {
            let empty = Node::new(fields.place, Value::Empty);
            let read = policy(file, node.unwrap_or(&empty), change, instead, fields.problems)?;
            partner.push(read.clone());
            all.push(read);
        }
    }
    let set = |policies| {
        let report = |found: Vec<Problem>| {
            let text = found.first().map(|problem| problem.found.clone()).unwrap_or_default();
            fields.problems.report(
                fields.place_of("policy"),
                text,
                Wrong::new("policies that differ", "change version and effective_from"),
            );
        };
        PolicySet::new(policies).map_err(report).ok()
    };
    Some([set(all)?, set(partner)?])
}

/// One policy, a file or a directory, with its changes.
fn policy(
    scenario: &Path,
    node: &Node,
    changes: Option<&Node>,
    instead: Option<&Path>,
    problems: &Problems<'_>,
) -> Option<Policy> {
    let path = match instead {
        Some(path) => path.to_owned(),
        None => {
            let named = problems.scalar(node, sentence)?;
            scenario.parent().unwrap_or(Path::new("")).join(named.as_str())
        }
    };
    let unreadable = |failure: Failure| {
        let wrong = Wrong::new("a policy that can be read", "name it as seen from the scenario");
        problems.report(node.place, failure.message, wrong);
    };
    let document = policies::document(&[path]).map_err(unreadable).ok()?;
    let report = |found: &[Problem], place| {
        for problem in found {
            let wrong = Wrong::new("a policy without problems", "mend it there");
            problems.report(place, format!("a problem in the policy ({problem})"), wrong);
        }
    };
    let plain = Policy::read(&document).map_err(|found| report(&found, node.place)).ok()?;
    let Some(changes) = changes.and_then(|node| entries(node, problems)) else { return Some(plain) };
    let inner = Problems::new(document.all().map(|part| part.file.as_str()));
    let mut root = merge::tree(&document, &inner)?;
    change::apply(&mut root, changes, problems);
    let changed = Part::new("the policy as changed", change::document(&root));
    Policy::read(&Document::of(vec![changed])).map_err(|found| report(&found, change::place(changes))).ok()
}

fn entries<'n>(node: &'n Node, problems: &Problems<'_>) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Group(entries) => Some(entries),
        _ => {
            problems.report(
                node.place,
                node.describe(),
                Wrong::new("changes such as `contact.cool_down: 1d`", "write one a line"),
            );
            None
        }
    }
}
