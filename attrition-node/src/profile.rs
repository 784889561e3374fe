//! Mergeable summaries of tables.

use std::sync::{Mutex, MutexGuard, PoisonError};

use attrition_core::profile::Profile as Core;
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi_derive::napi;

use crate::door::{Call, Job, job, sync};
use crate::plain::Plain;
use crate::table::Table;

/// What a table's columns look like, without a row.
#[napi]
pub struct Profile {
    inner: Mutex<Core>,
}

impl From<Core> for Profile {
    fn from(inner: Core) -> Profile {
        Profile { inner: Mutex::new(inner) }
    }
}

impl Profile {
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[napi]
impl Profile {
    /// Of the named columns of a table; of all where no names are given.
    #[napi(ts_return_type = "Promise<Profile>")]
    pub fn of(table: &Table, names: Option<Vec<String>>, call: &Call) -> AsyncTask<Job<Profile>> {
        let table = table.held.share();
        job(call, move |run| {
            let table = table?;
            let profile = match &names {
                None => Core::of(&table, run),
                Some(names) => Core::of_columns(&table, &names.iter().map(String::as_str).collect::<Vec<_>>(), run),
            };
            profile.map(Profile::from)
        })
    }

    /// From the bytes that `toBytes` gave.
    #[napi]
    pub fn from_bytes(env: Env, bytes: &[u8]) -> napi::Result<Profile> {
        sync(&env, || Core::from_bytes(bytes).map(Profile::from))
    }

    /// As bytes.
    #[napi]
    pub fn to_bytes(&self, env: Env) -> napi::Result<Buffer> {
        sync(&env, || self.lock().to_bytes()).map(Buffer::from)
    }

    /// Adds the rows of another profile of the same columns.
    #[napi]
    pub fn merge(&self, env: Env, other: &Profile) -> napi::Result<()> {
        // A copy: both may be one.
        let more = other.lock().clone();
        sync(&env, || self.lock().merge(&more))
    }

    /// The columns' names, sorted.
    #[napi(getter)]
    pub fn names(&self) -> Vec<String> {
        self.lock().names().map(str::to_owned).collect()
    }

    /// Rows seen.
    #[napi(getter)]
    pub fn n_rows(&self) -> f64 {
        self.lock().n_rows() as f64
    }

    /// What it knows, as plain values.
    #[napi(ts_return_type = "unknown")]
    pub fn to_dict(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.lock().facts()))
    }
}
