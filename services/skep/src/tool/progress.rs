//! What a person sees of work that takes long.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error; nothing where that is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When it was changed last.
    changed: Cell<Option<Instant>>,
}

/// More changes than this nobody sees.
const BETWEEN: Duration = Duration::from_millis(100);

impl Progress {
    /// Of work whose end is known, in units that nobody is shown. `{msg}` says how far it is.
    pub(crate) fn new(what: &'static str, until: u64) -> Self {
        let bar = ProgressBar::new(until).with_prefix(what);
        let form = "{prefix} {bar:30} {percent:>3} % {msg}, {elapsed} so far, {eta} left";
        bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, changed: Cell::new(None) }
    }

    /// So far it is, with so many `things` done.
    pub(crate) fn at(&self, position: u64, things: u64) {
        if self.changed.get().is_some_and(|changed| changed.elapsed() < BETWEEN) {
            return;
        }
        self.changed.set(Some(Instant::now()));
        self.bar.set_position(position);
        let millis = u64::try_from(self.bar.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = things.saturating_mul(1000) / millis;
        self.bar.set_message(format!("{things} records, {rate}/s"));
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
