//! What a rule may name.

/// What a rule is over.
pub(crate) const VARIABLES: [&str; 3] = ["auth", "record", "data"];

/// Types, to compare with what `type()` tells.
pub(crate) const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// Functions by their name and how many arguments they take. No regular expressions: they would be compiled each time.
const FUNCTIONS: [(&str, usize); 11] = [
    ("bool", 1),
    ("bytes", 1),
    ("double", 1),
    ("duration", 1),
    ("dyn", 1),
    ("int", 1),
    ("size", 1),
    ("string", 1),
    ("timestamp", 1),
    ("type", 1),
    ("uint", 1),
];

/// Methods by their name and how many arguments they take at least and at most.
const METHODS: [(&str, usize, usize); 14] = [
    ("contains", 1, 1),
    ("endsWith", 1, 1),
    ("getDate", 0, 1),
    ("getDayOfMonth", 0, 1),
    ("getDayOfWeek", 0, 1),
    ("getDayOfYear", 0, 1),
    ("getFullYear", 0, 1),
    ("getHours", 0, 1),
    ("getMilliseconds", 0, 1),
    ("getMinutes", 0, 1),
    ("getMonth", 0, 1),
    ("getSeconds", 0, 1),
    ("size", 0, 0),
    ("startsWith", 1, 1),
];

/// Why `name` cannot be called with so many arguments.
pub(crate) fn refuse(name: &str, is_method: bool, arguments: usize) -> Option<String> {
    let what = if is_method { "method" } else { "function" };
    let known = if is_method {
        METHODS.iter().find(|(known, ..)| *known == name).map(|(_, least, most)| *least..=*most)
    } else {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, count)| *count..=*count)
    };
    match known {
        None => Some(format!("there is no {what} {name:?}")),
        Some(counts) if counts.contains(&arguments) => None,
        Some(_) => Some(format!("the {what} {name:?} takes another number of arguments")),
    }
}
