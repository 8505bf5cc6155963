//! Money text to integer minor units, exactly.

use super::decimal::{Decimal, Rounding};
use super::problem::Checker;
use super::tree::{Node, Section, Value};

/// What a negative amount means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negative {
    Reject,
    /// Its sign is dropped: a ledger that books payments as negative numbers.
    Absolute,
    Zero,
}

/// How amounts are written in the file.
#[derive(Clone, Debug)]
pub(super) struct MoneyFormat {
    /// Digits of the minor unit: 2 turns 12.34 into 1234.
    pub decimals: u32,
    point: char,
    thousands: Option<char>,
    symbols: Vec<String>,
    negative: Negative,
    rounding: Rounding,
}

impl MoneyFormat {
    /// Reads the keys of the `money` section that say how amounts are written.
    pub fn read(section: &mut Section<'_>, checker: &mut Checker<'_>) -> Option<Self> {
        let decimals =
            section.need("decimals", "the number of minor-unit digits", checker).and_then(|n| decimals(n, checker));
        let point = one_char(section.take("decimal_point"), '.', checker);
        let thousands = section.take("thousands").map(|node| one_char(Some(node), ',', checker));
        if let Some(node) = section.take("thousands").filter(|_| thousands == Some(point)) {
            checker.wrong(
                node.at,
                "found the same character as `decimal_point`, expected another one; set `decimal_point` too",
            );
        }
        let negative = choice(section.take("negative"), &NEGATIVE, checker).unwrap_or(Negative::Reject);
        let rounding = choice(section.take("rounding"), &ROUNDING, checker).unwrap_or(Rounding::Exact);
        let symbols = section.take("symbols").map(|node| texts(node, checker)).unwrap_or_default();
        Some(Self { decimals: decimals?, point, thousands, symbols, negative, rounding })
    }

    /// The amount in minor units; the sentence says what is wrong.
    pub fn minor(&self, text: &str) -> Result<i64, String> {
        let mut rest = text.trim();
        for symbol in &self.symbols {
            rest = rest
                .strip_prefix(symbol.as_str())
                .or_else(|| rest.strip_suffix(symbol.as_str()))
                .unwrap_or(rest)
                .trim();
        }
        let (mut negative, mut digits) = match rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => (true, inner.trim()),
            None => (false, rest),
        };
        if let Some(unsigned) = digits.strip_prefix(['-', '\u{2212}']).or_else(|| digits.strip_suffix('-')) {
            (negative, digits) = (true, unsigned.trim());
        }
        for symbol in &self.symbols {
            digits = digits.strip_prefix(symbol.as_str()).unwrap_or(digits).trim();
        }
        if digits.starts_with(['-', '+']) && negative {
            return Err(format!("`{text}` is not an amount"));
        }
        let plain =
            self.plain(digits).ok_or_else(|| format!("`{text}` is not an amount written as the mapping says"))?;
        let factor = 10i64.pow(self.decimals);
        let minor = Decimal::parse(&plain)
            .and_then(|number| number.times(factor, self.rounding))
            .map_err(|error| format!("`{text}` is not an amount of {} decimals: {error}", self.decimals))?;
        match (negative && minor > 0 || minor < 0, self.negative) {
            (false, _) => Ok(minor.abs()),
            (true, Negative::Absolute) => Ok(minor.abs()),
            (true, Negative::Zero) => Ok(0),
            (true, Negative::Reject) => Err(format!("`{text}` is a negative amount (see `money.negative`)")),
        }
    }

    /// The number without thousands separators and with a point; none where separators stand in odd places.
    fn plain(&self, digits: &str) -> Option<String> {
        let (whole, fraction) = match digits.split_once(self.point) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let mut plain = String::with_capacity(digits.len());
        match self.thousands {
            Some(separator) if whole.chars().any(|c| same(c, separator)) => {
                let mut groups = whole.split(|c| same(c, separator)).rev();
                // The last group has three digits; the others two or three (Indian grouping), the first at least one.
                let last_fits = groups.next().is_some_and(|last| last.len() == 3);
                let others: Vec<&str> = groups.collect();
                let first_fits = others.last().is_some_and(|first| (1..=3).contains(&first.len()));
                let inner_fit = others.iter().rev().skip(1).all(|group| (2..=3).contains(&group.len()));
                if !(last_fits && first_fits && inner_fit) {
                    return None;
                }
                plain.extend(whole.chars().filter(|c| !same(*c, separator)));
            }
            _ => plain.push_str(whole),
        }
        if let Some(fraction) = fraction {
            if self.point != '.' && fraction.contains('.') {
                return None;
            }
            plain.push('.');
            plain.push_str(fraction);
        }
        if self.point != '.' && whole.contains('.') && self.thousands != Some('.') { None } else { Some(plain) }
    }
}

/// A space as separator stands for the no-break and narrow spaces too.
fn same(found: char, separator: char) -> bool {
    found == separator || separator == ' ' && matches!(found, '\u{a0}' | '\u{202f}' | '\u{2009}')
}

const NEGATIVE: [(&str, Negative); 3] =
    [("reject", Negative::Reject), ("absolute", Negative::Absolute), ("zero", Negative::Zero)];
const ROUNDING: [(&str, Rounding); 4] = [
    ("exact", Rounding::Exact),
    ("half_even", Rounding::HalfEven),
    ("half_up", Rounding::HalfUp),
    ("down", Rounding::Down),
];

/// The number of decimals, 0 to 6.
pub(super) fn decimals(node: &Node, checker: &mut Checker<'_>) -> Option<u32> {
    let number = node.scalar().and_then(|text| text.parse().ok()).filter(|n: &u32| *n <= 6);
    if number.is_none() {
        checker.wrong(
            node.at,
            format!("found {}, expected a number of decimals from 0 to 6; write 2 for euro and cent", node.found()),
        );
    }
    number
}

/// One of a few words.
pub(super) fn choice<T: Copy>(node: Option<&Node>, words: &[(&str, T)], checker: &mut Checker<'_>) -> Option<T> {
    let node = node?;
    let found = words.iter().find(|(word, _)| node.scalar() == Some(word)).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        checker.wrong(node.at, format!("found {}, expected one of: {}; choose one", node.found(), known.join(", ")));
    }
    found
}

fn one_char(node: Option<&Node>, default: char, checker: &mut Checker<'_>) -> char {
    let Some(node) = node else { return default };
    let mut chars = node.scalar().unwrap_or_default().chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) if !only.is_ascii_digit() => only,
        _ => {
            checker.wrong(
                node.at,
                format!("found {}, expected one character that is no digit; write it in quotes", node.found()),
            );
            default
        }
    }
}

/// A text or a list of texts. In a list `NULL` and `~` are meant as the texts they are.
pub(super) fn texts(node: &Node, checker: &mut Checker<'_>) -> Vec<String> {
    let items = match &node.value {
        Value::Scalar(text) => Some(vec![text.clone()]),
        Value::List(items) => items.iter().map(text).collect(),
        Value::Nothing(_) | Value::Map(_) => None,
    };
    items.unwrap_or_else(|| {
        checker.wrong(
            node.at,
            format!("found {}, expected a text or a list of texts; write [\"a\", \"b\"]", node.found()),
        );
        Vec::new()
    })
}

fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(text) | Value::Nothing(text) => Some(text.clone()),
        Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn format(yaml: &str) -> MoneyFormat {
        let mut checker = Checker::new("m.yaml");
        let node = tree::read(yaml, &mut checker).unwrap();
        let mut section = Section::open(&node, "money", &mut checker).unwrap();
        let format = MoneyFormat::read(&mut section, &mut checker);
        section.close(&mut checker);
        checker.finish(format).unwrap()
    }

    #[test]
    fn plain_amounts_are_exact() {
        let euro = format("decimals: 2");
        assert_eq!(euro.minor("1234.5"), Ok(123_450));
        assert_eq!(euro.minor(" 10000.0000 "), Ok(1_000_000));
        for wrong in ["12.345", "-1", "1,000", "abc", "", "--1", "(-1)"] {
            assert!(euro.minor(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn separators_signs_and_symbols() {
        let german = format("{decimals: 2, decimal_point: ',', thousands: '.', negative: absolute}");
        assert_eq!(german.minor("1.234.567,89"), Ok(123_456_789));
        assert_eq!(german.minor("-12,5"), Ok(1_250));
        assert!(german.minor("1.50").is_err(), "a separator in an odd place must not read as 150");
        let english = format("{decimals: 2, thousands: ',', symbols: ['$', 'KES'], negative: absolute}");
        assert_eq!(english.minor("$1,234.50"), Ok(123_450));
        assert_eq!(english.minor("KES 12,34,567"), Ok(123_456_700));
        assert_eq!(english.minor("($5.00)"), Ok(500));
        assert_eq!(english.minor("-$5.00"), Ok(500));
        assert!(english.minor("1,50").is_err());
        let french = format("{decimals: 2, decimal_point: ',', thousands: ' '}");
        assert_eq!(french.minor("1\u{202f}234,50"), Ok(123_450));
    }

    #[test]
    fn rounding_and_negatives_by_policy() {
        assert_eq!(format("{decimals: 2, rounding: half_even}").minor("452782.755"), Ok(45_278_276));
        assert_eq!(format("{decimals: 0, negative: zero}").minor("-3"), Ok(0));
        assert!(format("{decimals: 0}").minor("-3").unwrap_err().contains("negative"));
    }
}
