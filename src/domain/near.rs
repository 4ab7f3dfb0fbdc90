//! Near misses: the name that somebody probably meant.

use std::cmp::Ordering;

/// Longer names are not compared; every name that can be stored is shorter.
const LENGTH_MAX: usize = 255;

/// The candidate that is closest to `name`, if one is close enough to be a slip: an edit for every three
/// characters, three at most. Ties go to the first by name.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().flat_map(char::to_lowercase).take(LENGTH_MAX + 1).collect();
    let allowed = (wanted.len() / 3).clamp(1, 3);
    if wanted.len() > LENGTH_MAX {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).take(LENGTH_MAX).collect();
        if letters.len().abs_diff(wanted.len()) > allowed {
            continue;
        }
        let distance = edits(&wanted, &letters);
        let closer = best.is_none_or(|best| (distance, candidate).cmp(&best) == Ordering::Less);
        if distance <= allowed && closer {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean 'x'?`, or nothing.
pub fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *other {
                least = least.min(before[column - 1] + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut last, line);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &str, expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.split(' ')), expected, "{name} among {candidates}");
    }

    #[test]
    fn a_slip_is_recognised() {
        check("reserv", "reserve label dispatch", Some("reserve"));
        check("lable", "reserve label dispatch", Some("label"));
        check("Dispatch", "reserve label dispatch", Some("dispatch"));
        check("invoice", "reserve label dispatch", None);
        check("b", "c a", Some("a"));
        check("ab", "cd", None);
        check("", "x", Some("x"));
    }
}
