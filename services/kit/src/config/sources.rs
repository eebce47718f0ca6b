use std::{ffi::OsString, fs::File, io::Read, path::Path};

use super::{Setting, Values};

/// A secret's file is longer than any secret: more is not read.
const SECRET_BYTES: u64 = 64 * 1024;

/// Where the texts come from. Each answers for a name; an empty text counts as none.
pub(crate) struct Sources<'a> {
    /// The flag of a variable.
    pub(crate) flag: &'a dyn Fn(&str) -> Option<OsString>,
    /// The environment variable.
    pub(crate) env: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Sources<'_> {
    /// Looks every setting up, once each: flag, then environment, then, for a secret, its file.
    pub(crate) fn read(&self, settings: &[Setting]) -> Values {
        let mut values = Values::default();
        for setting in settings {
            let text = self.text(setting).unwrap_or_else(|why| {
                values.fault(setting.name, why);
                None
            });
            values.note(*setting, text);
        }
        values
    }

    fn text(&self, setting: &Setting) -> Result<Option<String>, String> {
        let given = |source: &dyn Fn(&str) -> Option<OsString>, name: &str| source(name).filter(|it| !it.is_empty());
        if !setting.secret {
            let text = given(self.flag, setting.name).or_else(|| given(self.env, setting.name));
            return text.map(unicode).transpose();
        }
        let name = setting.file_name();
        let file = given(self.flag, &name).or_else(|| given(self.env, &name));
        match (given(self.env, setting.name), file) {
            (Some(_), Some(_)) => Err(format!("and {name} are both given. Give one of them.")),
            (None, Some(path)) => secret_file(Path::new(&path)).map(Some),
            (text, None) => text.map(unicode).transpose(),
        }
    }
}

fn unicode(text: OsString) -> Result<String, String> {
    text.into_string().map_err(|_| "is not UTF-8. Write it in UTF-8.".to_owned())
}

/// Reads a secret without the line feed that editors put at the end. Nothing here quotes what was read.
fn secret_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SECRET_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read from {}: {error}. Name a readable file.", path.display()))?;
    let fault = |what: &str| format!("cannot be read from {}: {what}.", path.display());
    if bytes.len() as u64 > SECRET_BYTES {
        return Err(fault("it is longer than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(fault("it is empty")),
        text => Ok(text.to_owned()),
    }
}
