//! Over a real ssh on the loopback: what it is most often used through, the line that breaks and the line that stalls.

use crate::{
    need,
    pty::{
        FLAT, Victim, occurrences, processes,
        stalled::assert_whole,
        terminal::{Running, SYSVIEW, Start, cpu_time, ends_within, is_stopped, resident, wait_for},
    },
};
use rustix::process::Signal;
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const SERVER: &str = "/usr/sbin/sshd";

/// A server of our own, for the user who runs the tests.
struct Server {
    daemon: Child,
    directory: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// None, told by the test's name, where there is no ssh.
    fn start(test: &str) -> Option<Self> {
        let there = need::file(test, SERVER) && need::command(test, &["ssh", "-V"]);
        // Its unprivileged half lives there; only root can make it.
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("root can make a directory");
        }
        // The server starts what it is told to by the user's own shell.
        let shell = "$(getent passwd $(id -u) | cut -d: -f7) -c true";
        if !there || !need::command(test, &["sh", "-c", shell]) {
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = |name: &str| directory.path().join(name);
        for key in ["host", "user"] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path(key)).stdin(Stdio::null());
            assert!(make.status().expect("ssh-keygen is part of ssh").success());
        }
        fs::copy(path("user.pub"), path("authorized")).expect("the key is there");
        // The port may be taken by another in between; then the next one.
        (0..10).find_map(|_| Self::on(free_port(), &directory)).map(|(server, port)| Self {
            daemon: server,
            directory,
            port,
        })
    }

    fn on(port: u16, directory: &tempfile::TempDir) -> Option<(Child, u16)> {
        let path = |name: &str| directory.path().join(name).display().to_string();
        let options = [
            format!("ListenAddress 127.0.0.1:{port}"),
            format!("HostKey {}", path("host")),
            format!("AuthorizedKeysFile {}", path("authorized")),
            format!("PidFile {}", path("pid")),
            "UsePAM no".to_owned(),
            "StrictModes no".to_owned(),
            "PasswordAuthentication no".to_owned(),
            "PermitRootLogin prohibit-password".to_owned(),
            "AcceptEnv LANG SYSVIEW XDG_CONFIG_HOME".to_owned(),
        ];
        fs::write(path("config"), options.join("\n")).expect("a file can be written");
        let mut command = Command::new(SERVER);
        command.args(["-D", "-e", "-f", &path("config")]);
        let log = fs::File::create(path("log")).expect("a file can be made");
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd starts");
        let answers = wait_for("sshd to answer", || {
            let ended = server.try_wait().expect("it is our child").is_some();
            let answers = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            (ended || answers).then_some(!ended)
        });
        answers.then_some((server, port))
    }

    /// sysview at the other end of a connection.
    #[track_caller]
    fn sysview(&self, arguments: &str) -> Remote {
        let port = self.port.to_string();
        let key = self.directory.path().join("user").display().to_string();
        let options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"];
        let user = String::from_utf8(Command::new("id").arg("-un").output().expect("there is id").stdout);
        let user = user.expect("a name in ASCII");
        let mut command = vec!["ssh", "-tt", "-F", "/dev/null", "-p", &port, "-i", &key, "-l", user.trim()];
        command.extend(options.iter().flat_map(|option| ["-o", option]));
        command.extend(["-o", "SendEnv=LANG SYSVIEW XDG_CONFIG_HOME"]);
        let remote = format!("echo pid $$; exec {SYSVIEW} {arguments}");
        command.extend(["127.0.0.1", &remote]);
        let running = Start::program(&command).settings(FLAT).size(100, 40).run();
        running.until("processes", |screen| screen.alternate_screen() && !processes(screen).is_empty());
        let bytes = String::from_utf8_lossy(&running.bytes()).into_owned();
        let (_, rest) = bytes.split_once("pid ").expect("it was told first");
        let pid = rest.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a pid");
        Remote { running, pid }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// sysview behind ssh.
struct Remote {
    running: Running,
    /// That of sysview, not of ssh.
    pid: u32,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a loopback");
    listener.local_addr().expect("it has a port").port()
}

#[test]
fn keys_and_sizes_come_through() {
    let Some(server) = Server::start("ssh::keys_and_sizes_come_through") else { return };
    let victim = Victim::sleep();
    let remote = server.sysview("--sort pid");
    let running = &remote.running;
    running.keys(&format!("fpid = {}\r", victim.pid()));
    running.until("only that one", |screen| processes(screen).iter().map(|(pid, _)| *pid).eq([victim.pid()]));
    running.resize(80, 24);
    running.until("the last line in its place", |screen| {
        screen.rows(0, 80).last().is_some_and(|line| line.contains("? help"))
    });
    running.keys("q");
    assert!(ends_within(remote.pid, Duration::from_secs(5)));
    running.until("the screen as it was", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    let mut remote = remote;
    let (status, _) = remote.running.end();
    assert!(status.success(), "{status}");
}

#[test]
fn a_dropped_connection_ends_it() {
    let Some(server) = Server::start("ssh::a_dropped_connection_ends_it") else { return };
    let remote = server.sysview("");
    let begun = Instant::now();
    remote.running.signal(Signal::KILL);
    let gone = ends_within(remote.pid, Duration::from_secs(5));
    println!("gone after {:?}", begun.elapsed());
    assert!(gone);
}

#[test]
fn a_line_that_stalls_holds_up_only_the_picture() {
    let Some(server) = Server::start("ssh::a_line_that_stalls_holds_up_only_the_picture") else { return };
    let victim = Victim::sleep();
    let remote = server.sysview("--delay 0.1");
    let (running, pid) = (&remote.running, remote.pid);
    let used = |seconds: u64| {
        let (before, begun) = (cpu_time(pid), Instant::now());
        wait_for("some seconds", || (begun.elapsed() >= Duration::from_secs(seconds)).then_some(()));
        cpu_time(pid).saturating_sub(before)
    };
    let usual = used(2);
    running.signal(Signal::STOP);
    wait_for("ssh to be stopped", || is_stopped(running.pid()).then_some(()));
    let memory = resident(pid);
    let stalled = used(5);
    let grown = resident(pid).saturating_sub(memory);
    println!("{usual:?} of CPU time in 2 s, {stalled:?} in 5 s stalled; {grown} KiB more");
    assert!(
        stalled < usual * 4 + Duration::from_millis(700),
        "{stalled:?} of CPU time, {usual:?} in two seconds before"
    );
    assert!(grown < 8 * 1024, "{grown} KiB more");

    let (mark, begun) = (running.count(), Instant::now());
    running.signal(Signal::CONT);
    running.keys(&format!("fpid = {}\r", victim.pid()));
    running.until("only that one", |screen| processes(screen).iter().map(|(pid, _)| *pid).eq([victim.pid()]));
    let bytes = running.since(mark);
    let frames = occurrences(&bytes, b"\x1b[?2026h");
    println!("caught up after {:?}: {} bytes in {frames} frames", begun.elapsed(), bytes.len());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_whole(running);
}
