//! Words that nobody can guess.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// 128 bits in hexadecimal digits. The keys of the standard library's hash come from the system's random numbers, and what it makes of
/// them (SipHash) is a function that nobody can tell from random numbers who does not know the keys.
pub(super) fn token() -> String {
    let [high, low] = [0u8, 1].map(|half| RandomState::new().hash_one(half));
    format!("{high:016x}{low:016x}")
}

/// Whether they are the same, in a time that does not tell how far they are.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_like_another_and_only_the_same_is_the_same() {
        let tokens: Vec<_> = (0..100).map(|_| token()).collect();
        for (at, token) in tokens.iter().enumerate() {
            assert_eq!(token.len(), 32);
            for (other_at, other) in tokens.iter().enumerate() {
                assert_eq!(is_same(token, other), at == other_at);
            }
        }
        assert!(!is_same("", "a") && !is_same("a", "ab"));
    }
}
