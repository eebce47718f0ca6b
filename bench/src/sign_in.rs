//! Reads while passwords are tried: a hash costs as much as some hundred of them.

use std::time::Duration;

use integration::Program;
use serde_json::json;

use crate::{
    compare::{Case, Round, progress, table},
    load::{self, Ask, Outcome},
    measure::{Plan, insert, some_gets},
};

const SIGNING_IN: usize = 64;
const NAME: &str = "ann";
const PASSWORD: &str = "correct horse";

pub(crate) fn run(plan: Plan) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare(plan))
}

#[allow(clippy::print_stdout, reason = "the table is what it is for")]
async fn compare(plan: Plan) -> anyhow::Result<()> {
    let skep = Program::skep()?.arg("--example").arg("guestbook").start().await?;
    let (addr, rest) = (skep.door("rest")?, skep.http("rest")?);
    rest.post("/v1/accounts").json(json!({"name": NAME, "password": PASSWORD})).await?.expect(201);
    load::run(addr, plan.connections, Duration::from_millis(500), false, |_, n| insert(n)).await?;
    let get = some_gets(addr).await?;

    let passwords = [None, Some("wrong horse"), Some(PASSWORD)];
    let mut cases = ["alone", "beside wrong passwords", "beside right passwords"].map(Case::new);
    let mut tried = passwords.map(|_| Vec::new());
    for round in 0..plan.rounds {
        progress(format_args!("round {} of {}", round + 1, plan.rounds));
        for (at, password) in passwords.into_iter().enumerate() {
            let reads = load::run(addr, plan.connections, plan.time, false, get.clone());
            let sign_ins = async {
                let Some(password) = password else { return Ok(Outcome::default()) };
                load::run(addr, SIGNING_IN, plan.time, false, move |_, _| sign_in(password)).await
            };
            let (reads, sign_ins) = tokio::try_join!(reads, sign_ins)?;
            cases[at].rounds.push(Round { outcome: reads, ..Round::default() });
            tried[at].push(sign_ins);
        }
    }
    table(&format!("get by id, {} connections", plan.connections), &cases);
    println!();
    for (case, tried) in cases.iter().zip(&tried).skip(1) {
        let (accepted, refused, wall) = tried.iter().fold((0, 0, Duration::ZERO), |(accepted, refused, wall), each| {
            (accepted + each.taken.len(), refused + each.failed, wall + each.wall)
        });
        let rate = load::count(accepted + refused) / wall.as_secs_f64();
        println!("{}: {rate:.0} sign-ins a second, {accepted} accepted, {refused} refused", case.name);
    }
    Ok(())
}

fn sign_in(password: &str) -> Ask {
    let body = json!({"name": NAME, "password": password}).to_string();
    Ask { method: "POST", path: "/v1/sessions".into(), body }
}
