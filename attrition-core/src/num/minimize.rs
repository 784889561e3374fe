//! Minimising functions of one number, and smooth functions of many in a box.

use super::linalg::dot;

/// Where `f` is least in `[low, high]`, to about `tol` or eight digits, whichever is less: Brent's method, golden sections and parabolas. A value that is no
/// number counts as infinite. For a function with one minimum; else a local one is found.
///
/// # Reference
/// Brent: Algorithms for Minimization without Derivatives, 1973, chapter 5.
///
/// # Example
/// ```
/// let x = attrition_core::num::minimize::brent(|x| (x - 2.0) * (x - 2.0), -10.0, 10.0, 1e-10);
/// assert!((x - 2.0).abs() < 1e-8);
/// ```
pub fn brent(mut f: impl FnMut(f64) -> f64, low: f64, high: f64, tol: f64) -> f64 {
    const GOLDEN: f64 = 0.381_966_011_250_105_1;
    let mut f = |x: f64| {
        let y = f(x);
        if y.is_nan() { f64::INFINITY } else { y }
    };
    let (mut a, mut b) = (low, high);
    let mut x = a + GOLDEN * (b - a);
    let (mut v, mut second) = (x, x);
    let mut fx = f(x);
    let (mut fv, mut f_second) = (fx, fx);
    let (mut step, mut before_last) = (0.0f64, 0.0f64);
    for _ in 0..200 {
        let middle = 0.5 * (a + b);
        // A parabola's values are equal to rounding within the root of the machine epsilon: nearer is noise.
        let tol1 = 1.5e-8 * x.abs() + tol / 3.0;
        if (x - middle).abs() <= 2.0 * tol1 - 0.5 * (b - a) {
            break;
        }
        let mut golden = true;
        if before_last.abs() > tol1 && fx.is_finite() && fv.is_finite() && f_second.is_finite() {
            // The parabola through the three best points.
            let r = (x - second) * (fx - fv);
            let mut q = (x - v) * (fx - f_second);
            let mut p = (x - v) * q - (x - second) * r;
            q = 2.0 * (q - r);
            if q > 0.0 {
                p = -p;
            }
            q = q.abs();
            let limit = before_last;
            before_last = step;
            if p.abs() < (0.5 * q * limit).abs() && p > q * (a - x) && p < q * (b - x) {
                step = p / q;
                let u = x + step;
                if u - a < 2.0 * tol1 || b - u < 2.0 * tol1 {
                    step = if middle >= x { tol1 } else { -tol1 };
                }
                golden = false;
            }
        }
        if golden {
            before_last = if x >= middle { a - x } else { b - x };
            step = GOLDEN * before_last;
        }
        let u = x + if step.abs() >= tol1 { step } else { tol1.copysign(step) };
        let fu = f(u);
        if fu <= fx {
            if u >= x {
                a = x;
            } else {
                b = x;
            }
            (v, fv) = (second, f_second);
            (second, f_second) = (x, fx);
            (x, fx) = (u, fu);
        } else {
            if u < x {
                a = u;
            } else {
                b = u;
            }
            if fu <= f_second || second == x {
                (v, fv) = (second, f_second);
                (second, f_second) = (u, fu);
            } else if fu <= fv || v == x || v == second {
                (v, fv) = (u, fu);
            }
        }
    }
    x
}

/// What [`bounded`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// Where.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
}

/// A local minimum of a smooth function in a box, from `start` (moved into the box), in at most `max_iter` steps: projected L-BFGS.
///
/// `f(x, gradient)` gives the value and writes the gradient. A step keeps the variables that lie at a bound and are pushed
/// against it, takes the two-loop direction of the last eight steps for the others, and is halved until the value falls
/// enough (Armijo, along the projected path). It ends when the projected gradient or the gain of a step is below `tol`. A value
/// that is no number counts as infinite; if that is so at the start, the start is the result.
///
/// # Reference
/// Byrd, Lu, Nocedal, Zhu: A limited memory algorithm for bound constrained optimization. SIAM J. Sci. Comput. 16 (1995),
/// <https://doi.org/10.1137/0916069>; Bertsekas: Projected Newton methods. SIAM J. Control Optim. 20 (1982), <https://doi.org/10.1137/0320018>.
///
/// # Example
/// ```
/// use attrition_core::num::minimize::bounded;
/// let f = |x: &[f64], g: &mut [f64]| {
///     g.copy_from_slice(&[2.0 * (x[0] - 3.0), 2.0 * x[1]]);
///     (x[0] - 3.0) * (x[0] - 3.0) + x[1] * x[1]
/// };
/// let least = bounded(f, &[0.0, 1.0], &[(-1.0, 2.0), (-5.0, 5.0)], 50, 1e-12);
/// assert!((least.x[0] - 2.0).abs() < 1e-9 && least.x[1].abs() < 1e-6);
/// ```
pub fn bounded(
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: &[f64],
    bounds: &[(f64, f64)],
    max_iter: usize,
    tol: f64,
) -> Minimum {
    const MEMORY: usize = 8;
    let n = start.len().min(bounds.len());
    let clamp = |i: usize, v: f64| v.max(bounds[i].0).min(bounds[i].1);
    let mut x: Vec<f64> = (0..n).map(|i| clamp(i, start[i])).collect();
    let mut g = vec![0.0; n];
    let mut value = f(&x, &mut g);
    if !value.is_finite() {
        return Minimum { x, value: f64::INFINITY };
    }
    // Steps, differences of gradients, and 1 / (sᵀ·y), oldest first.
    let mut memory: std::collections::VecDeque<(Vec<f64>, Vec<f64>, f64)> = std::collections::VecDeque::new();
    let (mut next, mut next_g) = (x.clone(), g.clone());
    for _ in 0..max_iter {
        let held = |i: usize| (x[i] <= bounds[i].0 && g[i] > 0.0) || (x[i] >= bounds[i].1 && g[i] < 0.0);
        let free: Vec<bool> = (0..n).map(|i| !held(i)).collect();
        let slope = (0..n).filter(|&i| free[i]).fold(0.0f64, |m, i| m.max(g[i].abs()));
        if slope <= tol {
            break;
        }
        let mut d: Vec<f64> = (0..n).map(|i| if free[i] { -g[i] } else { 0.0 }).collect();
        let mut alphas = Vec::with_capacity(memory.len());
        for (s, y, rho) in memory.iter().rev() {
            let alpha = rho * dot(s, &d);
            d.iter_mut().zip(y).for_each(|(v, y)| *v -= alpha * y);
            alphas.push(alpha);
        }
        let scale = memory.back().map_or(1.0 / slope.max(1.0), |(_, y, rho)| 1.0 / (rho * dot(y, y)));
        d.iter_mut().for_each(|v| *v *= scale);
        for ((s, y, rho), alpha) in memory.iter().zip(alphas.into_iter().rev()) {
            let beta = rho * dot(y, &d);
            d.iter_mut().zip(s).for_each(|(v, s)| *v += (alpha - beta) * s);
        }
        d.iter_mut().zip(&free).for_each(|(v, free)| *v = if *free { *v } else { 0.0 });
        if dot(&d, &g) >= 0.0 {
            memory.clear();
            d = (0..n).map(|i| if free[i] { -g[i] / slope.max(1.0) } else { 0.0 }).collect();
        }
        let mut step = 1.0;
        let mut moved = false;
        for _ in 0..25 {
            for (i, (next, (x, d))) in next.iter_mut().zip(x.iter().zip(&d)).enumerate() {
                *next = clamp(i, x + step * d);
            }
            let fall: f64 = (0..n).map(|i| g[i] * (next[i] - x[i])).sum();
            let trial = f(&next, &mut next_g);
            if trial.is_finite() && trial <= value + 1e-4 * fall && next_g.iter().all(|v| v.is_finite()) {
                moved = next != x;
                let gain = value - trial;
                let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
                let y: Vec<f64> = next_g.iter().zip(&g).map(|(a, b)| a - b).collect();
                let sy = dot(&s, &y);
                if sy > 1e-10 * dot(&y, &y).sqrt() * dot(&s, &s).sqrt() {
                    if memory.len() == MEMORY {
                        memory.pop_front();
                    }
                    memory.push_back((s, y, 1.0 / sy));
                }
                x.copy_from_slice(&next);
                g.copy_from_slice(&next_g);
                value = trial;
                moved &= gain > tol;
                break;
            }
            step *= 0.5;
        }
        if !moved {
            break;
        }
    }
    Minimum { x, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::float;

    #[test]
    fn it_finds_minima_inside_and_at_the_ends() {
        assert!((brent(|x| float::exp(x) - 3.0 * x, -5.0, 5.0, 1e-10) - float::ln(3.0)).abs() < 1e-7);
        assert!((brent(|x| x, 0.0, 1.0, 1e-10)).abs() < 1e-7);
        assert!((brent(|x| if x < 1.0 { f64::NAN } else { (x - 1.5).abs() }, 0.0, 3.0, 1e-10) - 1.5).abs() < 1e-7);
    }

    #[test]
    fn rosenbrock_inside_and_at_a_bound() {
        let f = |x: &[f64], g: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g.copy_from_slice(&[-2.0 * a - 400.0 * x[0] * b, 200.0 * b]);
            a * a + 100.0 * b * b
        };
        let free = bounded(f, &[-1.2, 1.0], &[(-5.0, 5.0), (-5.0, 5.0)], 200, 1e-12);
        assert!(free.x.iter().all(|v| (v - 1.0).abs() < 1e-5), "{free:?}");
        // With x₀ ≤ 0.5 the least value lies at (0.5, 0.25).
        let held = bounded(f, &[-1.2, 1.0], &[(-5.0, 0.5), (-5.0, 5.0)], 200, 1e-12);
        assert!((held.x[0] - 0.5).abs() < 1e-9 && (held.x[1] - 0.25).abs() < 1e-6, "{held:?}");
        assert!((held.value - 0.25).abs() < 1e-9);
        let nowhere = bounded(|_, _| f64::NAN, &[9.0], &[(0.0, 1.0)], 9, 0.0);
        assert_eq!(nowhere, Minimum { x: vec![1.0], value: f64::INFINITY });
        assert!(bounded(|_, _| 1.0, &[], &[], 9, 0.0).x.is_empty());
    }
}
