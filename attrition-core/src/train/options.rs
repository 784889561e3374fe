//! The options of training as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::search::SearchOptions;
use super::trainer::{Calibration, Cv, Refit, Threshold, Trainer};
use crate::learn::Learner;
use crate::metrics::Metric;
use crate::preprocess::{OnUnseen, PipelineParams};
use crate::run::Run;
use crate::schema::{FieldKind, Role, Schema};
use crate::table::{Columns, Value};
use crate::{Error, Result, Seed};

/// The candidates of `auto`. Where candidates are equally good the first is taken, and without folds the first is the learner.
pub fn auto_learners() -> Vec<Learner> {
    vec![Learner::glassbox(), Learner::logistic(), Learner::boosting(), Learner::forest()]
}

/// The name under which [`auto_learners`] stand in the option `learner`.
const AUTO: &str = "auto";

/// Names: JSON takes one text or a list of them, and null for none.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Names, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a text or a list of texts")]
        enum OneOrMany {
            None,
            One(String),
            Many(Vec<String>),
        }
        Ok(Names(match Option::<OneOrMany>::deserialize(d)? {
            None | Some(OneOrMany::None) => Vec::new(),
            Some(OneOrMany::One(name)) => vec![name],
            Some(OneOrMany::Many(names)) => names,
        }))
    }
}

impl<const N: usize> From<[&str; N]> for Names {
    fn from(names: [&str; N]) -> Names {
        Names(names.iter().map(|n| (*n).to_owned()).collect())
    }
}

/// Every option of [`super::train`], with its default.
///
/// | option | meaning | default |
/// |---|---|---|
/// | `target` | the column to predict | required, unless `schema` names it |
/// | `positive` | the label whose probability is predicted, by value | 1 or true where the labels are {0, 1} or bool |
/// | `id`, `sensitive`, `exclude` | columns that name rows; protected attributes; not used. None of them is an input | none |
/// | `group`, `time`, `weight` | rows of a group stay together; rows are split forward in time; row weights >= 0 | none |
/// | `kinds` | kinds that overrule the guess | none |
/// | `schema` | a whole schema instead of the inferred one | inferred |
/// | `learner` | a name, a list of names to choose from, or `"auto"`: the best of [`auto_learners`] or a blend of them, see [`Trainer::auto`] | `"auto"` |
/// | `params` | the learner's parameters; for `auto` or a list `{learner: {…}}` | the learner's defaults |
/// | `trials` | trials of the search for parameters, see [`Trainer::trials`]; 0 trains the documented defaults | 0 |
/// | `search` | how they are searched, see [`SearchOptions`] | its defaults |
/// | `metric` | what chooses between learners; one of decisions is compared at the threshold that is best on each fold | `"roc_auc"` |
/// | `cv` | folds, or null for none | 5 |
/// | `holdout` | share of rows held out, or null for none | 0.2 |
/// | `calibration` | `"auto"`, `"sigmoid"`, `"isotonic"`, or null for raw scores | `"auto"` |
/// | `threshold` | `"f2"`, `"f1"`, `"f0.5"`, a number in [0, 1], or null for 0.5 | `"f2"` |
/// | `refit` | `"train"`: the model is fitted without the hold-out; `"all"`: on all rows, after judging | `"train"` |
/// | `preprocess` | what is done to each column, see [`PipelineParams`] | the documented defaults by kind |
/// | `on_unseen` | `"ignore"` or `"error"`: what predict does with an unseen level | `"ignore"` |
/// | `seed` | the seed | 0 |
/// | `n_threads` | at most this many threads; never changes a result | the machine's |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the table above says each")]
pub struct TrainOptions {
    pub target: Option<String>,
    pub positive: Value,
    pub id: Names,
    pub sensitive: Names,
    pub exclude: Names,
    pub group: Option<String>,
    pub time: Option<String>,
    pub weight: Option<String>,
    pub kinds: BTreeMap<String, FieldKind>,
    pub schema: Option<Schema>,
    pub learner: Names,
    pub params: Option<serde_json::Value>,
    pub trials: usize,
    pub search: SearchOptions,
    pub metric: String,
    pub cv: Option<usize>,
    pub holdout: Option<f64>,
    pub calibration: Option<String>,
    pub threshold: Value,
    pub refit: Refit,
    pub preprocess: PipelineParams,
    pub on_unseen: OnUnseen,
    pub seed: u64,
    pub n_threads: Option<usize>,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            target: None,
            positive: Value::Missing,
            id: Names::default(),
            sensitive: Names::default(),
            exclude: Names::default(),
            group: None,
            time: None,
            weight: None,
            kinds: BTreeMap::new(),
            schema: None,
            learner: Names::from([AUTO]),
            params: None,
            trials: 0,
            search: SearchOptions::default(),
            metric: "roc_auc".into(),
            cv: Some(5),
            holdout: Some(0.2),
            calibration: Some("auto".into()),
            threshold: Value::from("f2"),
            refit: Refit::Train,
            preprocess: PipelineParams::default(),
            on_unseen: OnUnseen::Ignore,
            seed: 0,
            n_threads: None,
        }
    }
}

impl TrainOptions {
    /// From a JSON object.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for an unknown option or a value of the wrong type.
    pub fn from_json(json: &str) -> Result<TrainOptions> {
        crate::error::options("options", json)
    }

    /// The caller's run with this call's thread limit.
    pub(super) fn run(&self, run: &Run) -> Run {
        match self.n_threads {
            None => run.clone(),
            some => run.clone().n_threads(some),
        }
    }

    /// The schema these options mean for a table.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a column that is not there; [`Error::InvalidParam`].
    pub fn schema<'a>(&self, table: impl Into<Columns<'a>>) -> Result<Schema> {
        let table = table.into();
        let mut schema = match &self.schema {
            Some(schema) => {
                schema.check_self()?;
                schema.clone()
            }
            None => Schema::infer(table)?,
        };
        for (name, kind) in &self.kinds {
            schema = schema.kind(name, *kind)?;
        }
        let roles = [
            (&self.id.0[..], Role::Id),
            (&self.sensitive.0[..], Role::Sensitive),
            (&self.exclude.0[..], Role::Ignored),
            (self.group.as_slice(), Role::Group),
            (self.time.as_slice(), Role::Time),
            (self.weight.as_slice(), Role::Weight),
        ];
        for (names, role) in roles {
            for name in names {
                if self.target.as_ref() == Some(name) {
                    return Err(Error::param(
                        role.name(),
                        format!("`{name}`"),
                        "a column that is not the target",
                        "one column has one role",
                    ));
                }
                schema = schema.role(name, role)?;
            }
        }
        match &self.target {
            Some(name) => schema.target(name, self.positive.clone()),
            None if schema.target_spec().is_some() => Ok(schema),
            None => Err(Error::param(
                "target",
                "nothing",
                "the name of the column to predict",
                format!(
                    "the table has {}",
                    table.names().iter().take(8).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
                ),
            )),
        }
    }

    /// The trainer these options mean for a table.
    ///
    /// # Errors
    /// As [`TrainOptions::schema`]; [`Error::InvalidParam`] for any option out of range.
    pub fn trainer<'a>(&self, table: impl Into<Columns<'a>>) -> Result<Trainer> {
        let trainer = Trainer::new(self.schema(table)?)
            .metric(Metric::parse(&self.metric)?)
            .cv(self.cv.map_or(Cv::None, Cv::Folds))
            .holdout(self.holdout)
            .calibration(match self.calibration.as_deref() {
                None | Some("none") => Calibration::None,
                Some("auto") => Calibration::Auto,
                Some("sigmoid") => Calibration::Sigmoid,
                Some("isotonic") => Calibration::Isotonic,
                Some(other) => {
                    return Err(Error::param(
                        "calibration",
                        format!("\"{other}\""),
                        "\"auto\", \"sigmoid\", \"isotonic\" or none",
                        "\"auto\" calibrates only where it helps",
                    ));
                }
            })
            .threshold(threshold(&self.threshold)?)
            .refit(self.refit)
            .preprocess(self.pipeline_params())
            .trials(self.trials)
            .search_options(self.search.clone())
            .seed(self.seed);
        let blend = self.learner.0.iter().any(|name| name == AUTO);
        Ok(trainer.learners(self.learners()?).blend(blend))
    }

    /// The pipeline's parameters; `on_unseen` is for the categories that say nothing of their own.
    fn pipeline_params(&self) -> PipelineParams {
        let mut params = self.preprocess.clone();
        if self.on_unseen != OnUnseen::default() {
            params.category.on_unseen.get_or_insert(self.on_unseen);
        }
        params
    }

    /// The learners to choose from; `auto` stands for its candidates.
    fn learners(&self) -> Result<Vec<Learner>> {
        let names = &self.learner.0;
        if names.is_empty() {
            return Err(Error::param("learner", "nothing", "a learner's name", "\"auto\" chooses one"));
        }
        // One learner takes its parameters as they are; a list, and `auto`, take them by learner.
        let single = names.len() == 1 && names[0] != AUTO;
        let auto = auto_learners();
        let mut used: Vec<&str> = Vec::new();
        for name in names {
            if name == AUTO {
                used.extend(auto.iter().map(|learner| learner.name() as &str));
            } else {
                used.push(name);
            }
        }
        let mut learners = Vec::new();
        for &name in &used {
            let params = if single { self.params.as_ref() } else { self.params.as_ref().and_then(|p| p.get(name)) };
            let learner = Learner::from_name(name, params)?;
            if !learners.contains(&learner) {
                learners.push(learner);
            }
        }
        if !single && let Some(serde_json::Value::Object(map)) = &self.params {
            // A parameter set for a learner that is not tried would be lost without a word.
            if let Some(stray) = map.keys().find(|k| !used.contains(&k.as_str())) {
                return Err(Error::param(
                    "params",
                    format!("`{stray}`"),
                    format!("parameters by learner, for {}", used.join(", ")),
                    format!("write params={{\"{}\": {{…}}}}", used[0]),
                ));
            }
        } else if !single
            && self.params.as_ref().is_some_and(|p| !p.is_null())
            && !matches!(self.params, Some(serde_json::Value::Object(_)))
        {
            return Err(Error::param(
                "params",
                "no object",
                "parameters by learner",
                "write params={\"logistic\": {…}}",
            ));
        }
        Ok(learners)
    }
}

fn threshold(value: &Value) -> Result<Threshold> {
    let bad = |got: String| {
        Err(Error::param(
            "threshold",
            got,
            "\"f2\", \"f1\", \"f0.5\", a number in [0, 1], or none for 0.5",
            "\"f2\" weighs recall above precision",
        ))
    };
    match value {
        Value::Missing => Ok(Threshold::Fixed(0.5)),
        Value::Int(_) | Value::Float(_) => {
            let t = value.as_f64().unwrap_or(f64::NAN);
            if (0.0..=1.0).contains(&t) { Ok(Threshold::Fixed(t)) } else { bad(value.to_string()) }
        }
        Value::Text(text) => match text.strip_prefix('f').map(|b| b.trim_start_matches('_').replace('_', ".")) {
            Some(beta) => match beta.parse::<f64>() {
                Ok(beta) if beta > 0.0 && beta.is_finite() => Ok(Threshold::FBeta(beta)),
                _ => bad(format!("\"{text}\"")),
            },
            None => bad(format!("\"{text}\"")),
        },
        Value::Bool(_) | Value::Time(_) => bad(value.describe()),
    }
}

/// The seed as the streams take it.
pub(super) fn seed(value: u64) -> Seed {
    Seed(value)
}
