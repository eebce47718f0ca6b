use std::{fs, net::SocketAddr, path::Path, thread};

use integration::in_own_namespaces;

use super::network::{self, ESP, ICMP, ICMP6, Probe, arrives, listen, on, run};

const PREPARE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prepare");
const OPTIONS: [&str; 5] =
    ["--firewall-only", "--nodes", "10.88.0.1,10.88.0.2,fd88::2", "--operators", "10.88.0.3/32,fd88::3"];
const RULES: &str = "/etc/skep/firewall.nft";
const UNIT: &str = "/etc/systemd/system/skep-firewall.service";

const OTHERS: [&str; 3] = ["peer", "operator", "outside"];
/// Each with those who may reach it; 5000 is what Docker publishes without anybody having asked for it.
const TCP: [(u16, &[&str]); 9] = [
    (22, &OTHERS),
    (8082, &OTHERS),
    (5601, &["operator"]),
    (8081, &["operator"]),
    (9443, &["operator"]),
    (2377, &["peer"]),
    (7946, &["peer"]),
    (5000, &[]),
    (6000, &[]),
];
const UDP: [(u16, &[&str]); 3] = [(4789, &["peer"]), (7946, &["peer"]), (6000, &[])];

/// Who sends what, and whether it is to arrive.
type Case = (&'static str, Probe, bool);

#[test]
fn nothing_comes_in_but_what_is_let_in() -> anyhow::Result<()> {
    in_own_namespaces("firewall::every_rule_lets_in_what_it_is_there_for")
}

#[test]
#[ignore = "run by the test above, in namespaces of its own"]
fn every_rule_lets_in_what_it_is_there_for() {
    network::make();
    let _listening = [
        listen("node", "0.0.0.0", &[22, 2377, 7946, 6000, 8081]),
        listen("node", "[fd88::1]", &TCP.map(|(port, _)| port)),
        listen("node", "[::1]", &[6000]),
        listen("container", "0.0.0.0", &[80, 5601, 9443, 8082]),
        listen("peer", "[::]", &[443, 2377, 7946]),
        listen("outside", "0.0.0.0", &[443]),
        listen("outside", "[fd88::4]", &[443]),
    ];
    let cases = cases();
    let without = differences(&cases.iter().map(|(from, probe, _)| (*from, probe.clone(), true)).collect::<Vec<_>>());
    assert_eq!(without, [""; 0], "does not even arrive without a firewall");

    wrong_options_are_told();
    assert!(prepare(&[&OPTIONS[..], &["--dry-run"]].concat()).1.contains("would write"));
    assert!(!Path::new(RULES).exists() && !rules().contains("skep"), "a dry run did something");

    prepare(&OPTIONS);
    assert_eq!(differences(&cases), [""; 0]);
    assert!(is_told_what_belongs());
    let (made, files) = (rules(), [RULES, UNIT].map(|file| fs::metadata(file).unwrap().modified().unwrap()));
    prepare(&OPTIONS);
    assert_eq!(files, [RULES, UNIT].map(|file| fs::metadata(file).unwrap().modified().unwrap()), "written again");

    nft(&["delete", "table", "inet", "skep"]);
    at_boot();
    assert_eq!(rules(), made);

    for handle in handles() {
        nft(&["delete", "rule", "inet", "skep", &handle[0], "handle", &handle[1]]);
        assert_ne!(differences(&cases), [""; 0], "no case needs {handle:?} of\n{made}");
        at_boot();
    }
    prepare(&["--firewall-only", "--nodes", "10.88.0.2", "--public", "6000,8082"]);
    let opened = |from, port| arrives(from, &Probe::Tcp(SocketAddr::new("10.88.0.1".parse().unwrap(), port)));
    assert!(opened("outside", 6000) && !opened("operator", 5601), "other options are in force");
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let at = |address: &str, port| SocketAddr::new(address.parse().unwrap(), port);
    for (node, any) in [("10.88.0.1", "0.0.0.0"), ("fd88::1", "::")] {
        for from in OTHERS {
            cases.extend(TCP.map(|(port, who)| (from, Probe::Tcp(at(node, port)), who.contains(&from))));
            cases.extend(UDP.map(|(port, who)| (from, Probe::Udp(at(any, 0), at(node, port)), who.contains(&from))));
            let esp = Probe::Packet(ESP, node.parse().unwrap(), vec![0, 0, 1, 0, 0, 0, 0, 1]);
            cases.push((from, esp, from == "peer"));
        }
    }
    // Echo request; redirect and timestamp request.
    for (kind, is_let_in) in [(8, true), (5, false), (13, false)] {
        let packet = Probe::Packet(ICMP, "10.88.0.1".parse().unwrap(), vec![kind, 0, 0, 0, 0, 0, 0, 0]);
        cases.push(("outside", packet, is_let_in));
    }
    // Echo request, query for multicast listeners, router advertisement, neighbour solicitation and advertisement;
    // multicast report, router solicitation, redirect.
    for (kind, is_let_in) in
        [(128, true), (130, true), (134, true), (135, true), (136, true), (131, false), (133, false), (137, false)]
    {
        let packet = Probe::Packet(ICMP6, "fd88::1".parse().unwrap(), [&[kind][..], &[0; 23]].concat());
        cases.push(("outside", packet, is_let_in));
    }
    // A DHCPv6 server's answer, and two things that are none.
    for (source, port, is_let_in) in [("fe80::4", 547, true), ("fe80::4", 548, false), ("fd88::4", 547, false)] {
        let to = if source == "fe80::4" { "fe80::1" } else { "fd88::1" };
        cases.push(("outside", Probe::Udp(at(source, port), at(to, 546)), is_let_in));
    }
    cases.extend([
        ("node", Probe::Tcp(at("127.0.0.1", 6000)), true),
        ("node", Probe::Tcp(at("::1", 6000)), true),
        ("node", Probe::Tcp(at("10.88.0.4", 443)), true),
        ("node", Probe::Tcp(at("fd88::4", 443)), true),
        ("container", Probe::Tcp(at("10.88.0.4", 443)), true),
        ("container", Probe::Tcp(at("172.18.0.1", 22)), true),
        ("container", Probe::Tcp(at("172.18.0.1", 6000)), false),
        ("container", Probe::Tcp(at("10.88.0.1", 2377)), false),
        ("container", Probe::Tcp(at("10.88.0.2", 2377)), false),
        ("container", Probe::Tcp(at("10.88.0.2", 443)), true),
        ("container", Probe::Tcp(at("fd88::2", 7946)), false),
        ("container", Probe::Tcp(at("fd88::2", 443)), true),
        // By way of the node, past what it publishes.
        ("outside", Probe::Tcp(at("172.18.0.2", 8082)), false),
    ]);
    cases
}

/// The cases that are not as they are to be.
fn differences(cases: &[Case]) -> Vec<String> {
    thread::scope(|scope| {
        let each = |case| {
            let (from, probe, expected): &Case = case;
            scope.spawn(move || (arrives(from, probe) != *expected).then(|| format!("{from} {probe:?} != {expected}")))
        };
        let running: Vec<_> = cases.iter().map(each).collect();
        running.into_iter().filter_map(|case| case.join().unwrap()).collect()
    })
}

/// Whether an error belongs to what was sent: outside has nobody at that port, and says so (ICMP).
fn is_told_what_belongs() -> bool {
    on("node", || {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        socket.connect("10.88.0.4:9").unwrap();
        socket.send(b"?").unwrap();
        socket.recv(&mut [0]).unwrap_err().kind() == std::io::ErrorKind::ConnectionRefused
    })
}

fn wrong_options_are_told() {
    for wrong in [
        &["--firewall-only"][..],
        &["--firewall-only", "--nodes", "node1.example.org"],
        &["--firewall-only", "--nodes", "none", "--public", "http"],
        &["--nodes", "none", "--sudden"],
    ] {
        let (status, text) = run("node", PREPARE, wrong);
        assert_eq!(status, Some(64), "{wrong:?}: {text}");
    }
    let (status, text) = run("node", PREPARE, &["--firewall-only", "--nodes", "10.0.0.0/99"]);
    assert_eq!(status, Some(1), "{text}");
    let settings = "/etc/docker/daemon.json";
    fs::create_dir_all("/etc/docker").unwrap();
    fs::write(settings, "{}").unwrap();
    let (status, text) = run("node", PREPARE, &["--nodes", "none", "--dry-run"]);
    assert!(status == Some(0) && text.contains("daemon.json is yours"), "{text}");
    assert_eq!(fs::read_to_string(settings).unwrap(), "{}");
}

fn prepare(args: &[&str]) -> (Option<i32>, String) {
    let ended = run("node", PREPARE, args);
    assert_eq!(ended.0, Some(0), "{args:?}: {}", ended.1);
    ended
}

fn nft(args: &[&str]) -> String {
    let (status, text) = run("node", "nft", args);
    assert_eq!(status, Some(0), "{args:?}: {text}");
    text
}

/// Every table, without what was counted.
fn rules() -> String {
    nft(&["--stateless", "list", "ruleset"])
}

/// What the machine does when it starts.
fn at_boot() {
    let unit = fs::read_to_string(UNIT).unwrap();
    let command: Vec<_> = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap().split(' ').collect();
    let (status, text) = run("node", command[0], &command[1..]);
    assert_eq!(status, Some(0), "{text}");
}

/// Each rule of ours that lets something in or keeps it out, as its chain and its handle there.
fn handles() -> Vec<[String; 2]> {
    let mut chain = String::new();
    let mut handles = Vec::new();
    for line in nft(&["--handle", "list", "table", "inet", "skep"]).lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["chain", name, ..] => (*name).clone_into(&mut chain),
            [.., "#", "handle", handle] if !chain.is_empty() && !line.contains("comment") => {
                handles.push([chain.clone(), (*handle).to_owned()]);
            }
            _ => (),
        }
    }
    handles
}
