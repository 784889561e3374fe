//! Fitting a pipeline on the rows it may see.

use super::encode::{LevelRows, LevelValues, NO_LEVEL, fit_levels};
use super::expr::{BoundExpr, DerivedKind};
use super::number::{NumberStep, fit_clip, fit_scaling, fit_transform};
use super::params::{Encode, Impute, Plan};
use super::pipeline::{Chain, Derived, Output};
use super::resample::{SlotColumn, resample};
use super::select::{Ranker, select};
use super::{Block, Design, DesignColumn, Form, Pipeline, PipelineParams};
use crate::error::{Place, nearest};
use crate::num::float;
use crate::num::quantile::{Sorted, median};
use crate::num::spline::{BSpline, Extrapolation};
use crate::run::{CHUNK_ROWS, Run};
use crate::schema::{Bound, Field, FieldKind, Role, Schema};
use crate::{Error, Result, Seed};

/// The rows to fit on, and what goes with them.
#[derive(Clone, Copy)]
pub struct FitRows<'a> {
    /// The schema whose features are the slots.
    pub schema: &'a Schema,
    /// The table.
    pub bound: &'a Bound<'a>,
    /// The rows of the table that may be looked at, `n` of them.
    pub rows: &'a [usize],
    /// Their labels, 0 or 1; `n`.
    pub y: &'a [u8],
    /// Their weights: 2 is the row twice, 0 is no row; `n`.
    pub w: Option<&'a [f64]>,
    /// For out-of-fold encodings and resampling.
    pub seed: Seed,
    /// Ranks features for the selections that need a learner.
    pub ranker: Option<&'a dyn Ranker>,
    /// What features the learner wants.
    pub form: Form,
}

impl std::fmt::Debug for FitRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FitRows({} rows)", self.rows.len())
    }
}

/// A fitted pipeline, and what a learner is to be fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Features of the rows to learn from; more or fewer than were given where rows were resampled.
    pub design: Design,
    /// Their labels.
    pub y: Vec<u8>,
    /// Their weights.
    pub w: Option<Vec<f64>>,
    /// By how much resampling raised the log-odds of a positive label; 0 without resampling. A learner's log-odds less
    /// this are those of the rows as they were.
    pub prior_shift: f64,
}

/// One column of the frame on its way through the fit.
struct Fitted<T> {
    chain: Chain,
    columns: T,
    deciles: Vec<f64>,
}

/// All chains fitted, and what was made of their columns.
struct FittedChains<T> {
    derived: Vec<Derived>,
    chains: Vec<Chain>,
    columns: Vec<T>,
}

impl PipelineParams {
    /// Fit on the given rows of a table.
    ///
    /// Every column gets a value for a gap, also where training had none. Where training had gaps, a number gets an
    /// indicator feature beside it and a category a level `(missing)` of its own.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]; [`Error::InvalidData`] for values that a step cannot take (a Box-Cox transform of a negative
    /// number, a division by zero in an expression), with row and column; [`Error::SchemaMismatch`] for a cell that is no
    /// value of its column; [`Error::Cancelled`].
    pub fn fit(&self, data: FitRows<'_>, run: &Run) -> Result<Prepared> {
        let FittedChains { derived, chains, columns } = self.fit_chains(&data, run, &Ok)?;
        let mut design = Design {
            n_rows: data.rows.len(),
            columns: columns.into_iter().flatten().collect(),
            names: chains.iter().flat_map(Chain::feature_names).collect(),
        };
        let selection = match &self.select {
            None => None,
            Some(params) => {
                let selection = select(params, &design, data.y, data.w, data.ranker, data.seed, run)?;
                design = design.keep(&selection.kept());
                Some(selection)
            }
        };
        let pipeline = Pipeline::new(data.schema, derived, chains, selection, self.clone())?;
        let whole = Prepared { pipeline, design, y: data.y.to_vec(), w: data.w.map(<[f64]>::to_vec), prior_shift: 0.0 };
        if self.resample.is_some() { self.resampled(whole, &data, run) } else { Ok(whole) }
    }

    /// Whether [`PipelineParams::fit_each`] may stand for [`PipelineParams::fit`]: nothing looks at all features, or adds
    /// rows.
    pub(crate) fn is_columnwise(&self) -> bool {
        self.select.is_none() && self.resample.is_none()
    }

    /// [`PipelineParams::fit`] without ever holding the whole design: `take` is given the design columns of one input
    /// column, on any thread, and what it makes of them comes back in the order of the features.
    ///
    /// # Errors
    /// As [`PipelineParams::fit`]; those of `take`; [`Error::Internal`] unless [`PipelineParams::is_columnwise`].
    pub(crate) fn fit_each<T: Send>(
        &self,
        data: &FitRows<'_>,
        run: &Run,
        take: &(impl Fn(Vec<DesignColumn>) -> Result<T> + Sync),
    ) -> Result<(Pipeline, Vec<T>)> {
        if !self.is_columnwise() {
            return Err(Error::Internal("a selection or resampling looks at the whole design".into()));
        }
        let FittedChains { derived, chains, columns } = self.fit_chains(data, run, take)?;
        Ok((Pipeline::new(data.schema, derived, chains, None, self.clone())?, columns))
    }

    fn fit_chains<T: Send>(
        &self,
        data: &FitRows<'_>,
        run: &Run,
        take: &(impl Fn(Vec<DesignColumn>) -> Result<T> + Sync),
    ) -> Result<FittedChains<T>> {
        self.check()?;
        let mut fields: Vec<Field> = data.schema.features().cloned().collect();
        let n_slots = fields.len();
        let programs = self.programs(data.schema)?;
        fields.extend(programs.iter().map(|(name, _, program)| derived_field(name, program)));
        self.check_columns(&fields)?;
        let derived_values = derive(&programs, data, run)?;

        let fitted = run.map(fields.len(), |input| {
            let field = &fields[input];
            let Some(plan) = self.plan(field, data.form)? else { return Ok(None) };
            let values = match input.checked_sub(n_slots) {
                Some(d) => derived_values[d].clone(),
                None => {
                    let mut values = vec![0.0; data.rows.len()];
                    data.bound.fill_rows(input, data.rows, &mut values)?;
                    values
                }
            };
            let deciles = if input >= n_slots && field.kind == FieldKind::Number {
                Sorted::new(&values, data.w).quantiles(&std::array::from_fn::<f64, 11, _>(|i| i as f64 / 10.0))
            } else {
                Vec::new()
            };
            let (chain, columns) =
                fit_column(input, field, &plan, values, data).map_err(|e| at_table_row(e, data.rows))?;
            let columns = take(columns)?;
            Ok(Some(Fitted { chain, columns, deciles: deciles.into_iter().filter(|x| x.is_finite()).collect() }))
        })?;

        let mut derived: Vec<Derived> = programs
            .iter()
            .map(|(name, expression, _)| Derived {
                name: (*name).to_owned(),
                expression: (*expression).clone(),
                deciles: Vec::new(),
            })
            .collect();
        let (mut chains, mut all) = (Vec::new(), Vec::new());
        for Fitted { chain, columns, deciles } in fitted.into_iter().flatten() {
            if let Some(d) = chain.input.checked_sub(n_slots).and_then(|d| derived.get_mut(d)) {
                d.deciles = deciles;
            }
            chains.push(chain);
            all.push(columns);
        }
        if chains.iter().all(|c| c.feature_names().is_empty()) {
            return Err(Error::param(
                "preprocess",
                "every column dropped",
                "at least one feature",
                "remove a `drop` from `preprocess.columns`",
            ));
        }
        Ok(FittedChains { derived, chains, columns: all })
    }

    fn programs<'p>(&'p self, schema: &Schema) -> Result<Vec<(&'p str, &'p super::Expr, BoundExpr)>> {
        self.derive
            .iter()
            .map(|(name, expression)| {
                if schema.get(name).is_some() {
                    return Err(Error::param(
                        format!("preprocess.derive.{name}"),
                        "the name of a column of the table",
                        "a new name",
                        "rename the derived feature",
                    ));
                }
                Ok((name.as_str(), expression, expression.bind(name, schema)?))
            })
            .collect()
    }

    /// That settings by column are of columns that are there.
    fn check_columns(&self, fields: &[Field]) -> Result<()> {
        let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
        match self.columns.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::param(
                format!("preprocess.columns.{name}"),
                "no feature of this name",
                "a feature, or a derived one",
                nearest(name, &names),
            )),
        }
    }

    /// Settings by column that the training rows cannot bear.
    ///
    /// # Errors
    /// [`Error::InvalidData`] for a category that was given settings of its own and has one level, or a level a row.
    pub(crate) fn review(&self, schema: &Schema, n_rows: usize) -> Result<()> {
        for field in schema.with_role(Role::Feature).filter(|f| f.kind == FieldKind::Category) {
            let Some(own) = self.columns.get(&field.name) else { continue };
            if own.drop == Some(true) {
                continue;
            }
            let (got, hint) = match field.vocabulary.len() {
                1 => ("one level in all training rows", "it tells nothing: drop it"),
                n if n == n_rows && n > 2 => {
                    ("another level in every training row", "it names the rows: make it the `id`, or drop it")
                }
                _ => continue,
            };
            return Err(Error::data(Place::column(&field.name), got, "levels that recur", hint));
        }
        Ok(())
    }

    fn resampled(&self, whole: Prepared, data: &FitRows<'_>, run: &Run) -> Result<Prepared> {
        let Some(params) = &self.resample else { return Ok(whole) };
        let fields: Vec<&Field> = data.schema.features().collect();
        let slots = run.map(fields.len(), |slot| {
            let mut values = vec![0.0; data.rows.len()];
            data.bound.fill_rows(slot, data.rows, &mut values)?;
            Ok(values)
        })?;
        let columns: Vec<SlotColumn<'_>> = fields
            .iter()
            .zip(&slots)
            .map(|(f, values)| SlotColumn { nominal: matches!(f.kind, FieldKind::Category | FieldKind::Bool), values })
            .collect();
        let new = resample(params, &columns, data.y, data.w, data.seed, run)?;
        let pipeline = whole.pipeline;
        let mut design = whole.design.take(&new.rows);
        let mut y: Vec<u8> = new.rows.iter().map(|&i| data.y[i]).collect();
        let mut w: Option<Vec<f64>> = data.w.map(|w| new.rows.iter().map(|&i| w[i]).collect());
        let (mut frame, mut block) = (Block::default(), Block::default());
        for start in (0..new.n_synthetic).step_by(CHUNK_ROWS) {
            run.check()?;
            let rows = start..(start + CHUNK_ROWS).min(new.n_synthetic);
            pipeline.start(rows.len(), &mut frame);
            for (slot, values) in new.synthetic.iter().enumerate() {
                frame.column_mut(slot).copy_from_slice(&values[rows.clone()]);
            }
            pipeline.apply(&mut frame, &mut block)?;
            design.extend(&block);
        }
        y.extend(std::iter::repeat_n(new.synthetic_label, new.n_synthetic));
        if let Some(w) = &mut w {
            w.extend(std::iter::repeat_n(new.synthetic_weight, new.n_synthetic));
        }
        let prior_shift = log_odds(&y, w.as_deref()) - log_odds(data.y, data.w);
        let prior_shift = if prior_shift.is_finite() { prior_shift } else { 0.0 };
        Ok(Prepared { pipeline, design, y, w, prior_shift })
    }
}

/// Log-odds of a positive label, by weight.
pub(crate) fn log_odds(y: &[u8], w: Option<&[f64]>) -> f64 {
    let mut weights = [0.0; 2];
    for (i, &label) in y.iter().enumerate() {
        weights[usize::from(label != 0)] += w.map_or(1.0, |w| w[i]);
    }
    float::ln(weights[1] / weights[0])
}

/// A row of the rows that were given becomes the table's.
fn at_table_row(e: Error, rows: &[usize]) -> Error {
    match e {
        Error::InvalidData { mut place, got, expected, hint } => {
            place.row = place.row.map(|i| rows.get(i).copied().unwrap_or(i));
            Error::InvalidData { place, got, expected, hint }
        }
        other => other,
    }
}

/// A derived column as a field.
fn derived_field(name: &str, program: &BoundExpr) -> Field {
    let (kind, vocabulary) = match program.kind() {
        DerivedKind::Number => (FieldKind::Number, Vec::new()),
        DerivedKind::Bool => (FieldKind::Bool, Vec::new()),
        DerivedKind::Category { labels } => (FieldKind::Category, labels.clone()),
    };
    Field {
        name: name.to_owned(),
        kind,
        is_integer: false,
        role: Role::Feature,
        vocabulary,
        range: None,
        notes: Vec::new(),
    }
}

/// The derived columns of the rows.
fn derive(programs: &[(&str, &super::Expr, BoundExpr)], data: &FitRows<'_>, run: &Run) -> Result<Vec<Vec<f64>>> {
    if programs.is_empty() {
        return Ok(Vec::new());
    }
    let n_slots = data.bound.n_slots();
    run.map(programs.len(), |i| {
        let (name, expression, program) = &programs[i];
        let mut out = vec![0.0; data.rows.len()];
        let mut slots = Block::default();
        for (chunk, out) in out.chunks_mut(CHUNK_ROWS).enumerate() {
            let first = chunk * CHUNK_ROWS;
            let rows = &data.rows[first..first + out.len()];
            slots.reset(n_slots, rows.len());
            for &slot in program.slots() {
                data.bound.fill_rows(slot, rows, slots.column_mut(slot))?;
            }
            program.eval(&slots, out);
            if out.iter().any(|x| x.is_nan())
                && let Some(failure) = program.first_failure(&slots)
            {
                let row = rows.get(failure.row).copied();
                return Err(failure.into_error(name, expression, row));
            }
        }
        Ok(out)
    })
}

fn fit_column(
    input: usize,
    field: &Field,
    plan: &Plan,
    mut values: Vec<f64>,
    data: &FitRows<'_>,
) -> Result<(Chain, Vec<DesignColumn>)> {
    let name = field.name.clone();
    if field.kind != FieldKind::Category && plan.impute == Impute::Keep {
        let columns = vec![DesignColumn::Dense(values)];
        return Ok((Chain { name, input, levels: None, output: Output::Keep }, columns));
    }
    if field.kind != FieldKind::Category {
        let (output, columns) = fit_number(&name, plan, values, None, data.w)?;
        return Ok((Chain { name, input, levels: None, output }, columns));
    }
    let mut fitted = fit_levels(plan, field, &values, data.w)?;
    if plan.encode == Encode::Native {
        let codes = values.iter().map(|&x| fitted.map.level(x)).collect();
        let columns = vec![DesignColumn::Levels { codes, n_levels: fitted.names.len() }];
        return Ok((
            Chain { name, input, levels: Some(fitted.map), output: Output::Level { names: fitted.names } },
            columns,
        ));
    }
    if plan.encode == Encode::OneHot {
        if plan.drop_first && !fitted.names.is_empty() {
            fitted.names.remove(0);
            let map = &mut fitted.map;
            for level in map.levels.iter_mut().chain([&mut map.unseen, &mut map.missing]) {
                // The first level becomes none, and stays told from NO_LEVEL by nothing: both are all zeros.
                *level = if *level == NO_LEVEL { NO_LEVEL } else { level.checked_sub(1).unwrap_or(NO_LEVEL) };
            }
        }
        let codes = values.iter().map(|&x| fitted.map.level(x)).collect();
        let columns = vec![DesignColumn::Indicators { codes, n_levels: fitted.names.len() }];
        let output = Output::OneHot { names: fitted.names };
        return Ok((Chain { name, input, levels: Some(fitted.map), output }, columns));
    }
    let levels: Vec<u32> = values.iter().map(|&x| fitted.map.level(x)).collect();
    let rows = LevelRows { levels: &levels, n_levels: fitted.names.len(), y: data.y, w: data.w };
    let numbers: LevelValues;
    (numbers, values) = rows.encode(field, plan, data.seed)?;
    let (output, columns) = fit_number(&name, plan, values, Some(numbers), data.w)?;
    Ok((Chain { name, input, levels: Some(fitted.map), output }, columns))
}

fn fit_number(
    name: &str,
    plan: &Plan,
    mut values: Vec<f64>,
    numbers: Option<LevelValues>,
    w: Option<&[f64]>,
) -> Result<(Output, Vec<DesignColumn>)> {
    let counts = |i: usize| w.is_none_or(|w| w[i] > 0.0);
    let indicator = plan.indicator && values.iter().enumerate().any(|(i, x)| x.is_nan() && counts(i));
    let gaps = indicator.then(|| values.iter().map(|x| f64::from(u8::from(x.is_nan()))).collect::<Vec<f64>>());
    // An encoded category's gaps are those of its levels: the middle one stands for them.
    let impute = if numbers.is_some() { &Impute::Median } else { &plan.impute };
    let fill = match impute {
        Impute::Median | Impute::Level | Impute::Keep => median(&values, w),
        Impute::Mean => mean(&values, w),
        Impute::Mode => mode(&values, w),
        Impute::Constant(value) => value.as_f64().unwrap_or(0.0),
    };
    for x in &mut values {
        *x = if x.is_nan() { fill } else { *x };
    }
    let mut steps: Vec<NumberStep> = Vec::new();
    if let Some([low, high]) = plan.clip {
        let step = fit_clip(&values, w, [low, high]);
        step.apply(&mut values);
        steps.push(step);
    }
    if let Some(step) = fit_transform(name, plan.transform, plan.skew_limit, &values, w)? {
        step.apply(&mut values);
        steps.push(step);
    }
    if let Some(step) = fit_scaling(plan.scale, &values, w) {
        step.apply(&mut values);
        steps.push(step);
    }
    let mut columns = Vec::new();
    let spline = match plan.spline {
        None => None,
        Some(s) => {
            let mut knots = Sorted::new(&values, w)
                .quantiles(&(0..s.n_knots).map(|i| i as f64 / (s.n_knots - 1) as f64).collect::<Vec<f64>>());
            knots.dedup();
            if knots.len() < 2 {
                return Err(Error::data(
                    Place::column(name),
                    "one value in all training rows",
                    "at least two different values, for a spline",
                    "drop the column, or leave out its spline",
                ));
            }
            Some(BSpline::new(knots, s.degree, Extrapolation::Constant)?)
        }
    };
    match &spline {
        None => columns.push(DesignColumn::Dense(values)),
        Some(spline) => {
            let mut bases = vec![vec![0.0; values.len()]; spline.n_basis()];
            let mut row = vec![0.0; spline.n_basis()];
            for (i, &x) in values.iter().enumerate() {
                spline.basis(x, &mut row);
                for (basis, &b) in bases.iter_mut().zip(&row) {
                    basis[i] = b;
                }
            }
            columns.extend(bases.into_iter().map(DesignColumn::Dense));
        }
    }
    columns.extend(gaps.map(DesignColumn::Dense));
    Ok((Output::Number { values: numbers, fill, indicator, steps, spline }, columns))
}

/// Weighted mean of what is there; 0 without any.
fn mean(values: &[f64], w: Option<&[f64]>) -> f64 {
    let (mut total, mut sum) = (0.0, 0.0);
    for (i, &x) in values.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
        let weight = w.map_or(1.0, |w| w[i]);
        total += weight;
        sum += weight * x;
    }
    if total > 0.0 { sum / total } else { 0.0 }
}

/// The value of most weight, the lowest of equals; 0 without any.
fn mode(values: &[f64], w: Option<&[f64]>) -> f64 {
    let weight = |i: usize| w.map_or(1.0, |w| w[i]);
    let mut sorted: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .filter(|(i, x)| !x.is_nan() && weight(*i) > 0.0)
        // −0.0 and 0.0 are one value.
        .map(|(i, &x)| (x + 0.0, weight(i)))
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best = (0.0, 0.0);
    for same in sorted.chunk_by(|a, b| a.0 == b.0) {
        let total: f64 = same.iter().map(|v| v.1).sum();
        if let (true, Some(first)) = (total > best.1, same.first()) {
            best = (first.0, total);
        }
    }
    best.0
}
