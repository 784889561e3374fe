//! Fitting: boosting, forest, tree.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::bins::{Binned, Rows};
use super::fitted::{Trees, leaf_of};
use super::gradient::{self, ROWS};
use super::grow::{Grower, Grown, Growth, Shared, draw};
use super::matrix::Matrix;
use super::params::{BoostingParams, ForestParams, Grow, MAX_LEAVES, StoppingMetric, TreeParams};
use super::split::{Judge, Rule};
use super::team::with_team;
use crate::error::{Place, nearest};
use crate::learn::logistic::check_labels;
use crate::learn::params::{Costs, Monotone};
use crate::learn::{ClassWeight, Scale};
use crate::metrics::Metric;
use crate::num::float;
use crate::preprocess::{Design, DesignColumn, FitRows, Pipeline, PipelineParams};
use crate::rng::Rng;
use crate::{Error, Result, Run, Seed};

/// Rows × columns below which one thread is faster than two.
const LONE_THREAD: usize = 300_000;
/// Share of the rows that early stopping sets aside.
const VALIDATION: f64 = 0.1;

/// Rows whose features are binned.
pub(in crate::learn) struct BoundRows<'a> {
    names: Vec<String>,
    binned: Vec<Binned>,
    y: &'a [u8],
    w: Option<Vec<f64>>,
    /// The rows' own weight in sum, factors by label left out: what the rules for `"auto"` go by.
    own_weight: f64,
    seed: Seed,
}

/// One of the tree learners.
#[derive(Debug, Clone, Copy)]
pub(in crate::learn) enum TreeLearner<'p> {
    Boosting(&'p BoostingParams),
    Forest(&'p ForestParams),
    Tree(&'p TreeParams),
}

impl TreeLearner<'_> {
    fn max_bins(&self) -> usize {
        let max = match self {
            TreeLearner::Boosting(p) => p.max_bins,
            TreeLearner::Forest(p) => p.max_bins,
            TreeLearner::Tree(p) => p.max_bins,
        };
        max as usize
    }

    fn class_weight(&self) -> ClassWeight {
        match self {
            TreeLearner::Boosting(p) => p.class_weight,
            TreeLearner::Forest(p) => p.class_weight,
            TreeLearner::Tree(p) => p.class_weight,
        }
    }

    fn check(&self) -> Result<()> {
        match self {
            TreeLearner::Boosting(p) => p.check(),
            TreeLearner::Forest(p) => p.check(),
            TreeLearner::Tree(p) => p.check(),
        }
    }

    /// Bin a design.
    pub(in crate::learn) fn bind<'a>(
        &self,
        x: &Design,
        y: &'a [u8],
        w: Option<&[f64]>,
        seed: Seed,
        run: &Run,
    ) -> Result<BoundRows<'a>> {
        self.check()?;
        let (w, own_weight) = self.weights(x.n_rows, y, w)?;
        if let Some(c) = x.columns.iter().position(|c| c.n_rows() != x.n_rows) {
            return Err(Error::Internal(format!("a design of {} rows has another number in column {c}", x.n_rows)));
        }
        let rows = Rows::new(y, w.as_deref(), self.max_bins(), seed);
        let binned = run.map(x.columns.len(), |c| {
            finite(&x.columns[c], &x.names, x.columns[..c].iter().map(DesignColumn::n_features).sum())?;
            Ok((x.columns[c].n_features(), rows.bin(&x.columns[c])))
        })?;
        let binned = placed(binned);
        Ok(BoundRows { names: x.names.clone(), binned, y, w, own_weight, seed })
    }

    /// Fit a pipeline and bin its features, column by column: the whole design is never held.
    pub(in crate::learn) fn bind_each<'a>(
        &self,
        params: &PipelineParams,
        data: FitRows<'a>,
        run: &Run,
    ) -> Result<(Pipeline, BoundRows<'a>)> {
        self.check()?;
        let (w, own_weight) = self.weights(data.rows.len(), data.y, data.w)?;
        let rows = Rows::new(data.y, w.as_deref(), self.max_bins(), data.seed);
        let (pipeline, columns) = params.fit_each(&data, run, &|columns| {
            Ok(columns.iter().map(|c| (c.n_features(), rows.bin(c))).collect::<Vec<_>>())
        })?;
        let names = pipeline.feature_inputs().into_iter().map(|(name, _)| name).collect();
        let binned = placed(columns.into_iter().flatten().collect());
        Ok((pipeline, BoundRows { names, binned, y: data.y, w, own_weight, seed: data.seed }))
    }

    /// Weights of the rows, those of the labels in them, `None` where all are 1; and the sum without those of the labels.
    fn weights(&self, n: usize, y: &[u8], w: Option<&[f64]>) -> Result<(Option<Vec<f64>>, f64)> {
        let [negative, positive] = check_labels(n, y, w)?;
        let factors = match self.class_weight() {
            ClassWeight::None => return Ok((w.map(<[f64]>::to_vec), negative + positive)),
            ClassWeight::Balanced => [negative, positive].map(|own| 0.5 * (negative + positive) / own),
            ClassWeight::Given { negative, positive } => [negative, positive],
        };
        let weights = y.iter().enumerate().map(|(i, &y)| w.map_or(1.0, |w| w[i]) * factors[usize::from(y != 0)]);
        Ok((Some(weights.collect()), negative + positive))
    }

    /// Fit to binned rows.
    pub(in crate::learn) fn fit(&self, rows: BoundRows<'_>, run: &Run) -> Result<Trees> {
        let BoundRows { names, binned, y, w, own_weight, seed } = rows;
        let n_features = names.len();
        let matrix = Matrix::new(y.len(), binned, w.as_deref());
        let data = Data { names: &names, matrix: &matrix, y, w: w.as_deref(), own_weight, seed };
        match self {
            TreeLearner::Boosting(p) => boost(p, &data, n_features, run).map(|(trees, _)| trees),
            TreeLearner::Forest(p) => forest(p, &data, n_features, run).map(|(trees, _)| trees),
            TreeLearner::Tree(p) => tree(p, &data, n_features, run),
        }
    }
}

#[cfg(test)]
impl BoostingParams {
    /// The fitted trees, and the scores that the training rows had.
    pub(super) fn fit_with_scores(&self, x: &Design, y: &[u8], seed: Seed, run: &Run) -> Result<(Trees, Vec<f64>)> {
        let rows = TreeLearner::Boosting(self).bind(x, y, None, seed, run)?;
        let matrix = Matrix::new(y.len(), rows.binned, rows.w.as_deref());
        boost(
            self,
            &Data { names: &rows.names, matrix: &matrix, y, w: None, own_weight: rows.own_weight, seed },
            rows.names.len(),
            run,
        )
    }
}

impl ForestParams {
    /// Fit to a design, and predict each training row by the trees that it was not drawn for: shape `(n,)`, NaN for a row that
    /// every tree was grown on.
    ///
    /// # Errors
    /// As [`crate::learn::Learner::fit`].
    ///
    /// # Reference
    /// Breiman: Out-of-bag estimation. Technical report, Berkeley, 1996.
    pub fn fit_out_of_bag(
        &self,
        x: &Design,
        y: &[u8],
        w: Option<&[f64]>,
        seed: Seed,
        run: &Run,
    ) -> Result<(Trees, Vec<f64>)> {
        let rows = TreeLearner::Forest(self).bind(x, y, w, seed, run)?;
        let matrix = Matrix::new(y.len(), rows.binned, rows.w.as_deref());
        let data =
            Data { names: &rows.names, matrix: &matrix, y, w: rows.w.as_deref(), own_weight: rows.own_weight, seed };
        forest(self, &data, rows.names.len(), run)
    }
}

/// Each column of the engine at the features of its design column.
fn placed(binned: Vec<(usize, Vec<Binned>)>) -> Vec<Binned> {
    let mut first = 0;
    let mut out = Vec::new();
    for (n_features, mut columns) in binned {
        columns.iter_mut().for_each(|b| b.column.feature += first);
        out.append(&mut columns);
        first += n_features;
    }
    out
}

fn finite(column: &DesignColumn, names: &[String], feature: usize) -> Result<()> {
    if let DesignColumn::Dense(v) = column
        && let Some(row) = v.iter().position(|x| x.is_infinite())
    {
        let name = names.get(feature).cloned().unwrap_or_else(|| format!("feature {feature}"));
        return Err(Error::data(
            Place::cell(row, name),
            v[row],
            "a finite number, or NaN for a gap",
            "remove infinite values before fitting",
        ));
    }
    Ok(())
}

/// What trees are grown on.
struct Data<'a> {
    names: &'a [String],
    matrix: &'a Matrix,
    y: &'a [u8],
    w: Option<&'a [f64]>,
    own_weight: f64,
    seed: Seed,
}

impl Data<'_> {
    fn weight(&self, row: usize) -> f64 {
        self.w.map_or(1.0, |w| w[row])
    }

    fn total(&self) -> f64 {
        match self.w {
            None => self.y.len() as f64,
            Some(w) => w.iter().sum(),
        }
    }

    /// The rate of positives.
    fn rate(&self) -> f64 {
        let positive: f64 = (0..self.y.len()).filter(|&r| self.y[r] == 1).map(|r| self.weight(r)).sum();
        positive / self.total()
    }

    /// For weights that are multiplied by up to `factor`.
    fn scale(&self, factor: f64) -> gradient::Scale {
        gradient::Scale::new(factor * self.w.map_or(1.0, |w| w.iter().fold(0.0, |a: f64, b| a.max(*b))))
    }

    fn ordered(&self) -> Vec<bool> {
        self.matrix.columns.iter().map(super::bins::Column::is_ordered).collect()
    }

    fn feature(&self, name: &str, param: &str) -> Result<usize> {
        self.names.iter().position(|n| n == name).ok_or_else(|| {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            Error::param(
                format!("{param}.{name}"),
                "no feature of this name",
                "a feature of the model",
                nearest(name, &names),
            )
        })
    }

    /// Rules by column.
    fn rules(&self, monotone: Option<&Monotone>, costs: Option<&Costs>) -> Result<Vec<Rule>> {
        let mut out = vec![Rule::default(); self.matrix.columns.len()];
        for (name, &cost) in costs.into_iter().flatten() {
            let feature = self.feature(name, "feature_costs")?;
            let of_feature = out.iter_mut().zip(&self.matrix.columns).filter(|(_, c)| c.feature == feature);
            of_feature.for_each(|(rule, _)| rule.cost = cost);
        }
        for (name, &direction) in monotone.into_iter().flatten() {
            let feature = self.feature(name, "monotone")?;
            for (o, column) in out.iter_mut().zip(&self.matrix.columns).filter(|(_, c)| c.feature == feature) {
                if !matches!(column.test, super::bins::Test::Number { .. }) && direction != 0 {
                    return Err(Error::param(
                        format!("monotone.{name}"),
                        "a direction for a category",
                        "directions of numbers",
                        "encode the category as `ordinal`, or leave it out",
                    ));
                }
                o.direction = direction;
            }
        }
        Ok(out)
    }

    /// Groups by column; features of no group stand alone.
    fn groups(&self, interactions: Option<&Vec<Vec<String>>>) -> Result<Option<Arc<Vec<Vec<bool>>>>> {
        let Some(lists) = interactions else { return Ok(None) };
        let columns = &self.matrix.columns;
        let mut groups = Vec::new();
        let mut named = vec![false; self.names.len()];
        for list in lists {
            let mut group = vec![false; columns.len()];
            for name in list {
                let feature = self.feature(name, "interactions")?;
                named[feature] = true;
                group.iter_mut().zip(columns).for_each(|(g, c)| *g |= c.feature == feature);
            }
            groups.push(group);
        }
        for (feature, _) in named.iter().enumerate().filter(|(_, n)| !**n) {
            let group: Vec<bool> = columns.iter().map(|c| c.feature == feature).collect();
            if group.contains(&true) {
                groups.push(group);
            }
        }
        Ok(Some(Arc::new(groups)))
    }
}

/// Most that rows drawn by their gradients are weighed up.
const MOST_FACTOR: f64 = 10_000.0;

fn threads(data: &Data<'_>, run: &Run) -> usize {
    if data.y.len() * data.matrix.columns.len() < LONE_THREAD { 1 } else { run.threads() }
}

/// The trees, and the scores of the training rows as they were while it trained.
fn boost(params: &BoostingParams, data: &Data<'_>, n_features: usize, run: &Run) -> Result<(Trees, Vec<f64>)> {
    let p = params.resolved(data.own_weight);
    let (matrix, y, w) = (data.matrix, data.y, data.w);
    let n = y.len();
    let (n_trees, rate) = (p.n_trees.or(1), p.learning_rate.or(0.1));
    let (row_fraction, column_fraction) = (p.row_fraction.or(1.0), p.column_fraction.or(1.0));
    // With rows by their gradients: the factor of the others.
    let by_gradient = p.top_fraction > 0.0 && row_fraction < 1.0;
    let factor = if by_gradient { (1.0 / row_fraction).min(MOST_FACTOR) } else { 1.0 };
    let scale = data.scale(factor);
    let growth = Growth {
        judge: Judge {
            scale: scale.units,
            l1: p.l1,
            l2: p.l2.or(0.0),
            min_gain: p.min_gain,
            min_child_weight: p.min_child_weight,
            min_leaf_rows: p.min_leaf_rows.or(0.0),
        },
        max_leaves: p.max_leaves.or(2) as usize,
        max_depth: p.max_depth.map_or(usize::MAX, |d| d as usize),
        by_depth: p.grow == Grow::Depth,
        rules: data.rules(p.monotone.as_ref(), p.feature_costs.as_ref())?,
        groups: data.groups(p.interactions.as_ref())?,
        node_fraction: p.column_fraction_node,
        shrink: rate,
    };
    let set_aside = if p.early_stopping.is_some() { validation(data)? } else { vec![false; 0] };
    let is_validation = |row: usize| set_aside.get(row).copied().unwrap_or(false);
    let active: Vec<u32> = (0..n).filter(|&r| data.weight(r) > 0.0 && !is_validation(r)).map(|r| r as u32).collect();
    let base = {
        let (mut total, mut positive) = (0.0, 0.0);
        for &row in &active {
            let w = data.weight(row as usize);
            total += w;
            positive += w * f64::from(y[row as usize]);
        }
        float::logit((positive / total).clamp(1e-6, 1.0 - 1e-6))
    };
    let all_rows = active.len() == n && row_fraction >= 1.0;
    let n_drawn = ((active.len() as f64 * row_fraction).round() as usize).clamp(1, active.len().max(1));
    let ordered = data.ordered();
    let shared = Shared::new(matrix, w, growth.max_leaves);
    shared.safe_rows.store(scale.safe_rows, Relaxed);
    let scores: Vec<AtomicU64> = (0..n).map(|_| AtomicU64::new(base.to_bits())).collect();
    let mut stopping = p.early_stopping.map(|rounds| Stopping::new(p.stopping_metric, rounds, data, &set_aside));
    let (shared, scores, active, ordered) = (&shared, scores.as_slice(), active.as_slice(), ordered.as_slice());

    let trees = with_team(threads(data, run), |team| -> Result<Vec<Grown>> {
        let mut grower = Grower::new(shared, team, growth);
        let mut trees: Vec<Grown> = Vec::new();
        let tasks = n.div_ceil(ROWS);
        for t in 0..n_trees {
            run.check()?;
            run.progress("boosting", t as usize, n_trees as usize);
            let mut rng = data.seed.stream("boosting", u64::from(t));
            team.run(tasks, move |task| {
                gradient::log_loss(shared, task, scores, y, w, &scale);
                if all_rows {
                    let rows = task * ROWS..((task + 1) * ROWS).min(n);
                    shared.rows[rows.clone()].iter().zip(rows).for_each(|(r, row)| r.store(row as u32, Relaxed));
                }
            })?;
            let n_drawn = if all_rows {
                n
            } else if by_gradient {
                let n_top = (active.len() as f64 * p.top_fraction).round() as usize;
                let (top, others) = by_size(shared, active, n_top);
                let n_others = (others.len() as f64 * row_fraction).round() as usize;
                list(shared, 0, top.iter().copied());
                list(
                    shared,
                    top.len(),
                    sample(&others, n_others, &mut rng).inspect(|row| shared.weigh_up(*row, factor)),
                );
                top.len() + n_others
            } else {
                list(shared, 0, sample(active, n_drawn, &mut rng));
                n_drawn
            };
            let columns =
                (column_fraction < 1.0).then(|| Arc::new(draw(&matrix.columns, None, column_fraction, &mut rng)));
            let grown = grower.grow(n_drawn, columns, &mut rng, run)?;
            if grown.questions.is_empty() {
                if all_rows && column_fraction >= 1.0 && p.column_fraction_node >= 1.0 {
                    // The next one would be no other.
                    break;
                }
                continue;
            }
            grower.pay(&grown.questions);
            let grown = Arc::new(grown);
            let tree = Arc::clone(&grown);
            if all_rows {
                // The leaves' ranges hold every row.
                let mut order: Vec<usize> = (0..tree.ranges.len()).collect();
                order.sort_unstable_by_key(|l| tree.ranges[*l]);
                team.run(tasks, move |task| {
                    let (begin, end) = (task * ROWS, ((task + 1) * ROWS).min(n));
                    let first = order.partition_point(|l| tree.ranges[*l][1] <= begin);
                    for &leaf in &order[first..] {
                        let [from, to] = tree.ranges[leaf];
                        if from >= end {
                            break;
                        }
                        let value = f64::from(tree.values[leaf]);
                        for row in &shared.rows[from.max(begin)..to.min(end)] {
                            let score = &scores[row.load(Relaxed) as usize];
                            score.store((f64::from_bits(score.load(Relaxed)) + value).to_bits(), Relaxed);
                        }
                    }
                })?;
            } else {
                team.run(tasks, move |task| {
                    let rows = task * ROWS..((task + 1) * ROWS).min(n);
                    for (score, row) in scores[rows.clone()].iter().zip(rows) {
                        let leaf = leaf_of(&tree.questions, ordered, |c| matrix.bin(row, c));
                        let sum = f64::from_bits(score.load(Relaxed)) + f64::from(tree.values[leaf]);
                        score.store(sum.to_bits(), Relaxed);
                    }
                })?;
            }
            trees.push(Arc::unwrap_or_clone(grown));
            if let Some(stopping) = &mut stopping
                && stopping.is_over(scores, trees.len())?
            {
                break;
            }
        }
        if let Some(stopping) = &stopping {
            trees.truncate(stopping.best_trees);
        }
        Ok(trees)
    })?;
    run.progress("boosting", n_trees as usize, n_trees as usize);
    let scores = scores.iter().map(|s| f64::from_bits(s.load(Relaxed))).collect();
    Ok((Trees::new(Scale::LogOdds, base, n_features, matrix.columns.clone(), trees)?, scores))
}

/// So many of the rows, in their order; each is taken by the share that is still wanted.
fn sample<'r>(rows: &'r [u32], mut wanted: usize, rng: &'r mut Rng) -> impl Iterator<Item = u32> + 'r {
    rows.iter().enumerate().filter_map(move |(i, &row)| {
        let left = rows.len() - i;
        let taken = wanted > 0 && (wanted == left || rng.uniform() * (left as f64) < wanted as f64);
        wanted -= usize::from(taken);
        taken.then_some(row)
    })
}

/// The rows of the `n` largest gradients, of equals the first, and the others; both in their order.
fn by_size(shared: &Shared<'_>, rows: &[u32], n: usize) -> (Vec<u32>, Vec<u32>) {
    let size = |row: u32| shared.sums(row as usize)[0].unsigned_abs();
    let mut sizes: Vec<u64> = rows.iter().map(|&row| size(row)).collect();
    if n == 0 || n >= sizes.len() {
        return if n == 0 { (Vec::new(), rows.to_vec()) } else { (rows.to_vec(), Vec::new()) };
    }
    let (larger, &mut least, _) = sizes.select_nth_unstable_by(n - 1, |a, b| b.cmp(a));
    let mut equals = n - larger.iter().filter(|s| **s > least).count();
    rows.iter().partition(|row| {
        let size = size(**row);
        let equal = size == least && equals > 0;
        equals -= usize::from(equal);
        size > least || equal
    })
}

/// Put rows into the list from a place on.
fn list(shared: &Shared<'_>, from: usize, rows: impl Iterator<Item = u32>) {
    shared.rows[from..].iter().zip(rows).for_each(|(place, row)| place.store(row, Relaxed));
}

/// A seeded tenth of the rows of each label.
fn validation(data: &Data<'_>) -> Result<Vec<bool>> {
    let mut out = vec![false; data.y.len()];
    for label in [0, 1] {
        let mut rows: Vec<usize> = (0..data.y.len()).filter(|&r| data.y[r] == label && data.weight(r) > 0.0).collect();
        let n = (rows.len() as f64 * VALIDATION).round() as usize;
        if n == 0 {
            return Err(Error::data(
                Place::default(),
                format!("{} training rows of a label", rows.len()),
                "at least 5 of each label, to set some aside for early stopping",
                "use early_stopping=null on so few rows",
            ));
        }
        data.seed.stream("boosting_validation", u64::from(label)).shuffle(&mut rows);
        rows.iter().take(n).for_each(|&r| out[r] = true);
    }
    Ok(out)
}

/// When to add no further tree.
struct Stopping {
    metric: Metric,
    rounds: usize,
    rows: Vec<usize>,
    y: Vec<u8>,
    w: Option<Vec<f64>>,
    best: f64,
    best_trees: usize,
}

impl Stopping {
    fn new(metric: StoppingMetric, rounds: u32, data: &Data<'_>, set_aside: &[bool]) -> Stopping {
        let rows: Vec<usize> = (0..set_aside.len()).filter(|&r| set_aside[r]).collect();
        Stopping {
            metric: match metric {
                StoppingMetric::LogLoss => Metric::LogLoss,
                StoppingMetric::RocAuc => Metric::RocAuc,
                StoppingMetric::AveragePrecision => Metric::AveragePrecision,
            },
            rounds: rounds as usize,
            y: rows.iter().map(|&r| data.y[r]).collect(),
            w: data.w.map(|w| rows.iter().map(|&r| w[r]).collect()),
            rows,
            best: f64::NEG_INFINITY,
            best_trees: 0,
        }
    }

    fn is_over(&mut self, scores: &[AtomicU64], n_trees: usize) -> Result<bool> {
        let proba: Vec<f64> =
            self.rows.iter().map(|&r| float::sigmoid(f64::from_bits(scores[r].load(Relaxed)))).collect();
        let value = self.metric.value(&self.y, &proba, self.w.as_deref(), 0.5)?;
        let worth = if self.metric.greater_is_better() { value } else { -value };
        if worth > self.best {
            self.best = worth;
            self.best_trees = n_trees;
        }
        Ok(n_trees >= self.best_trees + self.rounds)
    }
}

fn rate_growth(
    scale: &gradient::Scale,
    min_leaf_rows: f64,
    max_leaves: u32,
    max_depth: Option<u32>,
    rules: Vec<Rule>,
) -> Growth {
    Growth {
        // A unit of weight is 2⁸ whole numbers of either sum.
        judge: Judge {
            scale: scale.units.map(|_| scale.rate_unit()),
            l1: 0.0,
            l2: 0.0,
            min_gain: 0.0,
            min_child_weight: 0.0,
            min_leaf_rows: min_leaf_rows.max(f64::MIN_POSITIVE),
        },
        max_leaves: max_leaves as usize,
        max_depth: max_depth.map_or(usize::MAX, |d| d as usize),
        by_depth: false,
        rules,
        groups: None,
        node_fraction: 1.0,
        shrink: 1.0,
    }
}

fn tree(params: &TreeParams, data: &Data<'_>, n_features: usize, run: &Run) -> Result<Trees> {
    let p = params.resolved(data.own_weight);
    let scale = data.scale(1.0);
    let rules = data.rules(p.monotone.as_ref(), None)?;
    let growth = rate_growth(&scale, p.min_leaf_rows.or(1.0), p.max_leaves.or(2), p.max_depth, rules);
    let shared = Shared::new(data.matrix, data.w, growth.max_leaves);
    shared.safe_rows.store(scale.safe_rows, Relaxed);
    gradient::rates(&shared, data.y, data.w, |_| 1, &scale);
    let n = put(&shared, (0..data.y.len()).filter(|&r| data.weight(r) > 0.0));
    let mut grown = with_team(threads(data, run), |team| {
        Grower::new(&shared, team, growth).grow(n, None, &mut data.seed.stream("tree", 0), run)
    })?;
    draw_to(&mut grown, data.rate());
    Trees::new(Scale::Probability, 0.0, n_features, data.matrix.columns.clone(), vec![grown])
}

/// A leaf's rate with one row of the overall rate mixed in: no leaf is certain.
fn draw_to(grown: &mut Grown, prior: f64) {
    for (value, weight) in grown.values.iter_mut().zip(&grown.weights) {
        let w = f64::from(*weight);
        *value = (((f64::from(*value) * w + prior) / (w + 1.0)) as f32).clamp(0.0, 1.0);
    }
}

fn put(shared: &Shared<'_>, rows: impl Iterator<Item = usize>) -> usize {
    let mut n = 0;
    for (at, row) in shared.rows.iter().zip(rows) {
        at.store(row as u32, Relaxed);
        n += 1;
    }
    n
}

fn forest(params: &ForestParams, data: &Data<'_>, n_features: usize, run: &Run) -> Result<(Trees, Vec<f64>)> {
    let p = params.resolved(data.own_weight, n_features);
    let n = data.y.len();
    let active: Vec<u32> = (0..n).filter(|&r| data.weight(r) > 0.0).map(|r| r as u32).collect();
    let draws = ((active.len() as f64 * p.row_fraction).round() as usize).max(1);
    let scale = data.scale(1.0);
    let mut growth = rate_growth(
        &scale,
        p.min_leaf_rows.or(1.0),
        p.max_leaves.or(2).min(MAX_LEAVES),
        p.max_depth,
        vec![Rule::default(); data.matrix.columns.len()],
    );
    growth.node_fraction = p.column_fraction_node.or(1.0);
    let ordered = data.ordered();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let n_trees = p.n_trees as usize;
    let one = |t: usize| -> Result<(Grown, Vec<u32>)> {
        let mut rng = data.seed.stream("forest", t as u64);
        let mut times = vec![0u32; n];
        for _ in 0..draws {
            if let Some(&row) = active.get(rng.below(active.len())) {
                times[row as usize] += 1;
            }
        }
        // A row that was drawn twice weighs twice, also where leaves' rows are counted.
        let w: Vec<f64> = times.iter().enumerate().map(|(r, &t)| f64::from(t) * data.weight(r)).collect();
        let shared = Shared::new(data.matrix, Some(&w), growth.max_leaves);
        let most = times.iter().copied().max().unwrap_or(1).max(1) as usize;
        shared.safe_rows.store((scale.safe_rows / most).max(1), Relaxed);
        gradient::rates(&shared, data.y, data.w, |r| times[r], &scale);
        let rows = put(&shared, (0..n).filter(|&r| w[r] > 0.0));
        let grown = with_team(1, |team| Grower::new(&shared, team, growth.clone()).grow(rows, None, &mut rng, run))?;
        run.progress("forest", done.fetch_add(1, Relaxed) + 1, n_trees);
        Ok((grown, times))
    };
    let rate = data.rate();
    let mut trees = Vec::with_capacity(n_trees);
    let (mut sums, mut counts) = (vec![0.0; n], vec![0u32; n]);
    // In batches, as each tree holds numbers for every row until its out-of-bag rows are read.
    for first in (0..n_trees).step_by(16) {
        for (mut grown, times) in run.map(16.min(n_trees - first), |i| one(first + i))? {
            grown.values.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
            if grown.questions.is_empty() {
                // A tree that asks nothing knows the overall rate, not only that of the rows it drew.
                grown.values = vec![rate as f32];
            }
            for row in (0..n).filter(|&r| times[r] == 0) {
                let leaf = leaf_of(&grown.questions, &ordered, |c| data.matrix.bin(row, c));
                sums[row] += f64::from(grown.values[leaf]);
                counts[row] += 1;
            }
            trees.push(grown);
        }
    }
    let out_of_bag = sums.iter().zip(&counts).map(|(s, &c)| if c > 0 { s / f64::from(c) } else { f64::NAN }).collect();
    Ok((Trees::new(Scale::Probability, 0.0, n_features, data.matrix.columns.clone(), trees)?, out_of_bag))
}
