use integration::Rest;
use serde_json::json;

use super::{create_as, define, note};
use crate::Outcome;

on_every_house! {
    an_unchanged_record_is_not_sent_again
    if_match_guards_a_replacement
    if_none_match_only_creates
    if_match_guards_a_patch_and_a_deletion
    a_precondition_has_its_form
    of_ten_who_replace_one_state_one_succeeds
}

const STALE: &str = r#""00000000-0000-7000-8000-000000000000""#;

async fn an_unchanged_record_is_not_sent_again(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let made = create_as(rest, "a", json!({})).await?;
    let etag = made.etag();
    for condition in [etag, "*", &format!("W/{etag}"), &format!("{STALE}, {etag}")] {
        let answer = rest.get(note("a")).header("if-none-match", condition).await?.expect(304);
        assert_eq!((answer.etag(), answer.text.as_str()), (etag, ""), "{condition}");
    }
    rest.get(note("a")).header("if-none-match", STALE).await?.expect(200);
    rest.get(note("b")).header("if-none-match", "*").await?.problem(404, "record_not_found");
    Ok(())
}

async fn if_match_guards_a_replacement(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let put =
        |id: &str, condition: &str| rest.put(note(id)).header("if-match", condition).json(json!({"data": {"n": 1}}));
    let made = create_as(rest, "a", json!({})).await?;
    put("a", STALE).await?.problem(412, "precondition_failed");
    put("a", &format!("W/{}", made.etag())).await?.problem(412, "precondition_failed");
    let second = put("a", made.etag()).await?.expect(200);
    put("a", made.etag()).await?.problem(412, "precondition_failed");
    let third = put("a", &format!("{STALE}, {}", second.etag())).await?.expect(200);
    assert_eq!(third.json()["version"], 3);
    put("a", "*").await?.expect(200);
    put("b", "*").await?.problem(412, "precondition_failed");
    put("b", STALE).await?.problem(412, "precondition_failed");
    rest.get(note("b")).await?.problem(404, "record_not_found");
    Ok(())
}

async fn if_none_match_only_creates(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let put = |n: u8| rest.put(note("a")).header("if-none-match", "*").json(json!({"data": {"n": n}}));
    put(1).await?.expect(201);
    put(2).await?.problem(412, "precondition_failed");
    assert_eq!(rest.get(note("a")).await?.json()["data"], json!({"n": 1}));
    rest.delete(note("a")).await?.expect(204);
    put(3).await?.expect(201);
    Ok(())
}

async fn if_match_guards_a_patch_and_a_deletion(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let patch = |condition: &str| {
        rest.patch(note("a")).header("if-match", condition).typed("application/merge-patch+json", r#"{"n":1}"#)
    };
    let made = create_as(rest, "a", json!({})).await?;
    patch(STALE).await?.problem(412, "precondition_failed");
    let patched = patch(made.etag()).await?.expect(200);
    rest.delete(note("a")).header("if-match", made.etag()).await?.problem(412, "precondition_failed");
    rest.get(note("a")).await?.expect(200);
    rest.delete(note("a")).header("if-match", patched.etag()).await?.expect(204);
    assert!([404, 412].contains(&rest.delete(note("a")).header("if-match", patched.etag()).await?.status));
    Ok(())
}

async fn a_precondition_has_its_form(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    create_as(rest, "a", json!({})).await?;
    for condition in ["abc", "\"abc", "W/abc", "\"a\" \"b\"", "*, \"a\"", ""] {
        let put = rest.put(note("a")).header("if-match", condition).json(json!({"data": {}}));
        put.await?.problem(400, "invalid_argument");
        rest.delete(note("a")).header("if-match", condition).await?.problem(400, "invalid_argument");
    }
    rest.get(note("a")).await?.expect(200);
    Ok(())
}

async fn of_ten_who_replace_one_state_one_succeeds(rest: &Rest) -> Outcome {
    define(rest, "notes").await?;
    let made = create_as(rest, "a", json!({})).await?;
    let writers = (0..10).map(|n| rest.put(note("a")).header("if-match", made.etag()).json(json!({"data": {"n": n}})));
    let answers = futures_util::future::try_join_all(writers.map(IntoFuture::into_future)).await?;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].as_slice(), &[412; 9]].concat());
    assert_eq!(rest.get(note("a")).await?.json()["version"], 2);
    Ok(())
}
