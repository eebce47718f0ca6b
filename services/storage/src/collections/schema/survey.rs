//! The parts of a schema: where they stand, and what each applies to the very value it is applied to.

use std::{collections::HashMap, ptr};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// The one dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// How many schemas may stand one within the other, each applied to the same value: they take stack, and data is up to 32
/// levels deep.
const MAX_HEIGHT: usize = 24;
/// How many schemas one may apply to a value, counted as often as they are.
const MAX_APPLIED: usize = 10_000;

/// How a keyword holds schemas.
#[derive(Clone, Copy)]
enum Holds {
    One,
    List,
    Map,
}
use Holds::{List, Map as Named, One};

/// The keywords that hold schemas. Those of the first kind apply them to the same value, the others to its parts or not
/// at all.
const IN_PLACE: [(&str, Holds); 9] = [
    ("allOf", List),
    ("anyOf", List),
    ("oneOf", List),
    ("not", One),
    ("if", One),
    ("then", One),
    ("else", One),
    ("dependentSchemas", Named),
    ("dependencies", Named),
];
const BELOW: [(&str, Holds); 12] = [
    ("properties", Named),
    ("patternProperties", Named),
    ("additionalProperties", One),
    ("propertyNames", One),
    ("unevaluatedProperties", One),
    ("items", One),
    ("prefixItems", List),
    ("contains", One),
    ("unevaluatedItems", One),
    ("contentSchema", One),
    ("$defs", Named),
    ("definitions", Named),
];

/// A place in the schema, and what is wrong there.
pub(super) type Fault = (String, String);

/// A pattern, and where it stands.
pub(super) struct Pattern<'a> {
    pub(super) text: &'a str,
    pub(super) pointer: String,
    /// Whether it is for the names of members.
    pub(super) is_for_names: bool,
}

/// A schema, or one within it.
struct Part<'a> {
    value: &'a Value,
    /// The part that holds it, and by which keyword and name.
    holder: Option<(usize, String)>,
    /// The parts that it applies to the same value.
    applied: Vec<usize>,
}

/// All schemas of a document.
pub(super) struct Survey<'a> {
    parts: Vec<Part<'a>>,
}

impl<'a> Survey<'a> {
    /// Finds the schemas within `schema`, which satisfies the meta-schema, and what each applies in place.
    ///
    /// # Errors
    /// What cannot be put in force: another dialect, and what would need another document.
    pub(super) fn of(schema: &'a Value) -> Result<Self, Vec<Fault>> {
        let mut survey = Self { parts: vec![Part { value: schema, holder: None, applied: Vec::new() }] };
        let mut at = 0;
        while at < survey.parts.len() {
            survey.open(at);
            at += 1;
        }
        let mut faults = survey.foreign();
        faults.extend(survey.link(schema));
        if faults.is_empty() { Ok(survey) } else { Err(faults) }
    }

    fn objects(&self) -> impl Iterator<Item = (usize, &'a Map<String, Value>)> {
        self.parts.iter().enumerate().filter_map(|(at, part)| Some((at, part.value.as_object()?)))
    }

    /// Adds the parts that the part at `at` holds.
    fn open(&mut self, at: usize) {
        let Some(object) = self.parts[at].value.as_object() else { return };
        let keywords = IN_PLACE.iter().map(|held| (held, true)).chain(BELOW.iter().map(|held| (held, false)));
        for (&(keyword, holds), in_place) in keywords {
            let Some(value) = object.get(keyword) else { continue };
            let mut add = |value: &'a Value, pointer: String| {
                if value.is_object() || value.is_boolean() {
                    if in_place {
                        let next = self.parts.len();
                        self.parts[at].applied.push(next);
                    }
                    self.parts.push(Part { value, holder: Some((at, pointer)), applied: Vec::new() });
                }
            };
            match (holds, value) {
                (One, value) => add(value, keyword.to_owned()),
                (List, Value::Array(items)) => {
                    items.iter().enumerate().for_each(|(i, item)| add(item, format!("{keyword}/{i}")));
                }
                (Named, Value::Object(members)) => {
                    members.iter().for_each(|(name, value)| add(value, format!("{keyword}/{}", escaped(name))));
                }
                _ => {}
            }
        }
    }

    fn foreign(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (at, object) in self.objects() {
            if object.get("$schema").is_some_and(|dialect| dialect.as_str() != Some(DIALECT)) {
                faults.push((self.pointer(at, "$schema"), format!("can only be {DIALECT}")));
            }
            if at > 0 && object.contains_key("$id") {
                faults.push((self.pointer(at, "$id"), "can only stand at the root: a schema is one document".into()));
            }
        }
        faults
    }

    /// Adds what references apply.
    fn link(&mut self, schema: &Value) -> Vec<Fault> {
        let (mut places, mut anchors, mut faults) = (HashMap::new(), HashMap::new(), Vec::new());
        for (at, part) in self.parts.iter().enumerate() {
            places.insert(ptr::from_ref(part.value), at);
        }
        for (at, object) in self.objects() {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                let Some(anchor) = object.get(keyword).and_then(Value::as_str) else { continue };
                if anchors.insert(anchor, at).is_some_and(|other| other != at) {
                    faults.push((self.pointer(at, keyword), "is the anchor of another schema".into()));
                }
            }
        }
        let find = |reference: &str| {
            let fragment = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
            if fragment.is_empty() || fragment.starts_with('/') {
                places.get(&ptr::from_ref(schema.pointer(&fragment)?)).copied()
            } else {
                anchors.get(&*fragment).copied()
            }
        };
        let mut links = Vec::new();
        for (at, object) in self.objects() {
            // In one document without other ids a dynamic reference is a plain one.
            for keyword in ["$ref", "$dynamicRef"] {
                match object.get(keyword).and_then(Value::as_str).map(find) {
                    Some(Some(target)) => links.push((at, target)),
                    Some(None) => faults.push((
                        self.pointer(at, keyword),
                        "points at no schema in this document, and nothing is fetched".into(),
                    )),
                    None => {}
                }
            }
        }
        for (at, target) in links {
            self.parts[at].applied.push(target);
        }
        faults
    }

    /// Refuses what could be applied to one value without end, or too often.
    pub(super) fn bounds(&self) -> Result<(), Fault> {
        let mut known = vec![Known::Not; self.parts.len()];
        (0..self.parts.len()).try_for_each(|at| self.measure(at, 1, &mut known).map(drop))
    }

    /// How many schemas apply to a value to which the part at `at` does, and how many stand one within the other.
    fn measure(&self, at: usize, depth: usize, known: &mut [Known]) -> Result<(usize, usize), Fault> {
        let refuse = |why: String| Err((self.pointer(at, ""), why));
        match known[at] {
            Known::Measured(applied, height) => return Ok((applied, height)),
            Known::Open => return refuse("applies itself to the same value, without end".into()),
            Known::Not => known[at] = Known::Open,
        }
        let (mut applied, mut height) = (1_usize, 0);
        if depth <= MAX_HEIGHT {
            for &next in &self.parts[at].applied {
                let (more, below) = self.measure(next, depth + 1, known)?;
                applied = applied.saturating_add(more);
                height = height.max(below);
            }
        }
        if depth.max(height + 1) > MAX_HEIGHT {
            return refuse(format!("is the last of more than {MAX_HEIGHT} schemas in a row for the same value"));
        }
        if applied > MAX_APPLIED {
            return refuse(format!("applies more than {MAX_APPLIED} schemas to the same value"));
        }
        known[at] = Known::Measured(applied, height + 1);
        Ok((applied, height + 1))
    }

    /// The regular expressions.
    pub(super) fn patterns(&self) -> impl Iterator<Item = Pattern<'a>> {
        self.objects().flat_map(move |(at, object)| {
            let names = object.get("patternProperties").and_then(Value::as_object);
            let names = names.into_iter().flat_map(Map::keys).map(move |text| Pattern {
                pointer: self.pointer(at, &format!("patternProperties/{}", escaped(text))),
                text,
                is_for_names: true,
            });
            let own = object.get("pattern").and_then(Value::as_str);
            let pointer = move || self.pointer(at, "pattern");
            names.chain(own.map(|text| Pattern { text, pointer: pointer(), is_for_names: false }))
        })
    }

    /// The JSON pointer of what the part at `at` has under `below`.
    fn pointer(&self, mut at: usize, below: &str) -> String {
        let mut steps = vec![below];
        while let Some((holder, step)) = &self.parts[at].holder {
            steps.push(step);
            at = *holder;
        }
        steps.iter().rev().filter(|step| !step.is_empty()).flat_map(|step| ["/", step]).collect()
    }
}

#[derive(Clone, Copy)]
enum Known {
    Not,
    Open,
    /// Schemas applied, and the height.
    Measured(usize, usize),
}

/// A name in a JSON pointer (RFC 6901, 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
