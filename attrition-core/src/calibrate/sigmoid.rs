//! Platt's sigmoid.
//!
//! Notation: f = a·z + b, p = 1 / (1 + eᶠ), target t, weight w. Loss Σ w·(softplus(f) − (1 − t)·f), its derivative in f
//! w·(t − p), its second w·p·(1 − p): convex in (a, b).

use crate::num::float;

/// The loss stops falling long before; a bound against endless loops.
const MAX_STEPS: usize = 200;

pub(super) fn fit(z: &[f64], y: &[u8], weight: impl Fn(usize) -> f64) -> (f64, f64) {
    let mut n = [0.0; 2];
    y.iter().enumerate().for_each(|(row, &label)| n[usize::from(label == 1)] += weight(row));
    let targets = [1.0 / (n[0] + 2.0), (n[1] + 1.0) / (n[1] + 2.0)];
    let target = |row: usize| targets[usize::from(y[row] == 1)];
    let loss = |a: f64, b: f64| -> f64 {
        let of = |row: usize| {
            let f = a * z[row] + b;
            weight(row) * (float::softplus(f) - (1.0 - target(row)) * f)
        };
        (0..y.len()).map(of).sum()
    };

    let (mut a, mut b) = (0.0, float::ln((n[0] + 1.0) / (n[1] + 1.0)));
    let mut current = loss(a, b);
    for _ in 0..MAX_STEPS {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (row, &z) in z.iter().enumerate() {
            let p = float::sigmoid(-(a * z + b));
            let (slope, bend) = (weight(row) * (target(row) - p), weight(row) * p * (1.0 - p));
            ga += slope * z;
            gb += slope;
            haa += bend * z * z;
            hab += bend * z;
            hbb += bend;
        }
        // Scores that are all equal leave one direction without curvature.
        let ridge = 1e-12 * (n[0] + n[1]);
        let (haa, hbb) = (haa + ridge, hbb + ridge);
        let determinant = haa * hbb - hab * hab;
        let (da, db) = (-(hbb * ga - hab * gb) / determinant, -(haa * gb - hab * ga) / determinant);
        let descent = ga * da + gb * db;
        let mut step = 1.0;
        let moved = loop {
            let (next_a, next_b) = (a + step * da, b + step * db);
            let next = loss(next_a, next_b);
            if next < current + 1e-4 * step * descent {
                (a, b, current) = (next_a, next_b, next);
                break true;
            }
            step *= 0.5;
            if step <= 1e-10 {
                break false;
            }
        };
        if !moved || (da * da + db * db).sqrt() * step <= 1e-12 * (1.0 + (a * a + b * b).sqrt()) {
            break;
        }
    }
    if a <= 0.0 {
        return (a, b);
    }
    // The best of the functions that do not descend is then the constant one.
    let mean = (n[0] * targets[0] + n[1] * targets[1]) / (n[0] + n[1]);
    (0.0, -float::logit(mean))
}
