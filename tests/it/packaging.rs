//! What packagers use: the program without shared libraries, completions, the manual page.

use crate::need;
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const BINARY: &str = env!("CARGO_BIN_EXE_sysview");

/// `PT_DYNAMIC`, `PT_INTERP` and `DT_NEEDED` of elf(5).
const DYNAMIC: u64 = 2;
const INTERPRETER: u64 = 3;
const NEEDED: u64 = 1;

/// What an ELF file asks of the system before it can run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    interpreter: bool,
    libraries: usize,
}

/// Read them from a 64-bit ELF file in this machine's byte order.
fn wishes(elf: &[u8]) -> Wishes {
    let number = |at: u64, size: usize| {
        let at = usize::try_from(at).expect("offsets in a file that was read fit");
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&elf[at..at + size]);
        u64::from_le_bytes(bytes)
    };
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "a 64-bit little-endian ELF file");
    let mut wishes = Wishes::default();
    for header in (0..number(56, 2)).map(|index| number(32, 8) + index * number(54, 2)) {
        match number(header, 4) {
            INTERPRETER => wishes.interpreter = true,
            DYNAMIC => {
                let (start, size) = (number(header + 8, 8), number(header + 32, 8));
                let tags = (0..size / 16).map(|index| number(start + index * 16, 8));
                wishes.libraries += tags.take_while(|tag| *tag != 0).filter(|tag| *tag == NEEDED).count();
            }
            _ => {}
        }
    }
    wishes
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("what builds the tests can be asked");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("it names its host").to_owned()
}

/// Build as the README says, but without optimising: that takes half a minute the first time, and not minutes.
fn build_static() -> PathBuf {
    let host = host();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("static");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["build", "--locked", "--quiet", "--bin", "sysview", "--target", &host, "--target-dir"])
        .arg(&place)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    place.join(host).join("debug/sysview")
}

#[test]
fn a_static_program_needs_no_library_and_still_knows_users() {
    let test = "packaging::a_static_program_needs_no_library_and_still_knows_users";
    // As another user the tests may run without the toolchain that built them.
    if !need::command(test, &["rustc", "-vV"]) || !need::command(test, &["touch", env!("CARGO_TARGET_TMPDIR")]) {
        return;
    }
    let dynamic = wishes(&fs::read(BINARY).expect("the program under test is there"));
    assert!(dynamic.interpreter && dynamic.libraries > 0, "the check sees what a dynamic program needs: {dynamic:?}");
    let program = build_static();
    assert_eq!(wishes(&fs::read(&program).expect("it was built")), Wishes::default());

    let output = Command::new(&program).args(["doctor", "--format", "json"]).output().expect("it starts");
    let report: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("an array in JSON");
    let names = report.iter().find(|entry| entry["item"] == "user_names").expect("names are looked at");
    assert_eq!(names["evidence"], "uid 0 is root", "{names}");

    let own = std::process::id().to_string();
    let output = Command::new(&program).args(["ps", &own, "--columns", "user", "--format", "csv"]).output();
    let user = Command::new("id").arg("-un").output().expect("id is on every system");
    let expected = format!("user\n{}", String::from_utf8_lossy(&user.stdout));
    assert_eq!(String::from_utf8_lossy(&output.expect("it starts").stdout), expected);
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = Command::new(BINARY).args(["completions", shell]).output().expect("the program starts");
        let script = String::from_utf8(output.stdout).expect("text");
        for command in ["columns", "ps", "record", "doctor", "completions", "man"] {
            assert!(script.contains(command), "{command} in {shell}");
        }
    }
    let unknown = Command::new(BINARY).args(["completions", "csh"]).output().expect("the program starts");
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn the_manual_page_has_its_sections() {
    let output = Command::new(BINARY).arg("man").output().expect("the program starts");
    let page = String::from_utf8(output.stdout).expect("text");
    let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    let expected = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "COMMANDS",
        "KEYS",
        "\"COLUMNS OF PROCESSES\"",
        "\"COLUMNS OF MAPPINGS\"",
        "\"EXIT STATUS\"",
        "FILES",
    ];
    assert_eq!(sections, expected);
}
