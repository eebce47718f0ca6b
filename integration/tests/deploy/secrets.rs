use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

const SECRETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/secrets");
/// Those that change in three steps.
const AUTHORITIES: [&str; 2] = ["ca", "inside_ca"];
const NODES: [&str; 3] = ["cassandra1", "cassandra2", "cassandra3"];
/// Each with the authority that signs it, what it is for, and a name that is in it.
const CERTIFICATES: [(&str, &str, &str, &str); 12] = [
    ("gate", "ca", "sslserver", "tasks.gate"),
    ("redis", "ca", "sslserver", "redis"),
    ("elasticsearch", "ca", "sslserver", "elasticsearch"),
    ("kibana", "ca", "sslserver", "kibana"),
    ("portainer", "ca", "sslserver", "portainer"),
    ("storage", "inside_ca", "sslserver", "tasks.storage"),
    ("gate_inside", "inside_ca", "sslclient", "gate"),
    ("tool", "inside_ca", "sslclient", "tool"),
    ("cassandra1", "cassandra_ca", "sslserver", "cassandra1"),
    ("cassandra1", "cassandra_ca", "sslclient", "cassandra1"),
    ("cassandra2", "cassandra_ca", "sslserver", "cassandra2"),
    ("cassandra3", "cassandra_ca", "sslserver", "cassandra3"),
];
const KILLS: u64 = 25;

/// A folder of secrets.
struct Kept(TempDir);

impl Kept {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("kept").join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SECRETS);
        command.args(args).arg("--no-docker").arg("--folder").arg(self.path(""));
        command
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        text(&output)
    }

    /// What is in every file.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(self.path("")).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// The file that is in force.
    fn in_force(&self, name: &str, part: &str) -> PathBuf {
        let versions = fs::read_to_string(self.path("versions.env")).unwrap();
        let key = format!("export SECRET_{}=", name.to_uppercase());
        let version = versions.lines().find_map(|line| line.strip_prefix(&key)).unwrap_or_else(|| panic!("{name}"));
        self.path(&format!("{name}{part}.{version}"))
    }

    fn password(&self, name: &str) -> String {
        fs::read_to_string(self.in_force(name, "")).unwrap()
    }

    /// Everything that is in force is whole, and is what it is for.
    fn are_whole(&self) {
        for (name, authority, purpose, host) in CERTIFICATES {
            let (certificate, key) = (self.in_force(name, "_certificate"), self.in_force(name, "_key"));
            let trusted = self.in_force(authority, "");
            let checks = ["-purpose", purpose, "-verify_hostname", host];
            openssl(
                "verify",
                &[&["-x509_strict", "-CAfile", utf8(&trusted)], &checks[..], &[utf8(&certificate)]].concat(),
            );
            let shown = openssl("x509", &["-noout", "-pubkey", "-in", utf8(&certificate)]);
            assert_eq!(shown, openssl("pkey", &["-pubout", "-in", utf8(&key)]), "{name}");
        }
        for of in ["admin", "redis", "cassandra", "elastic", "kibana", "logstash", "portainer"] {
            let password = self.password(&format!("{of}_password"));
            assert!(password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit()), "{of}: {password}");
        }
    }
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

fn openssl(command: &str, args: &[&str]) -> String {
    let output = Command::new("openssl").arg(command).args(args).output().unwrap();
    assert!(output.status.success(), "openssl {command} {args:?}: {}", text(&output));
    text(&output)
}

#[test]
fn they_are_made_once_for_their_purposes_and_for_nobody_elses_eyes() {
    let kept = Kept::new();
    kept.run(&["init", "--name", "skep.example.org", "--name", "10.0.0.7"]);
    kept.are_whole();
    let gate = openssl("x509", &["-noout", "-text", "-in", utf8(&kept.in_force("gate", "_certificate"))]);
    assert!(gate.contains("DNS:skep.example.org") && gate.contains("IP Address:10.0.0.7"), "{gate}");
    let made = kept.files();
    for path in made.keys().chain([&kept.path("")]) {
        let allowed = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(allowed & 0o077, 0, "{}: {allowed:o}", path.display());
    }
    kept.run(&["init"]);
    assert!(kept.files() == made, "made again");
    kept.run(&["init", "--name", "m1"]);
    assert_eq!(fs::read_to_string(kept.path("names")).unwrap(), "10.0.0.7\nm1\nskep.example.org\n");
    let list = kept.run(&["list"]);
    assert!(CERTIFICATES.iter().all(|(name, ..)| list.contains(name)), "{list}");
}

#[test]
fn the_next_versions_are_in_force_and_the_former_are_kept() {
    let kept = Kept::new();
    kept.run(&["init"]);
    let before = kept.files();
    kept.run(&["rotate", "storage", "redis_password"]);
    kept.are_whole();
    let after = kept.files();
    let is_kept = |(path, bytes): (&PathBuf, &Vec<u8>)| path.ends_with("versions.env") || after[path] == *bytes;
    assert!(before.iter().all(is_kept), "a version that was made is changed");
    for name in ["storage_certificate", "storage_key", "redis_password"] {
        let newer = &after[&kept.path(&format!("{name}.2"))];
        assert_ne!(*newer, before[&kept.path(&format!("{name}.1"))], "{name}");
    }
    kept.run(&["rotate", "--expiring", "30"]);
    assert!(kept.files() == after, "nothing ends so soon");
    for (node, version) in [("cassandra1", ".2"), ("cassandra2", ".1"), ("cassandra3", ".1")] {
        if version == ".2" {
            kept.run(&["rotate", "--expiring", "900"]);
            assert!(utf8(&kept.in_force("redis", "_certificate")).ends_with(".2"));
        }
        assert!(utf8(&kept.in_force(node, "_certificate")).ends_with(version), "one node at a time: {node}");
    }
    kept.are_whole();

    let others = Kept::new();
    others.run(&["init"]);
    let [certificate, key] = ["_certificate", "_key"].map(|part| others.in_force("gate", part));
    kept.run(&["take", "gate", utf8(&certificate), utf8(&key)]);
    assert_eq!(fs::read(kept.in_force("gate", "_certificate")).unwrap(), fs::read(&certificate).unwrap());
    for (wrong, status) in [
        (vec!["rotate", "no_password"], 64),
        (vec!["rotate"], 64),
        (vec!["rotate", "cassandra2", "cassandra3"], 1),
        (vec!["rotate", "--expiring", "60d"], 64),
        (vec!["take", "cassandra1", utf8(&certificate), utf8(&key)], 64),
        (vec!["take", "gate", utf8(&certificate), utf8(&certificate)], 1),
        (vec!["make"], 64),
        (vec![], 64),
        (vec!["init", "--sudden"], 64),
    ] {
        let output = kept.command(&wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{wrong:?}: {}", text(&output));
    }
}

/// At no step is there somebody who is not believed, whichever of two steps a replica is at.
#[test]
fn another_authority_comes_into_force_by_steps_that_each_believe_the_one_before() {
    let kept = Kept::new();
    kept.run(&["init"]);
    let force = |kept: &Kept| {
        let leaves = CERTIFICATES.iter().filter(|(_, authority, ..)| AUTHORITIES.contains(authority));
        let leaves = leaves.map(|(name, authority, ..)| (*authority, kept.in_force(name, "_certificate")));
        (AUTHORITIES.map(|name| kept.in_force(name, "")), leaves.collect::<Vec<_>>())
    };
    let (mut trusted, mut leaves) = force(&kept);
    let (first, first_leaves) = (trusted.clone(), leaves.clone());
    for step in 1..=3 {
        kept.run(&["rotate", "ca", "inside_ca"]);
        kept.are_whole();
        let (newer, newer_leaves) = force(&kept);
        for (trusted, leaves) in [(&trusted, &newer_leaves), (&newer, &leaves)] {
            for (authority, leaf) in leaves {
                let at = AUTHORITIES.iter().position(|name| name == authority).unwrap();
                openssl("verify", &["-CAfile", utf8(&trusted[at]), utf8(leaf)]);
            }
        }
        assert_eq!(leaves != newer_leaves, step == 2, "step {step}");
        (trusted, leaves) = (newer, newer_leaves);
    }
    assert!(!is_by(&trusted[0], &first_leaves[0].1) && !is_by(&first[0], &leaves[0].1), "it is another authority");
}

/// Each node has a copy of what it trusts, and is replaced alone; storages trust what is in force.
#[test]
fn another_authority_of_cassandra_comes_into_force_node_by_node() {
    let kept = Kept::new();
    kept.run(&["init"]);
    let force = || {
        let leaves = NODES.map(|node| kept.in_force(node, "_certificate"));
        let trusted = NODES.map(|node| kept.in_force(node, "_authority"));
        (leaves, trusted.into_iter().chain([kept.in_force("cassandra_ca", "")]).collect::<Vec<_>>())
    };
    let (first, mut former) = (force(), force());
    let mut steps = 0;
    loop {
        let told = kept.run(&["rotate", "cassandra_ca"]);
        kept.are_whole();
        let now = force();
        steps += 1;
        let replaced = former.0.iter().zip(&now.0).filter(|(before, after)| before != after).count();
        let others = usize::from(former.1.last() != now.1.last());
        assert_eq!(replaced + others, 1, "step {steps}: {told}");
        for (leaf, trusted) in [(&former.0, &now.1), (&now.0, &former.1)] {
            assert!(leaf.iter().all(|leaf| trusted.iter().all(|trusted| is_by(trusted, leaf))), "step {steps}: {told}");
        }
        former = now;
        if told.contains("it is done") {
            break;
        }
    }
    assert_eq!(steps, 11);
    assert!(former.1.iter().all(|trusted| !is_by(trusted, &first.0[0])), "it is another authority");
}

/// Until when a node may start on an empty disk: so long as nothing can have been written.
#[test]
fn the_nodes_may_start_on_empty_disks_for_a_day() {
    let kept = Kept::new();
    kept.run(&["init"]);
    let hours = |node: &str| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let until = fs::read_to_string(kept.in_force(node, "_first")).unwrap();
        (until.trim().parse::<u64>().unwrap().saturating_sub(now) + 1800) / 3600
    };
    assert_eq!(NODES.map(hours), [24; 3]);
    kept.run(&["rotate", "cassandra2"]);
    assert_eq!(NODES.map(hours), [24, 0, 24]);
    kept.run(&["rotate", "--first-start"]);
    assert_eq!(NODES.map(hours), [24; 3]);
    for file in ["start", "settings"] {
        let of = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/cassandra");
        let given = fs::read(kept.in_force("cassandra2", &format!("_{file}"))).unwrap();
        assert!(given == fs::read(Path::new(of).join(file)).unwrap(), "{file}");
    }
}

fn is_by(authority: &Path, leaf: &Path) -> bool {
    let verified = Command::new("openssl").args(["verify", "-CAfile", utf8(authority), utf8(leaf)]).output();
    verified.unwrap().status.success()
}

#[test]
fn the_superuser_has_the_former_password_below_the_next() {
    let kept = Kept::new();
    kept.run(&["init"]);
    let mut former = String::new();
    for version in 1..=3 {
        let file = kept.password("cassandra_superuser_password");
        let lines: Vec<_> = file.split('\n').collect();
        assert!(lines.iter().all(|line| line.len() == 64), "{file}");
        assert_eq!(lines.len(), if version == 1 { 1 } else { 2 });
        assert!(version == 1 || lines[1] == former, "the one in force before");
        former = lines[0].to_owned();
        kept.run(&["rotate", "cassandra_superuser_password"]);
    }
}

#[test]
fn whenever_it_is_killed_it_goes_on_from_there() {
    let kept = Kept::new();
    kept.run(&["init"]);
    for kill in 0..KILLS {
        let what = [&["rotate", "storage", "gate", "ca", "cassandra_ca", "admin_password"][..], &["init"]];
        let mut running = kept.command(what[usize::from(kill % 4 == 3)]).spawn().unwrap();
        // Further into its work each time.
        thread::sleep(Duration::from_millis(kill * 25));
        let _ = running.kill();
        running.wait().unwrap();
        kept.run(&["init"]);
        kept.are_whole();
    }
}
