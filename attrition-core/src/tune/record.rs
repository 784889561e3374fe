//! What happens to a study, as records: applied one after the other they give its state, in memory and from a journal alike.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::space::{Params, SearchSpace};
use super::study::StudyOptions;
use super::trial::{Outcome, Trial, TrialState};
use crate::{Error, Result};

/// The version of the records' form.
pub(super) const RECORD_VERSION: u32 = 1;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record {
    /// The first one.
    Begin {
        version: u32,
        options: StudyOptions,
    },
    /// From here on the space is this one.
    Space {
        space: SearchSpace,
    },
    /// A trial is there and waits.
    Wait {
        number: u64,
        params: Params,
    },
    /// A trial was handed out; its parameters, unless it waited before.
    Ask {
        number: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        params: Option<Params>,
    },
    /// A trial was handed out and its worker is gone: it waits again, without its reports.
    Release {
        number: u64,
    },
    Report {
        number: u64,
        step: u64,
        value: f64,
    },
    Note {
        number: u64,
        name: String,
        value: Value,
    },
    Tell {
        number: u64,
        outcome: Outcome,
    },
}

/// The state of a study.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) options: StudyOptions,
    pub(super) space: SearchSpace,
    pub(super) trials: Vec<Trial>,
    /// By trial, its point in the space as it is now; `None` where a value lies outside.
    pub(super) points: Vec<Option<Vec<f64>>>,
    /// Numbers of trials in the order in which they were finished.
    pub(super) finished: Vec<u64>,
}

impl Log {
    pub(super) fn new(options: StudyOptions, space: SearchSpace) -> Log {
        Log { options, space, trials: Vec::new(), points: Vec::new(), finished: Vec::new() }
    }

    /// The first two records of a study give its log.
    pub(super) fn begin(first: Record, second: Record) -> Result<Log> {
        match (first, second) {
            (Record::Begin { version: RECORD_VERSION, options }, Record::Space { space }) => {
                options.check()?;
                Ok(Log::new(options, space))
            }
            (Record::Begin { version, .. }, Record::Space { .. }) => {
                Err(Error::artifact(format!("a journal of version {version}"), "read it with a newer attrition"))
            }
            _ => Err(damaged("it does not begin with a study")),
        }
    }

    pub(super) fn trial(&self, number: u64) -> Option<&Trial> {
        self.trials.get(usize::try_from(number).ok()?)
    }

    /// Apply one record. On an error nothing has changed.
    pub(super) fn apply(&mut self, record: Record) -> Result<()> {
        let n_objectives = self.options.direction.len();
        match record {
            Record::Begin { .. } => return Err(damaged("a second beginning")),
            Record::Space { space } => {
                self.points = self.trials.iter().map(|t| space.encode(&t.params)).collect();
                self.space = space;
            }
            Record::Wait { number, params } => self.push(number, params, TrialState::Waiting)?,
            Record::Ask { number, params: Some(params) } => self.push(number, params, TrialState::Running)?,
            Record::Ask { number, params: None } => self.of(number, TrialState::Waiting)?.state = TrialState::Running,
            Record::Release { number } => {
                let trial = self.of(number, TrialState::Running)?;
                trial.state = TrialState::Waiting;
                trial.reports.clear();
                trial.notes.clear();
            }
            Record::Report { number, step, value } => {
                self.of(number, TrialState::Running)?.reports.insert(step, value);
            }
            Record::Note { number, name, value } => {
                self.of(number, TrialState::Running)?.notes.insert(name, value);
            }
            Record::Tell { number, outcome } => {
                let trial = self.of(number, TrialState::Running)?;
                match outcome {
                    Outcome::Complete(values) => {
                        if values.len() != n_objectives || !values.iter().all(|v| v.is_finite()) {
                            return Err(damaged("values that are no values of this study"));
                        }
                        trial.state = TrialState::Complete;
                        trial.values = values;
                    }
                    Outcome::Pruned => trial.state = TrialState::Pruned,
                    Outcome::Failed(error) => {
                        trial.state = TrialState::Failed;
                        trial.error = Some(error);
                    }
                }
                self.finished.push(number);
            }
        }
        Ok(())
    }

    fn push(&mut self, number: u64, params: Params, state: TrialState) -> Result<()> {
        if number != self.trials.len() as u64 {
            return Err(damaged("a trial out of order"));
        }
        self.points.push(self.space.encode(&params));
        self.trials.push(Trial { state, ..Trial::waiting(number, params) });
        Ok(())
    }

    fn of(&mut self, number: u64, state: TrialState) -> Result<&mut Trial> {
        let trial = usize::try_from(number).ok().and_then(|i| self.trials.get_mut(i));
        trial
            .filter(|t| t.state == state)
            .ok_or_else(|| damaged("a record of a trial that is not there or not in that state"))
    }
}

fn damaged(what: &str) -> Error {
    Error::artifact(format!("a journal with {what}"), "restore the file from a copy, or begin another journal")
}
