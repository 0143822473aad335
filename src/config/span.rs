//! Durations as people write them: `500ms`, `30s`, `15m`, `2h`, `30d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Writes a duration in the largest unit that divides it.
pub fn write(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS.into_iter().find(|(_, size)| millis % size == 0 && millis > 0).unwrap_or(("s", 1_000));
    format!("{}{unit}", millis / size)
}

/// Reads one.
pub fn read(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, size) = UNITS.into_iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(size).map(Duration::from_millis)
}

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(*duration))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    read(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("must be a duration such as 30s or 15m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_as_it_was_written() {
        for text in ["500ms", "30s", "15m", "2h", "30d", "0s"] {
            assert_eq!(write(read(text).unwrap()), text);
        }
        for text in ["", "15", "m", "1y", "-1s", "99999999999999999999d"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
