//! What the control groups that sysview runs in allow it, where that is less than the machine has.
//!
//! A limit may stand on any ancestor and binds all below it; the lowest counts. Version 1, version 2 and both at once,
//! with or without a cgroup namespace. Groups above the own namespace cannot be seen, nor can their limits.

use super::source::{Reader, Task, absent};
use crate::{
    proc::{
        fields::{digits, lines, signed, single, words},
        mountinfo::{self, Mount},
    },
    snapshot::{
        Missing, Reading,
        system::{Container, Limit},
    },
    unit::{Bytes, Pid},
};

/// Reads after which groups and limits are looked for anew: a limit can be set, or sysview moved, while it runs.
const AGAIN: u32 = 60;

/// From here on a memory limit means none: version 1 shows the largest number of pages that fits a signed 64-bit count
/// of bytes, old kernels the largest unsigned one.
const UNLIMITED: u64 = 1 << 62;

/// Finds the own groups once, and reads their files as often as asked where they limit something.
#[derive(Debug, Default)]
pub struct ContainerReader {
    mounts: Option<Reading<Vec<Mount>>>,
    limiting: Option<Reading<Limiting>>,
    reads: u32,
}

/// The groups found to have a limit.
#[derive(Clone, Debug, Default)]
struct Limiting {
    memory: Vec<Group>,
    cpu: Vec<Group>,
}

/// A directory of a control group, as an absolute path without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    version: Version,
    directory: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What is limited, by the name of its controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controller {
    Memory,
    Cpu,
}

impl Controller {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Memory => b"memory",
            Self::Cpu => b"cpu",
        }
    }
}

impl ContainerReader {
    /// The limits that are below `memory` bytes and `cpus` CPUs, as far as those are known.
    ///
    /// # Errors
    /// `Unsupported` where the processes shown are not sysview's own; why the use of the limited group cannot be read.
    pub fn read(
        &mut self,
        memory: Reading<Bytes>,
        cpus: Reading<usize>,
        reader: &mut Reader<'_>,
    ) -> Reading<Container> {
        if self.reads.is_multiple_of(AGAIN) {
            self.limiting = None;
        }
        self.reads = self.reads.wrapping_add(1);
        let limiting = match self.limiting.take() {
            Some(limiting) => limiting,
            None => self.find(reader),
        };
        let limiting = self.limiting.insert(limiting).as_ref().map_err(|missing| *missing)?;
        let total = memory.map_or(UNLIMITED, |bytes| bytes.0);
        let lowest = lowest_memory(&limiting.memory, reader).filter(|(_, limit)| limit.0 < total);
        let memory = lowest.map(|(group, limit)| Ok(Limit { limit, used: group.used(reader)? })).transpose()?;
        let all = cpus.map_or(f64::INFINITY, |count| count as f64);
        let cpus = limiting.cpu.iter().filter_map(|group| group.cpus(reader)).reduce(f64::min).filter(|own| *own < all);
        Ok(Container { memory, cpus })
    }

    fn find(&mut self, reader: &mut Reader<'_>) -> Reading<Limiting> {
        let observer = reader.source.observer();
        // Of a recording the process that made it: its limits were recorded too.
        let own = observer.pid.ok_or(Missing::Unsupported)?;
        let mounts = self.mounts.get_or_insert_with(|| own_file(own, "mountinfo", reader).map(mountinfo::parse));
        let mounts = mounts.as_deref().map_err(|missing| *missing)?;
        let membership = own_file(own, "cgroup", reader)?.to_vec();
        let groups = |controller| groups(controller, &membership, mounts);
        let mut limiting = Limiting { memory: groups(Controller::Memory), cpu: groups(Controller::Cpu) };
        limiting.memory.retain(|group| group.memory_limit(reader).is_some());
        limiting.cpu.retain(|group| group.cpus(reader).is_some());
        Ok(limiting)
    }
}

/// A kernel without control groups has no such file.
fn own_file<'a>(own: Pid, name: &str, reader: &'a mut Reader<'_>) -> Reading<&'a [u8]> {
    reader.task(Task::Process(own), name).map_err(absent)
}

/// The own group of a controller and all above it that can be seen, the own one first.
fn groups(controller: Controller, membership: &[u8], mounts: &[Mount]) -> Vec<Group> {
    let Some((version, own)) = hierarchy(controller, membership) else { return Vec::new() };
    let own = components(own);
    let serves = |mount: &&Mount| match version {
        Version::One => mount.kind == b"cgroup" && mount.options().any(|option| option == controller.name()),
        Version::Two => mount.kind == b"cgroup2",
    };
    // The mount that shows most of the way up; of equal ones the last, which is on top.
    let below = |mount: &Mount| Some((mount.point.clone(), beneath(&components(&mount.root), &own)?));
    let Some((point, below)) = mounts.iter().filter(serves).filter_map(below).max_by_key(|(_, below)| below.len())
    else {
        return Vec::new();
    };
    let Ok(mut directory) = String::from_utf8(point) else { return Vec::new() };
    let mut groups = vec![Group { version, directory: directory.clone() }];
    for name in below {
        let Ok(name) = str::from_utf8(name) else { break };
        directory.push('/');
        directory.push_str(name);
        groups.push(Group { version, directory: directory.clone() });
    }
    groups.reverse();
    groups
}

/// Which hierarchy manages the controller, and the path of the own group in it: the lines of `/proc/PID/cgroup`
/// (cgroups(7)) are `number:controllers:path`, and version 2 has all controllers that no line of version 1 names.
fn hierarchy(controller: Controller, membership: &[u8]) -> Option<(Version, &[u8])> {
    let mut unified = None;
    for line in lines(membership) {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        if controllers.is_empty() {
            unified = Some((Version::Two, path));
        } else if controllers.split(|byte| *byte == b',').any(|name| name == controller.name()) {
            return Some((Version::One, path));
        }
    }
    unified
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect()
}

/// The way from the directory that a mount shows down to the own group; `None` where the mount shows another branch.
///
/// Both paths begin at the root of the cgroup namespace, and `..` leads out of it. What lies between a directory above
/// that root and the root has no name here, so only the mounted directory itself can be told to be above the own group.
fn beneath<'a>(root: &[&[u8]], own: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let ups = |path: &[&[u8]]| path.iter().take_while(|name| **name == b"..").count();
    if !own.starts_with(root) {
        return (ups(root) == root.len() && ups(root) > ups(own)).then(Vec::new);
    }
    // `/..` is not below `/`, although it begins with it.
    own.get(root.len()..).filter(|below| ups(below) == 0).map(<[_]>::to_vec)
}

/// The lowest limit, and of equal ones the highest group, whose use is the larger one.
fn lowest_memory<'a>(groups: &'a [Group], reader: &mut Reader<'_>) -> Option<(&'a Group, Bytes)> {
    let mut lowest: Option<(&Group, Bytes)> = None;
    for group in groups {
        if let Some(limit) = group.memory_limit(reader)
            && lowest.is_none_or(|(_, so_far)| limit <= so_far)
        {
            lowest = Some((group, limit));
        }
    }
    lowest
}

impl Group {
    fn file<'r>(&self, name: &str, reader: &'r mut Reader<'_>) -> Reading<&'r [u8]> {
        reader.file(&format!("{}/{name}", self.directory))
    }

    /// `memory.max`, or `memory.limit_in_bytes`; `None` where it is not limited or has no such file, as the root.
    fn memory_limit(&self, reader: &mut Reader<'_>) -> Option<Bytes> {
        let name = match self.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        let limit: u64 = self.file(name, reader).and_then(single).ok()?;
        (limit < UNLIMITED).then_some(Bytes(limit))
    }

    /// Memory charged to the group and those below it, less page cache that has not been used for long.
    fn used(&self, reader: &mut Reader<'_>) -> Reading<Bytes> {
        let (usage, inactive) = match self.version {
            Version::One => ("memory.usage_in_bytes", &b"total_inactive_file"[..]),
            Version::Two => ("memory.current", &b"inactive_file"[..]),
        };
        let usage: u64 = self.file(usage, reader).and_then(single)?;
        let stat = self.file("memory.stat", reader)?;
        let mut fields = lines(stat).map(words).find_map(|mut words| (words.next()? == inactive).then_some(words));
        let inactive = fields.as_mut().and_then(Iterator::next).ok_or(Missing::Malformed).and_then(digits)?;
        Ok(Bytes(usage.saturating_sub(inactive)))
    }

    /// CPU time allowed per time: `cpu.max`, or `cpu.cfs_quota_us` by `cpu.cfs_period_us`.
    fn cpus(&self, reader: &mut Reader<'_>) -> Option<f64> {
        let (quota, period) = match self.version {
            Version::One => {
                let quota = self.file("cpu.cfs_quota_us", reader).map(<[u8]>::trim_ascii).and_then(signed).ok()?;
                (u64::try_from(quota).ok()?, self.file("cpu.cfs_period_us", reader).and_then(single::<u64>).ok()?)
            }
            Version::Two => {
                let mut fields = words(self.file("cpu.max", reader).ok()?).map(digits);
                (fields.next()?.ok()?, fields.next()?.ok()?)
            }
        };
        (period > 0).then(|| quota as f64 / period as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collect::source::Source,
        snapshot::{Moment, Observer, Units},
        unit::Nanoseconds,
    };
    use std::{collections::BTreeMap, sync::Mutex};

    /// Files by path, and which were read.
    #[derive(Default)]
    struct Files {
        text: BTreeMap<&'static str, &'static str>,
        read: Mutex<Vec<String>>,
        foreign: bool,
    }

    impl Source for Files {
        fn read(&self, path: &str, into: &mut Vec<u8>) -> Reading<()> {
            self.read.lock().expect("no test panics while it holds this").push(path.to_owned());
            into.clear();
            into.extend(self.text.get(path).ok_or(Missing::Gone)?.as_bytes());
            Ok(())
        }
        fn link(&self, _: &str) -> Reading<Vec<u8>> {
            Err(Missing::Gone)
        }
        fn numbers(&self, _: &str, _: &mut Vec<Pid>) -> Reading<()> {
            Ok(())
        }
        fn cpu_clock(&self, _: Pid) -> Reading<Nanoseconds> {
            Err(Missing::Unsupported)
        }
        fn now(&self) -> Moment {
            Moment::default()
        }
        fn units(&self) -> Units {
            Units::default()
        }
        fn observer(&self) -> Observer {
            Observer { pid: (!self.foreign).then_some(Pid(42)), foreign: self.foreign, ..Observer::default() }
        }
    }

    const MIB: u64 = 1 << 20;
    const V1: &str = "1 0 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        2 0 0:2 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
    const V2: &str = "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

    fn files(files: &[(&'static str, &'static str)]) -> Files {
        Files { text: files.iter().copied().collect(), ..Files::default() }
    }

    /// The limits on a machine of 1 GiB and 8 CPUs.
    fn read(files: &Files) -> Reading<Container> {
        ContainerReader::default().read(Ok(Bytes(1024 * MIB)), Ok(8), &mut Reader::new(files))
    }

    fn memory(limit: u64, used: u64) -> Limit {
        Limit { limit: Bytes(limit), used: Bytes(used) }
    }

    #[test]
    fn version_two_limits_by_one_file_each() {
        let files = files(&[
            ("42/cgroup", "0::/app\n"),
            ("42/mountinfo", V2),
            ("/sys/fs/cgroup/app/memory.max", "104857600\n"),
            ("/sys/fs/cgroup/app/memory.current", "52428800\n"),
            ("/sys/fs/cgroup/app/memory.stat", "anon 1\ninactive_file 10485760\n"),
            ("/sys/fs/cgroup/app/cpu.max", "150000 100000\n"),
        ]);
        assert_eq!(read(&files), Ok(Container { memory: Some(memory(100 * MIB, 40 * MIB)), cpus: Some(1.5) }));
    }

    #[test]
    fn version_two_without_limits_says_max() {
        let files = files(&[
            ("42/cgroup", "0::/app\n"),
            ("42/mountinfo", V2),
            ("/sys/fs/cgroup/app/memory.max", "max\n"),
            ("/sys/fs/cgroup/app/cpu.max", "max 100000\n"),
        ]);
        assert_eq!(read(&files), Ok(Container::default()));
    }

    #[test]
    fn version_one_has_a_hierarchy_for_each() {
        let files = files(&[
            ("42/cgroup", "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/x\n"),
            ("42/mountinfo", V1),
            ("/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes", "104857600\n"),
            ("/sys/fs/cgroup/memory/docker/ab/memory.usage_in_bytes", "1048576\n"),
            (
                "/sys/fs/cgroup/memory/docker/ab/memory.stat",
                "inactive_file 7\nhierarchical_memory_limit 1\ntotal_inactive_file 2097152\n",
            ),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "50000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ]);
        // The use is read at another moment than the page cache: it never falls below 0.
        assert_eq!(read(&files), Ok(Container { memory: Some(memory(100 * MIB, 0)), cpus: Some(0.5) }));
    }

    #[test]
    fn both_sentinels_of_version_one_mean_no_limit_even_where_the_memory_of_the_machine_is_not_known() {
        for sentinel in ["9223372036854771712\n", "18446744073709551615\n", "9223372036854710272\n"] {
            let files = files(&[
                ("42/cgroup", "5:memory:/a\n"),
                ("42/mountinfo", V1),
                ("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", sentinel),
            ]);
            let unknown = Err(Missing::Gone);
            let container = ContainerReader::default().read(unknown, Err(Missing::Gone), &mut Reader::new(&files));
            assert_eq!(container, Ok(Container::default()), "{sentinel}");
        }
    }

    #[test]
    fn hybrid_machines_limit_by_whichever_version_has_the_controller() {
        let mounts = "1 0 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            2 0 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let files = files(&[
            ("42/cgroup", "5:memory:/old\n1:name=systemd:/wrong\n0::/new\n"),
            ("42/mountinfo", mounts),
            ("/sys/fs/cgroup/memory/old/memory.limit_in_bytes", "1048576\n"),
            ("/sys/fs/cgroup/memory/old/memory.usage_in_bytes", "5\n"),
            ("/sys/fs/cgroup/memory/old/memory.stat", "total_inactive_file 0\n"),
            ("/sys/fs/cgroup/unified/new/memory.max", "1\n"),
            ("/sys/fs/cgroup/unified/new/cpu.max", "200000 100000\n"),
        ]);
        assert_eq!(read(&files), Ok(Container { memory: Some(memory(MIB, 5)), cpus: Some(2.0) }));
    }

    #[test]
    fn the_lowest_limit_of_all_ancestors_counts_with_the_use_of_its_group() {
        let files = files(&[
            ("42/cgroup", "0::/pod/box/leaf\n"),
            ("42/mountinfo", V2),
            ("/sys/fs/cgroup/pod/box/leaf/memory.max", "max\n"),
            ("/sys/fs/cgroup/pod/box/memory.max", "209715200\n"),
            ("/sys/fs/cgroup/pod/memory.max", "104857600\n"),
            ("/sys/fs/cgroup/pod/memory.current", "73400320\n"),
            ("/sys/fs/cgroup/pod/memory.stat", "inactive_file 0\n"),
            ("/sys/fs/cgroup/pod/box/leaf/cpu.max", "300000 100000\n"),
            ("/sys/fs/cgroup/pod/cpu.max", "100000 100000\n"),
        ]);
        assert_eq!(read(&files), Ok(Container { memory: Some(memory(100 * MIB, 70 * MIB)), cpus: Some(1.0) }));
    }

    #[test]
    fn of_equal_limits_the_upper_group_counts() {
        let files = files(&[
            ("42/cgroup", "0::/pod/box\n"),
            ("42/mountinfo", V2),
            ("/sys/fs/cgroup/pod/box/memory.max", "1048576\n"),
            ("/sys/fs/cgroup/pod/memory.max", "1048576\n"),
            ("/sys/fs/cgroup/pod/memory.current", "9\n"),
            ("/sys/fs/cgroup/pod/memory.stat", "inactive_file 0\n"),
        ]);
        assert_eq!(read(&files).map(|container| container.memory), Ok(Some(memory(MIB, 9))));
    }

    #[test]
    fn limits_that_are_not_below_the_machines_are_none() {
        let files = files(&[
            ("42/cgroup", "0::/app\n"),
            ("42/mountinfo", V2),
            ("/sys/fs/cgroup/app/memory.max", "1073741824\n"),
            ("/sys/fs/cgroup/app/cpu.max", "800000 100000\n"),
        ]);
        assert_eq!(read(&files), Ok(Container::default()));
    }

    #[test]
    fn the_mounted_directory_and_the_own_path_meet_in_every_namespace() {
        // Root of the mount, own path, directory that has the limit; none where the mount shows another branch.
        let cases = [
            ("/", "/", Some("/cg")),
            ("/", "/a/b", Some("/cg/a/b")),
            ("/docker/ab", "/docker/ab", Some("/cg")),
            ("/docker/ab", "/docker/ab/c", Some("/cg/c")),
            ("/docker/ab", "/docker/abc", None),
            ("/docker/ab", "/", None),
            ("/", "/../other", None),
            ("/..", "/", Some("/cg")),
            ("/..", "/a", Some("/cg")),
            ("/..", "/../other", Some("/cg/other")),
            ("/../..", "/../other", Some("/cg")),
            ("/..", "/../../other", None),
        ];
        for (root, own, expected) in cases {
            let mount = Mount { root: root.into(), point: b"/cg".to_vec(), kind: b"cgroup2".to_vec(), options: vec![] };
            let found = groups(Controller::Memory, format!("0::{own}\n").as_bytes(), &[mount]);
            assert_eq!(found.first().map(|group| &*group.directory), expected, "mount of {root}, member of {own}");
        }
    }

    #[test]
    fn of_several_mounts_the_one_that_shows_most_ancestors_is_taken() {
        let mount = |root: &str, point: &str| Mount {
            root: root.into(),
            point: point.into(),
            kind: b"cgroup2".to_vec(),
            options: Vec::new(),
        };
        let mounts = [mount("/a", "/part"), mount("/", "/all"), mount("/other", "/elsewhere")];
        let found = groups(Controller::Cpu, b"0::/a/b\n", &mounts);
        assert_eq!(found.iter().map(|group| &*group.directory).collect::<Vec<_>>(), ["/all/a/b", "/all/a", "/all"]);
    }

    #[test]
    fn processes_of_others_have_no_container_of_sysviews() {
        let files = Files { foreign: true, ..files(&[("42/cgroup", "0::/\n"), ("42/mountinfo", V2)]) };
        assert_eq!(read(&files), Err(Missing::Unsupported));
    }

    #[test]
    fn a_use_that_cannot_be_read_is_not_zero() {
        let files =
            files(&[("42/cgroup", "0::/app\n"), ("42/mountinfo", V2), ("/sys/fs/cgroup/app/memory.max", "1048576\n")]);
        assert_eq!(read(&files), Err(Missing::Gone));
    }

    #[test]
    fn a_tick_reads_the_files_of_limiting_groups_only() {
        let files = files(&[
            ("42/cgroup", "0::/a/b/c\n"),
            ("42/mountinfo", V2),
            ("/sys/fs/cgroup/a/memory.max", "1048576\n"),
            ("/sys/fs/cgroup/a/memory.current", "9\n"),
            ("/sys/fs/cgroup/a/memory.stat", "inactive_file 0\n"),
        ]);
        let mut container = ContainerReader::default();
        let mut tick = || {
            files.read.lock().expect("no panic before").clear();
            let read = container.read(Ok(Bytes(1024 * MIB)), Ok(8), &mut Reader::new(&files));
            assert_eq!(read.map(|container| container.memory), Ok(Some(memory(MIB, 9))));
            files.read.lock().expect("no panic before").clone()
        };
        let first = tick();
        assert!(first.contains(&"42/mountinfo".to_owned()));
        let directory = "/sys/fs/cgroup/a";
        assert_eq!(tick(), ["memory.max", "memory.current", "memory.stat"].map(|name| format!("{directory}/{name}")));
        // A limit set later is found, without the mounts being read again.
        let later = (2..=AGAIN).map(|_| tick()).last().expect("AGAIN is more than 1");
        assert!(later.contains(&"/sys/fs/cgroup/a/b/c/memory.max".to_owned()), "{later:?}");
        assert!(!later.contains(&"42/mountinfo".to_owned()));
    }
}
