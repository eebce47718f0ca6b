//! JSON as the validator reads it, at the cost of steps.

use std::borrow::Cow;

use jsonschema::{
    JsonType,
    json::{Array, Json, Node, NodeIdentity, Object, SerdeJson},
};
use serde_json::{Map, Number, Value};

use super::{
    meter::{digits, size, spend, spend_error, spend_name, spend_text},
    unique,
};

/// A value, metered.
#[derive(Clone, Copy)]
pub(super) struct Metered<'a>(pub(super) &'a Value);

/// The members of an object, metered.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(&'a Map<String, Value>);

/// The items of an array, metered.
#[derive(Clone, Copy)]
pub(super) struct Items<'a>(&'a [Value]);

/// The representation whose nodes are [`Metered`].
pub(super) struct MeteredJson;

impl Json for MeteredJson {
    type Node<'a> = Metered<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(Metered<'_>) -> T) -> T {
        spend(1 + string.len() as u64 / 64);
        *buffer = Value::String(string.to_owned());
        f(Metered(buffer))
    }
}

impl<'a> Node<'a, MeteredJson> for Metered<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        spend(1);
        self.0.as_object().map(Members)
    }

    fn as_array(&self) -> Option<Items<'a>> {
        spend(1);
        self.0.as_array().map(|items| Items(items))
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.0.as_str();
        spend_text(text.map_or(0, str::len));
        text.map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        let Value::Number(number) = self.0 else {
            spend(1);
            return None;
        };
        spend(digits(number));
        Some(number)
    }

    fn as_boolean(&self) -> Option<bool> {
        spend(1);
        self.0.as_bool()
    }

    fn is_null(&self) -> bool {
        spend(1);
        self.0.is_null()
    }

    fn is_number(&self) -> bool {
        spend(1);
        self.0.is_number()
    }

    fn json_type(&self) -> JsonType {
        spend(1);
        self.0.json_type()
    }

    fn string_length(&self) -> Option<u64> {
        spend(1 + self.0.as_str().map_or(0, str::len) as u64 / 256);
        self.0.string_length()
    }

    fn equals_value(&self, expected: &Value) -> bool {
        spend(size(self.0));
        Node::<SerdeJson>::equals_value(&self.0, expected)
    }

    /// What a violation shows of the value: nothing, for those that are kept in others would copy it.
    fn to_value(&self) -> Cow<'a, Value> {
        spend_error();
        Cow::Borrowed(&Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        spend(1);
        self.0.identity()
    }
}

impl<'a> Object<'a, MeteredJson> for Members<'a> {
    type Node = Metered<'a>;
    type MemberName = &'a str;
    type MembersIter = Walk<serde_json::map::Iter<'a>>;

    fn len(&self) -> usize {
        spend(1);
        self.0.len()
    }

    fn get(&self, key: &String) -> Option<Metered<'a>> {
        spend(1 + key.len() as u64 / 64);
        self.0.get(key).map(Metered)
    }

    fn members(&self) -> Self::MembersIter {
        Walk(self.0.iter())
    }
}

impl<'a> Array<'a, MeteredJson> for Items<'a> {
    type Node = Metered<'a>;
    type ElementsIter = Walk<std::slice::Iter<'a, Value>>;

    fn len(&self) -> usize {
        spend(1);
        self.0.len()
    }

    fn elements(&self) -> Self::ElementsIter {
        Walk(self.0.iter())
    }

    fn is_unique(&self) -> bool {
        self.0.iter().for_each(|item| spend(4 * size(item)));
        unique::all(self.0)
    }
}

/// Goes over what a container holds.
pub(super) struct Walk<I>(I);

impl<'a> Iterator for Walk<serde_json::map::Iter<'a>> {
    type Item = (&'a str, Metered<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.next()?;
        spend_name(name.len());
        Some((name, Metered(value)))
    }
}

impl<'a> Iterator for Walk<std::slice::Iter<'a, Value>> {
    type Item = Metered<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.0.next()?;
        spend(1);
        Some(Metered(value))
    }
}
