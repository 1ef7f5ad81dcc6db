//! How much memory there is for the process: the machine's, or less if it lives in control groups.
//!
//! Both hierarchies are read, version 2 (`memory.max`) and version 1 (`memory.limit_in_bytes`), from the group
//! of the process up to the root: the smallest limit holds. In a container the path of the group may be one
//! that is seen from outside only; the limit then stands at the root of what is mounted.

use std::path::Path;

/// Bytes of memory there are for the process; `None` where the system does not say.
#[must_use]
pub fn bytes() -> Option<u64> {
    below(Path::new("/"))
}

/// The same, on a machine whose files lie below `root`.
fn below(root: &Path) -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(root.join(path)).ok();
    let machine = read(Path::new("proc/meminfo")).and_then(|text| total(&text));
    let groups = read(Path::new("proc/self/cgroup")).unwrap_or_default();
    let limits = groups
        .lines()
        .filter_map(mounts)
        .flat_map(|(at, file, group)| {
            // From the group itself to the root; what is not there sets no limit.
            let group = Path::new(group.trim_start_matches('/')).to_owned();
            let above: Vec<_> = group
                .ancestors()
                .map(|group| at.join(group).join(file))
                .collect();
            above
        });
    let limits = limits.filter_map(|path| read(&path)?.trim().parse().ok());
    limits.chain(machine).min()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1_024)
}

/// Where the hierarchy of a line of `/proc/self/cgroup` is mounted, which of its files holds the limit of a
/// group, and the group; `None` if it does not count memory.
fn mounts(line: &str) -> Option<(&'static Path, &'static str, &str)> {
    let mut fields = line.splitn(3, ':');
    let (hierarchy, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    if hierarchy == "0" && controllers.is_empty() {
        return Some((Path::new("sys/fs/cgroup"), "memory.max", group));
    }
    let memory = controllers.split(',').any(|name| name == "memory");
    memory.then_some((
        Path::new("sys/fs/cgroup/memory"),
        "memory.limit_in_bytes",
        group,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with 2 GiB and these files besides.
    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        let meminfo = (
            "proc/meminfo",
            "MemTotal:        2097152 kB\nMemFree:  1 kB\n",
        );
        for (path, text) in files.iter().chain([&meminfo]) {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        below(root.path())
    }

    #[test]
    fn without_groups_it_is_the_machine_s() {
        assert_eq!(machine(&[]), Some(2 << 30));
        assert_eq!(machine(&[("proc/self/cgroup", "0::/\n")]), Some(2 << 30));
        assert!(bytes().is_some_and(|bytes| bytes > 64 << 20));
    }

    #[test]
    fn the_smallest_limit_on_the_way_up_holds() {
        let own = ("proc/self/cgroup", "0::/system.slice/sessile.service\n");
        let max = |text| {
            (
                "sys/fs/cgroup/system.slice/sessile.service/memory.max",
                text,
            )
        };
        assert_eq!(machine(&[own, max("268435456\n")]), Some(256 << 20));
        assert_eq!(machine(&[own, max("max\n")]), Some(2 << 30));
        let slice = ("sys/fs/cgroup/system.slice/memory.max", "134217728\n");
        assert_eq!(machine(&[own, max("268435456\n"), slice]), Some(128 << 20));
    }

    #[test]
    fn the_older_hierarchy_is_read_likewise() {
        let own = (
            "proc/self/cgroup",
            "5:cpu:/x\n4:memory,blkio:/docker/0123\n0::/\n",
        );
        let limit = (
            "sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes",
            "268435456\n",
        );
        assert_eq!(machine(&[own, limit]), Some(256 << 20));
        // What a group without a limit says is more than any machine has.
        let none = (
            "sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        assert_eq!(machine(&[own, none]), Some(2 << 30));
        // Inside of a container the group's path is not there.
        let root = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
        assert_eq!(machine(&[own, root]), Some(128 << 20));
    }
}
