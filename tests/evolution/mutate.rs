//! A published schema, as somebody else's newer, older or careless version of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

/// In front of a writer's field that ours knows by an alias.
pub const WAS: &str = "was_";
/// A symbol that ours does not have.
pub const UNHEARD: &str = "unheard_of";

/// A small generator, so that a seed says everything.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.roll() % 100 < chance
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// A writer's schema and ours, which may have learnt aliases and defaults of symbols; the layout of ours is the published one.
pub struct Pair {
    pub writer: String,
    pub reader: String,
}

/// A schema taken apart: what it defines by name, and its type.
#[derive(Clone)]
struct Tree {
    defined: BTreeMap<String, Json>,
    root: Json,
}

impl Tree {
    fn of(text: &str) -> Self {
        let mut defined = BTreeMap::new();
        let root = take_apart(serde_json::from_str(text).unwrap(), &mut defined);
        Self { defined, root }
    }

    fn text(&self) -> String {
        let mut whole = self.put_together(&self.root, &mut BTreeSet::new());
        whole["namespace"] = json!("reflow.v1");
        whole.to_string()
    }

    /// Defines each name where it is met first.
    fn put_together(&self, kind: &Json, met: &mut BTreeSet<String>) -> Json {
        match kind {
            Json::String(name) if self.defined.contains_key(name) && met.insert(name.clone()) => {
                let mut whole = self.defined[name].clone();
                for field in whole.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
                    field["type"] = self.put_together(&field["type"], met);
                }
                whole
            }
            Json::Array(branches) => branches.iter().map(|branch| self.put_together(branch, met)).collect(),
            Json::Object(_) if kind["type"] == "array" => {
                json!({"type": "array", "items": self.put_together(&kind["items"], met)})
            }
            Json::Object(_) if kind["type"] == "map" => {
                json!({"type": "map", "values": self.put_together(&kind["values"], met)})
            }
            other => other.clone(),
        }
    }
}

fn take_apart(kind: Json, defined: &mut BTreeMap<String, Json>) -> Json {
    match kind {
        Json::Array(branches) => branches.into_iter().map(|branch| take_apart(branch, defined)).collect(),
        Json::Object(mut object) => {
            if let Some(items) = object.remove("items") {
                return json!({"type": "array", "items": take_apart(items, defined)});
            }
            let Some(Json::String(name)) = object.get("name").cloned() else { return Json::Object(object) };
            object.remove("doc");
            object.remove("namespace");
            for field in object.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
                field.as_object_mut().unwrap().remove("doc");
                field["type"] = take_apart(field["type"].take(), defined);
            }
            defined.insert(name.clone(), Json::Object(object));
            Json::String(name)
        }
        other => other,
    }
}

/// What the schema might have become elsewhere.
pub fn pair(published: &str, dice: &mut Dice) -> Pair {
    let (mut writer, mut reader) = (Tree::of(published), Tree::of(published));
    let names: Vec<String> = writer.defined.keys().cloned().collect();
    let (mut extra, wild) = (Extra::default(), [0, 5, 20][dice.below(3)]);
    for name in names {
        let theirs = writer.defined.get_mut(&name).unwrap();
        let ours = reader.defined.get_mut(&name).unwrap();
        if theirs["type"] == "enum" {
            symbols(theirs, ours, dice);
        } else {
            fields(theirs, ours, dice, &mut extra, wild);
        }
    }
    writer.defined.append(&mut extra.defined);
    Pair { writer: writer.text(), reader: reader.text() }
}

fn symbols(theirs: &mut Json, ours: &mut Json, dice: &mut Dice) {
    if dice.percent(40) {
        ours["default"] = ours["symbols"][0].clone();
    }
    // What a writer would make of symbols that it does not have is nothing to us, and the symbol may be gone.
    theirs.as_object_mut().unwrap().remove("default");
    let symbols = theirs["symbols"].as_array_mut().unwrap();
    match dice.below(5) {
        0 => dice.shuffle(symbols),
        1 => symbols.push(json!(UNHEARD)),
        2 => symbols.insert(0, json!(UNHEARD)),
        3 if symbols.len() > 1 => drop(symbols.remove(dice.below(symbols.len()))),
        _ => {}
    }
}

/// `wild` is how many types of a hundred change.
fn fields(theirs: &mut Json, ours: &mut Json, dice: &mut Dice, extra: &mut Extra, wild: u64) {
    let mut kept = Vec::new();
    for (at, mut field) in theirs["fields"].as_array().unwrap().clone().into_iter().enumerate() {
        let our_field = &mut ours["fields"][at];
        if dice.percent(if our_field.get("default").is_some() { 15 } else { 1 }) {
            continue;
        }
        if dice.percent(12) {
            let was = format!("{WAS}{}", field["name"].as_str().unwrap());
            our_field["aliases"] = json!(["never", was]);
            field["name"] = json!(was);
        }
        if dice.percent(wild) {
            field["type"] = changed(&field["type"], dice);
        }
        field.as_object_mut().unwrap().remove("default");
        kept.push(field);
    }
    for _ in 0..dice.below(3) {
        let field = json!({"name": format!("extra_{}", extra.next()), "type": extra.kind(dice, 3)});
        kept.insert(dice.below(kept.len() + 1), field);
    }
    if dice.percent(30) {
        dice.shuffle(&mut kept);
    }
    theirs["fields"] = Json::Array(kept);
}

/// Another type, mostly one that ours can read.
fn changed(kind: &Json, dice: &mut Dice) -> Json {
    if dice.percent(2) {
        return json!("double");
    }
    match kind {
        Json::Array(branches) => match dice.below(5) {
            0 => branches[1].clone(),
            1 => json!([branches[1], "null"]),
            2 => distinct(&[json!("null"), json!("double"), changed(&branches[1], dice)]),
            3 => json!("null"),
            _ => distinct(&[json!("null"), changed(&branches[1], dice)]),
        },
        Json::Object(_) if kind["type"] == "array" && dice.percent(70) => {
            json!({"type": "array", "items": changed(&kind["items"], dice)})
        }
        Json::Object(_) if kind["type"] == "long" && dice.percent(50) => json!("long"),
        Json::Object(_) if kind["type"] == "int" && dice.percent(50) => json!("int"),
        Json::String(name) if name == "long" && dice.percent(60) => json!("int"),
        Json::String(name) if name == "string" && dice.percent(60) => json!("bytes"),
        Json::String(name) if name == "bytes" && dice.percent(60) => json!("string"),
        other => json!(["null", other]),
    }
}

/// A union has each type once, and none is a union.
fn distinct(branches: &[Json]) -> Json {
    let mut kept: Vec<Json> = Vec::new();
    for branch in branches.iter().flat_map(|branch| branch.as_array().cloned().unwrap_or(vec![branch.clone()])) {
        if !kept.contains(&branch) {
            kept.push(branch);
        }
    }
    Json::Array(kept)
}

/// Types that ours never heard of.
#[derive(Default)]
struct Extra {
    count: usize,
    defined: BTreeMap<String, Json>,
}

impl Extra {
    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    fn kind(&mut self, dice: &mut Dice, deep: usize) -> Json {
        const PLAIN: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        if deep == 0 || dice.percent(40) {
            return json!(PLAIN[dice.below(PLAIN.len())]);
        }
        let name = format!("Extra{}", self.next());
        let definition = match dice.below(6) {
            0 => return json!({"type": "array", "items": self.kind(dice, deep - 1)}),
            1 => return json!({"type": "map", "values": self.kind(dice, deep - 1)}),
            2 => return json!(["null", "string", "double"]),
            3 => json!({"type": "enum", "name": name, "symbols": ["one", "two"]}),
            4 => json!({"type": "fixed", "name": name, "size": dice.below(9)}),
            _ => json!({"type": "record", "name": name, "fields": [
                {"name": "value", "type": self.kind(dice, deep - 1)},
                {"name": "next", "type": ["null", name]},
            ]}),
        };
        self.defined.insert(name.clone(), definition);
        json!(name)
    }
}
