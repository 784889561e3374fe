//! Gradients as whole numbers.
//!
//! A row's gradient `p − y` and second derivative `p·(1 − p)` of the log-loss are rounded to multiples of 2⁻¹⁶ and 2⁻¹⁸, times
//! the row's weight: 32 bits hold either of 32,767 rows, and sums are exact, hence the same in any order.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::grow::Shared;
use super::split::pack;

/// Whole numbers of one unit of gradient, and of second derivative.
const UNITS: [f64; 2] = [65_536.0, 262_144.0];
/// The largest that a row of weight 1 has of either.
const LARGEST: f64 = 65_536.0;
/// Rows of a task.
pub(super) const ROWS: usize = 8192;
/// Rows that are worked on together.
const TILE: usize = 256;

/// What the whole numbers stand for, and how weights enter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// A factor of the weights, a power of two: for weights beyond what 32 bits hold.
    factor: f64,
    /// Of a sum of whole numbers.
    pub(super) units: [f64; 2],
    /// Rows whose sums fit 32 bits.
    pub(super) safe_rows: usize,
}

impl Scale {
    pub(super) fn new(max_weight: f64) -> Scale {
        let mut factor = 1.0;
        // Weights up to 2¹⁴ − 1 enter as they are: a weight of 2 is the row twice.
        while max_weight * factor > 16_383.0 {
            factor *= 0.5;
        }
        while max_weight * factor < 1.0 && factor < 1e300 {
            factor *= 2.0;
        }
        let units = UNITS.map(|u| 1.0 / (u * factor));
        let largest = (max_weight * factor).max(1.0) * LARGEST;
        Scale { factor, units, safe_rows: (f64::from(i32::MAX) / largest) as usize }
    }

    /// What a whole number of [`rates`] stands for.
    pub(super) fn rate_unit(&self) -> f64 {
        1.0 / (256.0 * self.factor)
    }

    fn weigh(&self, g: i32, h: i32, w: f64) -> u64 {
        let w = w * self.factor;
        pack((f64::from(g) * w).round() as i32, (f64::from(h) * w).round() as u32)
    }
}

/// `1 / (1 + e^−z)` in single precision, to 2·10⁻⁷; made of additions and multiplications that vectorise, hence the same bits
/// everywhere.
fn sigmoid(z: f32) -> f32 {
    // Adding and subtracting 1.5·2²³ rounds; the sum's own low bits are the whole number.
    const ROUND: f32 = 12_582_912.0;
    let t = -z.clamp(-87.0, 87.0) * std::f32::consts::LOG2_E;
    let shifted = t + ROUND;
    let f = t - (shifted - ROUND);
    // 2^f on [−½, ½]: Taylor's polynomial of e^(f·ln 2) of degree 6.
    let x = f * std::f32::consts::LN_2;
    let power = 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x / 720.0)))));
    let exponent = (shifted.to_bits() << 23).wrapping_add(0x3F80_0000);
    1.0 / (1.0 + power * f32::from_bits(exponent))
}

/// To the nearest whole number, for `|x| < 2²²`.
fn round(x: f32) -> i32 {
    (x + 12_582_912.0).to_bits() as i32 - 0x4B40_0000
}

/// Gradients of the log-loss of one task's rows at their scores (log-odds, as bits).
pub(super) fn log_loss(
    shared: &Shared<'_>,
    task: usize,
    scores: &[AtomicU64],
    y: &[u8],
    w: Option<&[f64]>,
    scale: &Scale,
) {
    let rows = task * ROWS..((task + 1) * ROWS).min(y.len());
    let (mut z, mut g, mut h) = ([0f32; TILE], [0i32; TILE], [0i32; TILE]);
    for first in rows.clone().step_by(TILE) {
        let tile = first..(first + TILE).min(rows.end);
        for (z, score) in z.iter_mut().zip(&scores[tile.clone()]) {
            *z = f64::from_bits(score.load(Relaxed)) as f32;
        }
        let mut labels = [0f32; TILE];
        for (l, y) in labels.iter_mut().zip(&y[tile.clone()]) {
            *l = f32::from(*y);
        }
        for k in 0..TILE {
            let p = sigmoid(z[k]);
            g[k] = round((p - labels[k]) * 65_536.0);
            h[k] = round(p * (1.0 - p) * 262_144.0);
        }
        for (k, row) in tile.enumerate() {
            let packed = match w {
                None => pack(g[k], h[k] as u32),
                Some(w) => scale.weigh(g[k], h[k], w[row]),
            };
            shared.packed[row].store(packed, Relaxed);
        }
    }
}

/// Whole numbers for rates: gradient `−y`, second derivative 1, so that a leaf's value is its rate of positives; `times` is
/// how often a row was drawn.
pub(super) fn rates(shared: &Shared<'_>, y: &[u8], w: Option<&[f64]>, times: impl Fn(usize) -> u32, scale: &Scale) {
    for (row, packed) in shared.packed.iter().enumerate() {
        let unit = i32::try_from(times(row)).unwrap_or(0) * (1 << 8);
        let g = if y[row] == 0 { 0 } else { -unit };
        let value = match w {
            None => pack(g, unit as u32),
            Some(w) => scale.weigh(g, unit, w[row]),
        };
        packed.store(value, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::float;

    #[test]
    fn the_fast_sigmoid_is_the_sigmoid() {
        for i in -20_000..=20_000 {
            let z = f64::from(i) / 100.0;
            let (fast, exact) = (f64::from(sigmoid(z as f32)), float::sigmoid(f64::from(z as f32)));
            assert!((fast - exact).abs() < 2e-7, "{z}: {fast} {exact}");
            assert!((0.0..=1.0).contains(&fast));
        }
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        for (x, n) in [(0.4, 0), (0.6, 1), (-0.6, -1), (65_536.0, 65_536), (-65_535.6, -65_536), (1e6, 1_000_000)] {
            assert_eq!(round(x), n);
        }
    }

    #[test]
    fn weights_enter_as_repeats_and_large_ones_are_scaled() {
        let s = Scale::new(7.0);
        assert_eq!(s.weigh(-5, 3, 7.0), pack(-35, 21));
        assert!(s.safe_rows >= 4000);
        for w in [1e300, 1e-300, 16_384.0, 0.5] {
            let s = Scale::new(w);
            let [g, h] = super::super::split::unpack(s.weigh(-65_536, 65_536, w));
            assert!(
                (g as f64 * s.units[0] / w + 1.0).abs() < 1e-5 && (h as f64 * s.units[1] / w - 0.25).abs() < 1e-5,
                "{w}"
            );
            assert!(s.safe_rows >= 1);
        }
    }
}
