//! `bench`: Skep beside a bare axum echo, in turn, on the same machine. Ratios, not promises.

mod archive;
mod cassandra;
mod channel;
mod compare;
mod echo;
mod load;
mod logging;
mod measure;
mod queries;
mod sign_in;

use std::{process::ExitCode, time::Duration};

use clap::{Arg, ArgMatches, Command, value_parser};

fn main() -> ExitCode {
    let number = |(name, default, help): (&'static str, &'static str, &'static str)| {
        Arg::new(name).long(name).default_value(default).value_parser(value_parser!(u64)).help(help)
    };
    let numbers = [
        ("connections", "64", "Connections that ask at once"),
        ("seconds", "5", "How long each measurement takes"),
        ("rounds", "3", "How often each is repeated; the median is told"),
    ]
    .map(number);
    let command = Command::new("bench")
        .about("Measures `skep serve` beside a bare axum echo (build first: cargo build --release --workspace --bins)")
        .args(&numbers)
        .subcommand(Command::new("echo").about("Serves the echo, and prints its address").hide(true))
        .subcommand(
            Command::new("sign-in")
                .about("Measures reads beside reads while 64 clients sign in, over and over")
                .args(&numbers),
        )
        .subcommand(
            Command::new("channel")
                .about("Measures the gate's balanced way to storage beside a plain channel of tonic")
                .args(&numbers),
        )
        .subcommand(
            Command::new("logging")
                .about("Measures requests with log lines in files beside those without, in one process and on Cassandra; writes a million lines, and looks for each")
                .args(&numbers),
        )
        .subcommand(
            Command::new("queries")
                .about("Measures pages that indexes serve, of 1,000 records beside those of many")
                .args(&numbers)
                .arg(number(("records", "1000000", "How many are many"))),
        )
        .subcommand(
            Command::new("archive")
                .about("Measures exports and imports beside bare calls of storage, from one process to Cassandra and back")
                .args([("records", "1000000", "How many"), ("on-cassandra", "1000000", "How many there")].map(number)),
        )
        .subcommand(cassandra::command())
        .subcommands(cassandra::hidden());
    let asked = command.get_matches();
    let outcome = match asked.subcommand() {
        Some(("echo", _)) => echo::serve(),
        Some(("sign-in", asked)) => sign_in::run(plan(asked)),
        Some(("channel", asked)) => channel::run(plan(asked)),
        Some(("logging", asked)) => logging::run(plan(asked)),
        Some(("queries", asked)) => {
            let large = asked.get_one::<u64>("records").copied().unwrap_or_default();
            queries::run(plan(asked), usize::try_from(large).unwrap_or(usize::MAX))
        }
        Some(("archive", asked)) => {
            let number = |name: &str| asked.get_one::<u64>(name).copied().unwrap_or_default();
            archive::run(number("records"), number("on-cassandra"))
        }
        Some(("cassandra", asked)) => cassandra::run(asked),
        Some((_, asked)) => cassandra::serve(asked),
        None => measure::all(plan(&asked)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn plan(asked: &ArgMatches) -> measure::Plan {
    let number = |name: &str| asked.get_one::<u64>(name).copied().unwrap_or_default();
    measure::Plan {
        connections: usize::try_from(number("connections")).unwrap_or(64),
        time: Duration::from_secs(number("seconds")),
        rounds: usize::try_from(number("rounds")).unwrap_or(3),
    }
}
