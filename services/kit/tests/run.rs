//! Whole processes: this binary starts itself again as a service, and talks to it as others would.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    env, fmt, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};

use clap::Arg;
use kit::{
    Config, Failed, Job, Process, Program, Secret, Service,
    config::{Setting, Values},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: Program = Program {
    name: "hive",
    about: "Keeps bees",
    version: "1.2.3",
    default_subcommand: Some("serve"),
    defaults: &[("METRICS_ADDR", "127.0.0.1:0")],
    jobs: &[Job {
        name: "harvest",
        about: "Fills jars, and ends",
        settings: || vec![JARS],
        shape: |command| command.subcommand(clap::Command::new("twice").arg(Arg::new("honey").required(true))),
        begin: |values, matches| {
            let jars: u8 = values.value(&JARS);
            let spoiled =
                matches.subcommand().and_then(|(_, below)| below.get_one("honey")) == Some(&"spoiled".to_owned());
            Box::pin(async move {
                anyhow::ensure!(jars < 10, "there is no honey for {jars} jars");
                if spoiled {
                    return Err(Failed::data(anyhow::anyhow!("the honey is spoiled").context("jar 1")).into());
                }
                Ok(())
            })
        },
    }],
    services: &[Service { name: "hive", targets: &["run"] }],
};

const SCENE: Setting = Setting::new("HIVE_SCENE", "what happens").default("serve");
const FLOWER: Setting = Setting::new("HIVE_FLOWER", "the file without which there is no honey").default("flower");
const JARS: Setting = Setting::new("HIVE_JARS", "how many jars are to be filled").default("3");
const TOKEN: Setting = Setting::new("HIVE_TOKEN", "what the guards ask for").secret();

struct Hive {
    scene: String,
    flower: PathBuf,
    _token: Option<Secret>,
}

impl Config for Hive {
    fn settings() -> Vec<Setting> {
        vec![SCENE, FLOWER, TOKEN]
    }

    fn read(values: &mut Values) -> Self {
        Self { scene: values.value(&SCENE), flower: values.value(&FLOWER), _token: values.get(&TOKEN) }
    }
}

/// A value that logs while it is being logged.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("inner");
        f.write_str("chatty")
    }
}

async fn serve(hive: Hive, process: Process) -> anyhow::Result<()> {
    match hive.scene.as_str() {
        "files" => anyhow::bail!("{} connections", process.connections),
        "fail" => return Err(anyhow::anyhow!("disk on fire").context("cannot open the store")),
        "panic" => drop(tokio::spawn(async { panic!("the bees\nleft") }).await),
        "chatty" => tracing::info!(value = ?Chatty, "outer"),
        "stuck" => std::future::pending().await,
        _ => {
            process.ready.add("flower", move || {
                let there = hive.flower.exists();
                Box::pin(async move { if there { Ok(()) } else { Err("no flower".to_owned()) } })
            });
            process.shutdown.cancelled().await;
        }
    }
    Ok(())
}

/// Not a test: the process that the tests start.
#[test]
fn child() {
    if let Ok(args) = env::var("KIT_TEST_ARGS") {
        let args = ["hive"].into_iter().chain(args.split_terminator(' ')).map(Into::into).collect();
        std::process::exit(kit::run_with(&PROGRAM, args, serve).into());
    }
}

fn command(dir: &Path, args: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env_clear().current_dir(dir);
    command.env("KIT_TEST_ARGS", args).env("HOSTNAME", "node-1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a process that ends by itself: exit code, standard output, standard error.
fn ended(dir: &Path, args: &str, env: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(dir, args).envs(env.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A process that serves; ended when dropped.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    addr: String,
    dir: TempDir,
}

impl Running {
    fn start(args: &str) -> Self {
        Self::start_with(args, &[])
    }

    fn start_with(args: &str, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = command(dir.path(), args).envs(env.iter().copied()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut running = Self { child, stderr, addr: String::new(), dir };
        let line = running.line_with("listening door=metrics");
        running.addr = String::from(line.trim_end().rsplit_once("server.address=").unwrap().1);
        running
    }

    /// Reads standard error up to a line with `text`.
    fn line_with(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            assert!(self.stderr.read_line(&mut seen).unwrap() > 0, "no {text:?} in {seen}");
            if seen[start..].contains(text) {
                return seen.split_off(start);
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is a closed connection too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Status and body.
    fn get(&self, path: &str) -> (String, String) {
        let answer = self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    fn status(&self, path: &str) -> String {
        self.get(path).0
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(kill.unwrap().success());
    }

    fn exit_code(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }

    /// The lines of the log file.
    fn log(&self) -> Vec<Value> {
        let files = fs::read_dir(self.dir.path().join("logs")).unwrap().map(|entry| entry.unwrap().path());
        let text: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_process_serves_until_it_is_told_to_stop() {
    let mut hive = Running::start_with("serve", &[("HIVE_TOKEN", "s3cret")]);
    let flower = hive.dir.path().join("flower");
    assert_eq!(hive.status("/livez"), "200");
    assert_eq!(hive.status("/healthz"), "503");
    let check =
        |hive: &Running, path: &str| ended(hive.dir.path(), &format!("healthcheck http://{}{path}", hive.addr), &[]);
    let (code, _, stderr) = check(&hive, "/healthz");
    assert_eq!(code, 1);
    assert!(stderr.ends_with("/healthz answers with the status 503: not ready yet\n"), "{stderr}");

    fs::write(&flower, "").unwrap();
    assert_eq!(hive.status("/healthz"), "200");
    let (status, body) = hive.get("/readyz");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status.as_str(), body), ("200", json!({"status": "ready", "checks": {"flower": "ok"}})));
    assert_eq!(check(&hive, "/healthz").0, 0);

    fs::remove_file(&flower).unwrap();
    let (status, body) = hive.get("/readyz");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status.as_str(), body), ("503", json!({"status": "unready", "checks": {"flower": "no flower"}})));
    assert_eq!(hive.status("/healthz"), "200");
    assert_eq!(hive.status("/nowhere"), "404");

    let (_, metrics) = hive.get("/metrics");
    for line in [
        "skep_build_info{program=\"hive\",version=\"1.2.3\"} 1",
        "skep_log_lines_lost_total{service=\"hive\",sink=\"file\"} 0",
        "process_uptime_seconds ",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }

    hive.signal("TERM");
    assert_eq!(hive.exit_code(), 0);
    let log = hive.log();
    let messages: Vec<_> = log.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["started", "listening", "stopping", "stopped"]);
    let settings = log[0]["configuration"].as_str().unwrap();
    assert!(settings.contains("\nHIVE_TOKEN=(hidden)\n") && settings.contains("\nLOG=info\n"), "{settings}");
    assert_eq!((&log[1]["door"], &log[1]["server.address"]), (&json!("metrics"), &json!(hive.addr)));
    assert_eq!(log[3]["event.sequence"], 4);
}

#[test]
fn the_door_survives_what_is_no_request() {
    let hive = Running::start("");
    let noise: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in
        [&noise[..], b"GET /metrics HTTP/9\r\n\r\n", b"\r\n\r\n\0\0", &b"GET / HTTP/1.1\r\nA: ".repeat(4000)[..]]
    {
        let answer = hive.send(bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // Clients that never finish their request take no place from others, up to the bound.
    let _slow: Vec<_> = (0..300).map(|_| TcpStream::connect(&hive.addr).unwrap()).collect();
    assert_eq!(hive.status("/livez"), "200");
}

#[test]
fn a_drain_is_bounded() {
    let mut hive = Running::start("--hive-scene stuck --drain-seconds 1");
    let start = Instant::now();
    hive.signal("INT");
    hive.line_with("stopping");
    let (status, body) = hive.get("/readyz");
    assert_eq!((status.as_str(), body.contains("stopping")), ("503", true), "{body}");
    hive.line_with("stopped before all was finished");
    assert_eq!(hive.exit_code(), 0);
    let took = start.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut hive = Running::start("--hive-scene stuck --drain-seconds 600");
    hive.signal("TERM");
    hive.line_with("stopping");
    hive.signal("TERM");
    assert_eq!(hive.exit_code(), 143);
}

#[test]
fn a_service_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = ended(dir.path(), "--hive-scene fail", &[]);
    assert_eq!(code, 1);
    assert!(stderr.ends_with("hive: cannot open the store: disk on fire\n"), "{stderr}");
    assert!(stderr.contains("the process failed error.message=\"cannot open the store: disk on fire\""), "{stderr}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = ended(dir.path(), "", &[("METRICS_ADDR", &addr)]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&format!("hive: cannot listen on {addr} (metrics): ")), "{stderr}");
}

#[test]
fn open_files_are_had_as_far_as_the_limit_goes() {
    let run = |limits: &str| {
        let dir = tempfile::tempdir().unwrap();
        let itself = command(dir.path(), "--hive-scene files");
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit {limits} && exec \"$0\" \"$@\"")]).arg(itself.get_program());
        limited
            .args(itself.get_args())
            .env_clear()
            .envs(itself.get_envs().filter_map(|(name, value)| Some((name, value?))));
        String::from_utf8(limited.current_dir(dir.path()).output().unwrap().stderr).unwrap()
    };
    let told = run("-Sn 100");
    assert!(!told.contains("hive: 25 connections"), "only the soft limit is low: {told}");
    let told = run("-n 1024");
    assert!(told.contains("few files may be open") && told.ends_with("hive: 256 connections\n"), "{told}");
}

#[test]
fn a_panic_is_a_line() {
    let mut hive = Running::start("--hive-scene panic");
    assert_eq!(hive.exit_code(), 0);
    let log = hive.log();
    let line = log.iter().find(|line| line["message"] == "panicked").unwrap();
    assert_eq!((&line["error.message"], &line["log.logger"]), (&json!("the bees\nleft"), &json!("kit::panic")));
    assert!(line["error.stack_trace"].as_str().unwrap().starts_with("run::serve"), "{line}");
    assert!(line["log.origin.file.line"].is_u64(), "{line}");
}

#[test]
fn a_value_that_logs_while_it_is_written_is_a_line_of_its_own() {
    let mut hive = Running::start("--hive-scene chatty");
    assert_eq!(hive.exit_code(), 0);
    let messages: Vec<_> = hive.log().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["started", "listening", "inner", "outer"]);
}

#[test]
fn levels_change_while_a_process_runs() {
    let hive = Running::start("");
    let command = |levels: &str| {
        let (code, stdout, stderr) = ended(hive.dir.path(), &format!("log {levels}"), &[("METRICS_ADDR", &hive.addr)]);
        (code, stdout.lines().nth(2).unwrap_or_default().to_owned(), stderr)
    };
    assert_eq!(command(""), (0, "info".to_owned(), String::new()));
    assert_eq!(command("warn,kit=debug").1, "warn,kit=debug");
    assert_eq!(command("").1, "warn,kit=debug");
    let (code, _, stderr) = command("inof");
    assert!(code == 1 && stderr.contains("400: \"inof\" is neither a level nor target=level"), "{stderr}");
    let long = command(&"a=info,".repeat(1000)).2;
    assert!(long.contains("status 413"), "{long}");
    assert_eq!((command("error").0, command("info").1), (0, "info".to_owned()));
    // What was written by then; the process has no cause to stop.
    let changes = |hive: &Running| -> Vec<_> {
        let lines = hive.log().into_iter().filter(|line| line["message"] == "log levels were changed");
        lines.map(|line| line["levels"].clone()).collect()
    };
    let end = Instant::now() + Duration::from_secs(10);
    while changes(&hive) != ["warn,kit=debug", "info"] {
        assert!(Instant::now() < end, "silenced by error, and nothing else: {:?}", changes(&hive));
    }
}

#[test]
fn logs_that_cannot_be_written_end_nothing() {
    let mut hive = Running::start("--hive-scene panic --log-dir /dev/null/logs");
    assert_eq!(hive.exit_code(), 0);
    let mut stderr = String::new();
    hive.stderr.read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("panicked"), "{stderr}");
}

#[test]
fn wrong_settings_are_told_at_once_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("METRICS_ADDR", "here"), ("LOG", "x=loud"), ("HIVE_TOKEN", "s3cret"), ("HIVE_TOKEN_FILE", "/x")];
    let (code, _, stderr) = ended(dir.path(), "serve --log-keep-bytes much", &env);
    assert_eq!(code, 64);
    for name in ["METRICS_ADDR is \"here\"", "LOG is \"x=loud\"", "LOG_KEEP_BYTES is \"much\"", "HIVE_TOKEN and "] {
        assert!(stderr.contains(&format!("\n  {name}")), "{name} in {stderr}");
    }
    assert!(!stderr.contains("s3cret"));
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "not even a log");
    for (args, wrong) in [("healthcheck", "METRICS_ADDR=here"), ("", "LOG=inof"), ("", "LOG_KEEP_DAYS=36501")] {
        let (name, value) = wrong.split_once('=').unwrap();
        let (code, _, stderr) = ended(dir.path(), args, &[(name, value)]);
        assert_eq!((code, stderr.contains(name)), (64, true), "{stderr}");
    }
    let (code, _, stderr) = ended(dir.path(), "--hive-sceme x", &[]);
    assert_eq!(code, 64);
    assert!(stderr.contains("--hive-scene"), "clap says what was meant: {stderr}");
}

#[test]
fn a_job_is_done_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(ended(dir.path(), "harvest", &[]).0, 0);
    let (code, _, stderr) = ended(dir.path(), "harvest --hive-jars 12", &[("LOG", "of no concern")]);
    assert_eq!((code, stderr.contains("hive: there is no honey for 12 jars\n")), (1, true), "{stderr}");
    let (code, _, stderr) = ended(dir.path(), "harvest twice spoiled --hive-jars 2", &[]);
    assert_eq!((code, &*stderr), (65, "hive: jar 1: the honey is spoiled\n"));
    assert_eq!(ended(dir.path(), "harvest --hive-jars 2 twice sweet", &[]).0, 0);
    assert_eq!(ended(dir.path(), "harvest twice", &[]).0, 64);
    let (code, _, stderr) = ended(dir.path(), "harvest", &[("HIVE_JARS", "many")]);
    assert_eq!((code, stderr.contains("HIVE_JARS is \"many\"")), (64, true), "{stderr}");
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "not even a log");
}

#[test]
fn the_command_explains_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, _) = ended(dir.path(), "--print-config", &[("HIVE_TOKEN", "s3cret"), ("LOG", "warn")]);
    assert_eq!(code, 0);
    for line in ["\nHIVE_SCENE=serve\n", "\nHIVE_TOKEN=(hidden)\n", "\nMETRICS_ADDR=127.0.0.1:0\n", "\nLOG=warn\n"] {
        assert!(stdout.contains(line), "{line} in {stdout}");
    }
    let (code, stdout, _) = ended(dir.path(), "--help", &[]);
    assert_eq!(code, 0);
    for text in [
        "Keeps bees",
        "--hive-scene <VALUE>",
        "[HIVE_SCENE; default: serve]",
        "--hive-token-file <PATH>",
        "harvest",
        "completions",
        "healthcheck",
        "Examples:",
    ] {
        assert!(stdout.contains(text), "{text} in {stdout}");
    }
    assert_eq!(ended(dir.path(), "serve --help", &[]).0, 0);
    let (code, stdout, _) = ended(dir.path(), "completions bash", &[]);
    assert!(code == 0 && stdout.contains("harvest"), "{stdout}");
    assert_eq!(ended(dir.path(), "completions abacus", &[]).0, 64);
    assert_eq!(ended(dir.path(), "manual pages", &[]).0, 0);
    assert!(dir.path().join("pages/hive-harvest-twice.1").exists());
}
