//! Several objectives: dominance, hypervolume, and one number for a sampler.
//!
//! Values are costs here: less is better.

use crate::num::float;
use crate::rng::Rng;

/// Whether costs `a` are nowhere above `b` and somewhere below.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(x, y)| x <= y) && a.iter().zip(b).any(|(x, y)| x < y)
}

/// Indices of the points that no other dominates, in order. Equal points are all kept.
pub(super) fn front(points: &[Vec<f64>]) -> Vec<usize> {
    (0..points.len()).filter(|&i| !points.iter().any(|other| dominates(other, &points[i]))).collect()
}

/// The volume that is dominated by some of the points and dominates `reference`: what a front covers. Points that do not lie
/// below the reference in every cost count nothing; 0 for no points.
///
/// `points` is `(n_points, n_objectives)`. Exact, by slicing along the last objective; meant for the few hundred points of a study and
/// up to four objectives.
///
/// # Example
/// ```
/// use attrition_core::tune::hypervolume;
/// let front = [vec![1.0, 3.0], vec![2.0, 1.0]];
/// assert_eq!(hypervolume(&front, &[4.0, 4.0]), 7.0);
/// ```
///
/// # Reference
/// Zitzler, Thiele: Multiobjective evolutionary algorithms: a comparative case study and the strength Pareto approach. IEEE Trans. Evol.
/// Comput. 3 (1999), <https://doi.org/10.1109/4235.797969>.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let m = reference.len();
    let inside = |p: &&Vec<f64>| p.len() == m && p.iter().zip(reference).all(|(v, r)| v < r);
    let mut kept: Vec<&[f64]> = points.iter().filter(inside).map(Vec::as_slice).collect();
    if m == 0 || kept.is_empty() {
        return 0.0;
    }
    volume(&mut kept, reference)
}

/// Of points below the reference, at least one.
fn volume(points: &mut [&[f64]], reference: &[f64]) -> f64 {
    let last = reference.len() - 1;
    if last == 0 {
        return reference[0] - points.iter().fold(f64::INFINITY, |least, p| least.min(p[0]));
    }
    points.sort_by(|a, b| a[last].total_cmp(&b[last]));
    let mut sum = 0.0;
    for i in 0..points.len() {
        let top = points.get(i + 1).map_or(reference[last], |p| p[last]);
        if top > points[i][last] {
            let mut below: Vec<&[f64]> = points[..=i].iter().map(|p| &p[..last]).collect();
            sum += (top - points[i][last]) * volume(&mut below, &reference[..last]);
        }
    }
    sum
}

/// Weights that sum to 1, uniform on the simplex.
pub(super) fn weights(rng: &mut Rng, n: usize) -> Vec<f64> {
    let raw: Vec<f64> = (0..n).map(|_| -float::ln(1.0 - rng.uniform())).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| if sum > 0.0 { w / sum } else { 1.0 / n as f64 }).collect()
}

/// The augmented Chebyshev cost of each point under weights, after each objective was brought to [0, 1] over the points:
/// `maxⱼ wⱼ·zⱼ + 0.05·Σⱼ wⱼ·zⱼ`.
///
/// # Reference
/// Knowles: ParEGO. IEEE Trans. Evol. Comput. 10 (2006), <https://doi.org/10.1109/TEVC.2005.851274>.
pub(super) fn scalarized(points: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let ends: Vec<(f64, f64)> = (0..weights.len())
        .map(|j| {
            let values = points.iter().filter_map(|p| p.get(j));
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
        })
        .collect();
    let cost = |p: &Vec<f64>| {
        let parts = p.iter().zip(&ends).zip(weights).map(|((v, (low, high)), w)| {
            // The two halves of the range: their difference may overflow.
            let range = 0.5 * high - 0.5 * low;
            if range > 0.0 { w * 0.5 * ((0.5 * v - 0.5 * low) / range) * 2.0 } else { 0.0 }
        });
        let (most, sum) = parts.fold((0.0f64, 0.0), |(most, sum), part| (most.max(part), sum + part));
        most + 0.05 * sum
    };
    points.iter().map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_front_keeps_what_nothing_dominates() {
        let points = vec![vec![1.0, 3.0], vec![2.0, 1.0], vec![2.0, 3.0], vec![2.0, 1.0], vec![0.5, 9.0]];
        assert_eq!(front(&points), [0, 1, 3, 4]);
        assert!(dominates(&[1.0, 1.0], &[1.0, 2.0]) && !dominates(&[1.0, 1.0], &[1.0, 1.0]));
    }

    proptest! {
        #[test]
        fn hypervolume_is_the_share_of_a_grid(points in prop::collection::vec(prop::collection::vec(0u8..6, 3), 0..8)) {
            // On whole numbers the volume is the number of unit cells whose lower corner is dominated or equal.
            let float: Vec<Vec<f64>> = points.iter().map(|p| p.iter().map(|&v| f64::from(v)).collect()).collect();
            let mut cells = 0;
            for x in 0..5u8 {
                for y in 0..5u8 {
                    for z in 0..5u8 {
                        cells += u32::from(points.iter().any(|p| p[0] <= x && p[1] <= y && p[2] <= z));
                    }
                }
            }
            prop_assert_eq!(hypervolume(&float, &[5.0; 3]), f64::from(cells));
        }
    }

    #[test]
    fn every_point_of_the_front_is_best_under_some_weights() {
        let points = vec![vec![0.0, 1.0], vec![0.4, 0.6], vec![1.0, 0.0], vec![0.9, 0.9]];
        let mut best = [0; 4];
        for i in 0..200 {
            let w = weights(&mut crate::Seed(0).stream("w", i), 2);
            assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let costs = scalarized(&points, &w);
            best[(0..4).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap()] += 1;
        }
        assert!(best[..3].iter().all(|&c| c > 10) && best[3] == 0, "{best:?}");
    }
}
