//! From the text of a condition to a checked expression: its bounds, its names, its types and units.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::parser::{ParseErrors, Parser};

use super::variables::{Kind, Variable};
use super::{ALL, DEPTH_LEVELS_MAX, Fault, ITEMS_MAX, KNOWN_SLOTS, LENGTH_MAX, NODES_MAX, SLOTS, slot};
use crate::domain::check::Unit;
use crate::policy::{ProblemCode, is_protected};

/// A checked expression and what it reads.
pub struct Checked {
    pub expression: IdedExpr,
    pub reads: Vec<&'static Variable>,
}

/// The type of a part, with its unit where it has one.
#[derive(Clone, Copy, Debug)]
struct Typed {
    kind: Kind,
    unit: Option<Unit>,
}

const FLAG: Typed = Typed { kind: Kind::Flag, unit: None };

pub fn read(text: &str) -> Result<Checked, Fault> {
    shape(text)?;
    let depth = u16::try_from(DEPTH_LEVELS_MAX).unwrap_or(u16::MAX);
    let parsed = Parser::new().max_recursion_depth(depth).error_recovery_limit(1).parse_with_source_info(text);
    let (mut expression, source) = parsed.map_err(|errors| syntax(text, &errors))?;
    let mut walk = Walk { source: &source, nodes: 0, reads: Vec::new() };
    let root = walk.part(&mut expression, 0)?;
    if root.kind != Kind::Flag {
        let found = format!("{} as the whole condition", root.kind.name());
        return Err(fault(0, found, "something that is true or false", "compare it with something"));
    }
    Ok(Checked { expression, reads: walk.reads })
}

fn fault(at: usize, found: impl Into<String>, expected: impl Into<String>, next: impl Into<String>) -> Fault {
    let code = ProblemCode::Condition;
    Fault { code, at, found: found.into(), expected: expected.into(), next: next.into() }
}

/// What the parser is spared: a long text, deep brackets, and characters that no condition needs.
fn shape(text: &str) -> Result<(), Fault> {
    if text.chars().count() > LENGTH_MAX {
        let expected = format!("at most {LENGTH_MAX} characters");
        return Err(fault(LENGTH_MAX, "a longer condition", expected, "split it into two rules"));
    }
    let (mut open, mut quote) = (0_usize, None);
    for (at, letter) in text.chars().enumerate() {
        match (letter, quote) {
            ('\\' | '`', _) => {
                let found = format!("`{letter}`");
                return Err(fault(at, found, "text without escapes", "write the characters themselves"));
            }
            (_, Some(end)) if letter == end => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(letter),
            ('(' | '[' | '{', None) => open += 1,
            (')' | ']' | '}', None) => open = open.saturating_sub(1),
            (letter, None) if letter.is_control() && !letter.is_whitespace() || !letter.is_ascii() => {
                let found = format!("`{}` outside of quotes", letter.escape_default());
                return Err(fault(at, found, "names, numbers, texts in quotes and operators", "put text in quotes"));
            }
            _ => {}
        }
        if open > DEPTH_LEVELS_MAX {
            return Err(too_deep(at));
        }
    }
    Ok(())
}

fn too_deep(at: usize) -> Fault {
    let expected = format!("at most {DEPTH_LEVELS_MAX} levels");
    fault(at, "a deeper nesting", expected, "split it into two rules")
}

/// The first thing the parser could not read.
fn syntax(text: &str, errors: &ParseErrors) -> Fault {
    let first = errors.errors.first();
    let at = first.map_or(0, |error| {
        let line = usize::try_from(error.pos.0).unwrap_or(0).saturating_sub(1);
        let before: usize = text.split_inclusive('\n').take(line).map(|line| line.chars().count()).sum();
        before + usize::try_from(error.pos.1).unwrap_or(0).saturating_sub(1)
    });
    let at = at.min(text.chars().count().saturating_sub(1));
    // What the parser says of itself in its own words helps nobody.
    let said = first.and_then(|error| error.msg.lines().next()).filter(|said| !said.contains("Error("));
    let found = said.map_or_else(String::new, |said| format!(" ({said})"));
    let found = format!("what is no condition{found}");
    let expected = "a condition such as `lenders > 3 && region in [\"r01\", \"r02\"]`";
    fault(at, found, expected, "correct it there or just before")
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::Word => "a text",
            Self::Words => "a list of texts",
        }
    }
}

struct Walk<'s> {
    source: &'s SourceInfo,
    nodes: usize,
    reads: Vec<&'static Variable>,
}

impl Walk<'_> {
    /// Where a part stands, in characters.
    fn at(&self, part: &IdedExpr) -> usize {
        let start = self.source.offset_for(part.id).map_or(0, |(start, _)| start as usize);
        self.source.source.char_indices().take_while(|(byte, _)| *byte < start).count()
    }

    fn part(&mut self, part: &mut IdedExpr, depth: usize) -> Result<Typed, Fault> {
        let at = self.at(part);
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let expected = format!("at most {NODES_MAX} names, numbers, texts and operators");
            return Err(fault(at, "a longer condition", expected, "split it into two rules"));
        }
        if depth > NODES_MAX {
            return Err(too_deep(at));
        }
        if let Some(known) = self.known(part, at)? {
            part.expr = Expr::Ident(known);
            return Ok(FLAG);
        }
        match &mut part.expr {
            Expr::Literal(literal) => literal_type(literal, at),
            Expr::Ident(name) => {
                let (typed, variable) = self.variable(name, at)?;
                *name = slot(variable, SLOTS).unwrap_or_default();
                Ok(typed)
            }
            Expr::Call(call) => self.call(call, at, depth),
            Expr::List(_) => {
                Err(fault(at, "a list", "a list only on the right of `in`", "write `region in [\"r01\", \"r02\"]`"))
            }
            Expr::Comprehension(_) => Err(fault(
                at,
                "`all`, `exists`, `map` or `filter`",
                "no repetition: a condition has a fixed length",
                "ask for membership: `\"vip\" in tags`",
            )),
            Expr::Select(select) => {
                let found = format!("`.{}`", select.field);
                Err(fault(at, found, "variables without parts", "use the names of docs/policy.md"))
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(fault(at, "a group in braces", "names, numbers, texts and operators", "remove it"))
            }
        }
    }

    /// `known(region)`: the name that stands for it.
    fn known(&mut self, part: &IdedExpr, at: usize) -> Result<Option<String>, Fault> {
        let Expr::Call(call) = &part.expr else { return Ok(None) };
        if call.func_name != "known" || call.target.is_some() {
            return Ok(None);
        }
        match call.args.as_slice() {
            [argument] => match &argument.expr {
                Expr::Ident(name) => {
                    let (_, variable) = self.variable(name, self.at(argument))?;
                    Ok(slot(variable, KNOWN_SLOTS))
                }
                _ => {
                    Err(fault(self.at(argument), "an expression", "the name of one variable", "write `known(region)`"))
                }
            },
            _ => Err(fault(at, "`known` of something else", "the name of one variable", "write `known(region)`")),
        }
    }

    fn variable(&mut self, name: &str, at: usize) -> Result<(Typed, &'static Variable), Fault> {
        if is_protected(name) {
            let found = format!("`{name}`");
            let fault = fault(at, found, "no protected attribute, for any purpose", "remove the rule");
            return Err(Fault { code: ProblemCode::Protected, ..fault });
        }
        let Some(variable) = Variable::named(name) else {
            let near =
                ALL.iter().map(|known| known.name).filter(|known| alike(known, name)).collect::<Vec<_>>().join(", ");
            let next = match near.as_str() {
                "" => "look its name up in docs/policy.md".to_owned(),
                near => format!("perhaps {near} is meant"),
            };
            let fault = fault(at, format!("`{name}`"), "a variable of docs/policy.md", next);
            return Err(Fault { code: ProblemCode::UnknownName, ..fault });
        };
        if !self.reads.iter().any(|known| known.name == variable.name) {
            self.reads.push(variable);
        }
        let unit = matches!(variable.kind, Kind::Number).then_some(variable.unit);
        Ok((Typed { kind: variable.kind, unit }, variable))
    }

    fn call(&mut self, call: &mut CallExpr, at: usize, depth: usize) -> Result<Typed, Fault> {
        let name = call.func_name.as_str();
        if call.target.is_some() || !OPERATORS.iter().any(|(known, _)| *known == name) {
            let found = format!("`{name}(…)`");
            return Err(fault(at, found, "operators, and of functions only `known`", "write it with operators"));
        }
        let symbol = symbol(name);
        if let (operators::IN, [item, list]) = (name, call.args.as_mut_slice()) {
            return self.membership(item, list, depth);
        }
        let mut parts = Vec::with_capacity(call.args.len());
        for argument in &mut call.args {
            let place = self.at(argument);
            parts.push((self.part(argument, depth + 1)?, place));
        }
        match (call.func_name.as_str(), parts.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [a, b]) => {
                all(&[*a, *b], Kind::Flag, symbol).map(|()| FLAG)
            }
            (operators::LOGICAL_NOT, [a]) => all(&[*a], Kind::Flag, symbol).map(|()| FLAG),
            (operators::NEGATE, [a]) => all(&[*a], Kind::Number, symbol).map(|()| a.0),
            (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => {
                if a.0.kind == Kind::Words {
                    return Err(fault(a.1, "a list", "one value", "ask for membership with `in`"));
                }
                all(&[*b], a.0.kind, symbol)?;
                alike_units(a.0, *b).map(|_| FLAG)
            }
            (operators::CONDITIONAL, [condition, a, b]) => {
                all(&[*condition], Kind::Flag, symbol)?;
                all(&[*b], a.0.kind, symbol)?;
                alike_units(a.0, *b)
            }
            (operators::ADD | operators::SUBSTRACT, [a, b]) => {
                all(&[*a, *b], Kind::Number, symbol)?;
                alike_units(a.0, *b)
            }
            (operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [a, b]) => {
                all(&[*a, *b], Kind::Number, symbol)?;
                let unit = if b.0.unit.is_none() { a.0.unit } else { None };
                Ok(Typed { kind: Kind::Number, unit })
            }
            (_, [a, b]) => {
                all(&[*a, *b], Kind::Number, symbol)?;
                alike_units(a.0, *b).map(|_| FLAG)
            }
            _ => Err(fault(at, format!("`{symbol}`"), "its usual two sides", "correct it")),
        }
    }

    /// `region in ["r01", "r02"]` or `"vip" in tags`.
    fn membership(&mut self, item: &mut IdedExpr, list: &mut IdedExpr, depth: usize) -> Result<Typed, Fault> {
        let item_at = self.at(item);
        let sought = self.part(item, depth + 1)?;
        let list_at = self.at(list);
        let Expr::List(literal) = &mut list.expr else {
            let kind = self.part(list, depth + 1)?.kind;
            if kind != Kind::Words {
                return Err(fault(list_at, kind.name(), "a list on the right of `in`", "write `[\"r01\", \"r02\"]`"));
            }
            return all(&[(sought, item_at)], Kind::Word, "in").map(|()| FLAG);
        };
        if literal.elements.is_empty() || literal.elements.len() > ITEMS_MAX {
            let found = format!("a list of {}", literal.elements.len());
            return Err(fault(list_at, found, format!("one to {ITEMS_MAX} items"), "shorten it, or use a token list"));
        }
        for element in &literal.elements {
            let at = self.at(element);
            let Expr::Literal(value) = &element.expr else {
                return Err(fault(at, "an expression in a list", "a plain value", "write the value itself"));
            };
            all(&[(literal_type(value, at)?, at)], sought.kind, "in")?;
        }
        Ok(FLAG)
    }
}

/// The operators of a condition and how they are written.
const OPERATORS: [(&str, &str); 17] = [
    (operators::LOGICAL_AND, "&&"),
    (operators::LOGICAL_OR, "||"),
    (operators::LOGICAL_NOT, "!"),
    (operators::NEGATE, "-"),
    (operators::EQUALS, "=="),
    (operators::NOT_EQUALS, "!="),
    (operators::LESS, "<"),
    (operators::LESS_EQUALS, "<="),
    (operators::GREATER, ">"),
    (operators::GREATER_EQUALS, ">="),
    (operators::ADD, "+"),
    (operators::SUBSTRACT, "-"),
    (operators::MULTIPLY, "*"),
    (operators::DIVIDE, "/"),
    (operators::MODULO, "%"),
    (operators::IN, "in"),
    (operators::CONDITIONAL, "?:"),
];

fn symbol(name: &str) -> &'static str {
    OPERATORS.iter().find(|(known, _)| *known == name).map_or("?", |(_, symbol)| symbol)
}

fn literal_type(literal: &LiteralValue, at: usize) -> Result<Typed, Fault> {
    match literal {
        LiteralValue::Boolean(_) => Ok(FLAG),
        LiteralValue::Int(_) => Ok(Typed { kind: Kind::Number, unit: None }),
        LiteralValue::String(_) => Ok(Typed { kind: Kind::Word, unit: None }),
        LiteralValue::Double(_) => {
            let next = "write shares as parts per million, money as minor units";
            Err(fault(at, "a decimal number", "a whole number", next))
        }
        LiteralValue::Bytes(_) | LiteralValue::UInt(_) | LiteralValue::Null => Err(fault(
            at,
            "an unusual literal",
            "a whole number, a text, true or false",
            "use `known(…)` for what may be absent",
        )),
    }
}

fn all(parts: &[(Typed, usize)], kind: Kind, symbol: &str) -> Result<(), Fault> {
    match parts.iter().find(|(typed, _)| typed.kind != kind) {
        None => Ok(()),
        Some((typed, at)) => {
            let expected = format!("{} beside `{symbol}`", kind.name());
            Err(fault(*at, typed.kind.name(), expected, "compare like with like"))
        }
    }
}

/// Two numbers of one unit; a plain number takes the unit of the other.
fn alike_units(a: Typed, b: (Typed, usize)) -> Result<Typed, Fault> {
    match (a.unit, b.0.unit) {
        (Some(one), Some(other)) if one != other => {
            Err(fault(b.1, format!("{other}"), format!("{one}, as on the left"), "compare like with like"))
        }
        (one, other) => Ok(Typed { kind: a.kind, unit: one.or(other) }),
    }
}

/// Names that are likely meant: one spelt alike, or a longer form of what was asked.
fn alike(known: &str, asked: &str) -> bool {
    asked.len() <= 64 && strsim::osa_distance(known, asked) <= 2 || asked.len() >= 4 && known.starts_with(asked)
}
