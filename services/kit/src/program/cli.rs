use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use clap_complete::Shell;

use super::{
    Program,
    common::{Common, own_url},
    job::Work,
    pages,
    question::Question,
};
use crate::{
    Config,
    config::{Setting, Sources, Values},
};

const PRINT_CONFIG: &str = "print-config";
const HEALTHCHECK: &str = "healthcheck";
const URL: &str = "URL";
const LOG: &str = "log";
const LEVELS: &str = "LEVELS";
const COMPLETIONS: &str = "completions";
const SHELL: &str = "SHELL";
const MANUAL: &str = "manual";
const FOLDER: &str = "FOLDER";
const SAME: &str = "Each flag is also the environment variable in brackets; a flag goes before it.";

/// What the command line asks for.
pub(super) enum Call<C> {
    Serve(Settings<C>),
    /// Do this, and be done.
    Work(Work),
    /// Ask a process that runs.
    Ask(Question),
    /// Tell this on standard output and be done.
    Print(String),
    /// Tell this on standard error and exit as misused.
    Refuse(String),
}

/// Settings that hold no fault.
pub(super) struct Settings<C> {
    pub(super) common: Common,
    pub(super) config: C,
    /// `NAME=value` a line, secrets hidden.
    pub(super) shown: String,
}

pub(super) fn parse<C: Config>(
    program: &Program,
    args: Vec<OsString>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Call<C> {
    let settings = settings::<C>(program);
    let matches = match command(program, &settings).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => return Call::Refuse(error.render().to_string()),
        Err(help) => return Call::Print(help.render().to_string()),
    };
    let (name, matches) = matches.subcommand().map_or(("", &matches), |(name, below)| (name, below));
    let leaf = deepest(matches);
    let flag = |name: &str| leaf.try_get_one::<OsString>(name).ok().flatten().cloned();
    let sources = Sources { flag: &flag, env };
    if let Some(job) = program.jobs.iter().find(|job| job.name == name) {
        let mut values = sources.read(&(job.settings)());
        let work = (job.begin)(&mut values, matches);
        return match values.faults() {
            [] => Call::Work(work),
            faults => refuse(program, "does nothing", faults),
        };
    }
    match name {
        COMPLETIONS => {
            let shell = matches.get_one::<Shell>(SHELL).copied().unwrap_or(Shell::Bash);
            return Call::Print(pages::completions(command(program, &settings), shell));
        }
        MANUAL => {
            let folder = matches.get_one::<PathBuf>(FOLDER).cloned().unwrap_or_default();
            return match pages::manual(command(program, &settings), &folder) {
                Ok(told) => Call::Print(told),
                Err(error) => Call::Refuse(format!("{}: {error:#}\n", program.name)),
            };
        }
        _ => {}
    }
    let mut values = sources.read(&settings);
    let given = |name: &str| matches.get_one::<OsString>(name).map(|given| given.to_string_lossy().into_owned());
    let question = match name {
        HEALTHCHECK => {
            let url = given(URL).unwrap_or_else(|| own_url(&mut values, "/healthz"));
            Question { method: "GET", url, body: String::new() }
        }
        LOG => {
            let (levels, url) = (given(LEVELS), own_url(&mut values, "/log"));
            let method = if levels.is_some() { "PUT" } else { "GET" };
            Question { method, url, body: levels.unwrap_or_default() }
        }
        _ => return checked(program, matches, values),
    };
    // It may be asked where the secrets of its process cannot be read.
    let faults: Vec<_> = values.faults().iter().filter(|fault| fault.starts_with("METRICS_ADDR ")).cloned().collect();
    if faults.is_empty() { Call::Ask(question) } else { refuse(program, "cannot ask", &faults) }
}

/// What the innermost command was given, with the flags of those around it.
fn deepest(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, below)) = matches.subcommand() {
        matches = below;
    }
    matches
}

fn checked<C: Config>(program: &Program, matches: &ArgMatches, mut values: Values) -> Call<C> {
    let (common, config) = (Common::read(&mut values), C::read(&mut values));
    match values.faults() {
        [] if matches.get_flag(PRINT_CONFIG) => Call::Print(values.print()),
        [] => Call::Serve(Settings { common, config, shown: values.print() }),
        faults => refuse(program, "does not start", faults),
    }
}

fn refuse<C>(program: &Program, what: &str, faults: &[String]) -> Call<C> {
    Call::Refuse(format!(
        "{name} {what}: its settings are at fault.\n  {faults}\nSee {name} --help.\n",
        name = program.name,
        faults = faults.join("\n  "),
    ))
}

/// Every setting once, the service's own first, with the program's defaults.
fn settings<C: Config>(program: &Program) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for mut setting in C::settings().into_iter().chain(Common::settings()) {
        if settings.iter().all(|known| known.name != setting.name) {
            let default = program.defaults.iter().find(|(name, _)| *name == setting.name);
            setting.default = default.map_or(setting.default, |(_, value)| Some(value));
            settings.push(setting);
        }
    }
    settings
}

fn command(program: &Program, settings: &[Setting]) -> Command {
    let args = || settings.iter().map(argument).chain([print_config()]);
    let healthcheck = Command::new(HEALTHCHECK)
        .about("Asks a process whether it is well: exits with 0 or 1, as a container's health check")
        .arg(Arg::new(URL).value_parser(clap::value_parser!(OsString)).help("what to ask [default: this process]"));
    let log = Command::new(LOG)
        .about("Shows what a process that runs logs, or changes it until it ends")
        .arg(Arg::new(LEVELS).value_parser(clap::value_parser!(OsString)).help("as in LOG, such as info,gate=debug"));
    let serve = program.default_subcommand.map(|name| {
        let about = format!("{} (also without a command)", program.about);
        Command::new(name).about(about).args(args()).after_help(example(program, settings))
    });
    let jobs = program.jobs.iter().map(|job| {
        let settings = (job.settings)();
        let flags = settings.iter().map(|setting| argument(setting).global(true));
        (job.shape)(Command::new(job.name).about(job.about).after_help(SAME)).args(flags)
    });
    let for_people = program.default_subcommand.is_some().then(|| {
        let completions = Command::new(COMPLETIONS)
            .about("Prints what a shell reads to complete commands")
            .arg(Arg::new(SHELL).required(true).value_parser(clap::value_parser!(Shell)))
            .after_help("Example:\n  source <(skep completions bash)".replace("skep", program.name));
        let manual = Command::new(MANUAL)
            .about("Writes a page of the manual for each command")
            .arg(Arg::new(FOLDER).required(true).value_parser(clap::value_parser!(PathBuf)));
        [completions, manual]
    });
    Command::new(program.name)
        .about(program.about)
        .version(program.version)
        .args(args())
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommands(serve.into_iter().chain(jobs).chain([healthcheck, log]).chain(for_people.into_iter().flatten()))
        .after_help(example(program, settings))
}

fn argument(setting: &Setting) -> Arg {
    let help = match (setting.secret, setting.default) {
        (true, _) => format!("a file with {} [{}, or {}]", setting.help, setting.name, setting.file_name()),
        (_, Some(default)) => format!("{} [{}; default: {default}]", setting.help, setting.name),
        (_, None) => format!("{} [{}]", setting.help, setting.name),
    };
    Arg::new(if setting.secret { setting.file_name() } else { setting.name.to_owned() })
        .long(setting.flag())
        .value_name(if setting.secret { "PATH" } else { "VALUE" })
        .value_parser(clap::value_parser!(OsString))
        .allow_negative_numbers(true)
        .help(help)
}

fn print_config() -> Arg {
    Arg::new(PRINT_CONFIG)
        .long(PRINT_CONFIG)
        .action(ArgAction::SetTrue)
        .help("print the settings in force, secrets hidden, and exit")
}

fn example(program: &Program, settings: &[Setting]) -> String {
    let name = program.name;
    let usual = settings.iter().find_map(|setting| Some((setting, setting.default.filter(|_| !setting.secret)?)));
    let first = usual.map_or_else(String::new, |(setting, value)| {
        format!("  {name} --{} {value}\n  {}={value} {name}   (the same)\n", setting.flag(), setting.name)
    });
    format!(
        "{SAME}\n\nExamples:\n{first}  \
         LOG=debug {name} --print-config\n  {name} {HEALTHCHECK} && echo well"
    )
}
