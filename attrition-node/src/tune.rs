//! Search: the study and its trials; spaces, options and results cross as data.

use std::sync::Arc;

use attrition_core::tune::{Outcome, Params, SearchSpace, Study as Core, StudyOptions};
use attrition_core::{Error, Result};
use napi::Env;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::door::{Call, Job, job, sync};
use crate::options::options;
use crate::plain::Plain;

/// A search, as the TypeScript drives it.
#[napi]
pub struct Study {
    inner: Arc<Core>,
}

fn value(json: &str) -> Result<serde_json::Value> {
    serde_json::from_str(json).map_err(|e| Error::Internal(e.to_string()))
}

#[napi]
impl Study {
    /// In memory, or in the journal at `storage`.
    #[napi(ts_return_type = "Promise<Study>")]
    pub fn open(space: String, options: String, storage: Option<String>, call: &Call) -> AsyncTask<Job<Study>> {
        job(call, move |_| {
            let (space, options) = (SearchSpace::from_json(&space)?, StudyOptions::from_json(&options)?);
            let inner = match storage {
                None => Core::new(space, options)?,
                Some(path) => Core::open(path, space, options)?,
            };
            Ok(Study { inner: Arc::new(inner) })
        })
    }

    /// In memory, at once.
    #[napi]
    pub fn create(env: Env, space: String, options: String) -> napi::Result<Study> {
        sync(&env, || {
            let inner = Core::new(SearchSpace::from_json(&space)?, StudyOptions::from_json(&options)?)?;
            Ok(Study { inner: Arc::new(inner) })
        })
    }

    /// The study of a journal.
    #[napi(ts_return_type = "Promise<Study>")]
    pub fn load(path: String, call: &Call) -> AsyncTask<Job<Study>> {
        job(call, move |_| Ok(Study { inner: Arc::new(Core::load(path)?) }))
    }

    /// The next trial; with `in_turn` null while one that it has to know is running.
    #[napi(ts_return_type = "Promise<unknown>")]
    pub fn ask(&self, in_turn: bool, call: &Call) -> AsyncTask<Job<Plain>> {
        let study = Arc::clone(&self.inner);
        job(call, move |_| match if in_turn { study.ask_in_turn()? } else { Some(study.ask()?) } {
            Some(trial) => Plain::of(&trial),
            None => Ok(Plain::Null),
        })
    }

    /// What came of a trial, as JSON.
    #[napi(ts_return_type = "Promise<unknown>")]
    pub fn tell(&self, number: f64, outcome: String, call: &Call) -> AsyncTask<Job<Plain>> {
        let study = Arc::clone(&self.inner);
        job(call, move |_| Plain::of(&study.tell(number as u64, options::<Outcome>(&outcome, "a trial's outcome")?)?))
    }

    /// What came of a trial whose values may be no numbers.
    #[napi(ts_return_type = "Promise<unknown>")]
    pub fn tell_values(&self, number: f64, values: Vec<f64>, call: &Call) -> AsyncTask<Job<Plain>> {
        let study = Arc::clone(&self.inner);
        job(call, move |_| Plain::of(&study.tell(number as u64, values)?))
    }

    /// A running trial waits again.
    #[napi]
    pub fn release(&self, env: Env, number: f64) -> napi::Result<()> {
        sync(&env, || self.inner.release(number as u64))
    }

    /// Keeps an intermediate value, and says whether the pruner would stop there.
    #[napi]
    pub fn report(&self, env: Env, number: f64, step: f64, value: f64) -> napi::Result<bool> {
        sync(&env, || {
            self.inner.report(number as u64, step as u64, value)?;
            self.inner.should_prune(number as u64)
        })
    }

    /// Keeps a fact with a trial.
    #[napi]
    pub fn note(&self, env: Env, number: f64, name: String, json: String) -> napi::Result<()> {
        sync(&env, || self.inner.note(number as u64, &name, value(&json)?))
    }

    /// A trial that is asked for first.
    #[napi]
    pub fn enqueue(&self, env: Env, params: String) -> napi::Result<f64> {
        sync(&env, || Ok(self.inner.enqueue(&options::<Params>(&params, "a trial's parameters")?)? as f64))
    }

    /// Another space from here on.
    #[napi]
    pub fn set_space(&self, env: Env, space: String) -> napi::Result<()> {
        sync(&env, || self.inner.set_space(SearchSpace::from_json(&space)?))
    }

    /// Brings in what other processes wrote.
    #[napi]
    pub fn refresh(&self, env: Env) -> napi::Result<()> {
        sync(&env, || self.inner.refresh())
    }

    /// Every trial.
    #[napi(getter, ts_return_type = "unknown")]
    pub fn trials(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.inner.trials()))
    }

    /// Numbers of the finished trials, in the order in which they were told.
    #[napi(getter)]
    pub fn finished(&self) -> Vec<f64> {
        self.inner.finished().into_iter().map(|n| n as f64).collect()
    }

    /// The best trial.
    #[napi(ts_return_type = "unknown")]
    pub fn best(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.inner.best()?))
    }

    /// The trials that no other dominates.
    #[napi(ts_return_type = "unknown")]
    pub fn pareto_front(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.inner.pareto_front()))
    }

    /// What the front covers.
    #[napi]
    pub fn hypervolume(&self, env: Env, reference: Vec<f64>) -> napi::Result<f64> {
        sync(&env, || self.inner.hypervolume(&reference))
    }

    /// What each parameter explains.
    #[napi(ts_return_type = "Promise<unknown>")]
    pub fn importance(&self, objective: f64, call: &Call) -> AsyncTask<Job<Plain>> {
        let study = Arc::clone(&self.inner);
        job(call, move |_| Plain::of(&study.importance(objective as usize)?))
    }
}
