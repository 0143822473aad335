//! Exact amounts of money: whole billionths of a US dollar, never a float.
//!
//! ```
//! use palisade::money::Usd;
//!
//! let cost: Usd = "0.100000001".parse().unwrap();
//! assert_eq!(cost.nanos(), 100_000_001);
//! assert_eq!(Usd::from_nanos(1_500_000_000).to_string(), "1.5");
//! assert!("1e3".parse::<Usd>().is_err() && "0.0000000001".parse::<Usd>().is_err());
//! ```

use std::{fmt, str::FromStr};

/// Billionths in a dollar.
const NANOS: i128 = 1_000_000_000;
/// Digits after the point.
const FRACTION: usize = 9;
/// Digits before the point: sums of any number of stored amounts fit, and so does their product with a small number.
const WHOLE: usize = 18;

/// An amount in US dollars.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Usd(i128);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a decimal with at most 18 digits before the point and 9 after it")]
pub struct NotAnAmount;

impl Usd {
    /// So many billionths.
    pub const fn from_nanos(nanos: i128) -> Self {
        Self(nanos)
    }

    /// How many billionths it is.
    pub const fn nanos(self) -> i128 {
        self.0
    }
}

impl FromStr for Usd {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = match digits.split_once('.') {
            // A point stands between digits.
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(NotAnAmount),
            None => (digits, ""),
        };
        let fits = (1..=WHOLE).contains(&whole.len()) && fraction.len() <= FRACTION;
        if !fits || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnAmount);
        }
        let zeros = std::iter::repeat_n(b'0', FRACTION - fraction.len());
        let nanos = whole
            .bytes()
            .chain(fraction.bytes())
            .chain(zeros)
            .fold(0i128, |sum, byte| sum * 10 + i128::from(byte - b'0'));
        Ok(Self(sign * nanos))
    }
}

/// The shortest text that says the same: no zeros at the end, no point without digits after it.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) =
            (self.0.unsigned_abs() / NANOS.unsigned_abs(), self.0.unsigned_abs() % NANOS.unsigned_abs());
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let digits = format!("{fraction:09}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut nanos: i128 = 1;
        for step in 0..2_000_i128 {
            // Runs over awkward digits of every length.
            nanos = (nanos * 6_364_136_223 + step).rem_euclid(1_000_000_000_000_000_000_000_000_000);
            for amount in [Usd(nanos), Usd(-nanos), Usd(nanos % NANOS), Usd(nanos / NANOS * NANOS)] {
                assert_eq!(amount.to_string().parse(), Ok(amount), "{amount}");
            }
        }
    }

    #[test]
    fn an_amount_has_one_text() {
        for (text, shown) in
            [("007.50", "7.5"), ("-0", "0"), ("0.000000001", "0.000000001"), ("10", "10"), ("-1.10", "-1.1")]
        {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_exact_amount_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "1_000",
            "0x1",
            "NaN",
            "--1",
            "1.2.3",
            "0.0000000001",
            "1234567890123456789",
            "١",
        ] {
            assert_eq!(text.parse::<Usd>(), Err(NotAnAmount), "{text}");
        }
    }
}
