//! The facts of a program and of how its addresses are drawn, as values with names: for the screen and for reports.

use super::Value;
use crate::{
    analysis::layout::{self, Side, executable, relro},
    snapshot::{
        Reading,
        map::{Kind, MemoryMap},
        program::{Elf, NO_RANDOMIZE, Program},
    },
};
use std::fmt::Write as _;

/// A run of a program.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its map.
    pub map: &'a MemoryMap,
    /// What else was seen of it; `None` of a saved map.
    pub program: Option<&'a Program>,
    /// Bytes in a page of memory.
    pub page_size: u64,
}

impl<'a> Run<'a> {
    fn side(self) -> Side<'a> {
        Side {
            name: "",
            key: Some(self.map.key),
            mappings: &self.map.mappings,
            exe: self.map.exe.as_deref().ok(),
            run: self.program.map(|program| layout::Run { parent: None, program }),
        }
    }

    /// A fact of the living process; a saved map has none.
    fn fact(self, fact: impl FnOnce(&'a Program) -> Value<'a>) -> Value<'a> {
        self.program.map_or(Value::None, fact)
    }

    /// A fact of the headers of its program.
    fn elf(self, fact: impl FnOnce(&'a Elf) -> Value<'a>) -> Value<'a> {
        self.fact(|program| match &program.elf {
            Ok(Some(elf)) => fact(elf),
            Ok(None) => Value::Word("no ELF file"),
            Err(missing) => Value::Missing(*missing),
        })
    }
}

fn words(text: Option<String>) -> Value<'static> {
    text.map_or(Value::None, |text| Value::Text(text.into_bytes().into()))
}

/// What is known, in an order that is the same for every run.
#[must_use]
pub fn facts(of: Run<'_>) -> Vec<(&'static str, Value<'_>)> {
    vec![
        ("executable", Value::of(of.map.exe.as_deref().map_err(|missing| *missing), Value::text)),
        ("loaded as", of.elf(|elf| words(Some(loaded_as(elf))))),
        ("interpreter", of.elf(|elf| elf.interpreter.as_deref().map_or(Value::None, Value::text))),
        ("relro", of.elf(|elf| words(Some(relro_text(of, elf))))),
        ("stack", of.elf(|elf| words(Some(stack_text(of, elf))))),
        ("symbols", of.elf(|elf| Value::Word(if elf.stripped { "stripped" } else { "not stripped" }))),
        ("build id", of.elf(|elf| elf.build_id.as_deref().map_or(Value::None, |id| Value::text(id.as_bytes())))),
        (
            "personality",
            of.fact(|program| Value::of(program.personality, |value| words(Some(personality_text(value))))),
        ),
        ("randomize_va_space", of.fact(|program| Value::of(program.settings.randomize_va_space, number))),
        ("mmap bits", of.fact(|program| Value::of(bits_text(program), |text| words(Some(text))))),
    ]
}

fn number(number: u32) -> Value<'static> {
    Value::Count(number.into())
}

fn loaded_as(elf: &Elf) -> String {
    let kind = match (elf.library, elf.pie, elf.is_static) {
        (true, ..) => "shared library, started as a program",
        (_, true, true) => "static PIE: anywhere",
        (_, true, false) => "PIE: anywhere",
        (_, false, true) => "static, not position-independent",
        (_, false, false) => "not position-independent",
    };
    let fixed = if elf.pie { String::new() } else { format!(": at {:#x}", elf.base) };
    format!("{kind}{fixed}, {} bits, segments aligned to {:#x}", elf.bits, elf.alignment)
}

/// What the file asks for, and what holds for its pages now, with the mappings that say so.
fn relro_text(of: Run<'_>, elf: &Elf) -> String {
    let mut text = elf.relro.word().to_owned();
    let start = executable(&of.side()).and_then(|at| of.map.mappings.get(at)).map(|mapping| mapping.start);
    let found = start.and_then(|start| relro::protection(elf, &of.map.mappings, start, of.page_size));
    if let Some(found) = found {
        // Writing to a String does not fail.
        let _ = write!(text, ", now {}: {:x}-{:x}", found.state.words(), found.range.start, found.range.end);
        found.mappings.iter().for_each(|mapping| text.extend([" ", mapping.permissions.letters()]));
    }
    text
}

fn stack_text(of: Run<'_>, elf: &Elf) -> String {
    let asked = if elf.nx { "not executable" } else { "executable" };
    let stack = of.map.mappings.iter().find(|mapping| mapping.kind == Kind::Stack);
    stack.map_or_else(|| asked.to_owned(), |stack| format!("{asked}, now {}", stack.permissions))
}

fn personality_text(personality: u32) -> String {
    let off = if personality & NO_RANDOMIZE == 0 { "" } else { " ADDR_NO_RANDOMIZE" };
    format!("{personality:#x}{off}")
}

/// How many bits the place of mappings has, and who says so.
fn bits_text(program: &Program) -> Reading<String> {
    let class = program.elf.as_ref().ok().and_then(Option::as_ref).map_or(usize::BITS, |elf| elf.bits);
    program.settings.rnd_bits(class).map(|(bits, name)| format!("{bits} ({name})"))
}
