//! Symmetric positive definite systems, small and dense.
//!
//! Notation: `n` unknowns; a matrix is `n × n` row-major in one slice, of which the lower triangle is read.
//! Sums run in one fixed order on every machine (four partial sums, combined at the end).

use super::float;

/// Σ aᵢ·bᵢ over the common length, in four partial sums whose order does not depend on the machine.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a4, a_rest) = a[..n].as_chunks::<4>();
    let (b4, b_rest) = b[..n].as_chunks::<4>();
    let mut s = [0.0; 4];
    for (x, y) in a4.iter().zip(b4) {
        for k in 0..4 {
            s[k] += x[k] * y[k];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    (s[0] + s[1]) + (s[2] + s[3]) + rest
}

/// What [`Cholesky::factor`] does with a column that the columns before it already span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependent {
    /// Add the smallest ridge that makes the matrix positive definite.
    Ridge,
    /// Leave the unknown out: its solution is 0, as R's `glm` does with aliased columns.
    Drop,
}

/// The factor of `A = S⁻¹·L·Lᵀ·S⁻¹`, where `S` scales `A` to a unit diagonal, so that the units of the unknowns
/// do not matter to the accuracy.
///
/// # Reference
/// Higham: Accuracy and Stability of Numerical Algorithms, 2nd ed., chapters 10 and 12, <https://doi.org/10.1137/1.9780898718027>.
#[derive(Debug, Clone)]
pub struct Cholesky {
    n: usize,
    /// The lower triangle, row by row: `l[i·(i + 1)/2 + j]`.
    l: Vec<f64>,
    scale: Vec<f64>,
    dropped: Vec<bool>,
    pivots: Vec<f64>,
}

/// A pivot of the unit-diagonal matrix at or below this counts as 0: rounding leaves about n·2⁻⁵³ of a true 0.
const DEPENDENT_BELOW: f64 = 1e-12;

impl Cholesky {
    /// Factor the lower triangle of `a`. `None` only if `a` holds a number that is not finite, is shorter than
    /// `n × n`, or is so far from positive definite that no ridge up to its diagonal helps.
    pub fn factor(a: &[f64], n: usize, dependent: Dependent) -> Option<Cholesky> {
        if a.len() < n * n {
            return None;
        }
        let mut ridge = 0.0;
        while ridge <= 1.0 {
            if let Some(factor) = Cholesky::try_factor(a, n, ridge, dependent) {
                return Some(factor);
            }
            ridge = if ridge == 0.0 { 1e-12 } else { ridge * 100.0 };
        }
        None
    }

    fn try_factor(a: &[f64], n: usize, ridge: f64, dependent: Dependent) -> Option<Cholesky> {
        let mut scale = vec![0.0; n];
        for (i, s) in scale.iter_mut().enumerate() {
            let d = a[i * n + i];
            if !d.is_finite() {
                return None;
            }
            if d > 0.0 {
                *s = 1.0 / d.sqrt();
            }
        }
        let mut l = vec![0.0; n * (n + 1) / 2];
        let mut dropped = vec![false; n];
        let mut pivots = vec![0.0; n];
        for i in 0..n {
            let (done, rest) = l.split_at_mut(i * (i + 1) / 2);
            let row = &mut rest[..=i];
            // An unknown that nothing depends on has an empty row; its solution is 0.
            if scale[i] == 0.0 {
                dropped[i] = true;
            } else {
                for j in 0..i {
                    if dropped[j] {
                        continue;
                    }
                    let above = &done[j * (j + 1) / 2..][..=j];
                    let v = a[i * n + j] * scale[i] * scale[j];
                    row[j] = (v - dot(&row[..j], &above[..j])) / above[j];
                }
                let pivot = 1.0 + ridge - dot(&row[..i], &row[..i]);
                if !pivot.is_finite() {
                    return None;
                }
                if pivot <= DEPENDENT_BELOW * (if ridge > 0.0 { 0.1 } else { 1.0 }) {
                    match dependent {
                        Dependent::Ridge => return None,
                        Dependent::Drop => dropped[i] = true,
                    }
                } else {
                    row[i] = pivot.sqrt();
                    pivots[i] = pivot / (scale[i] * scale[i]);
                }
            }
            if dropped[i] {
                row[..i].fill(0.0);
                row[i] = 1.0;
            }
        }
        Some(Cholesky { n, l, scale, dropped, pivots })
    }

    /// Which unknowns were left out.
    pub fn dropped(&self) -> &[bool] {
        &self.dropped
    }

    /// The pivots in the units of `A`: what is left of each diagonal element once the unknowns before it are
    /// accounted for; 0 for one left out.
    pub fn pivots(&self) -> &[f64] {
        &self.pivots
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.l[i * (i + 1) / 2..][..=i]
    }

    /// The solution of `A·x = b`; 0 for the unknowns left out. `b` must have `n` elements, else the result is empty.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        if b.len() != n {
            return Vec::new();
        }
        let mut x = vec![0.0; n];
        for i in 0..n {
            if !self.dropped[i] {
                let row = self.row(i);
                x[i] = (b[i] * self.scale[i] - dot(&row[..i], &x[..i])) / row[i];
            }
        }
        for i in (0..n).rev() {
            let row = self.row(i);
            if self.dropped[i] {
                x[i] = 0.0;
                continue;
            }
            let v = x[i] / row[i];
            x[i] = v;
            for (xj, lj) in x[..i].iter_mut().zip(row) {
                *xj -= v * lj;
            }
        }
        for (v, s) in x.iter_mut().zip(&self.scale) {
            *v *= s;
        }
        x
    }

    /// As [`Cholesky::solve`], with one step of iterative refinement against `a`, the matrix that was factored.
    pub fn solve_refined(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = self.solve(b);
        if x.is_empty() || a.len() < n * n {
            return x;
        }
        let mut residual = b.to_vec();
        for i in 0..n {
            let mut ax = dot(&a[i * n..=i * n + i], &x[..=i]);
            for k in i + 1..n {
                ax += a[k * n + i] * x[k];
            }
            residual[i] -= ax;
        }
        for (v, d) in x.iter_mut().zip(self.solve(&residual)) {
            *v += d;
        }
        x
    }

    /// ln det `A` over the unknowns that were not left out.
    pub fn ln_det(&self) -> f64 {
        let kept = (0..self.n).filter(|&i| !self.dropped[i]);
        kept.map(|i| 2.0 * (float::ln(self.row(i)[i]) - float::ln(self.scale[i]))).sum()
    }

    /// `x` with `‖x‖² = bᵀ·A⁻¹·b`: the first half of [`Cholesky::solve`], in place. `b` must have `n` elements.
    pub fn half_solve(&self, b: &mut [f64]) {
        for i in 0..self.n.min(b.len()) {
            let row = self.row(i);
            b[i] = if self.dropped[i] { 0.0 } else { (b[i] * self.scale[i] - dot(&row[..i], &b[..i])) / row[i] };
        }
    }

    /// The whole of `A⁻¹`, `n × n`; 0 in the rows and columns of unknowns left out.
    pub fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        // Row j is column j of L⁻¹, so that all sums run along rows.
        let mut columns = vec![0.0; n * n];
        for (j, column) in columns.chunks_exact_mut(n.max(1)).enumerate().filter(|(j, _)| !self.dropped[*j]) {
            column[j] = 1.0 / self.row(j)[j];
            for i in j + 1..n {
                let row = self.row(i);
                column[i] = if self.dropped[i] { 0.0 } else { -dot(&row[j..i], &column[j..i]) / row[i] };
            }
        }
        let mut inverse = vec![0.0; n * n];
        for a in 0..n {
            for b in a..n {
                let v = dot(&columns[a * n + b..(a + 1) * n], &columns[b * n + b..(b + 1) * n])
                    * self.scale[a]
                    * self.scale[b];
                inverse[a * n + b] = v;
                inverse[b * n + a] = v;
            }
        }
        inverse
    }

    /// The diagonal of `A⁻¹`; 0 for the unknowns left out.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.n;
        let mut diagonal = vec![0.0; n];
        let mut column = vec![0.0; n];
        for j in 0..n {
            if self.dropped[j] {
                continue;
            }
            // Column j of L⁻¹.
            column[..j].fill(0.0);
            column[j] = 1.0 / self.row(j)[j];
            let mut sum = column[j] * column[j];
            for i in j + 1..n {
                let row = self.row(i);
                column[i] = if self.dropped[i] { 0.0 } else { -dot(&row[j..i], &column[j..i]) / row[i] };
                sum += column[i] * column[i];
            }
            diagonal[j] = sum * self.scale[j] * self.scale[j];
        }
        diagonal
    }
}

/// Eigenvalues, rising, and eigenvectors (the columns of an `n × n` matrix, in the same order) of a symmetric matrix, by Jacobi's
/// rotations. NaN where `a` holds a number that is not finite; empty where it is shorter than `n × n`.
///
/// # Example
/// ```
/// use attrition_core::num::linalg::symmetric_eigen;
/// let (values, _) = symmetric_eigen(&[2.0, 1.0, 1.0, 2.0], 2);
/// assert!((values[0] - 1.0).abs() < 1e-15 && (values[1] - 3.0).abs() < 1e-15);
/// ```
///
/// # Reference
/// Golub, Van Loan: Matrix Computations, 4th ed., section 8.5, <https://doi.org/10.56021/9781421407944>.
pub fn symmetric_eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    const SWEEPS: usize = 60;
    let mut a = a.to_vec();
    if a.len() < n * n {
        return (Vec::new(), Vec::new());
    }
    if !a.iter().all(|v| v.is_finite()) {
        return (vec![f64::NAN; n], vec![f64::NAN; n * n]);
    }
    let mut v = vec![0.0; n * n];
    v.iter_mut().step_by(n + 1).for_each(|x| *x = 1.0);
    let largest = a.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
                if apq.abs() <= f64::EPSILON * 0.125 * largest {
                    continue;
                }
                rotated = true;
                let theta = (aqq - app) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (akp, akq) = (a[k * n + p], a[k * n + q]);
                    a[k * n + p] = c * akp - s * akq;
                    a[k * n + q] = s * akp + c * akq;
                }
                for k in 0..n {
                    let (apk, aqk) = (a[p * n + k], a[q * n + k]);
                    a[p * n + k] = c * apk - s * aqk;
                    a[q * n + k] = s * apk + c * aqk;
                }
                for k in 0..n {
                    let (vkp, vkq) = (v[k * n + p], v[k * n + q]);
                    v[k * n + p] = c * vkp - s * vkq;
                    v[k * n + q] = s * vkp + c * vkq;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[i * n + i].total_cmp(&a[j * n + j]));
    let values = order.iter().map(|i| a[i * n + i]).collect();
    let vectors = (0..n * n).map(|at| v[(at / n) * n + order[at % n]]).collect();
    (values, vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use proptest::prelude::*;

    /// BᵀB + ridge·I of a random B.
    fn spd(n: usize, seed: u64, ridge: f64) -> Vec<f64> {
        let mut rng = Seed(seed).stream("spd", 0);
        let b: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] = (0..n).map(|k| b[k * n + i] * b[k * n + j]).sum();
            }
            a[i * n + i] += ridge;
        }
        a
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_solution_solves_and_the_inverse_inverts(n in 1usize..20, seed in 0u64..1000) {
            // Units that differ by 10⁶ must not matter.
            let mut a = spd(n, seed, 0.1);
            for i in 0..n {
                for j in 0..n {
                    a[i * n + j] *= (if i % 2 == 0 { 1e3 } else { 1.0 }) * (if j % 2 == 0 { 1e3 } else { 1.0 });
                }
            }
            let x: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
            let b: Vec<f64> = (0..n).map(|i| dot(&a[i * n..(i + 1) * n], &x)).collect();
            let f = Cholesky::factor(&a, n, Dependent::Ridge).unwrap();
            for (got, want) in f.solve_refined(&a, &b).iter().zip(&x) {
                prop_assert!((got - want).abs() < 1e-7 * want, "{got} {want}");
            }
            for (j, d) in f.inverse_diagonal().into_iter().enumerate() {
                let mut e = vec![0.0; n];
                e[j] = 1.0;
                prop_assert!((f.solve(&e)[j] - d).abs() <= 1e-9 * d.abs());
                let column: Vec<f64> = f.inverse().chunks_exact(n).map(|row| row[j]).collect();
                for (got, want) in column.iter().zip(f.solve(&e)) {
                    prop_assert!((got - want).abs() <= 1e-9 * d.abs());
                }
            }
            let mut half = b.clone();
            f.half_solve(&mut half);
            let (quadratic, want) = (dot(&half, &half), dot(&b, &f.solve(&b)));
            prop_assert!((quadratic - want).abs() <= 1e-9 * want.abs());
        }
    }

    #[test]
    fn a_dependent_column_is_dropped_or_ridged() {
        // x₂ = x₀ + x₁.
        let a = [2.0, 1.0, 3.0, 1.0, 5.0, 6.0, 3.0, 6.0, 9.0];
        let f = Cholesky::factor(&a, 3, Dependent::Drop).unwrap();
        assert_eq!(f.dropped(), [false, false, true]);
        let x = f.solve(&[3.0, 6.0, 9.0]);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12 && x[2] == 0.0, "{x:?}");
        let two = Cholesky::factor(&[4.0, 0.0, 1.0, 9.0], 2, Dependent::Ridge).unwrap();
        assert!((two.ln_det() - float::ln(35.0)).abs() < 1e-12);
        let f = Cholesky::factor(&a, 3, Dependent::Ridge).unwrap();
        let x = f.solve_refined(&a, &[3.0, 6.0, 9.0]);
        // Any solution will do: x₀ + x₂ = 1 and x₁ + x₂ = 1.
        assert!((x[0] + x[2] - 1.0).abs() < 1e-6 && (x[1] + x[2] - 1.0).abs() < 1e-6, "{x:?}");
        assert!(Cholesky::factor(&[f64::NAN], 1, Dependent::Ridge).is_none());
        assert!(Cholesky::factor(&[1.0, 0.0, 0.0, -1.0], 2, Dependent::Drop).is_some());
    }
}
