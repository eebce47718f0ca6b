//! Whether values are all different, as JSON Schema compares them: numbers by their value, objects without order.

use std::collections::HashSet;

use serde_json::Value;

/// Whether no two of `items` are equal.
pub(super) fn all(items: &[Value]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| {
        let mut key = Vec::new();
        write(item, &mut key);
        seen.insert(key)
    })
}

/// Writes what is the same for equal values, and for no others.
fn write(value: &Value, key: &mut Vec<u8>) {
    match value {
        Value::Null => key.push(b'n'),
        Value::Bool(is) => key.push(if *is { b't' } else { b'f' }),
        Value::Number(number) => write_number(number.as_str(), key),
        Value::String(text) => write_text(text, key),
        Value::Array(items) => {
            key.push(b'[');
            for item in items {
                write(item, key);
            }
            key.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            key.push(b'{');
            for (name, value) in members {
                write_text(name, key);
                write(value, key);
            }
            key.push(b'}');
        }
    }
}

fn write_text(text: &str, key: &mut Vec<u8>) {
    key.push(b'"');
    key.extend_from_slice(&text.len().to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}

/// The digits that count, and the power of ten of the last. (An exponent of more than 38 digits stays as it is written.)
fn write_number(text: &str, key: &mut Vec<u8>) {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let counting = digits.trim_end_matches('0');
    let shift = digits.len() as i128 - counting.len() as i128 - fraction.len() as i128;
    let power = exponent.parse::<i128>().ok().and_then(|exponent| exponent.checked_add(shift));
    let number = match power {
        _ if counting.is_empty() => "0".to_owned(),
        Some(power) => format!("{sign}{counting}e{power}"),
        None => format!("{sign}{text}"),
    };
    write_text(&number, key);
    key.push(b'#');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_what_they_mean() {
        for same in [
            "[1, 1.0]",
            "[100, 1e2]",
            "[0, -0.0]",
            "[0.5, 50e-2]",
            "[1e400, 10e399]",
            r#"[{"a":1,"b":2}, {"b":2.0,"a":1}]"#,
            r#"["\u0061", "a"]"#,
        ] {
            assert!(!all(&serde_json::from_str::<Vec<Value>>(same).unwrap()), "{same}");
        }
        let different = r#"[0, "0", false, null, "", [], {}, [[]], [0,0], [[0],0], -1, 1, 0.1, 1e400, 2e400, "n", "t",
            900000000000000000000001, 900000000000000000000002, {"a":1}, {"a":"1"}, {"a":[1]}, ["a",1], "a"]"#;
        assert!(all(&serde_json::from_str::<Vec<Value>>(different).unwrap()));
    }
}
