//! The guestbook for those who sign in.

use integration::Rest;
use serde_json::json;

use super::{ENTRIES, ESCAPE, Visit};
use crate::{Outcome, crud::all};

pub(super) const PASSWORD: &str = "correct horse";

impl Visit {
    /// Fills the dialog in, by `sign-in` or `sign-up`.
    pub(super) async fn enter(&self, way: &str, name: &str, password: &str) -> Outcome {
        self.browser.find(&format!("#{way}")).await?.click().await?;
        self.fill_in(name, password).await
    }

    async fn fill_in(&self, name: &str, password: &str) -> Outcome {
        self.browser.find("#name").await?.fill(name).await?;
        self.browser.find("#password").await?.fill(password).await?;
        self.browser.find("#enter").await?.click().await
    }

    pub(super) async fn until_known(&self, name: &str) -> Outcome {
        self.browser.until(&format!("document.querySelector('#who').textContent === 'Signed in as {name}'")).await
    }

    async fn until_guest(&self) -> Outcome {
        self.browser.until("document.querySelector('#sign-in').checkVisibility()").await
    }

    /// Opens the book with a new account.
    pub(super) async fn join(&self, name: &str) -> Outcome {
        self.open().await?;
        self.enter("sign-up", name, PASSWORD).await?;
        self.until_known(name).await
    }

    pub(super) async fn write(&self, message: &str) -> Outcome {
        self.browser.find("#message").await?.fill(message).await?;
        self.browser.find("#sign .primary").await?.click().await?;
        self.browser.until("document.querySelector('#message').value === ''").await
    }

    /// What the newest entry looks like: its author, whose it is, its message, and whether it can be changed.
    async fn newest(&self) -> anyhow::Result<[String; 4]> {
        let told = "['.author', '.whose', '.message', '.actions'].map((part) => \
            document.querySelector(`.entry ${part}`).innerText.trim().replace(/\\s+/g, ' '))";
        Ok(serde_json::from_value(self.browser.value(told).await?)?)
    }

    async fn until_told(&self, field: &str, words: &str) -> Outcome {
        let told = format!(
            "document.querySelector('#{field}-fault').textContent.includes('{words}') && \
             document.activeElement.matches('#{field}[aria-invalid=\"true\"]')"
        );
        self.browser.until(&told).await
    }
}

async fn account(rest: &Rest, name: &str) -> anyhow::Result<Rest> {
    rest.post("/v1/accounts").json(json!({"name": name, "password": PASSWORD})).await?.expect(201);
    rest.sign_in(name, PASSWORD).await
}

#[tokio::test]
async fn who_signs_in_changes_their_own_entries_and_nobody_elses() -> Outcome {
    let visit = Visit::start().await?;
    let browser = &visit.browser;
    let guests = visit.entry(json!({"author": "Gus", "message": "just passing"})).await?;
    visit.join("Ann").await?;
    browser.until("document.activeElement.matches('#who')").await?;
    visit.write("Hello").await?;
    assert_eq!(visit.newest().await?, ["Ann", "yours", "Hello", "Edit Delete"]);
    let record = all(&visit.rest, ENTRIES, 30).await?.swap_remove(0);
    let ann = visit.rest.sign_in("ann", PASSWORD).await?.get("/v1/accounts/me").await?.expect(200).json();
    assert_eq!((&record["owner"], &record["data"]["author"]), (&ann["id"], &json!("Ann")));
    let kept = "[document.cookie, localStorage.length, sessionStorage.length]";
    assert_eq!(browser.value(kept).await?, json!(["", 0, 0]), "no script can read the token");

    browser.find(".edit").await?.click().await?;
    browser.find(".editor textarea").await?.fill("Hello again").await?;
    assert_eq!(browser.value("document.querySelector('.editor input').readOnly").await?, true);
    browser.find(".editor .primary").await?.click().await?;
    browser.until("document.querySelector('.message').innerText === 'Hello again'").await?;

    visit.open().await?;
    visit.until_known("Ann").await?;
    assert_eq!(visit.newest().await?, ["Ann", "yours", "Hello again", "Edit Delete"]);

    browser.find("#sign-out").await?.click().await?;
    browser.until("document.activeElement.matches('#sign-in')").await?;
    assert_eq!(visit.newest().await?, ["Ann", "", "Hello again", ""]);
    assert_eq!(browser.value("document.querySelector('#author').value").await?, "");
    visit.enter("sign-up", "Ben", PASSWORD).await?;
    visit.until_known("Ben").await?;
    assert_eq!(visit.newest().await?, ["Ann", "", "Hello again", ""]);
    let ben = visit.rest.sign_in("Ben", PASSWORD).await?;
    let path = |id: &serde_json::Value| format!("{ENTRIES}/{}", id.as_str().unwrap_or_default());
    ben.delete(path(&record["id"])).await?.problem(403, "forbidden");
    let forged = json!({"data": {"author": "Ann", "message": "by Ben"}});
    ben.post(ENTRIES).json(forged).await?.problem(403, "forbidden");

    ben.delete(path(&guests["id"])).await?.problem(403, "forbidden");
    let of_guest =
        "['.whose', '.actions'].map((part) => document.querySelector(`.entry:last-child ${part}`).innerText)";
    assert_eq!(browser.value(of_guest).await?, json!(["a guest", ""]));
    visit.is_quiet().await
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_its_field() -> Outcome {
    let visit = Visit::told(&[("RATE_LIMIT", "6000/1m"), ("SIGN_IN_LIMIT", "2/1h")]).await?;
    let browser = &visit.browser;
    visit.rest.post("/v1/accounts").json(json!({"name": "Ann", "password": PASSWORD})).await?.expect(201);
    browser.device(390, 844, "dark").await?;
    visit.open().await?;
    visit.enter("sign-up", "Ben", "short").await?;
    visit.until_told("password", "The password must be of 8 to 1024 characters.").await?;
    visit.fill_in("ANN", PASSWORD).await?;
    visit.until_told("name", "This name is taken.").await?;
    assert_eq!(browser.value("document.querySelector('#password-fault').textContent").await?, "");
    visit.screenshot("name-taken").await?;

    browser.find("#other").await?.click().await?;
    browser.device(1280, 900, "light").await?;
    for _ in 0..2 {
        visit.fill_in("Ann", "wrong horse").await?;
        visit.until_told("password", "No account signs in by this name and this password.").await?;
    }
    visit.screenshot("wrong-password").await?;
    visit.fill_in("Ann", PASSWORD).await?;
    visit.until_told("password", "Too many attempts. Try again in 30 minutes.").await?;
    visit.screenshot("too-many").await?;
    browser.press(ESCAPE).await?;
    browser.until("!document.querySelector('#door').open && document.activeElement.matches('#sign-up')").await?;
    // The dialog tells that it was closed a moment after it is.
    browser.until("document.querySelector('#password').value === ''").await?;
    Ok(())
}

#[tokio::test]
async fn who_was_signed_out_elsewhere_is_told_and_goes_on() -> Outcome {
    let visit = Visit::start().await?;
    let browser = &visit.browser;
    let elsewhere = account(&visit.rest, "Ann").await?;
    visit.open().await?;
    visit.enter("sign-in", "Ann", PASSWORD).await?;
    visit.until_known("Ann").await?;
    visit.write("first").await?;
    browser.find(".edit").await?.click().await?;
    browser.find(".editor textarea").await?.fill("second").await?;
    elsewhere.delete("/v1/sessions").await?.expect(204);
    browser.find(".editor .primary").await?.click().await?;
    browser.until("document.querySelector('.entry .fault').textContent.includes('not signed in any more')").await?;
    visit.enter("sign-in", "Ann", PASSWORD).await?;
    visit.until_known("Ann").await?;
    browser.find(".editor .primary").await?.click().await?;
    browser.until("document.querySelector('.message').innerText === 'second'").await?;

    // What is signed without knowing it is a guest's, and told to be.
    let elsewhere = visit.rest.sign_in("Ann", PASSWORD).await?;
    elsewhere.delete("/v1/sessions").await?.expect(204);
    visit.write("third").await?;
    visit.until_guest().await?;
    assert_eq!(visit.newest().await?, ["Ann", "a guest", "third", ""]);

    // Another tab that signs in or out says so.
    visit.enter("sign-in", "Ann", PASSWORD).await?;
    visit.until_known("Ann").await?;
    visit.rest.sign_in("Ann", PASSWORD).await?.delete("/v1/sessions").await?.expect(204);
    browser.value("new BroadcastChannel('account').postMessage(null)").await?;
    visit.until_guest().await
}
