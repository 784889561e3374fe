//! Threads that stay for a whole fit: a tree is grown in thousands of phases of microseconds, for which starting threads
//! anew (as [`crate::Run::map`] does) costs more than the work.
//!
//! They are scoped to the call all the same: none is left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::{Error, Result};

/// Turns of waiting before a thread sleeps: some 50 µs, the time between two phases.
const SPINS: usize = 20_000;

type Job<'env> = Box<dyn Fn(usize) + Send + Sync + 'env>;

/// `n` tasks of one kind.
struct Phase<'env> {
    job: Job<'env>,
    n: usize,
    next: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicBool,
}

impl Phase<'_> {
    /// Do tasks until none is left.
    fn work(&self) {
        loop {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= self.n {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| (self.job)(task))).is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            // Release: what the task wrote is seen by whoever sees the count.
            self.done.fetch_add(1, Ordering::Release);
        }
    }
}

struct State<'env> {
    /// The number of the current phase; read without the lock while waiting.
    number: AtomicUsize,
    current: Mutex<(Option<Arc<Phase<'env>>>, bool)>,
    wake: Condvar,
}

/// The threads of one fit. Made by [`with_team`].
pub(super) struct Team<'env> {
    state: Arc<State<'env>>,
    threads: usize,
}

/// `body` with so many threads at its side, itself among them.
pub(super) fn with_team<'env, T>(threads: usize, body: impl FnOnce(&Team<'env>) -> T) -> T {
    let state =
        Arc::new(State { number: AtomicUsize::new(0), current: Mutex::new((None, false)), wake: Condvar::new() });
    std::thread::scope(|scope| {
        let mut started = 1;
        for _ in 1..threads {
            let state = Arc::clone(&state);
            // A machine that grants no further thread still gets the work done.
            if std::thread::Builder::new().name("attrition".into()).spawn_scoped(scope, move || serve(&state)).is_err()
            {
                break;
            }
            started += 1;
        }
        // Also on a panic of `body` the threads are sent home, or the scope would wait for ever.
        struct Close<'a, 'env>(&'a State<'env>);
        impl Drop for Close<'_, '_> {
            fn drop(&mut self) {
                self.0.current.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
                self.0.number.fetch_add(1, Ordering::Release);
                self.0.wake.notify_all();
            }
        }
        let _close = Close(&state);
        body(&Team { state: Arc::clone(&state), threads: started })
    })
}

fn serve(state: &State<'_>) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while state.number.load(Ordering::Acquire) == seen && spins < SPINS {
            spins += 1;
            std::hint::spin_loop();
        }
        let phase = {
            let mut current = state.current.lock().unwrap_or_else(PoisonError::into_inner);
            while state.number.load(Ordering::Acquire) == seen {
                current = state.wake.wait(current).unwrap_or_else(PoisonError::into_inner);
            }
            seen = state.number.load(Ordering::Acquire);
            if current.1 {
                return;
            }
            current.0.clone()
        };
        if let Some(phase) = phase {
            phase.work();
        }
    }
}

impl<'env> Team<'env> {
    /// How many threads there are.
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// `job(0) … job(n − 1)`, on all threads, in any order; returns when all are done.
    ///
    /// # Errors
    /// [`Error::Internal`] if a task panicked.
    pub(super) fn run(&self, n: usize, job: impl Fn(usize) + Send + Sync + 'env) -> Result<()> {
        let phase = Arc::new(Phase {
            job: Box::new(job),
            n,
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        });
        if self.threads > 1 && n > 1 {
            self.state.current.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(Arc::clone(&phase));
            self.state.number.fetch_add(1, Ordering::Release);
            self.state.wake.notify_all();
        }
        phase.work();
        let mut spins = 0;
        while phase.done.load(Ordering::Acquire) < n {
            spins += 1;
            // On a machine with fewer free cores than threads the others need this one.
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        if phase.failed.load(Ordering::Relaxed) {
            return Err(Error::Internal("a task of a tree's growth failed".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_in_every_phase() {
        for threads in [1, 2, 5] {
            let counts: Vec<AtomicUsize> = (0..64).map(|_| AtomicUsize::new(0)).collect();
            let counts = &counts;
            let phases = 2000;
            with_team(threads, |team| {
                for _ in 0..phases {
                    team.run(counts.len(), move |i| {
                        counts[i].fetch_add(1, Ordering::Relaxed);
                    })
                    .unwrap();
                }
            });
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == phases));
        }
    }

    #[test]
    fn a_failed_task_is_an_error_and_the_threads_go_home() {
        let e = with_team(2, |team| team.run(8, |i| assert!(i != 3))).unwrap_err();
        assert_eq!(e.kind(), crate::ErrorKind::Internal);
    }
}
