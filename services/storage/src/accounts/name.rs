//! Names to sign in by, and when two of them are one.

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// The longest name, in characters.
pub(super) const MAX_NAME: usize = 64;

/// What is wrong with a name, if anything.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.chars().nth(MAX_NAME).is_some() {
        return Some("must be of 1 to 64 characters");
    }
    if name.contains(char::is_control) {
        return Some("must not contain control characters");
    }
    (name.trim() != name).then_some("must not begin or end with white space")
}

/// A name in the form in which it is compared. Folded are Unicode's forms (NFKC) and case: upper case first, since some
/// letters, such as ς and σ, share it alone.
pub fn folded(name: &str) -> String {
    name.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// What tells a name: the first half of the SHA-256 of its folded form, as a UUIDv8. `None` for what is no name.
pub(super) fn digest(name: &str) -> Option<Uuid> {
    if fault(name).is_some() {
        return None;
    }
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(folded(name))[..16]);
    Some(Uuid::new_v8(half))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_differ_in_case_or_form_are_one() {
        for (one, other) in [
            ("Ann", "aNN"),
            ("Zoe\u{301}", "zo\u{e9}"),
            ("ﬁona", "FIONA"),
            ("Ａｎｎ", "ann"),
            ("Straße", "STRASSE"),
            ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"),
            ("οδυσσευς", "οδυσσευσ"),
        ] {
            assert_eq!(digest(one), digest(other), "{one} {other}");
        }
        for (one, other) in [("ann", "anne"), ("ann", "an n"), ("é", "e"), ("0", "o")] {
            assert_ne!(digest(one), digest(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_name_is_told() {
        let (most, many) = ("é".repeat(64), "é".repeat(65));
        for name in ["a", "Ann Lee", "李", "a\u{301}", &most] {
            assert_eq!(fault(name), None, "{name}");
        }
        for wrong in ["", " ", " ann", "ann\u{3000}", "a\nb", "a\u{0}", "a\u{85}b", &many] {
            assert!(fault(wrong).is_some() && digest(wrong).is_none(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn case_never_tells_names_apart(name in "\\PC{1,20}") {
            let folded = digest(&name);
            for other in [name.to_uppercase(), name.to_lowercase(), name.nfd().collect(), name.nfc().collect::<String>()] {
                if folded.is_some() && fault(&other).is_none() {
                    prop_assert_eq!(digest(&other), folded, "{:?} {:?}", &name, other);
                }
            }
        }
    }
}
