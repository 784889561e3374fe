//! One histogram engine for every tree learner: `tree`, `forest`, `boosting`, and the ranking of features by trees.
//!
//! Features become bins of one byte (`bins`), gradients whole numbers (`gradient`); a tree grows by the sums of both (`grow`,
//! `split`) on threads that stay for the whole fit (`team`). As all sums are of whole numbers, a fit has the same bits for any
//! thread count, and a row of weight 2 is the row twice.
//!
//! # Reference
//! Ke et al.: LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 2017; for sums of quantised gradients Shi et
//! al.: Quantized training of gradient boosting decision trees. NeurIPS 2022, <https://doi.org/10.48550/arXiv.2207.09682>.

mod bins;
mod fit;
mod fitted;
mod walk;
mod gradient;
mod grow;
mod matrix;
mod params;
mod split;
mod team;

#[cfg(test)]
mod tests;

pub(super) use fit::TreeLearner;
pub use fitted::{Importance, Trees};
pub use params::{BoostingParams, ForestParams, Grow, StoppingMetric, TreeParams};
