//! Conditions on column values: which rows an event is made of.

use super::context::Context;
use super::decimal::Decimal;
use super::money::texts;
use super::row::Row;
use super::tree::{Node, Section, Value};

/// Any of these groups holds, each when all of its conditions hold. Without groups: always.
#[derive(Clone, Debug, Default)]
pub(super) struct When(Vec<Vec<Condition>>);

#[derive(Clone, Debug)]
struct Condition {
    column: usize,
    name: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Empty(bool),
    Prefix(Vec<String>),
    Number(Comparison, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Number(Decimal),
    Column(usize),
}

const COMPARISONS: [(&str, Comparison); 4] = [
    ("above", Comparison::Above),
    ("at_least", Comparison::AtLeast),
    ("below", Comparison::Below),
    ("at_most", Comparison::AtMost),
];

impl When {
    /// A section `column: condition` (all must hold), or a list of such sections (any must hold).
    pub fn read(node: Option<&Node>, cx: &mut Context<'_, '_>) -> Self {
        match node.map(|node| (node, &node.value)) {
            None => Self::default(),
            Some((_, Value::List(items))) => Self(items.iter().map(|item| group(item, cx)).collect()),
            Some((node, _)) => Self(vec![group(node, cx)]),
        }
    }

    /// Whether the row is meant; a cell that should be a number and is none is an error.
    pub fn holds(&self, row: &Row) -> Result<bool, String> {
        if self.0.is_empty() {
            return Ok(true);
        }
        for group in &self.0 {
            let mut all = true;
            for condition in group {
                if !condition.holds(row)? {
                    all = false;
                    break;
                }
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn group(node: &Node, cx: &mut Context<'_, '_>) -> Vec<Condition> {
    let Value::Map(items) = &node.value else {
        cx.checker.wrong(
            node.at,
            format!("found {}, expected conditions by column; write `when: {{column: value}}`", node.found()),
        );
        return Vec::new();
    };
    let mut conditions = Vec::new();
    for (key, node) in items {
        let column = cx.columns.index(&key.name, key.at);
        let tests = match &node.value {
            Value::Scalar(_) | Value::List(_) => vec![Test::In(texts(node, cx.checker))],
            Value::Map(_) => tests(node, cx),
            Value::Nothing(_) => {
                cx.checker.wrong(
                    key.at,
                    "found nothing, expected a condition; write {empty: true} for cells without a value",
                );
                Vec::new()
            }
        };
        conditions.extend(tests.into_iter().map(|test| Condition { column, name: key.name.clone(), test }));
    }
    conditions
}

fn tests(node: &Node, cx: &mut Context<'_, '_>) -> Vec<Test> {
    let Some(mut section) = Section::open(node, "a condition", cx.checker) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(node) = section.take("equals") {
        found.push(Test::In(texts(node, cx.checker)));
    }
    if let Some(node) = section.take("in") {
        found.push(Test::In(texts(node, cx.checker)));
    }
    if let Some(node) = section.take("not") {
        found.push(Test::NotIn(texts(node, cx.checker)));
    }
    if let Some(node) = section.take("prefix") {
        found.push(Test::Prefix(texts(node, cx.checker)));
    }
    if let Some(node) = section.take("empty") {
        let word = super::money::choice(Some(node), &[("true", true), ("false", false)], cx.checker);
        found.extend(word.map(Test::Empty));
    }
    for (name, comparison) in COMPARISONS {
        let operand = section.take(name).and_then(|node| operand(node, cx));
        found.extend(operand.map(|operand| Test::Number(comparison, operand)));
    }
    section.close(cx.checker);
    if found.is_empty() {
        cx.checker.wrong(
            node.at,
            "found a condition that says nothing, expected `equals`, `in`, `not`, `prefix`, `empty` or a comparison",
        );
    }
    found
}

fn operand(node: &Node, cx: &mut Context<'_, '_>) -> Option<Operand> {
    if matches!(node.value, Value::Map(_)) {
        let mut section = Section::open(node, "the other side of a comparison", cx.checker)?;
        let column = section.need("column", "the column to compare with", cx.checker).and_then(|node| cx.column(node));
        section.close(cx.checker);
        return column.map(Operand::Column);
    }
    let number = node.scalar().and_then(|text| Decimal::parse(text).ok());
    if number.is_none() {
        cx.checker.wrong(node.at, format!("found {}, expected a number or {{column: name}}; correct it", node.found()));
    }
    number.map(Operand::Number)
}

impl Condition {
    fn holds(&self, row: &Row) -> Result<bool, String> {
        let cell = row.get(self.column);
        Ok(match &self.test {
            Test::In(values) => cell.is_some_and(|cell| values.iter().any(|value| value == cell)),
            Test::NotIn(values) => !cell.is_some_and(|cell| values.iter().any(|value| value == cell)),
            Test::Empty(wanted) => cell.is_none() == *wanted,
            Test::Prefix(values) => {
                cell.is_some_and(|cell| values.iter().any(|value| cell.starts_with(value.as_str())))
            }
            Test::Number(comparison, operand) => {
                let other = match operand {
                    Operand::Number(number) => Some(*number),
                    Operand::Column(column) => row.get(*column).map(|cell| self.number(cell)).transpose()?,
                };
                let (Some(cell), Some(other)) = (cell.map(|cell| self.number(cell)).transpose()?, other) else {
                    return Ok(false);
                };
                let order = cell.compare(other);
                match comparison {
                    Comparison::Above => order.is_gt(),
                    Comparison::AtLeast => order.is_ge(),
                    Comparison::Below => order.is_lt(),
                    Comparison::AtMost => order.is_le(),
                }
            }
        })
    }

    fn number(&self, cell: &str) -> Result<Decimal, String> {
        Decimal::parse(cell).map_err(|why| format!("the condition on column {}: {why}", self.name))
    }
}
