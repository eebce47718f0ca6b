use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Files that are for other than the doors of services: logs, the store, calls to storage, and the metrics door.
const RESERVE: u64 = 640;
/// More connections of a door are not of use.
const MOST: u64 = 8192;
/// Below so many open files a process that many clients use comes to its end.
const FEW: u64 = 4096;

/// Raises the limit of open files as far as it goes; says how many connections each of two doors may then hold, and
/// warns when that is few.
pub(super) fn connections() -> usize {
    let limit = raise().unwrap_or_else(|error| {
        warn!(error.message = %error, "cannot raise the limit of open files");
        getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
    });
    let connections = share(limit);
    if limit < FEW {
        warn!(limit, connections, "few files may be open, raise the limit (ulimit -n)");
    }
    connections
}

fn raise() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// What each of two doors may hold of `limit` open files.
fn share(limit: u64) -> usize {
    let reserve = RESERVE.min(limit / 2);
    usize::try_from(((limit - reserve) / 2).clamp(1, MOST)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_doors_leave_files_for_the_rest() {
        for (limit, connections) in [(0, 1), (64, 16), (1024, 256), (4096, 1728), (20_000, 8192), (u64::MAX, 8192)] {
            assert_eq!(share(limit), connections, "{limit}");
        }
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let hard = raise().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
    }
}
