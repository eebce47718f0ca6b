mod configuration;
mod node;
mod place;

use std::{
    collections::BTreeMap,
    env,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use anyhow::{Context, anyhow, ensure};
use tokio::sync::OnceCell;

pub use self::node::CassandraNode;
use self::{
    node::KEEPER,
    place::{CLIENT_PORT, Place},
};
use crate::{
    ChaosProxy,
    certificates::{self, Certificates},
    eventually, parts,
};

/// How the nodes are fetched and configured, for a person to read.
const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cassandra");
const SETTLE_BOUND: Duration = Duration::from_mins(2);
/// Cassandra's own first superuser, and its password.
const SUPERUSER: &str = "cassandra";
/// The settings of storage that say which cluster it is to use, and how.
const VARIABLES: [&str; 5] =
    ["CASSANDRA_HOSTS", "CASSANDRA_REPLICATION_FACTOR", "CASSANDRA_USERNAME", "CASSANDRA_PASSWORD", "CASSANDRA_TLS_CA"];

static SHARED: OnceCell<Result<Cassandra, String>> = OnceCell::const_new();

/// What a cluster is to be like.
#[derive(Clone, Debug)]
pub struct CassandraOptions {
    /// 1 to 3.
    pub nodes: usize,
    /// The most a node's heap may grow to, as of `-Xmx`.
    pub heap: &'static str,
    /// Whether clients must give a name and a password.
    pub authenticated: bool,
    /// Whether clients must use TLS, with an authority made for this cluster.
    pub encrypted: bool,
    /// Whether clients reach each node through a [`ChaosProxy`] of its own, also when it is another node
    /// that tells them its address.
    pub proxied: bool,
    /// More options for Java; the last one counts.
    pub java: Vec<String>,
}

impl Default for CassandraOptions {
    fn default() -> Self {
        let no = false;
        Self { nodes: 3, heap: "1G", authenticated: no, encrypted: no, proxied: no, java: Vec::new() }
    }
}

/// A cluster of real Cassandra nodes on loopback addresses of its own, or one that is elsewhere.
///
/// Dropping it kills its nodes and deletes their data; so does, at the latest, the end of the process and
/// the next start of a cluster.
#[derive(Debug)]
pub struct Cassandra {
    // Before the place, which is given back when they have ended.
    nodes: Vec<CassandraNode>,
    variables: BTreeMap<&'static str, String>,
    _place: Option<Place>,
}

impl Cassandra {
    /// The cluster that all tests of this process share, each in a keyspace of its own: the one that
    /// `CASSANDRA_HOSTS` names, or else three nodes, which are started for the first who asks and end
    /// with the process. A test that harms nodes starts its own.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        let start = async || match env::var_os("CASSANDRA_HOSTS") {
            Some(_) => Ok(Self::elsewhere()),
            None => Self::start(CassandraOptions::default()).await.map_err(|error| format!("{error:#}")),
        };
        SHARED.get_or_init(start).await.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn elsewhere() -> Self {
        let variables = VARIABLES.into_iter().filter_map(|name| Some((name, env::var(name).ok()?))).collect();
        Self { nodes: Vec::new(), variables, _place: None }
    }

    /// Starts a cluster; fails, saying what to install, if that cannot be done here.
    pub async fn start(options: CassandraOptions) -> anyhow::Result<Self> {
        ensure!((1..=3).contains(&options.nodes), "1 to 3 nodes, not {}", options.nodes);
        let jars = parts::fetch(RECIPE).await?;
        let nodes = options.nodes;
        let place = tokio::task::spawn_blocking(move || Place::claim(nodes)).await??;
        let addresses = (1..=nodes).flat_map(|node| [place.address(node), place.proxy(node)]);
        let certificates = options.encrypted.then(|| Certificates::make(&place.path(""), addresses)).transpose()?;
        let mut started = Vec::new();
        for number in 1..=nodes {
            configuration::write(&options, &place, certificates.as_ref(), number)?;
            let address = place.address(number);
            let mut proxy = None;
            if options.proxied {
                let listen = (place.proxy(number), CLIENT_PORT).into();
                proxy = Some(KEEPER.spawn(ChaosProxy::start(listen, (address, CLIENT_PORT).into())).await??);
            }
            started.push(CassandraNode {
                number,
                address,
                folder: place.folder(number),
                java: java_options(&options),
                jars: jars.clone(),
                encrypted: options.encrypted,
                proxy,
                running: None.into(),
            });
        }
        let variables = variables(&options, &started, certificates.as_ref());
        let cluster = Self { nodes: started, variables, _place: Some(place) };
        for node in &cluster.nodes {
            node.launch(vec![0; nodes]).await?;
        }
        for node in &cluster.nodes {
            node.until_it_answers().await?;
        }
        cluster.settled().await?;
        if options.authenticated {
            eventually("the superuser is there", SETTLE_BOUND, async || cluster.has_superuser()).await?;
        }
        Ok(cluster)
    }

    /// The certificate, as PEM, of an authority that signed no node's.
    pub fn authority() -> anyhow::Result<String> {
        Ok(certificates::authority()?.1.pem())
    }

    fn has_superuser(&self) -> Option<()> {
        self.nodes.iter().any(|node| node.log().contains("Created default superuser role")).then_some(())
    }

    /// The settings that make storage use this cluster, all but `CASSANDRA_KEYSPACE`.
    pub fn variables(&self) -> &BTreeMap<&'static str, String> {
        &self.variables
    }

    /// A name for a keyspace that no other test has, not even of another run on the same cluster.
    pub fn keyspace(&self) -> String {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_micros());
        format!("skep_test_{now:x}_{:x}_{}", std::process::id(), LAST.fetch_add(1, Relaxed))
    }

    /// Its nodes; none if the cluster is elsewhere.
    pub fn nodes(&self) -> &[CassandraNode] {
        &self.nodes
    }

    /// Starts a node that was ended again, on the same data, and waits until it answers; [`Self::settled`]
    /// waits until the others have noticed.
    pub async fn restart(&self, node: &CassandraNode) -> anyhow::Result<()> {
        node.launch(self.nodes.iter().map(CassandraNode::log_length).collect()).await?;
        node.until_it_answers().await
    }

    /// Waits until every node that was started sees every other one up and on the ring, for at most two
    /// minutes.
    pub async fn settled(&self) -> anyhow::Result<()> {
        let settled = eventually("every node sees every other one up", SETTLE_BOUND, async || {
            for node in &self.nodes {
                for other in self.nodes.iter().filter(|other| other.number != node.number) {
                    node.sees(other).await.ok()?.then_some(())?;
                }
            }
            Some(())
        });
        let tails = || self.nodes.iter().map(CassandraNode::tail).collect::<Vec<_>>().join("\n");
        settled.await.with_context(tails)
    }
}

fn variables(
    options: &CassandraOptions,
    nodes: &[CassandraNode],
    certificates: Option<&Certificates>,
) -> BTreeMap<&'static str, String> {
    let hosts: Vec<_> = nodes.iter().map(|node| node.address().to_string()).collect();
    let mut variables = BTreeMap::from([
        ("CASSANDRA_HOSTS", hosts.join(",")),
        ("CASSANDRA_REPLICATION_FACTOR", options.nodes.to_string()),
    ]);
    if options.authenticated {
        variables.insert("CASSANDRA_USERNAME", SUPERUSER.to_owned());
        variables.insert("CASSANDRA_PASSWORD", SUPERUSER.to_owned());
    }
    if let Some(made) = certificates {
        variables.insert("CASSANDRA_TLS_CA", made.authority.display().to_string());
    }
    variables
}

fn java_options(options: &CassandraOptions) -> Vec<String> {
    let mut java = vec![
        format!("@{RECIPE}/jvm.options"),
        format!("-Xmx{}", options.heap),
        format!("-Dlogback.configurationFile={RECIPE}/logback.xml"),
        // Who may sign in is known as long as a quorum of the nodes is.
        format!("-Dcassandra.system_auth.default_rf={}", options.nodes),
    ];
    java.extend_from_slice(&options.java);
    java
}
