//! Decimal text read exactly: integers and a scale, never a float.

use std::cmp::Ordering;

/// Most digits one number may have, leading zeros not counted.
const DIGITS_MAX: usize = 34;

/// mantissa · 10^-scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    mantissa: i128,
    /// Digits after the decimal point; never negative.
    scale: u32,
}

/// What happens to digits beyond those that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// They must be zeros.
    Exact,
    HalfEven,
    HalfUp,
    /// Towards zero.
    Down,
}

impl Decimal {
    /// Reads `-12.50`, `12`, `.5`, `1.5e6`; the sentence says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| no_number(text))?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return Err(no_number(text));
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.trim_start_matches('0').len() + fraction.len() > DIGITS_MAX
            || exponent.unsigned_abs() > DIGITS_MAX as u32
        {
            return Err(format!("`{text}` has more than {DIGITS_MAX} digits"));
        }
        let magnitude = whole.bytes().chain(fraction.bytes()).fold(0i128, |n, b| n * 10 + i128::from(b - b'0'));
        let scale = fraction.len() as i32 - exponent;
        let shift = 10i128.checked_pow(scale.min(0).unsigned_abs());
        let mantissa =
            shift.and_then(|shift| magnitude.checked_mul(shift)).ok_or_else(|| format!("`{text}` is too large"))?;
        Ok(Self { mantissa: if negative { -mantissa } else { mantissa }, scale: scale.max(0) as u32 })
    }

    /// This number times `factor`, as an integer.
    pub fn times(self, factor: i64, rounding: Rounding) -> Result<i64, String> {
        let too_large = || "the number is too large".to_owned();
        let product = self.mantissa.checked_mul(i128::from(factor)).ok_or_else(too_large)?;
        let Some(divisor) = 10i128.checked_pow(self.scale) else {
            return if rounding == Rounding::Exact { Err(too_exact()) } else { Ok(0) };
        };
        let (quotient, rest) = (product / divisor, (product % divisor).abs());
        let twice = rest.checked_mul(2).ok_or_else(too_large)?;
        let away = match rounding {
            Rounding::Exact if rest != 0 => return Err(too_exact()),
            Rounding::Exact | Rounding::Down => false,
            Rounding::HalfUp => twice >= divisor,
            Rounding::HalfEven => twice > divisor || (twice == divisor && quotient % 2 != 0),
        };
        let rounded = if away { quotient + product.signum() } else { quotient };
        i64::try_from(rounded).map_err(|_| too_large())
    }

    /// Which of two numbers is larger, whatever their scales.
    pub fn compare(self, other: Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let lift = |d: Self| 10i128.checked_pow(scale - d.scale).and_then(|by| d.mantissa.checked_mul(by));
        match (lift(self), lift(other)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // A number that overflows on lifting is by far the larger one; its sign decides.
            (None, Some(_)) => self.mantissa.cmp(&0),
            (Some(_), None) => 0.cmp(&other.mantissa),
            (None, None) => self.mantissa.signum().cmp(&other.mantissa.signum()),
        }
    }
}

fn no_number(text: &str) -> String {
    format!("`{text}` is not a number")
}

fn too_exact() -> String {
    "it has more digits after the decimal point than are kept".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str, factor: i64, rounding: Rounding) -> Result<i64, String> {
        Decimal::parse(text)?.times(factor, rounding)
    }

    #[test]
    fn reads_exactly() {
        for (text, cents) in [
            ("12.34", 1234),
            ("-0.05", -5),
            ("10000.0000", 1_000_000),
            (".5", 50),
            ("7.", 700),
            ("1.5e3", 150_000),
            ("25e-2", 25),
            ("0.1", 10),
            ("00012", 1200),
        ] {
            assert_eq!(times(text, 100, Rounding::Exact), Ok(cents), "{text}");
        }
        assert_eq!(times("92233720368547758.07", 100, Rounding::Exact), Ok(i64::MAX));
        assert!(times("92233720368547758.08", 100, Rounding::Exact).is_err());
        assert!(times("12.345", 100, Rounding::Exact).is_err());
    }

    #[test]
    fn rounds_only_when_told() {
        for (text, even, up, down) in
            [("0.125", 12, 13, 12), ("0.135", 14, 14, 13), ("-0.125", -12, -13, -12), ("0.1251", 13, 13, 12)]
        {
            assert_eq!(times(text, 100, Rounding::HalfEven), Ok(even), "{text}");
            assert_eq!(times(text, 100, Rounding::HalfUp), Ok(up), "{text}");
            assert_eq!(times(text, 100, Rounding::Down), Ok(down), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in [
            "",
            "-",
            ".",
            "1,5",
            "1.2.3",
            "0x10",
            "1e",
            "NaN",
            "1 000",
            "١",
            "1e99",
            "12345678901234567890123456789012345",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compares_across_scales() {
        let compare = |a, b| Decimal::parse(a).unwrap().compare(Decimal::parse(b).unwrap());
        assert_eq!(compare("2500e-4", "0.25"), Ordering::Equal);
        assert_eq!(compare("-2", "-1.99"), Ordering::Less);
        assert_eq!(compare("1e30", "0.000000000000000000000000000001"), Ordering::Greater);
        assert_eq!(compare("0.000000000000000000000000000001", "-1e30"), Ordering::Greater);
    }
}
