use std::{str::FromStr, time::Duration};

/// A length of time as people write it: `30d`, `12h`, `1m`, `250ms`; a bare number counts seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let millis = match unit.trim_start() {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err("a length of time is a number and one of ms, s, m, h, d, w, such as 30d"),
        };
        let number: u64 = number.parse().map_err(|_| "a length of time starts with a whole number, such as 30d")?;
        number.checked_mul(millis).map(|all| Self(Duration::from_millis(all))).ok_or("it is too long")
    }
}
