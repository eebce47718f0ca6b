use std::{fs, path::PathBuf};

use jiff::{Timestamp, ToSpan, fmt::strtime};

use super::Options;

/// How the minute, hour or day is written in which a file begins; such texts sort by time.
const FORMS: [&str; 3] = ["%Y-%m-%d-%H-%M", "%Y-%m-%d-%H", "%Y-%m-%d"];

/// A log file of a service, of whichever instance.
struct Found {
    begin: String,
    path: PathBuf,
    bytes: u64,
}

/// Removes the service's closed files that are too old, then the oldest until all fit. A file of the
/// current minute, hour or day is being written, and stays.
pub(super) fn clean(options: &Options, service: &str, now: Timestamp) {
    let mut files = find(options, service);
    files.sort_by(|a, b| a.begin.cmp(&b.begin));
    let minute = now.strftime(FORMS[0]).to_string();
    let oldest = now.checked_sub((i64::from(options.keep_days) * 24).hours()).unwrap_or(Timestamp::MIN);
    let oldest = oldest.strftime(FORMS[0]).to_string();
    let is_before =
        |file: &Found, minute: &str| minute.get(..file.begin.len()).is_some_and(|its_part| *file.begin < *its_part);
    let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
    for file in files.into_iter().filter(|file| is_before(file, &minute)) {
        if is_before(&file, &oldest) || bytes > options.keep_bytes {
            // Another instance may have removed it already; one that cannot be removed takes its room from others.
            let removed = fs::remove_file(&file.path);
            if removed.is_ok() || !file.path.exists() {
                bytes -= file.bytes;
            }
        }
    }
}

fn find(options: &Options, service: &str) -> Vec<Found> {
    let entries = fs::read_dir(&options.dir).into_iter().flatten().flatten();
    let found = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let ours = name.strip_prefix(service)?.strip_prefix('-')?.strip_suffix(".ndjson")?;
        let (_, begin) = ours.rsplit_once('.')?;
        FORMS.iter().find(|form| strtime::parse(form, begin).is_ok())?;
        Some(Found { begin: begin.to_owned(), path: entry.path(), bytes: entry.metadata().ok()?.len() })
    };
    entries.filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:30:00Z";

    /// What is left of `files` (name and size) after cleaning.
    fn left(keep_days: u32, keep_bytes: u64, files: &[(&str, usize)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(dir.path().join(name), vec![b'x'; *bytes]).unwrap();
        }
        let directives = "info".parse().unwrap();
        let period = "hourly".parse().unwrap();
        let options = Options { dir: dir.path().to_owned(), directives, period, keep_days, keep_bytes };
        clean(&options, "gate", NOW.parse().unwrap());
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn old_files_go_whichever_instance_wrote_them() {
        let files = [
            ("gate-a.2026-11-16-11.ndjson", 1),
            ("gate-b.c.2026-11-16-11.ndjson", 1),
            ("gate-a.2026-11-16-12.ndjson", 1),
            ("gate-a.2026-11-23-12.ndjson", 1),
            ("gate-c.2026-11-15.ndjson", 1),
            ("gate-c.2026-11-16.ndjson", 1),
            ("gate-d.2026-11-16-12-29.ndjson", 1),
            ("gate-d.2026-11-16-12-30.ndjson", 1),
        ];
        assert_eq!(
            left(7, 1000, &files),
            [
                "gate-a.2026-11-16-12.ndjson",
                "gate-a.2026-11-23-12.ndjson",
                "gate-c.2026-11-16.ndjson",
                "gate-d.2026-11-16-12-30.ndjson",
            ]
        );
    }

    #[test]
    fn the_oldest_go_until_all_fit() {
        let files = [
            ("gate-a.2026-11-23-09.ndjson", 40),
            ("gate-b.2026-11-23-10.ndjson", 40),
            ("gate-a.2026-11-23-11.ndjson", 40),
            ("gate-a.2026-11-23-12.ndjson", 40),
        ];
        assert_eq!(
            left(7, 120, &files),
            ["gate-a.2026-11-23-11.ndjson", "gate-a.2026-11-23-12.ndjson", "gate-b.2026-11-23-10.ndjson"]
        );
    }

    #[test]
    fn a_file_being_written_and_foreign_files_stay() {
        let files = [
            ("gate-a.2026-11-23-12.ndjson", 500),
            ("gate-a.2026-11-23-12-30.ndjson", 500),
            ("gate-a.2026-11-23.ndjson", 500),
            ("gate-a.ndjson", 500),
            ("gate-a.not-a-date-at-all.ndjson", 500),
            ("gateway.2020-01-01-00.ndjson", 500),
            ("storage-a.2020-01-01-00.ndjson", 500),
        ];
        let mut names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(left(0, 0, &files), names);
    }
}
