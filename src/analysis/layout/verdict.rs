//! What a comparison says, in words.

use super::{Object, Role, Side, parts::without_mark};
use crate::{
    snapshot::{Missing, program::NO_RANDOMIZE},
    text::printable,
    unit::ProcessKey,
};

/// Names that a sentence takes; of the others their number is told.
const MOST_NAMES: usize = 4;

/// How the draws of the two stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinship {
    /// They are one process.
    Itself,
    /// One draw: equal addresses at exec and equal AT_RANDOM.
    OneDraw,
    /// Two draws.
    Apart,
    /// It cannot be told: why the bytes cannot be compared, or `None` where one of the two is a map alone.
    Unknown(Option<Missing>),
}

/// The verdict, without a full stop.
pub(super) fn of(
    a: &Side<'_>,
    b: &Side<'_>,
    same_executable: Option<bool>,
    objects: &[Object],
    together: &[Vec<usize>],
) -> String {
    // What lies where it always does says nothing.
    let both = objects.iter().filter(|object| object.role != Role::Fixed && object.distance().is_some());
    let (stayed, moved): (Vec<_>, Vec<_>) = both.partition(|object| object.distance() == Some(0));
    let kinship = kinship(a, b);
    let mut parts = Vec::new();
    if same_executable == Some(false) {
        parts.push(different(a, b));
    }
    parts.push(match kinship {
        _ if stayed.is_empty() && moved.is_empty() => "the two have no object in common".to_owned(),
        Kinship::Itself => itself(&stayed, &moved),
        Kinship::OneDraw => one_draw(a, b, &moved),
        _ if moved.is_empty() => all_stayed(a, b, kinship),
        _ if stayed.is_empty() => all_moved(a, b),
        _ => some_moved(a, b, same_executable, &stayed, &moved),
    });
    if matches!(kinship, Kinship::Apart | Kinship::Unknown(_)) {
        parts.extend(together.first().map(|group| moved_together(objects, group)));
    }
    parts.join("; ")
}

fn kinship(a: &Side<'_>, b: &Side<'_>) -> Kinship {
    if a.key.is_some() && a.key == b.key {
        return Kinship::Itself;
    }
    let (Some(first), Some(second)) = (a.program(), b.program()) else { return Kinship::Unknown(None) };
    let same = first
        .draw
        .as_ref()
        .map_err(|why| *why)
        .and_then(|draw| draw.is_same(second.draw.as_ref().map_err(|why| *why)?));
    match same {
        Ok(true) => Kinship::OneDraw,
        Ok(false) => Kinship::Apart,
        Err(why) => Kinship::Unknown(Some(why)),
    }
}

fn different(a: &Side<'_>, b: &Side<'_>) -> String {
    let path = |exe: Option<&[u8]>| exe.map_or_else(String::new, |exe| printable(without_mark(exe)).into_owned());
    let (first, second) = (path(a.exe), path(b.exe));
    if first == second {
        return format!("different executables: {first} is another file for {} than for {}", a.name, b.name);
    }
    format!("different executables: {first} and {second}")
}

fn itself(stayed: &[&Object], moved: &[&Object]) -> String {
    match (stayed.is_empty(), moved.is_empty()) {
        (_, true) => "the same process: the same addresses".to_owned(),
        (true, _) => "the same process, which has started another program in between: every object moved".to_owned(),
        (false, false) => format!("the same process; elsewhere now: {}", names(moved)),
    }
}

fn one_draw(a: &Side<'_>, b: &Side<'_>, moved: &[&Object]) -> String {
    let is_child = |child: &Side<'_>, parent: &Side<'_>| {
        let parent = parent.key.map(|ProcessKey { pid, .. }| pid);
        parent.is_some() && child.run.and_then(|run| run.parent) == parent
    };
    let how = match () {
        () if is_child(b, a) => format!("{} was forked from {} without exec", b.name, a.name),
        () if is_child(a, b) => format!("{} was forked from {} without exec", a.name, b.name),
        () => format!("{} and {} come from one process by fork without exec", a.name, b.name),
    };
    if moved.is_empty() {
        return format!("same addresses: one draw, {how} (equal AT_RANDOM)");
    }
    format!("one draw, {how} (equal AT_RANDOM); mapped anew since: {}", names(moved))
}

/// Why nothing is randomised, where that is so.
fn off(side: &Side<'_>) -> Option<&'static str> {
    let program = side.program()?;
    if program.personality.is_ok_and(|personality| personality & NO_RANDOMIZE != 0) {
        return Some("personality ADDR_NO_RANDOMIZE");
    }
    (program.settings.randomize_va_space == Ok(0)).then_some("randomize_va_space 0")
}

/// Whose randomisation is off and why, as a sentence that goes on.
fn who_is_off(a: &Side<'_>, b: &Side<'_>) -> Option<String> {
    match (off(a), off(b)) {
        (Some(first), Some(second)) if first == second => Some(format!("randomisation is off ({first})")),
        (Some(first), Some(second)) => {
            Some(format!("randomisation is off ({}: {first}; {}: {second})", a.name, b.name))
        }
        (Some(why), None) => Some(format!("randomisation is off for {} ({why})", a.name)),
        (None, Some(why)) => Some(format!("randomisation is off for {} ({why})", b.name)),
        (None, None) => None,
    }
}

fn all_stayed(a: &Side<'_>, b: &Side<'_>, kinship: Kinship) -> String {
    match (who_is_off(a, b), kinship) {
        (Some(off), Kinship::Apart) => format!("same addresses although no common draw: {off}"),
        (Some(off), _) => format!("same addresses: {off}"),
        (None, Kinship::Unknown(None)) => {
            "same addresses: one draw, by fork without exec, or randomisation is off; a saved map does not tell which"
                .to_owned()
        }
        (None, Kinship::Unknown(Some(why))) => format!(
            "same addresses: one draw, by fork without exec, or something fixed them; AT_RANDOM would tell ({})",
            why.word()
        ),
        (None, _) => {
            "same addresses although no common draw, and randomisation is on: something else fixes them".to_owned()
        }
    }
}

fn all_moved(a: &Side<'_>, b: &Side<'_>) -> String {
    match (off(a), off(b), who_is_off(a, b)) {
        (Some(_), Some(_), Some(off)) => format!("every object moved although {off}"),
        (_, _, Some(off)) => format!("every object moved: {off}"),
        _ => "every object moved: independent draws".to_owned(),
    }
}

fn some_moved(
    a: &Side<'_>,
    b: &Side<'_>,
    same_executable: Option<bool>,
    stayed: &[&Object],
    moved: &[&Object],
) -> String {
    let off = who_is_off(a, b).map_or_else(String::new, |off| format!("; {off}"));
    let executable = stayed.iter().find(|object| object.role == Role::Executable);
    let Some(executable) = executable.filter(|_| same_executable != Some(false)) else {
        return format!("stayed: {}; moved: {}{off}", names(stayed), names(moved));
    };
    let begin = match a.elf().or(b.elf()).map(|elf| elf.pie) {
        Some(false) => "the executable is not position-independent: it stays at",
        Some(true) => "the executable stays, although it is position-independent, at",
        None => "the executable stays at",
    };
    let address = executable.a.unwrap_or_default();
    let others: Vec<_> = stayed.iter().copied().filter(|object| object.role != Role::Executable).collect();
    if others.is_empty() {
        return format!("{begin} {address:#x}, all else moved{off}");
    }
    format!("{begin} {address:#x}; stayed too: {}; moved: {}{off}", names(&others), names(moved))
}

fn moved_together(objects: &[Object], group: &[usize]) -> String {
    let mut members: Vec<_> = group.iter().filter_map(|at| objects.get(*at)).collect();
    // Where mappings are placed says more than the libraries there, and these more than files of data.
    members.sort_by_key(|object| (object.role != Role::Area, !object.code));
    let distance = members.first().and_then(|object| object.distance()).unwrap_or_default();
    format!("together by {}: {}", super::distance_text(distance), names(&members))
}

/// `libc.so.6, heap and 3 more`.
fn names(objects: &[&Object]) -> String {
    let name = |object: &&Object| match object.instance {
        1 => object.brief().into_owned(),
        instance => format!("{} #{instance}", object.brief()),
    };
    let told = if objects.len() > MOST_NAMES + 1 { MOST_NAMES } else { objects.len() };
    let all: Vec<_> = objects.iter().take(told).map(name).collect();
    match objects.len() - told {
        0 => all.join(", "),
        more => format!("{} and {more} more", all.join(", ")),
    }
}
