use std::fmt;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::Op;
use crate::{
    Class, Fault, Key, Own, Path,
    reader::{Reader, shown},
};

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// A time in whole microseconds: what `created_at` and `updated_at` are compared with, and nothing else.
    Time(Timestamp),
    /// `*`: anything; only after [`Op::Has`].
    Any,
}

impl Literal {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Null => Class::Null.into(),
            Self::Bool(false) => Class::False.into(),
            Self::Bool(true) => Class::True.into(),
            Self::Number(text) => Key::number(text),
            Self::Text(text) => Key::text(text),
            Self::Time(time) => Key::number(&time.as_microsecond().to_string()),
            Self::Any => Class::Absent.into(),
        }
    }

    /// As `path` compares it; else what it would compare.
    pub(super) fn suited_to(self, path: &Path) -> Result<Self, String> {
        let Path::Own(own) = path else { return Ok(self) };
        let wanted = match (own, self) {
            (_, Self::Any) => return Ok(Self::Any),
            (Own::Id | Own::Owner, Self::Text(text)) => return Ok(Self::Text(text)),
            (Own::Owner, Self::Null) => return Ok(Self::Null),
            (Own::Version, Self::Number(number)) => return Ok(Self::Number(number)),
            (Own::CreatedAt | Own::UpdatedAt, Self::Text(text)) => match time(&text) {
                Some(time) => return Ok(Self::Time(time)),
                None => "a time of RFC 3339, as in \"2026-01-31T12:00:00Z\"",
            },
            (Own::CreatedAt | Own::UpdatedAt, _) => "a time in quotes, as in \"2026-01-31T12:00:00Z\"",
            (Own::Id, _) => "text in quotes",
            (Own::Owner, _) => "text in quotes or null",
            (Own::Version, _) => "a number",
        };
        Err(format!("{own} is compared with {wanted}; the data's field of that name is data.{own}", own = own.name()))
    }
}

/// As it is written in a filter.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => truth.fmt(f),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => serde_json::Value::from(&**text).fmt(f),
            Self::Time(time) => write!(f, "\"{time}\""),
            Self::Any => f.write_str("*"),
        }
    }
}

/// The literal that begins here, after `op`.
pub(super) fn read(reader: &mut Reader<'_>, op: Op) -> Result<Literal, Fault> {
    let at = reader.at();
    if matches!(reader.peek(), Some('"' | '\'')) {
        return reader.quoted().map(Literal::Text);
    }
    if reader.eat("*") {
        let what = "* stands only after :, as in author:*, which asks whether there is one";
        return if op == Op::Has { Ok(Literal::Any) } else { Err(reader.fault(at, what)) };
    }
    let word = reader.run(|c| !c.is_whitespace() && !"()\"'=!<>:*,".contains(c));
    reader.eat(word);
    match word {
        "" => Err(reader.fault(at, "a value is wanted here: text in quotes, a number, true, false or null")),
        "null" => Ok(Literal::Null),
        "true" => Ok(Literal::Bool(true)),
        "false" => Ok(Literal::Bool(false)),
        _ => number(word).map_err(|what| reader.fault(at, what)),
    }
}

fn number(word: &str) -> Result<Literal, String> {
    let shown = shown(word);
    if !word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Err(format!("text wants quotes: \"{shown}\""));
    }
    // RFC 8259 has no number that this does not take, and none with space around it gets here.
    if serde_json::from_str::<serde_json::Number>(word).is_err() {
        return Err(format!("{shown} is no number of JSON; text wants quotes"));
    }
    let double: f64 = word.parse().unwrap_or(f64::INFINITY);
    if double.is_infinite() || (double == 0.0 && Key::number(word) != Key::number("0")) {
        return Err(format!("{shown} is beyond the range of numbers that can be asked for (64-bit floating point)"));
    }
    Ok(Literal::Number(word.to_owned()))
}

/// The microsecond that an RFC 3339 time is in.
fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok().filter(|_| is_rfc3339(text))?;
    let micros = TimestampRound::new().smallest(Unit::Microsecond).mode(RoundMode::Floor);
    // An offset can lead out of the years that RFC 3339 can write.
    time.round(micros).ok().filter(|time| is_rfc3339(&time.to_string()))
}

/// Whether it has the form of RFC 3339; the library reads more.
fn is_rfc3339(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c.to_ascii_uppercase() }).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else { return false };
    let fraction = rest.strip_prefix(".0").map(|more| more.trim_start_matches('0'));
    matches!(fraction.unwrap_or(rest), "Z" | "+00:00" | "-00:00")
}
