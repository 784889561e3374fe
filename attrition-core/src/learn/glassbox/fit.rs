//! The fit: Newton steps on the coefficients, and after each a step on the strengths of the penalties.
//!
//! Notation: `b` are the coefficients in the coordinates of `basis`, where the penalty is `½·Σ qᵢ·bᵢ²` with `qᵢ = ρ + λⱼ·eᵢ`; `V` is the
//! inverse of the penalised Hessian. With `a = ρ·Σ (1/qᵢ − Vᵢᵢ)`, what the data are worth in coefficients, and `s = Σ bᵢ²` the next ρ is `a / s`
//! over all terms; the next λⱼ is `λⱼ·Σ eᵢ(1/qᵢ − Vᵢᵢ) / Σ eᵢ·bᵢ²`.

use super::basis::{Column, Kind, columns};
use super::gram::{Pass, Rows};
use super::monotone::{Increments, minimise};
use super::pairs::{FOLDS, GROUPS, Grid, Grouped};
use super::{Curve, Effect, Glassbox, GlassboxFit, GlassboxParams, Levels, Pair, Shape, Term};
use crate::error::{Place, nearest};
use crate::learn::logistic::{MAX_FEATURES, check_labels};
use crate::learn::params::OrAuto;
use crate::num::float;
use crate::num::linalg::{Cholesky, Dependent, dot};
use crate::preprocess::{Design, DesignColumn};
use crate::{Error, Result, Run};

/// Most steps on coefficients and strengths.
const MAX_ITER: usize = 60;
/// Steps before a term may be left out.
const WARM_UP: usize = 6;
/// The strengths have settled when their logarithms, weighted by the degrees of freedom they govern up to one, move by less.
const SETTLED: f64 = 0.05;
/// A term is left out when its size is below this share of what the common ridge expects, …
const TOO_SMALL: f64 = 0.15;
/// … and its squared coefficients over their variances sum to less than this many times its degrees of freedom (chance gives one,
/// Akaike's criterion asks for two).
const CHANCE: f64 = 2.0;
/// The first ridge, in rows.
const FIRST_RIDGE: f64 = 50.0;
/// The first curvature penalty, in units of the term's middling one.
const FIRST_BEND: f64 = 10.0;
const RIDGE_LIMITS: [f64; 2] = [1e-3, 1e7];
const BEND_LIMITS: [f64; 2] = [1e-4, 1e6];
/// With less weight of a label no pair is tried.
pub(super) const FEWEST: f64 = 50.0;
/// Newton's method ends when a step promises less than this of the sum of losses.
const TOLERANCE: f64 = 1e-9;

impl GlassboxParams {
    /// Fit to the `n` rows of a design; see [`Learner::fit`](crate::learn::Learner::fit). Gaps are NaN in a dense column, a code past the
    /// levels in a category.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]; [`Error::InvalidData`] for one label only, an infinite number, a bad weight; [`Error::Unsupported`] for
    /// more than [`MAX_FEATURES`] coefficients; [`Error::Numeric`]; [`Error::Cancelled`].
    pub fn fit_design(&self, x: &Design, y: &[u8], weights: Option<&[f64]>, run: &Run) -> Result<Glassbox> {
        self.check()?;
        check_values(x)?;
        let [negative, positive] = check_labels(x.n_rows, y, weights)?;
        let resolved = self.resolved(negative + positive, x.n_features());
        if resolved.fit == GlassboxFit::Boosting {
            return resolved.boost(x, y, weights, run);
        }
        let GlassboxParams { n_knots, interactions, .. } = resolved;
        let mut columns = columns(x, weights, n_knots.or(4) as usize, run)?;
        check_size(&columns)?;
        let directions = self.directions(x, &columns)?;
        let fixed = match self.smoothness {
            OrAuto::Auto(_) => None,
            OrAuto::Value(v) => Some(v),
        };
        let state = State::first(&columns, fixed, float::ln(positive / negative));
        let mut solver = Solver::new(Rows { y, weights, columns: &columns, run }, fixed, state);
        let (mut settled, mut n_iter) = solver.find_strengths()?;
        let tried = if negative.min(positive) < FEWEST { 0 } else { interactions.or(0) as usize };
        let pairs = solver.pairs_that_earn_a_place(tried, &directions)?;
        let mut state = solver.state;
        if !pairs.is_empty() {
            state.bend.resize(columns.len() + pairs.len(), 0.0);
            for pair in pairs {
                state.used.push(columns.len());
                state.beta.resize(state.beta.len() + pair.k, 0.0);
                columns.push(pair);
            }
            check_size(&columns)?;
        }
        let more_columns = columns.len() > x.n_features();
        let mut solver = Solver::new(Rows { y, weights, columns: &columns, run }, fixed, state);
        if more_columns {
            let (again, more) = solver.find_strengths()?;
            settled = again;
            n_iter += more;
        }
        let (converged, more) = solver.finish(&directions)?;
        n_iter += more;
        let ridge = solver.state.ridge[TERMS];
        let (mut terms, pairs, intercept) = solver.terms(x.n_features(), &directions)?;
        let mut fitted =
            Glassbox { intercept, terms: Vec::new(), pairs, ridge, n_iter, converged: settled && converged };
        let means = run.map(terms.len(), |j| Ok(terms.get(j).map_or(0.0, |t| mean_effect(t, x, j, weights))))?;
        for (term, mean) in terms.iter_mut().zip(means) {
            term.effects_mut().for_each(|e| *e -= mean);
            fitted.intercept += mean;
        }
        fitted.terms = terms;
        run.progress("fit", MAX_ITER, MAX_ITER);
        Ok(fitted)
    }

    /// The direction of each feature, 0 where it is free.
    pub(super) fn directions(&self, x: &Design, columns: &[Column]) -> Result<Vec<f64>> {
        let mut out = vec![0.0; columns.len()];
        for (name, &direction) in self.monotone.iter().flatten() {
            let Some(j) = x.names.iter().position(|n| n == name) else {
                let names: Vec<&str> = x.names.iter().map(String::as_str).collect();
                return Err(Error::param("monotone", format!("`{name}`"), "names of features", nearest(name, &names)));
            };
            let numeric = columns.get(j).is_some_and(|c| matches!(c.kind, Kind::Number { .. }));
            if direction != 0 && !numeric {
                return Err(Error::param(
                    "monotone",
                    format!("a direction of the category `{name}`"),
                    "directions of numeric features",
                    "levels have no order; code them as numbers that have one",
                ));
            }
            if let Some(o) = out.get_mut(j) {
                *o = f64::from(direction);
            }
        }
        Ok(out)
    }
}

fn check_size(columns: &[Column]) -> Result<()> {
    let n = 1 + columns.iter().map(|c| c.k).sum::<usize>();
    if n <= MAX_FEATURES {
        return Ok(());
    }
    Err(Error::Unsupported {
        what: format!("`glassbox` with {n} coefficients"),
        why: format!("its Hessian is limited to {MAX_FEATURES}"),
        hint: "leave out columns with very many categories, or set fewer `n_knots` or `interactions`".to_owned(),
    })
}

pub(super) fn check_values(x: &Design) -> Result<()> {
    let mut feature = 0;
    for column in &x.columns {
        if column.n_rows() != x.n_rows {
            return Err(Error::Internal(format!("a design of {} rows has columns of another length", x.n_rows)));
        }
        if let DesignColumn::Dense(v) = column
            && let Some(row) = v.iter().position(|v| v.is_infinite())
        {
            let name = x.names.get(feature).cloned().unwrap_or_else(|| format!("feature {feature}"));
            let hint = "remove infinite values before fitting";
            return Err(Error::data(Place::cell(row, name), v[row], "a finite number or a gap", hint));
        }
        feature += column.n_features();
    }
    Ok(())
}

/// The weighted mean of a feature's effect over the rows.
fn mean_effect(term: &Term, x: &Design, feature: usize, w: Option<&[f64]>) -> f64 {
    let mut first = 0;
    for column in &x.columns {
        let level = feature - first;
        if level < column.n_features() {
            let value = |row: usize| match column {
                DesignColumn::Dense(v) => v[row],
                DesignColumn::Indicators { codes, .. } => f64::from(u8::from(codes[row] as usize == level)),
                DesignColumn::Levels { codes, n_levels } if (codes[row] as usize) < *n_levels => f64::from(codes[row]),
                DesignColumn::Levels { .. } => f64::NAN,
            };
            let (mut sum, mut total) = (0.0, 0.0);
            for row in 0..x.n_rows {
                let w = w.map_or(1.0, |w| w[row]);
                if w > 0.0 {
                    total += w;
                    sum += w * term.effect(value(row));
                }
            }
            return if total > 0.0 { sum / total } else { 0.0 };
        }
        first += column.n_features();
    }
    0.0
}

/// Groups of columns with a ridge of their own.
const TERMS: usize = 0;
const PAIRS: usize = 1;

fn group(column: &Column) -> usize {
    if matches!(column.kind, Kind::Pair { .. }) { PAIRS } else { TERMS }
}

/// Where a fit stands.
#[derive(Clone)]
struct State {
    /// Columns in use, in order.
    used: Vec<usize>,
    /// Intercept, then the coefficients of the columns in use.
    beta: Vec<f64>,
    /// ρ of terms and of pairs.
    ridge: [f64; 2],
    /// λ of every column, used or not.
    bend: Vec<f64>,
}

impl State {
    fn first(columns: &[Column], fixed: Option<f64>, intercept: f64) -> State {
        let used: Vec<usize> = (0..columns.len()).filter(|&j| columns[j].k > 0).collect();
        let mut beta = vec![0.0; 1 + used.iter().map(|&j| columns[j].k).sum::<usize>()];
        beta[0] = intercept;
        let bend = columns.iter().map(|c| fixed.unwrap_or(FIRST_BEND * c.unit)).collect();
        State { used, beta, ridge: [FIRST_RIDGE; 2], bend }
    }
}

struct Solver<'a> {
    rows: Rows<'a>,
    fixed: Option<f64>,
    state: State,
    /// The first parameter of each column in use.
    offsets: Vec<usize>,
    /// The penalised Hessian's factor where Newton's method ended.
    factor: Option<Cholesky>,
}

/// How large a column's term is.
#[derive(Default)]
struct Size {
    /// `a`.
    worth: f64,
    /// `s`.
    squares: f64,
    /// `Σ bᵢ² / Vᵢᵢ`.
    wald: f64,
    /// Effective degrees of freedom.
    edf: f64,
}

/// What a Newton step starts from.
struct Local {
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    factor: Cholesky,
}

impl<'a> Solver<'a> {
    fn new(rows: Rows<'a>, fixed: Option<f64>, state: State) -> Solver<'a> {
        let mut solver = Solver { rows, fixed, state, offsets: Vec::new(), factor: None };
        solver.lay_out();
        solver
    }

    /// Place the columns in use.
    fn lay_out(&mut self) {
        self.offsets.clear();
        let mut n = 1;
        for &j in &self.state.used {
            self.offsets.push(n);
            n += self.rows.columns[j].k;
        }
    }

    /// Each column in use with its first parameter.
    fn placed(&self) -> impl Iterator<Item = (usize, usize, &'a Column)> {
        let columns = self.rows.columns;
        self.state.used.iter().zip(&self.offsets).map(move |(&j, &at)| (j, at, &columns[j]))
    }

    /// q.
    fn penalty(&self) -> Vec<f64> {
        let mut q = vec![0.0; self.state.beta.len()];
        for (j, at, column) in self.placed() {
            for (q, e) in q[at..at + column.k].iter_mut().zip(&column.eigen) {
                // Past this a coefficient is 0 in any case, and products would overflow.
                *q = (self.state.ridge[group(column)] + self.state.bend[j] * e).min(1e120);
            }
        }
        q
    }

    /// The effect of each bin of the columns in use.
    fn effects(&self, beta: &[f64]) -> Vec<(usize, Vec<f64>)> {
        self.placed().map(|(j, at, column)| (j, Rows::by_bin(column, &beta[at..at + column.k]))).collect()
    }

    fn pass(&self, beta: &[f64]) -> Result<Pass> {
        self.rows.pass(beta[0], &self.effects(beta))
    }

    fn value(pass: &Pass, beta: &[f64], q: &[f64]) -> f64 {
        pass.loss + 0.5 * beta.iter().zip(q).map(|(b, q)| q * b * b).sum::<f64>()
    }

    fn local(&self, pass: &Pass, q: &[f64]) -> Result<Local> {
        let n = self.state.beta.len();
        let sums = self.rows.sums(pass, &self.state.used, &self.offsets, n)?;
        let (mut gradient, mut hessian) = (sums.gradient, sums.hessian);
        for i in 0..n {
            gradient[i] += q[i] * self.state.beta[i];
            hessian[i * n + i] += q[i];
        }
        self.rows.run.check()?;
        let factor = Cholesky::factor(&hessian, n, Dependent::Ridge).ok_or_else(|| Error::Numeric {
            what: "the Newton step of `glassbox`",
            why: "the Hessian is not finite".to_owned(),
            hint: "scale the weights: some are too large to sum".to_owned(),
        })?;
        Ok(Local { gradient, hessian, factor })
    }

    /// To `target` or some way there; `None` if no step lowers the objective by enough.
    fn move_to(&mut self, target: &[f64], pass: &Pass, q: &[f64], decrease: f64) -> Result<Option<Pass>> {
        let from = Self::value(pass, &self.state.beta, q);
        let slack = 1e-13 * (1.0 + from.abs());
        let mut t = 1.0;
        for _ in 0..40 {
            let beta: Vec<f64> = if t == 1.0 {
                target.to_vec()
            } else {
                self.state.beta.iter().zip(target).map(|(b, u)| b + t * (u - b)).collect()
            };
            let next = self.pass(&beta)?;
            if Self::value(&next, &beta, q) <= from - 1e-4 * t * decrease + slack {
                self.state.beta = beta;
                return Ok(Some(next));
            }
            t *= 0.5;
        }
        Ok(None)
    }

    /// Alternate between coefficients and strengths; whether the strengths settled, and the steps taken.
    fn find_strengths(&mut self) -> Result<(bool, u32)> {
        let mut pass = self.pass(&self.state.beta)?;
        for step in 1..=MAX_ITER {
            self.rows.run.progress("fit", step - 1, MAX_ITER);
            let q = self.penalty();
            let local = self.local(&pass, &q)?;
            let newton = local.factor.solve_refined(&local.hessian, &local.gradient);
            let decrease = dot(&local.gradient, &newton);
            let target: Vec<f64> = self.state.beta.iter().zip(&newton).map(|(b, s)| b - s).collect();
            if let Some(next) = self.move_to(&target, &pass, &q, decrease)? {
                pass = next;
            }
            let variance = local.factor.inverse_diagonal();
            let (moved, sizes) = self.strengthen(&q, &variance);
            if step >= WARM_UP && self.leave_out(&sizes) {
                pass = self.pass(&self.state.beta)?;
                continue;
            }
            if step > WARM_UP && moved < SETTLED {
                return Ok((true, step as u32));
            }
        }
        Ok((false, MAX_ITER as u32))
    }

    /// The next strengths. How far they moved, and the size of each column in use.
    fn strengthen(&mut self, q: &[f64], variance: &[f64]) -> (f64, Vec<Size>) {
        let mut sizes = Vec::with_capacity(self.state.used.len());
        let mut moved = 0.0_f64;
        let placed: Vec<(usize, usize, &Column)> = self.placed().collect();
        for &(j, at, column) in &placed {
            let mut size = Size::default();
            let (mut bent, mut bends) = (0.0, 0.0);
            for (i, e) in (at..at + column.k).zip(&column.eigen) {
                let gained = (1.0 / q[i] - variance[i]).max(0.0);
                let square = self.state.beta[i] * self.state.beta[i];
                size.worth += self.state.ridge[group(column)] * gained;
                size.squares += square;
                size.wald += square / variance[i].max(f64::MIN_POSITIVE);
                size.edf += (1.0 - q[i] * variance[i]).max(0.0);
                bent += e * gained;
                bends += e * square;
            }
            sizes.push(size);
            if self.fixed.is_none() && column.unit > 0.0 {
                let old = self.state.bend[j];
                let free = old * bent;
                let next = if bends > 0.0 { free / bends } else { f64::INFINITY };
                let next = next.clamp(BEND_LIMITS[0] * column.unit, BEND_LIMITS[1] * column.unit);
                moved = moved.max(free.min(1.0) * float::ln(next / old).abs());
                self.state.bend[j] = next;
            }
        }
        for (of, ridge) in self.state.ridge.iter_mut().enumerate() {
            let own = || placed.iter().zip(&sizes).filter(|((_, _, c), _)| group(c) == of).map(|(_, s)| s);
            if own().next().is_none() {
                continue;
            }
            let (worth, squares): (f64, f64) = (own().map(|s| s.worth).sum(), own().map(|s| s.squares).sum());
            let next = if squares > 0.0 { worth / squares } else { f64::INFINITY };
            let next = next.clamp(RIDGE_LIMITS[0], RIDGE_LIMITS[1]);
            moved = moved.max(worth.min(1.0) * float::ln(next / *ridge).abs());
            *ridge = next;
        }
        (moved, sizes)
    }

    /// Drop the columns that are too small; whether there were any.
    fn leave_out(&mut self, sizes: &[Size]) -> bool {
        let ridges = self.state.ridge;
        let small = |s: &Size, ridge: f64| s.squares * ridge < TOO_SMALL * s.worth && s.wald < CHANCE * s.edf;
        let stays: Vec<bool> =
            self.placed().zip(sizes).map(|((_, _, column), s)| !small(s, ridges[group(column)])).collect();
        if !stays.contains(&false) {
            return false;
        }
        let mut beta = vec![self.state.beta[0]];
        for ((_, at, column), stays) in self.placed().zip(&stays) {
            if *stays {
                beta.extend_from_slice(&self.state.beta[at..at + column.k]);
            }
        }
        let mut stays = stays.into_iter();
        self.state.used.retain(|_| stays.next().unwrap_or(true));
        self.state.beta = beta;
        self.lay_out();
        true
    }

    /// At most `limit` pairs of columns without a direction that lower the loss of rows the fit has not seen, as columns.
    fn pairs_that_earn_a_place(&self, limit: usize, directions: &[f64]) -> Result<Vec<Column>> {
        let Rows { y, weights, columns, run } = self.rows;
        let free = |j: &usize| directions.get(*j).is_none_or(|d| *d == 0.0);
        // Also those left out: a column may matter only together with another.
        let able = (0..columns.len()).filter(|j| columns[*j].k > 0).filter(free);
        let grouped: Vec<Grouped> = able.map(|j| Grouped::of(j, &columns[j], weights, GROUPS)).collect();
        if limit == 0 || grouped.len() < 2 {
            return Ok(Vec::new());
        }
        let grid = Grid { y, weights, columns, grouped, run };
        let candidates = grid.ranked(&self.scores()?, limit)?;
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let parts = grid.parts();
        let scores = (0..FOLDS)
            .map(|k| {
                let weight = |(row, part): (usize, &u8)| {
                    if usize::from(*part) == k { 0.0 } else { weights.map_or(1.0, |w| w[row]) }
                };
                let others: Vec<f64> = parts.iter().enumerate().map(weight).collect();
                let rows = Rows { y, weights: Some(&others), columns, run };
                let mut solver = Solver::new(rows, self.fixed, self.state.clone());
                solver.finish(directions)?;
                solver.scores()
            })
            .collect::<Result<Vec<Vec<f64>>>>()?;
        Ok(grid.earned(&candidates, &parts, scores)?.into_iter().map(|pair| grid.column(pair)).collect())
    }

    /// The score of each row.
    fn scores(&self) -> Result<Vec<f64>> {
        self.rows.scores(self.state.beta[0], &self.effects(&self.state.beta))
    }

    /// Newton's method at the strengths found, under the bounds of monotone terms; whether it converged, and the steps taken.
    fn finish(&mut self, directions: &[f64]) -> Result<(bool, u32)> {
        const STEPS: u32 = 50;
        let q = self.penalty();
        let held: Vec<(usize, &Column, f64)> = self
            .placed()
            .filter_map(|(j, at, column)| directions.get(j).filter(|d| **d != 0.0).map(|d| (at, column, *d)))
            .collect();
        let increments = (!held.is_empty()).then(|| Increments::new(self.state.beta.len(), &held));
        if let Some(increments) = &increments {
            self.state.beta = increments.back(&increments.of(&self.state.beta));
        }
        let mut pass = self.pass(&self.state.beta)?;
        let mut converged = false;
        let mut n_iter = 0;
        while n_iter < STEPS && !converged {
            let local = self.local(&pass, &q)?;
            let target = match &increments {
                None => {
                    let newton = local.factor.solve_refined(&local.hessian, &local.gradient);
                    self.state.beta.iter().zip(&newton).map(|(b, s)| b - s).collect::<Vec<f64>>()
                }
                Some(increments) => {
                    let h = increments.hessian(&local.hessian, self.state.beta.len());
                    let g = increments.gradient(&local.gradient);
                    let at = increments.of(&self.state.beta);
                    increments.back(&minimise(&h, &g, &at, &increments.bounded, self.rows.run)?)
                }
            };
            let decrease: f64 =
                self.state.beta.iter().zip(&target).zip(&local.gradient).map(|((b, u), g)| g * (b - u)).sum();
            n_iter += 1;
            converged = decrease <= TOLERANCE * (1.0 + pass.loss * 1e-4);
            self.factor = Some(local.factor);
            match self.move_to(&target, &pass, &q, decrease)? {
                Some(next) => pass = next,
                None => break,
            }
        }
        Ok((converged, n_iter))
    }

    /// The tables of all features, those of pairs, and the intercept.
    fn terms(mut self, n_features: usize, directions: &[f64]) -> Result<(Vec<Term>, Vec<Pair>, f64)> {
        let n = self.state.beta.len();
        let q = self.penalty();
        let mut terms = vec![Term::zero(); n_features];
        let mut pairs = Vec::new();
        let placed: Vec<(usize, usize, &Column)> = self.placed().collect();
        let factor = self.factor.take();
        let tables = self.rows.run.map(placed.len(), |t| {
            let Some(&(_, at, column)) = placed.get(t) else { return Ok((Vec::new(), 0.0)) };
            let k = column.k;
            // The column's block of the inverse.
            let mut covariance = Vec::with_capacity(k * k);
            let mut unit = vec![0.0; n];
            for i in at..at + k {
                unit[i] = 1.0;
                if let Some(factor) = &factor {
                    covariance.extend_from_slice(factor.solve(&unit).get(at..at + k).unwrap_or_default());
                }
                unit[i] = 0.0;
            }
            covariance.resize(k * k, 0.0);
            let edf = (0..k).map(|i| 1.0 - q[at + i] * covariance[i * k + i]).sum::<f64>().max(0.0);
            Ok((entries(column, &self.state.beta[at..at + k], &covariance), edf))
        })?;
        for (&(j, _, column), (entries, edf)) in placed.iter().zip(tables) {
            let smoothness = if column.unit > 0.0 { self.state.bend[j] } else { 0.0 };
            let Some(term) = terms.get_mut(j) else {
                pairs.extend(pair(column, &entries, edf));
                continue;
            };
            let (shape, missing) = table(column, &entries);
            *term = Term { shape, missing, edf, smoothness };
            if let (Some(direction), Shape::Curve(curve)) = (directions.get(j), &mut term.shape)
                && *direction != 0.0
            {
                // Rounding must not turn it.
                let mut furthest = f64::NEG_INFINITY;
                for e in &mut curve.effect {
                    furthest = furthest.max(direction * *e);
                    *e = direction * furthest;
                }
            }
        }
        Ok((terms, pairs, self.state.beta[0]))
    }
}

/// Every entry of a term's table, from its coefficients and their covariance.
fn entries(column: &Column, b: &[f64], covariance: &[f64]) -> Vec<Effect> {
    let k = column.k;
    let effect = |row: &[f64]| {
        let variance: f64 = row.iter().enumerate().map(|(i, r)| r * dot(&covariance[i * k..(i + 1) * k], row)).sum();
        Effect { effect: dot(row, b), std_err: variance.max(0.0).sqrt() }
    };
    column.shown.chunks_exact(k).map(effect).collect()
}

/// The grid of a pair.
fn pair(column: &Column, entries: &[Effect], edf: f64) -> Option<Pair> {
    let Kind::Pair { features, axes, cells } = &column.kind else { return None };
    let n = axes[0].n_groups() * axes[1].n_groups();
    let (mut effect, mut std_err) = (vec![0.0; n], vec![0.0; n]);
    for (&cell, entry) in cells.iter().zip(entries) {
        effect[cell] = entry.effect;
        std_err[cell] = entry.std_err;
    }
    Some(Pair { features: *features, axes: axes.clone(), effect, std_err, edf })
}

/// A term's table, and the effect of a gap.
fn table(column: &Column, entries: &[Effect]) -> (Shape, Effect) {
    let list = |n: usize| -> (Vec<f64>, Vec<f64>) { entries.iter().take(n).map(|e| (e.effect, e.std_err)).unzip() };
    let entry = |i: usize| entries.get(i).copied().unwrap_or_default();
    let (shape, n) = match &column.kind {
        Kind::Pair { .. } => (Shape::Curve(Curve::default()), 0),
        Kind::Number { at } => {
            let (effect, std_err) = list(at.len());
            (Shape::Curve(Curve { at: at.clone(), effect, std_err }), at.len())
        }
        Kind::Levels { codes, has_other } => {
            let n = codes.len();
            let (effect, std_err) = list(n);
            let other = if *has_other { entry(n) } else { Effect::default() };
            (Shape::Levels(Levels { codes: codes.clone(), effect, std_err, other }), n + usize::from(*has_other))
        }
    };
    (shape, if column.has_missing { entry(n) } else { Effect::default() })
}
