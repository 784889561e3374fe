//! The embedded data set: employees with a known truth.
//!
//! ```
//! use attrition_core::datasets;
//! let table = datasets::employees(1470, 0)?;
//! assert_eq!((table.n_rows(), table.n_columns()), (1470, 31));
//! # Ok::<(), attrition_core::Error>(())
//! ```

mod employees;
mod knobs;

pub use employees::{EmployeeOptions, employees, employees_with_truth};
pub use knobs::{Bias, Drift, Missing, MissingMechanism};
