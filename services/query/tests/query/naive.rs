//! The meaning of values and filters, written for no speed at all over the JSON library's trees; and such values.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Map, Value};

/// More than any number of these tests has of decimals.
const SCALE: i32 = 1200;

pub(crate) fn rank(value: Option<&Value>) -> u8 {
    match value {
        None => 0,
        Some(Value::Null) => 1,
        Some(Value::Bool(false)) => 2,
        Some(Value::Bool(true)) => 3,
        Some(Value::Number(_)) => 4,
        Some(Value::String(_)) => 5,
        Some(Value::Array(_)) => 6,
        Some(Value::Object(_)) => 7,
    }
}

pub(crate) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => numbers_compare(&one.to_string(), &other.to_string()),
        (Value::String(one), Value::String(other)) => one.as_bytes().cmp(other.as_bytes()),
        _ => rank(Some(one)).cmp(&rank(Some(other))),
    }
}

fn numbers_compare(one: &str, other: &str) -> Ordering {
    let ((one_negative, one), (other_negative, other)) = (whole(one), whole(other));
    let by_size = |one: &str, other: &str| (one.len(), one).cmp(&(other.len(), other));
    match (one_negative && !one.is_empty(), other_negative && !other.is_empty()) {
        (false, false) => by_size(&one, &other),
        (true, true) => by_size(&other, &one),
        (one, other) => other.cmp(&one),
    }
}

/// The digits of the number times ten to [`SCALE`].
fn whole(number: &str) -> (bool, String) {
    let negative = number.starts_with('-');
    let lower = number.trim_start_matches('-').to_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let zeros = SCALE + exponent.parse::<i32>().unwrap() - i32::try_from(fraction).unwrap();
    let digits = mantissa.replace('.', "") + &"0".repeat(usize::try_from(zeros).unwrap());
    (negative, digits.trim_start_matches('0').to_owned())
}

pub(crate) fn look<'a>(data: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, name| value.as_object()?.get(*name))
}

/// A filter, before it is a text.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Is(Vec<&'static str>, &'static str, Value),
    Present(Vec<&'static str>),
}

impl Tree {
    pub(crate) fn holds(&self, data: &Value) -> bool {
        match self {
            Tree::All(parts) => parts.iter().all(|part| part.holds(data)),
            Tree::Any(parts) => parts.iter().any(|part| part.holds(data)),
            Tree::Not(part) => !part.holds(data),
            Tree::Present(path) => look(data, path).is_some(),
            Tree::Is(path, op, literal) => look(data, path).is_some_and(|value| is(value, op, literal)),
        }
    }

    /// In parentheses, wherever they do no harm.
    pub(crate) fn text(&self) -> String {
        let join = |parts: &[Tree], between| parts.iter().map(Tree::text).collect::<Vec<_>>().join(between);
        match self {
            Tree::All(parts) => format!("({})", join(parts, "\tAND ")),
            Tree::Any(parts) => format!("({} )", join(parts, " OR\n")),
            Tree::Not(part) => format!("NOT {}", part.text()),
            Tree::Present(path) => format!("{}:*", written(path)),
            Tree::Is(path, op, literal) => format!("{}{op} {literal}", written(path)),
        }
    }
}

pub(crate) fn written(path: &[&str]) -> String {
    let quoted: Vec<_> = path.iter().map(|name| Value::from(*name).to_string()).collect();
    format!("data.{}", quoted.join("."))
}

fn is(value: &Value, op: &str, literal: &Value) -> bool {
    let order = compare(value, literal);
    let scalar = !value.is_array() && !value.is_object();
    match (op, value) {
        (":", Value::Array(elements)) => {
            elements.iter().any(|e| !e.is_array() && !e.is_object() && compare(e, literal) == Ordering::Equal)
        }
        (":", Value::Object(members)) => literal.as_str().is_some_and(|name| members.contains_key(name)),
        ("=" | ":", _) => scalar && order == Ordering::Equal,
        ("!=", _) => scalar && order != Ordering::Equal,
        ("<", _) => scalar && order == Ordering::Less,
        ("<=", _) => scalar && order != Ordering::Greater,
        (">", _) => scalar && order == Ordering::Greater,
        (">=", _) => scalar && order != Ordering::Less,
        _ => panic!("{op}"),
    }
}

pub(crate) const NAMES: [&str; 8] = ["a", "b", "c", "owner", "data", "AND", "full \"name\"", "é\u{0}.x"];

pub(crate) fn numbers() -> impl Strategy<Value = Value> {
    let few =
        prop::sample::select(&["0", "-0", "1", "1.0", "10e-1", "9007199254740992", "9007199254740993", "-1", "2"][..]);
    let any = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?";
    prop_oneof![few.prop_map(str::to_owned), any].prop_map(|text| serde_json::from_str(&text).unwrap())
}

pub(crate) fn scalars() -> impl Strategy<Value = Value> {
    let few = prop::sample::select(&["", "a", "b", "owner", "a\u{0}", "a\u{1}", "é", "\"\\\n'", "\u{10ffff}"][..]);
    let texts = prop_oneof![few.prop_map(str::to_owned), "[a-c\u{0}]{0,3}", ".{0,12}"];
    prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), numbers(), texts.prop_map(Value::from)]
}

pub(crate) fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(4, 64, 8, |inner| {
        let members = prop::collection::vec((prop::sample::select(&NAMES[..]), inner.clone()), 0..6);
        prop_oneof![prop::collection::vec(inner, 0..6).prop_map(Value::from), members.prop_map(object)]
    })
}

pub(crate) fn objects() -> impl Strategy<Value = Value> {
    prop::collection::vec((prop::sample::select(&NAMES[..]), values()), 0..6).prop_map(object)
}

fn object(members: Vec<(&'static str, Value)>) -> Value {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

pub(crate) fn names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&NAMES[..]), 1..4)
}

pub(crate) fn trees() -> impl Strategy<Value = Tree> {
    let ops = prop::sample::select(&["=", "!=", "<", "<=", ">", ">=", ":", ":"][..]);
    let is = (names(), ops, scalars()).prop_map(|(path, op, literal)| Tree::Is(path, op, literal));
    prop_oneof![9 => is, 1 => names().prop_map(Tree::Present)].prop_recursive(4, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Tree::All),
            parts.prop_map(Tree::Any),
            inner.prop_map(|part| Tree::Not(Box::new(part)))
        ]
    })
}

/// The text of `value` in one of several forms.
pub(crate) fn spelled(value: &Value, form: u8) -> Vec<u8> {
    match form % 3 {
        0 => value.to_string().into_bytes(),
        1 => serde_json::to_vec_pretty(value).unwrap(),
        // Escapes where none are needed, in names too.
        _ => value
            .to_string()
            .replace('a', "\\u0061")
            .replace('w', "\\u0077")
            .replace("f\\u0061lse", "false")
            .into_bytes(),
    }
}
