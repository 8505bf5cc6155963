//! A checked condition made ready to be asked for every customer: no name is looked up and nothing is allocated.
//!
//! Its answers are those of the crate that reads conditions; `tests/policy_fuzz.rs` holds one against the other.

use std::cmp::Ordering;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::variables::{Seen, Variable};
use super::{KNOWN_SLOTS, Open, SLOTS, at_slot};
use crate::domain::Text;
use crate::policy::Facts;

/// One part of a condition.
#[derive(Debug)]
pub enum Part {
    Flag(bool),
    Number(i64),
    Word(Text),
    Read(&'static Variable),
    Known(&'static Variable),
    Not(Box<Part>),
    Negate(Box<Part>),
    Both(Box<[Part; 2]>),
    Either(Box<[Part; 2]>),
    /// The second where the first holds, else the third.
    Choice(Box<[Part; 3]>),
    Equal(Box<[Part; 2]>),
    Unequal(Box<[Part; 2]>),
    /// Holds for these orders of the two.
    Compare(&'static [Ordering], Box<[Part; 2]>),
    /// Nothing: it leaves the range of whole numbers.
    Sum(fn(i64, i64) -> Option<i64>, Box<[Part; 2]>),
    Among(Box<Part>, Vec<Part>),
    /// In a list that the facts hold.
    Listed(Box<[Part; 2]>),
}

impl Part {
    /// Of a checked expression; nothing where it holds what the check does not let pass.
    pub fn of(expression: &IdedExpr) -> Option<Self> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(flag)) => Some(Self::Flag(*flag.inner())),
            Expr::Literal(LiteralValue::Int(number)) => Some(Self::Number(*number.inner())),
            Expr::Literal(LiteralValue::String(word)) => Some(Self::Word(Text::from(word.inner()))),
            Expr::Ident(name) => {
                let letter = name.chars().next()?;
                at_slot(letter, KNOWN_SLOTS).map(Self::Known).or_else(|| at_slot(letter, SLOTS).map(Self::Read))
            }
            Expr::Call(call) => Self::of_call(call),
            _ => None,
        }
    }

    fn of_call(call: &CallExpr) -> Option<Self> {
        let boxed = |part: &IdedExpr| Self::of(part).map(Box::new);
        let name = call.func_name.as_str();
        match call.args.as_slice() {
            [a] if name == operators::LOGICAL_NOT => boxed(a).map(Self::Not),
            [a] if name == operators::NEGATE => boxed(a).map(Self::Negate),
            [a, list] if name == operators::IN => match &list.expr {
                Expr::List(list) => {
                    let items: Option<Vec<Self>> = list.elements.iter().map(Self::of).collect();
                    Some(Self::Among(boxed(a)?, items?))
                }
                _ => Some(Self::Listed(Box::new([Self::of(a)?, Self::of(list)?]))),
            },
            [a, b] => Self::of_two(name, Box::new([Self::of(a)?, Self::of(b)?])),
            [a, b, c] if name == operators::CONDITIONAL => {
                Some(Self::Choice(Box::new([Self::of(a)?, Self::of(b)?, Self::of(c)?])))
            }
            _ => None,
        }
    }

    fn of_two(name: &str, two: Box<[Self; 2]>) -> Option<Self> {
        use Ordering::{Equal, Greater, Less};
        Some(match name {
            operators::LOGICAL_AND => Self::Both(two),
            operators::LOGICAL_OR => Self::Either(two),
            operators::EQUALS => Self::Equal(two),
            operators::NOT_EQUALS => Self::Unequal(two),
            operators::LESS => Self::Compare(&[Less], two),
            operators::LESS_EQUALS => Self::Compare(&[Less, Equal], two),
            operators::GREATER => Self::Compare(&[Greater], two),
            operators::GREATER_EQUALS => Self::Compare(&[Greater, Equal], two),
            operators::ADD => Self::Sum(i64::checked_add, two),
            operators::SUBSTRACT => Self::Sum(i64::checked_sub, two),
            operators::MULTIPLY => Self::Sum(i64::checked_mul, two),
            operators::DIVIDE => Self::Sum(i64::checked_div, two),
            operators::MODULO => Self::Sum(i64::checked_rem, two),
            _ => return None,
        })
    }

    /// True or false; where that depends on something that is not known, what it is.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, Open> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            Self::Known(variable) => Ok(variable.read(facts).is_some()),
            Self::Not(part) => part.holds(facts).map(|holds| !holds),
            Self::Both(two) => settled(two, false, facts),
            Self::Either(two) => settled(two, true, facts),
            Self::Choice(parts) => chosen(parts, facts)?.holds(facts),
            Self::Equal(two) => alike(two, facts),
            Self::Unequal(two) => alike(two, facts).map(|alike| !alike),
            Self::Compare(orders, two) => {
                let [a, b] = numbers(two, facts)?;
                Ok(orders.contains(&a.cmp(&b)))
            }
            Self::Among(part, items) => {
                let sought = part.value(facts)?;
                // Items are plain values, which are always known.
                Ok(items.iter().any(|item| item.value(facts).is_ok_and(|item| item == sought)))
            }
            Self::Listed(two) => {
                let [item, list] = two.as_ref();
                match (item.value(facts)?, list.value(facts)?) {
                    (Seen::Word(item), Seen::Words(list)) => Ok(list.iter().any(|known| known == item)),
                    _ => Err(Open::Arithmetic),
                }
            }
            Self::Read(variable) => match variable.read(facts) {
                Some(Seen::Flag(flag)) => Ok(flag),
                Some(_) => Err(Open::Arithmetic),
                None => Err(Open::Missing(variable.name)),
            },
            Self::Number(_) | Self::Word(_) | Self::Negate(_) | Self::Sum(..) => Err(Open::Arithmetic),
        }
    }

    /// The answer when nothing at all is known; none where it is open then, as it should be.
    pub fn with_nothing_known(&self) -> Option<bool> {
        let both = |two: &[Self; 2]| [two[0].with_nothing_known(), two[1].with_nothing_known()];
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Known(_) => Some(false),
            Self::Not(part) => part.with_nothing_known().map(|holds| !holds),
            Self::Both(two) => match both(two) {
                [Some(true), Some(true)] => Some(true),
                answers => answers.contains(&Some(false)).then_some(false),
            },
            Self::Either(two) => match both(two) {
                [Some(false), Some(false)] => Some(false),
                answers => answers.contains(&Some(true)).then_some(true),
            },
            Self::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                condition.with_nothing_known().and_then(|holds| if holds { yes } else { no }.with_nothing_known())
            }
            _ => None,
        }
    }

    fn number(&self, facts: &Facts<'_>) -> Result<i64, Open> {
        match self.value(facts)? {
            Seen::Number(number) => Ok(number),
            Seen::Flag(_) | Seen::Word(_) | Seen::Words(_) => Err(Open::Arithmetic),
        }
    }

    fn value<'v>(&'v self, facts: &Facts<'v>) -> Result<Seen<'v>, Open> {
        match self {
            Self::Number(number) => Ok(Seen::Number(*number)),
            Self::Word(word) => Ok(Seen::Word(word)),
            Self::Read(variable) => variable.read(facts).ok_or(Open::Missing(variable.name)),
            Self::Negate(part) => part.number(facts)?.checked_neg().map(Seen::Number).ok_or(Open::Arithmetic),
            Self::Sum(sum, two) => {
                let [a, b] = numbers(two, facts)?;
                sum(a, b).map(Seen::Number).ok_or(Open::Arithmetic)
            }
            Self::Choice(parts) => chosen(parts, facts)?.value(facts),
            _ => self.holds(facts).map(Seen::Flag),
        }
    }
}

fn numbers(two: &[Part; 2], facts: &Facts<'_>) -> Result<[i64; 2], Open> {
    let [a, b] = two;
    Ok([a.number(facts)?, b.number(facts)?])
}

fn alike(two: &[Part; 2], facts: &Facts<'_>) -> Result<bool, Open> {
    let [a, b] = two;
    Ok(a.value(facts)? == b.value(facts)?)
}

fn chosen<'p>(parts: &'p [Part; 3], facts: &Facts<'_>) -> Result<&'p Part, Open> {
    let [condition, yes, no] = parts;
    Ok(if condition.holds(facts)? { yes } else { no })
}

/// `a && b` is false, and `a || b` true, as soon as one of the two is so, whatever the other would be.
fn settled(two: &[Part; 2], by: bool, facts: &Facts<'_>) -> Result<bool, Open> {
    let [a, b] = two;
    let first = a.holds(facts);
    if first == Ok(by) {
        return Ok(by);
    }
    match (first, b.holds(facts)?) {
        (Ok(_), second) => Ok(second),
        (Err(_), second) if second == by => Ok(by),
        (Err(open), _) => Err(open),
    }
}
