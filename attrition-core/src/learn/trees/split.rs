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

use super::bins::GAP;

/// Sums of a bin or a node: gradients, second derivatives; whole numbers, so that they are the same in any order.
pub(super) type Sums = [i64; 2];

pub(super) fn add(a: Sums, b: Sums) -> Sums {
    [a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])]
}

pub(super) fn sub(a: Sums, b: Sums) -> Sums {
    [a[0].wrapping_sub(b[0]), a[1].wrapping_sub(b[1])]
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
pub(super) struct Bins<'a> {
    pub(super) sums: &'a [Sums; 256],
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
    pub(super) fn best(&self, column: usize, direction: i8, bins: Bins<'_>, node: &NodeSums) -> Option<Split> {
        let total_h = self.real(node.sums).1;
        // Rows are counted by their share of the second derivatives; the exact weight is looked at when rows are parted.
        let rows_of_h = if total_h > 0.0 { node.weight / total_h } else { 0.0 };
        let min_h = self.min_child_weight.max(if rows_of_h > 0.0 { self.min_leaf_rows / rows_of_h } else { 0.0 });
        // Rounding must not refuse what is exactly at the limit.
        let min_h = min_h * (1.0 - 1e-12);
        let bounded = direction != 0 || node.bounds != [f64::NEG_INFINITY, f64::INFINITY];
        let mut found = if bounded {
            let parent = self.score_at(node.sums, self.value(node.sums, node.bounds));
            self.scan(bins, node, parent, min_h, |left, right| {
                let (vl, vr) = (self.value(left, node.bounds), self.value(right, node.bounds));
                let allowed = !((direction > 0 && vl > vr) || (direction < 0 && vl < vr));
                // As a fraction: what is below the line is 1.
                allowed.then(|| (self.score_at(left, vl) + self.score_at(right, vr), 1.0))
            })
        } else {
            let parent = self.score(node.sums);
            self.scan(bins, node, parent, min_h, |left, right| {
                let ((gl, hl), (gr, hr)) = (self.real(left), self.real(right));
                let (gl, gr) = (self.soft(gl), self.soft(gr));
                let (hl, hr) = (hl + self.l2, hr + self.l2);
                // Both quotients over one line: compared without a division.
                Some((gl * gl * hr + gr * gr * hl, hl * hr))
            })
        };
        if let Some(split) = &mut found {
            split.column = column;
        }
        found
    }

    /// The split of greatest score, the first of equals, whose children have at least `min_h`. `score` gives a fraction.
    #[inline(always)]
    fn scan(
        &self,
        bins: Bins<'_>,
        node: &NodeSums,
        parent: f64,
        min_h: f64,
        score: impl Fn(Sums, Sums) -> Option<(f64, f64)>,
    ) -> Option<Split> {
        // More than rounding: a split that tells nothing has a gain of about 0.
        let mut best_score = parent + self.min_gain.max(1e-9 * parent.abs() + 1e-12);
        let mut best: Option<(u8, bool, Sums)> = None;
        let least = ((min_h / self.scale[1]).ceil() as i64).max(1);
        let mut consider = |cut: u8, gap_left: bool, left: Sums| {
            let right = sub(node.sums, left);
            if left[1] < least || right[1] < least {
                return;
            }
            if let Some((above, below)) = score(left, right)
                && above > best_score * below
            {
                best_score = above / below;
                best = Some((cut, gap_left, left));
            }
        };
        let Bins { sums: hist, occupied, ordered } = bins;
        let gap = if ordered { hist[usize::from(GAP)] } else { [0, 0] };
        let has_gap = gap != [0, 0];
        let mut left = [0, 0];
        let mut last: Option<usize> = None;
        for (word, bits) in occupied.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let b = 64 * word + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let s = hist[b % 256];
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
