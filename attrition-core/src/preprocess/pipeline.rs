//! The fitted pipeline: from packed slots to a learner's features.
//!
//! Notation: a *slot* is one feature of the schema, as a number (see [`crate::schema`]); the *frame* is the slots
//! followed by the derived columns; a *chain* turns one column of the frame into features; the *design* is the
//! learner's `p` features: those of all chains, in order, but for those that selection dropped.
//!
//! A row's features depend on that row alone. One row is a block of one row: the same code, hence the same bits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::encode::{LevelMap, LevelValues, NO_LEVEL};
use super::expr::{BoundExpr, DerivedKind};
use super::number::NumberStep;
use super::select::Selection;
use super::{Block, Expr, PipelineParams};
use crate::error::Problem;
use crate::num::spline::BSpline;
use crate::schema::Schema;
use crate::{Error, Result};

/// Most basis functions of a spline: 64 knots of degree 5.
const MAX_BASIS: usize = 72;

/// A column computed from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Derived {
    pub(super) name: String,
    pub(super) expression: Expr,
    /// Deciles among the training rows, where it is a number: what it is shown by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deciles: Vec<f64>,
}

/// What becomes of one column of the frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    pub(super) name: String,
    /// The column of the frame.
    pub(super) input: usize,
    /// For a category: its levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) levels: Option<LevelMap>,
    pub(super) output: Output,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Output {
    /// One 0/1 feature a level.
    OneHot { names: Vec<String> },
    /// The level's place among these, NaN for none.
    Level { names: Vec<String> },
    /// The number as it is, gaps too.
    Keep,
    /// A number, or a spline basis of it.
    Number {
        /// From levels to numbers, for an encoded category.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<LevelValues>,
        /// What stands for a gap.
        fill: f64,
        /// Whether a feature that is 1 at a gap follows.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        steps: Vec<NumberStep>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spline: Option<BSpline>,
    },
}

impl Chain {
    /// Names of its features.
    pub(super) fn feature_names(&self) -> Vec<String> {
        let name = &self.name;
        match &self.output {
            Output::OneHot { names } => names.iter().map(|l| format!("{name}={l}")).collect(),
            Output::Level { .. } | Output::Keep => vec![name.clone()],
            Output::Number { indicator, spline, .. } => {
                let mut names = match spline {
                    None => vec![name.clone()],
                    Some(spline) => (1..=spline.n_basis()).map(|i| format!("{name} spline {i}")).collect(),
                };
                if *indicator {
                    names.push(format!("{name} is missing"));
                }
                names
            }
        }
    }

    fn n_features(&self) -> usize {
        match &self.output {
            Output::OneHot { names } => names.len(),
            Output::Level { .. } | Output::Keep => 1,
            Output::Number { indicator, spline, .. } => {
                spline.as_ref().map_or(1, BSpline::n_basis) + usize::from(*indicator)
            }
        }
    }

    /// In words, step by step.
    fn steps(&self) -> Vec<String> {
        let mut out = Vec::new();
        match &self.output {
            Output::OneHot { names } => out.push(format!("one_hot: {} features", names.len())),
            Output::Level { names } => out.push(format!("native: {} levels", names.len())),
            Output::Keep => out.push("as it is".to_owned()),
            Output::Number { values, fill, indicator, steps, spline } => {
                if let Some(v) = values {
                    out.push(format!("{}: {} levels", v.encode.name(), v.values.len()));
                }
                out.push(format!("impute {}{}", short(*fill), if *indicator { " and a feature for gaps" } else { "" }));
                out.extend(steps.iter().map(|s| match s {
                    NumberStep::Clip { low, high } => format!("clip to {} … {}", short(*low), short(*high)),
                    NumberStep::BoxCox { lambda, .. } | NumberStep::YeoJohnson { lambda } => {
                        format!("{} with lambda {}", s.name(), short(*lambda))
                    }
                    NumberStep::Scale { center, scale } => format!("(x − {}) / {}", short(*center), short(*scale)),
                    NumberStep::Log1p { .. } | NumberStep::QuantileNormal { .. } => s.name().to_owned(),
                }));
                out.extend(spline.as_ref().map(|s| format!("spline: {} features", s.n_basis())));
            }
        }
        if self.levels.as_ref().is_some_and(|l| l.strict) {
            out.push("an unseen level is an error".to_owned());
        }
        out
    }
}

/// A number to six significant digits.
pub(super) fn short(x: f64) -> String {
    let text = format!("{x:.5e}");
    text.parse::<f64>().map_or(text, |v| v.to_string())
}

/// What binding to the schema adds; follows from the rest.
#[derive(Debug, Clone, Default)]
struct Ready {
    programs: Vec<BoundExpr>,
    /// The design feature of each chain feature; [`DROPPED`] for those that selection dropped.
    places: Vec<u32>,
    n_features: usize,
}

impl PartialEq for Ready {
    fn eq(&self, _: &Ready) -> bool {
        true
    }
}

const DROPPED: u32 = u32::MAX;

/// A fitted pipeline.
///
/// Printed, it is a table: one line a column, with what is done to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    n_slots: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    derived: Vec<Derived>,
    columns: Vec<Chain>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selection: Option<Selection>,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    params: PipelineParams,
    #[serde(skip)]
    ready: Ready,
}

fn is_default(params: &PipelineParams) -> bool {
    *params == PipelineParams::default()
}

/// One column of [`Pipeline::table`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PipelineColumn {
    /// The column.
    pub column: String,
    /// The expression, for a derived one.
    pub expression: Option<String>,
    /// What is done to it, in order.
    pub steps: Vec<String>,
    /// Its features that the learner sees, by name.
    pub features: Vec<String>,
}

/// A fitted pipeline as plain facts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PipelineFacts {
    /// What is done to each column, in order.
    pub columns: Vec<PipelineColumn>,
    /// Where each of the learner's features comes from, in feature order.
    pub features: Vec<FeatureSource>,
    /// What selection kept and dropped, and why.
    pub selection: Option<Selection>,
    /// The parameters it was fitted by.
    pub params: PipelineParams,
}

/// Where a feature comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeatureSource {
    /// The learner's feature.
    pub feature: String,
    /// The column it is made of; a derived one by its name.
    pub column: String,
    /// The table's columns it depends on.
    pub sources: Vec<String>,
}

impl Pipeline {
    /// From fitted parts, bound to their schema.
    pub(super) fn new(
        schema: &Schema,
        derived: Vec<Derived>,
        columns: Vec<Chain>,
        selection: Option<Selection>,
        params: PipelineParams,
    ) -> Result<Pipeline> {
        let n_slots = schema.features().count();
        Pipeline { n_slots, derived, columns, selection, params, ready: Ready::default() }.bind(schema)
    }

    /// Slots of a packed row.
    pub fn n_slots(&self) -> usize {
        self.n_slots
    }
    /// `p`, the learner's features.
    pub fn n_features(&self) -> usize {
        self.ready.n_features
    }
    /// The parameters it was fitted by, built-in expressions written out.
    pub fn params(&self) -> &PipelineParams {
        &self.params
    }
    /// What selection kept and dropped, and why; `None` where there was none.
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// Names and deciles of the derived columns; empty deciles for those that are no numbers. They follow the slots in
    /// the frame.
    pub(crate) fn derived(&self) -> impl Iterator<Item = (&str, &DerivedKind, &[f64])> {
        let kinds = self.ready.programs.iter().map(BoundExpr::kind);
        self.derived.iter().zip(kinds).map(|(d, kind)| (d.name.as_str(), kind, d.deciles.as_slice()))
    }

    /// For each of the learner's features its name and the column of the frame it stems from.
    pub(crate) fn feature_inputs(&self) -> Vec<(String, usize)> {
        let names = self.columns.iter().flat_map(|c| c.feature_names().into_iter().map(|n| (n, c.input)));
        names.zip(&self.ready.places).filter(|(_, p)| **p != DROPPED).map(|(f, _)| f).collect()
    }

    /// Every feature of the learner with the columns it comes from, in feature order.
    pub fn features(&self, schema: &Schema) -> Vec<FeatureSource> {
        let slots: Vec<&str> = schema.features().map(|f| f.name.as_str()).collect();
        self.feature_inputs()
            .into_iter()
            .map(|(feature, input)| match input.checked_sub(self.n_slots).and_then(|d| self.derived.get(d)) {
                None => {
                    let column = slots.get(input).copied().unwrap_or_default().to_owned();
                    FeatureSource { feature, sources: vec![column.clone()], column }
                }
                Some(d) => FeatureSource {
                    feature,
                    column: d.name.clone(),
                    sources: d.expression.columns().into_iter().map(str::to_owned).collect(),
                },
            })
            .collect()
    }

    /// All of it as plain facts.
    pub fn facts(&self, schema: &Schema) -> PipelineFacts {
        PipelineFacts {
            columns: self.table(),
            features: self.features(schema),
            selection: self.selection.clone(),
            params: self.params.clone(),
        }
    }

    /// The pipeline as a table: one entry a column, in order; a column that is dropped has none.
    pub fn table(&self) -> Vec<PipelineColumn> {
        let mut places = self.ready.places.iter();
        self.columns
            .iter()
            .map(|c| PipelineColumn {
                column: c.name.clone(),
                expression: c
                    .input
                    .checked_sub(self.n_slots)
                    .and_then(|d| self.derived.get(d))
                    .map(|d| d.expression.text().to_owned()),
                steps: c.steps(),
                features: c
                    .feature_names()
                    .into_iter()
                    .zip(places.by_ref().take(c.n_features()))
                    .filter(|(_, p)| **p != DROPPED)
                    .map(|(n, _)| n)
                    .collect(),
            })
            .collect()
    }

    /// Start a block of `n_rows`: a frame whose first [`Pipeline::n_slots`] columns are to be filled with slots.
    pub fn start(&self, n_rows: usize, frame: &mut Block) {
        frame.reset(self.n_slots + self.derived.len(), n_rows);
    }

    /// From a frame filled with slots to the learner's features.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for an unseen level under [`super::OnUnseen::Error`]; its row is the block's.
    pub fn apply(&self, frame: &mut Block, out: &mut Block) -> Result<()> {
        self.derive(frame);
        self.apply_columns(frame, out)
    }

    /// Fill the derived columns of the frame.
    fn derive(&self, frame: &mut Block) {
        for (i, program) in self.ready.programs.iter().enumerate() {
            frame.set_column(self.n_slots + i, |slots, column| program.eval(slots, column));
        }
    }

    /// [`Pipeline::apply`] to a frame whose derived columns are filled too.
    pub(crate) fn apply_columns(&self, frame: &mut Block, out: &mut Block) -> Result<()> {
        out.reset(self.n_features(), frame.n_rows());
        let mut rest = self.ready.places.as_slice();
        for chain in &self.columns {
            let Some((places, others)) = rest.split_at_checked(chain.n_features()) else { break };
            rest = others;
            self.apply_chain(chain, places, frame, out)?;
        }
        Ok(())
    }

    fn apply_chain(&self, chain: &Chain, places: &[u32], frame: &mut Block, out: &mut Block) -> Result<()> {
        let x = frame.column_mut(chain.input);
        if let Some(levels) = &chain.levels {
            if levels.strict
                && let Some(row) = x.iter().position(|&x| x < 0.0)
            {
                return Err(unseen(&chain.name, row));
            }
            if let Output::OneHot { .. } = &chain.output {
                for (i, &slot) in x.iter().enumerate() {
                    let level = levels.level(slot);
                    if level != NO_LEVEL
                        && let Some(&place) = places.get(level as usize)
                        && place != DROPPED
                    {
                        out.column_mut(place as usize)[i] = 1.0;
                    }
                }
                return Ok(());
            }
            if let Output::Level { .. } = &chain.output {
                if let Some(&place) = places.first()
                    && place != DROPPED
                {
                    for (o, &slot) in out.column_mut(place as usize).iter_mut().zip(&*x) {
                        let level = levels.level(slot);
                        *o = if level == NO_LEVEL { f64::NAN } else { f64::from(level) };
                    }
                }
                return Ok(());
            }
        }
        if let (Output::Keep, Some(&place)) = (&chain.output, places.first()) {
            if place != DROPPED {
                out.column_mut(place as usize).copy_from_slice(x);
            }
            return Ok(());
        }
        let Output::Number { values, fill, indicator, steps, spline } = &chain.output else { return Ok(()) };
        if let (Some(levels), Some(values)) = (&chain.levels, values) {
            for x in x.iter_mut() {
                *x = values.of(levels.level(*x));
            }
        }
        if let (true, Some(&place)) = (indicator, places.last())
            && place != DROPPED
        {
            for (o, x) in out.column_mut(place as usize).iter_mut().zip(&*x) {
                *o = f64::from(u8::from(x.is_nan()));
            }
        }
        for x in x.iter_mut() {
            *x = if x.is_nan() { *fill } else { *x };
        }
        steps.iter().for_each(|s| s.apply(x));
        match spline {
            None => {
                if let Some(&place) = places.first()
                    && place != DROPPED
                {
                    out.column_mut(place as usize).copy_from_slice(x);
                }
            }
            Some(spline) => {
                let mut basis = [0.0; MAX_BASIS];
                let basis = &mut basis[..spline.n_basis().min(MAX_BASIS)];
                for (i, &x) in x.iter().enumerate() {
                    spline.basis(x, basis);
                    for (&b, &place) in basis.iter().zip(places) {
                        if place != DROPPED {
                            out.column_mut(place as usize)[i] = b;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The derived columns of one packed row that could not be computed although their inputs are there: name, and what
    /// failed.
    pub(crate) fn not_computable(&self, row: &[f64]) -> Vec<(&str, String)> {
        if self.derived.is_empty() {
            return Vec::new();
        }
        let mut slots = Block::default();
        slots.reset(self.n_slots, 1);
        for (slot, &x) in row.iter().enumerate().take(self.n_slots) {
            slots.column_mut(slot)[0] = x;
        }
        let failures = self.ready.programs.iter().map(|p| p.first_failure(&slots));
        self.derived.iter().zip(failures).filter_map(|(d, f)| Some((d.name.as_str(), f?.what.to_string()))).collect()
    }

    /// Bound to the schema whose slots it reads, after every index and number was looked at: what came from a file may
    /// be anything.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub(crate) fn bind(mut self, schema: &Schema) -> Result<Pipeline> {
        let bad = |what: String| {
            Err(Error::artifact(
                format!("the pipeline {what}"),
                "the file is damaged or was made by hand; save it anew",
            ))
        };
        if self.n_slots != schema.features().count() {
            return bad("has another number of slots than the schema has features".into());
        }
        let mut programs = Vec::with_capacity(self.derived.len());
        for d in &self.derived {
            match d.expression.bind(&d.name, schema) {
                Ok(program) => programs.push(program),
                Err(e) => return bad(format!("derives a column that it cannot: {e}")),
            }
            if d.deciles.iter().any(|x| !x.is_finite()) {
                return bad(format!("shows `{}` by a number that is not finite", d.name));
            }
        }
        let mut inputs = std::collections::BTreeSet::new();
        for c in &self.columns {
            if c.input >= self.n_slots + self.derived.len() || !inputs.insert(c.input) {
                return bad(format!("reads a column for `{}` that is not there, or is read already", c.name));
            }
            let problem = match (&c.levels, &c.output) {
                (None, Output::OneHot { .. } | Output::Level { .. }) => {
                    Some("has indicators without levels".to_owned())
                }
                (Some(_), Output::Keep) => Some("has levels without numbers".to_owned()),
                (None, Output::Keep) => None,
                (Some(levels), Output::OneHot { names } | Output::Level { names }) => {
                    (!levels.is_inside(names.len())).then(|| "has a level that is not there".to_owned())
                }
                (levels, Output::Number { values, fill, steps, spline, .. }) => {
                    let finite = fill.is_finite()
                        && values.as_ref().is_none_or(|v| {
                            v.values.iter().all(|x| x.is_finite()) && v.none.is_none_or(f64::is_finite)
                        });
                    if !finite {
                        Some("has a number that is not finite".to_owned())
                    } else if levels.is_some() != values.is_some() {
                        Some("has levels without numbers, or numbers without levels".to_owned())
                    } else if let (Some(l), Some(v)) = (levels, values)
                        && !l.is_inside(v.values.len())
                    {
                        Some("has a level that is not there".to_owned())
                    } else {
                        let steps = steps.iter().find_map(|s| s.check().err());
                        steps.or_else(|| {
                            let spline = spline.as_ref()?;
                            (spline.n_basis() > MAX_BASIS).then(|| "has too wide a spline".to_owned())
                        })
                    }
                }
            };
            if let Some(problem) = problem {
                return bad(format!("for `{}` {problem}", c.name));
            }
        }
        let n_all: usize = self.columns.iter().map(Chain::n_features).sum();
        let mut places: Vec<u32> = (0..n_all as u32).collect();
        let mut n_features = n_all;
        if let Some(selection) = &self.selection {
            let kept = selection.kept();
            if kept.len() != n_all {
                return bad("selects from another number of features than it has".into());
            }
            let mut next = 0;
            for (place, kept) in places.iter_mut().zip(kept) {
                *place = if kept { next } else { DROPPED };
                next += u32::from(kept);
            }
            n_features = next as usize;
        }
        self.ready = Ready { programs, places, n_features };
        Ok(self)
    }
}

fn unseen(column: &str, row: usize) -> Error {
    Error::SchemaMismatch {
        problems: vec![Problem {
            column: column.to_owned(),
            row: Some(row),
            got: "a level that training never saw".into(),
            expected: "one of the levels seen in training".into(),
            hint: "map it to a known level, or train with on_unseen=\"ignore\" to score such rows".into(),
        }],
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table();
        let width = table.iter().map(|c| c.column.chars().count()).max().unwrap_or(0);
        for c in &table {
            let derived = c.expression.as_ref().map(|e| format!("= {e}; ")).unwrap_or_default();
            let dropped = match (c.features.len(), self.selection.is_some()) {
                (0, true) => "; no feature of it was selected".to_owned(),
                (n, true) => format!("; {n} selected"),
                _ => String::new(),
            };
            writeln!(f, "{:width$}  {derived}{}{dropped}", c.column, c.steps.join(", "))?;
        }
        Ok(())
    }
}
