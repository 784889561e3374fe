//! Search for the best parameters of anything: a space, a study that asks and is told, samplers that learn from what they were told.
//!
//! This room knows no learner. A [`Study`] over a [`SearchSpace`] proposes a [`Trial`] at a time ([`Study::ask`]) and is told what
//! came of it ([`Study::tell`]); [`Study::optimize`] does both around a closure, on as many threads as asked. [`SamplerKind`] names the
//! methods, [`Pruner`] the rules that stop a trial early; [`Study::open`] keeps everything in a journal that survives a crash at any byte.

mod gp;
mod importance;
mod pareto;
mod pruner;
mod record;
mod sampler;
mod sobol;
mod space;
mod study;
mod tpe;
mod trial;

#[cfg(test)]
mod tests;

pub use gp::GaussianProcess;
pub use importance::Importance;
pub use pareto::{dominates, hypervolume};
pub use pruner::Pruner;
pub use sampler::SamplerKind;
pub use space::{Constraint, Domain, Param, Params, SPACE_VERSION, SearchSpace};
pub use study::{Direction, Directions, Ongoing, Optimize, Study, StudyOptions};
pub use trial::{Outcome, Trial, TrialState};
