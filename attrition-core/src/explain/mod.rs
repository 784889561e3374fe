//! Why a model says what it says: exact contributions of the original columns to the log-odds of additive models.
//!
//! Notation: `z(x) = base + Σⱼ cⱼ(xⱼ)` is a row's log-odds, `j` runs over the schema's features, and `cⱼ` gathers every
//! design feature that stems from column `j`: for `logistic` the scaled number and its missing-indicator, or a category's levels;
//! for `glassbox` the column's own term; for `boosting` whose trees ask one feature each, as stumps do, the sum of the column's trees.
//! A blend's log-odds are the weighted mean of its members', and so are its contributions where every member is additive.
//! A sigmoid calibrator is linear in `z`, and is carried through exactly. An isotonic one is not: there the
//! contributions are those of the log-odds before calibration.

mod edit;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::calibrate::Calibrator;
use crate::learn::{Axis, Fitted, Importance, Pair, Part, Trees};
use crate::model::{Member, Model};
use crate::num::float;
use crate::preprocess::{Block, DerivedKind};
use crate::schema::{Field, FieldKind};
use crate::table::Value;
use crate::table::time::MICROS_PER_DAY;
use crate::{Error, Result};

/// The name under which the base stands among the contributions.
pub const BASE: &str = "(base)";

/// One column's effect as a table from value to contribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// The column.
    pub column: String,
    /// Its kind.
    pub kind: FieldKind,
    /// Spread of the contributions over the training rows: the weight of the column in the model, in log-odds.
    pub importance: f64,
    /// Value by value.
    pub values: Vec<TermValue>,
}

/// The contribution of one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TermValue {
    /// The value; `Missing` for a gap.
    pub value: Value,
    /// Its contribution to the log-odds.
    pub contribution: f64,
    /// Lower end of the 95 % interval, where the learner knows its estimates' spread.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// `z ↦ scale·z + shift` of a calibrator, where it is one.
fn linear(calibrator: Option<&Calibrator>) -> (f64, f64) {
    match calibrator {
        // 1 / (1 + exp(a·z + b)) has the log-odds −a·z − b.
        Some(Calibrator::Sigmoid { a, b }) => (-a, -b),
        Some(Calibrator::Isotonic { .. }) | None => (1.0, 0.0),
    }
}

/// A member whose log-odds are a sum over its features.
struct Additive<'m> {
    member: &'m Member,
    /// The column of the frame (slots, then derived columns) that each design feature stems from.
    inputs: Vec<usize>,
    /// Weight in the blend times the calibrator's scale.
    scale: f64,
    /// Of trees that ask one feature each: the base, and the trees of each feature.
    apart: Option<(f64, Vec<(usize, Trees)>)>,
    parts: Vec<Part>,
}

impl Additive<'_> {
    /// What each feature of a design of one row adds before weight and calibration, with the column it stems from, and the
    /// intercept.
    fn parts(&mut self, design: &Block, with_pairs: bool) -> Result<(impl Iterator<Item = (&Part, usize)>, f64)> {
        let intercept = match &self.apart {
            Some((base, features)) => {
                self.parts.clear();
                self.parts.resize(self.inputs.len(), Part { effect: 0.0, std_err: None });
                for (feature, trees) in features {
                    let mut effect = [0.0];
                    trees.predict_block(design, &mut effect)?;
                    if let Some(part) = self.parts.get_mut(*feature) {
                        part.effect = effect[0];
                    }
                }
                *base
            }
            None => self.member.fitted().parts(design, with_pairs, &mut self.parts).unwrap_or(f64::NAN),
        };
        Ok((self.parts.iter().zip(self.inputs.iter().copied()), intercept))
    }
}

impl Model {
    /// Every member, and the calibrator's shift.
    fn additive(&self) -> Result<(Vec<Additive<'_>>, f64)> {
        let (scale, shift) = linear(self.calibrator());
        let mut additive = Vec::with_capacity(self.members().len());
        for member in self.members() {
            let apart = match member.fitted() {
                Fitted::Logistic(_) | Fitted::Glassbox(_) => None,
                Fitted::Trees(trees) => Some(trees.apart().ok_or_else(|| self.not_additive(member))?),
                Fitted::Tree(_) => return Err(self.not_additive(member)),
            };
            additive.push(Additive {
                member,
                inputs: member.pipeline().feature_inputs().into_iter().map(|(_, input)| input).collect(),
                scale: scale * member.weight(),
                apart,
                parts: Vec::new(),
            });
        }
        Ok((additive, shift))
    }

    fn not_additive(&self, member: &Member) -> Error {
        let blended = if self.members().len() > 1 { " in the blend" } else { "" };
        Error::Unsupported {
            what: format!("an exact contribution of the learner `{}`{blended}", member.learner().name()),
            why: "its score is no sum over columns".into(),
            hint: "train an additive learner, as `glassbox` or `logistic`, or `boosting` with max_leaves = 2".into(),
        }
    }

    /// Contribution of every original column to one row's log-odds, in column order, then of every derived one under its
    /// own name, and last the [`BASE`]. Their sum
    /// is the log-odds of [`Model::proba_packed`], to rounding (see the module for calibrated models).
    ///
    /// # Errors
    /// As [`Model::proba_packed`]; [`Error::Unsupported`] for a learner that is not additive.
    pub fn contributions_packed(&self, row: &[f64]) -> Result<Vec<(String, f64)>> {
        let (mut members, mut base) = self.additive()?;
        self.row_spec().check_packed(row)?;
        let fields = self.row_spec().fields().iter().map(|f| f.name.as_str());
        let derived = self.pipeline().derived().map(|(name, ..)| name);
        let mut out: Vec<(String, f64)> = fields.chain(derived).map(|name| (name.to_owned(), 0.0)).collect();
        let (mut frame, mut design) = (Block::default(), Block::default());
        for additive in &mut members {
            let (pipeline, scale) = (additive.member.pipeline(), additive.scale);
            pipeline.start(1, &mut frame);
            row.iter().enumerate().for_each(|(slot, &x)| frame.column_mut(slot)[0] = x);
            pipeline.apply(&mut frame, &mut design)?;
            let (parts, intercept) = additive.parts(&design, true)?;
            parts.for_each(|(part, input)| out[input].1 += scale * part.effect);
            base += scale * intercept;
        }
        out.push((BASE.to_owned(), base));
        Ok(out)
    }

    /// What each original column, or derived one under its own name, did in the model's trees, greatest gain first; a column
    /// that no split asks has zeros. Of a blend the gains and covers of its members of trees, by their weights.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where no member is made of trees: [`Model::terms`] says what columns do in the others.
    pub fn importances(&self) -> Result<Vec<(String, Importance)>> {
        let fields = self.row_spec().fields().iter().map(|f| f.name.as_str());
        let derived = self.pipeline().derived().map(|(name, ..)| name);
        let mut out: Vec<(String, Importance)> =
            fields.chain(derived).map(|name| (name.to_owned(), Importance::default())).collect();
        let mut any = false;
        for member in self.members() {
            let Fitted::Trees(trees) = member.fitted() else { continue };
            any = true;
            for ((_, input), of_feature) in member.pipeline().feature_inputs().into_iter().zip(trees.importances()) {
                let (_, o) = &mut out[input];
                o.gain += member.weight() * of_feature.gain;
                o.splits += of_feature.splits;
                o.cover += member.weight() * of_feature.cover;
            }
        }
        if !any {
            return Err(Error::Unsupported {
                what: format!("importances by splits of the learner `{}`", self.learner_name()),
                why: "it is not made of trees".into(),
                hint: "ask for its terms, whose `importance` is their spread in log-odds".into(),
            });
        }
        out.sort_by(|a, b| b.1.gain.total_cmp(&a.1.gain));
        Ok(out)
    }

    /// Contributions of one JSON record; see [`Model::contributions_packed`].
    ///
    /// # Errors
    /// As [`Model::contributions_packed`] and [`crate::schema::RowSpec::pack_json`].
    pub fn contributions_json(&self, json: &[u8]) -> Result<Vec<(String, f64)>> {
        let mut row = Vec::new();
        self.pack_json(json, &mut row)?;
        self.contributions_packed(&row)
    }

    /// Every column's effect, most important first, derived columns among them: for a category its levels, for a number
    /// the deciles of its training distribution (where it enters as a straight line, that through them is the whole
    /// effect; of `glassbox` 24 steps instead of ten), and the contribution of a gap. A column that is dropped has none. A
    /// blend's intervals are as wide as if its members erred together: they are fitted to the same rows.
    ///
    /// A pair of columns of `glassbox` is a term of its own, `A × B` with a value for each cell of its grid; contributions share
    /// it half and half between the two columns.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a learner that is not additive; as [`Model::profile`].
    pub fn terms(&self) -> Result<Vec<Term>> {
        let (mut members, _) = self.additive()?;
        let z95 = float::normal_quantile(0.975);
        let (mut frame, mut design) = (Block::default(), Block::default());
        let fields = self.schema().features().enumerate();
        let mut columns = fields
            .map(|(slot, field)| Ok((slot, field.name.as_str(), field.kind, self.term_points(field)?)))
            .collect::<Result<Vec<_>>>()?;
        for (i, (name, kind, deciles)) in self.pipeline().derived().enumerate() {
            let (kind, points) = derived_points(kind, deciles);
            columns.push((self.row_spec().width() + i, name, kind, points));
        }
        let columns: Vec<Shown<'_>> = columns;
        let mut terms = Vec::with_capacity(columns.len());
        for (input, name, kind, points) in &columns {
            let input = *input;
            if !members.iter().any(|m| m.inputs.contains(&input)) {
                continue;
            }
            let mut effect = |x: f64| -> Result<(f64, Option<f64>)> {
                let (mut contribution, mut sd) = (0.0, Some(0.0));
                for additive in &mut members {
                    let (pipeline, scale) = (additive.member.pipeline(), additive.scale);
                    // A row whose other columns are empty: only the asked column's contribution is read from it.
                    pipeline.start(1, &mut frame);
                    (0..frame.n_columns()).for_each(|c| frame.column_mut(c)[0] = if c == input { x } else { f64::NAN });
                    pipeline.apply_columns(&mut frame, &mut design)?;
                    let mut variance = Some(0.0);
                    for (part, _) in additive.parts(&design, false)?.0.filter(|(_, i)| *i == input) {
                        contribution += scale * part.effect;
                        // Features of one column are on together only for a gap, where their covariance is left out.
                        variance = variance.zip(part.std_err).map(|(v, se)| v + (scale * se) * (scale * se));
                    }
                    sd = sd.zip(variance).map(|(sd, v)| sd + v.sqrt());
                }
                Ok((contribution, sd))
            };
            let mut values = Vec::with_capacity(points.len());
            let (mut mass, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for (value, x, weight) in points {
                let (contribution, sd) = effect(*x)?;
                mass += weight;
                sum += weight * contribution;
                squares += weight * contribution * contribution;
                values.push(TermValue {
                    value: value.clone(),
                    contribution,
                    low: sd.map(|s| contribution - z95 * s),
                    high: sd.map(|s| contribution + z95 * s),
                });
            }
            let importance = spread(mass, sum, squares);
            terms.push(Term { column: (*name).to_owned(), kind: *kind, importance, values });
        }
        for additive in &members {
            if let Fitted::Glassbox(glassbox) = additive.member.fitted() {
                for pair in &glassbox.pairs {
                    terms.extend(pair_term(additive, pair, &columns)?);
                }
            }
        }
        terms.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Ok(terms)
    }

    /// The values at which a term is shown: value, slot, share of the training rows.
    fn term_points(&self, field: &Field) -> Result<Points> {
        let kind = field.kind;
        let profile = self.profile()?.column(&field.name);
        let gap_share = profile.map_or(0.0, |p| p.missing_rate());
        let mut points: Points = match kind {
            FieldKind::Category => field
                .vocabulary
                .iter()
                .enumerate()
                .map(|(code, level)| {
                    let share = profile.and_then(|p| p.share(level)).unwrap_or(0.0);
                    (Value::Text(level.clone()), code as f64, share)
                })
                .collect(),
            FieldKind::Bool => {
                let share = profile.and_then(|p| p.share("true")).unwrap_or(0.5);
                vec![(Value::Bool(false), 0.0, 1.0 - share), (Value::Bool(true), 1.0, share)]
            }
            FieldKind::Number | FieldKind::Time => {
                let mut at: Vec<f64> = match profile {
                    // Quantiles weigh alike; the ends show how far the effect goes.
                    Some(p) => {
                        let steps = if self.members().iter().all(|m| matches!(m.fitted(), Fitted::Logistic(_))) {
                            10
                        } else {
                            24
                        };
                        (0..=steps).filter_map(|i| p.quantile(f64::from(i) / f64::from(steps))).collect()
                    }
                    None => field.range.map(|r| r.to_vec()).unwrap_or_default(),
                };
                at.dedup();
                at.into_iter()
                    .map(|x| {
                        let value = if kind == FieldKind::Time {
                            Value::Time((x * MICROS_PER_DAY) as i64)
                        } else if field.is_integer {
                            Value::Int(x as i64)
                        } else {
                            Value::Float(x)
                        };
                        (value, x, 1.0)
                    })
                    .collect()
            }
        };
        let total: f64 = points.iter().map(|p| p.2).sum();
        points.push((Value::Missing, f64::NAN, total * gap_share));
        Ok(points)
    }
}

/// Values at which a column is shown: value, slot, share of the training rows.
type Points = Vec<(Value, f64, f64)>;

/// A column's place in the frame, its name and kind, and its points.
type Shown<'a> = (usize, &'a str, FieldKind, Points);

/// Standard deviation from weighted sums; 0 without weight.
fn spread(mass: f64, sum: f64, squares: f64) -> f64 {
    if mass > 0.0 { (squares / mass - (sum / mass) * (sum / mass)).max(0.0).sqrt() } else { 0.0 }
}

/// A pair of columns as a term, cell by cell; cells without training rows are left out. Its importance takes the columns as
/// independent.
fn pair_term(additive: &Additive<'_>, pair: &Pair, columns: &[Shown<'_>]) -> Result<Option<Term>> {
    let z95 = float::normal_quantile(0.975);
    let pipeline = additive.member.pipeline();
    let (mut frame, mut design) = (Block::default(), Block::default());
    let mut sides = Vec::with_capacity(2);
    for (&feature, axis) in pair.features.iter().zip(&pair.axes) {
        let input = additive.inputs.get(feature);
        let Some((input, name, _, points)) = columns.iter().find(|c| Some(&c.0) == input) else { return Ok(None) };
        // The levels and the share of the rows in each group.
        let mut groups: Vec<(Vec<&str>, f64)> = vec![(Vec::new(), 0.0); axis.n_groups()];
        for (value, x, share) in points {
            pipeline.start(1, &mut frame);
            (0..frame.n_columns()).for_each(|c| frame.column_mut(c)[0] = if c == *input { *x } else { f64::NAN });
            pipeline.apply_columns(&mut frame, &mut design)?;
            if let Some(group) = groups.get_mut(axis.group(design.column(feature)[0])) {
                if let Value::Text(level) = value {
                    group.0.push(level);
                }
                group.1 += share;
            }
        }
        let labels: Vec<String> = groups.iter().enumerate().map(|(i, (levels, _))| label(axis, i, levels)).collect();
        sides.push((*name, labels, groups.into_iter().map(|g| g.1).collect::<Vec<f64>>()));
    }
    let [(first, rows, row_shares), (second, columns, column_shares)] = sides.as_slice() else { return Ok(None) };
    let mut values = Vec::with_capacity(pair.effect.len());
    let (mut mass, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (cell, (effect, std_err)) in pair.effect.iter().zip(&pair.std_err).enumerate() {
        if *std_err == 0.0 && *effect == 0.0 {
            continue;
        }
        let (i, j) = (cell / columns.len(), cell % columns.len());
        let (contribution, sd) = (additive.scale * effect, (additive.scale * std_err).abs());
        let share = row_shares[i] * column_shares[j];
        mass += share;
        sum += share * contribution;
        squares += share * contribution * contribution;
        values.push(TermValue {
            value: Value::Text(format!("{} × {}", rows[i], columns[j])),
            contribution,
            low: Some(contribution - z95 * sd),
            high: Some(contribution + z95 * sd),
        });
    }
    let column = format!("{first} × {second}");
    Ok(Some(Term { column, kind: FieldKind::Category, importance: spread(mass, sum, squares), values }))
}

/// The name of a group of an axis, given the levels that fall into it.
fn label(axis: &Axis, group: usize, levels: &[&str]) -> String {
    match axis {
        _ if group + 1 == axis.n_groups() => "missing".to_owned(),
        Axis::Levels { .. } if levels.is_empty() => "other".to_owned(),
        Axis::Levels { .. } => levels.join(" | "),
        Axis::Cuts { cuts } => match (group.checked_sub(1).and_then(|below| cuts.get(below)), cuts.get(group)) {
            (None, None) => "any".to_owned(),
            (None, Some(high)) => format!("< {high}"),
            (Some(low), None) => format!("≥ {low}"),
            (Some(low), Some(high)) => format!("{low} – {high}"),
        },
    }
}

/// The values at which a derived column is shown: of its bands, or its deciles. Shares of bands are not kept, so they
/// weigh alike.
fn derived_points(kind: &DerivedKind, deciles: &[f64]) -> (FieldKind, Points) {
    match kind {
        DerivedKind::Category { labels } => {
            let points = labels.iter().enumerate().map(|(code, l)| (Value::Text(l.clone()), code as f64, 1.0));
            (FieldKind::Category, points.collect())
        }
        DerivedKind::Bool => (
            FieldKind::Bool,
            vec![(Value::Bool(false), 0.0, 1.0), (Value::Bool(true), 1.0, 1.0), (Value::Missing, f64::NAN, 0.0)],
        ),
        DerivedKind::Number => {
            let mut at = deciles.to_vec();
            at.dedup();
            let points = at.into_iter().map(|x| (Value::Float(x), x, 1.0));
            (FieldKind::Number, points.chain([(Value::Missing, f64::NAN, 0.0)]).collect())
        }
    }
}
