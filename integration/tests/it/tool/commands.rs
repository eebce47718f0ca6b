//! What an operator asks and changes.

mod accounts;
mod apply;
mod records;
mod status;

use std::net::TcpListener;

use integration::{House, Program};
use serde_json::Value;

/// What a command told.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Told {
    /// Asserts the exit code, and gives on what was told.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Asserts that it failed with this code, printed nothing and told why.
    #[track_caller]
    fn fails(self, code: i32, why: &str) {
        let told = self.exits(code);
        assert!(told.out.is_empty() && told.err.contains(why), "{told:#?}");
    }

    /// Standard output, of which every line is JSON.
    fn lines(&self) -> anyhow::Result<Vec<Value>> {
        self.out.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// `skep` with these arguments, which speaks to the house.
fn tool(house: &House, args: &[&str]) -> anyhow::Result<Program> {
    let mut tool = Program::tool("skep")?.env("SKEP_ADDR", house.engine().door("grpc")?.to_string());
    if house.storage.is_some() {
        tool = tool.env("INTERNAL_TOKEN", House::token());
    }
    Ok(args.iter().fold(tool, |tool, arg| tool.arg(*arg)))
}

async fn run(tool: &Program) -> anyhow::Result<Told> {
    let output = tool.run().await?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok(Told { code: output.status.code(), out, err })
}

async fn skep(house: &House, args: &[&str]) -> anyhow::Result<Told> {
    run(&tool(house, args)?).await
}

/// As [`skep`], with this on standard input.
async fn given(house: &House, input: &str, args: &[&str]) -> anyhow::Result<Told> {
    run(&tool(house, args)?.below(&["sh", "-c", r#"printf %s "$0" | "$@""#, input])).await
}

/// As [`skep`], on a terminal where this is written; what the terminal shows is standard output.
async fn written(house: &House, keys: &str, args: &[&str]) -> anyhow::Result<Told> {
    let terminal = r#"printf "$0" | /usr/bin/script --quiet --return --command "$*" /dev/null"#;
    run(&tool(house, args)?.below(&["sh", "-c", terminal, keys])).await
}

/// An address where nobody listens: other tests have theirs at 127.0.0.1.
fn nobody() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.9.9.9:0")?.local_addr()?.to_string())
}
