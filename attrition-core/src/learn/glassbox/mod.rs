//! The additive logistic model that a person can read.
//!
//! Notation: `n` rows with labels `yᵢ` and weights `wᵢ`; feature `j` has a term `fⱼ`. The log-odds of a row are
//! `z(x) = intercept + Σⱼ fⱼ(xⱼ) + Σ fⱼₖ(xⱼ, xₖ)` with few pairs or none; each term is 0 on average over the training rows, so the intercept is the log-odds of an
//! average row.
//!
//! - A number with more than six different values has a penalised cubic spline (`basis`), any other number an effect by
//!   value, a category an effect by level, and each of them an effect of a gap where training had gaps.
//! - All coefficients share one ridge, on scaled basis columns; each spline has a penalty on its curvature beside
//!   it. Both strengths are found by restricted maximum likelihood (`fit`); a term that explains less than chance would is left out.
//! - A pair of features has an effect by cell of a coarse grid, and only if that lowers the loss of rows it was not fitted to (`pairs`).
//! - On larger data terms are boosted instead, a little at a time and one after the other, on bins (`boost`).
//! - A fitted term is a table from value to effect ([`Term`]), whichever fit made it. Nothing else is kept, so what is shown is what predicts.

mod basis;
mod boost;
mod fit;
mod gram;
mod monotone;
mod pairs;
mod term;

#[cfg(test)]
mod tests;

pub use term::{Axis, Curve, Effect, Glassbox, Levels, Pair, Shape, Steps, Term};

use serde::{Deserialize, Serialize};

use super::params::{Monotone, OrAuto, ParamSpec, Range, check_struct};
use crate::{Error, Result};

/// Parameters of the additive logistic model. Their ranges: [`GlassboxParams::SPECS`].
///
/// By splines, minimised is `Σ wᵢ·lossᵢ + ½·Σⱼ (ρ·‖Dⱼβⱼ‖² + λⱼ·∫ fⱼ″²)`: `lossᵢ = ln(1 + e^zᵢ) − yᵢ·zᵢ`; `Dⱼ` holds scales of the
/// basis columns, `√(sᵢ·s̄)` of their standard deviations; the curvature is that over the column's range scaled to 0..1, where an interval between knots narrower than
/// a hundredth of it counts as a hundredth wide. Seen as prior precisions, ρ and λⱼ maximise the marginal likelihood (the
/// generalised Fellner–Schall update). A term that is small against
/// what ρ expects of it, and no larger than chance would make it, is left out.
///
/// # Example
/// ```
/// use attrition_core::learn::Learner;
/// let learner = Learner::from_name("glassbox", Some(&serde_json::json!({ "monotone": { "Age": -1 } })))?;
/// assert_eq!(learner.name(), "glassbox");
/// # Ok::<(), attrition_core::Error>(())
/// ```
///
/// # Reference
/// Wood, Fasiolo: A generalized Fellner-Schall method for smoothing parameter optimization with application to Tweedie location,
/// scale and shape models. Biometrics 73 (2017), <https://doi.org/10.1111/biom.12666>;
/// Marra, Wood: Practical variable selection for generalized additive models. Computational Statistics & Data Analysis 55
/// (2011), <https://doi.org/10.1016/j.csda.2011.02.004>.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlassboxParams {
    /// Knots of a spline.
    pub n_knots: OrAuto<u32>,
    /// Strength of the penalty on the curvature.
    pub smoothness: OrAuto<f64>,
    /// Most pairs of features that are tried.
    pub interactions: OrAuto<u32>,
    /// Directions of numeric features.
    pub monotone: Option<Monotone>,
    /// How the terms are fitted.
    pub fit: GlassboxFit,
}

/// From this weight of the rows on `fit = "auto"` boosts …
const MANY_ROWS: f64 = 5000.0;
/// … and with more features.
const MANY_FEATURES: usize = 250;

/// How the terms of the additive model are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlassboxFit {
    /// By penalised splines.
    Spline,
    /// By cyclic boosting on bins.
    Boosting,
    /// By the rule of [`GlassboxParams::resolved`].
    #[default]
    Auto,
}

impl GlassboxParams {
    /// The table of parameters.
    pub const SPECS: &'static [ParamSpec] = &[
        ParamSpec {
            name: "n_knots",
            default: "\"auto\"",
            range: Range::IntegerOrAuto { low: 2, high: 50 },
            log: false,
            meaning: "most knots of a spline, at quantiles; \"auto\" is 14 up to 1,200 rows (by weight), then grows with their fourth root up to 32, and is at most 1000 / n_features - 2 but at least 4",
        },
        ParamSpec {
            name: "smoothness",
            default: "\"auto\"",
            range: Range::NumberOrAuto { low: 0.0, above: false, high: f64::INFINITY },
            log: true,
            meaning: "what curvature costs, the same for every spline (large is straight); \"auto\" finds it for each by marginal likelihood",
        },
        ParamSpec {
            name: "interactions",
            default: "\"auto\"",
            range: Range::IntegerOrAuto { low: 0, high: 50 },
            log: false,
            meaning: "most pairs of features tried; one stays only if it lowers the held-out loss; with fewer than 50 rows of a label none is tried; \"auto\" is 8 from 1,000 rows on (by weight), else 0",
        },
        ParamSpec {
            name: "monotone",
            default: "null",
            range: Range::Monotone,
            log: false,
            meaning: "directions in which the log-odds may go with numeric features; these are in no pair",
        },
        ParamSpec {
            name: "fit",
            default: "\"auto\"",
            range: Range::Choice { options: &["spline", "boosting", "auto"] },
            log: false,
            meaning: "penalised splines, or cyclic boosting on bins; \"auto\" boosts from 5,000 rows (by weight) or 251 features on, unless n_knots or smoothness is set",
        },
    ];

    /// With at most so many knots.
    pub fn n_knots(mut self, n_knots: u32) -> GlassboxParams {
        self.n_knots = n_knots.into();
        self
    }
    /// With this strength of the penalty on the curvature.
    pub fn smoothness(mut self, smoothness: f64) -> GlassboxParams {
        self.smoothness = smoothness.into();
        self
    }
    /// With at most so many pairs tried.
    pub fn interactions(mut self, interactions: u32) -> GlassboxParams {
        self.interactions = interactions.into();
        self
    }
    /// With a direction of a feature: −1, 0 or 1.
    pub fn monotone(mut self, feature: impl Into<String>, direction: i8) -> GlassboxParams {
        self.monotone.get_or_insert_default().insert(feature.into(), direction);
        self
    }

    /// Fitted so.
    pub fn fit(mut self, fit: GlassboxFit) -> GlassboxParams {
        self.fit = fit;
        self
    }

    /// Check every parameter against its range.
    ///
    /// # Errors
    /// [`crate::Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        check_struct("glassbox", Self::SPECS, self)?;
        if self.fit == GlassboxFit::Boosting
            && let Some(name) = self.of_the_spline()
        {
            return Err(Error::param(
                name,
                "a value",
                "\"auto\" with fit = \"boosting\"",
                "it is of the spline fit only",
            ));
        }
        Ok(())
    }

    /// A parameter that is set and only the spline fit has.
    fn of_the_spline(&self) -> Option<&'static str> {
        let set = [("n_knots", self.n_knots != OrAuto::AUTO), ("smoothness", self.smoothness != OrAuto::AUTO)];
        set.into_iter().find(|s| s.1).map(|s| s.0)
    }

    /// With every `"auto"` but that of `smoothness`, which is found in the fit, replaced by what the rule gives for rows of this
    /// weight in sum and this many features. What only the spline fit has stays as it is for the other.
    pub fn resolved(&self, weight: f64, n_features: usize) -> GlassboxParams {
        let by_rows = (14.0 * (weight / 1200.0).sqrt().sqrt()).clamp(14.0, 32.0) as u32;
        let by_features = (1000 / n_features.max(1)).saturating_sub(2) as u32;
        let fit = match self.fit {
            GlassboxFit::Auto if self.of_the_spline().is_some() => GlassboxFit::Spline,
            GlassboxFit::Auto if weight >= MANY_ROWS || n_features > MANY_FEATURES => GlassboxFit::Boosting,
            GlassboxFit::Auto => GlassboxFit::Spline,
            given => given,
        };
        GlassboxParams {
            n_knots: match fit {
                GlassboxFit::Boosting => self.n_knots,
                _ => self.n_knots.or(by_rows.min(by_features).max(4)).into(),
            },
            interactions: self.interactions.or(if weight >= 1000.0 { 8 } else { 0 }).into(),
            fit,
            ..self.clone()
        }
    }
}
