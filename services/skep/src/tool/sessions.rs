//! `skep sessions`

use anyhow::Context;
use clap::{Arg, ArgMatches, Command};
use kit::Job;
use serde::Serialize;
use skep_proto::v1::{DeleteSessionRequest, EndSessionsRequest, ListSessionsRequest, Session};

use super::{
    accounts::{ACCOUNT, find},
    archive::last,
    output::{explained, line},
    storage::{Access, Storage},
    tell,
};

const SESSION: &str = "SESSION";
const PAGE: i32 = 1000;

pub(super) const JOB: Job = Job {
    name: "sessions",
    about: "Lists where an account is signed in, and signs it out",
    settings: Access::settings,
    shape,
    begin: |values, matches| {
        let (access, matches) = (Access::read(values), matches.clone());
        Box::pin(async move { run(&access.connect()?, &matches).await.map_err(explained) })
    },
};

fn shape(command: Command) -> Command {
    let account = Arg::new(ACCOUNT).required(true);
    let list = Command::new("list").about("Prints the sessions of an account, a line each").arg(account.clone());
    let revoke = Command::new("revoke")
        .about("Ends a session of an account, or all")
        .arg(account)
        .arg(Arg::new(SESSION).help("the id of a session [default: all]"));
    command
        .subcommand_required(true)
        .subcommand(list)
        .subcommand(revoke)
        .after_help("Examples:\n  skep sessions list Ann\n  skep sessions revoke Ann")
}

/// A session as REST shows it, but that none is the operator's.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    created_at: String,
    expires_at: String,
    user_agent: Option<&'a str>,
}

async fn run(storage: &Storage, matches: &ArgMatches) -> anyhow::Result<()> {
    let (what, matches) = matches.subcommand().context("no command was given")?;
    let account = find(storage, matches).await?;
    if what == "list" {
        return list(storage, account.name).await;
    }
    if let Some(session) = matches.get_one::<String>(SESSION) {
        let asked = DeleteSessionRequest { name: format!("{}/sessions/{session}", account.name) };
        storage.ask(asked, |contract, request| contract.delete_session(request)).await?;
        tell(format_args!("the session of {} is ended", account.login));
    } else {
        let asked = EndSessionsRequest { parent: account.name };
        storage.ask(asked, |contract, request| contract.end_sessions(request)).await?;
        tell(format_args!("every session of {} is ended", account.login));
    }
    Ok(())
}

async fn list(storage: &Storage, parent: String) -> anyhow::Result<()> {
    let mut asked = ListSessionsRequest { parent, page_size: PAGE, page_token: String::new() };
    loop {
        let page = storage.ask(asked.clone(), |contract, request| contract.list_sessions(request)).await?;
        for session in &page.sessions {
            line(serde_json::to_vec(&shown(session)?)?)?;
        }
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            return Ok(());
        }
    }
}

fn shown(session: &Session) -> anyhow::Result<Shown<'_>> {
    Ok(Shown {
        id: last(&session.name),
        created_at: gate::time(session.create_time.as_ref())?,
        expires_at: gate::time(session.expire_time.as_ref())?,
        user_agent: Some(&*session.user_agent).filter(|agent| !agent.is_empty()),
    })
}
