use std::cmp::Ordering;

use proptest::prelude::*;
use query::{Class, Indexed, Key, MAX_ELEMENTS, Path, keys};
use serde_json::Value;

use crate::{
    naive::{compare, look, names, objects, spelled},
    path,
};

#[test]
fn an_index_has_values_and_elements() {
    let data = br#"{"a": [3, "x", 1.0, 1, null, [2], {"b": 2}, "x"], "b": {"c": "y"}, "d": []}"#;
    let indexed = keys(data, &["d", "b.c", "a", "id", "b.c", "a.b", "b"].map(path));
    let own = |own: Key| Indexed { own, elements: Vec::new(), many: false };
    let elements = vec![Class::Null.into(), Key::number("1"), Key::number("3"), Key::text("x")];
    let expected = [
        own(Class::Array.into()),
        own(Key::text("y")),
        Indexed { elements, ..own(Class::Array.into()) },
        own(Class::Absent.into()),
        own(Key::text("y")),
        own(Class::Absent.into()),
        own(Class::Object.into()),
    ];
    assert_eq!(indexed, expected);
}

#[test]
fn many_elements_are_none() {
    let array = |count: usize| {
        let numbers: Vec<_> = (0..count).map(|number| number.to_string()).collect();
        format!("{{\"a\": [{0}, {0}, []]}}", numbers.join(", "))
    };
    let most = keys(array(MAX_ELEMENTS).as_bytes(), &[path("a")]).remove(0);
    assert!(!most.many && most.elements.len() == MAX_ELEMENTS);
    let many = keys(array(MAX_ELEMENTS + 1).as_bytes(), &[path("a"), path("b")]);
    assert_eq!(many[0], Indexed { own: Class::Array.into(), elements: Vec::new(), many: true });
    assert_eq!(many[1], Indexed { own: Class::Absent.into(), elements: Vec::new(), many: false });
}

proptest! {
    #[test]
    fn an_index_has_what_is_there(data in objects(), paths in prop::collection::vec(names(), 0..6), form: u8) {
        let declared: Vec<_> = paths.iter().map(|path| Path::Data(path.iter().map(ToString::to_string).collect())).collect();
        let indexed = keys(&spelled(&data, form), &declared);
        prop_assert_eq!(indexed.len(), paths.len());
        for (indexed, path) in indexed.iter().zip(&paths) {
            let value = look(&data, path);
            let key = |value: &Value| Key::of(value.to_string().as_bytes());
            prop_assert_eq!(&indexed.own, &value.map_or(Class::Absent.into(), key));
            let mut elements: Vec<_> = value.and_then(Value::as_array).cloned().unwrap_or_default();
            elements.retain(|element| !element.is_array() && !element.is_object());
            elements.sort_by(compare);
            elements.dedup_by(|one, other| compare(one, other) == Ordering::Equal);
            prop_assert_eq!(&indexed.elements, &elements.iter().map(key).collect::<Vec<_>>());
        }
    }
}
