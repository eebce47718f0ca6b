//! Where a field is.

use std::fmt;

use crate::{Fault, reader::Reader};

/// Names of a path at most.
pub const MAX_PARTS: usize = 32;
/// Bytes of a path at most, counting its names without quotes and a dot between each two.
pub const MAX_PATH_BYTES: usize = 255;
/// Begins a path that is of the data whatever comes next.
const DATA: &str = "data";

/// A field of a record. Paths have an order: own fields, then those of the data, each before what is inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// One of the record's own.
    Own(Own),
    /// The names from the data's object inwards, at least one.
    Data(Vec<String>),
}

/// A field that every record has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Own {
    /// `id`
    Id,
    /// `owner`
    Owner,
    /// `created_at`
    CreatedAt,
    /// `updated_at`
    UpdatedAt,
    /// `version`
    Version,
}

impl Own {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Id, Self::Owner, Self::CreatedAt, Self::UpdatedAt, Self::Version];

    /// As clients write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Owner => "owner",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::Version => "version",
        }
    }
}

impl Path {
    /// The field that `text` names in a filter, an order or a choice of fields.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::new(text);
        let path = reader.path()?;
        reader.end("a name has letters, digits, _ and -; any other wants quotes, as in data.\"full name\"")?;
        Ok(path)
    }

    /// The field of the data that `text` names where an index is declared: own names have no meaning there, and a name
    /// needs quotes only if it has a dot or a control character, or begins with a quote.
    pub fn data(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::new(text);
        let path = reader.any_path(|c| c != '.' && !c.is_control(), |_| None)?;
        reader.end("names are joined by dots, and one with a dot or a control character wants quotes")?;
        reader.no_whole(path)
    }
}

/// The names from the data's object inwards; none for an own field.
impl AsRef<[String]> for Path {
    fn as_ref(&self) -> &[String] {
        match self {
            Self::Own(_) => &[],
            Self::Data(names) => names,
        }
    }
}

/// As [`Path::parse`] and [`Path::data`] read it, with `data.` and quotes only where they are needed.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = match self {
            Self::Own(own) => return f.write_str(own.name()),
            Self::Data(names) => names,
        };
        let means_else = |name: &str| own(name).is_some() || matches!(name, "AND" | "OR" | "NOT");
        for (i, name) in names.iter().enumerate() {
            let quoted = name.is_empty() || !name.chars().all(is_plain);
            if i > 0 {
                f.write_str(".")?;
            } else if quoted || name == DATA || (names.len() == 1 && means_else(name)) {
                write!(f, "{DATA}.")?;
            }
            if quoted { write!(f, "{}", serde_json::Value::from(&**name))? } else { f.write_str(name)? }
        }
        Ok(())
    }
}

/// What a name has without quotes.
pub(crate) fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn own(name: &str) -> Option<Own> {
    Own::ALL.into_iter().find(|own| own.name() == name)
}

impl Reader<'_> {
    /// The path that begins here.
    pub(crate) fn path(&mut self) -> Result<Path, Fault> {
        let path = self.path_or_data()?;
        self.no_whole(path)
    }

    /// The path that begins here; one without names is `data`, all of it.
    pub(crate) fn path_or_data(&mut self) -> Result<Path, Fault> {
        self.any_path(is_plain, own)
    }

    fn no_whole(&self, path: Path) -> Result<Path, Fault> {
        if path == Path::Data(Vec::new()) {
            let what = "data alone is no field: name one in it, as in data.title";
            return Err(self.fault(self.at() - DATA.len(), what));
        }
        Ok(path)
    }

    fn any_path(&mut self, plain: fn(char) -> bool, own: fn(&str) -> Option<Own>) -> Result<Path, Fault> {
        let (start, bare) = (self.at(), self.peek() != Some('"'));
        let first = self.name(plain)?;
        let mut more = self.eat(".");
        if let Some(own) = own(&first).filter(|_| bare && !more) {
            return Ok(Path::Own(own));
        }
        let mut names = if bare && first == DATA { Vec::new() } else { vec![first] };
        let mut bytes = names.iter().map(|name| name.len() + 1).sum::<usize>();
        while more {
            let name = self.name(plain)?;
            bytes += name.len() + 1;
            names.push(name);
            if names.len() > MAX_PARTS {
                break;
            }
            more = self.eat(".");
        }
        if names.len() > MAX_PARTS || bytes > MAX_PATH_BYTES + 1 {
            let what = format!("a path has at most {MAX_PARTS} names and {MAX_PATH_BYTES} bytes");
            return Err(self.fault(start, what));
        }
        Ok(Path::Data(names))
    }

    fn name(&mut self, plain: fn(char) -> bool) -> Result<String, Fault> {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let name = self.run(plain);
        if name.is_empty() {
            return Err(self.fault(self.at(), "a field's name is wanted here; one of other characters wants quotes"));
        }
        self.eat(name);
        Ok(name.to_owned())
    }
}
