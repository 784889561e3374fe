//! The study: what was proposed, what came of it, and what is proposed next.

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::importance::{self, Importance};
use super::pareto;
use super::pruner::Pruner;
use super::record::{Log, RECORD_VERSION, Record};
use super::sampler::{SamplerKind, Score, View, propose};
use super::space::{Params, SearchSpace};
use super::trial::{Outcome, Trial, TrialState};
use crate::file::records::{Locked, RecordFile};
use crate::{Error, Result, Run, Seed};

/// Which way a value is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is better.
    #[default]
    Minimize,
    /// More is better.
    Maximize,
}

impl Direction {
    /// The value as a cost: less is better.
    pub fn cost(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }
}

/// One direction an objective. In JSON `"minimize"` or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Directions {
    /// One objective.
    One(Direction),
    /// So many.
    Several(Vec<Direction>),
}

impl Default for Directions {
    fn default() -> Directions {
        Directions::One(Direction::Minimize)
    }
}

impl Directions {
    /// The directions in order.
    pub fn as_slice(&self) -> &[Direction] {
        match self {
            Directions::One(one) => std::slice::from_ref(one),
            Directions::Several(several) => several,
        }
    }
    /// The number of objectives.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }
    /// Never in a study that was checked.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

/// What a study is told beside its space.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudyOptions {
    /// How trials are proposed.
    pub sampler: SamplerKind,
    /// Which way each objective is better.
    pub direction: Directions,
    /// The seed: with it, the trials told and the order in which they were told give the next trial.
    pub seed: Seed,
    /// Trial `i` is proposed from what is known of the trials up to `i − lag`, and not before those are finished: the same trials
    /// for any number of workers up to `lag`, whatever order they end in. `None`: from what is known at the moment.
    pub lag: Option<u64>,
    /// What stops a trial early.
    pub pruner: Option<Pruner>,
}

impl StudyOptions {
    /// Check the options.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: no direction, or more than eight; a lag of 0; a pruner's parameter out of range; a pruner beside
    /// several objectives.
    pub fn check(&self) -> Result<()> {
        let n = self.direction.len();
        if n == 0 || n > 8 {
            return Err(Error::param("direction", format!("{n} directions"), "one to eight", "name one an objective"));
        }
        if self.lag == Some(0) {
            return Err(Error::param(
                "lag",
                0,
                "a whole number >= 1",
                "a trial cannot know itself; 1 is one after the other",
            ));
        }
        if let Some(pruner) = &self.pruner {
            pruner.check()?;
            if n > 1 {
                return Err(Error::Unsupported {
                    what: "a pruner with several objectives".into(),
                    why: "a report is one number".into(),
                    hint: "leave `pruner` out, or search for one objective".into(),
                });
            }
        }
        Ok(())
    }

    /// From JSON, as the other languages write them.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: an unknown option, a value of the wrong type, or as [`StudyOptions::check`].
    pub fn from_json(json: &str) -> Result<StudyOptions> {
        let options: StudyOptions = crate::error::options("options", json)?;
        options.check()?;
        Ok(options)
    }
}

/// How [`Study::optimize`] runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimize {
    /// Trials that are run and finished by this call.
    pub n_trials: u64,
    /// Trials that run at a time, each on a thread of its own.
    pub n_jobs: usize,
    /// No trial is begun after this many seconds.
    pub max_seconds: Option<f64>,
}

impl Default for Optimize {
    fn default() -> Optimize {
        Optimize { n_trials: 50, n_jobs: 1, max_seconds: None }
    }
}

/// Threads that one study will start.
const MAX_JOBS: usize = 256;

struct State {
    log: Log,
    journal: Option<RecordFile>,
}

/// A search: it proposes trials, is told what came of them, and learns from it.
///
/// All methods take `&self` and may be called from several threads. With the same seed and the same calls in the same order
/// the trials are the same, on any machine; see [`StudyOptions::lag`] for parallel work.
///
/// A trial that ends in NaN, an infinity or an error is [`TrialState::Failed`], with its message: it has no score, samplers keep
/// away from it, and the search goes on.
///
/// # Example
/// ```
/// use attrition_core::Run;
/// use attrition_core::tune::{Optimize, Param, SearchSpace, Study, StudyOptions};
/// # fn main() -> attrition_core::Result<()> {
/// let space = SearchSpace::new([("x", Param::float(-5.0, 5.0)), ("n", Param::int(1, 4))])?;
/// let study = Study::new(space, StudyOptions::default())?;
/// study.optimize(&Optimize { n_trials: 25, ..Optimize::default() }, &Run::new(), |trial| {
///     let (x, n) = (trial.float("x")?, trial.int("n")? as f64);
///     Ok(((x - 1.0) * (x - 1.0) + n).into())
/// })?;
/// let best = study.best()?;
/// assert!((best.float("x")? - 1.0).abs() < 0.1 && best.int("n")? == 1);
/// # Ok(())
/// # }
/// ```
pub struct Study {
    state: Mutex<State>,
    /// Rung when a trial is finished.
    told: Condvar,
}

impl std::fmt::Debug for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("Study").field("options", &state.log.options).field("n_trials", &state.log.trials.len()).finish()
    }
}

impl Study {
    /// A study in memory.
    ///
    /// # Errors
    /// As [`StudyOptions::check`].
    pub fn new(space: SearchSpace, options: StudyOptions) -> Result<Study> {
        options.check()?;
        Ok(Study::of(State { log: Log::new(options, space), journal: None }))
    }

    /// A study in a journal: begun, or resumed where the file holds one.
    ///
    /// Every proposal and result is on the disk before the call returns, as one record of an append-only file: a crash at any byte
    /// loses at most what was in flight. Several processes may open the file at a time and share the study. Whoever opens it
    /// alone finds trials that were handed out and never told: they wait, and are the next to be asked for, with their old numbers and
    /// parameters, so that a resumed study goes on as if it had not been interrupted.
    ///
    /// The options must be those of the file. A space that differs from the file's takes its place from here on; old
    /// trials stay in use as far as their values lie in it. Beside the file stands an empty one, `….lock`.
    ///
    /// # Errors
    /// As [`Study::new`]; [`Error::Io`]; [`Error::Artifact`]: no journal of a study, or a damaged one; [`Error::InvalidParam`]: other
    /// options than the file's.
    pub fn open(path: impl AsRef<Path>, space: SearchSpace, options: StudyOptions) -> Result<Study> {
        options.check()?;
        Study::from_file(path.as_ref(), Some((space, options)))
    }

    /// The study of a journal, with the space and the options it holds. See [`Study::open`].
    ///
    /// # Errors
    /// [`Error::Io`]: also if there is no such file; [`Error::Artifact`].
    pub fn load(path: impl AsRef<Path>) -> Result<Study> {
        let path = path.as_ref();
        std::fs::metadata(path).map_err(|source| crate::file::read_error(path, source))?;
        Study::from_file(path, None)
    }

    fn from_file(path: &Path, given: Option<(SearchSpace, StudyOptions)>) -> Result<Study> {
        let mut journal = RecordFile::open(path)?;
        let alone = journal.was_alone();
        let mut locked = journal.lock()?;
        let mut records = locked.read_new()?.into_iter().map(|bytes| parse(&bytes));
        // A beginning without its space is what a crash left of the first call.
        let log = match (records.next().transpose()?, records.next().transpose()?, given) {
            (Some(first), Some(second), given) => {
                let mut log = Log::begin(first, second)?;
                records.try_for_each(|record| log.apply(record?))?;
                if let Some((space, options)) = given {
                    if log.options != options {
                        let show = |o: &StudyOptions| serde_json::to_string(o).unwrap_or_default();
                        let hint = "give the same options, or begin another journal";
                        return Err(Error::param(
                            "options",
                            show(&options),
                            format!("those of the journal: {}", show(&log.options)),
                            hint,
                        ));
                    }
                    if log.space != space {
                        write(&mut locked, &mut log, Record::Space { space }, true)?;
                    }
                }
                log
            }
            (first, None, Some((space, options))) => {
                let begin = Record::Begin { version: RECORD_VERSION, options: options.clone() };
                match first {
                    None => locked.append(&bytes(&begin)?, false)?,
                    Some(first) if first == begin => {}
                    Some(_) => {
                        return Err(Error::param("options", "others", "those of the journal", "begin another journal"));
                    }
                }
                locked.append(&bytes(&Record::Space { space: space.clone() })?, true)?;
                Log::new(options, space)
            }
            _ => {
                return Err(Error::artifact(
                    format!("`{}` holds no study", path.display()),
                    "give the space to begin one",
                ));
            }
        };
        let mut log = log;
        if alone {
            let left: Vec<u64> =
                log.trials.iter().filter(|t| t.state == TrialState::Running).map(|t| t.number).collect();
            for number in left {
                write(&mut locked, &mut log, Record::Release { number }, true)?;
            }
        }
        drop(locked);
        Ok(Study::of(State { log, journal: Some(journal) }))
    }

    fn of(state: State) -> Study {
        Study { state: Mutex::new(state), told: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the log as it was before the record: records are applied whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bring in what other processes wrote, then let `f` look at the log and give records; they are written and applied.
    fn change<T>(&self, durable: bool, f: impl FnOnce(&Log) -> Result<(Vec<Record>, T)>) -> Result<T> {
        let mut state = self.lock();
        state.change(durable, f)
    }

    /// The next trial: one that waits, else a new one. It is running until it is told.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: no point was found that the constraints allow; [`Error::Numeric`]: every point of the space
    /// has failed; [`Error::Io`], [`Error::Artifact`]: the journal.
    pub fn ask(&self) -> Result<Trial> {
        self.lock().ask()
    }

    /// What came of a running trial. One whose values are NaN or infinite has failed.
    ///
    /// Returns the trial as it is now.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: the trial is not running, or not as many values as objectives; [`Error::NotFound`]; the journal's.
    pub fn tell(&self, number: u64, outcome: impl Into<Outcome>) -> Result<Trial> {
        let outcome = outcome.into();
        let trial = self.change(true, |log| {
            running(log, number)?;
            let outcome = match outcome {
                Outcome::Complete(values) if values.len() != log.options.direction.len() => {
                    let expected = format!("{} (one an objective)", log.options.direction.len());
                    return Err(Error::param(
                        "value",
                        format!("{} values", values.len()),
                        expected,
                        "give one a direction",
                    ));
                }
                Outcome::Complete(values) => match values.iter().find(|v| !v.is_finite()) {
                    Some(bad) => Outcome::Failed(format!("the objective gave {bad}, expected a finite number")),
                    None => Outcome::Complete(values),
                },
                other => other,
            };
            Ok((vec![Record::Tell { number, outcome }], ()))
        });
        let told = trial.and_then(|()| self.trial(number));
        self.told.notify_all();
        told
    }

    /// An intermediate value of a running trial, for the pruner: a later one takes the place of an earlier one of the same step.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: a value that is not finite, or the trial is not running; [`Error::NotFound`]; the journal's.
    pub fn report(&self, number: u64, step: u64, value: f64) -> Result<()> {
        if !value.is_finite() {
            return Err(Error::param(
                "value",
                value,
                "a finite number",
                "tell the trial as failed where a step has no value",
            ));
        }
        self.change(false, |log| {
            running(log, number)?;
            Ok((vec![Record::Report { number, step, value }], ()))
        })
    }

    /// A fact about a running trial that is kept with it.
    ///
    /// # Errors
    /// As [`Study::report`].
    pub fn note(&self, number: u64, name: &str, value: Value) -> Result<()> {
        self.change(false, |log| {
            running(log, number)?;
            Ok((vec![Record::Note { number, name: name.to_owned(), value }], ()))
        })
    }

    /// Whether the study's pruner would stop the trial after what it has reported; false without a pruner.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn should_prune(&self, number: u64) -> Result<bool> {
        let state = self.lock();
        let trial = found(&state.log, number)?;
        let direction = state.log.options.direction.as_slice().first().copied().unwrap_or_default();
        Ok(state.log.options.pruner.as_ref().is_some_and(|p| p.should_prune(trial, &state.log.trials, direction)))
    }

    /// A trial of these parameters, to be asked for before any other: a known good one to begin with.
    ///
    /// # Errors
    /// As [`SearchSpace::check_params`]; the journal's.
    pub fn enqueue(&self, params: &Params) -> Result<u64> {
        self.change(true, |log| {
            let params = log.space.check_params(params)?;
            let number = log.trials.len() as u64;
            Ok((vec![Record::Wait { number, params }], number))
        })
    }

    /// A running trial waits again, without its reports: its worker gave it up.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: it is not running; [`Error::NotFound`]; the journal's.
    pub fn release(&self, number: u64) -> Result<()> {
        let released = self.change(true, |log| {
            running(log, number)?;
            Ok((vec![Record::Release { number }], ()))
        });
        self.told.notify_all();
        released
    }

    /// From here on, search this space: a choice grown, a range widened or narrowed, parameters more or fewer. Trials stay in use as
    /// far as their values lie in it.
    ///
    /// # Errors
    /// The journal's.
    pub fn set_space(&self, space: SearchSpace) -> Result<()> {
        self.change(true, |_| Ok((vec![Record::Space { space }], ())))
    }

    /// The space as it is now.
    pub fn space(&self) -> SearchSpace {
        self.lock().log.space.clone()
    }

    /// The options.
    pub fn options(&self) -> StudyOptions {
        self.lock().log.options.clone()
    }

    /// Bring in what other processes wrote to the journal. [`Study::ask`] and [`Study::tell`] do so, too.
    ///
    /// # Errors
    /// The journal's.
    pub fn refresh(&self) -> Result<()> {
        self.change(false, |_| Ok((Vec::new(), ())))
    }

    /// Every trial, by number.
    pub fn trials(&self) -> Vec<Trial> {
        self.lock().log.trials.clone()
    }

    /// One trial.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn trial(&self, number: u64) -> Result<Trial> {
        found(&self.lock().log, number).cloned()
    }

    /// Numbers of the finished trials, in the order in which they were told.
    pub fn finished(&self) -> Vec<u64> {
        self.lock().log.finished.clone()
    }

    /// The complete trial of the best value; the first of equal ones.
    ///
    /// # Errors
    /// [`Error::InvalidData`]: no trial is complete (with the last failure's error); [`Error::Unsupported`]: several objectives.
    pub fn best(&self) -> Result<Trial> {
        let state = self.lock();
        let &[direction] = state.log.options.direction.as_slice() else {
            return Err(Error::Unsupported {
                what: "the best trial of several objectives".into(),
                why: "there is a front of trials, none of them better than all others".into(),
                hint: "ask for the Pareto front".into(),
            });
        };
        let cost = |t: &&Trial| t.value().map_or(f64::INFINITY, |v| direction.cost(v));
        let complete = state.log.trials.iter().filter(|t| t.state == TrialState::Complete);
        complete.min_by(|a, b| cost(a).total_cmp(&cost(b))).cloned().ok_or_else(|| none_complete(&state.log))
    }

    /// The complete trials that no other dominates, by number; of one objective the best ones.
    pub fn pareto_front(&self) -> Vec<Trial> {
        let state = self.lock();
        let (complete, costs) = state.log.complete();
        pareto::front(&costs).into_iter().filter_map(|i| complete.get(i).map(|t| (*t).clone())).collect()
    }

    /// The volume that the front covers before a reference point given as values of the objectives. See [`pareto::hypervolume`].
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: not as many numbers as objectives, or not finite.
    pub fn hypervolume(&self, reference: &[f64]) -> Result<f64> {
        let state = self.lock();
        let directions = state.log.options.direction.as_slice();
        if reference.len() != directions.len() || !reference.iter().all(|v| v.is_finite()) {
            let expected = format!("{} finite numbers", directions.len());
            return Err(Error::param(
                "reference",
                format!("{reference:?}"),
                expected,
                "give the worst value of each objective that counts",
            ));
        }
        let reference: Vec<f64> = reference.iter().zip(directions).map(|(v, d)| d.cost(*v)).collect();
        Ok(pareto::hypervolume(&state.log.complete().1, &reference))
    }

    /// How much of the variance of an objective each parameter explains. See [`Importance`].
    ///
    /// # Errors
    /// [`Error::InvalidData`]: fewer than four complete trials; [`Error::NotFound`]: no such objective.
    pub fn importance(&self, objective: usize) -> Result<Importance> {
        let state = self.lock();
        let log = &state.log;
        if objective >= log.options.direction.len() {
            return Err(Error::not_found("objective", objective.to_string(), ["counted from 0"]));
        }
        let complete = log.trials.iter().zip(&log.points).filter(|(t, _)| t.state == TrialState::Complete);
        let rows: Vec<(&[f64], f64)> =
            complete.filter_map(|(t, p)| Some((p.as_deref()?, *t.values.get(objective)?))).collect();
        importance::importance(&log.space, &rows, log.options.seed)
    }

    /// Ask, call `f`, and tell, until `n_trials` trials are finished.
    ///
    /// An error of `f` makes its trial a failed one and the search goes on; [`Error::Cancelled`] ends it, and the trials in flight wait
    /// again. `f` gives a number, numbers, or an [`Outcome`]; it may report on its way, and ask whether to stop:
    /// [`Ongoing`].
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of [`Study::ask`] and [`Study::tell`]; [`Error::InvalidParam`]: no trial or job, too many jobs;
    /// [`Error::InvalidData`]: no trial of the study is complete at the end.
    pub fn optimize(
        &self,
        options: &Optimize,
        run: &Run,
        f: impl Fn(&Ongoing<'_>) -> Result<Outcome> + Sync,
    ) -> Result<()> {
        if options.n_jobs == 0 || options.n_jobs > MAX_JOBS {
            let expected = format!("a whole number from 1 to {MAX_JOBS}");
            return Err(Error::param("n_jobs", options.n_jobs, expected, "use as many as there are cores"));
        }
        if options.max_seconds.is_some_and(|s| s.is_nan() || s < 0.0) {
            let got = format!("{:?}", options.max_seconds);
            return Err(Error::param("max_seconds", got, "a number >= 0", "leave it out for no limit"));
        }
        let deadline = options
            .max_seconds
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .and_then(|d| Instant::now().checked_add(d));
        // Trials begun and finished by this call, and the first error that ends it.
        let progress = Mutex::new((0u64, 0u64, None::<Error>));
        let counts = || progress.lock().unwrap_or_else(PoisonError::into_inner);
        let total = usize::try_from(options.n_trials).unwrap_or(usize::MAX);
        let worker = || {
            loop {
                if let Err(e) = run.check() {
                    counts().2.get_or_insert(e);
                }
                let late = deadline.is_some_and(|d| Instant::now() >= d);
                let asked = {
                    // Begun under one lock, so that numbers follow the order of counting.
                    let mut counts = counts();
                    if counts.2.is_some() || counts.0 >= options.n_trials || late {
                        return;
                    }
                    match self.ask_in_turn() {
                        Ok(Some(trial)) => {
                            counts.0 += 1;
                            Ok(Some(trial))
                        }
                        other => other,
                    }
                };
                let done = asked.and_then(|trial| {
                    let Some(trial) = trial else {
                        // The trial that the next one needs is still running.
                        let state = self.lock();
                        drop(self.told.wait_timeout(state, Duration::from_millis(20)));
                        return Ok(());
                    };
                    self.work(trial, run, &f)?;
                    let mut counts = counts();
                    counts.1 += 1;
                    run.progress("tune", usize::try_from(counts.1).unwrap_or(usize::MAX), total);
                    Ok(())
                });
                if let Err(e) = done {
                    counts().2.get_or_insert(e);
                    self.told.notify_all();
                    return;
                }
            }
        };
        let threads = options.n_jobs.min(total.max(1));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                if std::thread::Builder::new().name("attrition".into()).spawn_scoped(scope, worker).is_err() {
                    break;
                }
            }
            worker();
        });
        let (_, finished, error) = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(e) => Err(e),
            None if finished > 0 && self.lock().log.complete().0.is_empty() => Err(none_complete(&self.lock().log)),
            None => Ok(()),
        }
    }

    /// [`Study::ask`], or `None` while a trial that the next one has to know is running: see [`StudyOptions::lag`].
    ///
    /// # Errors
    /// As [`Study::ask`].
    pub fn ask_in_turn(&self) -> Result<Option<Trial>> {
        let mut state = self.lock();
        if let Some(lag) = state.log.options.lag {
            let waits = state.log.trials.iter().any(|t| t.state == TrialState::Waiting);
            let known = (state.log.trials.len() as u64 + 1).saturating_sub(lag);
            if !waits && state.log.trials.iter().take(known as usize).any(|t| t.state == TrialState::Running) {
                return Ok(None);
            }
        }
        state.ask().map(Some)
    }

    fn work(&self, trial: Trial, run: &Run, f: &(impl Fn(&Ongoing<'_>) -> Result<Outcome> + Sync)) -> Result<()> {
        let number = trial.number;
        let ongoing = Ongoing { study: self, trial, run };
        let outcome = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(&ongoing))) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Error::Cancelled)) => {
                self.release(number)?;
                return Err(Error::Cancelled);
            }
            Ok(Err(e)) => Outcome::Failed(e.to_string()),
            Err(_) => Outcome::Failed("the objective panicked".to_owned()),
        };
        // A result that came with the cancellation is a result.
        self.tell(number, outcome).map(|_| ())
    }
}

impl State {
    fn change<T>(&mut self, durable: bool, f: impl FnOnce(&Log) -> Result<(Vec<Record>, T)>) -> Result<T> {
        let log = &mut self.log;
        match &mut self.journal {
            None => {
                let (records, value) = f(log)?;
                records.into_iter().try_for_each(|record| log.apply(record))?;
                Ok(value)
            }
            Some(journal) => {
                let mut locked = journal.lock()?;
                for record in locked.read_new()? {
                    log.apply(parse(&record)?)?;
                }
                let (records, value) = f(log)?;
                records.into_iter().try_for_each(|record| write(&mut locked, log, record, durable))?;
                Ok(value)
            }
        }
    }

    fn ask(&mut self) -> Result<Trial> {
        let number = self.change(true, |log| {
            if let Some(waiting) = log.trials.iter().find(|t| t.state == TrialState::Waiting) {
                return Ok((vec![Record::Ask { number: waiting.number, params: None }], waiting.number));
            }
            let number = log.trials.len() as u64;
            let point = propose(log.options.sampler, &log.view(number))?;
            let params = log.space.decode(&point);
            Ok((vec![Record::Ask { number, params: Some(params) }], number))
        })?;
        found(&self.log, number).cloned()
    }
}

impl Log {
    /// What a sampler sees when it proposes trial `number`.
    fn view(&self, number: u64) -> View<'_> {
        let directions = self.options.direction.as_slice();
        // Trials after this one may not be known yet, whatever their workers did.
        let known = self.options.lag.map_or(u64::MAX, |lag| (number + 1).saturating_sub(lag));
        let told = |t: &Trial| t.number < known && t.state.is_finished();
        let mut scalar = Vec::new();
        if directions.len() > 1 {
            let complete = self.trials.iter().filter(|t| told(t) && t.state == TrialState::Complete);
            let costs: Vec<Vec<f64>> = complete.map(|t| costs(t, directions)).collect();
            let mut rng = self.options.seed.stream("tune objectives", number);
            scalar = pareto::scalarized(&costs, &pareto::weights(&mut rng, directions.len()));
        }
        let mut scalar = scalar.into_iter();
        let direction = directions.first().copied().unwrap_or_default();
        let mut seen = Vec::with_capacity(self.trials.len());
        for (trial, point) in self.trials.iter().zip(&self.points) {
            let score = match trial.state {
                _ if !told(trial) => Score::Pending,
                TrialState::Complete if directions.len() > 1 => Score::Complete(scalar.next().unwrap_or(0.0)),
                TrialState::Complete => Score::Complete(direction.cost(trial.value().unwrap_or(0.0))),
                TrialState::Pruned => Score::Pruned(trial.reports.values().next_back().map(|v| direction.cost(*v))),
                _ => Score::Failed,
            };
            if let Some(point) = point {
                seen.push((point.as_slice(), score));
            }
        }
        View { space: &self.space, seen, seed: self.options.seed, number }
    }

    /// The complete trials and their costs.
    fn complete(&self) -> (Vec<&Trial>, Vec<Vec<f64>>) {
        let complete: Vec<&Trial> = self.trials.iter().filter(|t| t.state == TrialState::Complete).collect();
        let costs = complete.iter().map(|t| costs(t, self.options.direction.as_slice())).collect();
        (complete, costs)
    }
}

fn costs(trial: &Trial, directions: &[Direction]) -> Vec<f64> {
    trial.values.iter().zip(directions).map(|(v, d)| d.cost(*v)).collect()
}

/// A trial at work: what the closure of [`Study::optimize`] gets. It is the trial, and the way to report.
#[derive(Debug)]
pub struct Ongoing<'a> {
    study: &'a Study,
    trial: Trial,
    run: &'a Run,
}

impl std::ops::Deref for Ongoing<'_> {
    type Target = Trial;
    fn deref(&self) -> &Trial {
        &self.trial
    }
}

impl Ongoing<'_> {
    /// Progress, cancellation and threads of the whole search.
    pub fn run(&self) -> &Run {
        self.run
    }

    /// Reports an intermediate value, and says whether the trial should end here as [`Outcome::Pruned`].
    ///
    /// # Errors
    /// As [`Study::report`]; [`Error::Cancelled`].
    pub fn report(&self, step: u64, value: f64) -> Result<bool> {
        self.run.check()?;
        self.study.report(self.trial.number, step, value)?;
        self.study.should_prune(self.trial.number)
    }

    /// Keeps a fact with the trial.
    ///
    /// # Errors
    /// As [`Study::note`].
    pub fn note(&self, name: &str, value: Value) -> Result<()> {
        self.study.note(self.trial.number, name, value)
    }
}

fn found(log: &Log, number: u64) -> Result<&Trial> {
    let there = || format!("0 to {}", log.trials.len().saturating_sub(1));
    let missing = || {
        let there = if log.trials.is_empty() { String::new() } else { there() };
        Error::not_found("trial", number.to_string(), (!there.is_empty()).then_some(there.as_str()))
    };
    log.trial(number).ok_or_else(missing)
}

fn running(log: &Log, number: u64) -> Result<&Trial> {
    let trial = found(log, number)?;
    if trial.state != TrialState::Running {
        let state = serde_json::to_string(&trial.state).unwrap_or_default();
        let hint = "tell each trial that was asked for once";
        return Err(Error::param("trial", format!("trial {number}, which is {state}"), "a running trial", hint));
    }
    Ok(trial)
}

fn none_complete(log: &Log) -> Error {
    let failed = log.trials.iter().rev().find_map(|t| t.error.as_ref().map(|e| (t.number, e)));
    let got = match failed {
        Some((number, error)) => {
            format!("{} trials, none of them complete; trial {number} failed: {error}", log.trials.len())
        }
        None => format!("{} trials, none of them complete", log.trials.len()),
    };
    Error::data(
        crate::error::Place::none(),
        got,
        "at least one complete trial",
        "run more trials, or mend the objective",
    )
}

fn bytes(record: &Record) -> Result<Vec<u8>> {
    serde_json::to_vec(record).map_err(|e| Error::Internal(format!("a record that is not JSON: {e}")))
}

fn parse(bytes: &[u8]) -> Result<Record> {
    serde_json::from_slice(bytes).map_err(|e| {
        Error::artifact(
            format!("a journal with a record that is none of ours: {e}"),
            "read it with the attrition that wrote it",
        )
    })
}

/// Apply a record and append it; a record that cannot be applied is not written.
fn write(locked: &mut Locked<'_>, log: &mut Log, record: Record, durable: bool) -> Result<()> {
    let bytes = bytes(&record)?;
    locked.append(&bytes, durable)?;
    log.apply(record)
}
