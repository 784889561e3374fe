//! How good a split is, and the best one of a column.
//!
//! With `G`, `H` the sums of gradients and second derivatives of the rows of a node, `T` the soft threshold at `l1`, and
//! `λ = l2`: the value of a leaf is `v = −T(G) / (H + λ)`, what it lowers the objective by is `½·T(G)² / (H + λ)`, and a split's
//! gain is twice what it lowers it by: `S(left) + S(right) − S(node)` with `S = T(G)² / (H + λ)`.
//!
//! # Reference
//! Friedman: Greedy function approximation: a gradient boosting machine. Annals of Statistics 29 (2001),
//! <https://doi.org/10.1214/aos/1013203451>; Chen, Guestrin: XGBoost: a scalable tree boosting system. KDD 2016,
//! <https://doi.org/10.1145/2939672.2939785>.

use std::cell::RefCell;

use super::bins::GAP;
use crate::num::wide::wide;

/// Sums of a bin or a node: gradients, second derivatives; whole numbers, so that they are the same in any order.
pub(super) type Sums = [i64; 2];

pub(super) fn add(a: Sums, b: Sums) -> Sums {
    [a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])]
}

pub(super) fn sub(a: Sums, b: Sums) -> Sums {
    [a[0].wrapping_sub(b[0]), a[1].wrapping_sub(b[1])]
}

/// What holds the sums of a bin.
pub(super) trait Cell: Copy + PartialEq + Default {
    /// As they are.
    fn sums(self) -> Sums;
    /// With a row's more, in the packed form.
    fn with(self, row: u64) -> Self;
}

impl Cell for Sums {
    fn sums(self) -> Sums {
        self
    }
    fn with(self, row: u64) -> Sums {
        add(self, unpack(row))
    }
}

/// The packed form: half the memory, for as few rows as fit 32 bits.
impl Cell for u64 {
    fn sums(self) -> Sums {
        unpack(self)
    }
    fn with(self, row: u64) -> u64 {
        self.wrapping_add(row)
    }
}

/// A gradient above a second derivative, 32 bits each.
pub(super) fn pack(g: i32, h: u32) -> u64 {
    ((i64::from(g) << 32) + i64::from(h)) as u64
}

pub(super) fn unpack(packed: u64) -> Sums {
    [(packed as i64) >> 32, (packed & 0xFFFF_FFFF) as i64]
}

/// What a split is judged by.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    /// Of the whole numbers of [`Sums`].
    pub(super) scale: [f64; 2],
    pub(super) l1: f64,
    pub(super) l2: f64,
    pub(super) min_gain: f64,
    /// Least sum of second derivatives of a child.
    pub(super) min_child_weight: f64,
    /// Least weight of rows of a child.
    pub(super) min_leaf_rows: f64,
}

/// What holds for a column's splits.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rule {
    /// −1, 0 or 1 of a monotone constraint.
    pub(super) direction: i8,
    /// Taken from the gain.
    pub(super) cost: f64,
}

/// A node as its splits see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeSums {
    pub(super) sums: Sums,
    /// Weight of its rows.
    pub(super) weight: f64,
    /// Between which its value must lie.
    pub(super) bounds: [f64; 2],
}

/// The sums of a column's bins.
#[derive(Clone, Copy)]
pub(super) struct Bins<'a, C> {
    pub(super) sums: &'a [C; 256],
    /// Marks the bins that may hold rows.
    pub(super) occupied: &'a [u64; 4],
    /// Whether the bins have an order; else each is asked for alone.
    pub(super) ordered: bool,
}

/// A question with its gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) gain: f64,
    pub(super) column: usize,
    /// Ordered: rows of bins up to this go left. Levels: rows of this bin.
    pub(super) cut: u8,
    pub(super) gap_left: bool,
    pub(super) left: Sums,
}

impl Split {
    /// The better of two; the first of equals.
    pub(super) fn better(a: Option<Split>, b: Option<Split>) -> Option<Split> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.gain > a.gain { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

impl Judge {
    fn soft(&self, g: f64) -> f64 {
        if self.l1 == 0.0 { g } else { (g.abs() - self.l1).max(0.0).copysign(g) }
    }

    fn real(&self, s: Sums) -> (f64, f64) {
        (s[0] as f64 * self.scale[0], s[1] as f64 * self.scale[1])
    }

    /// A leaf's value within its bounds; 0 where nothing is known.
    pub(super) fn value(&self, s: Sums, bounds: [f64; 2]) -> f64 {
        let (g, h) = self.real(s);
        let v = -self.soft(g) / (h + self.l2);
        let v = if v.is_finite() { v } else { 0.0 };
        v.max(bounds[0]).min(bounds[1])
    }

    /// `S` of the module's formula.
    fn score(&self, s: Sums) -> f64 {
        let (g, h) = self.real(s);
        let t = self.soft(g);
        t * t / (h + self.l2)
    }

    /// `S` at a value that need not be the best: `−2·G·v − (H + λ)·v² − 2·l1·|v|`.
    fn score_at(&self, s: Sums, v: f64) -> f64 {
        let (g, h) = self.real(s);
        -2.0 * g * v - (h + self.l2) * v * v - 2.0 * self.l1 * v.abs()
    }

    /// The best split of one column; `direction` is −1, 0 or 1 of a monotone constraint.
    pub(super) fn best<C: Cell>(&self, column: usize, rule: Rule, bins: Bins<'_, C>, node: &NodeSums) -> Option<Split> {
        let Rule { direction, cost } = rule;
        let total_h = self.real(node.sums).1;
        // Rows are counted by their share of the second derivatives; the exact weight is looked at when rows are parted.
        let rows_of_h = if total_h > 0.0 { node.weight / total_h } else { 0.0 };
        let min_h = self.min_child_weight.max(if rows_of_h > 0.0 { self.min_leaf_rows / rows_of_h } else { 0.0 });
        // Rounding must not refuse what is exactly at the limit.
        let min_h = min_h * (1.0 - 1e-12);
        let least = ((min_h / self.scale[1]).ceil() as i64).max(1);
        let bounded = direction != 0 || node.bounds != [f64::NEG_INFINITY, f64::INFINITY];
        let mut found = if bounded {
            let parent = self.score_at(node.sums, self.value(node.sums, node.bounds));
            self.scan(bins, node, parent, least, |left, right| {
                let (vl, vr) = (self.value(left, node.bounds), self.value(right, node.bounds));
                let allowed = !((direction > 0 && vl > vr) || (direction < 0 && vl < vr));
                allowed.then(|| self.score_at(left, vl) + self.score_at(right, vr))
            })
        } else if bins.ordered {
            CUTS.with(|cuts| match cuts.try_borrow_mut() {
                Ok(mut cuts) => self.best_cut(bins, node, least, &mut cuts),
                Err(_) => self.best_cut(bins, node, least, &mut Cuts::default()),
            })
        } else {
            let parent = self.score(node.sums);
            let score = self.scores_of(node.sums.map(|s| s as f64));
            self.scan(bins, node, parent, least, |left, _| Some(score(left.map(|s| s as f64))))
        };
        if let Some(split) = &mut found {
            split.column = column;
            split.gain -= cost;
        }
        // What costs more than the rest gains stays unused.
        found.filter(|split| cost == 0.0 || split.gain > self.min_gain.max(0.0))
    }

    /// What a split must score above: more than rounding, as a split that tells nothing has a gain of about 0.
    fn least_score(&self, parent: f64) -> f64 {
        parent + self.min_gain.max(1e-9 * parent.abs() + 1e-12)
    }

    /// `S` of both sides of a cut, by the sums to its left; without bounds. Over one line: a division takes longest.
    #[inline(always)]
    fn scores_of(&self, total: [f64; 2]) -> impl Fn([f64; 2]) -> f64 {
        let ([g_scale, h_scale], l1, l2) = (self.scale, self.l1, self.l2);
        let soft = move |g: f64| (g.abs() - l1).max(0.0);
        move |left| {
            // Whole numbers up to 2⁵³: the right side is exact.
            let (gl, gr) = (soft(left[0] * g_scale), soft((total[0] - left[0]) * g_scale));
            let (hl, hr) = (left[1] * h_scale + l2, (total[1] - left[1]) * h_scale + l2);
            (gl * gl * hr + gr * gr * hl) / (hl * hr)
        }
    }

    /// As [`Judge::scan`], for an ordered column without bounds, many cuts at once.
    fn best_cut<C: Cell>(&self, bins: Bins<'_, C>, node: &NodeSums, least: i64, cuts: &mut Cuts) -> Option<Split> {
        let all = cuts.fill(&bins);
        let parent = self.score(node.sums);
        let mut best_score = self.least_score(parent);
        let mut best = None;
        let gap = bins.sums[usize::from(GAP)].sums();
        let has_gap = gap != [0, 0];
        // Of equals the first cut, and of one cut that with gaps to the right.
        let mut of_cut = usize::MAX;
        for gap_left in [false, true] {
            let added = if gap_left { gap } else { [0, 0] };
            // Second derivatives only add up: the cuts with enough on either side are a range.
            let h = |left: &Sums| left[1].wrapping_add(added[1]);
            let first = cuts.left[..cuts.n].partition_point(|left| h(left) < least);
            let end = cuts.left[..cuts.n].partition_point(|left| node.sums[1].wrapping_sub(h(left)) >= least);
            if first < end && (!gap_left || has_gap) {
                let (k, score) = highest(self, node, added, cuts, [first, end]);
                if score > best_score || (score == best_score && k < of_cut) {
                    (best_score, of_cut) = (score, k);
                    best = Some((cuts.between(k), gap_left, add(cuts.left[k], added)));
                }
            }
        }
        // The gaps against all else: whatever the number.
        let right = sub(node.sums, all);
        if has_gap && all[1] >= least && right[1] >= least {
            let score = self.scores_of(node.sums.map(|s| s as f64))(all.map(|s| s as f64));
            if score > best_score {
                best_score = score;
                best = Some((GAP - 1, false, all));
            }
        }
        best.map(|(cut, gap_left, left)| Split { gain: best_score - parent, column: 0, cut, gap_left, left })
    }

    /// The split of greatest score, the first of equals, whose children have at least the whole number `least` of second
    /// derivatives.
    #[inline(always)]
    fn scan<C: Cell>(
        &self,
        bins: Bins<'_, C>,
        node: &NodeSums,
        parent: f64,
        least: i64,
        score: impl Fn(Sums, Sums) -> Option<f64>,
    ) -> Option<Split> {
        let mut best_score = self.least_score(parent);
        let mut best: Option<(u8, bool, Sums)> = None;
        let mut consider = |cut: u8, gap_left: bool, left: Sums| {
            let right = sub(node.sums, left);
            if left[1] < least || right[1] < least {
                return;
            }
            if let Some(score) = score(left, right)
                && score > best_score
            {
                best_score = score;
                best = Some((cut, gap_left, left));
            }
        };
        let Bins { sums: hist, occupied, ordered } = bins;
        let gap = if ordered { hist[usize::from(GAP)].sums() } else { [0, 0] };
        let has_gap = gap != [0, 0];
        let mut left = [0, 0];
        let mut last: Option<usize> = None;
        for (word, bits) in occupied.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let b = 64 * word + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let s = hist[b % 256].sums();
                // The last bin is that of gaps, or of no level, for which nobody asks.
                if s == [0, 0] || b == usize::from(GAP) {
                    continue;
                }
                if !ordered {
                    consider(b as u8, false, s);
                    continue;
                }
                if let Some(a) = last {
                    // In the middle of the bins without rows.
                    let cut = (a + (b - a) / 2) as u8;
                    consider(cut, false, left);
                    if has_gap {
                        consider(cut, true, add(left, gap));
                    }
                }
                left = add(left, s);
                last = Some(b);
            }
        }
        if has_gap && last.is_some() {
            // The gaps against all else: whatever the number.
            consider(GAP - 1, false, left);
        }
        best.map(|(cut, gap_left, left)| Split { gain: best_score - parent, column: 0, cut, gap_left, left })
    }
}

/// The cuts of an ordered column between bins that hold rows.
struct Cuts {
    /// How many there are: one less than bins that hold rows.
    n: usize,
    /// Those bins.
    bins: [u8; 256],
    /// Sums of the rows in a bin and those before it.
    left: [Sums; 256],
    /// The same as numbers, and what the cuts score.
    g: [f64; 256],
    h: [f64; 256],
    scores: [f64; 256],
}

impl Default for Cuts {
    fn default() -> Cuts {
        Cuts { n: 0, bins: [0; 256], left: [[0; 2]; 256], g: [0.0; 256], h: [0.0; 256], scores: [0.0; 256] }
    }
}

thread_local! {
    static CUTS: RefCell<Cuts> = RefCell::default();
}

impl Cuts {
    /// The sums of all bins but that of gaps.
    fn fill<C: Cell>(&mut self, bins: &Bins<'_, C>) -> Sums {
        let (mut n, mut left) = (0, [0, 0]);
        let mut push = |b: usize| {
            // Empty bins are written over.
            let cell = bins.sums[b % 256];
            left = add(left, cell.sums());
            self.bins[n % 256] = b as u8;
            self.left[n % 256] = left;
            self.g[n % 256] = left[0] as f64;
            self.h[n % 256] = left[1] as f64;
            n += usize::from(cell != C::default());
        };
        if *bins.occupied == [u64::MAX; 4] {
            (0..usize::from(GAP)).for_each(push);
        } else {
            for (word, bits) in bins.occupied.iter().enumerate() {
                // The last bin is that of gaps.
                let mut bits = if word == 3 { bits & !(1 << 63) } else { *bits };
                while bits != 0 {
                    push(64 * word + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                }
            }
        }
        self.n = n.saturating_sub(1);
        left
    }

    /// In the middle of the bins without rows.
    fn between(&self, k: usize) -> u8 {
        let (a, b) = (self.bins[k % 256], self.bins[(k + 1) % 256]);
        a + (b - a) / 2
    }
}

wide! {
    /// The cut of greatest score in a range of them, the first of equals, and its score.
    fn highest(judge: &Judge, node: &NodeSums, added: Sums, cuts: &mut Cuts, range: [usize; 2]) -> (usize, f64) {
        let score = judge.scores_of(node.sums.map(|s| s as f64));
        let Cuts { g, h, scores, .. } = cuts;
        let [first, end] = range;
        let (g, h, scores) = (&g[first..end], &h[first..end], &mut scores[first..end]);
        let added = added.map(|s| s as f64);
        for ((out, g), h) in scores.iter_mut().zip(g).zip(h) {
            *out = score([g + added[0], h + added[1]]);
        }
        let (heads, rest) = scores.as_chunks::<8>();
        let mut tops = [f64::NEG_INFINITY; 8];
        for chunk in heads {
            for (top, score) in tops.iter_mut().zip(chunk) {
                *top = if *score > *top { *score } else { *top };
            }
        }
        let top = tops.iter().chain(rest).fold(f64::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
        (first + scores.iter().position(|s| *s == top).unwrap_or(0), top)
    }
}
