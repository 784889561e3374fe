//! Metrics of labels and scores.

use attrition_core::metrics::{Estimate, Metric};
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::door::{Call, Job, job};

/// A value with its 95 % interval; an end is absent where the interval is not defined.
#[napi(object)]
pub struct Estimated {
    /// The point estimate.
    pub value: f64,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl From<Estimate> for Estimated {
    fn from(e: Estimate) -> Estimated {
        Estimated { value: e.value, low: e.low, high: e.high }
    }
}

/// The names of the metrics of an evaluation.
#[napi]
pub fn metric_names() -> Vec<String> {
    Metric::ALL.iter().map(|m| m.name()).collect()
}

/// Labels, scores and weights on their way, in slices, so that no call takes long.
#[napi]
#[derive(Default)]
pub struct Scored {
    y: Vec<u8>,
    proba: Vec<f64>,
    weight: Option<Vec<f64>>,
}

#[napi]
impl Scored {
    /// Of no row yet.
    #[napi(constructor)]
    pub fn new() -> Scored {
        Scored::default()
    }

    /// More labels: 0 and 1; what is no label is another number.
    #[napi]
    pub fn labels(&mut self, y: &[u8]) {
        self.y.extend_from_slice(y);
    }

    /// More scores.
    #[napi]
    pub fn scores(&mut self, proba: &[f64]) {
        self.proba.extend_from_slice(proba);
    }

    /// More weights; without a call of this the rows have none.
    #[napi]
    pub fn weights(&mut self, weight: &[f64]) {
        self.weight.get_or_insert_default().extend_from_slice(weight);
    }

    /// A metric by name.
    #[napi(ts_return_type = "Promise<Estimated>")]
    pub fn metric(&mut self, name: String, threshold: f64, call: &Call) -> AsyncTask<Job<Estimated>> {
        let Scored { y, proba, weight } = std::mem::take(self);
        job(call, move |_| {
            Metric::parse(&name)?.estimate(&y, &proba, weight.as_deref(), threshold).map(Estimated::from)
        })
    }
}
