use std::{
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use tracing::warn;
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, reload};

/// What is logged, in the words of [`EnvFilter`].
#[derive(Clone, Debug)]
pub(crate) struct Directives(pub(super) String);

impl FromStr for Directives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Err("no level is named; off is one".to_owned());
        }
        // What ends in no level would be a target, for whose sake all others fall silent.
        let is_level = |part: &str| {
            part.rsplit('=').next().is_some_and(|last| !last.is_empty() && last.parse::<LevelFilter>().is_ok())
        };
        if let Some(part) = parts.iter().find(|part| !is_level(part)) {
            return Err(format!("{part:?} is neither a level nor target=level"));
        }
        let text = parts.join(",");
        EnvFilter::builder().parse(&text).map(|_| Self(text)).map_err(|error| error.to_string())
    }
}

impl Directives {
    fn filter(&self) -> anyhow::Result<EnvFilter> {
        Ok(EnvFilter::builder().parse(&self.0)?)
    }
}

/// What is logged now; it can be changed while the process runs.
pub(crate) struct Levels {
    handle: reload::Handle<EnvFilter, Registry>,
    directives: Mutex<Directives>,
}

impl Levels {
    /// What begins as `directives`, and the filter that follows it.
    pub(super) fn new(directives: &Directives) -> anyhow::Result<(Self, reload::Layer<EnvFilter, Registry>)> {
        let (filter, handle) = reload::Layer::new(directives.filter()?);
        Ok((Self { handle, directives: Mutex::new(directives.clone()) }, filter))
    }

    /// The directives in force.
    pub(crate) fn get(&self) -> String {
        self.directives.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Puts others in their place.
    pub(crate) fn set(&self, directives: Directives) -> anyhow::Result<()> {
        let filter = directives.filter()?;
        let mut current = self.directives.lock().unwrap_or_else(PoisonError::into_inner);
        self.handle.reload(filter).context("the log is closed")?;
        warn!(levels = directives.0, former = current.0, "log levels were changed");
        *current = directives;
        Ok(())
    }
}
