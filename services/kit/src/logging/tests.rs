use std::{fs, path::Path, sync::Mutex};

use serde_json::{Value, json};
use tracing::{info, info_span, subscriber::with_default};

use super::*;

const PROGRAM: Program = Program {
    name: "hive",
    about: "",
    version: "1.2.3",
    default_subcommand: None,
    defaults: &[],
    jobs: &[],
    services: &[
        Service { name: "gate", targets: &["gate"] },
        Service { name: "storage", targets: &["storage", "redb"] },
    ],
};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options(dir: &Path) -> Options {
    let directives = "trace".parse().unwrap();
    Options { dir: dir.to_owned(), directives, period: "hourly".parse().unwrap(), keep_days: 7, keep_bytes: 1 << 30 }
}

/// Runs `scene` with logs of its own; what `service` and people can then read.
fn logged(service: &str, scene: impl FnOnce()) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let people = Shared::default();
    let (lines, logs, faults) = open(&PROGRAM, &options(dir.path()), "node-1", people.clone(), false).unwrap();
    assert_eq!(faults, Vec::<String>::new());
    with_default(tracing_subscriber::registry().with(lines), scene);
    drop(logs);
    let prefix = format!("{service}-node-1.");
    let mut files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix)).unwrap();
    let people = String::from_utf8(people.0.lock().unwrap().clone()).unwrap();
    (fs::read_to_string(file).unwrap(), people)
}

fn members(line: &str) -> serde_json::Map<String, Value> {
    assert!(line.ends_with('}') && !line.contains('\n'), "{line}");
    let members: serde_json::Map<_, _> = serde_json::from_str(line).unwrap();
    for name in members.keys() {
        assert_eq!(line.matches(&format!("\"{name}\":")).count(), 1, "{name} stands once in {line}");
    }
    members
}

#[test]
fn a_line_has_every_member_and_keeps_its_types() {
    let (lines, _) = logged("gate", || {
        let request = info_span!("request", http.request.id = "r-1", trace.id = tracing::field::Empty, depth = 1);
        request.record("trace.id", "abc");
        let _entered = request.enter();
        let _inner = info_span!("inner", depth = 2, inner = true).entered();
        let cause = anyhow::anyhow!("disk \"a\"").context("cannot write");
        let cause: &(dyn std::error::Error + 'static) = cause.as_ref();
        info!(
            event.duration = 1_234_567_890_123_u64, balance = -5, ratio = 0.5, whole = 2.0, odd = f64::NAN, ok = false,
            error = cause, service.name = "forged", text = %"tab\t\u{1b}[31m\u{9b}\u{2028}\\", "line one\nline {}", 2
        );
    });
    let mut line = members(lines.strip_suffix('\n').unwrap());
    let time = line.remove("@timestamp").unwrap();
    let time = time.as_str().unwrap();
    assert_eq!((time.len(), &time[19..20], &time[26..]), (27, ".", "Z"), "microseconds, UTC");
    let age = jiff::Timestamp::now().duration_since(time.parse().unwrap());
    assert!(age.as_secs() < 10 && !age.is_negative(), "{time}");
    assert!(!line.remove("host.name").unwrap().as_str().unwrap().is_empty());
    assert_eq!(
        Value::Object(line),
        json!({
            "event.sequence": 1, "log.level": "info", "log.logger": "kit::logging::tests", "ecs.version": "9.0.0",
            "service.name": "gate", "service.version": "1.2.3", "service.node.name": "node-1",
            "message": "line one\nline 2", "http.request.id": "r-1", "trace.id": "abc", "depth": 2, "inner": true,
            "event.duration": 1_234_567_890_123_u64, "balance": -5, "ratio": 0.5, "whole": 2.0, "odd": null, "ok": false,
            "error.message": "cannot write: disk \"a\"", "text": "tab\t\u{1b}[31m\u{9b}\u{2028}\\",
        })
    );
    assert!(!lines.contains(['\u{1b}', '\u{9b}']), "no escape sequence reaches a terminal");
}

#[test]
fn a_line_belongs_to_the_service_of_its_target() {
    let scene = || {
        info!(target: "storage::store", "a");
        info!(target: "redb", "b");
        info!(target: "storages", "c");
        info!(target: "tokio", "d");
    };
    let texts = |lines: &str| -> Vec<_> {
        lines.lines().map(members).map(|it| (it["event.sequence"].clone(), it["message"].clone())).collect()
    };
    assert_eq!(texts(&logged("storage", scene).0), [(json!(1), json!("a")), (json!(2), json!("b"))]);
    assert_eq!(texts(&logged("gate", scene).0), [(json!(1), json!("c")), (json!(2), json!("d"))]);
}

#[test]
fn people_read_a_short_line() {
    let (_, people) = logged("gate", || {
        let _request = info_span!("request", http.request.id = "r-1").entered();
        info!(target: "gate::access", "a request that went well is not for people");
        info!(target: "gate::http", door = "rest", note = "two words", n = 5, "said \"hi\",\nleft \"now\"");
    });
    let (time, rest) = people.split_once(' ').unwrap();
    assert_eq!((time.len(), &time[2..3]), ("12:16:05.123".len(), ":"));
    assert_eq!(
        rest,
        "INFO gate::http: said \\\"hi\\\",\\nleft \\\"now\\\" door=rest note=\"two words\" n=5 http.request.id=r-1\n"
    );
}

#[test]
fn a_huge_value_is_cut_and_a_line_is_bounded() {
    let (lines, _) = logged("gate", || {
        let long = "é\"".repeat(100_000);
        info!(a = long, b = long, c = long, d = long, e = long, f = ?vec![1; 100_000], "still a line");
    });
    let line = members(lines.trim_end());
    assert!(line["a"].as_str().unwrap().ends_with('…') && line["a"].as_str().unwrap().len() < 8_300);
    assert_eq!(line["message"], "still a line");
    assert!(lines.len() < 64 * 1024, "{}", lines.len());
}

#[test]
fn what_a_full_disk_does_not_take_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::now();
    for hour in [now, now + jiff::SignedDuration::from_hours(1)] {
        let name = format!("gate-node-1.{}.ndjson", hour.strftime("%Y-%m-%d-%H"));
        std::os::unix::fs::symlink("/dev/full", dir.path().join(name)).unwrap();
    }
    assert_eq!(lost(dir.path(), || (0..100).for_each(|n| info!(target: "gate", n, "line"))), 100);
}

#[test]
fn a_line_that_a_killed_process_left_torn_does_not_tear_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(format!("gate-node-1.{}.ndjson", jiff::Timestamp::now().strftime("%Y-%m-%d-%H")));
    fs::write(&file, "{\"half\":").unwrap();
    // Of an instance whose name begins alike.
    fs::write(dir.path().join("gate-node-11.2999-01-01-00.ndjson"), "{").unwrap();
    for started in 1..=2 {
        assert_eq!(lost(dir.path(), || info!(target: "gate", started, "line")), 0);
    }
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("{\"half\":", 3), "{text}");
    for (line, started) in lines[1..].iter().zip(1..) {
        assert_eq!(members(line)["started"], started);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let below = dir.path().join("file/logs");
    let (_, _, faults) = open(&PROGRAM, &options(&below), "node-1", io::sink(), false).unwrap();
    assert_eq!(faults.len(), 2, "one a service");
    assert!(faults[0].contains("file/logs: Not a directory"), "{}", faults[0]);
    assert_eq!(lost(&below, || (0..3).for_each(|n| info!(target: "gate", n, "line"))), 3);
}

fn lost(dir: &Path, scene: impl FnOnce()) -> u64 {
    let (lines, logs, _) = open(&PROGRAM, &options(dir), "node-1", io::sink(), false).unwrap();
    let losses = logs.losses.clone();
    with_default(tracing_subscriber::registry().with(lines), scene);
    drop(logs);
    losses.total("gate", "file")
}

#[test]
fn losses_are_said_once() {
    let mut losses = Losses::default();
    losses.watch("gate", "file", Arc::new(7.into()));
    let (lines, _) = logged("gate", || {
        losses.tell();
        losses.tell();
    });
    assert_eq!(lines.lines().count(), 1);
    let line = members(lines.trim_end());
    assert_eq!((&line["message"], &line["lost"]), (&json!("log lines lost"), &json!(7)));
}

#[test]
fn an_instance_is_fit_for_the_name_of_a_file() {
    assert_eq!(safe("gate.1.x7_a-b"), "gate.1.x7_a-b");
    assert_eq!(safe("../../etc/ä b"), "..-..-etc---b");
    assert_eq!(safe(&"x".repeat(300)).len(), 64);
}

#[test]
fn directives_are_checked() {
    assert!("info,gate=debug".parse::<Directives>().is_ok());
    assert!("WARN,gate[request{a=1}]=debug".parse::<Directives>().is_ok());
    for spaced in ["info, gate=debug", "gate=debug, info", " gate=debug ,info,"] {
        let Directives(text) = spaced.parse().unwrap();
        assert!(!text.contains(' ') && text.contains("info") && text.contains("gate=debug"), "{text}");
    }
    for wrong in ["gate=loud", "inof", "info,gate", "info,gate=", "info,gate[a=1]", "", ",", " "] {
        assert!(wrong.parse::<Directives>().is_err(), "{wrong}");
    }
}
