//! User names: `/etc/passwd` read once, and `getent passwd UID` on a thread for ids that are not in it.
//!
//! Not getpwuid(3): it can hang on a dead directory server, and a statically linked program has no name services at all.

#![expect(clippy::disallowed_methods, reason = "waits for other threads end at a deadline")]

use super::source::{Reader, Source};
use crate::{
    proc::fields::{lines, number},
    snapshot::{Missing, Reading, UserNames},
    text::Text,
    unit::Id,
};
use std::{
    io,
    process::{Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// The names known, and the questions that are out.
pub struct Users {
    names: Arc<UserNames>,
    file: Option<Vec<(Id, Text)>>,
    questions: Option<Sender<Id>>,
    answers: Receiver<(Id, Option<Text>)>,
    answerer: Sender<(Id, Option<Text>)>,
    out: usize,
    ask: bool,
}

impl Users {
    /// Nothing is read before the first id is asked for.
    #[must_use]
    pub fn new(source: &dyn Source) -> Self {
        let (answerer, answers) = channel();
        Self { names: Arc::default(), file: None, questions: None, answers, answerer, out: 0, ask: source.can_block() }
    }

    /// The names of these ids and of all asked before. One that is still being asked for is `Blocked`, for at most
    /// `patience` while this waits.
    pub fn names(
        &mut self,
        ids: impl Iterator<Item = Id>,
        patience: Duration,
        reader: &mut Reader<'_>,
    ) -> Arc<UserNames> {
        for id in ids {
            if !self.names.contains_key(&id) {
                let name = self.look_up(id, reader);
                Arc::make_mut(&mut self.names).insert(id, name);
            }
        }
        let end = Instant::now() + patience;
        while self.out > 0 {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((id, name)) = self.answers.recv_timeout(left) else { break };
            self.out -= 1;
            Arc::make_mut(&mut self.names).insert(id, Ok(name));
        }
        Arc::clone(&self.names)
    }

    fn look_up(&mut self, id: Id, reader: &mut Reader<'_>) -> Reading<Option<Text>> {
        let file = self.file.get_or_insert_with(|| reader.file("/etc/passwd").map(passwd).unwrap_or_default());
        if let Some((_, name)) = file.iter().find(|(known, _)| *known == id) {
            return Ok(Some(name.clone()));
        }
        if !self.ask {
            return Ok(None);
        }
        let answerer = self.answerer.clone();
        let questions = self.questions.get_or_insert_with(|| {
            let (sender, questions) = channel();
            // Without the thread the sender fails below, and the id stands for the name.
            let _ = thread::Builder::new()
                .name("users".into())
                .stack_size(128 * 1024)
                .spawn(move || answer(&questions, &answerer));
            sender
        });
        if questions.send(id).is_err() {
            return Ok(None);
        }
        self.out += 1;
        Err(Missing::Blocked)
    }
}

/// The name of one id as `/etc/passwd` has it; the number where it has none.
#[must_use]
pub fn name_of(id: Id, source: &dyn Source) -> String {
    let names = Reader::new(source).file("/etc/passwd").map(passwd).unwrap_or_default();
    let name = names.iter().find(|(known, _)| *known == id);
    name.map_or_else(|| id.to_string(), |(_, name)| name.printable().into_owned())
}

fn answer(questions: &Receiver<Id>, answers: &Sender<(Id, Option<Text>)>) {
    for id in questions {
        if answers.send((id, getent(id).unwrap_or_default())).is_err() {
            return;
        }
    }
}

/// The name that the system's name services have for a user. Can wait for ever.
///
/// # Errors
/// Where there is no getent(1), or it cannot be started.
pub fn getent(id: Id) -> io::Result<Option<Text>> {
    let mut command = Command::new("getent");
    let output = command.args(["passwd", &id.to_string()]).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    Ok(passwd(&output.stdout).into_iter().next().map(|(_, name)| name))
}

/// Ids and names of passwd(5) lines; the first name of an id counts.
fn passwd(bytes: &[u8]) -> Vec<(Id, Text)> {
    let entry = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty()).map(Text::from)?;
        Some((Id(number(fields.nth(1)?).ok()?), name))
    };
    lines(bytes).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines_give_ids_and_names() {
        let names = passwd(b"root:x:0:0:root:/root:/bin/sh\n# comment\nbad\n:x:1:\nwww-data:x:33:33::/:/bin/false\n");
        assert_eq!(names, [(Id(0), Text::from("root")), (Id(33), Text::from("www-data"))]);
    }
}
