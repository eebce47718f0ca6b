use std::fs;

use integration::{House, Rest};
use serde_json::{Value, json};

use super::{nobody, run, skep, tool, written};
use crate::Outcome;

const PASSWORD: &str = "a-password-of-ann";

/// The one line that a command prints.
async fn account(house: &House, args: &[&str]) -> anyhow::Result<Value> {
    let mut lines = run(&tool(house, args)?.env("ACCOUNT_PASSWORD", PASSWORD)).await?.exits(0).lines()?;
    assert_eq!(lines.len(), 1);
    Ok(lines.remove(0))
}

async fn signs_in(rest: &Rest, password: &str) -> anyhow::Result<bool> {
    let begun = rest.post("/v1/sessions").json(json!({"name": "ann", "password": password})).await?;
    Ok(begun.status == 201)
}

#[tokio::test]
async fn accounts_are_made_changed_and_deleted() -> Outcome {
    let house = House::two().await?;
    let rest = house.rest()?;
    let ann = account(&house, &["accounts", "create", "Ann", "--role", "editor", "--role", "reader"]).await?;
    assert_eq!((&ann["name"], &ann["roles"]), (&"Ann".into(), &json!(["editor", "reader"])));
    let shown = rest.administrator().await?.get("/v1/accounts").await?.expect(200).json();
    assert!(shown["accounts"].as_array().is_some_and(|shown| shown.contains(&ann)), "as REST shows it: {shown}");
    let id = ann["id"].as_str().unwrap_or_default();
    for name in ["Ann", "aNN", id] {
        assert_eq!(account(&house, &["accounts", "get", name]).await?, ann);
    }
    let names = skep(&house, &["accounts", "list"]).await?.exits(0).lines()?;
    assert!(names.len() == 2 && names.contains(&ann), "{names:?}");

    assert!(signs_in(&rest, PASSWORD).await?);
    assert_eq!(account(&house, &["accounts", "disable", "ann"]).await?["disabled"], true);
    assert!(!signs_in(&rest, PASSWORD).await?);
    assert_eq!(account(&house, &["accounts", "enable", id]).await?["disabled"], false);
    assert_eq!(account(&house, &["accounts", "roles", "ann", "admin"]).await?["roles"], json!(["admin"]));
    assert_eq!(account(&house, &["accounts", "roles", "ann", "--none"]).await?["roles"], json!([]));

    let other = tool(&house, &["accounts", "password", "ann", "--account-password-file", "new"])?;
    fs::write(other.path("new"), "another-password\n")?;
    run(&other).await?.exits(0);
    assert!(!signs_in(&rest, PASSWORD).await? && signs_in(&rest, "another-password").await?);

    assert!(skep(&house, &["accounts", "delete", "ann"]).await?.exits(0).out.is_empty());
    skep(&house, &["accounts", "get", "ann"]).await?.fails(1, "there is no account ann");
    skep(&house, &["accounts", "get", id]).await?.fails(1, "there is no account");
    Ok(())
}

#[tokio::test]
async fn a_password_is_asked_for_twice_and_not_shown() -> Outcome {
    let house = House::one().await?;
    let (create, rest) = (["accounts", "create", "Ann"], house.rest()?);
    skep(&house, &create).await?.fails(1, "give ACCOUNT_PASSWORD_FILE");
    let told = written(&house, "one-password\\nother-password\\n", &create).await?.exits(1);
    assert!(told.out.contains("the two passwords differ"), "{told:#?}");
    let told = written(&house, &format!("{PASSWORD}\\n{PASSWORD}\\n"), &create).await?.exits(0);
    assert!(told.out.contains("Password: ") && told.out.contains("Again: "), "{told:#?}");
    assert!(signs_in(&rest, PASSWORD).await?);

    for (account, password, code, why) in [
        ("Bob", "short", 65, "/password must be of 8 to 1024 characters"),
        ("ANN", PASSWORD, 1, "account_exists"),
        (" Bob", PASSWORD, 65, "/name"),
    ] {
        run(&tool(&house, &["accounts", "create", account])?.env("ACCOUNT_PASSWORD", password)).await?.fails(code, why);
    }
    Ok(())
}

#[tokio::test]
async fn sessions_are_listed_and_ended() -> Outcome {
    let house = House::one().await?;
    let rest = house.rest()?;
    account(&house, &["accounts", "create", "Ann"]).await?;
    for agent in ["one", "two", "three"] {
        let begin = rest.post("/v1/sessions").header("user-agent", agent);
        begin.json(json!({"name": "ann", "password": PASSWORD})).await?.expect(201);
    }
    let sessions = async || skep(&house, &["sessions", "list", "Ann"]).await?.exits(0).lines();
    let begun = sessions().await?;
    assert_eq!(begun.len(), 3);
    let two = begun.iter().find(|session| session["user_agent"] == "two").cloned().unwrap_or_default();
    assert!(two["created_at"].is_string() && two["expires_at"].is_string(), "{two}");

    let id = two["id"].as_str().unwrap_or_default();
    assert!(skep(&house, &["sessions", "revoke", "ann", id]).await?.exits(0).out.is_empty());
    let left = sessions().await?;
    assert!(left.len() == 2 && !left.contains(&two), "{left:?}");
    skep(&house, &["sessions", "revoke", "ann"]).await?.exits(0);
    assert!(sessions().await?.is_empty());
    skep(&house, &["sessions", "revoke", "ann", "x"]).await?.fails(65, "invalid_argument");
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_asked_or_found_is_told() -> Outcome {
    let house = House::two().await?;
    for args in [&["accounts", "disable", "nobody"][..], &["sessions", "list", "nobody"]] {
        skep(&house, args).await?.fails(1, "there is no account nobody");
        run(&tool(&house, args)?.env("INTERNAL_TOKEN", "wrong")).await?.fails(1, "give INTERNAL_TOKEN_FILE");
        run(&tool(&house, args)?.env("SKEP_ADDR", nobody()?)).await?.fails(69, "does not answer");
    }
    for args in [&["accounts"][..], &["accounts", "roles", "admin"], &["sessions", "end"]] {
        skep(&house, args).await?.fails(64, "Usage");
    }
    Ok(())
}
