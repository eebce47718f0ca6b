use std::{fmt::Display, str::FromStr};

use super::Setting;

/// The texts of all settings, and the faults found so far.
#[derive(Debug, Default)]
pub struct Values {
    given: Vec<Given>,
    faults: Vec<String>,
}

/// A setting, and the text that a flag, the environment or a file gave it.
struct Given {
    setting: Setting,
    text: Option<String>,
}

impl Values {
    /// The value, or the default. `None` when there is neither, or when it cannot be read: then a fault
    /// is noted.
    pub fn get<T: FromStr>(&mut self, setting: &Setting) -> Option<T>
    where
        T::Err: Display,
    {
        let Some(Given { setting, text }) = self.find(setting.name) else {
            self.fault(setting.name, "is read, but is not among the settings of this program.");
            return None;
        };
        let (setting, text) = (*setting, text.as_deref().or(setting.default)?);
        let why = match text.parse() {
            Ok(value) => return Some(value),
            // What a parser says may quote the text.
            Err(_) if setting.secret => "is not of its form.".to_owned(),
            Err(error) => format!("is {text:?}, which cannot be read: {error}."),
        };
        let example = setting.default.filter(|_| !setting.secret);
        let example = example.map(|value| format!(", for example {}={value}", setting.name)).unwrap_or_default();
        self.fault(setting.name, format_args!("{why} It is {}{example}.", setting.help));
        None
    }

    /// The value of a setting that has a default. Where the given text cannot be read a fault is noted,
    /// and the default stands in.
    ///
    /// # Panics
    ///
    /// When the setting has no default, or one that cannot be read: a mistake in the program.
    pub fn value<T: FromStr>(&mut self, setting: &Setting) -> T
    where
        T::Err: Display,
    {
        self.get(setting).unwrap_or_else(|| {
            let known = self.find(setting.name).map_or(*setting, |given| given.setting);
            let value = known.default.and_then(|default| default.parse().ok());
            value.unwrap_or_else(|| panic!("{} has no default that can be read", known.name))
        })
    }

    /// Notes what is wrong with the setting `name`, also across settings: `why` follows the name, as a
    /// sentence that says what to do.
    pub fn fault(&mut self, name: &'static str, why: impl Display) {
        self.faults.push(format!("{name} {why}"));
    }

    /// What is wrong, a sentence each.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    pub(super) fn note(&mut self, setting: Setting, text: Option<String>) {
        self.given.push(Given { setting, text });
    }

    /// The effective values, `NAME=value` a line; secrets hidden, what is not set empty.
    pub(crate) fn print(&self) -> String {
        let shown = |Given { setting, text }: &Given| match text.as_deref().or(setting.default) {
            Some(_) if setting.secret => format!("{}=(hidden)\n", setting.name),
            text => format!("{}={}\n", setting.name, text.unwrap_or_default()),
        };
        self.given.iter().map(shown).collect()
    }

    fn find(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.setting.name == name)
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.setting.name)
    }
}
