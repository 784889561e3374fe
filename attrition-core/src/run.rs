//! How long work runs: progress, cancellation, threads.
//!
//! Every long call takes a [`Run`]. Work is cut into numbered pieces whose size does not depend on the thread
//! count; results come back in piece order, so that the same seed gives the same bytes on any machine.
//!
//! Threads are scoped to the call: none is left behind when it returns, and a forked process inherits no pool
//! whose threads are gone.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use crate::{Error, Result};

/// Rows per piece in row-parallel work. Fixed: it is part of what makes sums reproducible.
pub const CHUNK_ROWS: usize = 4096;

/// One progress report.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Event {
    /// What is being done: `"cross_validate"`, `"fit"`, `"read_csv"` …
    pub stage: &'static str,
    /// Pieces done.
    pub done: usize,
    /// Pieces in all; 0 where nobody knows yet.
    pub total: usize,
}

/// Receives progress. Called from worker threads; must not block for long.
pub trait Observer: Send + Sync {
    /// One report.
    fn on_event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// A flag that stops the work it was handed to, within 100 ms.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not set.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }
    /// Ask the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// Whether it was asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Observer, cancel token and thread limit of one call.
#[derive(Clone, Default)]
pub struct Run {
    observer: Option<Arc<dyn Observer>>,
    cancel: CancelToken,
    n_threads: Option<usize>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("observer", &self.observer.is_some())
            .field("cancel", &self.cancel)
            .field("n_threads", &self.n_threads)
            .finish()
    }
}

impl Run {
    /// No observer, no limit but the machine's.
    pub fn new() -> Run {
        Run::default()
    }
    /// With an observer.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Run {
        self.observer = Some(observer);
        self
    }
    /// With a cancel token.
    pub fn cancel_token(mut self, token: CancelToken) -> Run {
        self.cancel = token;
        self
    }
    /// With at most this many threads; `None`: the environment variable `ATTRITION_NUM_THREADS`, else `OMP_NUM_THREADS` (which
    /// joblib, Dask and schedulers of clusters set for each of their workers), else the machine's cores.
    pub fn n_threads(mut self, n_threads: Option<usize>) -> Run {
        self.n_threads = n_threads;
        self
    }
    /// The same observer and token on one thread: for work inside an already parallel loop.
    pub fn single(&self) -> Run {
        Run { observer: None, cancel: self.cancel.clone(), n_threads: Some(1) }
    }

    /// The number of threads this call may use.
    pub fn threads(&self) -> usize {
        if let Some(n) = self.n_threads {
            return n.max(1);
        }
        ["ATTRITION_NUM_THREADS", "OMP_NUM_THREADS"]
            .into_iter()
            .find_map(|name| limit(&std::env::var(name).ok()?))
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// `Err(Error::Cancelled)` once the token is set.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Report progress.
    pub fn progress(&self, stage: &'static str, done: usize, total: usize) {
        if let Some(observer) = &self.observer {
            observer.on_event(&Event { stage, done, total });
        }
    }

    /// `f(0), f(1), …, f(n - 1)` on the call's threads, results in order.
    ///
    /// Stops early on the first error or on cancellation; when several pieces fail, the one with the lowest
    /// number among those that ran is returned.
    ///
    /// # Errors
    /// The first error of `f`; [`Error::Cancelled`]; [`Error::Internal`] if a piece panicked.
    pub fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
        let threads = self.threads().min(n);
        if threads <= 1 {
            return (0..n).map(|i| self.check().and_then(|()| f(i))).collect();
        }
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let collected: Mutex<Vec<(usize, Result<T>)>> = Mutex::new(Vec::with_capacity(n));
        let work = || {
            let mut local = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= n {
                    break;
                }
                let result = match self.check() {
                    Err(e) => Err(e),
                    Ok(()) => catch_unwind(AssertUnwindSafe(|| f(i))).unwrap_or_else(|p| Err(panicked(p.as_ref()))),
                };
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                local.push((i, result));
            }
            collected.lock().unwrap_or_else(PoisonError::into_inner).append(&mut local);
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // A machine that grants no further thread still gets the work done on this one.
                if std::thread::Builder::new().name("attrition".into()).spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        let mut all = collected.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_unstable_by_key(|(i, _)| *i);
        all.into_iter().map(|(_, r)| r).collect()
    }

    /// `f` over `0..n` in pieces of `chunk`, results in order. See [`Run::map`].
    ///
    /// # Errors
    /// As [`Run::map`].
    pub fn map_chunks<T: Send>(
        &self,
        n: usize,
        chunk: usize,
        f: impl Fn(Range<usize>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let chunk = chunk.max(1);
        self.map(n.div_ceil(chunk), |i| f(i * chunk..((i + 1) * chunk).min(n)))
    }

    /// `f` over `out` in place, in pieces of `chunk` elements: `f(first index of the piece, piece)`.
    ///
    /// # Errors
    /// As [`Run::map`].
    pub fn fill_chunks<T: Send>(
        &self,
        out: &mut [T],
        chunk: usize,
        f: impl Fn(usize, &mut [T]) -> Result<()> + Sync,
    ) -> Result<()> {
        let chunk = chunk.max(1);
        let pieces: Vec<Mutex<&mut [T]>> = out.chunks_mut(chunk).map(Mutex::new).collect();
        self.map(pieces.len(), |i| {
            let mut piece = pieces[i].lock().unwrap_or_else(PoisonError::into_inner);
            f(i * chunk, &mut piece)
        })?;
        Ok(())
    }
}

fn panicked(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a worker panicked".to_owned());
    Error::Internal(text)
}

/// A thread limit as the environment writes it; OpenMP's may be a list by depth of nesting.
fn limit(text: &str) -> Option<usize> {
    text.split(',').next()?.trim().parse().ok().filter(|&n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_thread_count() {
        for t in [1, 2, 3, 8] {
            let run = Run::new().n_threads(Some(t));
            let got = run.map(1000, |i| Ok(i * i)).unwrap();
            assert_eq!(got, (0..1000).map(|i| i * i).collect::<Vec<_>>());
            let mut out = vec![0usize; 1003];
            run.fill_chunks(&mut out, 10, |first, piece| {
                for (k, v) in piece.iter_mut().enumerate() {
                    *v = first + k;
                }
                Ok(())
            })
            .unwrap();
            assert_eq!(out, (0..1003).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_limit_of_the_environment_is_a_number_above_zero() {
        for (text, expected) in
            [("3", Some(3)), (" 2 ", Some(2)), ("4,2", Some(4)), ("0", None), ("", None), ("all", None)]
        {
            assert_eq!(limit(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_error_stops_and_a_panic_becomes_an_error() {
        let run = Run::new().n_threads(Some(2));
        let e = run.map(100, |i| if i == 5 { Err(Error::Internal("five".into())) } else { Ok(i) }).unwrap_err();
        assert!(e.to_string().contains("five"));
        let e = run.map(100, |i| if i == 5 { panic!("boom") } else { Ok(i) }).unwrap_err();
        assert_eq!(e.kind(), crate::ErrorKind::Internal);
        assert!(e.to_string().contains("boom"));
    }

    #[test]
    fn a_set_token_cancels() {
        let token = CancelToken::new();
        let run = Run::new().cancel_token(token.clone()).n_threads(Some(2));
        token.cancel();
        assert_eq!(run.map(10, Ok).unwrap_err().kind(), crate::ErrorKind::Cancelled);
    }
}
