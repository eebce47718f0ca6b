//! Configuration from flags, environment variables and, for secrets, files. Everything is read before
//! anything starts, and every fault is told at once.

mod address;
mod period;
mod sources;
#[cfg(test)]
mod tests;
mod values;

pub use address::Address;
pub use bytesize::ByteSize;
pub use period::Period;
pub(crate) use sources::Sources;
pub use values::Values;

/// One environment variable, which is also a flag: `GATE_ADDR` is `--gate-addr`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) secret: bool,
}

impl Setting {
    /// A setting without a default. `help` says what it is, and fits after "It is" or before its default.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, default: None, secret: false }
    }

    /// The value when none is given; a [`Program`](crate::Program) may override it.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// A value that is never shown, and that no flag takes: it is given as `NAME`, or in a file that
    /// `NAME_FILE` or `--name-file` names (a Docker secret).
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The variable that names the file with a secret's value.
    pub(crate) fn file_name(&self) -> String {
        format!("{}_FILE", self.name)
    }

    /// The flag, without its dashes.
    pub(crate) fn flag(&self) -> String {
        let name = if self.secret { self.file_name() } else { self.name.to_owned() };
        name.to_ascii_lowercase().replace('_', "-")
    }
}

/// A service's typed configuration.
pub trait Config: Sized {
    /// Every setting that [`read`](Self::read) asks for.
    fn settings() -> Vec<Setting>;

    /// Builds the configuration. Faults gather in `values`; where there is one, what this returns is
    /// thrown away.
    fn read(values: &mut Values) -> Self;
}
