//! B-spline bases.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Highest degree.
pub const MAX_DEGREE: usize = 5;

/// What a basis is beyond its end knots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extrapolation {
    /// As at the end knot.
    Constant,
    /// Along the tangent at the end knot.
    Linear,
}

/// A basis of piecewise polynomials on given knots.
///
/// With `m` knots `t₁ < … < t_m` and degree `d` it has `m + d − 1` functions, which are 0 or more and sum to 1 between the end
/// knots. The knots are continued at each side by `d` more, as far apart as the outermost two, as scikit-learn's
/// `SplineTransformer` does.
///
/// # Reference
/// de Boor: A Practical Guide to Splines, 1978; <https://doi.org/10.1007/978-1-4612-6333-3>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct BSpline {
    /// All knots, continued ones too.
    knots: Vec<f64>,
    degree: usize,
    extrapolation: Extrapolation,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    knots: Vec<f64>,
    degree: usize,
    extrapolation: Extrapolation,
}

impl TryFrom<Form> for BSpline {
    type Error = Error;
    fn try_from(f: Form) -> Result<BSpline> {
        BSpline::new(f.knots, f.degree, f.extrapolation)
    }
}

impl From<BSpline> for Form {
    fn from(s: BSpline) -> Form {
        let inner = s.knots.get(s.degree..s.knots.len() - s.degree).unwrap_or_default();
        Form { knots: inner.to_vec(), degree: s.degree, extrapolation: s.extrapolation }
    }
}

impl BSpline {
    /// On strictly rising knots, the two ends among them.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for fewer than two knots, knots that do not rise or are not finite, a degree above
    /// [`MAX_DEGREE`].
    ///
    /// # Example
    /// ```
    /// use attrition_core::num::spline::{BSpline, Extrapolation};
    /// let spline = BSpline::new(vec![0.0, 1.0, 2.0], 1, Extrapolation::Constant)?;
    /// let mut basis = [0.0; 3];
    /// spline.basis(1.25, &mut basis);
    /// assert_eq!(basis, [0.0, 0.75, 0.25]);
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn new(knots: Vec<f64>, degree: usize, extrapolation: Extrapolation) -> Result<BSpline> {
        let rise = knots.windows(2).all(|k| k[0] < k[1] && (k[1] - k[0]).is_finite());
        let ([first, second, ..], [.., before, last], true, true) =
            (knots.as_slice(), knots.as_slice(), rise, knots.iter().all(|k| k.is_finite()))
        else {
            return Err(Error::param(
                "knots",
                format!("{} knots", knots.len()),
                "at least 2 finite knots, each above the one before",
                "place them at different quantiles",
            ));
        };
        if degree > MAX_DEGREE {
            return Err(Error::param("degree", degree, "a whole number in 0..=5", "3 is the usual degree"));
        }
        let (left, right) = (second - first, last - before);
        let mut all: Vec<f64> = (1..=degree).rev().map(|i| first - i as f64 * left).collect();
        all.extend_from_slice(&knots);
        all.extend((1..=degree).map(|i| last + i as f64 * right));
        if !all.iter().all(|k| k.is_finite()) {
            return Err(Error::param("knots", "knots near the largest float", "smaller numbers", "scale the column"));
        }
        Ok(BSpline { knots: all, degree, extrapolation })
    }

    /// How many functions there are.
    pub fn n_basis(&self) -> usize {
        self.knots.len() - self.degree - 1
    }

    fn ends(&self) -> (f64, f64) {
        let end = |i: usize| self.knots.get(i).copied().unwrap_or(0.0);
        (end(self.degree), end(self.knots.len() - 1 - self.degree))
    }

    /// All functions at `x` into `out`, `(n_basis,)`. Allocates nothing.
    pub fn basis(&self, x: f64, out: &mut [f64]) {
        let (low, high) = self.ends();
        let inside = x.clamp(low, high);
        self.inside(inside, self.degree, out);
        if self.extrapolation == Extrapolation::Linear && inside != x {
            let mut slopes = [0.0; MAX_DEGREE + 1];
            let first = self.slopes(inside, &mut slopes);
            for (o, s) in out.iter_mut().skip(first).zip(&slopes[..=self.degree]) {
                *o += (x - inside) * s;
            }
        }
    }

    /// Slopes of all functions at `x` into `out`, `(n_basis,)`; beyond the end knots 0, or those at the end knot where the
    /// basis goes on along the tangent. Allocates nothing.
    ///
    /// # Example
    /// ```
    /// use attrition_core::num::spline::{BSpline, Extrapolation};
    /// let spline = BSpline::new(vec![0.0, 1.0, 2.0], 1, Extrapolation::Constant)?;
    /// let mut slopes = [0.0; 3];
    /// spline.derivative(1.25, &mut slopes);
    /// assert_eq!(slopes, [0.0, -1.0, 1.0]);
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn derivative(&self, x: f64, out: &mut [f64]) {
        out.fill(0.0);
        let (low, high) = self.ends();
        let inside = x.clamp(low, high);
        if inside != x && self.extrapolation == Extrapolation::Constant {
            return;
        }
        let mut slopes = [0.0; MAX_DEGREE + 1];
        let first = self.slopes(inside, &mut slopes);
        for (o, s) in out.iter_mut().skip(first).zip(&slopes[..=self.degree]) {
            *o = *s;
        }
    }

    /// The knot span of a number between the end knots: `t[j] <= x < t[j + 1]`, the last span at the upper end.
    fn span(&self, x: f64) -> usize {
        let last = self.knots.len().saturating_sub(2 + self.degree);
        self.knots.partition_point(|&k| k <= x).saturating_sub(1).clamp(self.degree, last)
    }

    /// The `degree + 1` functions of a degree that are not 0, by the recursion of Cox and de Boor; the first one's place.
    fn nonzero(&self, x: f64, degree: usize, b: &mut [f64; MAX_DEGREE + 1]) -> usize {
        let j = self.span(x);
        let t = |i: usize| self.knots.get(i).copied().unwrap_or(0.0);
        *b = [0.0; MAX_DEGREE + 1];
        b[0] = 1.0;
        for d in 1..=degree.min(MAX_DEGREE) {
            let mut carried = 0.0;
            for (r, b) in b.iter_mut().enumerate().take(d) {
                let (right, left) = (t(j + r + 1), t(j + r + 1 - d));
                // A share in [0, 1], however near each other the knots are.
                let share = (x - left) / (right - left);
                let whole = *b;
                *b = carried + (1.0 - share) * whole;
                carried = share * whole;
            }
            b[d] = carried;
        }
        j - degree
    }

    fn inside(&self, x: f64, degree: usize, out: &mut [f64]) {
        out.fill(0.0);
        let mut b = [0.0; MAX_DEGREE + 1];
        let first = self.nonzero(x, degree, &mut b);
        for (o, b) in out.iter_mut().skip(first).zip(&b[..=degree]) {
            *o = *b;
        }
    }

    /// Slopes of the functions that are not 0 at `x`, into the first `degree + 1` of `out`; the first one's place.
    fn slopes(&self, x: f64, out: &mut [f64; MAX_DEGREE + 1]) -> usize {
        let d = self.degree;
        let j = self.span(x);
        if d == 0 {
            return j;
        }
        let t = |i: usize| self.knots.get(i).copied().unwrap_or(0.0);
        let mut lower = [0.0; MAX_DEGREE + 1];
        // Functions of degree d − 1 from place j − d + 1 on, in the knots as they are.
        self.nonzero(x, d - 1, &mut lower);
        for (r, o) in out.iter_mut().enumerate().take(d + 1) {
            let i = j - d + r;
            let at = |k: usize| if k == 0 || k > d { 0.0 } else { lower[k - 1] };
            let left = at(r) / (t(i + d) - t(i));
            let right = at(r + 1) / (t(i + d + 1) - t(i + 1));
            *o = d as f64 * (if r == 0 { 0.0 } else { left } - if r == d { 0.0 } else { right });
        }
        j - d
    }
}

/// The penalty on second differences of `n` neighbouring coefficients, `n × n` row-major: `DᵀD` with the rows
/// `(1, −2, 1)` of `D`, so that `βᵀPβ = Σ (βᵢ − 2βᵢ₊₁ + βᵢ₊₂)²`. All 0 below three coefficients; straight lines are free
/// where the knots are evenly spaced.
///
/// # Reference
/// Eilers, Marx: Flexible smoothing with B-splines and penalties. Statistical Science 11 (1996),
/// <https://doi.org/10.1214/ss/1038425655>.
///
/// # Example
/// ```
/// use attrition_core::num::spline::second_difference_penalty;
/// assert_eq!(second_difference_penalty(3), [1.0, -2.0, 1.0, -2.0, 4.0, -2.0, 1.0, -2.0, 1.0]);
/// ```
pub fn second_difference_penalty(n: usize) -> Vec<f64> {
    const DIFFERENCE: [f64; 3] = [1.0, -2.0, 1.0];
    let mut p = vec![0.0; n * n];
    for i in 0..n.saturating_sub(2) {
        for (a, da) in DIFFERENCE.iter().enumerate() {
            for (b, db) in DIFFERENCE.iter().enumerate() {
                p[(i + a) * n + i + b] += da * db;
            }
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `tests/vectors/preprocessing.json`, made by scikit-learn.
    #[test]
    fn bases_are_those_of_scikit_learn() {
        for case in crate::testing::preprocessing_vectors("spline") {
            let s: BSpline = serde_json::from_value(serde_json::json!({
                "knots": case["input"]["knots"],
                "degree": case["input"]["degree"],
                "extrapolation": case["input"]["extrapolation"],
            }))
            .unwrap();
            let x = crate::testing::numbers(&case["input"]["x"]);
            let tolerance = case["tolerance"]["relative"].as_f64().unwrap();
            for (x, expected) in x.iter().zip(case["expected"].as_array().unwrap()) {
                let mut got = vec![0.0; s.n_basis()];
                s.basis(*x, &mut got);
                let expected = crate::testing::numbers(expected);
                let near = crate::testing::all_close(&got, &expected, tolerance, tolerance);
                assert!(near, "{} at {x}: {got:?} and {expected:?}", case["name"]);
            }
        }
    }

    #[test]
    fn knots_next_to_each_other_give_finite_bases() {
        let tiny = 5e-324;
        for degree in 0..=MAX_DEGREE {
            let s = BSpline::new(vec![0.0, tiny, 2.0 * tiny, 1.0], degree, Extrapolation::Constant).unwrap();
            for x in [-1.0, 0.0, tiny, 2.0 * tiny, 0.5, 1.0, f64::MAX] {
                let mut b = vec![0.0; s.n_basis()];
                s.basis(x, &mut b);
                assert!(b.iter().all(|v| *v >= 0.0) && (b.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{x}: {b:?}");
            }
        }
    }

    #[test]
    fn hostile_forms_are_refused() {
        for text in [
            r#"{"knots":[0.0],"degree":3,"extrapolation":"constant"}"#,
            r#"{"knots":[0.0,0.0],"degree":3,"extrapolation":"constant"}"#,
            r#"{"knots":[0.0,1.0],"degree":9,"extrapolation":"constant"}"#,
            r#"{"knots":[-1e308,1e308],"degree":1,"extrapolation":"linear"}"#,
        ] {
            assert!(serde_json::from_str::<BSpline>(text).is_err(), "{text}");
        }
        let s = BSpline::new(vec![0.0, 0.5, 2.0], 3, Extrapolation::Linear).unwrap();
        let text = serde_json::to_string(&s).unwrap();
        assert_eq!(serde_json::from_str::<BSpline>(&text).unwrap(), s);
    }

    #[test]
    fn slopes_beyond_the_ends_are_those_of_the_basis() {
        for (extrapolation, moves) in [(Extrapolation::Constant, false), (Extrapolation::Linear, true)] {
            let s = BSpline::new(vec![0.0, 1.0, 2.5], 3, extrapolation).unwrap();
            let (mut a, mut b, mut slopes) = (vec![0.0; s.n_basis()], vec![0.0; s.n_basis()], vec![0.0; s.n_basis()]);
            for x in [-4.0, 7.0] {
                s.basis(x, &mut a);
                s.basis(x + 0.5, &mut b);
                s.derivative(x, &mut slopes);
                assert!(a.iter().zip(&b).zip(&slopes).all(|((a, b), s)| ((b - a) / 0.5 - s).abs() < 1e-12));
                assert_eq!(slopes.iter().any(|s| *s != 0.0), moves);
            }
        }
    }

    #[test]
    fn the_penalty_is_the_sum_of_squared_second_differences() {
        let beta = [0.3, -1.0, 2.0, 2.0, 5.0];
        let n = beta.len();
        let p = second_difference_penalty(n);
        let form: f64 = (0..n * n).map(|k| beta[k / n] * p[k] * beta[k % n]).sum();
        let sum: f64 = beta.windows(3).map(|b| (b[0] - 2.0 * b[1] + b[2]) * (b[0] - 2.0 * b[1] + b[2])).sum();
        assert!((form - sum).abs() < 1e-12);
        assert!(second_difference_penalty(2).iter().all(|v| *v == 0.0));
    }

    proptest! {
        #[test]
        fn functions_are_positive_and_sum_to_one(
            steps in prop::collection::vec(0.01..3.0f64, 1..8), degree in 0usize..=MAX_DEGREE, u in -0.5..1.5f64,
        ) {
            let knots: Vec<f64> = std::iter::once(-1.0)
                .chain(steps.iter().scan(-1.0, |t, s| { *t += s; Some(*t) }))
                .collect();
            let x = -1.0 + u * (knots[knots.len() - 1] + 1.0);
            for e in [Extrapolation::Constant, Extrapolation::Linear] {
                let s = BSpline::new(knots.clone(), degree, e).unwrap();
                let mut b = vec![0.0; s.n_basis()];
                s.basis(x, &mut b);
                prop_assert!((b.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{b:?}");
                if e == Extrapolation::Constant {
                    prop_assert!(b.iter().all(|v| *v >= -1e-12), "{b:?}");
                }
            }
        }

        #[test]
        fn slopes_are_those_of_differences(u in 0.0..1.0f64, degree in 1usize..=MAX_DEGREE) {
            let s = BSpline::new(vec![0.0, 0.4, 1.0, 2.5], degree, Extrapolation::Constant).unwrap();
            let x = 0.01 + 2.4 * u;
            let (mut a, mut b) = (vec![0.0; s.n_basis()], vec![0.0; s.n_basis()]);
            let h = 1e-6;
            s.basis(x - h, &mut a);
            s.basis(x + h, &mut b);
            let mut slopes = vec![0.0; s.n_basis()];
            s.derivative(x, &mut slopes);
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                let got = slopes[i];
                let near_knot = degree == 1 && [0.4, 1.0].iter().any(|k: &f64| (k - x).abs() < 2.0 * h);
                prop_assert!(near_knot || ((b - a) / (2.0 * h) - got).abs() < 1e-5, "{i}: {} {got}", (b - a) / (2.0 * h));
            }
        }
    }
}
