use std::collections::BTreeSet;

use prost_types::FieldMask;
use skep_proto::mutation;

use super::*;

pub(super) const PASSWORD: &str = "correct horse";

impl House {
    /// A name that no other test has.
    pub(super) fn login(&self, who: &str) -> String {
        format!("{who} {}", &self.name[self.name.len() - 32..])
    }

    pub(super) async fn sign_up(&self, who: &str) -> Account {
        self.ask_account(new(&self.login(who))).await.expect("an account")
    }

    async fn ask_account(&self, asked: CreateAccountRequest) -> Result<Account, Error> {
        Ok(self.contract.create_account(Request::new(asked)).await?.account.expect("an account in the answer"))
    }

    pub(super) async fn account(&self, name: &str) -> Answer<Account> {
        let asked = GetAccountRequest { name: name.into() };
        self.contract.get_account(Request::new(asked)).await.map(|answer| answer.account.unwrap()).map_err(code)
    }

    pub(super) async fn change(&self, account: Account, paths: &[&str], password: &str) -> Result<Account, Error> {
        self.ask_change(UpdateAccountRequest {
            account: Some(account),
            update_mask: Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() }),
            password: password.into(),
            ..Default::default()
        })
        .await
    }

    async fn ask_change(&self, asked: UpdateAccountRequest) -> Result<Account, Error> {
        Ok(self.contract.update_account(Request::new(asked)).await?.account.expect("an account in the answer"))
    }

    pub(super) async fn delete_account(&self, name: &str) -> Answer<()> {
        let asked = DeleteAccountRequest { name: name.into() };
        self.contract.delete_account(Request::new(asked)).await.map(drop).map_err(code)
    }
}

fn new(login: &str) -> CreateAccountRequest {
    let account = Some(Account { login: login.into(), ..Default::default() });
    CreateAccountRequest { account, password: PASSWORD.into(), ..Default::default() }
}

fn places(error: &Error) -> Vec<&str> {
    error.violations.iter().map(|violation| violation.pointer.as_str()).collect()
}

pub async fn is_signed_up_read_and_deleted(house: House) {
    let account = house.sign_up("Ann").await;
    assert_eq!((&account.login, account.disabled, account.roles.len()), (&house.login("Ann"), false, 0));
    assert!(account.create_time.is_some() && account.update_time == account.create_time);
    assert_eq!(house.account(&account.name).await, Ok(account.clone()));
    house.delete_account(&account.name).await.unwrap();
    assert_eq!(house.account(&account.name).await, Err(Code::AccountNotFound));
    house.delete_account(&account.name).await.expect("again, quietly");
    let nobody = format!("accounts/{}", Uuid::now_v7());
    assert_eq!(house.account(&nobody).await, Err(Code::AccountNotFound));
    assert_eq!(house.delete_account(&nobody).await, Err(Code::AccountNotFound));
    let change = Account { name: account.name, disabled: true, ..Default::default() };
    assert_eq!(house.change(change, &["disabled"], "").await.map_err(code), Err(Code::AccountNotFound));
}

pub async fn takes_a_name_once_however_it_is_written(house: House) {
    let account = house.sign_up("Zo\u{eb} Straße").await;
    for same in ["zoe\u{308} STRASSE", "ZO\u{cb} straße", "Ｚo\u{eb} Straße"] {
        let refused = house.ask_account(new(&house.login(same))).await.unwrap_err();
        assert_eq!((refused.code, places(&refused)), (Code::AccountExists, vec!["/name"]), "{same}");
    }
    house.sign_up("Zoe Straße").await;
    assert_eq!(house.account(&account.name).await.unwrap().login, account.login, "as it was written");
}

pub async fn is_made_by_one_of_many_who_sign_up(house: House) {
    let racers = (0..8).map(|number| {
        let house = house.clone();
        let login = house.login(if number % 2 == 0 { "racer" } else { "RACER" });
        tokio::spawn(async move { house.ask_account(new(&login)).await.map_err(code) })
    });
    let mut answers = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        answers.push(racer.await.unwrap());
    }
    let winners: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Code::AccountExists)).count(), 7, "{answers:?}");
    let signed_in = house.sign_in("racer", PASSWORD).await.unwrap();
    assert_eq!(signed_in.account.as_ref(), Some(winners[0]));
}

pub async fn a_sign_up_repeated_is_the_same_account(house: House) {
    let id = mutation::new();
    let asked = CreateAccountRequest { mutation_id: id.to_string(), ..new(&house.login("ann")) };
    let repeated = (0..4).map(|_| {
        let (house, asked) = (house.clone(), asked.clone());
        tokio::spawn(async move { house.ask_account(asked).await.expect("an account") })
    });
    let mut made = Vec::new();
    for one in repeated.collect::<Vec<_>>() {
        made.push(one.await.unwrap());
    }
    assert!(made.iter().all(|account| *account == made[0]), "{made:?}");
    assert_eq!(made[0].name, format!("accounts/{id}"));
    let other = CreateAccountRequest { mutation_id: String::new(), ..asked.clone() };
    assert_eq!(house.ask_account(other).await.map_err(code), Err(Code::AccountExists));
    house.delete_account(&made[0].name).await.unwrap();
    assert_eq!(house.ask_account(asked).await.map_err(code), Err(Code::AccountNotFound), "it does not live again");
}

pub async fn is_refused_what_it_cannot_be(house: House) {
    let role = |role: &str| role.to_owned();
    for (account, password, expected) in [
        (Account::default(), PASSWORD, vec!["/name"]),
        (Account { login: " ann".into(), ..Default::default() }, "short", vec!["/name", "/password"]),
        (Account { login: "a\u{7}b".into(), ..Default::default() }, PASSWORD, vec!["/name"]),
        (Account { login: "é".repeat(65), ..Default::default() }, &*"é".repeat(1025), vec!["/name", "/password"]),
        (
            Account { login: house.login("x"), roles: vec![role("a"), role("a"), role("A b")], ..Default::default() },
            PASSWORD,
            vec!["/roles/1", "/roles/2"],
        ),
        (
            Account {
                login: house.login("x"),
                roles: (0..17).map(|i| format!("r{i}")).collect(),
                ..Default::default()
            },
            PASSWORD,
            vec!["/roles"],
        ),
    ] {
        let asked = CreateAccountRequest { account: Some(account), password: password.into(), ..Default::default() };
        let refused = house.ask_account(asked).await.unwrap_err();
        assert_eq!((refused.code, places(&refused)), (Code::InvalidBody, expected));
        assert!(!format!("{refused:?}").contains(password), "{refused:?}");
    }
    assert_eq!(house.ask_account(CreateAccountRequest::default()).await.map_err(code), Err(Code::InvalidBody));
    let old = CreateAccountRequest { mutation_id: Uuid::new_v4().to_string(), ..new(&house.login("x")) };
    assert_eq!(house.ask_account(old).await.map_err(code), Err(Code::InvalidArgument));
    house.sign_up(&"é".repeat(64 - 33)).await;
}

pub async fn refuses_names_of_another_account(house: House) {
    let id = Uuid::now_v7();
    for name in
        ["", "accounts/", "accounts/me", &format!("accounts/{}", id.simple()), &format!("accounts/{id}/x"), "bee"]
    {
        assert_eq!(house.account(name).await, Err(Code::InvalidArgument), "{name}");
        assert_eq!(house.delete_account(name).await, Err(Code::InvalidArgument), "{name}");
        let account = Account { name: name.into(), ..Default::default() };
        assert_eq!(house.change(account, &["roles"], "").await.map_err(code), Err(Code::InvalidArgument), "{name}");
    }
    let account = house.sign_up("ann").await;
    for paths in [&[][..], &["login"], &["roles", "name"], &["*"]] {
        assert_eq!(
            house.change(account.clone(), paths, "").await.map_err(code),
            Err(Code::InvalidArgument),
            "{paths:?}"
        );
    }
    assert_eq!(house.ask_change(UpdateAccountRequest::default()).await.map_err(code), Err(Code::InvalidBody));
}

pub async fn is_listed_in_pages(house: House) {
    let mut mine = BTreeSet::new();
    for number in 0..5 {
        mine.insert(house.sign_up(&format!("listed {number}")).await.name);
    }
    let gone = house.sign_up("gone").await.name;
    house.delete_account(&gone).await.unwrap();
    for size in [2, 1000] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let asked = ListAccountsRequest { page_size: size, page_token };
            let page = house.contract.list_accounts(Request::new(asked)).await.unwrap();
            assert!(page.accounts.len() <= usize::try_from(size).unwrap());
            seen.extend(page.accounts.into_iter().map(|account| account.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert!(mine.iter().all(|name| seen.iter().filter(|seen| *seen == name).count() == 1), "in pages of {size}");
        assert!(!seen.contains(&gone));
    }
    for (page_size, page_token, expected) in [(-1, "", Code::InvalidArgument), (1, "bee", Code::InvalidPageToken)] {
        let asked = ListAccountsRequest { page_size, page_token: page_token.into() };
        assert_eq!(house.contract.list_accounts(Request::new(asked)).await.map_err(code), Err(expected));
    }
}

pub async fn is_changed_where_the_mask_says(house: House) {
    let account = house.sign_up("ann").await;
    let wanted = Account { roles: vec!["admin".into(), "editor".into()], disabled: true, ..account.clone() };
    let changed = house.change(wanted.clone(), &["roles"], "not this one").await.unwrap();
    assert_eq!((&changed.roles, changed.disabled), (&wanted.roles, false));
    assert!(changed.create_time == account.create_time && house.account(&account.name).await.as_ref() == Ok(&changed));
    house.sign_in("ann", PASSWORD).await.expect("the password stays");

    let disabled = house.change(Account { roles: Vec::new(), ..wanted.clone() }, &["disabled"], "").await.unwrap();
    assert_eq!((&disabled.roles, disabled.disabled), (&wanted.roles, true));
    assert_eq!(house.sign_in("ann", PASSWORD).await.map_err(code), Err(Code::InvalidCredentials));
    let enabled = Account { roles: Vec::new(), disabled: false, ..wanted };
    let enabled = house.change(enabled, &["disabled", "roles", "password"], "another one").await.unwrap();
    assert_eq!((enabled.roles.len(), enabled.disabled), (0, false));
    assert_eq!(house.sign_in("ann", PASSWORD).await.map_err(code), Err(Code::InvalidCredentials));
    house.sign_in("ann", "another one").await.unwrap();
    for (account, paths, password, expected) in [
        (Account { roles: vec!["A".into()], ..account.clone() }, &["roles"][..], "", "/roles/0"),
        (account.clone(), &["password"], "short", "/password"),
    ] {
        let refused = house.change(account, paths, password).await.unwrap_err();
        assert_eq!((refused.code, places(&refused)), (Code::InvalidBody, vec![expected]));
    }
}

pub async fn a_change_repeated_is_the_same_change(house: House) {
    let account = house.sign_up("ann").await;
    let asked = |roles: &[&str], mutation_id: &str| UpdateAccountRequest {
        account: Some(Account { roles: roles.iter().map(|&role| role.into()).collect(), ..account.clone() }),
        update_mask: Some(FieldMask { paths: vec!["roles".into()] }),
        mutation_id: mutation_id.into(),
        ..Default::default()
    };
    let (first, second) = (mutation::new().to_string(), mutation::new().to_string());
    house.ask_change(asked(&["one"], &first)).await.unwrap();
    let changed = house.ask_change(asked(&["two"], &second)).await.unwrap();
    assert_eq!(house.ask_change(asked(&["one"], &first)).await.unwrap(), changed, "what came since stays");
    // Of many at once each is made, and none undoes another's field.
    let disabling = Account { disabled: true, ..account.clone() };
    let (one, other) = tokio::join!(
        house.change(disabling, &["disabled"], ""),
        house.ask_change(asked(&["three"], &mutation::new().to_string()))
    );
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let both = house.account(&account.name).await.unwrap();
    assert_eq!((both.disabled, both.roles), (true, vec!["three".to_owned()]));
}

pub async fn a_deleted_name_is_free_again(house: House) {
    for round in 0..3 {
        let account = house.sign_up("phoenix").await;
        let session = house.sign_in("Phoenix", PASSWORD).await.unwrap();
        assert_eq!(session.account.unwrap().name, account.name, "round {round}");
        house.delete_account(&account.name).await.unwrap();
        assert_eq!(house.sign_in("phoenix", PASSWORD).await.map_err(code), Err(Code::InvalidCredentials));
        assert_eq!(house.session(&session.session.unwrap().name).await, Err(Code::SessionNotFound));
    }
}

pub async fn shows_a_wrong_password_and_an_unknown_name_alike(house: House) {
    house.sign_up("ann").await;
    let bob = house.sign_up("bob").await;
    house.change(Account { disabled: true, ..bob }, &["disabled"], "").await.unwrap();
    let expected = house.sign_in("ann", "wrong password").await.unwrap_err();
    assert_eq!((expected.code, expected.violations.len()), (Code::InvalidCredentials, 0));
    let long = "x".repeat(100_000);
    for (who, password) in
        [("bob", PASSWORD), ("nobody", PASSWORD), ("ann", ""), ("ann", &long), (&long, PASSWORD), ("\0", "x")]
    {
        assert_eq!(house.sign_in(who, password).await.unwrap_err(), expected, "{who:.20}");
    }
    house.sign_in("ANN", PASSWORD).await.unwrap();
}
