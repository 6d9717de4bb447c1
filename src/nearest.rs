//! The right name that a wrong one was probably meant to be, for every "there is no such …" message.

/// The candidate that is nearest to `word`, where one is near enough to be what was meant.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let near = |candidate: &'c str| {
        let steps = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
        // A third of the letters may be wrong; a beginning or an end that was left out counts as half wrong.
        let part = word.len() >= 3 && (candidate.starts_with(&word) || candidate.ends_with(&word));
        let distance = if part { steps.min(2) } else { steps };
        let bound = (word.chars().count().max(candidate.len()) + 1) / 3;
        (part || distance <= bound.max(1)).then_some((distance, candidate))
    };
    let found = candidates.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance);
    found.map(|(_, candidate)| candidate)
}

/// `; did you mean rss?`, or nothing where no candidate is near.
#[must_use]
pub fn suggestion<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let names = ["rss", "rss_anon", "minor_fault_rate", "user", "cpu", "and", "or"];
        let cases = [
            ("rsss", Some("rss")),
            ("RSS", Some("rss")),
            ("usre", Some("user")),
            ("minor-fault-rate", Some("minor_fault_rate")),
            ("fault_rate", Some("minor_fault_rate")),
            ("minor", Some("minor_fault_rate")),
            ("nad", Some("and")),
            ("elephant", None),
            ("", None),
        ];
        for (word, right) in cases {
            assert_eq!(nearest(word, names), right, "{word}");
        }
    }
}
