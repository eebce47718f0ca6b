use std::{fs, time::Duration};

use integration::{House, Program, eventually};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{given, nobody, run, skep, tool, written};
use crate::Outcome;

const FIRST: &str = r#"
collections:
  notes:
    indexes: [author]
    rules: {list: "true", get: "true"}
  photos: {}
"#;
/// The same, and another rule.
const SECOND: &str = r#"{"collections": {"notes": {
	"rules": {"get": "true", "list": "auth != null"}, "schema": null, "indexes": ["author"]}}}"#;

async fn definition(house: &House, name: &str) -> anyhow::Result<Value> {
    let answer = house.rest()?.administrator().await?.get(format!("/v1/collections/{name}")).await?;
    Ok(if answer.status == 404 { Value::Null } else { answer.expect(200).json() })
}

#[tokio::test]
async fn definitions_become_as_the_file_says() -> Outcome {
    let house = House::two().await?;
    house.rest()?.define("others").await?.expect(201);
    let others = definition(&house, "others").await?;

    let told = given(&house, FIRST, &["apply", "-f", "-", "--check"]).await?.exits(1);
    assert!(
        told.out.contains("notes: new\n--- /dev/null\n+++ notes\n@@ ") && told.out.contains("photos: new"),
        "{told:#?}"
    );
    assert!(definition(&house, "notes").await?.is_null(), "it was only to be shown");

    let told = given(&house, FIRST, &["apply", "-f", "-", "--yes"]).await?.exits(0);
    assert!(told.err.contains("notes is defined\nphotos is defined\n"), "{told:#?}");
    let notes = definition(&house, "notes").await?;
    assert_eq!((&notes["indexes"], &notes["rules"]), (&json!(["author"]), &json!({"list": "true", "get": "true"})));

    for manner in ["--check", "--yes"] {
        let told = given(&house, FIRST, &["apply", "-f", "-", manner]).await?.exits(0);
        assert_eq!(told.out, "notes: unchanged\nphotos: unchanged\n");
    }
    assert_eq!(definition(&house, "notes").await?, notes, "what is so already is left alone");

    let told = given(&house, SECOND, &["apply", "-f", "-", "--yes"]).await?.exits(0);
    let changed: Vec<_> = told.out.lines().filter(|line| line.starts_with(['+', '-']) && line.contains('"')).collect();
    assert_eq!(changed, ["-    \"list\": \"true\"", "+    \"list\": \"auth != null\""], "{told:#?}");
    assert_eq!(definition(&house, "notes").await?["rules"]["list"], "auth != null");
    assert_eq!(definition(&house, "others").await?, others);
    Ok(())
}

#[tokio::test]
async fn a_person_is_asked() -> Outcome {
    let house = House::one().await?;
    let asked = tool(&house, &["apply", "--file", "collections.yaml"])?;
    fs::write(asked.path("collections.yaml"), FIRST)?;
    let path = asked.path("collections.yaml").display().to_string();
    let args = ["apply", "-f", &path];

    run(&asked).await?.fails(64, "--yes is not given");
    given(&house, FIRST, &["apply", "-f", "-"]).await?.fails(64, "--yes is not given");
    for refusal in ["n\\n", "\\n"] {
        let told = written(&house, refusal, &args).await?.exits(1);
        assert!(told.out.contains("Apply? [y/N]") && told.out.contains("nothing was changed"), "{told:#?}");
    }
    assert!(definition(&house, "notes").await?.is_null());
    let told = written(&house, "y\\n", &args).await?.exits(0);
    assert!(told.out.contains("notes is defined"), "{told:#?}");
    assert!(!definition(&house, "notes").await?.is_null());
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_pointed_at() -> Outcome {
    let house = House::one().await?;
    for (text, why) in [
        ("collections:\n  a: {indexes: [b\n  c: 1\n", "line 3, column 4"),
        ("collections:\n  a: {}\n  a: {}\n", "duplicate mapping key `a`"),
        ("collection: {}\n", "unknown field `collection`"),
        ("collections:\n  a:\n    rules:\n      list: true\n", "/collections/a/rules/list is not a string"),
        ("collections: {a: {scheme: {}}}", "/collections/a/scheme is not known here"),
        ("collections: {A: {}}", "A: a collection is named"),
    ] {
        given(&house, text, &["apply", "-f", "-", "--check"]).await?.fails(65, why);
    }
    // What only storage finds.
    let refused = "collections: {a: {rules: {list: 'true'}}, b: {rules: {list: 'foo('}}}";
    let told = given(&house, refused, &["apply", "-f", "-", "--yes"]).await?.exits(65);
    assert!(told.err.contains("a is defined") && told.err.contains("/collections/b/rules/list"), "{told:#?}");
    skep(&house, &["apply", "-f", "none.yaml", "--check"]).await?.fails(1, "none.yaml: No such file");
    let away = nobody()?;
    given(&house, FIRST, &["apply", "-f", "-", "--check", "--skep-addr", &away]).await?.fails(69, "does not answer");
    Ok(())
}

#[tokio::test]
async fn what_was_changed_since_it_was_shown_is_left_alone() -> Outcome {
    let house = House::one().await?;
    let rest = house.rest()?.administrator().await?;
    for (first, text) in [("notes", FIRST), ("photos", "collections: {photos: {indexes: [a]}}")] {
        // The answer is written when the collection is another than was shown.
        let typed = r"until [ -e go ]; do sleep 0.01; done; printf 'y\n'";
        let terminal = format!(r#"({typed}) | /usr/bin/script --quiet --return --flush --command "$*" shown"#);
        let asked = tool(&house, &["apply", "-f", "f.yaml"])?.below(&["sh", "-c", &terminal, "sh"]);
        fs::write(asked.path("f.yaml"), text)?;
        let (shown, path) = (asked.path("shown"), format!("/v1/collections/{first}"));
        let meanwhile = async {
            let is_asked = async || fs::read_to_string(&shown).ok()?.contains("Apply?").then_some(());
            eventually("it asks", Duration::from_secs(10), is_asked).await?;
            rest.put(&path).json(json!({"rules": {"list": "false"}})).await?;
            Ok(fs::write(asked.path("go"), "")?)
        };
        let (told, meanwhile): (_, Outcome) = tokio::join!(run(&asked), meanwhile);
        meanwhile?;
        let told = told?.exits(1);
        assert!(told.out.contains(&format!("{first}: it was changed since it was shown")), "{told:#?}");
        assert_eq!(definition(&house, first).await?["rules"], json!({"list": "false"}));
    }
    Ok(())
}

#[tokio::test]
async fn storage_is_waited_for() -> Outcome {
    let away = TcpListener::bind("127.0.0.1:0").await?;
    let address = away.local_addr()?.to_string();
    let apply = Program::tool("skep")?.env("SKEP_ADDR", &address);
    fs::write(apply.path("f.yaml"), FIRST)?;
    let apply = ["apply", "-f", "f.yaml", "--yes"].iter().fold(apply, |apply, arg| apply.arg(*arg));
    let serve = async {
        // Who asks once has given up by then.
        for _ in 0..15 {
            drop(away.accept().await?);
        }
        drop(away);
        Program::skep()?.env("STORAGE_ADDR", &address).start().await
    };
    let (told, served) = tokio::join!(run(&apply), serve);
    let (told, _served) = (told?.exits(0), served?);
    assert!(told.err.contains("notes is defined"), "{told:#?}");
    Ok(())
}
