//! Ways to read the text of a field: words, times, days, amounts, numbers, rates, yes and no.

use std::marker::PhantomData;

use super::context::Context;
use super::decimal::{Decimal, Rounding};
use super::money::{MoneyFormat, choice, decimals};
use super::row::Row;
use super::times::{SHIFT_MAX, Shift, TimeFormat};
use super::tree::{Node, Section, Value};
use crate::domain::words::Word;
use crate::domain::{CalendarDay, EventTime};

/// A way to read a field's text.
pub(super) trait Reading: Sized {
    type Out;
    /// Reads the options beside `column`, where the field is a section.
    fn options(section: Option<&mut Section<'_>>, node: &Node, cx: &mut Context<'_, '_>) -> Option<Self>;
    fn read(&self, text: &str, row: &Row) -> Result<Self::Out, String>;
    /// True when the value depends on the row beyond its own text.
    fn needs_row(&self) -> bool {
        false
    }
}

/// A closed vocabulary.
#[derive(Clone, Debug)]
pub(super) struct WordOf<T>(PhantomData<T>);

impl<T: Word> Reading for WordOf<T> {
    type Out = T;
    fn options(_: Option<&mut Section<'_>>, _: &Node, _: &mut Context<'_, '_>) -> Option<Self> {
        Some(Self(PhantomData))
    }
    fn read(&self, text: &str, _: &Row) -> Result<T, String> {
        T::named(text).ok_or_else(|| {
            let near = super::problem::did_you_mean(text, T::NAMES.iter().copied());
            format!("`{text}`{near} is none of: {}", T::NAMES.join(", "))
        })
    }
}

/// Options of times and days: format by name, calendar units to add.
#[derive(Clone, Debug)]
struct Timing {
    format: TimeFormat,
    days: Added,
    months: Added,
}

/// Calendar units to add: a number, or a column that holds it.
#[derive(Clone, Copy, Debug)]
enum Added {
    Fixed(i64),
    Column(usize),
}

impl Timing {
    fn options(section: Option<&mut Section<'_>>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let Some(section) = section else {
            return Some(Self { format: cx.time(None)?, days: Added::Fixed(0), months: Added::Fixed(0) });
        };
        let format = cx.time(section.take("time"));
        let days = Added::read(section.take("plus_days"), cx);
        let months = Added::read(section.take("plus_months"), cx);
        Some(Self { format: format?, days: days?, months: months? })
    }

    fn shift(&self, row: &Row) -> Result<Shift, String> {
        Ok(Shift { days: self.days.units(row)?, months: self.months.units(row)? })
    }

    fn needs_row(&self) -> bool {
        matches!((self.days, self.months), (Added::Column(_), _) | (_, Added::Column(_)))
    }
}

impl Added {
    fn read(node: Option<&Node>, cx: &mut Context<'_, '_>) -> Option<Self> {
        let Some(node) = node else { return Some(Self::Fixed(0)) };
        if matches!(node.value, Value::Map(_)) {
            let mut section = Section::open(node, "the units to add", cx.checker)?;
            let column =
                section.need("column", "the column that holds the number", cx.checker).and_then(|node| cx.column(node));
            section.close(cx.checker);
            return Some(Self::Column(column?));
        }
        let units = node.scalar().and_then(|text| units(text).ok());
        if units.is_none() {
            cx.checker.wrong(
                node.at,
                format!(
                    "found {}, expected a whole number up to {SHIFT_MAX} or {{column: name}}; correct it",
                    node.found()
                ),
            );
        }
        units.map(Self::Fixed)
    }

    fn units(self, row: &Row) -> Result<i64, String> {
        match self {
            Self::Fixed(units) => Ok(units),
            Self::Column(column) => units(row.get(column).ok_or("the column of the units to add is empty")?),
        }
    }
}

fn units(text: &str) -> Result<i64, String> {
    let units = Decimal::parse(text)?.times(1, Rounding::Exact)?;
    if units.abs() > SHIFT_MAX { Err(format!("`{text}` is more than {SHIFT_MAX} calendar units")) } else { Ok(units) }
}

/// A moment.
#[derive(Clone, Debug)]
pub(super) struct Moment(Timing);

impl Reading for Moment {
    type Out = EventTime;
    fn options(section: Option<&mut Section<'_>>, _: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        Timing::options(section, cx).map(Self)
    }
    fn read(&self, text: &str, row: &Row) -> Result<EventTime, String> {
        self.0.format.moment(text, self.0.shift(row)?)
    }
    fn needs_row(&self) -> bool {
        self.0.needs_row()
    }
}

/// A calendar day.
#[derive(Clone, Debug)]
pub(super) struct Day(Timing);

impl Reading for Day {
    type Out = CalendarDay;
    fn options(section: Option<&mut Section<'_>>, _: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        Timing::options(section, cx).map(Self)
    }
    fn read(&self, text: &str, row: &Row) -> Result<CalendarDay, String> {
        self.0.format.day(text, self.0.shift(row)?)
    }
    fn needs_row(&self) -> bool {
        self.0.needs_row()
    }
}

/// An amount in minor units.
#[derive(Clone, Debug)]
pub(super) struct Money(MoneyFormat);

impl Reading for Money {
    type Out = i64;
    fn options(section: Option<&mut Section<'_>>, node: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let own = section.and_then(|section| section.take("decimals"));
        let Some(mut format) = cx.formats.money.clone() else {
            cx.checker.wrong(node.at, "found an amount without a `money` section, expected how amounts are written; add `money: {decimals: 2}`");
            return None;
        };
        if let Some(node) = own {
            format.decimals = decimals(node, cx.checker)?;
        }
        Some(Self(format))
    }
    fn read(&self, text: &str, _: &Row) -> Result<i64, String> {
        self.0.minor(text)
    }
}

/// A whole number.
#[derive(Clone, Debug)]
pub(super) struct Whole;

impl Reading for Whole {
    type Out = i32;
    fn options(_: Option<&mut Section<'_>>, _: &Node, _: &mut Context<'_, '_>) -> Option<Self> {
        Some(Self)
    }
    fn read(&self, text: &str, _: &Row) -> Result<i32, String> {
        let number = Decimal::parse(text)?
            .times(1, Rounding::Exact)
            .map_err(|why| format!("`{text}` is no whole number: {why}"))?;
        i32::try_from(number).map_err(|_| format!("`{text}` is too large"))
    }
}

/// A rate in parts per million, rounded half to even: a rate is no money.
#[derive(Clone, Debug)]
pub(super) struct Ppm {
    per_unit: i64,
}

const UNITS: [(&str, i64); 4] = [("ppm", 1), ("basis_points", 100), ("percent", 10_000), ("fraction", 1_000_000)];

impl Reading for Ppm {
    type Out = i64;
    fn options(section: Option<&mut Section<'_>>, _: &Node, cx: &mut Context<'_, '_>) -> Option<Self> {
        let unit = section.and_then(|section| section.take("unit"));
        let per_unit = if unit.is_some() { choice(unit, &UNITS, cx.checker)? } else { 1 };
        Some(Self { per_unit })
    }
    fn read(&self, text: &str, _: &Row) -> Result<i64, String> {
        let digits = if self.per_unit == 10_000 { text.strip_suffix('%').unwrap_or(text).trim_end() } else { text };
        Decimal::parse(digits)?.times(self.per_unit, Rounding::HalfEven)
    }
}

/// Yes or no.
#[derive(Clone, Debug)]
pub(super) struct Truth;

impl Reading for Truth {
    type Out = bool;
    fn options(_: Option<&mut Section<'_>>, _: &Node, _: &mut Context<'_, '_>) -> Option<Self> {
        Some(Self)
    }
    fn read(&self, text: &str, _: &Row) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "t" | "1" => Ok(true),
            "false" | "no" | "n" | "f" | "0" => Ok(false),
            _ => Err(format!("`{text}` is neither yes nor no; use a `map` to true and false")),
        }
    }
}
