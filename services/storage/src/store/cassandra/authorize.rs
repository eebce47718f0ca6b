//! Cassandra's users: a superuser whose password nobody else knows, and storage's own, with rights in its keyspace alone.

use std::time::Duration;

use anyhow::Context;
use kit::{
    Secret,
    config::{Setting, Values},
};

use super::{
    schema,
    session::{Link, tls},
    settings::{SETTINGS, Settings},
};

const CASSANDRA_SUPERUSER_PASSWORD: Setting = Setting::new(
    "CASSANDRA_SUPERUSER_PASSWORD",
    "the password of Cassandra's superuser skep_admin; in lines below it those that it had before",
)
.secret();
const SUPERUSER: &str = "skep_admin";
/// Whom Cassandra makes on an empty cluster, with this password.
const FIRST: &str = "cassandra";
/// What storage does in its keyspace.
const RIGHTS: [&str; 4] = ["CREATE", "ALTER", "SELECT", "MODIFY"];
/// For so long a node may remember the password that was before (`credentials_validity`, and some).
const REMEMBERED: Duration = Duration::from_secs(10);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Gives Cassandra's users their passwords and rights. It may be run again, and be killed at any time.
///
/// The superuser `skep_admin` takes the place of Cassandra's first one, which can sign in no more; the user of the settings can
/// use their keyspace, which is made, and nothing else.
#[derive(Debug)]
pub struct Authorize {
    cluster: Option<Settings>,
    /// The newest first.
    passwords: Vec<Secret>,
}

impl Authorize {
    /// What [`read`](Self::read) reads.
    pub fn settings() -> Vec<Setting> {
        SETTINGS.into_iter().chain([CASSANDRA_SUPERUSER_PASSWORD]).collect()
    }

    /// What `values` say.
    pub fn read(values: &mut Values) -> Self {
        let cluster = Settings::read(values);
        match &cluster {
            None => values.fault("CASSANDRA_HOSTS", "is needed: name the nodes as host:port,host:port."),
            Some(Settings { user: Some((name, _)), .. }) if [SUPERUSER, FIRST].contains(&name.as_str()) => {
                values.fault("CASSANDRA_USERNAME", format!("is {name}, a superuser. Give storage a user of its own."));
            }
            Some(Settings { user: None, .. }) => {
                values
                    .fault("CASSANDRA_USERNAME", "and CASSANDRA_PASSWORD are needed: the user that storage is to be.");
            }
            Some(_) => (),
        }
        let text: Option<String> = values.get(&CASSANDRA_SUPERUSER_PASSWORD);
        if text.is_none() {
            values.fault("CASSANDRA_SUPERUSER_PASSWORD", "is needed: give the password that skep_admin is to have.");
        }
        let lines = text.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty());
        Self { passwords: lines.map(|line| line.to_owned().into()).collect(), cluster }
    }

    /// Does it.
    ///
    /// # Errors
    /// When no node is reached, none of the passwords is right, or a statement fails.
    pub async fn run(self) -> anyhow::Result<()> {
        let cluster = self.cluster.context("no cluster")?;
        let link = superuser(&cluster, &self.passwords).await?;
        link.query(format!("ALTER ROLE IF EXISTS {FIRST} WITH SUPERUSER = false AND LOGIN = false"), ()).await?;
        schema::make_keyspace(&link, &cluster).await?;
        let (name, password) = cluster.user.as_ref().context("no user")?;
        give(&link, &cluster, name, password, "").await?;
        let user = quoted(name);
        for right in RIGHTS {
            link.query(format!("GRANT {right} ON KEYSPACE {} TO {user}", cluster.keyspace), ()).await?;
        }
        Ok(())
    }
}

/// Signs in as `skep_admin` with the newest of its passwords; before, if need be, gives it that by a former one, or makes it
/// in the name of Cassandra's first superuser.
async fn superuser(cluster: &Settings, passwords: &[Secret]) -> anyhow::Result<Link> {
    let (newest, former) = passwords.split_first().context("no password")?;
    let refused = match sign_in(cluster, SUPERUSER, newest).await {
        Ok(link) => return Ok(link),
        Err(error) => error,
    };
    let first = Secret::from(FIRST.to_owned());
    for (name, password) in former.iter().map(|password| (SUPERUSER, password)).chain([(FIRST, &first)]) {
        if let Ok(link) = sign_in(cluster, name, password).await {
            give(&link, cluster, SUPERUSER, newest, "SUPERUSER = true AND ").await?;
            let until = tokio::time::Instant::now() + REMEMBERED;
            loop {
                match sign_in(cluster, SUPERUSER, newest).await {
                    Err(_) if tokio::time::Instant::now() < until => tokio::time::sleep(BETWEEN_TRIES).await,
                    done => return done,
                }
            }
        }
    }
    Err(refused.context("cannot sign in as Cassandra's superuser, by none of its passwords"))
}

async fn sign_in(cluster: &Settings, name: &str, password: &Secret) -> anyhow::Result<Link> {
    let settings = Settings { user: Some((name.to_owned(), password.clone())), ..cluster.clone() };
    Link::connect(&settings, tls(&settings)?).await
}

/// Gives a user that password, or makes it; `rank` is what it is made as. Where it has the password nothing is changed: Cassandra
/// refuses to change one twice within seconds.
async fn give(link: &Link, cluster: &Settings, name: &str, password: &Secret, rank: &str) -> anyhow::Result<()> {
    if sign_in(cluster, name, password).await.is_ok() {
        return Ok(());
    }
    let found = link.query("SELECT role FROM system_auth.roles WHERE role = ?", (name,)).await?.into_rows_result()?;
    let (verb, rank) = if found.rows_num() == 0 { ("CREATE", rank) } else { ("ALTER", "") };
    let (name, password) = (quoted(name), password.expose().replace('\'', "''"));
    link.query(format!("{verb} ROLE {name} WITH {rank}LOGIN = true AND PASSWORD = '{password}'"), ()).await?;
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
