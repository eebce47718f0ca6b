use std::{
    ffi::OsStr,
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};

/// How long a folder that could not be written is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// How long a file is written before the next begins.
#[derive(Clone, Debug)]
pub(crate) struct Period(Rotation);

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "minutely" => Ok(Self(Rotation::MINUTELY)),
            "hourly" => Ok(Self(Rotation::HOURLY)),
            "daily" => Ok(Self(Rotation::DAILY)),
            _ => Err("it is none of minutely, hourly, daily"),
        }
    }
}

/// The files of one service and instance, one a period.
pub(super) struct LogFile {
    dir: PathBuf,
    prefix: String,
    period: Period,
    file: Option<RollingFileAppender>,
    tried: Instant,
    /// Whether the next line is to begin with a line feed.
    is_torn: bool,
}

impl LogFile {
    /// Opens `dir/prefix.<date-hour>.ndjson`; also tells why that is not possible now.
    pub(super) fn open(dir: &Path, prefix: &str, period: &Period) -> (Self, Option<String>) {
        let is_torn = is_torn(dir, prefix);
        let (file, fault) = match create(dir, prefix, period) {
            Ok(file) => (Some(file), None),
            Err(error) => (None, Some(format!("{}: {}", dir.display(), cause(&error)))),
        };
        let (dir, prefix, period) = (dir.to_owned(), prefix.to_owned(), period.clone());
        (Self { dir, prefix, period, file, tried: Instant::now(), is_torn }, fault)
    }

    /// Writes the lines, and leaves what must go before the next ones; how many could not be written.
    pub(super) fn write(&mut self, lines: &mut Vec<u8>) -> u64 {
        if mem::take(&mut self.is_torn) {
            lines.insert(0, b'\n');
        }
        if self.file.is_none() && self.tried.elapsed() >= RETRY {
            self.tried = Instant::now();
            self.file = create(&self.dir, &self.prefix, &self.period).ok();
        }
        match &mut self.file {
            Some(file) => write(file, lines),
            None => settle(lines, 0),
        }
    }
}

/// Writes as much as can be; how many lines were not, as [`settle`] counts them.
pub(super) fn write(to: &mut impl Write, lines: &mut Vec<u8>) -> u64 {
    let mut written = 0;
    while written < lines.len() {
        match to.write(&lines[written..]) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    settle(lines, written)
}

/// Whether the newest of these files ends within a line: the process that wrote it was killed.
fn is_torn(dir: &Path, prefix: &str) -> bool {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str);
        name.and_then(|name| name.strip_prefix(prefix)).is_some_and(|rest| rest.starts_with('.'))
    };
    let paths = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    // Their names sort by time.
    let last = paths.filter(is_ours).max().and_then(|newest| {
        let (mut file, mut last) = (fs::File::open(newest).ok()?, [0]);
        file.seek(SeekFrom::End(-1)).ok()?;
        file.read_exact(&mut last).ok()?;
        Some(last)
    });
    last.is_some_and(|last| last != *b"\n")
}

/// Empties a batch of which `written` bytes were written; the number of lines that were not, wholly. Where
/// one was torn, a line feed is left in the batch, so that the next line starts as one.
pub(super) fn settle(batch: &mut Vec<u8>, written: usize) -> u64 {
    let (done, rest) = batch.split_at(written);
    let owed = done.is_empty() && rest.starts_with(b"\n");
    let torn = owed || done.last().is_some_and(|last| *last != b'\n');
    let lines = rest.split(|byte| *byte == b'\n').count() - 1 - usize::from(owed);
    batch.clear();
    if torn {
        batch.push(b'\n');
    }
    lines as u64
}

fn create(dir: &Path, prefix: &str, period: &Period) -> Result<RollingFileAppender, InitError> {
    RollingFileAppender::builder()
        .rotation(period.0.clone())
        .filename_prefix(prefix)
        .filename_suffix("ndjson")
        .build(dir)
}

fn cause(error: &InitError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::settle;

    #[test]
    fn a_torn_line_is_lost_and_does_not_tear_the_next() {
        let settled = |batch: &str, written| {
            let mut batch = batch.as_bytes().to_vec();
            let lost = settle(&mut batch, written);
            (lost, String::from_utf8(batch).unwrap())
        };
        let left = |lost, batch: &str| (lost, batch.to_owned());
        assert_eq!(settled("one\ntwo\n", 8), left(0, ""));
        assert_eq!(settled("one\ntwo\n", 4), left(1, ""));
        assert_eq!(settled("one\ntwo\n", 6), left(1, "\n"), "torn");
        assert_eq!(settled("one\ntwo\n", 0), left(2, ""));
        assert_eq!(settled("\none\n", 0), left(1, "\n"), "still owed");
        assert_eq!(settled("\none\n", 1), left(1, ""), "paid");
        assert_eq!(settled("", 0), left(0, ""));
    }
}
