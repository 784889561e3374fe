//! The pipeline: fitted steps from packed slots to a learner's features.
//!
//! Notation: a *slot* is one feature of the schema, as a number (see [`crate::schema`]); the *frame* is the slots
//! followed by one indicator column for every slot that had gaps in training; the *design* is the learner's `p`
//! features. Steps change the frame's columns in place; at the end every category column is spread into indicators.
//!
//! A row's features depend on that row alone. One row is a block of one row: the same code, hence the same bits.

use serde::{Deserialize, Serialize};

use super::{Block, Design, DesignColumn};
use crate::error::Problem;
use crate::run::Run;
use crate::schema::{Bound, Field, FieldKind, Schema};
use crate::{Error, Result};

/// What a category does with a level that training never saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnseen {
    /// Score the row: the level counts as the group of rare levels where there is one, else as no level at all.
    #[default]
    Ignore,
    /// Refuse the row.
    Error,
}

/// How numbers are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Mean 0, variance 1.
    #[default]
    Standard,
    /// As they are.
    None,
}

/// What the pipeline does, before it is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineParams {
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// A category's levels past this many, by frequency, become one group; at least 2.
    pub max_levels: usize,
    /// What to do with a level that training never saw.
    pub on_unseen: OnUnseen,
}

impl Default for PipelineParams {
    fn default() -> Self {
        PipelineParams { scaling: Scaling::Standard, max_levels: 100, on_unseen: OnUnseen::Ignore }
    }
}

impl PipelineParams {
    /// That every parameter is in its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        if self.max_levels < 2 {
            return Err(Error::param(
                "max_levels",
                self.max_levels,
                "a whole number >= 2",
                "one level is kept beside the group of the rest at least",
            ));
        }
        Ok(())
    }

    /// Fit on the given rows of a table.
    ///
    /// Every slot gets a value for a gap, also where training had none: the median of a number or day, the more
    /// frequent truth value, the most frequent level. Where training had gaps, a number gets an indicator column
    /// beside it and a category a level `(missing)` of its own. `w` are row weights: a row of weight 2 counts as two
    /// rows, a row of weight 0 as none.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]; [`Error::SchemaMismatch`] for a cell that is no value of its column;
    /// [`Error::Cancelled`].
    pub fn fit(
        &self,
        schema: &Schema,
        bound: &Bound<'_>,
        rows: &[usize],
        w: Option<&[f64]>,
        run: &Run,
    ) -> Result<(Pipeline, Design)> {
        self.check()?;
        let fields: Vec<&Field> = schema.features().collect();
        let fitted = run.map(fields.len(), |slot| {
            let mut values = vec![0.0; rows.len()];
            bound.fill_rows(slot, rows, &mut values)?;
            Ok(fit_slot(self, fields[slot], values, w))
        })?;

        let mut pipeline = Pipeline { n_slots: fields.len(), steps: Vec::new(), features: Vec::new() };
        let mut design = Design { n_rows: rows.len(), columns: Vec::new(), names: Vec::new() };
        let (mut impute, mut encode, mut scale) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, (field, slot_fit)) in fields.iter().zip(fitted).enumerate() {
            let name = &field.name;
            match slot_fit {
                SlotFit::Number { fill, missing, center, scale: s, values } => {
                    let indicator = missing.as_ref().map(|_| fields.len() + pipeline.n_indicators());
                    impute.push(ImputeColumn { column: slot, value: fill, indicator });
                    scale.push(ScaleColumn { column: slot, center, scale: s });
                    pipeline.features.push(Feature { name: name.clone(), slot, column: slot, levels: None });
                    design.names.push(name.clone());
                    design.columns.push(DesignColumn::Dense(values));
                    if let (Some(column), Some(missing)) = (indicator, missing) {
                        let name = format!("{name} is missing");
                        design.names.push(name.clone());
                        pipeline.features.push(Feature { name, slot, column, levels: None });
                        design.columns.push(DesignColumn::Dense(missing));
                    }
                }
                SlotFit::Category { column, levels, codes } => {
                    design.names.extend(levels.iter().map(|l| format!("{name}={l}")));
                    let n_levels = levels.len();
                    encode.push(EncodeColumn { column: slot, ..column });
                    pipeline.features.push(Feature { name: name.clone(), slot, column: slot, levels: Some(levels) });
                    design.columns.push(DesignColumn::Indicators { codes, n_levels });
                }
            }
        }
        if !impute.is_empty() {
            pipeline.steps.push(Step::Impute { columns: impute });
        }
        if !encode.is_empty() {
            pipeline.steps.push(Step::OneHot { columns: encode });
        }
        if self.scaling == Scaling::Standard && !scale.is_empty() {
            pipeline.steps.push(Step::Standardize { columns: scale });
        }
        Ok((pipeline, design))
    }
}

enum SlotFit {
    Number { fill: f64, missing: Option<Vec<f64>>, center: f64, scale: f64, values: Vec<f64> },
    Category { column: EncodeColumn, levels: Vec<String>, codes: Vec<u32> },
}

/// The name of the level that stands for gaps.
const MISSING_LEVEL: &str = "(missing)";
/// The name of the level that stands for rare and unseen levels.
const OTHER_LEVEL: &str = "(other)";

fn fit_slot(params: &PipelineParams, field: &Field, mut values: Vec<f64>, w: Option<&[f64]>) -> SlotFit {
    let weight = |i: usize| w.map_or(1.0, |w| w[i]);
    let any_missing = values.iter().enumerate().any(|(i, x)| x.is_nan() && weight(i) > 0.0);
    if field.kind == FieldKind::Category {
        let column = fit_levels(params, field, &values, &weight, any_missing);
        let (column, levels) = column;
        let codes = values.iter().map(|&x| column.level(x)).collect();
        return SlotFit::Category { column, levels, codes };
    }
    let fill = if field.kind == FieldKind::Bool {
        let share =
            |v: f64| -> f64 { values.iter().enumerate().map(|(i, &x)| if x == v { weight(i) } else { 0.0 }).sum() };
        f64::from(u8::from(share(1.0) > share(0.0)))
    } else {
        weighted_median(&values, &weight)
    };
    let missing = any_missing.then(|| values.iter().map(|x| f64::from(u8::from(x.is_nan()))).collect::<Vec<f64>>());
    for x in &mut values {
        if x.is_nan() {
            *x = fill;
        }
    }
    let (center, scale) = if params.scaling == Scaling::Standard { moments(&values, &weight) } else { (0.0, 1.0) };
    if params.scaling == Scaling::Standard {
        for x in &mut values {
            *x = (*x - center) / scale;
        }
    }
    SlotFit::Number { fill, missing, center, scale, values }
}

/// Levels by weight: those of positive weight, at most `max_levels`, in vocabulary order, then the groups.
fn fit_levels(
    params: &PipelineParams,
    field: &Field,
    values: &[f64],
    weight: &impl Fn(usize) -> f64,
    any_missing: bool,
) -> (EncodeColumn, Vec<String>) {
    let mut weights = vec![0.0; field.vocabulary.len()];
    for (i, &x) in values.iter().enumerate() {
        if x >= 0.0
            && let Some(total) = weights.get_mut(x as usize)
        {
            *total += weight(i);
        }
    }
    let mut seen: Vec<usize> = (0..weights.len()).filter(|&c| weights[c] > 0.0).collect();
    // Most frequent first; equal weights in vocabulary order.
    seen.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    let most_frequent = seen.first().copied();
    let grouped = if seen.len() > params.max_levels { seen.split_off(params.max_levels - 1) } else { Vec::new() };
    seen.sort_unstable();

    let mut levels: Vec<String> = seen.iter().map(|&c| field.vocabulary[c].clone()).collect();
    let none = u32::MAX;
    let mut map = vec![none; weights.len()];
    for (level, &code) in seen.iter().enumerate() {
        map[code] = level as u32;
    }
    let mut unseen = none;
    if !grouped.is_empty() {
        unseen = levels.len() as u32;
        levels.push(OTHER_LEVEL.to_owned());
        for code in grouped {
            map[code] = unseen;
        }
        // A level of the vocabulary without a row here is as unseen as any other.
        map.iter_mut().filter(|l| **l == none).for_each(|l| *l = unseen);
    }
    let missing = if any_missing {
        levels.push(MISSING_LEVEL.to_owned());
        levels.len() as u32 - 1
    } else {
        most_frequent.map_or(none, |code| map[code])
    };
    (EncodeColumn { column: 0, levels: map, unseen, missing, strict: params.on_unseen == OnUnseen::Error }, levels)
}

/// The median of the rows of positive weight, each counted by its weight: the mean of the lower and the upper
/// median; 0 without any.
fn weighted_median(values: &[f64], weight: &impl Fn(usize) -> f64) -> f64 {
    let mut sorted: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .filter(|(i, x)| !x.is_nan() && weight(*i) > 0.0)
        .map(|(i, &x)| (x, weight(i)))
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = sorted.iter().map(|(_, w)| w).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let mut lower = None;
    for &(x, w) in &sorted {
        below += w;
        if lower.is_none() && below >= half {
            lower = Some(x);
        }
        if below > half {
            return lower.map_or(x, |l| l / 2.0 + x / 2.0);
        }
    }
    lower.unwrap_or(0.0)
}

/// Weighted mean and standard deviation (population form, as scikit-learn's `StandardScaler`); a scale of 1 for a
/// constant column.
fn moments(values: &[f64], weight: &impl Fn(usize) -> f64) -> (f64, f64) {
    let (mut total, mut sum) = (0.0, 0.0);
    for (i, &x) in values.iter().enumerate() {
        total += weight(i);
        sum += weight(i) * x;
    }
    if total <= 0.0 {
        return (0.0, 1.0);
    }
    let mean = sum / total;
    let variance = values.iter().enumerate().map(|(i, &x)| weight(i) * (x - mean) * (x - mean)).sum::<f64>() / total;
    // What rounding leaves of a constant column's variance is no spread.
    let noise = 10.0 * f64::EPSILON * mean.abs().max(f64::MIN_POSITIVE);
    let sd = variance.sqrt();
    (mean, if sd > noise { sd } else { 1.0 })
}

/// Fill a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImputeColumn {
    column: usize,
    value: f64,
    /// The frame column that is 1 where there was a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    indicator: Option<usize>,
}

/// From vocabulary codes to levels of the design. `u32::MAX` is no level: every indicator 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodeColumn {
    column: usize,
    levels: Vec<u32>,
    unseen: u32,
    missing: u32,
    /// Whether a level outside the vocabulary is refused.
    #[serde(default)]
    strict: bool,
}

impl EncodeColumn {
    fn level(&self, slot: f64) -> u32 {
        if slot.is_nan() {
            self.missing
        } else if slot < 0.0 {
            self.unseen
        } else {
            self.levels.get(slot as usize).copied().unwrap_or(self.unseen)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleColumn {
    column: usize,
    center: f64,
    scale: f64,
}

/// A fitted step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// Gaps become values.
    Impute { columns: Vec<ImputeColumn> },
    /// Codes become levels.
    OneHot { columns: Vec<EncodeColumn> },
    /// `(x − center) / scale`.
    Standardize { columns: Vec<ScaleColumn> },
}

/// Where the learner's features come from: one entry a design column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    /// The schema's feature it stems from.
    slot: usize,
    /// The frame column it reads.
    column: usize,
    /// The levels it is spread into; `None` for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    levels: Option<Vec<String>>,
}

/// A fitted pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    n_slots: usize,
    steps: Vec<Step>,
    features: Vec<Feature>,
}

impl Pipeline {
    /// Slots of a packed row.
    pub fn n_slots(&self) -> usize {
        self.n_slots
    }

    fn n_indicators(&self) -> usize {
        self.features.iter().filter(|f| f.column >= self.n_slots).count()
    }

    /// `p`, the learner's features.
    pub fn n_features(&self) -> usize {
        self.features.iter().map(|f| f.levels.as_ref().map_or(1, Vec::len)).sum()
    }

    /// For each of the learner's features its name and the slot it stems from.
    pub fn feature_slots(&self) -> Vec<(String, usize)> {
        let mut out = Vec::with_capacity(self.n_features());
        for f in &self.features {
            match &f.levels {
                None => out.push((f.name.clone(), f.slot)),
                Some(levels) => out.extend(levels.iter().map(|l| (format!("{}={l}", f.name), f.slot))),
            }
        }
        out
    }

    /// Start a block of `n_rows`: a frame whose first [`Pipeline::n_slots`] columns are to be filled with slots.
    pub fn start(&self, n_rows: usize, frame: &mut Block) {
        frame.reset(self.n_slots + self.n_indicators(), n_rows);
    }

    /// From a filled frame to the learner's features.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for an unseen level under [`OnUnseen::Error`]; its row is the block's.
    pub fn apply(&self, frame: &mut Block, out: &mut Block) -> Result<()> {
        for step in &self.steps {
            match step {
                Step::Impute { columns } => {
                    for c in columns {
                        if let Some(indicator) = c.indicator {
                            for i in 0..frame.n_rows() {
                                let gap = frame.column(c.column)[i].is_nan();
                                frame.column_mut(indicator)[i] = f64::from(u8::from(gap));
                            }
                        }
                        for x in frame.column_mut(c.column) {
                            *x = if x.is_nan() { c.value } else { *x };
                        }
                    }
                }
                Step::OneHot { columns } => {
                    for c in columns {
                        if c.strict
                            && let Some(row) = frame.column(c.column).iter().position(|&x| x < 0.0)
                        {
                            return Err(self.unseen(c.column, row));
                        }
                        for x in frame.column_mut(c.column) {
                            *x = f64::from(c.level(*x));
                        }
                    }
                }
                Step::Standardize { columns } => {
                    for c in columns {
                        for x in frame.column_mut(c.column) {
                            *x = (*x - c.center) / c.scale;
                        }
                    }
                }
            }
        }
        out.reset(self.n_features(), frame.n_rows());
        let mut next = 0;
        for f in &self.features {
            match &f.levels {
                None => {
                    out.column_mut(next).copy_from_slice(frame.column(f.column));
                    next += 1;
                }
                Some(levels) => {
                    for i in 0..frame.n_rows() {
                        let level = frame.column(f.column)[i];
                        if level < levels.len() as f64 {
                            out.column_mut(next + level as usize)[i] = 1.0;
                        }
                    }
                    next += levels.len();
                }
            }
        }
        Ok(())
    }

    fn unseen(&self, column: usize, row: usize) -> Error {
        let name = self.features.iter().find(|f| f.column == column).map(|f| f.name.clone()).unwrap_or_default();
        Error::SchemaMismatch {
            problems: vec![Problem {
                column: name,
                row: Some(row),
                got: "a level that training never saw".into(),
                expected: "one of the levels seen in training".into(),
                hint: "map it to a known level, or train with on_unseen=\"ignore\" to score such rows".into(),
            }],
        }
    }

    /// That every index in the fitted data stays inside the data: what came from a file may be anything.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub fn check(&self, schema: &Schema) -> Result<()> {
        let bad = |what: &str| {
            Err(Error::artifact(
                format!("the pipeline {what}"),
                "the file is damaged or was made by hand; save it anew",
            ))
        };
        if self.n_slots != schema.features().count() {
            return bad("has another number of slots than the schema has features");
        }
        let width = self.n_slots + self.n_indicators();
        let indicators: std::collections::BTreeSet<usize> =
            self.features.iter().map(|f| f.column).filter(|c| *c >= self.n_slots).collect();
        if indicators.len() != self.n_indicators()
            || self.features.iter().any(|f| f.column >= width || f.slot >= self.n_slots)
        {
            return bad("reads a column that is not there");
        }
        for step in &self.steps {
            let inside = match step {
                Step::Impute { columns } => columns
                    .iter()
                    .all(|c| c.column < width && c.indicator.is_none_or(|i| i < width) && c.value.is_finite()),
                Step::OneHot { columns } => columns.iter().all(|c| c.column < width),
                Step::Standardize { columns } => columns
                    .iter()
                    .all(|c| c.column < width && c.center.is_finite() && c.scale.is_finite() && c.scale != 0.0),
            };
            if !inside {
                return bad("changes a column that is not there, or by a number that is not finite");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Role;
    use crate::table::{Column, Table};

    fn table() -> Table {
        Table::new(vec![
            Column::float("pay", vec![1.0, f64::NAN, 3.0, 8.0]),
            Column::strings("site", [Some("b"), Some("a"), None, Some("a")]),
            Column::bool("flag", vec![true, true, false, true]),
        ])
        .unwrap()
    }

    fn fitted(params: &PipelineParams, w: Option<&[f64]>) -> (Schema, Pipeline, Design) {
        let t = table();
        let schema = Schema::infer(&t).unwrap().role("flag", Role::Feature).unwrap();
        let bound = schema.bind(&t).unwrap();
        let (p, d) = params.fit(&schema, &bound, &[0, 1, 2, 3], w, &Run::new()).unwrap();
        (schema, p, d)
    }

    fn features(p: &Pipeline, rows: &[[f64; 3]]) -> Vec<Vec<f64>> {
        let (mut frame, mut out) = (Block::default(), Block::default());
        p.start(rows.len(), &mut frame);
        for (j, _) in rows[0].iter().enumerate() {
            for (i, r) in rows.iter().enumerate() {
                frame.column_mut(j)[i] = r[j];
            }
        }
        p.apply(&mut frame, &mut out).unwrap();
        (0..rows.len()).map(|i| (0..out.n_columns()).map(|j| out.column(j)[i]).collect()).collect()
    }

    #[test]
    fn impute_scale_and_encode_by_hand() {
        let (_, p, d) = fitted(&PipelineParams::default(), None);
        assert_eq!(d.names, ["pay", "pay is missing", "site=a", "site=b", "site=(missing)", "flag"]);
        // Median of 1, 3, 8 is 3; then mean 3.75, variance 6.6875.
        let z = |x: f64| (x - 3.75) / 6.6875_f64.sqrt();
        let rows = features(&p, &[[1.0, 1.0, 1.0], [f64::NAN, -1.0, f64::NAN], [3.0, f64::NAN, 0.0]]);
        let flag = |x: f64| (x - 0.75) / 0.1875_f64.sqrt();
        assert_eq!(rows[0], [z(1.0), 0.0, 0.0, 1.0, 0.0, flag(1.0)]);
        assert_eq!(rows[1], [z(3.0), 1.0, 0.0, 0.0, 0.0, flag(1.0)]);
        assert_eq!(rows[2], [z(3.0), 0.0, 0.0, 0.0, 1.0, flag(0.0)]);
    }

    #[test]
    fn the_design_of_training_is_the_block_of_predicting_to_the_last_bit() {
        let (_, p, d) = fitted(&PipelineParams::default(), None);
        let got = features(&p, &[[1.0, 1.0, 1.0], [f64::NAN, 0.0, 1.0], [3.0, f64::NAN, 0.0], [8.0, 0.0, 1.0]]);
        let mut block = Block::default();
        d.block(0..4, &mut block);
        for (i, row) in got.iter().enumerate() {
            for (j, x) in row.iter().enumerate() {
                assert_eq!(x.to_bits(), block.column(j)[i].to_bits());
            }
        }
    }

    #[test]
    fn weight_two_is_the_row_twice_and_weight_zero_is_no_row() {
        let (_, p, _) = fitted(&PipelineParams::default(), Some(&[2.0, 1.0, 0.0, 1.0]));
        let t = table().take(&[0, 0, 1, 3]);
        let schema = Schema::infer(&table()).unwrap().role("flag", Role::Feature).unwrap();
        let bound = schema.bind(&t).unwrap();
        let (q, _) = PipelineParams::default().fit(&schema, &bound, &[0, 1, 2, 3], None, &Run::new()).unwrap();
        assert_eq!(p, q);
    }

    #[test]
    fn rare_levels_are_grouped_and_unseen_ones_go_with_them() {
        let names: Vec<String> = (0..10).map(|i| format!("l{i}")).collect();
        let cells: Vec<Option<&String>> = (0..10).flat_map(|i| std::iter::repeat_n(Some(&names[i]), 10 - i)).collect();
        let n = cells.len();
        let t = Table::new(vec![Column::strings("c", cells)]).unwrap();
        let schema = Schema::infer(&t).unwrap();
        let bound = schema.bind(&t).unwrap();
        let params = PipelineParams { max_levels: 4, ..PipelineParams::default() };
        let (p, d) = params.fit(&schema, &bound, &(0..n).collect::<Vec<_>>(), None, &Run::new()).unwrap();
        assert_eq!(d.names, ["c=l0", "c=l1", "c=l2", "c=(other)"]);
        let (mut frame, mut out) = (Block::default(), Block::default());
        p.start(2, &mut frame);
        frame.column_mut(0).copy_from_slice(&[7.0, -1.0]);
        p.apply(&mut frame, &mut out).unwrap();
        assert_eq!(out.column(3), [1.0, 1.0]);
    }

    #[test]
    fn the_strict_mode_names_row_and_column() {
        let (_, p, _) = fitted(&PipelineParams { on_unseen: OnUnseen::Error, ..PipelineParams::default() }, None);
        let (mut frame, mut out) = (Block::default(), Block::default());
        p.start(2, &mut frame);
        frame.column_mut(1)[1] = -1.0;
        let e = p.apply(&mut frame, &mut out).unwrap_err().to_string();
        assert!(e.contains("column `site`, row 1"), "{e}");
    }

    #[test]
    fn a_fitted_pipeline_reads_back_and_hostile_ones_are_refused() {
        let (schema, p, _) = fitted(&PipelineParams::default(), None);
        let json = serde_json::to_string(&p).unwrap();
        let back: Pipeline = serde_json::from_str(&json).unwrap();
        assert_eq!(p, back);
        back.check(&schema).unwrap();
        for (from, to) in [
            ("\"n_slots\":3", "\"n_slots\":2"),
            ("\"column\":1", "\"column\":99"),
            ("\"scale\":", "\"scale\":0,\"x\":"),
        ] {
            let text = json.replacen(from, to, 1);
            assert_ne!(text, json);
            if let Ok(bad) = serde_json::from_str::<Pipeline>(&text) {
                assert!(bad.check(&schema).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn weighted_median_of_even_counts_is_the_middle() {
        let one = |_: usize| 1.0;
        assert_eq!(weighted_median(&[4.0, 1.0, 3.0, 2.0], &one), 2.5);
        assert_eq!(weighted_median(&[5.0, 1.0, 3.0], &one), 3.0);
        assert_eq!(weighted_median(&[], &one), 0.0);
    }
}
