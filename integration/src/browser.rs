use std::{
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{eventually, rest::client};

const PAGE_BOUND: Duration = Duration::from_secs(20);
const EXIT_BOUND: Duration = Duration::from_secs(2);
/// The name that WebDriver gives to a reference to an element (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A headless Chromium with a fresh profile, driven by WebDriver. Dropping it ends both processes.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    session: String,
    chromium: Option<Pid>,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; the error says what to install if there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let profile = TempDir::with_prefix("chromium-")?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", profile.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver does not start: on Debian, apt-get install chromium chromium-driver")?;
        let mut lines = BufReader::new(driver.stdout.take().context("no standard output")?).lines();
        let port = loop {
            let line = lines.next_line().await?.context("chromedriver ended at its start")?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let http = client().timeout(PAGE_BOUND).build()?;
        let flags: Vec<_> = FLAGS
            .map(String::from)
            .into_iter()
            .chain([format!("--user-data-dir={}", profile.path().display())])
            .collect();
        let wish = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { http, session: base.clone(), chromium: None, _driver: driver, _profile: profile };
        let session = browser.command(Method::POST, "", wish).await.context("Chromium does not start")?;
        let id = session["capabilities"]["goog:processID"].as_i64().context("Chromium tells no process id")?;
        browser.chromium = Some(Pid::from_raw(id.try_into()?));
        browser.session = format!("{base}/{}", session["sessionId"].as_str().context("no session")?);
        Ok(browser)
    }

    async fn command(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::GET { request } else { request.json(&body) };
        let mut answer: Value = request.send().await?.json().await?;
        let value = answer["value"].take();
        if value["error"].is_string() {
            bail!("{path}: {}: {}", value["error"], value["message"]);
        }
        Ok(value)
    }

    /// Goes to a page, and waits until it has loaded.
    pub async fn open(&self, url: &str) -> anyhow::Result<()> {
        self.command(Method::POST, "/url", json!({"url": url})).await.map(drop)
    }

    /// Looks at pages as a device does: width and height in CSS pixels, `light` or `dark`.
    pub async fn device(&self, width: u32, height: u32, scheme: &str) -> anyhow::Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await.map(drop)
    }

    /// Speaks the DevTools protocol.
    pub async fn devtools(&self, command: &str, params: Value) -> anyhow::Result<Value> {
        self.command(Method::POST, "/goog/cdp/execute", json!({"cmd": command, "params": params})).await
    }

    /// The value of a JavaScript expression in the page.
    pub async fn value(&self, expression: &str) -> anyhow::Result<Value> {
        let script = json!({"script": format!("return ({expression})"), "args": []});
        self.command(Method::POST, "/execute/sync", script).await
    }

    /// Waits until a JavaScript expression is true in the page.
    pub async fn until(&self, expression: &str) -> anyhow::Result<()> {
        eventually(expression, PAGE_BOUND, async || self.value(expression).await.ok().filter(|value| value == true))
            .await
            .map(drop)
    }

    /// Waits for the first element that a CSS selector finds.
    pub async fn find(&self, selector: &str) -> anyhow::Result<Element<'_>> {
        let wish = json!({"using": "css selector", "value": selector});
        let id = eventually(selector, PAGE_BOUND, async || {
            let found = self.command(Method::POST, "/element", wish.clone()).await.ok()?;
            found[ELEMENT].as_str().map(str::to_owned)
        });
        Ok(Element { browser: self, path: format!("/element/{}", id.await?) })
    }

    /// Types into whatever has the focus; `\u{E004}` is Tab, `\u{E007}` Enter, `\u{E00C}` Escape.
    pub async fn press(&self, keys: &str) -> anyhow::Result<()> {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.command(Method::POST, "/actions", actions).await.map(drop)
    }

    /// What the page has logged to its console since the last question.
    pub async fn console(&self) -> anyhow::Result<Vec<Value>> {
        let lines = self.command(Method::POST, "/se/log", json!({"type": "browser"})).await?;
        Ok(lines.as_array().context("no log")?.clone())
    }

    /// Writes what is seen to a PNG file.
    pub async fn screenshot(&self, path: &Path) -> anyhow::Result<()> {
        let image = self.command(Method::GET, "/screenshot", Value::Null).await?;
        Ok(fs::write(path, BASE64_STANDARD.decode(image.as_str().context("no image")?)?)?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let Some(id) = self.chromium else { return };
        let _ = kill(id, Signal::SIGKILL);
        // It is the driver's child, which reaps it; until then it may still write to the profile.
        let end = Instant::now() + EXIT_BOUND;
        while kill(id, None).is_ok() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// An element of the page.
#[derive(Debug)]
pub struct Element<'a> {
    browser: &'a Browser,
    path: String,
}

impl Element<'_> {
    /// Clicks in its middle, as a person does; fails if something is in front of it.
    pub async fn click(&self) -> anyhow::Result<()> {
        self.browser.command(Method::POST, &format!("{}/click", self.path), json!({})).await.map(drop)
    }

    /// Puts text in place of what a field holds.
    pub async fn fill(&self, text: &str) -> anyhow::Result<()> {
        self.browser.command(Method::POST, &format!("{}/clear", self.path), json!({})).await?;
        self.browser.command(Method::POST, &format!("{}/value", self.path), json!({"text": text})).await.map(drop)
    }

    /// The text that is seen of it.
    pub async fn text(&self) -> anyhow::Result<String> {
        let text = self.browser.command(Method::GET, &format!("{}/text", self.path), Value::Null).await?;
        Ok(text.as_str().context("no text")?.to_owned())
    }
}
