//! Numbers: elementary functions of one implementation, and the linear algebra and statistics built on them.

pub mod exact_sum;
pub mod float;
pub mod linalg;
pub mod minimize;
pub mod quantile;
pub mod rank;
pub mod spline;
pub(crate) mod wide;
