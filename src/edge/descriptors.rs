//! How many connections the process's limit on open files allows. Source: F23.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::limits::{ABOVE_PER_WORKER, ADMIN_CONNECTIONS};

/// Kept free of connections: for the log and its images, the listeners, and what else a process opens.
const RESERVE: usize = 48;
/// What a worker needs besides its connections.
const PER_WORKER: usize = 4 + ABOVE_PER_WORKER;
/// Fewer connections than these are not worth a start.
pub const CONNECTIONS_MIN: usize = 8;

/// Raises the limit on open files as far as the process may, and says how many connections it leaves for the public
/// listener. `None`: any number.
#[must_use]
pub fn connections(workers: usize) -> Option<usize> {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: found.maximum,
        ..found
    };
    // Whoever may not raise it has what there is.
    let _ = setrlimit(Resource::Nofile, raised);
    let files = usize::try_from(getrlimit(Resource::Nofile).current?).unwrap_or(usize::MAX);
    Some(left_of(files, workers))
}

fn left_of(files: usize, workers: usize) -> usize {
    // Of few files administration gets its part, too.
    let administration = (ADMIN_CONNECTIONS + ABOVE_PER_WORKER).min(files / 8);
    let workers = workers.saturating_mul(PER_WORKER).min(files / 4);
    files.saturating_sub(RESERVE + administration + workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_process_itself_needs_is_not_given_to_connections() {
        for (files, workers, left) in [
            (1_048_576, 2, 1_048_408),
            (1_024, 2, 856),
            (256, 2, 136),
            (128, 2, 32),
            (64, 2, 0),
            (0, 2, 0),
        ] {
            assert_eq!(left_of(files, workers), left, "{files}");
        }
    }
}
