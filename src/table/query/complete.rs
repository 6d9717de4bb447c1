//! What a word of an expression that is being typed can become.

use super::{
    super::columns::Table,
    expression::What,
    parse::WORDS,
    token::{Kind, tokens},
};

/// The words that the one before the cursor can become, in order of the table of columns: column names where one can
/// stand, reasons after `is`, nothing within quotes and where a value is expected. `cursor` is in characters.
#[must_use]
pub fn complete<T: Table>(expression: &str, cursor: usize) -> Vec<&'static str> {
    let end = expression.char_indices().nth(cursor).map_or(expression.len(), |(at, _)| at);
    let (tokens, mistake) = tokens(&expression[..end]);
    let (begun, before) = match tokens.split_last() {
        Some((last, before)) if last.at + last.length >= cursor.min(expression.chars().count()) => match last.kind {
            Kind::Word(word) => (word, before),
            _ => ("", &tokens[..]),
        },
        _ => ("", &tokens[..]),
    };
    if mistake.is_some() {
        return Vec::new();
    }
    let word = |back: usize| match before.len().checked_sub(back).and_then(|at| before.get(at)).map(|token| token.kind)
    {
        Some(Kind::Word(word)) => word,
        _ => "",
    };
    let is_next = word(1) == "is" || (word(1) == "not" && word(2) == "is");
    let starts = match before.last().map(|token| token.kind) {
        None => true,
        Some(Kind::Open) => word(2) != "in",
        Some(Kind::Word(word)) => WORDS.contains(&word),
        _ => false,
    };
    let names: Vec<&'static str> = match () {
        () if is_next => What::words().map(|(word, _)| word).collect(),
        () if starts => T::COLUMNS.iter().map(|column| column.name).collect(),
        () => return Vec::new(),
    };
    names.into_iter().filter(|name| name.starts_with(begun)).collect()
}

#[cfg(test)]
mod tests {
    use crate::table::columns::{COLUMNS, OfProcesses};

    fn complete(expression: &str, cursor: usize) -> Vec<&'static str> {
        super::complete::<OfProcesses>(expression, cursor)
    }

    #[test]
    fn a_word_becomes_what_can_stand_in_its_place() {
        let all = COLUMNS.len();
        let at_end = |text: &str| complete(text, text.chars().count());
        assert_eq!(at_end("").len(), all);
        assert_eq!(at_end("minor_fault_r"), ["minor_fault_rate"]);
        assert_eq!(at_end("rss > 5M and minor_fault_r"), ["minor_fault_rate"]);
        assert_eq!(at_end("not (minor_fault_r"), ["minor_fault_rate"]);
        assert_eq!(at_end("rss > 5M and ").len(), all);
        assert_eq!(at_end("rss is den"), ["denied"]);
        assert_eq!(at_end("rss is not mis"), ["missing"]);
        for none in
            ["rss ", "rss > ", "rss > r", "state in (", "state in (r", "rss > 5M ", "\"r", "'r'", "r ! r", "zzz"]
        {
            assert_eq!(at_end(none), [""; 0], "{none}");
        }
        // In the middle of a text, and beyond its end.
        assert_eq!(complete("日 or minor_fau > 5", 12), ["minor_faults", "minor_fault_rate"]);
        assert_eq!(complete("minor_fau", 99), ["minor_faults", "minor_fault_rate"]);
    }
}
