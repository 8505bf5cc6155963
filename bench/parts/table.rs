//! What was measured: kept by key, shown as a table, written as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::reach::{LINES, Line};

/// Every value measured, by key and in the order of the rounds and copies.
#[derive(Default)]
pub struct Table {
    values: BTreeMap<&'static str, Vec<f64>>,
    /// Lines that could not be measured, and why.
    left_out: BTreeMap<&'static str, String>,
}

impl Table {
    pub fn put(&mut self, key: &'static str, value: f64) {
        assert!(LINES.iter().any(|line| line.key == key), "{key} is no line of the table");
        self.values.entry(key).or_default().push(value);
    }

    /// The median of the rounds and copies; nothing when it was not measured.
    pub fn get(&self, key: &str) -> Option<f64> {
        let mut values = self.values.get(key)?.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// Says why a line is not measured; its floor counts as missed.
    pub fn leave_out(&mut self, key: &'static str, why: &str) {
        self.left_out.insert(key, why.to_owned());
    }

    fn lines(&self) -> impl Iterator<Item = (&'static Line, f64)> {
        LINES.iter().filter_map(|line| Some((line, self.get(line.key)?)))
    }

    /// Every floor that was missed, in words.
    pub fn missed(&self) -> Vec<String> {
        let said = |line: &Line| {
            let reach = line.reach?;
            if let Some(why) = self.left_out.get(line.key) {
                return Some(format!("{}: floor {}, not measured: {why}", line.what, reach.floor));
            }
            let measured = self.get(line.key).filter(|value| !reach.floor_reached(*value))?;
            let ratio = reach.of_floor(measured);
            Some(format!("{}: floor {}, measured {measured:.3}, {ratio:.2} of the floor", line.what, reach.floor))
        };
        LINES.iter().filter_map(said).collect()
    }

    /// The table for people.
    pub fn print(&self) {
        let widest = self.lines().map(|(line, _)| line.what.chars().count()).max().unwrap_or_default();
        println!("{:widest$} {:>11} {:12} {:>9} {:>9}", "", "measured", "", "floor", "ambition");
        for (line, value) in self.lines() {
            let asked = line.reach.map_or_else(String::new, |reach| {
                let word = |reached| if reached { "reached" } else { "MISSED" };
                let (floor, ambition) = (number(reach.floor, line.digits), number(reach.ambition, line.digits));
                let (f, a) = (word(reach.floor_reached(value)), word(reach.ambition_reached(value)));
                format!("{floor:>9} {ambition:>9}  floor {f}, ambition {}", a.to_lowercase())
            });
            let said = format!("{:widest$} {:>11} {:12} {asked}", line.what, number(value, line.digits), line.unit);
            println!("{}", said.trim_end());
        }
    }

    /// Everything with its configuration.
    pub fn json(&self, configuration: &Value) -> Value {
        let lines: Vec<Value> = self
            .lines()
            .map(|(line, value)| {
                json!({
                    "key": line.key, "what": line.what, "unit": line.unit, "digits": line.digits,
                    "value": value, "rounds": self.values[line.key], "reach": line.reach,
                })
            })
            .collect();
        json!({ "configuration": configuration, "lines": lines, "left_out": self.left_out })
    }
}

/// A number with thin groups of three digits.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let grouped: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    let grouped = grouped.join(",").replace("-,", "-");
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}
