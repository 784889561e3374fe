//! Strings to codes, in order of first appearance.

use std::hash::{BuildHasher, RandomState};

const EMPTY: u32 = u32::MAX;

/// A growing vocabulary. Each string is stored once: the hash table holds codes only.
///
/// Which slot a code stands in depends on a random key (input may be hostile); the codes themselves do not.
#[derive(Debug, Clone)]
pub(crate) struct Interner {
    vocabulary: Vec<String>,
    slots: Vec<u32>,
    key: [u64; 2],
}

impl Interner {
    pub(crate) fn new() -> Interner {
        let random = RandomState::new();
        let key = [random.hash_one(0), random.hash_one(1) | 1];
        Interner { vocabulary: Vec::new(), slots: vec![EMPTY; 16], key }
    }

    /// The string's code, given now if it has none.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        let slot = self.slot(text);
        if self.slots[slot] == EMPTY { self.insert(slot, text.to_owned()) } else { self.slots[slot] }
    }

    /// As [`Interner::code`], without a copy of a new string.
    pub(crate) fn code_owned(&mut self, text: String) -> u32 {
        let slot = self.slot(&text);
        if self.slots[slot] == EMPTY { self.insert(slot, text) } else { self.slots[slot] }
    }

    /// The strings by code.
    pub(crate) fn into_vocabulary(self) -> Vec<String> {
        self.vocabulary
    }

    /// Where the string's code stands, or the empty slot where it belongs.
    fn slot(&self, text: &str) -> usize {
        let wrap = self.slots.len() - 1;
        let mut slot = hash(self.key, text.as_bytes()) as usize & wrap;
        while self.slots[slot] != EMPTY && self.vocabulary[self.slots[slot] as usize] != text {
            slot = (slot + 1) & wrap;
        }
        slot
    }

    fn insert(&mut self, slot: usize, text: String) -> u32 {
        let code = self.vocabulary.len() as u32;
        self.vocabulary.push(text);
        self.slots[slot] = code;
        // At most half full, so that a search always ends, and soon.
        if self.vocabulary.len() * 2 > self.slots.len() {
            let wrap = self.slots.len() * 2 - 1;
            let mut slots = vec![EMPTY; wrap + 1];
            for (code, text) in self.vocabulary.iter().enumerate() {
                let mut slot = hash(self.key, text.as_bytes()) as usize & wrap;
                while slots[slot] != EMPTY {
                    slot = (slot + 1) & wrap;
                }
                slots[slot] = code as u32;
            }
            self.slots = slots;
        }
        code
    }
}

/// A hash of few instructions: every eight bytes are multiplied into what went before, and the two halves of the
/// product folded together.
fn hash(key: [u64; 2], bytes: &[u8]) -> u64 {
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(key[1]);
        product as u64 ^ (product >> 64) as u64
    };
    let mut state = key[0] ^ bytes.len() as u64;
    let mut rest = bytes;
    while let Some((eight, after)) = rest.split_first_chunk() {
        state = fold(state, u64::from_le_bytes(*eight));
        rest = after;
    }
    // Of one to seven bytes, two looks take in all, though some twice.
    let last = match (rest, rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        ([], ..) => return state,
        (_, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        ([first, .., last], ..) => {
            let middle = rest.get(rest.len() / 2).copied().unwrap_or_default();
            u64::from(*first) | u64::from(middle) << 8 | u64::from(*last) << 16
        }
        ([one], ..) => u64::from(*one),
    };
    fold(state, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_first_appearance() {
        let mut i = Interner::new();
        let text = |n: usize| format!("word {}", n % 1000);
        for n in 0..3000 {
            let code = if n % 2 == 0 { i.code(&text(n)) } else { i.code_owned(text(n)) };
            assert_eq!(code as usize, n % 1000);
        }
        assert_eq!(i.into_vocabulary(), (0..1000).map(text).collect::<Vec<_>>());
    }
    /// Strings of every length that differ in one byte, wherever it stands, are different.
    #[test]
    fn every_byte_counts() {
        for len in 0..40 {
            let mut words = vec!["a".repeat(len), "a".repeat(len + 1)];
            words.extend((0..len).map(|at| format!("{}b{}", "a".repeat(at), "a".repeat(len - at - 1))));
            let mut i = Interner::new();
            for _ in 0..2 {
                for (code, word) in words.iter().enumerate() {
                    assert_eq!(i.code(word) as usize, code, "{word}");
                }
            }
        }
    }
}
