//! Accounts and sessions: a death leaves what there was or what there was to be, and whoever asks again mends it.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use skep_proto::{Code, Contract, Error, Local, mutation, v1::*};
use storage::store::cassandra::Settings;
use tonic::Request;
use uuid::Uuid;

use super::ask_mortal;
use crate::opened::{self, ALONE};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    SignUp,
    /// The name was given up by a deletion that was not finished.
    SignUpAfterHalfADeletion,
    SignIn,
    ChangePassword,
    Disable,
    Delete,
    Extend,
    EndOne,
    EndAll,
}

const ASKS: &[Ask] = &[
    Ask::SignUp,
    Ask::SignUpAfterHalfADeletion,
    Ask::SignIn,
    Ask::ChangePassword,
    Ask::Disable,
    Ask::Delete,
    Ask::Extend,
    Ask::EndOne,
    Ask::EndAll,
];
/// Asked at the same time.
const AT_ONCE: usize = 3;
const OLD: &str = "the old password";
const NEW: &str = "the new password";

/// An account, and a session in which something is asked.
struct Subject {
    ask: Ask,
    login: String,
    account: String,
    session: String,
    mutation_id: String,
}

/// What can be seen of a subject from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    exists: bool,
    /// By which one can sign in.
    password: Option<&'static str>,
    /// For how many days the session was to last when it began, or was extended; `None` if it is over.
    days: Option<i64>,
}

const ABSENT: Seen = Seen { exists: false, password: None, days: None };
const THERE: Seen = Seen { exists: true, password: Some(OLD), days: Some(30) };

impl Subject {
    async fn prepare(settings: &Settings, observer: &dyn Contract, ask: Ask, statements: u32) -> Self {
        let (login, mutation_id) = (format!("{ask:?} {statements} {}", Uuid::new_v4()), mutation::new().to_string());
        let mut subject = Self { ask, login, account: String::new(), session: String::new(), mutation_id };
        match ask {
            Ask::SignUp => return subject,
            Ask::SignUpAfterHalfADeletion => {
                let account = subject.sign_up(observer, "").await.unwrap();
                // Dead after the account was read and marked, before its name is given up.
                let asked = DeleteAccountRequest { name: account };
                let died = ask_mortal(settings, 2, async |replica| {
                    replica.delete_account(Request::new(asked)).await.map(drop)
                });
                assert_eq!(died.await, None, "not half");
                return subject;
            }
            _ => {}
        }
        subject.account = subject.sign_up(observer, "").await.unwrap();
        let session = subject.sign_in(observer, OLD).await.unwrap();
        subject.session = session.name;
        subject
    }

    async fn sign_up(&self, replica: &dyn Contract, mutation_id: &str) -> Result<String, Error> {
        let account = Some(Account { login: self.login.clone(), ..Default::default() });
        let mutation_id = mutation_id.to_owned();
        let asked = CreateAccountRequest { account, password: OLD.into(), mutation_id };
        replica.create_account(Request::new(asked)).await.map(|answer| answer.account.unwrap().name)
    }

    async fn sign_in(&self, replica: &dyn Contract, password: &str) -> Result<Session, Error> {
        let (login, password) = (self.login.clone(), password.to_owned());
        let asked = CreateSessionRequest { login, password, ..Default::default() };
        replica.create_session(Request::new(asked)).await.map(|answer| answer.session.unwrap())
    }

    /// The request, by the same name each time.
    async fn ask(&self, replica: &dyn Contract) -> Result<(), Error> {
        let (name, mutation_id) = (self.account.clone(), self.mutation_id.clone());
        match self.ask {
            Ask::SignUp | Ask::SignUpAfterHalfADeletion => self.sign_up(replica, &mutation_id).await.map(drop),
            Ask::SignIn => self.sign_in(replica, OLD).await.map(drop),
            Ask::ChangePassword => {
                let (current_password, new_password) = (OLD.into(), NEW.into());
                let session = self.session.clone();
                let asked = ChangePasswordRequest { name, current_password, new_password, session, mutation_id };
                replica.change_password(Request::new(asked)).await.map(drop)
            }
            Ask::Disable => {
                let account = Some(Account { name, disabled: true, ..Default::default() });
                let update_mask = Some(prost_types::FieldMask { paths: vec!["disabled".into()] });
                let asked = UpdateAccountRequest { account, update_mask, mutation_id, ..Default::default() };
                replica.update_account(Request::new(asked)).await.map(drop)
            }
            Ask::Delete => replica.delete_account(Request::new(DeleteAccountRequest { name })).await.map(drop),
            Ask::Extend => {
                let lifetime = Some(prost_types::Duration { seconds: 60 * 24 * 60 * 60, nanos: 0 });
                let asked = ExtendSessionRequest { name: self.session.clone(), lifetime };
                replica.extend_session(Request::new(asked)).await.map(drop)
            }
            Ask::EndOne => {
                let asked = DeleteSessionRequest { name: self.session.clone() };
                replica.delete_session(Request::new(asked)).await.map(drop)
            }
            Ask::EndAll => replica.end_sessions(Request::new(EndSessionsRequest { parent: name })).await.map(drop),
        }
    }

    /// What is seen before, and after.
    fn states(&self) -> (Seen, Seen) {
        let out = Seen { days: None, ..THERE };
        match self.ask {
            Ask::SignUp | Ask::SignUpAfterHalfADeletion => (ABSENT, out),
            Ask::SignIn => (THERE, THERE),
            Ask::ChangePassword => (THERE, Seen { password: Some(NEW), ..THERE }),
            Ask::Disable => (THERE, Seen { password: None, ..out }),
            Ask::Delete => (THERE, ABSENT),
            Ask::Extend => (THERE, Seen { days: Some(60), ..THERE }),
            Ask::EndOne | Ask::EndAll => (THERE, out),
        }
    }

    async fn seen(&self, observer: &dyn Contract) -> Seen {
        let known = async |password| match self.sign_in(observer, password).await {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code, Code::InvalidCredentials, "{}: {error}", self.login);
                false
            }
        };
        let (old, new) = (known(OLD).await, known(NEW).await);
        assert!(!old || !new, "{}", self.login);
        let asked = GetSessionRequest { name: self.session.clone() };
        let session = match observer.get_session(Request::new(asked)).await {
            Ok(answer) => answer.session,
            Err(error) => {
                assert!(matches!(error.code, Code::SessionNotFound | Code::InvalidArgument), "{error}");
                None
            }
        };
        let lasts = |session: Session| {
            let [created, expires] = [session.create_time, session.expire_time].map(|time| time.unwrap().seconds);
            (expires - created) / (24 * 60 * 60)
        };
        let exists = match &*self.account {
            "" => old,
            name => observer.get_account(Request::new(GetAccountRequest { name: name.into() })).await.is_ok(),
        };
        let password = if old { Some(OLD) } else { new.then_some(NEW) };
        Seen { exists, password, days: session.map(lasts) }
    }
}

/// Whether the operation was through before the replica died.
async fn try_one(settings: &Settings, observer: &dyn Contract, ask: Ask, statements: u32) -> bool {
    let what = format!("{ask:?}, dead after {statements}");
    let subject = Subject::prepare(settings, observer, ask, statements).await;
    let (before, after) = subject.states();
    assert_eq!(subject.seen(observer).await, before, "{what}: at first");
    let answer = ask_mortal(settings, statements, async |replica| subject.ask(replica).await).await;
    let found = subject.seen(observer).await;
    assert!(found == before || found == after, "{what}: {found:?}");
    assert_eq!(answer.clone().transpose().err(), None, "{what}");
    assert!(answer.is_none() || found == after, "{what}: acknowledged, and {found:?}");
    subject.ask(observer).await.unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!(subject.seen(observer).await, after, "{what}, again");
    if after == ABSENT {
        subject.sign_up(observer, "").await.unwrap_or_else(|error| panic!("{what}: its name is not free: {error}"));
    }
    answer.is_some()
}

/// Another signs up by the name of one who died over it: one of them has it then, and the other is told so.
async fn overtake(settings: &Settings, observer: &dyn Contract, ask: Ask, statements: u32) {
    let what = format!("{ask:?}, dead after {statements}, then overtaken");
    let subject = Subject::prepare(settings, observer, ask, statements).await;
    ask_mortal(settings, statements, async |replica| subject.ask(replica).await).await;
    let other = subject.sign_up(observer, "").await.map_err(|error| error.code);
    let late = subject.ask(observer).await.map_err(|error| error.code);
    match (other, late) {
        (Ok(_), Err(Code::AccountExists)) | (Err(Code::AccountExists), Ok(())) => {}
        both => panic!("{what}: {both:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_or_session_whose_replica_dies_before_any_statement_is_in_one_state_or_the_other() {
    let _guard = ALONE.read().await;
    let settings = &opened::shared_settings().await;
    let observer = &(Arc::new(Local::new(opened::shared().await)) as Arc<dyn Contract>);
    let operations = ASKS.iter().map(async |&ask| {
        for statements in 0.. {
            if matches!(ask, Ask::SignUp | Ask::SignUpAfterHalfADeletion) {
                overtake(settings, &**observer, ask, statements).await;
            }
            if try_one(settings, &**observer, ask, statements).await {
                assert!(statements > 1, "{ask:?}");
                return eprintln!("{ask:?}: {statements} statements");
            }
        }
    });
    stream::iter(operations).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
