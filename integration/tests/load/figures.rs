use std::{
    fmt,
    io::{Write, stderr},
    time::{Duration, Instant},
};

/// What a load saw under one fault. What must not be is told in words.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) fault: String,
    pub(crate) requests: u64,
    pub(crate) repeated: u64,
    pub(crate) failed: Vec<String>,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) stale: Vec<String>,
    pub(crate) slowest: Duration,
    /// What it was to be below.
    pub(crate) promised: Duration,
}

/// All of them, written to standard error as they come: the test runner would keep what print! writes to itself.
pub(crate) struct Table {
    rows: Vec<Figures>,
    begun: Instant,
}

impl Table {
    pub(crate) fn begin() -> anyhow::Result<Self> {
        let head = "| fault | requests | repeated | failed | lost | doubled | stale | slowest | after |";
        writeln!(stderr(), "{head}\n|---|---|---|---|---|---|---|---|---|")?;
        Ok(Self { rows: Vec::new(), begun: Instant::now() })
    }

    pub(crate) fn push(&mut self, row: Figures) -> anyhow::Result<()> {
        writeln!(stderr(), "{row} {} s |", self.begun.elapsed().as_secs())?;
        self.rows.push(row);
        Ok(())
    }

    /// Nothing failed, was lost, was made twice or was stale, and nothing took longer than was promised.
    pub(crate) fn judge(&self) {
        for row in &self.rows {
            let wrong = [&row.failed, &row.lost, &row.doubled, &row.stale];
            assert!(wrong.iter().all(|wrong| wrong.is_empty()), "{row:#?}");
            assert!(row.requests > 100, "{row:#?}");
            assert!(row.slowest < row.promised, "{row:#?}");
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, requests, repeated, failed, lost, doubled, stale, slowest, .. } = self;
        let [failed, lost, doubled, stale] = [failed, lost, doubled, stale].map(Vec::len);
        let slowest = slowest.as_secs_f64();
        write!(f, "| {fault} | {requests} | {repeated} | {failed} | {lost} | {doubled} | {stale} | {slowest:.1} s |")
    }
}
