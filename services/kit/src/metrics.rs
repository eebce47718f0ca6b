use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::Program;

/// Upper bounds of every histogram, in seconds.
const BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How often histograms are folded, so that they stay small when nobody reads them.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: Arc<PrometheusHandle>,
    started: Instant,
}

/// Makes this process count what the macros of the crate `metrics` say.
pub(crate) fn install(program: &Program) -> anyhow::Result<Metrics> {
    let builder = PrometheusBuilder::new().set_buckets(BUCKETS).context("the buckets are empty")?;
    let handle = builder.install_recorder().context("metrics are counted already")?;
    metrics::describe_gauge!("skep_build_info", "The version that runs; always 1");
    metrics::gauge!("skep_build_info", "program" => program.name, "version" => program.version).set(1.0);
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    metrics::describe_gauge!("process_start_time_seconds", "When the process started, in seconds since 1970");
    metrics::gauge!("process_start_time_seconds").set(since_epoch.as_secs_f64());
    metrics::describe_gauge!("process_uptime_seconds", "How long the process runs");
    metrics::describe_counter!("skep_log_lines_lost_total", "Log lines that were not written");
    Ok(Metrics { handle: Arc::new(handle), started: Instant::now() })
}

impl Metrics {
    /// All metrics, in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        metrics::gauge!("process_uptime_seconds").set(self.started.elapsed().as_secs_f64());
        self.handle.render()
    }
}

/// Looks after the metrics for as long as the process lives.
pub(crate) async fn keep(metrics: Metrics) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.handle.run_upkeep();
    }
}
