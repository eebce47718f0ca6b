//! What the code of the services can log, read from the code: every call of a macro of `tracing`, outside of tests.

use std::{collections::BTreeSet, fs, path::Path};

const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services");
const MACROS: [&str; 7] = ["trace!", "debug!", "info!", "warn!", "error!", "$level!", "error_span!"];

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) file: String,
    /// Whether it is a span, whose fields are on the lines within it.
    pub(crate) is_span: bool,
    /// The text, or a span's name.
    pub(crate) message: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Whether it is written by its `Display` or `Debug`: as text.
    pub(crate) is_text: bool,
}

/// All of them.
pub(crate) fn events() -> Vec<Event> {
    let mut events = Vec::new();
    each_file(Path::new(SERVICES), &mut |path, code| {
        for name in MACROS {
            for (at, _) in code.match_indices(name) {
                let before = code[..at].chars().next_back().unwrap_or(' ');
                if !before.is_alphanumeric() && before != '_' {
                    events.extend(event(path, name, &arguments(&code[at + name.len()..])));
                }
            }
        }
    });
    events
}

/// Every text of the services' code that begins so.
pub(crate) fn words(prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_file(Path::new(SERVICES), &mut |_, code| {
        let texts = code.split('"').filter(|text| text.starts_with(prefix));
        let is_name =
            |text: &&str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        found.extend(texts.filter(is_name).map(str::to_owned));
    });
    found
}

/// Hands over each file of code, without its tests.
fn each_file(folder: &Path, then: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") && !path.ends_with("target") {
            each_file(&path, then);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            let code = fs::read_to_string(&path).unwrap();
            then(&path, code.split("#[cfg(test)]\nmod tests {").next().unwrap());
        }
    }
}

/// The arguments of a macro, cut at the commas that are in no bracket and no text.
fn arguments(code: &str) -> Vec<String> {
    let (mut parts, mut depth, mut in_text, mut escaped) = (vec![String::new()], 0, false, false);
    for character in code.chars() {
        if in_text {
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else {
            match character {
                '"' => in_text = true,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if (depth == 1 && matches!(character, ',' | '(')) || (depth == 2 && character == '{') {
                parts.push(String::new());
                continue;
            }
        }
        parts.last_mut().unwrap().push(character);
    }
    // Fields may stand in braces.
    let braced = parts.iter().flat_map(|part| part.trim().strip_suffix('}').map_or(vec![part.clone()], inner));
    braced.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn inner(fields: &str) -> Vec<String> {
    arguments(&format!("({fields})"))
}

fn event(path: &Path, name: &str, arguments: &[String]) -> Option<Event> {
    let (file, is_span) = (path.display().to_string(), name.ends_with("_span!"));
    let (mut message, mut fields) = (String::new(), Vec::new());
    for part in arguments {
        if let Some(text) = part.strip_prefix('"') {
            text.trim_end_matches('"').clone_into(&mut message);
        } else if !part.starts_with("target:") {
            let (name, value) =
                part.split_once('=').map_or((&**part, &**part), |(name, value)| (name.trim(), value.trim()));
            let name = name.trim_start_matches(['%', '?']);
            let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.');
            if is_name && !name.is_empty() {
                let name = if name == "error" { "error.message" } else { name };
                fields.push(Field { name: name.to_owned(), is_text: value.starts_with(['%', '?']) });
            }
        }
    }
    (!message.is_empty()).then_some(Event { file, is_span, message, fields })
}
