use std::{
    fs::File,
    io::{ErrorKind, Read},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};

const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/network");
/// Protocols, by their numbers with IANA.
pub(crate) const ICMP: i32 = 1;
pub(crate) const ESP: i32 = 50;
pub(crate) const ICMP6: i32 = 58;
/// The index of every eth0.
const CARD: u32 = 9;
/// After this, what was sent is taken for dropped. The kernel alone answers, so it is long.
const PATIENCE: Duration = Duration::from_secs(1);
static NEXT: AtomicU16 = AtomicU16::new(1);

/// Something that is sent.
#[derive(Clone, Debug)]
pub(crate) enum Probe {
    /// The beginning of a connection.
    Tcp(SocketAddr),
    /// A datagram from an address to one of the node.
    Udp(SocketAddr, SocketAddr),
    /// A packet to the node of a protocol, which begins so.
    Packet(i32, IpAddr, Vec<u8>),
}

/// Makes the machines.
pub(crate) fn make() {
    assert!(Command::new(NETWORK).status().unwrap().success());
}

/// Does something on a machine.
pub(crate) fn on<T: Send>(machine: &str, act: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        let namespace = File::open(format!("/run/netns/{machine}")).unwrap();
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        act()
    };
    thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

/// Runs a program on a machine, and gives what it prints.
pub(crate) fn run(machine: &str, program: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("ip").args(["netns", "exec", machine, program]).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.code(), text)
}

/// Waits on a machine for connections, which the kernel takes.
pub(crate) fn listen(machine: &str, address: &str, ports: &[u16]) -> Vec<TcpListener> {
    let all = ports.iter().map(|port| format!("{address}:{port}"));
    on(machine, || all.map(|door| TcpListener::bind(&door).unwrap_or_else(|error| panic!("{door}: {error}"))).collect())
}

/// Whether what a machine sends arrives.
pub(crate) fn arrives(from: &str, probe: &Probe) -> bool {
    match probe {
        Probe::Tcp(to) => match on(from, || TcpStream::connect_timeout(to, PATIENCE)) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::TimedOut => false,
            Err(error) => panic!("{from} {probe:?}: {error}"),
        },
        Probe::Udp(source, to) => is_seen(Protocol::UDP, to.ip(), &format!("{from} {probe:?}"), |tag| {
            on(from, || UdpSocket::bind(scoped(*source)).unwrap().send_to(tag, scoped(*to)).unwrap());
        }),
        Probe::Packet(protocol, to, head) => {
            let protocol = Protocol::from(*protocol);
            is_seen(protocol, *to, &format!("{from} {probe:?}"), |tag| {
                let mut packet = [head, tag].concat();
                if protocol != Protocol::from(ESP) {
                    // Of an echo; with the same one it would belong to the one before.
                    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                    packet[4..6].copy_from_slice(&id);
                }
                if protocol == Protocol::ICMPV4 {
                    let sum = checksum(&packet).to_be_bytes();
                    packet[2..4].copy_from_slice(&sum);
                }
                let to = SocketAddr::new(*to, 0);
                on(from, || raw(protocol, to.ip()).send_to(&packet, &to.into()).unwrap());
            })
        }
    }
}

/// Whether the node is given a packet of that protocol in which the tag stands, once it is sent. A raw socket is given
/// a copy of each that passed the firewall.
fn is_seen(protocol: Protocol, to: IpAddr, tag: &str, send: impl FnOnce(&[u8])) -> bool {
    let mut socket = on("node", || raw(protocol, to));
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    send(tag.as_bytes());
    let end = Instant::now() + PATIENCE;
    let mut packet = [0; 2048];
    while Instant::now() < end {
        let Ok(length) = socket.read(&mut packet) else { continue };
        if packet[..length].windows(tag.len()).any(|part| part == tag.as_bytes()) {
            return true;
        }
    }
    false
}

fn raw(protocol: Protocol, to: IpAddr) -> Socket {
    let domain = if to.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    Socket::new(domain, Type::RAW, Some(protocol)).unwrap()
}

/// An address of the link is one of a network card.
fn scoped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(mut address) if address.ip().is_unicast_link_local() => {
            address.set_scope_id(CARD);
            address.into()
        }
        other => other,
    }
}

/// The Internet checksum (RFC 1071) of what has zeroes at its place. That of `ICMPv6` is the kernel's work.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    !words.fold(0, |sum: u16, word| {
        let (sum, carried) = sum.overflowing_add(word);
        sum + u16::from(carried)
    })
}
