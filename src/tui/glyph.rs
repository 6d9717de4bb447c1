//! The characters that draw: two sets, one for terminals that know Unicode and one for those that know ASCII only.

/// A set of drawing characters. Each is one cell wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Ends of a meter.
    pub meter: (&'static str, &'static str),
    /// Fillings of a meter, each kind its own, and the empty part.
    pub fill: [&'static str; 4],
    /// Empty part of a meter.
    pub empty: &'static str,
    /// A share of one cell, from nothing to all.
    pub level: [&'static str; 9],
    /// Tree: a child with later siblings, the last child, a rail past one, nothing.
    pub branch: (&'static str, &'static str, &'static str, &'static str),
    /// Marks of a collapsed and an expanded branch.
    pub fold: (&'static str, &'static str),
    /// Something was cut here.
    pub cut: &'static str,
    /// Rising and falling order.
    pub order: (&'static str, &'static str),
    /// A tagged row.
    pub tag: &'static str,
    /// Sum of several rows, between the mark of a folded branch and their number.
    pub sum: &'static str,
    /// Frame: horizontal, vertical, and the corners from the upper left, clockwise.
    pub frame: (&'static str, &'static str, [&'static str; 4]),
    /// Between two facts in a line.
    pub dot: &'static str,
    /// Something that has not come in yet.
    pub pending: &'static str,
    /// The line under the cursor, where a mark and not colour says it.
    pub cursor: &'static str,
    /// So many of something.
    pub times: &'static str,
    /// Memory that may be run, written, read, and that is out of bounds: the denser, the more can happen there.
    pub access: [&'static str; 4],
    /// Pages of a cell that are all in one state, and where only some are; in the order of `PageState::ALL`.
    pub pages: [(&'static str, &'static str); 6],
}

impl Glyphs {
    /// For terminals that show Unicode.
    pub const UNICODE: Self = Self {
        meter: ("▕", "▏"),
        fill: ["█", "▓", "▒", "░"],
        empty: "·",
        level: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        branch: ("├─", "└─", "│ ", "  "),
        fold: ("▸", "▾"),
        cut: "…",
        order: ("▲", "▼"),
        tag: "●",
        sum: "Σ",
        frame: ("─", "│", ["┌", "┐", "┘", "└"]),
        dot: "·",
        pending: "…",
        cursor: "▸",
        times: "×",
        access: ["█", "▓", "▒", "░"],
        pages: [("·", "·"), ("█", "▄"), ("▒", "░"), ("▓", "▚"), ("S", "s"), ("0", "o")],
    };

    /// For all others.
    pub const ASCII: Self = Self {
        meter: ("[", "]"),
        fill: ["#", "=", "+", "-"],
        empty: ".",
        level: [" ", ".", ":", "-", "=", "+", "*", "#", "%"],
        branch: ("|-", "`-", "| ", "  "),
        fold: ("+", "-"),
        cut: ">",
        order: ("^", "v"),
        tag: "*",
        sum: "",
        frame: ("-", "|", ["+", "+", "+", "+"]),
        dot: ",",
        pending: ".",
        cursor: ">",
        times: "x",
        access: ["#", "=", "-", "."],
        pages: [(".", "."), ("A", "a"), ("F", "f"), ("H", "h"), ("S", "s"), ("0", "o")],
    };
}

/// A character of the screen where only ASCII can be shown: our own texts keep their sense, names of others show that
/// something stood there.
#[must_use]
pub fn ascii(symbol: &str) -> &str {
    match symbol {
        symbol if symbol.is_ascii() => symbol,
        "…" => Glyphs::ASCII.pending,
        "·" => Glyphs::ASCII.dot,
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_ascii() {
        let text = format!("{:?}", Glyphs::ASCII);
        assert!(text.is_ascii(), "{text}");
    }
}
