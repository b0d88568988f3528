//! The known name that is nearest to an unknown one, for error messages.

use alloc::vec::Vec;

/// The known name that is nearest to this one, if one is near: at most a third of its letters are wrong, whatever their
/// case.
pub(super) fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    if name.len() > NAME_LEN_MAX {
        return None;
    }
    let near = |candidate: &&'static str| (distance(name.as_bytes(), candidate.as_bytes()), *candidate);
    let (wrong, candidate) = known.iter().map(near).min_by_key(|(wrong, _)| *wrong)?;
    (wrong * 3 <= name.len()).then_some(candidate)
}

/// How many letters are to be added, left out or changed to come from one to the other (Levenshtein's distance).
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut corner = index;
        row[0] = index + 1;
        for (column, of_other) in other.iter().enumerate() {
            let changed = corner + usize::from(!letter.eq_ignore_ascii_case(of_other));
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// A longer name is not compared: the work grows with its length, and it is none that anyone knows.
const NAME_LEN_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_the_number_of_letters_that_are_wrong() {
        for (one, other, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("Abc", "aBC", 0), ("ab", "ba", 2)]
        {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
    }

    #[test]
    fn only_a_name_that_is_near_is_named() {
        let known = ["MESSAGE_CREATE", "MESSAGE_DELETE", "READY"];
        for (name, expected) in [
            ("MESAGE_CREATE", Some("MESSAGE_CREATE")),
            ("message_delete", Some("MESSAGE_DELETE")),
            ("messageDelete", Some("MESSAGE_DELETE")),
            ("RAEDY", None),
            ("REDY", Some("READY")),
            ("SOMETHING_ELSE", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
        assert_eq!(nearest("READY", &[]), None);
        assert_eq!(nearest(&"R".repeat(1000), &known), None);
    }
}
