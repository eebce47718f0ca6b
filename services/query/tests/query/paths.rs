use proptest::prelude::*;
use query::{MAX_PARTS, MAX_PATH_BYTES, Own, Path};

use crate::{naive::names, path};

fn data(names: &[&str]) -> Path {
    Path::Data(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_path_names_a_field() {
    for own in Own::ALL {
        assert_eq!(path(own.name()), Path::Own(own));
        assert_eq!(path(&format!("data.{}", own.name())), data(&[own.name()]));
        assert_eq!(path(&format!("{}.x", own.name())), data(&[own.name(), "x"]));
        assert_eq!(Path::data(own.name()), Ok(data(&[own.name()])));
    }
    for (text, names) in [
        ("a", &["a"][..]),
        ("a.b-c._1", &["a", "b-c", "_1"]),
        ("data.a", &["a"]),
        ("data.data", &["data"]),
        ("data.data.x", &["data", "x"]),
        ("\"data\".x", &["data", "x"]),
        ("\"id\"", &["id"]),
        ("data.\"full name\".\"a.b\".\"\\u0061\\\"\"", &["full name", "a.b", "a\""]),
        ("straße.日本.٣", &["straße", "日本", "٣"]),
        ("7.-1", &["7", "-1"]),
    ] {
        assert_eq!(path(text), data(names));
        assert_eq!(Path::data(text), Ok(data(names)));
    }
    for (text, at) in [
        ("", 1),
        ("data", 1),
        ("data.", 6),
        ("a.", 3),
        (" a", 1),
        ("a b", 2),
        ("é.$", 3),
        ("a\"b\"", 2),
        ("\"a\"b", 4),
        ("'a'", 1),
        ("a[0]", 2),
        ("a.\"\\ud800\"", 3),
    ] {
        assert_eq!(Path::parse(text).unwrap_err().at, at, "{text}");
    }
}

#[test]
fn an_index_is_declared_of_the_data() {
    for (text, names) in [
        ("full name.a/b.$", &["full name", "a/b", "$"][..]),
        ("a\"b", &["a\"b"]),
        ("\"a.b\".c", &["a.b", "c"]),
        ("AND", &["AND"]),
    ] {
        assert_eq!(Path::data(text), Ok(data(names)));
    }
    for (text, at) in [("", 1), ("data", 1), ("a..b", 3), ("a.", 3), ("a\n", 2), ("\"a", 1), ("\"a\"b.c", 4)] {
        assert_eq!(Path::data(text).unwrap_err().at, at, "{text}");
    }
}

#[test]
fn a_path_is_bounded() {
    let deep = |parts: usize| vec!["a"; parts].join(".");
    let long = |bytes: usize| format!("a.{}", "b".repeat(bytes - 2));
    for read in [Path::parse, Path::data] {
        assert!(read(&deep(MAX_PARTS)).is_ok() && read(&format!("data.{}", deep(MAX_PARTS))).is_ok());
        assert!(
            read(&long(MAX_PATH_BYTES)).is_ok() && read(&format!("data.\"a\".{}", &long(MAX_PATH_BYTES)[2..])).is_ok()
        );
        for text in [deep(MAX_PARTS + 1), deep(1 << 20), long(MAX_PATH_BYTES + 1), "é".repeat(128)] {
            assert_eq!(read(&text).unwrap_err().at, 1);
        }
    }
}

proptest! {
    #[test]
    fn a_path_is_read_as_it_is_printed(few in names(), any in prop::collection::vec(".{0,9}", 1..9)) {
        for path in [data(&few), Path::Data(any)] {
            prop_assert_eq!(Path::parse(&path.to_string()), Ok(path.clone()));
            prop_assert_eq!(Path::data(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn any_text_is_a_path_or_none(text in "[a.\"\\\\ é$data]{0,20}|.{0,40}") {
        for path in [Path::parse(&text), Path::data(&text)] {
            match path {
                Ok(path) => prop_assert_eq!(Path::parse(&path.to_string()), Ok(path)),
                Err(fault) => prop_assert!((1..=text.chars().count() + 1).contains(&fault.at)),
            }
        }
    }
}
