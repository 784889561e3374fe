//! Which of the design's features stay, and why.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::pipeline::short;
use super::{Block, Design, DesignColumn};
use crate::num::float;
use crate::num::linalg::dot;
use crate::num::quantile::Sorted;
use crate::run::CHUNK_ROWS;
use crate::{Error, Result, Run, Seed};

/// Ranks features by a fitted learner.
pub trait Ranker: Sync {
    /// How much each feature of the design weighs, `(p,)`, finite and 0 or more.
    ///
    /// # Errors
    /// Those of fitting the learner.
    fn importances(&self, x: &Design, y: &[u8], w: Option<&[f64]>, seed: Seed, run: &Run) -> Result<Vec<f64>>;
}

/// How many features stay: a whole number from 1 on, or a share of them in (0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keep(pub f64);

impl Default for Keep {
    fn default() -> Keep {
        Keep(0.5)
    }
}

impl Keep {
    fn check(self, name: &str) -> Result<()> {
        let fits = (self.0 > 0.0 && self.0 < 1.0) || (self.0 >= 1.0 && self.0.fract() == 0.0 && self.0.is_finite());
        if fits {
            return Ok(());
        }
        let hint = "20 is twenty features, 0.5 is half of them";
        Err(Error::param(name, self.0, "a whole number >= 1, or a share in (0, 1)", hint))
    }

    fn of(self, n: usize) -> usize {
        let count = if self.0 < 1.0 { self.0 * n as f64 } else { self.0 };
        (count as usize).clamp(1, n.max(1))
    }
}

/// How features are selected. Fitted on the training rows' features, whose numbers are scaled by then.
///
/// | `method` | keeps | parameters |
/// |---|---|---|
/// | `variance` | features whose variance is above `threshold` | `threshold` 0 |
/// | `correlation` | of any two features whose correlation is above `limit` in size, the one that tells more of the label | `limit` 0.95, in (0, 1) |
/// | `mutual_information` | those that tell most of the label | `keep` 0.5 |
/// | `l1` | those to which a logistic regression with an L1 penalty gives a weight | `c` 1, its inverse strength |
/// | `rfe` | those left when, round by round, those of least weight in a logistic regression go | `keep` 0.5, `step` 1: how many go a round, or the share |
/// | `importance` | those of greatest gain in boosted trees, or weight in a logistic regression | `keep` 0.5, `by` `"trees"` or `"logistic"` |
///
/// # Reference
/// Guyon, Weston, Barnhill, Vapnik: Gene selection for cancer classification using support vector machines. Machine
/// Learning 46 (2002), <https://doi.org/10.1023/A:1012487302797>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the table above says each")]
pub enum SelectParams {
    Variance {
        #[serde(default)]
        threshold: f64,
    },
    Correlation {
        #[serde(default = "usual_limit")]
        limit: f64,
    },
    MutualInformation {
        #[serde(default)]
        keep: Keep,
    },
    L1 {
        #[serde(default = "one")]
        c: f64,
    },
    Rfe {
        #[serde(default)]
        keep: Keep,
        #[serde(default = "one_step")]
        step: Keep,
    },
    Importance {
        #[serde(default)]
        keep: Keep,
        #[serde(default)]
        by: ImportanceBy,
    },
}

/// The learner whose features' importances select.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportanceBy {
    /// Boosted trees: what a feature's splits gained.
    #[default]
    Trees,
    /// Logistic regression: what a standard deviation moves the log-odds by.
    Logistic,
}

fn usual_limit() -> f64 {
    0.95
}
fn one() -> f64 {
    1.0
}
fn one_step() -> Keep {
    Keep(1.0)
}

impl SelectParams {
    /// Its name.
    pub fn method(&self) -> &'static str {
        match self {
            SelectParams::Variance { .. } => "variance",
            SelectParams::Correlation { .. } => "correlation",
            SelectParams::MutualInformation { .. } => "mutual_information",
            SelectParams::L1 { .. } => "l1",
            SelectParams::Rfe { .. } => "rfe",
            SelectParams::Importance { .. } => "importance",
        }
    }

    /// That every parameter is in its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        match *self {
            SelectParams::Variance { threshold } if !(threshold.is_finite() && threshold >= 0.0) => {
                Err(Error::param("preprocess.select.threshold", threshold, "a number >= 0", "0 drops constants only"))
            }
            SelectParams::Correlation { limit } if !(limit > 0.0 && limit < 1.0) => {
                Err(Error::param("preprocess.select.limit", limit, "a number in (0, 1)", "0.95 is a usual limit"))
            }
            SelectParams::L1 { c } if !(c.is_finite() && c > 0.0) => {
                Err(Error::param("preprocess.select.c", c, "a number > 0", "a smaller one keeps fewer features"))
            }
            SelectParams::MutualInformation { keep } | SelectParams::Importance { keep, .. } => {
                keep.check("preprocess.select.keep")
            }
            SelectParams::Rfe { keep, step } => {
                keep.check("preprocess.select.keep")?;
                step.check("preprocess.select.step")
            }
            SelectParams::Variance { .. } | SelectParams::Correlation { .. } | SelectParams::L1 { .. } => Ok(()),
        }
    }
}

/// What was decided about one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectedFeature {
    /// The feature.
    pub feature: String,
    /// What it was judged by: variance, correlation with the label, information in nats, weight.
    pub score: Option<f64>,
    /// Whether it stays.
    pub kept: bool,
    /// Why, in words.
    pub reason: String,
}

/// What a selection kept and dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The method.
    pub method: String,
    /// All features before the selection, in order.
    pub features: Vec<SelectedFeature>,
}

impl Selection {
    /// Whether each feature stays.
    pub fn kept(&self) -> Vec<bool> {
        self.features.iter().map(|f| f.kept).collect()
    }
}

impl Design {
    /// The features that stay. A level that goes becomes no level.
    pub(super) fn keep(&self, kept: &[bool]) -> Design {
        let mut flags = kept.iter().copied();
        let mut columns = Vec::new();
        for column in &self.columns {
            let own: Vec<bool> = flags.by_ref().take(column.n_features()).collect();
            match column {
                DesignColumn::Dense(_) | DesignColumn::Levels { .. } if own.first() != Some(&true) => {}
                DesignColumn::Dense(_) | DesignColumn::Levels { .. } => columns.push(column.clone()),
                DesignColumn::Indicators { codes, .. } => {
                    let n_levels = own.iter().filter(|k| **k).count();
                    if n_levels == 0 {
                        continue;
                    }
                    let mut next = 0;
                    let places: Vec<u32> = own
                        .iter()
                        .map(|&k| {
                            next += u32::from(k);
                            if k { next - 1 } else { u32::MAX }
                        })
                        .collect();
                    let codes = codes.iter().map(|&c| places.get(c as usize).copied().unwrap_or(u32::MAX)).collect();
                    columns.push(DesignColumn::Indicators { codes, n_levels });
                }
            }
        }
        let names = self.names.iter().zip(kept).filter(|(_, k)| **k).map(|(n, _)| n.clone()).collect();
        Design { n_rows: self.n_rows, columns, names }
    }
}

/// Select among the features of `n` training rows with labels `y` (0 or 1) and weights `w`. At least one stays.
///
/// # Errors
/// [`Error::InvalidParam`] when no feature would stay; the ranker's errors, and [`Error::Numeric`] where it returns other than one
/// weight a feature; [`Error::Cancelled`].
pub(super) fn select(
    params: &SelectParams,
    design: &Design,
    y: &[u8],
    w: Option<&[f64]>,
    ranker: Option<&dyn Ranker>,
    seed: Seed,
    run: &Run,
) -> Result<Selection> {
    let p = design.n_features();
    let rank = |design: &Design| -> Result<Vec<f64>> {
        let Some(ranker) = ranker else {
            return Err(Error::Unsupported {
                what: format!("the selection `{}` without a ranker", params.method()),
                why: "it asks a fitted learner for its weights".into(),
                hint: "give `FitRows` a ranker, as `learn::ranker` makes it".into(),
            });
        };
        let weights = ranker.importances(design, y, w, seed, run)?;
        // Anybody may write a ranker.
        if weights.len() == design.n_features() && weights.iter().all(|x| x.is_finite() && *x >= 0.0) {
            return Ok(weights);
        }
        Err(Error::Numeric {
            what: "the ranking of features",
            why: format!(
                "the ranker gave {} weights to {} features, or one that is no number >= 0",
                weights.len(),
                design.n_features()
            ),
            hint: "return one finite number >= 0 for each feature".into(),
        })
    };
    // (score, kept, reason) of each feature.
    let decided: Vec<(Option<f64>, bool, String)> = match params {
        SelectParams::Variance { threshold } => design
            .variances(w)
            .into_iter()
            .map(|v| {
                let kept = v > *threshold;
                (Some(v), kept, format!("variance {} {} {threshold}", short(v), if kept { ">" } else { "<=" }))
            })
            .collect(),
        SelectParams::Correlation { limit } => Correlations::of(design, y, w, run)?.decide(*limit, &design.names),
        SelectParams::MutualInformation { keep } => {
            let scores = run.map(p, |j| Ok(information(&feature(design, j), y, w)))?;
            top(scores, keep.of(p), "mutual information")
        }
        SelectParams::Importance { keep, .. } => top(rank(design)?, keep.of(p), "weight"),
        SelectParams::L1 { c } => rank(design)?
            .into_iter()
            .map(|s| (Some(s), s > 0.0, format!("weight {} under an L1 penalty with c = {c}", short(s))))
            .collect(),
        SelectParams::Rfe { keep, step } => eliminate(design, keep.of(p), *step, rank)?,
    };
    if !decided.iter().any(|d| d.1) {
        let (what, hint) = match params {
            SelectParams::Variance { .. } => {
                ("threshold", "lower `threshold`; numbers are scaled before they are selected")
            }
            _ => ("c", "raise `c`: the penalty leaves no feature a weight"),
        };
        return Err(Error::param(
            format!("preprocess.select.{what}"),
            "a selection that keeps nothing",
            "at least one feature that stays",
            hint,
        ));
    }
    let features = design
        .names
        .iter()
        .zip(decided)
        .map(|(name, (score, kept, reason))| SelectedFeature { feature: name.clone(), score, kept, reason })
        .collect();
    Ok(Selection { method: params.method().to_owned(), features })
}

/// The `k` greatest; of equals the first.
fn top(scores: Vec<f64>, k: usize, what: &str) -> Vec<(Option<f64>, bool, String)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let mut place = vec![0; scores.len()];
    order.iter().enumerate().for_each(|(i, &j)| place[j] = i);
    let n = scores.len();
    (0..n)
        .map(|j| (Some(scores[j]), place[j] < k, format!("{what} {}, place {} of {n}", short(scores[j]), place[j] + 1)))
        .collect()
}

/// Recursive feature elimination: fit, drop those of least weight (of equals the last), again.
fn eliminate(
    design: &Design,
    k: usize,
    step: Keep,
    rank: impl Fn(&Design) -> Result<Vec<f64>>,
) -> Result<Vec<(Option<f64>, bool, String)>> {
    let p = design.n_features();
    let step = step.of(p);
    let n_rounds = p.saturating_sub(k).div_ceil(step);
    let mut left: Vec<usize> = (0..p).collect();
    let mut decided = vec![(None, true, String::new()); p];
    for round in 1..=n_rounds {
        let weights = rank(&design.keep(&flags(&left, p)))?;
        let mut order: Vec<usize> = (0..left.len()).collect();
        order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]).then(b.cmp(&a)));
        order.truncate(step.min(left.len() - k));
        for &i in &order {
            let weight = weights[i];
            let reason = format!("eliminated in round {round} of {n_rounds}, weight {}", short(weight));
            decided[left[i]] = (Some(weight), false, reason);
        }
        left.retain(|&j| decided[j].1);
    }
    let weights = rank(&design.keep(&flags(&left, p)))?;
    for (&j, &weight) in left.iter().zip(&weights) {
        decided[j] = (Some(weight), true, format!("left after {n_rounds} rounds, weight {}", short(weight)));
    }
    Ok(decided)
}

/// Whether each of `p` features is among some.
fn flags(some: &[usize], p: usize) -> Vec<bool> {
    let mut flags = vec![false; p];
    some.iter().for_each(|&j| flags[j] = true);
    flags
}

/// Correlations of the features and the label, the label last: `(p + 1) × (p + 1)`.
struct Correlations {
    k: usize,
    /// Centred cross products; of a pair the one whose first index is lower.
    products: Vec<f64>,
}

/// Adds what a few rows give, their columns and their weights, to sums.
type Adds<'a> = dyn Fn(&[Vec<f64>], &[f64], &mut [f64]) -> Result<()> + Sync + 'a;

/// At most so many partial sums of `(p + 1)²` numbers are held at a time.
const MAX_PIECES: usize = 8;

impl Correlations {
    /// Of the rows by their weight: one pass for the means, one for products of what is left. Values are taken from those of the
    /// first row, so that rounding gives a constant no variance.
    fn of(design: &Design, y: &[u8], w: Option<&[f64]>, run: &Run) -> Result<Correlations> {
        let k = design.n_features() + 1;
        let n = design.n_rows;
        let weight = |i: usize| w.map_or(1.0, |w| w[i]);
        let centred = |rows: Range<usize>, origin: &[f64]| -> Vec<Vec<f64>> {
            let mut block = Block::default();
            design.block(rows.clone(), &mut block);
            let feature = |j: usize| block.column(j).iter().map(|x| x - origin[j]).collect();
            let mut columns: Vec<Vec<f64>> = (0..k - 1).map(feature).collect();
            columns.push(y[rows].iter().map(|&l| f64::from(l) - origin[k - 1]).collect());
            columns
        };
        // Adds `f(columns, weights, sums)` up over all rows.
        let pass = |size: usize, origin: &[f64], f: &Adds<'_>| {
            let piece = n.div_ceil(MAX_PIECES).next_multiple_of(CHUNK_ROWS);
            let pieces = run.map_chunks(n, piece, |rows| {
                let mut out = vec![0.0; size];
                for start in rows.clone().step_by(CHUNK_ROWS) {
                    let part = start..(start + CHUNK_ROWS).min(rows.end);
                    let weights: Vec<f64> = part.clone().map(weight).collect();
                    f(&centred(part, origin), &weights, &mut out)?;
                }
                Ok(out)
            })?;
            let mut total = vec![0.0; size];
            for piece in pieces {
                total.iter_mut().zip(piece).for_each(|(t, x)| *t += x);
            }
            Ok::<_, Error>(total)
        };

        let first = (0..n).find(|&i| weight(i) > 0.0).unwrap_or(0);
        let mut origin: Vec<f64> = centred(first..(first + 1).min(n), &vec![0.0; k])
            .iter()
            .map(|c| c.first().copied().unwrap_or(0.0))
            .collect();
        let sums = pass(k, &origin, &|columns, weights, out| {
            out.iter_mut().zip(columns).for_each(|(sum, c)| *sum += dot(c, weights));
            run.check()
        })?;
        let total: f64 = (0..n).map(weight).sum::<f64>().max(f64::MIN_POSITIVE);
        origin.iter_mut().zip(sums).for_each(|(o, sum)| *o += sum / total);
        let products = pass(k * k, &origin, &|columns, weights, out| {
            for (i, a) in columns.iter().enumerate() {
                run.check()?;
                let weighted: Vec<f64> = a.iter().zip(weights).map(|(x, w)| x * w).collect();
                for (sum, b) in out[i * k + i..(i + 1) * k].iter_mut().zip(&columns[i..]) {
                    *sum += dot(&weighted, b);
                }
            }
            Ok(())
        })?;
        Ok(Correlations { k, products })
    }

    /// That of features `i` and `j`; 0 with a constant.
    fn between(&self, i: usize, j: usize) -> f64 {
        let product = |i: usize, j: usize| self.products[i.min(j) * self.k + i.max(j)];
        let scale = product(i, i).sqrt() * product(j, j).sqrt();
        if scale > 0.0 && scale.is_finite() { product(i, j) / scale } else { 0.0 }
    }

    /// Of features by their correlation with the label, strongest first, each stays unless one that stayed is too near it.
    fn decide(&self, limit: f64, names: &[String]) -> Vec<(Option<f64>, bool, String)> {
        let p = self.k - 1;
        let with_label: Vec<f64> = (0..p).map(|j| self.between(j, p).abs()).collect();
        let mut order: Vec<usize> = (0..p).collect();
        order.sort_by(|&a, &b| with_label[b].total_cmp(&with_label[a]).then(a.cmp(&b)));
        let mut decided = vec![(None, true, String::new()); p];
        let mut stayed: Vec<usize> = Vec::new();
        for j in order {
            let score = Some(with_label[j]);
            let nearest = stayed
                .iter()
                .map(|&i| (self.between(i, j).abs(), i))
                .filter(|(r, _)| *r > limit)
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            decided[j] = match nearest {
                None => {
                    stayed.push(j);
                    (score, true, format!("no feature that stays is correlated with it above {limit}"))
                }
                Some((r, i)) => {
                    let name = names.get(i).map_or("", String::as_str);
                    let reason = format!("|r| = {} > {limit} with `{name}`, which tells more of the label", short(r));
                    (score, false, reason)
                }
            };
        }
        decided
    }
}

/// Bins of a number for its information.
const BINS: usize = 16;

/// One feature as numbers.
fn feature(design: &Design, j: usize) -> Vec<f64> {
    let mut first = 0;
    for column in &design.columns {
        let n = column.n_features();
        if j < first + n {
            return match column {
                DesignColumn::Dense(v) => v.clone(),
                DesignColumn::Indicators { codes, .. } => {
                    codes.iter().map(|&c| f64::from(u8::from(c as usize == j - first))).collect()
                }
                // Selection looks at the linear form, which has none.
                DesignColumn::Levels { codes, .. } => codes.iter().map(|&c| f64::from(c)).collect(),
            };
        }
        first += n;
    }
    Vec::new()
}

/// The mutual information of a feature and the label, in nats, 0 or more.
///
/// A number is cut into at most 16 bins at its quantiles; values that are equal share a bin. From the plug-in estimate its
/// first-order bias `(bins − 1) / (2·W)` is taken off (Miller and Madow), so that a feature of many values is not ahead by
/// chance. Bins rather than nearest neighbours (as `mutual_info_classif` has them): no random noise, weights count as rows,
/// and the time is that of a sort. `W` is the sum of the weights: weights that sum to a few rows tell as little as a few rows.
///
/// # Reference
/// Miller: Note on the bias of information estimates, in: Information Theory in Psychology, 1955; Paninski: Estimation of
/// entropy and mutual information. Neural Computation 15 (2003), <https://doi.org/10.1162/089976603321780272>.
fn information(x: &[f64], y: &[u8], w: Option<&[f64]>) -> f64 {
    let sorted = Sorted::new(x, w);
    let mut cuts = sorted.quantiles(&(1..BINS).map(|i| i as f64 / BINS as f64).collect::<Vec<f64>>());
    cuts.dedup();
    // A value belongs to the bin of the cuts at or below it; a cut at the lowest value makes no bin.
    cuts.retain(|c| sorted.values().first().is_some_and(|low| c > low));
    let mut counts = vec![[0.0f64; 2]; cuts.len() + 1];
    let mut labels = [0.0; 2];
    for (i, &v) in x.iter().enumerate() {
        let (label, weight) = (usize::from(y[i] != 0), w.map_or(1.0, |w| w[i]));
        counts[cuts.partition_point(|c| *c <= v)][label] += weight;
        labels[label] += weight;
    }
    let total = labels[0] + labels[1];
    if total <= 0.0 {
        return 0.0;
    }
    let mut information = 0.0;
    let mut bins = 0;
    for c in &counts {
        let n = c[0] + c[1];
        bins += usize::from(n > 0.0);
        for label in 0..2 {
            if c[label] > 0.0 {
                information += c[label] / total * float::ln(c[label] * total / (n * labels[label]));
            }
        }
    }
    (information - (bins.saturating_sub(1)) as f64 / (2.0 * total)).max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::learn;
    use crate::testing::{all_close, number, numbers};

    fn design(n: usize, seed: u64) -> (Design, Vec<u8>) {
        let mut r = Seed(seed).stream("select", 0);
        let a: Vec<f64> = (0..n).map(|_| r.normal()).collect();
        let noise: Vec<f64> = (0..n).map(|_| r.normal()).collect();
        let near: Vec<f64> = a.iter().map(|x| x + 0.05 * r.normal()).collect();
        let codes: Vec<u32> = (0..n).map(|_| r.below(3) as u32).collect();
        let y: Vec<u8> = (0..n)
            .map(|i| u8::from(r.uniform() < float::sigmoid(1.5 * a[i] + if codes[i] == 2 { 1.0 } else { -0.5 })))
            .collect();
        let names = ["a", "noise", "near", "constant", "c=0", "c=1", "c=2"].map(str::to_owned).to_vec();
        let columns = vec![
            DesignColumn::Dense(a),
            DesignColumn::Dense(noise),
            DesignColumn::Dense(near),
            DesignColumn::Dense(vec![1.0; n]),
            DesignColumn::Indicators { codes, n_levels: 3 },
        ];
        (Design { n_rows: n, columns, names }, y)
    }

    fn kept(params: &SelectParams, d: &Design, y: &[u8], w: Option<&[f64]>) -> Vec<String> {
        let s = select(params, d, y, w, None, Seed(0), &Run::new()).unwrap();
        s.features.into_iter().filter(|f| f.kept).map(|f| f.feature).collect()
    }

    #[test]
    fn filters_keep_what_they_say() {
        let (d, y) = design(2000, 1);
        let all = ["a", "noise", "near", "constant", "c=0", "c=1", "c=2"];
        assert_eq!(
            kept(&SelectParams::Variance { threshold: 0.0 }, &d, &y, None),
            all.iter().filter(|n| **n != "constant").copied().collect::<Vec<_>>()
        );
        assert_eq!(kept(&SelectParams::Variance { threshold: 0.5 }, &d, &y, None), ["a", "noise", "near"]);
        let correlation = kept(&SelectParams::Correlation { limit: 0.9 }, &d, &y, None);
        assert!(correlation.contains(&"noise".to_owned()) && correlation.len() == 6, "{correlation:?}");
        assert_eq!(kept(&SelectParams::MutualInformation { keep: Keep(3.0) }, &d, &y, None), ["a", "near", "c=2"]);
        let e =
            select(&SelectParams::Variance { threshold: 9.0 }, &d, &y, None, None, Seed(0), &Run::new()).unwrap_err();
        assert!(e.to_string().contains("preprocess.select.threshold"), "{e}");
        let e = select(&SelectParams::L1 { c: 1.0 }, &d, &y, None, None, Seed(0), &Run::new()).unwrap_err();
        assert!(e.to_string().contains("without a ranker"), "{e}");
    }

    #[test]
    fn information_is_that_of_the_table_and_none_of_noise() {
        // p(x, y): (0, 0) 3, (0, 1) 1, (1, 0) 1, (1, 1) 3 of 8.
        let (x, y) = ([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [0, 0, 0, 1, 0, 1, 1, 1]);
        let exact = 0.75 * float::ln(1.5) + 0.25 * float::ln(0.5);
        assert!((information(&x, &y, None) - (exact - 1.0 / 16.0)).abs() < 1e-12);
        let mut r = Seed(3).stream("noise", 0);
        let y: Vec<u8> = (0..4000).map(|_| u8::from(r.below(2) == 0)).collect();
        let noise: Vec<f64> = (0..4000).map(|_| r.normal()).collect();
        assert!(information(&noise, &y, None) < 0.003);
        let told: Vec<f64> = y.iter().map(|&v| f64::from(v)).collect();
        assert!((information(&told, &y, None) - std::f64::consts::LN_2).abs() < 0.01);
    }

    #[test]
    fn weights_are_repeated_rows() {
        let (d, y) = design(300, 2);
        let w: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
        let rows: Vec<usize> = (0..300).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
        let (twice, y_twice) = (d.take(&rows), rows.iter().map(|&i| y[i]).collect::<Vec<u8>>());
        for params in [
            SelectParams::Variance { threshold: 0.2 },
            SelectParams::Correlation { limit: 0.9 },
            SelectParams::MutualInformation { keep: Keep(0.5) },
        ] {
            let a = select(&params, &d, &y, Some(&w), None, Seed(0), &Run::new()).unwrap();
            let b = select(&params, &twice, &y_twice, None, None, Seed(0), &Run::new()).unwrap();
            for (a, b) in a.features.iter().zip(&b.features) {
                assert!((a.score.unwrap() - b.score.unwrap()).abs() < 1e-9 && a.kept == b.kept, "{a:?} {b:?}");
            }
        }
    }

    /// `tests/vectors/kept_features.json`.
    #[test]
    fn kept_features_are_those_of_scikit_learn() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/kept_features.json");
        let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let codes = |v: &Value| numbers(v).iter().map(|c| *c as u32).collect();
        let columns = vectors["columns"].as_array().unwrap().iter().map(|c| match c.get("codes") {
            Some(v) => DesignColumn::Indicators { codes: codes(v), n_levels: number(&c["n_levels"]) as usize },
            None => DesignColumn::Dense(numbers(&c["dense"])),
        });
        let y: Vec<u8> = numbers(&vectors["y"]).iter().map(|v| *v as u8).collect();
        let names: Vec<String> = serde_json::from_value(vectors["names"].clone()).unwrap();
        let d = Design { n_rows: y.len(), columns: columns.collect(), names };
        let weights = numbers(&vectors["weights"]);
        let repeated: Vec<usize> = (0..y.len()).flat_map(|i| std::iter::repeat_n(i, weights[i] as usize)).collect();
        let (twice, y_twice) = (d.take(&repeated), repeated.iter().map(|&i| y[i]).collect::<Vec<u8>>());
        let mut seen = std::collections::BTreeSet::new();
        for case in vectors["cases"].as_array().unwrap() {
            let name = &case["name"];
            let params: SelectParams = serde_json::from_value(case["input"]["params"].clone()).unwrap();
            params.check().unwrap();
            seen.insert(params.method());
            let ranker = learn::ranker(&params);
            let select = |d: &Design, y: &[u8], w: Option<&[f64]>, threads| {
                let run = Run::new().n_threads(Some(threads));
                select(&params, d, y, w, ranker.as_deref().map(|r| r as &dyn Ranker), Seed(0), &run).unwrap()
            };
            let weighted = case["input"]["weighted"].as_bool().unwrap();
            let w = weighted.then_some(&weights[..]);
            let got = select(&d, &y, w, 1);
            assert_eq!(select(&d, &y, w, 3), got);
            assert_eq!(json!(got.kept()), case["expected"]["kept"], "{name}");
            if weighted {
                assert_eq!(select(&twice, &y_twice, None, 2).kept(), got.kept(), "{name}");
            }
            if let Some(expected) = case["expected"].get("scores") {
                let scores: Vec<f64> = got.features.iter().map(|f| f.score.unwrap()).collect();
                let (relative, absolute) =
                    (number(&case["tolerance"]["relative"]), number(&case["tolerance"]["absolute"]));
                let expected = numbers(expected);
                assert!(all_close(&scores, &expected, relative, absolute), "{name}: {scores:?} {expected:?}");
            }
            if let Some(ranking) = case["expected"].get("ranking") {
                let ranking = numbers(ranking);
                let last = ranking.iter().fold(0.0, |a: f64, b| a.max(*b));
                for (f, rank) in got.features.iter().zip(ranking) {
                    // Ranked last is eliminated first.
                    let round = format!("eliminated in round {} of {}, ", last - rank + 1.0, last - 1.0);
                    assert!(f.kept || f.reason.starts_with(&round), "{name}: {f:?}, {round}");
                }
            }
        }
        assert_eq!(seen.len(), 6, "{seen:?}");
    }

    /// Weights that are given, whatever the rows are.
    struct Given(Vec<f64>);

    impl Ranker for Given {
        fn importances(&self, x: &Design, _: &[u8], _: Option<&[f64]>, _: Seed, _: &Run) -> Result<Vec<f64>> {
            Ok(self.0.iter().copied().take(x.n_features()).collect())
        }
    }

    #[test]
    fn reasons_have_the_figure_and_of_equals_the_last_goes_first() {
        let (d, y) = design(100, 7);
        let run = Run::new();
        let equal = Given(vec![1.0; 7]);
        let params = SelectParams::Rfe { keep: Keep(2.0), step: Keep(3.0) };
        let s = select(&params, &d, &y, None, Some(&equal), Seed(0), &run).unwrap();
        let reasons: Vec<&str> = s.features.iter().map(|f| f.reason.as_str()).collect();
        assert_eq!(reasons[..2], ["left after 2 rounds, weight 1"; 2]);
        assert_eq!(reasons[2..4], ["eliminated in round 2 of 2, weight 1"; 2]);
        assert_eq!(reasons[4..], ["eliminated in round 1 of 2, weight 1"; 3]);
        let all = SelectParams::Rfe { keep: Keep(70.0), step: Keep(1.0) };
        let s = select(&all, &d, &y, None, Some(&equal), Seed(0), &run).unwrap();
        assert!(s.features.iter().all(|f| f.kept && f.reason == "left after 0 rounds, weight 1"));
        let s = select(&SelectParams::Variance { threshold: 0.5 }, &d, &y, None, None, Seed(0), &run).unwrap();
        assert_eq!(s.features[3].reason, "variance 0 <= 0.5");
        let s = select(&SelectParams::Correlation { limit: 0.9 }, &d, &y, None, None, Seed(0), &run).unwrap();
        let gone = s.features.iter().find(|f| !f.kept).unwrap();
        assert!(gone.reason.starts_with("|r| = 0.99") && gone.reason.contains("> 0.9 with `"), "{}", gone.reason);
        // What a ranker of the user's own returns is checked.
        for weights in [vec![1.0; 6], vec![f64::NAN; 7], vec![-1.0; 7], vec![f64::INFINITY; 7]] {
            let e = select(&params, &d, &y, None, Some(&Given(weights)), Seed(0), &run).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Numeric);
        }
        let l1 = SelectParams::L1 { c: 1e-9 };
        let e = select(&l1, &d, &y, None, learn::ranker(&l1).as_deref(), Seed(0), &run).unwrap_err().to_string();
        assert!(e.contains("preprocess.select.c") && e.contains("raise `c`"), "{e}");
    }

    #[test]
    fn a_constant_has_no_variance_and_no_correlation() {
        let n = 5000;
        let (mut d, y) = design(n, 8);
        d.columns[3] = DesignColumn::Dense(vec![0.1; n]);
        d.columns[1] = DesignColumn::Dense(vec![1e9 + 0.1; n]);
        for w in [None, Some(&vec![0.3; n][..])] {
            assert_eq!(kept(&SelectParams::Variance { threshold: 0.0 }, &d, &y, w), ["a", "near", "c=0", "c=1", "c=2"]);
            let s = select(&SelectParams::Correlation { limit: 0.001 }, &d, &y, w, None, Seed(0), &Run::new()).unwrap();
            assert!(s.features[1].kept && s.features[3].kept);
            assert_eq!((s.features[1].score, s.features[3].score), (Some(0.0), Some(0.0)));
        }
    }

    #[test]
    fn hostile_parameters_are_refused() {
        for (text, name) in [
            (r#"{"method": "variance", "threshold": -1}"#, "threshold"),
            (r#"{"method": "correlation", "limit": 1}"#, "limit"),
            (r#"{"method": "correlation", "limit": 0}"#, "limit"),
            (r#"{"method": "mutual_information", "keep": 0}"#, "keep"),
            (r#"{"method": "mutual_information", "keep": 2.5}"#, "keep"),
            (r#"{"method": "importance", "keep": -3}"#, "keep"),
            (r#"{"method": "rfe", "step": 0}"#, "step"),
            (r#"{"method": "rfe", "keep": 1.5}"#, "keep"),
            (r#"{"method": "l1", "c": 0}"#, "c"),
        ] {
            let e = serde_json::from_str::<SelectParams>(text).unwrap().check().unwrap_err().to_string();
            assert!(e.contains(&format!("`preprocess.select.{name}`")), "{text}: {e}");
        }
        for text in [
            r#"{"method": "lasso"}"#,
            r#"{"method": "rfe", "limit": 0.5}"#,
            r#"{"method": "variance", "threshold": "low"}"#,
            r#"{"keep": 3}"#,
        ] {
            assert!(serde_json::from_str::<SelectParams>(text).is_err(), "{text}");
        }
        let usual: SelectParams = serde_json::from_str(r#"{"method": "rfe"}"#).unwrap();
        assert_eq!(usual, SelectParams::Rfe { keep: Keep(0.5), step: Keep(1.0) });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_design_keeps_something_or_is_refused(
            cells in prop::collection::vec(
                prop_oneof![Just(0.0), Just(1e200), Just(-1e308), Just(5e-324), Just(0.1), -3.0..3.0f64],
                1..40,
            ),
            codes in prop::collection::vec(prop_oneof![0u32..4, Just(u32::MAX)], 40),
            y in prop::collection::vec(0u8..2, 40),
            w in prop::option::of(prop::collection::vec(prop_oneof![Just(0.0), Just(1e-9), 0.0..5.0f64], 40)),
            lone in any::<bool>(),
        ) {
            let n = cells.len();
            let mut d = Design { n_rows: n, columns: vec![DesignColumn::Dense(cells)], names: vec!["x".into()] };
            if !lone {
                d.columns.push(DesignColumn::Indicators { codes: codes[..n].to_vec(), n_levels: 3 });
                d.names.extend(["c=0", "c=1", "c=2"].map(str::to_owned));
            }
            let w = w.as_ref().map(|w| &w[..n]);
            for params in [
                SelectParams::Variance { threshold: 0.0 },
                SelectParams::Correlation { limit: 0.5 },
                SelectParams::MutualInformation { keep: Keep(0.3) },
                SelectParams::L1 { c: 1.0 },
                SelectParams::Rfe { keep: Keep(1.0), step: Keep(0.5) },
                SelectParams::Importance { keep: Keep(2.0), by: ImportanceBy::Trees },
            ] {
                let ranker = learn::ranker(&params);
                let ranker = ranker.as_deref().map(|r| r as &dyn Ranker);
                if let Ok(s) = select(&params, &d, &y[..n], w, ranker, Seed(0), &Run::new()) {
                    prop_assert_eq!(s.features.len(), d.n_features());
                    prop_assert!(s.features.iter().any(|f| f.kept));
                    prop_assert_eq!(d.keep(&s.kept()).n_features(), s.kept().iter().filter(|k| **k).count());
                }
            }
        }
    }

    #[test]
    fn what_stays_of_a_design_is_its_block_without_the_rest() {
        let (d, _) = design(50, 5);
        let flags = [true, false, true, false, false, true, true];
        let less = d.keep(&flags);
        let (mut whole, mut part) = (Block::default(), Block::default());
        d.block(0..50, &mut whole);
        less.block(0..50, &mut part);
        let places: Vec<usize> = (0..7).filter(|&j| flags[j]).collect();
        for (i, &j) in places.iter().enumerate() {
            assert_eq!(part.column(i), whole.column(j));
            assert_eq!(less.names[i], d.names[j]);
        }
        assert_eq!(part.n_columns(), places.len());
    }
}
