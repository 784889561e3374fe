//! The one door between Python and the core.
//!
//! [`enter`] is for work that may take long: it releases the GIL, runs the work on a thread of its own, hands
//! progress to the caller's callback on the caller's own thread, looks for Ctrl-C every 50 ms, and waits for the work
//! to end before it raises. [`detached`] releases the GIL too, for work of at most a few milliseconds that a thread of its own
//! would only make longer. [`quick`] is for calls of microseconds. All turn a panic into an `InternalError`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use attrition_core::{CancelToken, Error, Event, Result, Run};
use pyo3::prelude::*;

use crate::error::to_py;

/// How often Ctrl-C is looked for.
const POLL: Duration = Duration::from_millis(50);

enum Message<T> {
    Progress(Event),
    Done(Result<T>),
}

/// Run `work` outside the GIL with a callback for progress, called as `progress(event)`.
///
/// An exception raised by the callback, or a pending signal's, cancels the work and is raised once it has ended.
pub(crate) fn enter<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    n_threads: Option<usize>,
    work: impl FnOnce(&Run) -> Result<T> + Send,
) -> PyResult<T> {
    let progress = progress.map(|p| p.clone().unbind());
    let cancel = CancelToken::new();
    let mut run = Run::new().cancel_token(cancel.clone()).n_threads(n_threads);
    let (sender, receiver) = channel();
    if progress.is_some() {
        let events = sender.clone();
        // The receiver outlives the work, so that sending cannot fail.
        run = run.observer(Arc::new(move |event: &Event| {
            let _ = events.send(Message::Progress(event.clone()));
        }));
    }
    let work = Mutex::new(Some(work));
    let do_work = || {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = match work {
            Some(work) => guarded(|| work(&run)),
            None => Err(Error::Internal("the work was started twice".into())),
        };
        let _ = sender.send(Message::Done(result));
    };
    let do_work = &do_work;
    let outcome: PyResult<Result<T>> = py.detach(move || {
        std::thread::scope(|scope| {
            let spawned = std::thread::Builder::new().name("attrition".into()).spawn_scoped(scope, do_work);
            if spawned.is_err() {
                // A machine that grants no further thread still gets the work done, without Ctrl-C.
                do_work();
            }
            let mut raised: Option<PyErr> = None;
            loop {
                match receiver.recv_timeout(POLL) {
                    Ok(Message::Done(result)) => return raised.map_or(Ok(result), Err),
                    Ok(Message::Progress(event)) => {
                        if let (None, Some(progress)) = (&raised, &progress) {
                            raised = Python::attach(|py| progress.call1(py, (crate::train::Event::from(event),)).err());
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        if raised.is_none() {
                            raised = Python::attach(|py| py.check_signals().err());
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Ok(Err(Error::Internal("the work ended without a result".into())));
                    }
                }
                if raised.is_some() {
                    cancel.cancel();
                }
            }
        })
    });
    outcome?.map_err(|e| to_py(py, &e))
}

/// Run `work` on the caller's thread, outside the GIL: for what takes longer than 50 µs, and not long enough for Ctrl-C.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| guarded(work)).map_err(|e| to_py(py, &e))
}

/// Run `work` as it is: for calls of microseconds, where releasing the GIL would cost more than it gives.
pub(crate) fn quick<T>(py: Python<'_>, work: impl FnOnce() -> Result<T>) -> PyResult<T> {
    guarded(work).map_err(|e| to_py(py, &e))
}

/// Run `work`; a panic is an error like any other.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        Err(Error::Internal(message))
    })
}
