//! Categories: from codes of the vocabulary to levels, and from levels to numbers.

use serde::{Deserialize, Serialize};

use super::params::{AutoWord, Encode, Impute, OnUnseen, Plan, Smoothing};
use crate::error::Place;
use crate::rng::Seed;
use crate::schema::Field;
use crate::split;
use crate::table::Value;
use crate::{Error, Result};

/// The name of the level that stands for gaps.
pub(super) const MISSING_LEVEL: &str = "(missing)";
/// The name of the level that stands for rare and unseen levels.
pub(super) const OTHER_LEVEL: &str = "(other)";
/// No level: every indicator 0.
pub(super) const NO_LEVEL: u32 = u32::MAX;
/// Folds of the out-of-fold rates that a learner trains on.
const TARGET_FOLDS: usize = 5;

/// From vocabulary codes to levels. [`NO_LEVEL`] is no level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelMap {
    /// The level of each code.
    pub(super) levels: Vec<u32>,
    /// The level of what is not in the vocabulary.
    pub(super) unseen: u32,
    /// The level of a gap.
    pub(super) missing: u32,
    /// Whether a level outside the vocabulary is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) strict: bool,
}

impl LevelMap {
    pub(super) fn level(&self, slot: f64) -> u32 {
        if slot.is_nan() {
            self.missing
        } else if slot < 0.0 {
            self.unseen
        } else {
            self.levels.get(slot as usize).copied().unwrap_or(self.unseen)
        }
    }

    /// That every level is one of `n_levels`, or none.
    pub(super) fn is_inside(&self, n_levels: usize) -> bool {
        let inside = |l: u32| l == NO_LEVEL || (l as usize) < n_levels;
        self.levels.iter().all(|&l| inside(l)) && inside(self.unseen) && inside(self.missing)
    }
}

/// A category fitted: its map and the names of its levels.
pub(super) struct Levels {
    pub(super) map: LevelMap,
    pub(super) names: Vec<String>,
}

/// Levels by weight: those of positive weight that are not rare, in vocabulary order (or the order given), then the
/// group of the rare ones, then that of the gaps.
pub(super) fn fit_levels(plan: &Plan, field: &Field, values: &[f64], w: Option<&[f64]>) -> Result<Levels> {
    let weight = |i: usize| w.map_or(1.0, |w| w[i]);
    let mut weights = vec![0.0; field.vocabulary.len()];
    let (mut total, mut any_missing) = (0.0, false);
    for (i, &x) in values.iter().enumerate() {
        total += weight(i);
        any_missing |= x.is_nan() && weight(i) > 0.0;
        if x >= 0.0
            && let Some(of_level) = weights.get_mut(x as usize)
        {
            *of_level += weight(i);
        }
    }
    let mut seen: Vec<usize> = (0..weights.len()).filter(|&c| weights[c] > 0.0).collect();
    // Most frequent first; equal weights in vocabulary order.
    seen.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    let most_frequent = seen.first().copied();
    let mut kept = if seen.len() > plan.max_levels { plan.max_levels - 1 } else { seen.len() };
    kept = kept.min(seen.iter().take_while(|&&c| weights[c] >= plan.min_share * total).count());
    // A group of one level is that level.
    if kept + 1 == seen.len() {
        kept = seen.len();
    }
    let grouped = seen.split_off(kept);
    seen.sort_unstable();

    if let (Encode::Ordinal, Some(order)) = (plan.encode, &plan.order) {
        return ordered(plan, field, order, &weights, most_frequent);
    }
    let mut names: Vec<String> = seen.iter().map(|&c| field.vocabulary[c].clone()).collect();
    let mut levels = vec![NO_LEVEL; weights.len()];
    for (level, &code) in seen.iter().enumerate() {
        levels[code] = level as u32;
    }
    let mut unseen = NO_LEVEL;
    if !grouped.is_empty() {
        unseen = names.len() as u32;
        names.push(OTHER_LEVEL.to_owned());
        for code in grouped {
            levels[code] = unseen;
        }
        // A level of the vocabulary without a row here is as unseen as any other.
        levels.iter_mut().filter(|l| **l == NO_LEVEL).for_each(|l| *l = unseen);
    }
    let usual = most_frequent.map_or(NO_LEVEL, |code| levels[code]);
    let missing = match &plan.impute {
        // For an ordinal number a gap is a gap: it is filled as a number's.
        _ if plan.encode == Encode::Ordinal => NO_LEVEL,
        Impute::Keep => NO_LEVEL,
        Impute::Level if any_missing => {
            names.push(MISSING_LEVEL.to_owned());
            names.len() as u32 - 1
        }
        Impute::Constant(value) => {
            let text = level_text(value);
            let code = field.vocabulary.iter().position(|l| *l == text);
            code.map(|c| levels[c]).filter(|&l| l != NO_LEVEL).ok_or_else(|| unknown_level(field, "impute", &text))?
        }
        _ => usual,
    };
    Ok(Levels { map: LevelMap { levels, unseen, missing, strict: plan.on_unseen == OnUnseen::Error }, names })
}

fn level_text(value: &Value) -> String {
    match value {
        Value::Text(t) => t.clone(),
        other => other.to_string(),
    }
}

fn unknown_level(field: &Field, param: &str, level: &str) -> Error {
    Error::param(
        format!("preprocess.columns.{}.{param}", field.name),
        format!("\"{level}\""),
        format!("a level of `{}`: {}", field.name, shown(&field.vocabulary)),
        "levels are compared as they are written, capitals included",
    )
}

fn shown(levels: &[String]) -> String {
    let more = levels.len().saturating_sub(8);
    let first = levels.iter().take(8).map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}

/// The levels in the order given, which must name every level that has a row.
fn ordered(
    plan: &Plan,
    field: &Field,
    order: &[String],
    weights: &[f64],
    most_frequent: Option<usize>,
) -> Result<Levels> {
    let place = |level: &String| order.iter().position(|l| l == level);
    let absent: Vec<String> = (0..weights.len())
        .filter(|&c| weights[c] > 0.0 && place(&field.vocabulary[c]).is_none())
        .map(|c| field.vocabulary[c].clone())
        .collect();
    if !absent.is_empty() {
        return Err(Error::param(
            format!("preprocess.columns.{}.order", field.name),
            format!("an order without {}", shown(&absent)),
            format!("every level of `{}` among the training rows", field.name),
            "add these levels to `order`, lowest first",
        ));
    }
    if most_frequent.is_some() && !order.iter().any(|l| field.vocabulary.contains(l)) {
        return Err(unknown_level(field, "order", order.first().map_or("", String::as_str)));
    }
    let level = |l: &String| place(l).map_or(NO_LEVEL, |p| p as u32);
    Ok(Levels {
        map: LevelMap {
            levels: field.vocabulary.iter().map(level).collect(),
            unseen: NO_LEVEL,
            missing: NO_LEVEL,
            strict: plan.on_unseen == OnUnseen::Error,
        },
        names: order.to_vec(),
    })
}

/// A number for each level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelValues {
    pub(super) encode: Encode,
    /// The number of each level.
    pub(super) values: Vec<f64>,
    /// The number of no level; `None`: a gap, filled as a number's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) none: Option<f64>,
}

impl LevelValues {
    pub(super) fn of(&self, level: u32) -> f64 {
        self.values.get(level as usize).copied().or(self.none).unwrap_or(f64::NAN)
    }
}

/// Rows for a fit: level of each row, labels, weights.
pub(super) struct LevelRows<'a> {
    pub(super) levels: &'a [u32],
    pub(super) n_levels: usize,
    pub(super) y: &'a [u8],
    pub(super) w: Option<&'a [f64]>,
}

impl LevelRows<'_> {
    fn weight(&self, row: usize) -> f64 {
        self.w.map_or(1.0, |w| w[row])
    }

    /// The numbers of the levels, and for the training rows the numbers to learn from.
    pub(super) fn encode(&self, field: &Field, plan: &Plan, seed: Seed) -> Result<(LevelValues, Vec<f64>)> {
        let all = |_: usize| true;
        let values = match plan.encode {
            Encode::OneHot | Encode::Native | Encode::Ordinal => {
                let values = (0..self.n_levels).map(|l| l as f64).collect();
                LevelValues { encode: Encode::Ordinal, values, none: None }
            }
            Encode::Frequency => {
                let mut shares = vec![0.0; self.n_levels];
                let mut total = 0.0;
                for (i, &l) in self.levels.iter().enumerate() {
                    total += self.weight(i);
                    if let Some(s) = shares.get_mut(l as usize) {
                        *s += self.weight(i);
                    }
                }
                let total = if total > 0.0 { total } else { 1.0 };
                shares.iter_mut().for_each(|s| *s /= total);
                LevelValues { encode: Encode::Frequency, values: shares, none: Some(0.0) }
            }
            Encode::Target => {
                let (values, prior) = self.rates(plan.smoothing, all);
                LevelValues { encode: Encode::Target, values, none: Some(prior) }
            }
        };
        let mut column: Vec<f64> = self.levels.iter().map(|&l| values.of(l)).collect();
        if plan.encode == Encode::Target {
            self.out_of_fold(field, plan.smoothing, seed, &mut column)?;
        }
        Ok((values, column))
    }

    /// Smoothed rates of positives of the levels over the rows that are looked at, and the overall rate.
    ///
    /// With `n` rows (by weight) of a level, their rate `m`, and the overall rate `p`:
    /// `(n·m + s·p) / (n + s)` for `s` rows of smoothing; for `"auto"` `λ·m + (1 − λ)·p` with
    /// `λ = n·p(1 − p) / (n·p(1 − p) + m(1 − m))`: the less a level's labels vary against all labels, the more it is
    /// believed.
    ///
    /// # Reference
    /// Micci-Barreca: A preprocessing scheme for high-cardinality categorical attributes. SIGKDD Explorations 3 (2001),
    /// <https://doi.org/10.1145/507533.507538>.
    fn rates(&self, smoothing: Smoothing, used: impl Fn(usize) -> bool) -> (Vec<f64>, f64) {
        let mut counts = vec![[0.0; 2]; self.n_levels];
        let mut all = [0.0; 2];
        for (i, &l) in self.levels.iter().enumerate().filter(|(i, _)| used(*i)) {
            let label = usize::from(self.y[i] != 0);
            all[label] += self.weight(i);
            if let Some(c) = counts.get_mut(l as usize) {
                c[label] += self.weight(i);
            }
        }
        let total = all[0] + all[1];
        let prior = if total > 0.0 { all[1] / total } else { 0.5 };
        let spread = prior * (1.0 - prior);
        let rate = |c: &[f64; 2]| {
            let n = c[0] + c[1];
            if n <= 0.0 {
                return prior;
            }
            let m = c[1] / n;
            match smoothing {
                Smoothing::Rows(s) => (c[1] + s * prior) / (n + s),
                Smoothing::Auto(AutoWord::Auto) => {
                    let within = m * (1.0 - m);
                    let denominator = n * spread + within;
                    let trust = if denominator > 0.0 { n * spread / denominator } else { 1.0 };
                    trust * m + (1.0 - trust) * prior
                }
            }
        };
        (counts.iter().map(rate).collect(), prior)
    }

    /// Rates for the training rows, each from the folds that do not hold it: a row's own label is not in its feature.
    fn out_of_fold(&self, field: &Field, smoothing: Smoothing, seed: Seed, column: &mut [f64]) -> Result<()> {
        let few = (0..2u8).map(|l| self.y.iter().filter(|&&y| y == l).count()).min().unwrap_or(0);
        if few < 2 {
            return Err(Error::data(
                Place::column(&field.name),
                "fewer than 2 training rows of one label",
                "at least 2 rows of each label, for the out-of-fold rates of a target encoding",
                "use encode=\"one_hot\" or \"frequency\" on so few rows",
            ));
        }
        for fold in
            split::stratified(self.y, TARGET_FOLDS.min(few), Seed(seed.stream("target_encoding", 0).next_u64()))?
        {
            let mut held = vec![false; self.y.len()];
            fold.test.iter().for_each(|&i| held[i] = true);
            let (values, prior) = self.rates(smoothing, |i| !held[i]);
            for &i in &fold.test {
                column[i] = values.get(self.levels[i] as usize).copied().unwrap_or(prior);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<'a>(levels: &'a [u32], y: &'a [u8], w: Option<&'a [f64]>) -> LevelRows<'a> {
        LevelRows { levels, n_levels: 3, y, w }
    }

    #[test]
    fn rates_are_those_of_scikit_learn() {
        // TargetEncoder(smooth="auto") and (smooth=2.0) of scikit-learn 1.9 on the same rows.
        let levels = [0, 0, 0, 1, 1, 1, 1, 2, 2, 0];
        let y = [1, 0, 0, 1, 1, 1, 0, 0, 0, 1];
        let (auto, prior) = rows(&levels, &y, None).rates(Smoothing::Auto(AutoWord::Auto), |_| true);
        assert_eq!(prior, 0.5);
        for (got, expected) in auto.iter().zip([0.5, 0.710_526_315_789_473_7, 0.0]) {
            assert!((got - expected).abs() < 1e-12, "{auto:?}");
        }
        let (fixed, _) = rows(&levels, &y, None).rates(Smoothing::Rows(2.0), |_| true);
        for (got, expected) in fixed.iter().zip([0.5, 4.0 / 6.0, 0.25]) {
            assert!((got - expected).abs() < 1e-12, "{fixed:?}");
        }
    }

    #[test]
    fn rates_count_weights_as_rows() {
        let (levels, y) = ([0, 0, 1, 2], [1, 0, 1, 0]);
        let w = [2.0, 1.0, 3.0, 0.0];
        let (twice_levels, twice_y) = ([0, 0, 0, 1, 1, 1], [1, 1, 0, 1, 1, 1]);
        for s in [Smoothing::Auto(AutoWord::Auto), Smoothing::Rows(1.5)] {
            assert_eq!(
                rows(&levels, &y, Some(&w)).rates(s, |_| true),
                rows(&twice_levels, &twice_y, None).rates(s, |_| true)
            );
        }
    }
}
