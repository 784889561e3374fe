//! A person's hand in an additive model: a term written anew, or left out.

use sha2::{Digest, Sha256};

use super::linear;
use crate::error::nearest;
use crate::learn::{Curve, Effect, Fitted, Glassbox, Levels, Pair, Shape, Term};
use crate::model::{EditAction, EditFact, Model};
use crate::preprocess::{Block, DerivedKind};
use crate::schema::FieldKind;
use crate::table::{Value, ValueRef};
use crate::{Error, Result};

/// Two numbers that a calibrator's scale was taken out of are one when they differ by less.
const ROUNDING: f64 = 1e-9;

/// The column of a term: its place in the frame, and its one feature.
struct Place {
    input: usize,
    feature: usize,
    /// Whether the feature's values are the codes of levels.
    is_coded: bool,
}

impl Model {
    /// The same model with the contributions of one column as a person writes them: pairs of a value and its contribution to the log-odds, in
    /// the form that [`Model::terms`] shows. Between numbers contributions go in straight lines, beyond the first and the last they stay; a
    /// level, a truth value or a gap ([`Value::Missing`]) that is not given keeps its contribution. Pairs with the column stay.
    ///
    /// What is written has no interval: its `low` and `high` are the contribution. The base stays, too, so that a term that is not 0 on
    /// average moves the average score. [`crate::model::Training::edits`] keeps the term as it was; threshold, figures of the training and the profile
    /// are those of the model before: [`Model::evaluate`] the new one.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a column without a term, a level that training has not seen, no value or one given twice, a
    /// contribution that is not finite; [`Error::SchemaMismatch`] for a value of another kind; [`Error::Unsupported`] for a learner
    /// other than `glassbox`, a blend, and a column of several features.
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Table, Value, datasets, learn::Learner, schema::Schema, train::Trainer};
    /// let table = datasets::employees(600, 0)?;
    /// let schema = Schema::infer(&table)?.target("Attrition", "Yes")?;
    /// let model = Trainer::new(schema).learner(Learner::glassbox()).fit(&table)?;
    /// let written = model.with_term("Age", &[(Value::Int(20), 0.4), (Value::Int(40), 0.0)])?;
    /// let contributions = written.contributions_json(br#"{"Age": 30}"#)?;
    /// assert!((contributions[0].1 - 0.2).abs() < 1e-9);
    /// assert_eq!(written.training().edits[0].term, "Age");
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn with_term(&self, column: &str, values: &[(Value, f64)]) -> Result<Model> {
        let glassbox = self.editable()?;
        let place = self.place(column)?;
        let scale = linear(self.calibrator()).0;
        if scale == 0.0 || !scale.is_finite() {
            return Err(Error::Unsupported {
                what: "a written term under this calibrator".into(),
                why: "it makes every score the same".into(),
                hint: "train with calibration \"none\"".into(),
            });
        }
        if values.is_empty() {
            return Err(Error::param(
                "values",
                "none",
                "at least one pair of a value and a contribution",
                "to leave the term out use `without_term`",
            ));
        }
        let mut term = glassbox.terms.get(place.feature).cloned().unwrap_or_else(Term::zero);
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(values.len());
        let mut gap = None;
        for (value, contribution) in values {
            if !contribution.is_finite() {
                return Err(Error::param("values", contribution, "finite contributions", "0 is no effect"));
            }
            let x = self.feature_value(&place, self.slot_value(column, &place, value)?)?;
            let effect = contribution / scale;
            if matches!(value, Value::Missing) {
                gap = Some((x, effect));
            } else if x.is_nan() {
                return Err(Error::param(
                    "values",
                    value.describe(),
                    format!("values of `{column}` that reach the learner"),
                    "its preprocessing makes a gap of it; write the contribution of a gap",
                ));
            } else {
                points.push((x, effect));
            }
        }
        // Stable, so that of equal values the first is named.
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if points.windows(2).any(|p| p[0].0 == p[1].0 && (p[0].1 - p[1].1).abs() > ROUNDING) {
            return Err(Error::param(
                "values",
                "two contributions of one value",
                "each value once",
                "values may also be the same after preprocessing, as beyond the ends of a clipped column",
            ));
        }
        points.dedup_by(|later, earlier| later.0 == earlier.0);
        if !points.is_empty() {
            term.shape = if place.is_coded { levels(term.shape, &points) } else { curve(&points) };
        }
        if let Some((x, effect)) = gap {
            if x.is_nan() {
                term.missing = Effect { effect, std_err: 0.0 };
            } else if (term.effect(x) - effect).abs() > ROUNDING {
                return Err(Error::param(
                    "values",
                    "a contribution of a gap",
                    format!("none: preprocessing puts a value where `{column}` has a gap"),
                    "leave it out; a gap contributes what that value does",
                ));
            }
        }
        (term.edf, term.smoothness) = (0.0, 0.0);
        let mut edited = glassbox.clone();
        let before = edited.terms.get(place.feature).cloned();
        if let Some(t) = edited.terms.get_mut(place.feature) {
            *t = term.clone();
        }
        let facts = EditFact {
            term: column.to_owned(),
            action: EditAction::Written,
            digest_before: digest(&json(&before)?),
            digest_after: Some(digest(&json(&Some(term))?)),
            before: json(&before)?,
        };
        self.edited(edited, facts)
    }

    /// The same model without a term: a column, whose pairs go with it, so that it has no effect at all; or one pair, by its name in
    /// [`Model::terms`], `A × B`. Otherwise as [`Model::with_term`].
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a name that is no term's; [`Error::Unsupported`] as [`Model::with_term`].
    pub fn without_term(&self, term: &str) -> Result<Model> {
        let mut edited = self.editable()?.clone();
        let names = self.feature_names();
        let title = |p: &Pair| {
            let [a, b] = p.features.map(|j| names.get(j).map_or("", String::as_str));
            format!("{a} × {b}")
        };
        let before = match edited.pairs.iter().position(|p| title(p) == term) {
            Some(i) => json(&edited.pairs.remove(i))?,
            None => {
                let feature = self.place(term)?.feature;
                let gone: Vec<Pair> = edited.pairs.iter().filter(|p| p.features.contains(&feature)).cloned().collect();
                edited.pairs.retain(|p| !p.features.contains(&feature));
                let old = edited.terms.get_mut(feature).map(|t| std::mem::replace(t, Term::zero()));
                if gone.is_empty() { json(&old)? } else { json(&(old, gone))? }
            }
        };
        let facts = EditFact {
            term: term.to_owned(),
            action: EditAction::Dropped,
            digest_before: digest(&before),
            digest_after: None,
            before,
        };
        self.edited(edited, facts)
    }

    fn editable(&self) -> Result<&Glassbox> {
        match self.members() {
            [lone] => match lone.fitted() {
                Fitted::Glassbox(glassbox) => Ok(glassbox),
                Fitted::Logistic(_) | Fitted::Tree(_) | Fitted::Trees(_) => Err(Error::Unsupported {
                    what: format!("a written term of the learner `{}`", self.learner_name()),
                    why: "only `glassbox` keeps its terms as tables".into(),
                    hint: "train with learner \"glassbox\"".into(),
                }),
            },
            _ => Err(Error::Unsupported {
                what: "a written term of a blend".into(),
                why: "its terms are those of several learners".into(),
                hint: "train with learner \"glassbox\" alone".into(),
            }),
        }
    }

    /// The column of each feature, by name.
    fn feature_names(&self) -> Vec<String> {
        let columns = self.columns();
        let inputs = self.pipeline().feature_inputs().into_iter();
        inputs.map(|(_, input)| columns.get(input).map_or(String::new(), |c| (*c).to_owned())).collect()
    }

    /// Columns of the frame: the schema's features, then the derived ones.
    fn columns(&self) -> Vec<&str> {
        let fields = self.row_spec().fields().iter().map(|f| f.name.as_str());
        fields.chain(self.pipeline().derived().map(|(name, ..)| name)).collect()
    }

    fn place(&self, column: &str) -> Result<Place> {
        let inputs = self.pipeline().feature_inputs();
        let columns = self.columns();
        let input = columns.iter().position(|c| *c == column);
        let features: Vec<usize> = (0..inputs.len()).filter(|&j| Some(inputs[j].1) == input).collect();
        match (input, features.as_slice()) {
            (Some(input), &[feature]) => {
                let levels = match self.row_spec().fields().get(input) {
                    Some(field) if field.kind == FieldKind::Category => field.vocabulary.len(),
                    Some(_) => 0,
                    None => match self.pipeline().derived().nth(input - self.row_spec().width()) {
                        Some((_, DerivedKind::Category { labels }, _)) => labels.len(),
                        _ => 0,
                    },
                };
                let mut place = Place { input, feature, is_coded: levels > 0 };
                for code in 0..levels {
                    place.is_coded &= self.feature_value(&place, code as f64)? == code as f64;
                }
                Ok(place)
            }
            (Some(_), [_, _, ..]) => Err(Error::Unsupported {
                what: format!("a written term of `{column}`"),
                why: format!("preprocessing makes {} features of it", features.len()),
                hint: "train with `encode`, `spline` and `indicator` of that column left out or false".into(),
            }),
            _ => {
                let with_term: Vec<&str> =
                    (0..columns.len()).filter(|i| inputs.iter().any(|f| f.1 == *i)).map(|i| columns[i]).collect();
                let hint = nearest(column, &with_term);
                Err(Error::param("column", format!("`{column}`"), "a column that has a term", hint))
            }
        }
    }

    /// A value as it stands in the frame.
    fn slot_value(&self, column: &str, place: &Place, value: &Value) -> Result<f64> {
        let unseen = |known: &[&str]| {
            let text = value.category().unwrap_or_default();
            Error::param(
                "values",
                format!("the level `{text}`"),
                format!("levels of `{column}`"),
                nearest(&text, known),
            )
        };
        let position = |levels: &[String]| {
            let text = value.category().unwrap_or_default();
            let known: Vec<&str> = levels.iter().map(String::as_str).collect();
            known.iter().position(|l| *l == text).map(|code| code as f64).ok_or_else(|| unseen(&known))
        };
        if matches!(value, Value::Missing) {
            return Ok(f64::NAN);
        }
        let width = self.row_spec().width();
        match place.input.checked_sub(width).and_then(|d| self.pipeline().derived().nth(d)) {
            Some((_, DerivedKind::Category { labels }, _)) => position(labels),
            Some((_, DerivedKind::Bool | DerivedKind::Number, _)) => {
                value.as_f64().filter(|x| x.is_finite()).ok_or_else(|| {
                    Error::param("values", value.describe(), format!("numbers, as `{column}` holds"), "write a number")
                })
            }
            None => {
                let x = self.row_spec().encode(place.input, ValueRef::from(value))?;
                let field = &self.row_spec().fields()[place.input];
                if field.kind == FieldKind::Category && !(x >= 0.0 && x < field.vocabulary.len() as f64) {
                    return position(&field.vocabulary);
                }
                Ok(x)
            }
        }
    }

    /// What the pipeline makes of a value of the column.
    fn feature_value(&self, place: &Place, x: f64) -> Result<f64> {
        let (mut frame, mut design) = (Block::default(), Block::default());
        self.pipeline().start(1, &mut frame);
        (0..frame.n_columns()).for_each(|c| frame.column_mut(c)[0] = if c == place.input { x } else { f64::NAN });
        self.pipeline().apply_columns(&mut frame, &mut design)?;
        Ok(design.column(place.feature).first().copied().unwrap_or(f64::NAN))
    }

    fn edited(&self, glassbox: Glassbox, fact: EditFact) -> Result<Model> {
        const NOTE: &str = "edited after training: the figures are those of the model before, evaluate it anew";
        let mut parts = self.parts().clone();
        if let Some(member) = parts.scorer.members.first_mut() {
            member.fitted = Fitted::Glassbox(glassbox);
        }
        parts.training.edits.push(fact);
        if !parts.training.notes.iter().any(|n| n == NOTE) {
            parts.training.notes.push(NOTE.to_owned());
        }
        Model::from_parts(parts)
    }
}

/// Straight lines through points that rise.
fn curve(points: &[(f64, f64)]) -> Shape {
    let (at, effect): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    Shape::Curve(Curve { std_err: vec![0.0; at.len()], at, effect })
}

/// The levels as they are, but for those of `points`.
fn levels(old: Shape, points: &[(f64, f64)]) -> Shape {
    let mut levels = match old {
        Shape::Levels(levels) => levels,
        Shape::Curve(_) | Shape::Steps(_) => Levels::default(),
    };
    for &(code, effect) in points {
        let code = code as u32;
        let at = levels.codes.partition_point(|c| *c < code);
        if levels.codes.get(at) == Some(&code) {
            levels.effect[at] = effect;
            levels.std_err[at] = 0.0;
        } else {
            levels.codes.insert(at, code);
            levels.effect.insert(at, effect);
            levels.std_err.insert(at, 0.0);
        }
    }
    Shape::Levels(levels)
}

fn json(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|e| Error::Internal(e.to_string()))
}

fn digest(value: &serde_json::Value) -> String {
    Sha256::digest(value.to_string().as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
