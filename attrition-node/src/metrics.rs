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

/// A metric by name.
#[napi(ts_return_type = "Promise<Estimated>")]
pub fn metric(
    name: String,
    y: &[u8],
    proba: &[f64],
    weight: Option<&[f64]>,
    threshold: f64,
    call: &Call,
) -> AsyncTask<Job<Estimated>> {
    let (y, proba, weight) = (y.to_vec(), proba.to_vec(), weight.map(<[f64]>::to_vec));
    job(call, move |_| Metric::parse(&name)?.estimate(&y, &proba, weight.as_deref(), threshold).map(Estimated::from))
}
