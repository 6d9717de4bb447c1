//! Changed settings into the user's file: what else stands there stays as it is, comments and order included.

#![expect(clippy::disallowed_methods, reason = "the place where the configuration is written")]

use super::{
    Config, SETTINGS,
    read::{MARK, text_of},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};
use toml_edit::{Array, DocumentMut, Item, RawString, TableLike, Value};

/// What saving came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The file says so already.
    Unchanged,
    /// The file was written; the names of the settings that changed in it.
    Written(Vec<&'static str>),
}

impl Config {
    /// Write the settings that differ from `before` into the file, which is made where there is none.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` where the file is no TOML, which then is left alone.
    pub fn save(&self, before: &Self, path: &Path) -> io::Result<Saved> {
        let path = target(path);
        let text = match text_of(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let (text, changed) = self.merged(before, &text)?;
        if changed.is_empty() {
            return Ok(Saved::Unchanged);
        }
        replace(&path, &text)?;
        Ok(Saved::Written(changed))
    }

    /// The text with the settings that differ from `before`, and which of them it did not say already.
    fn merged(&self, before: &Self, text: &str) -> io::Result<(String, Vec<&'static str>)> {
        let mut document: DocumentMut = text
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("it is not TOML: {error}")))?;
        let defaults = Self::default();
        let mut changed = Vec::new();
        for setting in SETTINGS {
            let write = |config| (setting.write)(config);
            let (new, old) = (write(self), write(before));
            if same(&new, &old) {
                continue;
            }
            let known = document.get(setting.name);
            let is_said = known.map_or_else(|| same(&new, &write(&defaults)), |known| same(&new, known));
            if !is_said {
                keep_comments_above(&mut document);
                put(document.as_table_mut(), setting.name, &new, &old);
                changed.push(setting.name);
            }
        }
        Ok((as_before(text, document.to_string()), changed))
    }
}

/// The mark at the start and the line ends of other systems, which the TOML library drops.
fn as_before(before: &str, mut after: String) -> String {
    let lines = before.matches('\n').count();
    if lines > 0 && before.matches("\r\n").count() == lines {
        after = after.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    if before.starts_with(MARK) && !after.starts_with(MARK) {
        after.insert(0, MARK);
    }
    after
}

/// A file of comments only has them after its (no) settings; they belong before the first one that comes.
fn keep_comments_above(document: &mut DocumentMut) {
    if document.is_empty() {
        let mut comments = document.trailing().as_str().unwrap_or_default().to_owned();
        if !comments.is_empty() && !comments.ends_with('\n') {
            comments.push('\n');
        }
        document.set_trailing("");
        document.decor_mut().set_prefix(comments);
    }
}

/// Whether two items say the same, however they are written.
fn same(a: &Item, b: &Item) -> bool {
    if let (Some(a), Some(b)) = (a.as_table_like(), b.as_table_like()) {
        return a.len() == b.len() && a.iter().all(|(name, item)| b.get(name).is_some_and(|other| same(item, other)));
    }
    if let (Some(a), Some(b)) = (a.as_array(), b.as_array()) {
        let texts = |array: &Array| array.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Vec<_>>();
        return texts(a) == texts(b);
    }
    let number =
        |item: &Item| item.as_float().or_else(|| item.as_integer().map(|whole| whole as f64)).map(f64::to_bits);
    match (number(a), number(b)) {
        (None, None) => (a.as_str(), a.as_bool()) == (b.as_str(), b.as_bool()) && a.type_name() == b.type_name(),
        (a, b) => a == b,
    }
}

/// Put an item into a table: entries of a table one by one, values with the comments that stand around them.
fn put(table: &mut dyn TableLike, name: &str, new: &Item, old: &Item) {
    let entries = new.as_table_like();
    let Some(known) = table.get_mut(name).filter(|known| !known.is_none()) else {
        table.insert(name, new.clone());
        return;
    };
    if let (Some(known), Some(new)) = (known.as_table_like_mut(), entries) {
        let gone = old.as_table_like().into_iter().flat_map(|old| old.iter().map(|(name, _)| name));
        for name in gone.filter(|name| !new.contains_key(name)) {
            known.remove(name);
        }
        for (name, item) in new.iter() {
            if !known.get(name).is_some_and(|known| same(known, item)) {
                put(known, name, item, &Item::None);
            }
        }
        return;
    }
    if let (Some(known), Some(new)) = (known.as_array_mut(), new.as_array()) {
        return put_list(known, new);
    }
    match (known.as_value_mut(), new.as_value()) {
        (Some(known), Some(new)) => {
            let decor = known.decor().clone();
            *known = new.clone();
            *known.decor_mut() = decor;
        }
        _ => *known = new.clone(),
    }
}

/// Put other elements into a list: those that stay keep the comments beside them, and lines stay lines.
fn put_list(known: &mut Array, new: &Array) {
    let text = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let old: Vec<Value> = known.iter().cloned().collect();
    let by_lines = old.iter().map(|value| text(value.decor().prefix())).find(|prefix| prefix.contains('\n'));
    let indent = by_lines.map(|prefix| format!("\n{}", prefix.rsplit('\n').next().unwrap_or_default()));
    known.clear();
    for (at, value) in new.iter().enumerate() {
        let same = old.iter().find(|old| old.as_str() == value.as_str());
        let has_comment = |value: &&Value| {
            let decor = value.decor();
            text(decor.prefix()).contains('#') || text(decor.suffix()).contains('#')
        };
        let prefix = indent.as_deref().unwrap_or(if at > 0 { " " } else { "" });
        let plain = || value.clone().decorated(prefix, "");
        known.push_formatted(same.filter(has_comment).cloned().unwrap_or_else(plain));
    }
}

/// The file that a chain of symbolic links ends at, whether it exists or not.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // As many as the kernel follows.
    for _ in 0..40 {
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().map_or_else(|| link.clone(), |folder| folder.join(&link));
    }
    path
}

/// Write the file under another name and then give it its own: nobody ever sees half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (temporary, mut file) = beside(path)?;
    let written = keep_owner(path, &file)
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The reason to be told is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A new file in the same folder.
fn beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(name);
    match OpenOptions::new().write(true).create_new(true).mode(0o666).open(&temporary) {
        // Of a process that had our id and ended at the wrong moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary)?;
            let file = OpenOptions::new().write(true).create_new(true).mode(0o666).open(&temporary)?;
            Ok((temporary, file))
        }
        file => Ok((temporary, file?)),
    }
}

/// Give the new file the permissions and the owner of the one it replaces.
fn keep_owner(path: &Path, file: &File) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        old => old?,
    };
    let new = file.metadata()?;
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
}
