//! Accounts and sessions when a replica stops before a statement and goes on later, and their rows themselves.

use std::time::Duration;

use integration::eventually;
use skep_proto::{Code, Contract, Error, mutation, v1::*};
use storage::store::{
    AccountStore, Session as Row, Stage, Store, Swap,
    cassandra::{Cassandra, Lifetime},
};
use tonic::Request;
use uuid::Uuid;

use crate::{
    late::Two,
    opened::{self, ALONE},
};

const PASSWORD: &str = "the old password";
const DAY: i64 = 24 * 60 * 60;

async fn sign_up(replica: &dyn Contract) -> Account {
    let account = Some(Account { login: Uuid::new_v4().to_string(), ..Default::default() });
    let asked = CreateAccountRequest { account, password: PASSWORD.into(), ..Default::default() };
    replica.create_account(Request::new(asked)).await.unwrap().account.unwrap()
}

async fn sign_in(replica: &dyn Contract, account: &Account) -> Session {
    let (login, password) = (account.login.clone(), PASSWORD.to_owned());
    let asked = CreateSessionRequest { login, password, ..Default::default() };
    replica.create_session(Request::new(asked)).await.unwrap().session.unwrap()
}

async fn extend(replica: &dyn Contract, session: &Session, days: i64) -> Result<(), Code> {
    let lifetime = Some(prost_types::Duration { seconds: days * DAY, nanos: 0 });
    let asked = ExtendSessionRequest { name: session.name.clone(), lifetime };
    replica.extend_session(Request::new(asked)).await.map(drop).map_err(|error| error.code)
}

async fn end(replica: &dyn Contract, session: &Session) {
    let asked = DeleteSessionRequest { name: session.name.clone() };
    replica.delete_session(Request::new(asked)).await.unwrap();
}

async fn change_password(replica: &dyn Contract, account: &Account, session: &Session) -> Result<(), Error> {
    let asked = ChangePasswordRequest {
        name: account.name.clone(),
        current_password: PASSWORD.into(),
        new_password: "the new password".into(),
        session: session.name.clone(),
        ..Default::default()
    };
    replica.change_password(Request::new(asked)).await.map(drop)
}

async fn in_force(replica: &dyn Contract, session: &Session) -> bool {
    replica.get_session(Request::new(GetSessionRequest { name: session.name.clone() })).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_late_brings_no_session_back() {
    let _guard = ALONE.read().await;
    let two = Two::open().await;
    let account = sign_up(&*two.other).await;

    // An extension, stopped before its write; the session is ended meanwhile by who knew of a shorter life.
    let session = sign_in(&*two.other, &account).await;
    let extended = two.stop(1, async |slow| extend(&**slow, &session, 400).await, end(&*two.other, &session)).await;
    assert_eq!((extended, in_force(&*two.other, &session).await), (Err(Code::SessionNotFound), false));

    // An end, stopped before its write; the session is extended meanwhile.
    let session = sign_in(&*two.other, &account).await;
    let extending = async { extend(&*two.other, &session, 400).await.unwrap() };
    two.stop(1, async |slow| end(&**slow, &session).await, extending).await;
    assert!(!in_force(&*two.other, &session).await);

    // A change of the password that spares a session, stopped before it is decided; all sessions are ended meanwhile.
    let session = sign_in(&*two.other, &account).await;
    let ending = async {
        let asked = EndSessionsRequest { parent: account.name.clone() };
        two.other.end_sessions(Request::new(asked)).await.unwrap();
    };
    two.stop(2, async |slow| change_password(&**slow, &account, &session).await, ending).await.unwrap();
    assert!(!in_force(&*two.other, &session).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_one_accounts_however_late_another_comes() {
    let _guard = ALONE.read().await;
    let two = Two::open().await;
    let sign_up = async |replica: &dyn Contract, login: &str| {
        let account = Some(Account { login: login.to_owned(), ..Default::default() });
        let asked = CreateAccountRequest { account, password: PASSWORD.into(), ..Default::default() };
        replica.create_account(Request::new(asked)).await.map(drop).map_err(|error| error.code)
    };
    // Before the name is looked up, looked up again, the account is written, the name is claimed.
    for statements in 1..5 {
        let login = Uuid::new_v4().to_string();
        let meanwhile = async { sign_up(&*two.other, &login).await.unwrap() };
        let late = two.stop(statements, async |slow| sign_up(&**slow, &login).await, meanwhile).await;
        assert_eq!(late, Err(Code::AccountExists), "before statement {statements}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_while_the_password_changes_is_out_as_they_come_in() {
    let _guard = ALONE.read().await;
    let two = Two::open().await;
    let account = sign_up(&*two.other).await;
    let spared = sign_in(&*two.other, &account).await;
    let changing = async { change_password(&*two.other, &account, &spared).await.unwrap() };
    let late = two.stop(2, async |slow| sign_in(&**slow, &account).await, changing).await;
    assert!(!in_force(&*two.other, &late).await && in_force(&*two.other, &spared).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_session_stand_by_their_stage_whatever_their_order() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let store = Cassandra::open_for(opened::shared_settings().await, Lifetime::default())?;
    eventually("storage is ready", Duration::from_mins(1), async || store.ready().await.ok()).await?;
    let account = sign_up(&*Two::open().await.other).await;
    let account = Uuid::parse_str(account.name.trim_start_matches("accounts/"))?;
    let epoch = store.account(account).await?.expect("an account").epoch;
    let (id, now) = (Uuid::new_v4(), mutation::now());
    let at = |stage, days: i64| Row {
        stage,
        epoch,
        created_at: now,
        expires_at: now + days * DAY * 1_000_000,
        user_agent: "bee".into(),
    };
    let stored = async || anyhow::Ok(store.session(account, id).await?.map(|(_, session)| session));
    let begun = at(Stage::Begun, 30);
    for (written, expected) in [
        (begun.clone(), begun.clone()),
        (at(Stage::Extended, 90), at(Stage::Extended, 90)),
        // Late, and with a shorter life.
        (at(Stage::Extended, 60), at(Stage::Extended, 90)),
        (begun.clone(), at(Stage::Extended, 90)),
        (begun.clone().ended(now), begun.clone().ended(now)),
        (at(Stage::Extended, 400), begun.clone().ended(now)),
        (begun.clone(), begun.clone().ended(now)),
    ] {
        store.write_session(account, id, written).await?;
        assert_eq!(stored().await?, Some(expected.clone()));
        assert_eq!(store.sessions(account, None, 1).await?, [(id, expected)]);
    }
    // What is written of an account in the same partition leaves its sessions alone, and they leave it alone.
    let before = store.account(account).await?.expect("an account");
    let (expected, next) = (before.mutation(), before.ending_sessions(Some(id)).then(mutation::new(), mutation::now()));
    let (swapped, written) = tokio::join!(
        store.swap_account(Some(expected), next.clone()),
        store.write_session(account, Uuid::new_v4(), begun.clone())
    );
    written?;
    assert!(matches!(swapped?, Swap::Applied));
    assert_eq!(store.account(account).await?.map(|account| account.epoch), Some(next.epoch));
    assert_eq!((stored().await?, store.sessions(account, None, 10).await?.len()), (Some(begun.ended(now)), 2));
    assert!(store.session(account, Uuid::new_v4()).await?.is_none());
    assert!(store.session(Uuid::now_v7(), id).await?.is_none(), "of no account");
    Ok(())
}
