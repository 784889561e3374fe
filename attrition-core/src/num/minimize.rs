//! Minimising a function of one number.

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
}
