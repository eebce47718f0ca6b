//! `skep accounts`

use anyhow::{Context, anyhow, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command};
use kit::{
    Job, Secret,
    config::{Setting, Values},
    program::Work,
};
use prost_types::FieldMask;
use skep_proto::{
    Code, Error, mutation,
    v1::{
        Account, CreateAccountRequest, DeleteAccountRequest, GetAccountRequest, ListAccountsRequest,
        UpdateAccountRequest,
    },
};
use storage::accounts::folded;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    output::{code, explained, line},
    storage::{Access, Storage},
    tell,
};

const ACCOUNT_PASSWORD: Setting = Setting::new("ACCOUNT_PASSWORD", "the account's new password").secret();
pub(super) const ACCOUNT: &str = "NAME-OR-ID";
const NAME: &str = "NAME";
const ROLE: &str = "role";
const NONE: &str = "none";
const PAGE: i32 = 1000;

pub(super) const JOB: Job = Job {
    name: "accounts",
    about: "Lists accounts, makes, changes and deletes them",
    settings: || [&Access::settings()[..], &[ACCOUNT_PASSWORD]].concat(),
    shape,
    begin,
};

fn shape(command: Command) -> Command {
    let below = |name: &'static str, about: &'static str| Command::new(name).about(about);
    let of = |name, about| below(name, about).arg(Arg::new(ACCOUNT).required(true));
    let role = Arg::new(ROLE).value_name("ROLE").action(ArgAction::Append);
    let create = below("create", "Makes an account, and prints it")
        .arg(Arg::new(NAME).required(true).help("what it signs in by"))
        .arg(role.clone().long(ROLE).help("what it may be; admin may do everything; may be given again"));
    let roles = of("roles", "Gives an account these roles in place of those it has")
        .arg(role.required_unless_present(NONE))
        .arg(Arg::new(NONE).long(NONE).action(ArgAction::SetTrue).conflicts_with(ROLE).help("takes all roles away"));
    command
        .subcommand_required(true)
        .subcommand(below("list", "Prints every account, a line each"))
        .subcommand(of("get", "Prints an account"))
        .subcommand(create)
        .subcommand(of("password", "Gives an account another password, and signs it out everywhere"))
        .subcommand(of("enable", "Lets an account be signed in to again"))
        .subcommand(of("disable", "Lets nobody sign in to an account, and signs it out everywhere"))
        .subcommand(roles)
        .subcommand(of("delete", "Deletes an account; its records stay"))
        .after_help(
            "A password is read from ACCOUNT_PASSWORD or a file, or asked for on the terminal.\n\nExamples:\n  \
             skep accounts list | jq -r 'select(.roles | index(\"admin\")).name'\n  \
             skep accounts create Ann --role editor\n  \
             skep accounts password Ann --account-password-file new",
        )
}

fn begin(values: &mut Values, matches: &ArgMatches) -> Work {
    let (access, given) = (Access::read(values), values.get(&ACCOUNT_PASSWORD));
    let matches = matches.clone();
    Box::pin(async move { run(&access.connect()?, &matches, given).await.map_err(explained) })
}

async fn run(storage: &Storage, matches: &ArgMatches, given: Option<Secret>) -> anyhow::Result<()> {
    let (what, matches) = matches.subcommand().context("no command was given")?;
    let roles = || matches.get_many(ROLE).unwrap_or_default().cloned().collect();
    match what {
        "list" => {
            return walk(storage, |account| show(&account).map(|()| true)).await;
        }
        "create" => {
            let login = matches.get_one::<String>(NAME).cloned().unwrap_or_default();
            let account = Some(Account { login, roles: roles(), ..Account::default() });
            let (password, mutation_id) = (password(given).await?, mutation::new().to_string());
            let asked = CreateAccountRequest { account, password, mutation_id };
            let made = storage.ask(asked, |contract, request| contract.create_account(request)).await?;
            return show(&made.account.context("storage answers without an account")?);
        }
        _ => {}
    }
    let account = find(storage, matches).await?;
    let (path, account, password) = match what {
        "get" => return show(&account),
        "delete" => {
            let asked = DeleteAccountRequest { name: account.name };
            storage.ask(asked, |contract, request| contract.delete_account(request)).await?;
            tell(format_args!("{} is deleted", account.login));
            return Ok(());
        }
        "password" => ("password", account, password(given).await?),
        "roles" => ("roles", Account { roles: roles(), ..account }, String::new()),
        _ => ("disabled", Account { disabled: what == "disable", ..account }, String::new()),
    };
    let asked = UpdateAccountRequest {
        account: Some(account),
        update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
        password,
        mutation_id: mutation::new().to_string(),
    };
    let changed = storage.ask(asked, |contract, request| contract.update_account(request)).await?;
    show(&changed.account.context("storage answers without an account")?)
}

/// The account that the argument names by its id or its name.
pub(super) async fn find(storage: &Storage, matches: &ArgMatches) -> anyhow::Result<Account> {
    let wanted = matches.get_one::<String>(ACCOUNT).cloned().unwrap_or_default();
    if let Ok(id) = wanted.parse::<Uuid>() {
        let asked = GetAccountRequest { name: format!("accounts/{id}") };
        match storage.ask(asked, |contract, request| contract.get_account(request)).await {
            Ok(found) => return found.account.context("storage answers without an account"),
            // A name may look like an id.
            Err(error) if code(&error) == Some(Code::AccountNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    // Names that storage takes for one are one here.
    let (wanted_name, mut found) = (folded(&wanted), None);
    let other = |account: Account| {
        found = (folded(&account.login) == wanted_name).then_some(account);
        Ok(found.is_none())
    };
    walk(storage, other).await?;
    found.ok_or_else(|| Error::new(Code::AccountNotFound, format!("there is no account {wanted}")).into())
}

/// Has `each` account looked at for as long as it says so.
async fn walk(storage: &Storage, mut each: impl FnMut(Account) -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let mut page_token = String::new();
    loop {
        let asked = ListAccountsRequest { page_size: PAGE, page_token };
        let page = storage.ask(asked, |contract, request| contract.list_accounts(request)).await?;
        for account in page.accounts {
            if !each(account)? {
                return Ok(());
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn show(account: &Account) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    gate::write_account(&mut shown, account)?;
    Ok(line(shown)?)
}

/// The one that was given, or that a person writes twice.
async fn password(given: Option<Secret>) -> anyhow::Result<String> {
    if let Some(given) = given {
        return Ok(given.expose().to_owned());
    }
    spawn_blocking(|| {
        let ask = |what| {
            let nobody = "there is no terminal to ask for the password: give ACCOUNT_PASSWORD_FILE";
            rpassword::prompt_password(what).map_err(|error| anyhow!(error).context(nobody))
        };
        let password = ask("Password: ")?;
        ensure!(ask("Again: ")? == password, "the two passwords differ: nothing was changed");
        Ok(password)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_that_differ_in_case_or_form_alone() {
        for (one, other) in [("Ann", "aNN"), ("Zo\u{eb}", "ZOE\u{308}"), ("\u{3c3}", "\u{3c2}")] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("Ann"), folded("Anna"));
    }
}
