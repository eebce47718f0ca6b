//! Cases measured in turn, round by round, each beside the first: the machine's speed drifts.

use std::{fs, time::Duration};

use crate::load::{Outcome, count};

/// Of the kernel's clock in /proc, per second.
const TICKS: f64 = 100.0;

/// One way of doing the work, and what each round said of it.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Round>,
}

/// One measurement.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) outcome: Outcome,
    /// Seconds that the measured processes spent on it.
    pub(crate) cpu: f64,
    /// Seconds that the whole machine spent meanwhile: the nodes and the load too.
    pub(crate) machine: f64,
}

impl Round {
    /// Microseconds a request.
    fn cpu_per_request(&self) -> f64 {
        self.per_request(self.cpu)
    }

    fn per_request(&self, seconds: f64) -> f64 {
        seconds * 1e6 / count(self.outcome.taken.len().max(1))
    }
}

impl Case {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), rounds: Vec::new() }
    }
}

/// Prints a row for every case; the first is the floor of all ratios, each taken within its round.
#[allow(clippy::print_stdout, reason = "the table is what it is for")]
pub(crate) fn table(title: &str, cases: &[Case]) {
    println!(
        "\n| {title} | requests/s | of the first | p50 | p99 | failed | CPU a request | of the first | of the whole machine | of the first |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for case in cases {
        let floor = &cases[0].rounds;
        let told = |of: &dyn Fn(&Round) -> f64| spread(case.rounds.iter().map(of));
        let beside = |of: &dyn Fn(&Round) -> f64| spread(case.rounds.iter().zip(floor).map(|(a, b)| of(a) / of(b)));
        let millis = |per_mille| told(&|round| round.outcome.quantile(per_mille).as_secs_f64() * 1e3).median(1);
        let failed: usize = case.rounds.iter().map(|round| round.outcome.failed).sum();
        let spent = |of: &dyn Fn(&Round) -> f64| {
            if case.rounds.iter().all(|round| of(round) > 0.0) {
                format!("{} µs | {}", told(of).median(0), beside(of))
            } else {
                "– | –".to_owned()
            }
        };
        println!(
            "| {} | {} | {} | {} ms | {} ms | {failed} | {} | {} |",
            case.name,
            told(&|round| round.outcome.per_second()).median(0),
            beside(&|round| round.outcome.per_second()),
            millis(500),
            millis(990),
            spent(&Round::cpu_per_request),
            spent(&|round| round.per_request(round.machine)),
        );
    }
}

/// Says on standard error how far it is.
pub(crate) fn progress(what: impl std::fmt::Display) {
    eprintln!("bench: {what}");
}

/// The CPU time that these processes have used, in seconds.
pub(crate) fn cpu(processes: &[u32]) -> anyhow::Result<f64> {
    processes.iter().try_fold(0.0, |sum, id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        Ok(sum + (fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS)
    })
}

/// The CPU time that the whole machine has used, in seconds.
pub(crate) fn machine() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user, nice, system, idle, iowait, irq, softirq, steal (proc(5)); what follows is counted in the first two.
    let busy = fields.enumerate().filter(|(at, _)| [0, 1, 2, 5, 6].contains(at));
    Ok(busy.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

/// Median, least and greatest.
struct Spread(f64, f64, f64);

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    Spread(at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}

impl Spread {
    fn median(&self, digits: usize) -> String {
        format!("{:.digits$}", self.0)
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.0, self.1, self.2)
    }
}

/// Repeats `work` by so many clients, each at once after its last, until `time` is over. `work` is told its client.
pub(crate) async fn repeat(clients: usize, time: Duration, work: impl AsyncFn(usize) -> anyhow::Result<()>) -> Outcome {
    let started = std::time::Instant::now();
    let clients = (0..clients).map(async |client| {
        let (mut taken, mut failed) = (Vec::new(), 0);
        while started.elapsed() < time {
            let begun = std::time::Instant::now();
            match work(client).await {
                Ok(()) => taken.push(begun.elapsed()),
                Err(error) => {
                    failed += 1;
                    if failed == 1 {
                        progress(format_args!("client {client}: {error:#}"));
                    }
                }
            }
        }
        (taken, failed)
    });
    let mut outcome = Outcome::default();
    for (taken, failed) in futures_util::future::join_all(clients).await {
        outcome.taken.extend(taken);
        outcome.failed += failed;
    }
    outcome.wall = started.elapsed();
    outcome.taken.sort_unstable();
    outcome
}
