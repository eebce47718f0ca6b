//! The guestbook of `skep serve --example guestbook`, used by a person in a real browser.

mod accounts;

use std::{env, path::PathBuf};

use integration::{Browser, Process, Program, Rest};
use serde_json::{Value, json};

use self::accounts::PASSWORD;
use crate::{Outcome, crud::all};

const ENTRIES: &str = "/v1/collections/guestbook/records";
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";

struct Visit {
    _skep: Process,
    rest: Rest,
    browser: Browser,
    url: String,
}

impl Visit {
    async fn start() -> anyhow::Result<Self> {
        Self::told(&[]).await
    }

    /// Of a guestbook with settings.
    async fn told(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let skep = Program::skep()?.arg("--example").arg("guestbook");
        let skep = settings.iter().fold(skep, |skep, (name, value)| skep.env(name, *value)).start().await?;
        let (rest, url) = (skep.http("rest")?, format!("http://{}/", skep.door("rest")?));
        Ok(Self { _skep: skep, rest, browser: Browser::start().await?, url })
    }

    async fn open(&self) -> Outcome {
        self.browser.open(&self.url).await?;
        self.browser.until("document.querySelector('#entries').getAttribute('aria-busy') === 'false'").await
    }

    async fn sign(&self, author: &str, message: &str) -> Outcome {
        self.browser.find("#author").await?.fill(author).await?;
        self.browser.find("#message").await?.fill(message).await?;
        self.browser.find("#sign .primary").await?.click().await?;
        self.browser.until("document.querySelector('#message').value === ''").await
    }

    async fn entry(&self, data: Value) -> anyhow::Result<Value> {
        Ok(self.rest.post(ENTRIES).json(json!({"data": data})).await?.expect(201).json())
    }

    /// Asserts that the page has logged nothing that is wrong. A guest is told by a 401 that nobody is signed in.
    async fn is_quiet(&self) -> Outcome {
        let lines = self.browser.console().await?;
        let is_guest = |line: &Value| {
            let text = line["message"].as_str().unwrap_or_default();
            text.contains("/v1/accounts/me") && text.contains(" 401 ")
        };
        assert!(lines.iter().all(|line| line["level"] == "INFO" || is_guest(line)), "{lines:#?}");
        Ok(())
    }

    async fn screenshot(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = env::temp_dir().join(format!("skep-guestbook-{name}.png"));
        self.browser.screenshot(&path).await?;
        Ok(path)
    }
}

#[tokio::test]
async fn a_person_signs_edits_and_deletes() -> Outcome {
    let visit = Visit::start().await?;
    let browser = &visit.browser;
    visit.join("Ann").await?;
    assert!(browser.find("#empty").await?.text().await?.contains("blank"));
    visit.write("Hello,\nbees!").await?;
    let entry = browser.find(".entry").await?.text().await?;
    assert!(entry.contains("Ann") && entry.contains("Hello,\nbees!") && entry.contains("just now"), "{entry}");
    browser.until("document.activeElement.matches('.entry')").await?;

    browser.find(".edit").await?.click().await?;
    browser.find(".editor textarea").await?.fill("Hello again!").await?;
    browser.find(".editor .primary").await?.click().await?;
    browser.until("document.querySelector('.message').innerText === 'Hello again!'").await?;
    browser.until("document.activeElement.matches('.edit')").await?;
    let records = all(&visit.rest, ENTRIES, 30).await?;
    assert_eq!((records.len(), &records[0]["data"]), (1, &json!({"author": "Ann", "message": "Hello again!"})));
    assert_eq!(records[0]["version"], 2);

    browser.find(".delete").await?.click().await?;
    browser.find(".confirm .cancel").await?.click().await?;
    assert_eq!(all(&visit.rest, ENTRIES, 30).await?.len(), 1);
    browser.find(".delete").await?.click().await?;
    browser.find(".confirm .danger").await?.click().await?;
    browser.until("!document.querySelector('.entry') && !document.querySelector('#empty').hidden").await?;
    assert!(all(&visit.rest, ENTRIES, 30).await?.is_empty());
    visit.is_quiet().await
}

#[tokio::test]
async fn what_people_write_stays_text() -> Outcome {
    let visit = Visit::start().await?;
    let attack = r#"<img src=x onerror="window.stung = true"><script>window.stung = true</script>"#;
    visit.open().await?;
    visit.sign(attack, attack).await?;
    visit.entry(json!({"author": {"toString": attack}, "message": [attack, 9_007_199_254_740_991_u64]})).await?;
    visit.entry(json!({})).await?;
    visit.open().await?;
    visit.browser.until("document.querySelectorAll('.entry').length === 3").await?;
    assert_eq!(visit.browser.value("document.querySelectorAll('#entries img, #entries script').length").await?, 0);
    assert_eq!(visit.browser.value("window.stung === undefined").await?, true);
    let text = visit.browser.find("#entries li:last-child .message").await?.text().await?;
    assert_eq!(text, attack);
    let csp = visit.rest.get("/").await?.expect(200).header("content-security-policy").to_owned();
    let of_scripts = |rule: &&str| ["default-src", "script-src"].iter().any(|name| rule.trim().starts_with(name));
    let rules: Vec<_> = csp.split(';').filter(of_scripts).map(str::trim).collect();
    assert_eq!(rules, ["default-src 'self'"], "only files of this server are run: {csp}");
    visit.is_quiet().await
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_overwritten() -> Outcome {
    let visit = Visit::start().await?;
    let browser = &visit.browser;
    let theirs = json!({"data": {"author": "Ann", "message": "theirs"}});
    browser.device(390, 1200, "light").await?;
    visit.join("Ann").await?;
    visit.write("first").await?;
    let record = all(&visit.rest, ENTRIES, 30).await?.swap_remove(0);
    let path = format!("{ENTRIES}/{}", record["id"].as_str().unwrap_or_default());
    let elsewhere = visit.rest.sign_in("Ann", PASSWORD).await?;
    browser.find(".edit").await?.click().await?;
    browser.find(".editor textarea").await?.fill("mine").await?;
    elsewhere.put(&path).json(theirs).await?.expect(200);
    browser.find(".editor .primary").await?.click().await?;
    browser.until("document.querySelector('.entry .fault').textContent.includes('Somebody changed')").await?;
    assert_eq!(browser.find(".message").await?.text().await?, "theirs");
    visit.screenshot("conflict").await?;
    assert_eq!(all(&visit.rest, ENTRIES, 30).await?[0]["data"]["message"], "theirs");
    browser.find(".editor .primary").await?.click().await?;
    browser.until("document.querySelector('.message').innerText === 'mine'").await?;
    assert_eq!(all(&visit.rest, ENTRIES, 30).await?[0]["data"]["message"], "mine");

    browser.find(".delete").await?.click().await?;
    browser.find(".confirm .danger").await?;
    visit.screenshot("confirm").await?;
    elsewhere.delete(&path).await?.expect(204);
    browser.find(".confirm .danger").await?.click().await?;
    browser.until("!document.querySelector('.entry')").await
}

#[tokio::test]
async fn a_broken_connection_signs_once() -> Outcome {
    let visit = Visit::start().await?;
    visit.open().await?;
    // The first two answers get lost on their way back: applied, and told as a broken connection.
    let lose = "(() => { const real = window.fetch; let left = 2; window.fetch = async (...call) => { \
        const answer = await real(...call); if (call[1]?.method === 'POST' && left-- > 0) throw new TypeError('lost'); \
        return answer; }; })()";
    visit.browser.value(lose).await?;
    visit.sign("Ann", "once only").await?;
    visit.browser.until("document.querySelectorAll('.entry').length === 1").await?;
    assert_eq!(all(&visit.rest, ENTRIES, 30).await?.len(), 1);
    visit.is_quiet().await
}

#[tokio::test]
async fn older_entries_come_page_by_page() -> Outcome {
    let visit = Visit::start().await?;
    for n in 0..45 {
        visit.entry(json!({"author": "Ann", "message": format!("entry {n}")})).await?;
    }
    visit.open().await?;
    let shown = "Array.from(document.querySelectorAll('.message'), (each) => each.innerText)";
    for count in [20, 40, 45] {
        visit.browser.until(&format!("document.querySelectorAll('.entry').length === {count}")).await?;
        let newest_first: Vec<_> = (0..45).rev().take(count).map(|n| format!("entry {n}")).collect();
        assert_eq!(visit.browser.value(shown).await?, json!(newest_first));
        if count < 45 {
            visit.entry(json!({"author": "Bob", "message": "meanwhile"})).await?;
            visit.browser.find("#more").await?.click().await?;
        }
    }
    visit.browser.until("document.querySelector('#more').hidden").await?;
    visit.is_quiet().await
}

#[tokio::test]
async fn entries_are_found_by_name() -> Outcome {
    let visit = Visit::start().await?;
    let browser = &visit.browser;
    let awkward = r#"O"Neil \ Ζωή"#;
    for n in 0..70 {
        let author = [awkward, "Ann", "Bob"][n % 3];
        visit.entry(json!({"author": author, "message": format!("entry {n}")})).await?;
    }
    visit.open().await?;
    let shown = "Array.from(document.querySelectorAll('.entry'), (each) => each.querySelector('.author').innerText)";
    for (author, count) in [("Ann", 23), (awkward, 24), ("ann", 0)] {
        browser.find("#sought").await?.fill(author).await?;
        browser.find("#search button").await?.click().await?;
        if count > 20 {
            browser.until("document.querySelectorAll('.entry').length === 20").await?;
            browser.find("#more").await?.click().await?;
        }
        browser.until(&format!("document.querySelectorAll('.entry').length === {count}")).await?;
        assert_eq!(browser.value(shown).await?, json!(vec![author; count]));
    }
    assert_eq!(browser.find("#empty").await?.text().await?, "Nobody of that name has signed.");
    visit.screenshot("sought").await?;
    visit.sign("Ann", "here again").await?;
    browser.until("document.querySelector('.message')?.innerText === 'here again'").await?;
    browser.until("document.querySelectorAll('.entry').length === 20").await?;
    visit.is_quiet().await
}

#[tokio::test]
async fn the_keyboard_is_enough() -> Outcome {
    let visit = Visit::start().await?;
    let browser = &visit.browser;
    visit.open().await?;
    browser.value("document.querySelector('#sign-up').focus()").await?;
    browser.press(ENTER).await?;
    browser.until("document.activeElement.matches('#name')").await?;
    browser.press(&format!("Ann{TAB}{PASSWORD}{ENTER}")).await?;
    browser.until("document.activeElement.matches('#who')").await?;
    browser.press(&format!("{TAB}{TAB}{TAB}Hello{TAB}{ENTER}")).await?;
    browser.until("document.activeElement.matches('.entry')").await?;
    browser.press(&format!("{TAB}{ENTER}")).await?;
    browser.until("document.activeElement.matches('.editor textarea')").await?;
    browser.press(&format!(" again{ESCAPE}")).await?;
    browser.until("document.activeElement.matches('.edit')").await?;
    browser.press(&format!("{TAB}{ENTER}")).await?;
    browser.until("document.activeElement.matches('.confirm .cancel')").await?;
    browser.press(ENTER).await?;
    browser.until("document.activeElement.matches('.delete') && !document.querySelector('.confirm')").await?;
    assert_eq!(all(&visit.rest, ENTRIES, 30).await?[0]["data"]["message"], "Hello");
    let named = "Array.from(document.querySelectorAll('input, textarea, button:not([hidden])')).every((each) => \
        each.labels?.length || each.getAttribute('aria-label') || each.innerText)";
    assert_eq!(browser.value(named).await?, true);
    visit.is_quiet().await
}

#[tokio::test]
async fn it_fits_a_phone_and_a_desktop() -> Outcome {
    let visit = Visit::start().await?;
    let guests = [
        ("Ann", "What a lovely hive. The honey on the windowsill was a nice touch."),
        ("Bartholomew", "Came for the bees, stayed for the bees.\n\nWill come again!"),
        ("Ζωή", "Τι όμορφη κυψέλη!"),
        ("Long", &"wordwithoutanyend".repeat(12)),
    ];
    for (author, message) in guests {
        visit.entry(json!({"author": author, "message": message})).await?;
    }
    let source = "window.shifts = []; new PerformanceObserver((list) => list.getEntries().forEach((entry) => \
        window.shifts.push(entry.toJSON()))).observe({ type: 'layout-shift', buffered: true })";
    visit.browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await?;
    for who in ["guest", "account"] {
        if who == "account" {
            visit
                .enter("sign-up", "Ann of the very long, but not too long name by the lime trees", "correct horse")
                .await?;
            visit.until_known("Ann of the very long, but not too long name by the lime trees").await?;
            visit.browser.find("#message").await?.fill("Mine.").await?;
            visit.browser.find("#sign .primary").await?.click().await?;
            visit.browser.find(".mine").await?;
        }
        for (device, width, height, scheme) in [
            ("phone", 390, 844, "light"),
            ("phone-dark", 390, 844, "dark"),
            ("desktop", 1280, 900, "light"),
            ("desktop-dark", 1280, 900, "dark"),
        ] {
            let name = format!("{device}-{who}");
            visit.browser.device(width, height, scheme).await?;
            visit.open().await?;
            let wide = visit.browser.value("document.documentElement.scrollWidth <= window.innerWidth").await?;
            assert_eq!(wide, true, "{name} scrolls sideways");
            let path = visit.screenshot(&name).await?;
            assert!(path.metadata()?.len() > 10_000, "{}", path.display());
            assert_eq!(visit.browser.value("window.shifts").await?, json!([]), "{name}");
        }
    }
    visit.is_quiet().await
}
