use std::{collections::BTreeSet, time::Duration};

use prost_types::Timestamp;
use skep_proto::{Token, mutation};

use super::{accounts::PASSWORD, *};

const DAY: i64 = 24 * 60 * 60;

impl House {
    pub(super) async fn sign_in(&self, who: &str, password: &str) -> Result<CreateSessionResponse, Error> {
        self.ask_session(CreateSessionRequest {
            login: self.login(who),
            password: password.into(),
            ..Default::default()
        })
        .await
    }

    async fn ask_session(&self, asked: CreateSessionRequest) -> Result<CreateSessionResponse, Error> {
        self.contract.create_session(Request::new(asked)).await
    }

    /// A session in force.
    async fn signed_in(&self, who: &str) -> Session {
        self.sign_in(who, PASSWORD).await.expect("a session").session.expect("a session in the answer")
    }

    pub(super) async fn session(&self, name: &str) -> Answer<GetSessionResponse> {
        self.contract.get_session(Request::new(GetSessionRequest { name: name.into() })).await.map_err(code)
    }

    async fn extend(&self, name: &str, seconds: i64) -> Answer<Session> {
        let asked = ExtendSessionRequest { name: name.into(), lifetime: lifetime(seconds) };
        let answer = self.contract.extend_session(Request::new(asked)).await.map_err(code)?;
        Ok(answer.session.expect("a session in the answer"))
    }

    async fn end(&self, name: &str) -> Answer<()> {
        let asked = DeleteSessionRequest { name: name.into() };
        self.contract.delete_session(Request::new(asked)).await.map(drop).map_err(code)
    }

    async fn end_all(&self, account: &str) -> Answer<()> {
        let asked = EndSessionsRequest { parent: account.into() };
        self.contract.end_sessions(Request::new(asked)).await.map(drop).map_err(code)
    }

    async fn change_password(&self, asked: ChangePasswordRequest) -> Result<(), Error> {
        self.contract.change_password(Request::new(asked)).await.map(drop)
    }

    /// The names of an account's sessions, page by page.
    async fn sessions(&self, account: &str, page_size: i32) -> Vec<String> {
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let asked = ListSessionsRequest { parent: account.into(), page_size, page_token };
            let page = self.contract.list_sessions(Request::new(asked)).await.expect("a page");
            assert!(page.sessions.len() <= usize::try_from(page_size).unwrap());
            names.extend(page.sessions.into_iter().map(|session| session.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return names;
            }
        }
    }

    /// Asserts which of these sessions are in force.
    async fn assert_in_force(&self, sessions: &[(&Session, bool)]) {
        for (session, expected) in sessions {
            assert_eq!(self.session(&session.name).await.is_ok(), *expected, "{}", session.name);
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "stands where a message has a field")]
fn lifetime(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn seconds(time: Option<&Timestamp>) -> i64 {
    time.expect("a time").seconds
}

fn changing(account: &Account, session: &str) -> ChangePasswordRequest {
    ChangePasswordRequest {
        name: account.name.clone(),
        current_password: PASSWORD.into(),
        new_password: "another one".into(),
        session: session.into(),
        ..Default::default()
    }
}

pub async fn is_signed_in_read_and_ended(house: House) {
    let account = house.sign_up("ann").await;
    let asked = CreateSessionRequest {
        login: house.login("ANN"),
        password: PASSWORD.into(),
        user_agent: "é".repeat(200),
        ..Default::default()
    };
    let asked = CreateSessionRequest { secret: vec![7; 32].into(), ..asked };
    let first = house.ask_session(asked.clone()).await.unwrap();
    let answer = house.ask_session(asked.clone()).await.unwrap();
    assert_eq!(first.token, answer.token, "a repeated attempt");
    let wrong = CreateSessionRequest { secret: vec![7; 31].into(), ..asked };
    assert_eq!(house.ask_session(wrong).await.unwrap_err().code, Code::InvalidArgument);
    let session = answer.session.unwrap();
    let token = Token::parse(&answer.token).expect("a token");
    assert_eq!((answer.account.as_ref(), &session.name), (Some(&account), &token.name()));
    let lasts = seconds(session.expire_time.as_ref()) - seconds(session.create_time.as_ref());
    assert_eq!((lasts, session.user_agent.len()), (30 * DAY, 256));
    let read = house.session(&session.name).await.unwrap();
    assert_eq!((read.session.as_ref(), read.account), (Some(&session), Some(account.clone())));
    let other = house.signed_in("ann").await;
    assert_ne!(other.name, session.name);

    house.end(&session.name).await.unwrap();
    house.assert_in_force(&[(&session, false), (&other, true)]).await;
    assert_eq!(house.session(&session.name).await, Err(Code::SessionNotFound));
    house.end(&session.name).await.expect("again, quietly");
    assert_eq!(house.extend(&session.name, 60).await, Err(Code::SessionNotFound));
    let unknown = format!("{}/sessions/{}", account.name, Uuid::new_v4());
    house.end(&unknown).await.expect("quietly");
    assert_eq!(house.session(&unknown).await, Err(Code::SessionNotFound));
    let elsewhere = other.name.replace(&account.name, &format!("accounts/{}", Uuid::now_v7()));
    assert_eq!(house.session(&elsewhere).await, Err(Code::SessionNotFound));
}

pub async fn sees_its_account_as_it_is(house: House) {
    let account = house.sign_up("ann").await;
    let session = house.signed_in("ann").await;
    let roles = vec!["admin".to_owned()];
    let changed = house.change(Account { roles, ..account }, &["roles"], "").await.unwrap();
    assert_eq!(house.session(&session.name).await.unwrap().account, Some(changed));
}

pub async fn a_changed_password_ends_the_others_and_spares_one(house: House) {
    let account = house.sign_up("ann").await;
    let (mine, other) = (house.signed_in("ann").await, house.signed_in("ann").await);
    for wrong in ["", "wrong password"] {
        let asked = ChangePasswordRequest { current_password: wrong.into(), ..changing(&account, &mine.name) };
        assert_eq!(house.change_password(asked).await.map_err(code), Err(Code::InvalidCredentials));
    }
    let short = ChangePasswordRequest { new_password: "short".into(), ..changing(&account, &mine.name) };
    let refused = house.change_password(short).await.unwrap_err();
    assert_eq!((refused.code, &*refused.violations[0].pointer), (Code::InvalidBody, "/new_password"));
    house.assert_in_force(&[(&mine, true), (&other, true)]).await;

    let mutation_id = mutation::new().to_string();
    let asked = ChangePasswordRequest { mutation_id, ..changing(&account, &mine.name) };
    house.change_password(asked.clone()).await.unwrap();
    house.assert_in_force(&[(&mine, true), (&other, false)]).await;
    assert_eq!(house.sign_in("ann", PASSWORD).await.map_err(code), Err(Code::InvalidCredentials));
    let later = house.sign_in("ann", "another one").await.unwrap().session.unwrap();
    house.change_password(asked).await.expect("repeated, it is the same change");
    house.assert_in_force(&[(&mine, true), (&later, true), (&other, false)]).await;
    house.extend(&mine.name, 60 * DAY).await.expect("spared, it goes on like another");

    // The next change spares another, and none.
    let again = |session: &str, from: &str, to: &str| ChangePasswordRequest {
        current_password: from.into(),
        new_password: to.into(),
        ..changing(&account, session)
    };
    house.change_password(again(&mine.name, "another one", "a third one")).await.unwrap();
    house.assert_in_force(&[(&mine, true), (&later, false)]).await;
    house.change_password(again("", "a third one", "a fourth one")).await.unwrap();
    house.assert_in_force(&[(&mine, false), (&later, false)]).await;
    let nobody = ChangePasswordRequest { name: format!("accounts/{}", Uuid::now_v7()), ..changing(&account, "") };
    assert_eq!(house.change_password(nobody).await.map_err(code), Err(Code::AccountNotFound));
}

pub async fn a_session_that_is_over_is_not_spared(house: House) {
    let account = house.sign_up("ann").await;
    let (first, second) = (house.signed_in("ann").await, house.signed_in("ann").await);
    house.end(&first.name).await.unwrap();
    house.change_password(changing(&account, &first.name)).await.unwrap();
    house.assert_in_force(&[(&first, false), (&second, false)]).await;
    let bob = house.sign_up("bob").await;
    let bobs = house.signed_in("bob").await;
    house.end_all(&bob.name).await.unwrap();
    house.change_password(changing(&bob, &bobs.name)).await.unwrap();
    house.assert_in_force(&[(&bobs, false)]).await;
    let refused = house.change_password(changing(&bob, &first.name)).await.map_err(code);
    assert_eq!(refused, Err(Code::InvalidArgument), "of another account");
}

pub async fn ends_with_what_ends_its_account(house: House) {
    let account = house.sign_up("ann").await;
    let before = house.signed_in("ann").await;
    house.end_all(&account.name).await.unwrap();
    let after = house.signed_in("ann").await;
    house.assert_in_force(&[(&before, false), (&after, true)]).await;

    house.change(account.clone(), &["password"], PASSWORD).await.unwrap();
    let reset = house.signed_in("ann").await;
    house.assert_in_force(&[(&after, false), (&reset, true)]).await;
    house.change(Account { disabled: true, ..account.clone() }, &["disabled"], "").await.unwrap();
    house.assert_in_force(&[(&reset, false)]).await;
    house.change(Account { disabled: false, ..account.clone() }, &["disabled"], "").await.unwrap();
    house.assert_in_force(&[(&reset, false)]).await;
    let last = house.signed_in("ann").await;
    house.delete_account(&account.name).await.unwrap();
    house.assert_in_force(&[(&last, false)]).await;
    assert_eq!(house.end_all(&account.name).await, Err(Code::AccountNotFound));
    house.end(&last.name).await.expect("quietly");
}

pub async fn ends_in_time_and_is_extended(house: House) {
    let account = house.sign_up("ann").await;
    let asked = CreateSessionRequest {
        login: house.login("ann"),
        password: PASSWORD.into(),
        lifetime: lifetime(2),
        ..Default::default()
    };
    let short = house.ask_session(asked.clone()).await.unwrap().session.unwrap();
    let longer = house.ask_session(asked).await.unwrap().session.unwrap();
    let extended = house.extend(&longer.name, 90 * DAY).await.unwrap();
    let lasts = seconds(extended.expire_time.as_ref()) - seconds(longer.create_time.as_ref());
    assert!((90 * DAY..=90 * DAY + 60).contains(&lasts), "{lasts}");
    assert_eq!(house.extend(&longer.name, 60).await.as_ref(), Ok(&extended), "never shorter");
    let gone = async || {
        while house.session(&short.name).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone()).await.expect("it expires");
    assert_eq!(house.extend(&short.name, 60).await, Err(Code::SessionNotFound));
    assert_eq!(house.session(&longer.name).await.unwrap().session, Some(extended));
    assert_eq!(house.sessions(&account.name, 30).await, [longer.name.as_str()]);
    house.end(&longer.name).await.unwrap();
    assert_eq!(house.extend(&longer.name, 400 * DAY).await, Err(Code::SessionNotFound));
    house.assert_in_force(&[(&longer, false)]).await;
}

pub async fn is_listed_in_pages_of_those_in_force(house: House) {
    let account = house.sign_up("ann").await;
    assert!(house.sessions(&account.name, 2).await.is_empty());
    let mut mine = BTreeSet::new();
    for number in 0..7 {
        let session = house.signed_in("ann").await;
        if number % 2 == 0 {
            house.extend(&session.name, 60 * DAY).await.unwrap();
        }
        if number > 4 {
            house.end(&session.name).await.unwrap();
        } else {
            mine.insert(session.name);
        }
    }
    house.sign_up("bob").await;
    house.signed_in("bob").await;
    for size in [1, 2, 5, 1000] {
        let names = house.sessions(&account.name, size).await;
        assert_eq!((names.len(), names.into_iter().collect::<BTreeSet<_>>()), (5, mine.clone()), "in pages of {size}");
    }
    house.end_all(&account.name).await.unwrap();
    assert!(house.sessions(&account.name, 2).await.is_empty());
    let asked = ListSessionsRequest { parent: format!("accounts/{}", Uuid::now_v7()), ..Default::default() };
    assert_eq!(house.contract.list_sessions(Request::new(asked)).await.map_err(code), Err(Code::AccountNotFound));
}

pub async fn refuses_what_is_not_of_its_form(house: House) {
    let account = house.sign_up("ann").await;
    let session = house.signed_in("ann").await;
    for name in ["", &account.name, "sessions/x", &session.name.to_uppercase(), &format!("{}/", session.name)] {
        assert_eq!(house.session(name).await, Err(Code::InvalidArgument), "{name}");
        assert_eq!(house.end(name).await, Err(Code::InvalidArgument), "{name}");
        assert_eq!(house.extend(name, 60).await, Err(Code::InvalidArgument), "{name}");
        assert_eq!(house.end_all(name).await.is_ok(), name == account.name, "{name}");
    }
    let session = house.signed_in("ann").await;
    for seconds in [0, -1, 400 * DAY + 1, i64::MAX, i64::MIN] {
        assert_eq!(house.extend(&session.name, seconds).await, Err(Code::InvalidArgument), "{seconds}");
        let asked = CreateSessionRequest { lifetime: lifetime(seconds), ..Default::default() };
        assert_eq!(house.ask_session(asked).await.map_err(code), Err(Code::InvalidArgument), "{seconds}");
    }
    for (page_size, page_token, expected) in [(-1, "", Code::InvalidArgument), (1, "bee", Code::InvalidPageToken)] {
        let asked = ListSessionsRequest { parent: account.name.clone(), page_size, page_token: page_token.into() };
        assert_eq!(house.contract.list_sessions(Request::new(asked)).await.map_err(code), Err(expected));
    }
}

pub async fn racing_ends_and_extensions_leave_it_over(house: House) {
    house.sign_up("ann").await;
    for round in 0..5 {
        let session = house.signed_in("ann").await;
        let extending: Vec<_> = (0..4)
            .map(|number| {
                let (house, name) = (house.clone(), session.name.clone());
                tokio::spawn(async move { house.extend(&name, (60 + number) * DAY).await })
            })
            .collect();
        house.end(&session.name).await.unwrap();
        for extension in extending {
            if let Err(code) = extension.await.unwrap() {
                assert_eq!(code, Code::SessionNotFound);
            }
        }
        assert_eq!(house.session(&session.name).await, Err(Code::SessionNotFound), "round {round}");
    }
}
