//! Which container a process runs in, as far as the path of its control group tells; and which path that is.
//!
//! Pure text: no runtime is asked. Inside a container the path is `/` and tells nothing.

/// The path shown as the control group of a process: that of the unified hierarchy (`0::`), or, where it is the root
/// and there are others, the longest of those (cgroups(7)).
#[must_use]
pub fn group(file: &[u8]) -> Option<&[u8]> {
    let unified = paths(file).find(|(unified, _)| *unified).map(|(_, path)| path);
    let longest = paths(file).map(|(_, path)| path).max_by_key(|path| path.len());
    match unified {
        Some(path) if path != b"/" => Some(path),
        _ => longest.or(unified),
    }
}

/// `docker:4c01db0b339c`: the kind of container and its short id or its name. `None` for what is in none.
#[must_use]
pub fn container(file: &[u8]) -> Option<String> {
    let mut all: Vec<_> = paths(file).collect();
    // The unified hierarchy first; of each path the innermost container.
    all.sort_by_key(|(unified, _)| !unified);
    all.iter().find_map(|(_, path)| of_path(path))
}

/// Whether it is the unified hierarchy, and the path, of each line `number:controllers:path`.
fn paths(file: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    file.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        Some((number == b"0" && controllers.is_empty(), path))
    })
}

/// Prefixes of a scope or directory that a runtime makes for one container, and the kind they tell.
const PREFIXES: [(&str, &str); 9] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("cri-containerd-", "containerd"),
    ("crio-", "cri-o"),
    ("nerdctl-", "nerdctl"),
    ("buildah-", "buildah"),
    ("lxc.payload.", "lxc"),
    ("machine-", "machine"),
    ("systemd-nspawn@", "nspawn"),
];

/// Directories whose children are containers, and the kind they tell.
const PARENTS: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("kubepods", "kubepods"),
    ("lxc", "lxc"),
    ("lxc.payload", "lxc"),
    ("ecs", "ecs"),
    ("garden", "garden"),
];

fn of_path(path: &[u8]) -> Option<String> {
    let path = str::from_utf8(path).ok()?;
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    (0..parts.len()).rev().find_map(|at| of_prefix(parts[at]).or_else(|| of_parent(&parts[..at], parts[at])))
}

fn of_prefix(part: &str) -> Option<String> {
    let unit = part.strip_suffix(".scope").or_else(|| part.strip_suffix(".service")).unwrap_or(part);
    if let Some((_, id)) = unit.rsplit_once(":cri-containerd:") {
        return is_id(id).then(|| named("containerd", id));
    }
    let (prefix, kind) = PREFIXES.iter().find(|(prefix, _)| unit.starts_with(prefix))?;
    let name = unescaped(&unit[prefix.len()..]);
    match *kind {
        // The scopes of virtual machines are named in the same way.
        "machine" if name.starts_with("qemu-") => None,
        "machine" => Some(match name.split_once('-') {
            Some(("lxc", rest)) => named("lxc", rest.split_once('-').map_or(rest, |(_, name)| name)),
            _ => named("nspawn", &name),
        }),
        "lxc" | "nspawn" => Some(named(kind, &name)),
        // `libpod-conmon-…`, `crio-conmon-…` are the monitors, which run outside.
        _ => is_id(&name).then(|| named(kind, &name)),
    }
}

fn of_parent(above: &[&str], part: &str) -> Option<String> {
    let (_, kind) = PARENTS.iter().rev().find(|(name, _)| above.contains(name))?;
    let by_name = *kind == "lxc" && above.last().is_some_and(|parent| parent.starts_with("lxc"));
    (is_id(part) || by_name || *kind == "garden").then(|| named(kind, part))
}

/// The id that container runtimes use: 64 hexadecimal digits, for some with a number behind.
fn is_id(text: &str) -> bool {
    let id = text.split_once('-').map_or(text, |(id, _)| id);
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn named(kind: &str, name: &str) -> String {
    let name = if is_id(name) { &name[..12] } else { name };
    format!("{kind}:{name}")
}

/// A systemd unit name with its `\x2d` turned back.
fn unescaped(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(code) = code.filter(u8::is_ascii_graphic) {
            text.push(char::from(code));
            text.push_str(&part[2..]);
        } else {
            text.push_str("\\x");
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4c01db0b339c1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819aaa";

    #[test]
    fn containers_are_recognised_by_the_paths_their_runtimes_make() {
        let cases = [
            ("0::/system.slice/docker-ID.scope", "docker:4c01db0b339c"),
            ("12:memory:/docker/ID\n0::/\n", "docker:4c01db0b339c"),
            ("0::/machine.slice/libpod-ID.scope/container", "podman:4c01db0b339c"),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container/init.scope",
                "podman:4c01db0b339c",
            ),
            (
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-ID.scope",
                "containerd:4c01db0b339c",
            ),
            ("0::/kubepods.slice/kubepods-pod1_2.slice/crio-ID.scope", "cri-o:4c01db0b339c"),
            ("5:cpu:/kubepods/besteffort/pod12-34/ID", "kubepods:4c01db0b339c"),
            (
                "0::/system.slice/containerd.service/kubepods-besteffort-pod1_2.slice:cri-containerd:ID",
                "containerd:4c01db0b339c",
            ),
            (
                "0::/docker/ID/docker/ffffdb0b339c1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819aaa",
                "docker:ffffdb0b339c",
            ),
            ("0::/ecs/task/ID-1234", "ecs:4c01db0b339c"),
            ("0::/lxc.payload.web1/system.slice/cron.service", "lxc:web1"),
            ("3:devices:/lxc/web1", "lxc:web1"),
            ("0::/machine.slice/machine-debian\\x2dtest.scope", "nspawn:debian-test"),
            ("0::/machine.slice/systemd-nspawn@debian.service/payload", "nspawn:debian"),
            ("0::/machine.slice/machine-lxc\\x2d123\\x2dweb.scope", "lxc:web"),
        ];
        for (file, expected) in cases {
            assert_eq!(container(file.replace("ID", ID).as_bytes()).as_deref(), Some(expected), "{file}");
        }
    }

    #[test]
    fn what_runs_beside_a_container_is_in_none() {
        for file in [
            "",
            "0::/",
            "0::/user.slice/user-1000.slice/session-3.scope",
            "0::/machine.slice/libpod-conmon-ID.scope",
            "0::/lxc.monitor.web1",
            "0::/system.slice/docker.service",
            "0::/machine.slice/machine-qemu\\x2d1\\x2dwin.scope",
            "0::/system.slice/docker-nothex.scope",
        ] {
            assert_eq!(container(file.replace("ID", ID).as_bytes()), None, "{file}");
        }
    }

    #[test]
    fn no_bytes_are_too_odd() {
        for file in [
            &b"0::/\xff\xfe"[..],
            b":::",
            b"0:",
            b"0::/machine-\\x",
            b"0::/machine-a\\xzz\\x2",
            b"0::/machine-\\x\xc3\xa9",
        ] {
            let _ = (container(file), group(file));
        }
        assert_eq!(unescaped("a\\x2db\\x00c\\x"), "a-b\\x00c\\x");
    }

    #[test]
    fn the_unified_path_counts_unless_it_is_the_root_of_a_hybrid() {
        assert_eq!(group(b"0::/init.scope\n"), Some(&b"/init.scope"[..]));
        assert_eq!(group(b"4:memory:/long/path\n1:cpu:/\n0::/\n"), Some(&b"/long/path"[..]));
        assert_eq!(group(b"4:memory:/long/path\n0::/x\n"), Some(&b"/x"[..]));
        assert_eq!(group(b"1:name=a:b:/x:y\n"), Some(&b"b:/x:y"[..]));
        assert_eq!(group(b"0::/\n"), Some(&b"/"[..]));
        assert_eq!(group(b""), None);
    }
}
