//! The one door: how a call of JavaScript enters the core and how its result or error goes back.
//!
//! [`sync`] for what takes microseconds; [`Job`] for everything longer, on a thread of Node's pool. A panic behind
//! either is an `ATTRITION_INTERNAL` error, never the end of the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use attrition_core::{CancelToken, Error, Event, Result, Run};
use napi::bindgen_prelude::{AsyncTask, FnArgs, Function, ToNapiValue, TypeName};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Task};
use napi_derive::napi;

use crate::error::thrown;

/// Run on this thread, the event loop's.
pub(crate) fn sync<T>(env: &Env, work: impl FnOnce() -> Result<T>) -> napi::Result<T> {
    guard(work).map_err(|e| thrown(env, &e))
}

fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(Error::Internal(text.unwrap_or_else(|| "a panic without a message".to_owned())))
    })
}

/// `(stage, done, total)`.
type Report<'f> = Function<'f, FnArgs<(String, f64, f64)>, ()>;

/// Observer, cancel token and thread limit of one call.
#[napi]
pub struct Call {
    token: CancelToken,
    run: Run,
}

#[napi]
impl Call {
    /// `on_progress(stage, done, total)` is called on the event loop and does not keep the process alive.
    #[napi(constructor)]
    pub fn new(
        #[napi(ts_arg_type = "((stage: string, done: number, total: number) => void) | undefined | null")]
        on_progress: Option<Report<'_>>,
        n_threads: Option<u32>,
    ) -> napi::Result<Call> {
        let token = CancelToken::new();
        let mut run = Run::new().cancel_token(token.clone()).n_threads(n_threads.map(|n| n as usize));
        if let Some(f) = on_progress {
            let f = f.build_threadsafe_function::<FnArgs<(String, f64, f64)>>().weak::<true>().build()?;
            run = run.observer(Arc::new(move |event: &Event| {
                let args = (event.stage.to_owned(), event.done as f64, event.total as f64).into();
                f.call(args, ThreadsafeFunctionCallMode::NonBlocking);
            }));
        }
        Ok(Call { token, run })
    }

    /// Ask the work to stop.
    #[napi]
    pub fn cancel(&self) {
        self.token.cancel();
    }
}

/// What an object of JavaScript holds until it is disposed of.
pub(crate) struct Held<T> {
    inner: Option<T>,
    /// "model", "table".
    what: &'static str,
}

impl<T: Clone> Held<T> {
    pub(crate) fn new(what: &'static str, inner: T) -> Held<T> {
        Held { inner: Some(inner), what }
    }

    /// What is held.
    pub(crate) fn get(&self) -> Result<&T> {
        self.inner.as_ref().ok_or_else(|| Error::Unsupported {
            what: format!("work with a {} after it was disposed of", self.what),
            why: "its memory is given back".to_owned(),
            hint: format!("load the {} again, or dispose of it later", self.what),
        })
    }

    /// What is held, to be taken to another thread.
    pub(crate) fn share(&self) -> Result<T> {
        self.get().cloned()
    }

    /// Lets go of it.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

type Work<T> = Box<dyn FnOnce(&Run) -> Result<T> + Send>;

/// Work on a thread of Node's pool; the promise rejects with the typed error.
pub struct Job<T> {
    work: Option<Work<T>>,
    run: Run,
    failure: Option<Error>,
}

/// `work` off the event loop.
pub(crate) fn job<T>(call: &Call, work: impl FnOnce(&Run) -> Result<T> + Send + 'static) -> AsyncTask<Job<T>>
where
    T: ToNapiValue + TypeName + Send + 'static,
{
    AsyncTask::new(Job { work: Some(Box::new(work)), run: call.run.clone(), failure: None })
}

impl<T: ToNapiValue + TypeName + Send + 'static> Task for Job<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<T> {
        let (work, run) = (self.work.take(), &self.run);
        let done = guard(|| {
            // A call that waited in the pool's queue may have been cancelled there.
            run.check()?;
            work.map_or_else(|| Err(Error::Internal("a job ran twice".to_owned())), |work| work(run))
        });
        done.map_err(|e| {
            let text = e.to_string();
            self.failure = Some(e);
            napi::Error::from_reason(text)
        })
    }

    fn resolve(&mut self, _: Env, output: T) -> napi::Result<T> {
        Ok(output)
    }

    fn reject(&mut self, env: Env, error: napi::Error) -> napi::Result<T> {
        Err(self.failure.take().map_or(error, |e| thrown(&env, &e)))
    }
}
