//! From tokens to the tree of an expression; every mistake with its place and what to do.

use super::{
    error::{QueryError, quoted},
    expression::{Literal, Node, Test, What},
    pattern::{Regex, Search},
    quantity::{example, quantity},
    token::{Kind, Operator, Token, tokens},
};
use crate::{nearest::suggestion, table::columns::Unit, unit::Pid};

/// The columns of a table that expressions can be written about.
pub(super) struct Vocabulary {
    pub(super) columns: Vec<Name>,
    /// The columns that a bare word searches.
    pub(super) searched: &'static [&'static str],
}

/// A column as the language knows it.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

/// What stands in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Number(Unit),
}

/// Words that cannot stand for themselves without quotes.
pub(super) const WORDS: [&str; 3] = ["and", "or", "not"];
/// Words that may follow a word.
const JOINING: [&str; 4] = ["and", "or", "in", "is"];
/// Words of other languages, with what stands for them here.
const FOREIGN: [(&str, &str); 8] = [
    ("&&", "and"),
    ("&", "and"),
    ("AND", "and"),
    ("||", "or"),
    ("|", "or"),
    ("OR", "or"),
    ("NOT", "not"),
    ("like", "~"),
];
/// More brackets and `not` within each other than any person writes; keeps hostile text from exhausting the stack.
const DEEPEST: usize = 64;

/// The tree of an expression; one that holds for every row where there is nothing in the text.
pub(super) fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Node, QueryError> {
    let (tokens, mistake) = tokens(text);
    let mut parser = Parser { vocabulary, tokens, next: 0, end: text.chars().count(), depth: 0 };
    if parser.tokens.is_empty() && mistake.is_none() {
        return Ok(Node::All(Vec::new()));
    }
    let parsed = parser.any().and_then(|node| if parser.peek().is_none() { Ok(node) } else { Err(parser.leftover()) });
    match mistake {
        // Nothing was wrong up to the place where the reading stopped, and that is why the rest is missing.
        Some(mistake) if parser.peek().is_none() => Err(mistake),
        _ => parsed,
    }
}

struct Parser<'p> {
    vocabulary: &'p Vocabulary,
    tokens: Vec<Token<'p>>,
    next: usize,
    end: usize,
    depth: usize,
}

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<Token<'p>> {
        self.tokens.get(self.next).copied()
    }

    fn after(&self) -> Option<Token<'p>> {
        self.tokens.get(self.next + 1).copied()
    }

    fn take(&mut self, kind: Kind<'_>) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == kind);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        self.take(Kind::Word(word))
    }

    fn any(&mut self) -> Result<Node, QueryError> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(single(parts, Node::Any))
    }

    fn all(&mut self) -> Result<Node, QueryError> {
        let mut parts = vec![self.part()?];
        while self.word("and") {
            parts.push(self.part()?);
        }
        Ok(single(parts, Node::All))
    }

    fn part(&mut self) -> Result<Node, QueryError> {
        let Some(token) = self.peek() else { return Err(self.expected("a comparison or a word to search for")) };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(wrong(token, format!("more than {DEEPEST} brackets and `not` within each other")));
        }
        let node = if self.word("not") {
            Node::Not(Box::new(self.part()?))
        } else if self.take(Kind::Open) {
            self.brackets(token)?
        } else {
            self.statement(token)?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn brackets(&mut self, open: Token<'p>) -> Result<Node, QueryError> {
        let node = self.any()?;
        if self.take(Kind::Close) {
            return Ok(node);
        }
        match self.peek() {
            None => Err(wrong(open, "this bracket is never closed".to_owned())),
            Some(_) => Err(self.leftover()),
        }
    }

    fn statement(&mut self, token: Token<'p>) -> Result<Node, QueryError> {
        let (text, is_quoted) = match token.kind {
            Kind::Word(word) if WORDS.contains(&word) => {
                return Err(self.expected("a comparison or a word to search for (a word in quotes stands for itself)"));
            }
            Kind::Word(word) => (word, false),
            Kind::Quoted(text) => (text, true),
            _ => return Err(self.expected("a column, or a word to search for")),
        };
        let followed = self.after().map(|token| token.kind);
        if !is_quoted
            && text == "under"
            && matches!(followed, Some(Kind::Word(_) | Kind::Quoted(_) | Kind::Close) | None)
        {
            self.next += 1;
            return self.under();
        }
        if self.is_comparison() {
            let (column, name) = self.column(token, text)?;
            self.next += 1;
            return Ok(Node::Column { name: name.name, column, test: self.test(name)? });
        }
        self.next += 1;
        if text.is_empty() {
            return Err(wrong(token, "found nothing between the quotes, expected text to search for".to_owned()));
        }
        let search = Search::new(Literal { text: text.to_owned(), quoted: is_quoted, quantity: None });
        let place = |name: &&str| self.vocabulary.columns.iter().position(|column| column.name == *name);
        Ok(Node::Search { columns: self.vocabulary.searched.iter().filter_map(place).collect(), search })
    }

    /// Whether what follows the word at hand compares it with something.
    fn is_comparison(&self) -> bool {
        match self.after().map(|token| token.kind) {
            Some(Kind::Operator(_) | Kind::Word("in" | "is")) => true,
            Some(Kind::Word("not")) => {
                self.tokens.get(self.next + 2).is_some_and(|token| token.kind == Kind::Word("in"))
            }
            _ => false,
        }
    }

    fn under(&mut self) -> Result<Node, QueryError> {
        let pid = self.peek().and_then(|token| token.text.parse().ok());
        let pid = pid.ok_or_else(|| self.expected("the id of a process, as in `under 812`"))?;
        self.next += 1;
        Ok(Node::Under(Pid(pid)))
    }

    fn column(&self, token: Token<'_>, name: &str) -> Result<(usize, Name), QueryError> {
        let columns = &self.vocabulary.columns;
        let known = columns.iter().enumerate().find(|(_, column)| column.name == name);
        known.map(|(at, column)| (at, *column)).ok_or_else(|| {
            let near = suggestion(name, columns.iter().map(|column| column.name));
            wrong(token, format!("there is no column {}{near}", quoted(name)))
        })
    }

    fn test(&mut self, column: Name) -> Result<Test, QueryError> {
        let Some(token) = self.peek() else { return Err(self.expected("a comparison")) };
        self.next += 1;
        match token.kind {
            Kind::Operator(operator) if operator.is_pattern() => self.like(column, operator, token),
            Kind::Operator(operator) => {
                if operator.is_order() && column.holds == Holds::Text && !self.next_is_number() {
                    let name = column.name;
                    return Err(wrong(
                        token,
                        format!("{name} holds text, which has no larger and smaller: use = != ~ !~ in"),
                    ));
                }
                Ok(Test::Compare(operator, self.value(column, Place::After(operator))?))
            }
            Kind::Word("is") => {
                let negative = self.word("not");
                self.what().map(|what| Test::Is { negative, what })
            }
            Kind::Word("not") => {
                self.next += 1;
                self.list(column).map(|values| Test::OneOf { negative: true, values })
            }
            _ => self.list(column).map(|values| Test::OneOf { negative: false, values }),
        }
    }

    fn next_is_number(&self) -> bool {
        self.peek().is_some_and(|token| quantity(token.text, Unit::None).is_some())
    }

    fn like(&mut self, column: Name, operator: Operator, sign: Token<'_>) -> Result<Test, QueryError> {
        if let Holds::Number(unit) = column.holds
            && unit != Unit::Number
        {
            let (name, sign_text) = (column.name, operator.sign());
            return Err(wrong(
                sign,
                format!("{name} holds numbers, {sign_text} looks into text: use = != < <= > >= in"),
            ));
        }
        let Some(token) = self.peek() else { return Err(self.expected("a regular expression")) };
        let text = Name { holds: Holds::Text, ..column };
        let wanted = self.value(text, Place::After(operator))?;
        Regex::new(wanted).map(|regex| Test::Like(operator, regex)).map_err(|error| {
            wrong(token, format!("this regular expression cannot be used: {}", printable_line(&error)))
        })
    }

    fn list(&mut self, column: Name) -> Result<Vec<Literal>, QueryError> {
        let Some(open) = self.peek() else { return Err(self.expected("a list such as (D, Z)")) };
        if !self.take(Kind::Open) {
            return Err(self.expected("a list such as (D, Z)"));
        }
        let mut values = vec![self.value(column, Place::InList)?];
        loop {
            if self.take(Kind::Close) {
                return Ok(values);
            }
            if self.peek().is_none() {
                return Err(wrong(open, "this list is never closed".to_owned()));
            }
            if !self.take(Kind::Comma) {
                return Err(self.expected("`,` or `)`"));
            }
            values.push(self.value(column, Place::InList)?);
        }
    }

    fn what(&mut self) -> Result<What, QueryError> {
        let token = self.peek();
        let found = token.and_then(|token| What::words().find(|(word, _)| Kind::Word(word) == token.kind));
        if let Some((_, what)) = found {
            self.next += 1;
            return Ok(what);
        }
        let words: Vec<_> = What::words().map(|(word, _)| word).collect();
        let near = token.map_or_else(String::new, |token| suggestion(token.text, words.iter().copied()));
        let mut error = self.expected(&format!("one of {}", words.join(" ")));
        error.message.push_str(&near);
        Err(error)
    }

    fn value(&mut self, column: Name, place: Place) -> Result<Literal, QueryError> {
        let expected = match column.holds {
            Holds::Number(unit) => example(unit),
            Holds::Text => "text (in quotes where it has blanks, brackets or signs in it)",
        };
        let token = self.peek().ok_or_else(|| self.expected(expected))?;
        let (text, is_quoted) = match token.kind {
            Kind::Word(word) if WORDS.contains(&word) => return Err(self.expected(expected)),
            Kind::Word(word) => (word, false),
            Kind::Quoted(text) => (text, true),
            Kind::Open if matches!(place, Place::After(Operator::Equal)) => {
                return Err(self.expected(&format!("{expected}; a list follows `in`")));
            }
            _ => return Err(self.expected(expected)),
        };
        let quantity = match column.holds {
            Holds::Number(unit) => quantity(text, unit),
            Holds::Text => quantity(text, Unit::None),
        };
        if let Holds::Number(unit) = column.holds {
            let ids = unit == Unit::Number && !is_quoted && text.contains(['*', '?']);
            let ordered = matches!(place, Place::After(operator) if operator.is_order());
            if quantity.is_none() && (!ids || ordered) {
                return Err(self.not_a_number(column, text, expected));
            }
        }
        self.next += 1;
        Ok(Literal { text: text.to_owned(), quoted: is_quoted, quantity })
    }

    fn not_a_number(&self, column: Name, text: &str, expected: &str) -> QueryError {
        let mut error = self.expected(expected);
        if What::words().any(|(word, _)| word == text) {
            error.message = format!("found `{text}`, expected {expected}; write `{} is {text}`", column.name);
        }
        error
    }

    /// What is wrong where the text should have ended.
    fn leftover(&self) -> QueryError {
        let Some(token) = self.peek() else { return self.expected("the end") };
        let message = match token.kind {
            Kind::Close => "there is no bracket open that this one could close".to_owned(),
            Kind::Word(word) => {
                let own = FOREIGN.iter().find(|(foreign, _)| *foreign == word);
                own.map_or_else(
                    || not_joined(word),
                    |(_, own)| format!("found `{word}`, which is written `{own}` here"),
                )
            }
            _ => return self.expected("`and`, `or` or the end"),
        };
        wrong(token, message)
    }

    fn expected(&self, what: &str) -> QueryError {
        match self.peek() {
            Some(token) => wrong(token, format!("found {}, expected {what}", quoted(token.text))),
            None => QueryError { at: self.end, length: 0, message: format!("the end came early, expected {what}") },
        }
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place {
    After(Operator),
    InList,
}

fn not_joined(word: &str) -> String {
    let near = suggestion(word, JOINING);
    format!("found {}, expected `and`, `or` or the end{near}", quoted(word))
}

fn wrong(token: Token<'_>, message: String) -> QueryError {
    QueryError { at: token.at, length: token.length, message }
}

fn single(mut parts: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}

fn printable_line(text: &str) -> String {
    let text: Vec<_> = text.split_whitespace().collect();
    crate::text::printable(text.join(" ").as_bytes()).into_owned()
}
