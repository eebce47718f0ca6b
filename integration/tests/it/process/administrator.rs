//! The first administrator, made before anybody else can be.

use std::time::Duration;

use integration::{House, Process, Program, eventually};
use skep_proto::v1::{
    Account, CreateSessionRequest, UpdateAccountRequest, account_service_client::AccountServiceClient,
    session_service_client::SessionServiceClient,
};
use tonic::Code;

use crate::{Outcome, grpc::door_of};

const PASSWORD: &str = "a password from the settings";

/// Who signs in there.
async fn sign_in(process: &Process, login: &str, password: &str) -> anyhow::Result<Result<Account, Code>> {
    let token = (process.program().binary() == "storage").then(House::token);
    let mut sessions = SessionServiceClient::new(door_of(process, token).await?);
    let (login, password) = (login.to_owned(), password.to_owned());
    let answer = sessions.create_session(CreateSessionRequest { login, password, ..Default::default() }).await;
    Ok(answer.map(|answer| answer.into_inner().account.expect("an account")).map_err(|status| status.code()))
}

fn told(process: &Process) -> Vec<String> {
    let output = process.stderr();
    let told =
        output.lines().filter_map(|line| line.split_once("the password ")).map(|(_, password)| password.to_owned());
    told.collect()
}

#[tokio::test]
async fn a_password_is_made_up_and_told_once_and_never_logged() -> Outcome {
    let mut process =
        Program::skep()?.without("ADMIN_PASSWORD").env("ADMIN_NAME", "Queen").env("LOG", "trace").start().await?;
    let [password] = &told(&process)[..] else { panic!("{}", process.stderr()) };
    let account = sign_in(&process, "queen", password).await?.unwrap();
    assert_eq!((&*account.login, &account.roles[..]), ("Queen", &["admin".to_owned()][..]));
    for (name, text) in process.logs().files()? {
        assert!(!text.contains(password.as_str()), "{name}");
    }
    process.restart().await?;
    assert_eq!(told(&process), std::slice::from_ref(password), "told again");
    assert_eq!(sign_in(&process, "queen", password).await?.unwrap(), account);
    Ok(())
}

#[tokio::test]
async fn a_password_from_the_settings_is_in_force_for_an_account_that_is_made() -> Outcome {
    for program in [Program::skep()?, Program::storage(House::token())?] {
        let mut process = program.env("ADMIN_PASSWORD", PASSWORD).start().await?;
        let signed_in = async |process: &Process| sign_in(process, "admin", PASSWORD).await.ok()?.ok();
        let account = eventually("it is made", Duration::from_secs(20), || signed_in(&process)).await?;
        assert_eq!(account.roles, ["admin"]);
        assert!(told(&process).is_empty() && !process.stderr().contains(PASSWORD));
        // What a person made of it since stays.
        let token = (process.program().binary() == "storage").then(House::token);
        let mut accounts = AccountServiceClient::new(door_of(&process, token).await?);
        let account = Some(Account { roles: Vec::new(), ..account });
        let update_mask = Some(prost_types::FieldMask { paths: vec!["roles".into(), "password".into()] });
        let password = "another password".to_owned();
        let asked = UpdateAccountRequest { account, update_mask, password, ..Default::default() };
        accounts.update_account(asked).await?;
        process.restart().await?;
        let warned = async || process.logs().lines().ok()?.iter().any(says_so).then_some(());
        eventually("the log tells of it", Duration::from_secs(20), warned).await?;
        assert_eq!(sign_in(&process, "admin", PASSWORD).await?, Err(Code::Unauthenticated));
        assert!(sign_in(&process, "admin", "another password").await?.unwrap().roles.is_empty());
    }
    Ok(())
}

fn says_so(line: &serde_json::Value) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains("is no administrator"))
}

#[tokio::test]
async fn a_name_or_password_that_cannot_be_is_refused_before_anything_starts() -> Outcome {
    let output = Program::storage("token")?.env("ADMIN_NAME", " admin").env("ADMIN_PASSWORD", "hunter2").run().await?;
    let told = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("ADMIN_NAME") && told.contains("ADMIN_PASSWORD") && !told.contains("hunter2"), "{told}");
    Ok(())
}
