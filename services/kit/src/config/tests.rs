use std::{collections::HashMap, ffi::OsString, fs, net::SocketAddr, time::Duration};

use super::*;
use crate::{Internal, Secret};

const ADDR: Setting = Setting::new("HIVE_ADDR", "where bees land").default("127.0.0.1:1");
const BEES: Setting = Setting::new("HIVE_BEES", "how many bees there are");
const TOKEN: Setting = Setting::new("HIVE_TOKEN", "what the guards ask for").secret();
const URL: Setting = Setting::new("HIVE_KEY", "the number of the lock").secret();

fn values(flags: &[(&str, &str)], env: &[(&str, &str)]) -> Values {
    let map = |pairs: &[(&str, &str)]| -> HashMap<String, OsString> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), OsString::from(text))).collect()
    };
    let (flags, env) = (map(flags), map(env));
    Sources { flag: &|name| flags.get(name).cloned(), env: &|name| env.get(name).cloned() }
        .read(&[ADDR, BEES, TOKEN, URL])
}

fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

#[test]
fn defaults_stand_in_and_flags_go_before_the_environment() {
    let mut none = values(&[], &[("HIVE_BEES", "")]);
    assert_eq!(none.value::<SocketAddr>(&ADDR).port(), 1);
    assert_eq!(none.get::<u32>(&BEES), None);
    let mut env = values(&[], &[("HIVE_ADDR", "127.0.0.1:2"), ("HIVE_BEES", "20")]);
    assert_eq!(env.value::<SocketAddr>(&ADDR).port(), 2);
    assert_eq!(env.get::<u32>(&BEES), Some(20));
    let mut both =
        values(&[("HIVE_ADDR", "127.0.0.1:3"), ("HIVE_BEES", "")], &[("HIVE_ADDR", "x"), ("HIVE_BEES", "4")]);
    assert_eq!(both.value::<SocketAddr>(&ADDR).port(), 3);
    assert_eq!(both.get::<u32>(&BEES), Some(4));
    assert!(none.faults().is_empty() && env.faults().is_empty() && both.faults().is_empty());
}

#[test]
fn all_faults_are_told_at_once_and_no_secret_is() {
    let (_dir, path) = file("from-file");
    let env = [("HIVE_ADDR", "nowhere"), ("HIVE_BEES", "-1"), ("HIVE_TOKEN", "s3cret"), ("HIVE_KEY", "s4cret")];
    let mut values = values(&[("HIVE_TOKEN_FILE", &path)], &env);
    assert_eq!(values.value::<SocketAddr>(&ADDR).port(), 1, "the default stands in");
    assert_eq!(values.get::<u32>(&BEES), None);
    assert!(values.get::<Secret>(&TOKEN).is_none());
    assert_eq!(values.get::<u64>(&URL), None);
    values.fault("HIVE_BEES", "needs HIVE_HONEY. Set both.");
    assert_eq!(
        values.faults(),
        [
            "HIVE_TOKEN and HIVE_TOKEN_FILE are both given. Give one of them.",
            "HIVE_ADDR is \"nowhere\", which cannot be read: invalid socket address syntax. \
             It is where bees land, for example HIVE_ADDR=127.0.0.1:1.",
            "HIVE_BEES is \"-1\", which cannot be read: invalid digit found in string. It is how many bees there are.",
            "HIVE_KEY is not of its form. It is the number of the lock.",
            "HIVE_BEES needs HIVE_HONEY. Set both.",
        ]
    );
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file() {
    let (_dir, path) = file("from file\n");
    let mut from_file = values(&[], &[("HIVE_TOKEN_FILE", &path), ("HIVE_TOKEN", "")]);
    assert_eq!(from_file.get::<Secret>(&TOKEN).unwrap().expose(), "from file");
    let mut from_env = values(&[], &[("HIVE_TOKEN", "from env")]);
    assert_eq!(from_env.get::<Secret>(&TOKEN).unwrap().expose(), "from env");
    // What others can see in the list of processes is no place for a secret.
    let mut from_flag = values(&[("HIVE_TOKEN", "from flag")], &[]);
    assert!(from_flag.get::<Secret>(&TOKEN).is_none());
}

#[test]
fn a_secret_file_that_holds_none_is_a_fault() {
    let huge = vec![b'x'; 70_000];
    for (bytes, why) in [(&b"\n"[..], "it is empty"), (b"\xff", "it is not UTF-8"), (&huge, "it is longer than 64 KiB")]
    {
        let (_dir, path) = file(bytes);
        let values = values(&[], &[("HIVE_TOKEN_FILE", &path)]);
        assert_eq!(values.faults(), [format!("HIVE_TOKEN cannot be read from {path}: {why}.")]);
    }
    let values = values(&[], &[("HIVE_TOKEN_FILE", "/nonexistent/token")]);
    assert!(values.faults()[0].starts_with("HIVE_TOKEN cannot be read from /nonexistent/token: No such file"));
}

#[test]
fn what_is_printed_hides_secrets() {
    let values = values(&[], &[("HIVE_TOKEN", "s3cret")]);
    assert_eq!(values.print(), "HIVE_ADDR=127.0.0.1:1\nHIVE_BEES=\nHIVE_TOKEN=(hidden)\nHIVE_KEY=\n");
    assert_eq!(format!("{0} {0:?}", Secret::from("s3cret".to_owned())), "(hidden) (hidden)");
}

#[test]
fn a_setting_that_is_not_declared_is_a_fault() {
    let mut values = values(&[], &[]);
    assert_eq!(values.get::<u32>(&Setting::new("HIVE_WAX", "how much wax there is").default("1")), None);
    assert_eq!(values.faults().len(), 1);
}

#[test]
fn periods_and_sizes_are_written_as_people_do() {
    let period = |text: &str| text.parse::<Period>().map(|period| period.0);
    assert_eq!(period("20"), Ok(Duration::from_secs(20)));
    assert_eq!(period("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(period("1m"), Ok(Duration::from_mins(1)));
    assert_eq!(period("30d"), Ok(Duration::from_hours(720)));
    for bad in ["", "d", "-1s", "1.5h", "1 month", "3x", "18446744073709551615d", "99999999999999999999"] {
        assert!(period(bad).is_err(), "{bad}");
    }
    assert_eq!("1GiB".parse::<ByteSize>().unwrap().as_u64(), 1 << 30);
}

#[test]
fn certificates_are_given_with_all_that_belongs_to_them_and_can_be_used() {
    let (_dir, path) = file("no certificate");
    for (given, fault) in [
        (
            vec!["INTERNAL_TLS_CERT"],
            "INTERNAL_TLS_CERT is given together with INTERNAL_TLS_KEY and INTERNAL_TLS_CA. Give all three.".to_owned(),
        ),
        (
            vec!["INTERNAL_TLS_CERT", "INTERNAL_TLS_KEY", "INTERNAL_TLS_CA"],
            format!("INTERNAL_TLS_CERT and what belongs to it cannot be used: {path} holds no certificate."),
        ),
    ] {
        let env = |name: &str| given.contains(&name).then(|| OsString::from(&path));
        let mut values = Sources { flag: &|_| None, env: &env }.read(&Internal::SETTINGS);
        assert!(Internal::read(&mut values).is_open());
        assert_eq!(values.faults(), [fault]);
    }
}
