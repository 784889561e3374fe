//! Counts of a category's levels, up to a limit that does not depend on their order.

use std::collections::BTreeMap;

/// Levels that are counted one by one.
pub const MAX_LEVELS: usize = 1000;

/// Counts of levels.
///
/// Up to [`MAX_LEVELS`] different levels, all are counted. Beyond that, the 1000 whose names hash lowest are, and the
/// others only together: a fixed choice, so that every part counts them from its first row and merging stays exact.
/// (The most frequent ones could not be known before the end.)
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Stored")]
pub struct Levels {
    counts: BTreeMap<String, u64>,
    overflow: u64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    counts: BTreeMap<String, u64>,
    overflow: u64,
}

impl TryFrom<Stored> for Levels {
    type Error = String;
    fn try_from(s: Stored) -> Result<Levels, String> {
        let total = s.counts.values().try_fold(s.overflow, |sum, &c| sum.checked_add(c));
        if total.is_none() || s.counts.len() > MAX_LEVELS || s.counts.values().any(|&c| c == 0) {
            return Err("counts of levels that are 0, too many, or past counting".into());
        }
        Ok(Levels { counts: s.counts, overflow: s.overflow })
    }
}

/// FNV-1a with a final mix.
fn hash(name: &str) -> u64 {
    let mut h = 0xCBF2_9CE4_8422_2325_u64;
    for b in name.bytes() {
        h = (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^ (h >> 31)
}

impl Levels {
    /// Adds counts of levels; zeros are passed over.
    pub(super) fn add<'a>(&mut self, counts: impl IntoIterator<Item = (&'a str, u64)>) {
        for (level, n) in counts.into_iter().filter(|c| c.1 > 0) {
            match self.counts.get_mut(level) {
                Some(count) => *count += n,
                None => {
                    self.counts.insert(level.to_owned(), n);
                }
            }
        }
        if self.counts.len() > MAX_LEVELS {
            let mut order: Vec<(u64, String)> = self.counts.keys().map(|k| (hash(k), k.clone())).collect();
            order.sort_unstable();
            for (_, level) in order.split_off(MAX_LEVELS) {
                self.overflow += self.counts.remove(&level).unwrap_or(0);
            }
        }
    }

    /// Adds other counts.
    pub(super) fn merge(&mut self, other: &Levels) {
        self.overflow += other.overflow;
        self.add(other.counts.iter().map(|(l, &n)| (l.as_str(), n)));
    }

    /// How many values were added.
    pub fn n(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.overflow
    }
    /// The levels counted one by one, by name, and their counts.
    pub fn counts(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.counts.iter().map(|(l, &n)| (l.as_str(), n))
    }
    /// The level's count; 0 where it never stood, `None` where it may be among those counted together.
    pub fn count(&self, level: &str) -> Option<u64> {
        self.counts.get(level).copied().or((self.overflow == 0).then_some(0))
    }
    /// Values of the levels that are not counted one by one.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }
}
