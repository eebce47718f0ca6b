//! What `deploy/prepare` lets through, in a network of four machines and a container.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use integration::in_own_namespaces;
use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};

const PREPARE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prepare");
const INSIDE: &str = "firewall::every_rule_is_needed_and_lets_nothing_else_through";
/// By the last number of their addresses.
const MACHINES: [&str; 4] = ["node", "other", "outside", "operator"];
const NODE: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 3);
/// The node, as its containers see it.
const BEHIND: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 1);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 2);
/// A published port that no rule knows, one of the machine's own, and one outside.
const PUBLISHED: u16 = 9999;
const OWN: u16 = 9100;
const FAR: u16 = 7000;
const PATIENCE: Duration = Duration::from_millis(500);

/// How something is sent to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Tcp(u16),
    Udp(u16),
    /// A number of an IP protocol, and the first byte of what it carries.
    Raw(u8, u8),
}

const ESP: Way = Way::Raw(50, 0);
const PING: Way = Way::Raw(1, 8);
const TIMESTAMP: Way = Way::Raw(1, 13);

/// Who reaches what, as it has to be.
fn expected() -> BTreeSet<(&'static str, Way)> {
    let all = ["other", "outside", "operator"];
    let everybody = [Way::Tcp(22), Way::Tcp(8082), PING].into_iter().flat_map(|way| all.map(|who| (who, way)));
    let nodes = [Way::Tcp(2377), Way::Tcp(7946), Way::Udp(7946), Way::Udp(4789), ESP];
    let operators = [Way::Tcp(5601), Way::Tcp(9443)];
    let nodes = nodes.into_iter().map(|way| ("other", way));
    let operators = operators.into_iter().map(|way| ("operator", way));
    let out =
        [("node", Way::Tcp(OWN)), ("node", Way::Tcp(FAR)), ("container", Way::Tcp(FAR)), ("container", Way::Tcp(22))];
    everybody.chain(nodes).chain(operators).chain(out).collect()
}

#[test]
fn the_firewall_closes_a_machine() -> anyhow::Result<()> {
    in_own_namespaces(INSIDE)
}

#[test]
#[ignore = "run by the test above, in namespaces of its own"]
fn every_rule_is_needed_and_lets_nothing_else_through() {
    build();
    let listening = listen();
    let rules = printed();
    load(&rules);
    assert_eq!(reached(), expected());

    // What is not of IPv4, of a machine that gets its address by DHCP, or of another network of Docker's is not tried here.
    let untried = ["ip6", "icmpv6", "nd-router", "DHCP", "br-*"];
    let is_tried = |line: &&str| {
        let is_rule = line.contains(" accept") || line.contains(" jump ") || line.contains("policy drop");
        is_rule && !untried.iter().any(|word| line.contains(word))
    };
    let lines: Vec<_> = rules.lines().filter(is_tried).collect();
    assert!(lines.len() >= 11, "{lines:?}");
    for line in lines {
        let without =
            if line.contains("policy drop") { line.replace("policy drop", "policy accept") } else { String::new() };
        load(&rules.replace(line, &without));
        assert_ne!(reached(), expected(), "nothing changes without {line}");
    }
    load(&rules);
    assert_eq!(reached(), expected(), "loaded again");
    drop(listening);
}

fn run(line: &str) {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn printed() -> String {
    let args = ["--print", "--nodes", "10.88.0.1,10.88.0.2,fd00::2", "--operators", "10.88.0.4/32,fd01::/64"];
    let output = Command::new(PREPARE).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn load(rules: &str) {
    let mut nft = Command::new("ip");
    let mut nft = nft.args(["netns", "exec", "node", "nft", "--file", "-"]).stdin(Stdio::piped()).spawn();
    let nft = nft.as_mut().expect("on Debian: apt-get install iproute2 nftables");
    nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success(), "on Debian: apt-get install nftables\n{rules}");
}

/// The machines on a switch, and a container behind the node as Docker has them: its ports are sent on to it.
fn build() {
    run("mount -t tmpfs tmpfs /run");
    fs::create_dir_all("/run/netns").unwrap();
    run("ip link set lo up");
    run("ip link add switch type bridge");
    run("ip link set switch up");
    for (machine, last) in MACHINES.iter().zip(1..) {
        run(&format!("ip netns add {machine}"));
        run(&format!("ip link add p{last} type veth peer name eth0 netns {machine}"));
        run(&format!("ip link set p{last} master switch up"));
        run(&format!("ip -n {machine} address add 10.88.0.{last}/24 dev eth0"));
        run(&format!("ip -n {machine} link set eth0 up"));
        run(&format!("ip -n {machine} link set lo up"));
    }
    run("ip -n outside route add 172.18.0.0/16 via 10.88.0.1");
    run("ip netns add container");
    run("ip -n node link add docker_gwbridge type bridge");
    run("ip -n node address add 172.18.0.1/16 dev docker_gwbridge");
    run("ip -n node link set docker_gwbridge up");
    run("ip -n node link add veth0 type veth peer name eth0 netns container");
    run("ip -n node link set veth0 master docker_gwbridge up");
    run(&format!("ip -n container address add {CONTAINER}/16 dev eth0"));
    run("ip -n container link set eth0 up");
    run("ip -n container route add default via 172.18.0.1");
    within("node", || fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    for port in [8082, 5601, 9443, PUBLISHED] {
        run(&format!(
            "ip netns exec node iptables -t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to {CONTAINER}:{port}"
        ));
    }
    run("ip netns exec node iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE");
}

/// Runs something on a machine.
fn within<T: Send>(machine: &str, work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/run/netns/{machine}")).unwrap();
    let enter = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    };
    thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

fn listen() -> Vec<TcpListener> {
    let doors =
        [("node", &[22, 2377, 7946, OWN][..]), ("container", &[8082, 5601, 9443, PUBLISHED]), ("outside", &[FAR])];
    let open = |(machine, ports): (&str, &[u16])| {
        within(machine, || ports.iter().map(|port| TcpListener::bind(("0.0.0.0", *port)).unwrap()).collect::<Vec<_>>())
    };
    doors.into_iter().flat_map(open).collect()
}

/// Who reaches what.
fn reached() -> BTreeSet<(&'static str, Way)> {
    let tcp = [22, 2377, 7946, OWN, 8082, 5601, 9443, PUBLISHED].map(Way::Tcp);
    let packets = [Way::Udp(7946), Way::Udp(4789), Way::Udp(OWN), ESP, PING, TIMESTAMP];
    let begun = Instant::now();
    thread::scope(|scope| {
        let received: Vec<_> = packets.map(|way| scope.spawn(move || within("node", || receive(way)))).into();
        let mut connected = Vec::new();
        for who in ["other", "outside", "operator"] {
            for way in tcp {
                connected.push(scope.spawn(move || connects(who, NODE, way).then_some((who, way))));
            }
        }
        // And out of the machine, from a container to it, and past it to a container.
        for (who, from, to, way) in [
            ("node", "node", Ipv4Addr::LOCALHOST, Way::Tcp(OWN)),
            ("node", "node", OUTSIDE, Way::Tcp(FAR)),
            ("container", "container", OUTSIDE, Way::Tcp(FAR)),
            ("container", "container", BEHIND, Way::Tcp(22)),
            ("container", "container", BEHIND, Way::Tcp(OWN)),
            ("routed past the node", "outside", CONTAINER, Way::Tcp(8082)),
        ] {
            connected.push(scope.spawn(move || connects(from, to, way).then_some((who, way))));
        }
        // Sent more than once: the sockets that receive may not be there yet.
        while begun.elapsed() < PATIENCE {
            for (who, way) in ["other", "outside", "operator"].into_iter().flat_map(|who| packets.map(|way| (who, way)))
            {
                within(who, || send(way));
            }
        }
        let connected = connected.into_iter().filter_map(|one| one.join().unwrap());
        connected.chain(received.into_iter().flat_map(|one| one.join().unwrap())).collect()
    })
}

fn connects(who: &str, to: Ipv4Addr, way: Way) -> bool {
    let Way::Tcp(port) = way else { panic!("{way:?}") };
    within(who, || TcpStream::connect_timeout(&SocketAddr::from((to, port)), PATIENCE).is_ok())
}

fn raw(protocol: u8) -> Socket {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(protocol)))).unwrap()
}

fn send(way: Way) {
    match way {
        Way::Udp(port) => drop(UdpSocket::bind("0.0.0.0:0").unwrap().send_to(&[0], (NODE, port)).unwrap()),
        Way::Raw(protocol, first) => {
            // An ICMP message without a body: its checksum is what makes the sum of its words all ones (RFC 792). Its
            // identifier is another each time: it is not to belong to a ping that was answered.
            let [a, b] = rand::random::<[u8; 2]>();
            let bytes = [first, 0, 255 - first, 255, a, b, !a, !b];
            raw(protocol).send_to(&bytes, &SocketAddr::from((NODE, 0)).into()).unwrap();
        }
        Way::Tcp(_) => panic!("{way:?}"),
    }
}

/// From whom something comes this way.
fn receive(way: Way) -> BTreeSet<(&'static str, Way)> {
    let moment = Some(PATIENCE / 10);
    let next: Box<dyn Fn() -> io::Result<Option<u8>>> = match way {
        Way::Udp(port) => {
            let socket = UdpSocket::bind(("0.0.0.0", port)).unwrap();
            socket.set_read_timeout(moment).unwrap();
            Box::new(move || match socket.recv_from(&mut [0; 64])?.1 {
                SocketAddr::V4(from) => Ok(Some(from.ip().octets()[3])),
                SocketAddr::V6(_) => Ok(None),
            })
        }
        Way::Raw(protocol, first) => {
            let socket = raw(protocol);
            socket.set_read_timeout(moment).unwrap();
            Box::new(move || {
                // With the header of IP, 20 bytes, at the end of its fourth word the sender (RFC 791, 3.1).
                let mut packet = [0; 64];
                let length = (&socket).read(&mut packet)?;
                Ok((length > 20 && packet[20] == first).then_some(packet[15]))
            })
        }
        Way::Tcp(_) => panic!("{way:?}"),
    };
    let (begun, mut found) = (Instant::now(), BTreeSet::new());
    while begun.elapsed() < PATIENCE {
        match next() {
            Ok(Some(last)) => drop(found.insert((MACHINES[usize::from(last) - 1], way))),
            Ok(None) => {}
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), "{error}"),
        }
    }
    found
}
