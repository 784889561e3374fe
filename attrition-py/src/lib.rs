//! The Python face: translation only. No validation, default or formula lives here; the rules are the core's.
//!
//! The library is `attrition._core`; what users import is the package `attrition` in `python/`.

mod cell;
mod datasets;
mod door;
mod error;
mod evaluate;
mod json;
mod metrics;
mod model;
mod profile;
mod schema;
mod source;
mod sql;
mod table;
mod train;
mod tune;

/// The native part of `attrition`. Import `attrition` instead.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::datasets::employees;
    #[pymodule_export]
    use super::error::error_kinds;
    #[pymodule_export]
    use super::evaluate::Evaluation;
    #[pymodule_export]
    use super::metrics::{
        calibration_curve, calibration_error, confusion, metric, metric_names, metrics, precision_recall_curve,
        roc_curve, threshold,
    };
    #[pymodule_export]
    use super::model::{Model, Pipeline, Prediction, Training, Warning, load};
    #[pymodule_export]
    use super::profile::Profile;
    #[pymodule_export]
    use super::schema::Schema;
    #[pymodule_export]
    use super::source::{Batches, Source, scan_csv, scan_parquet, scan_sql};
    #[pymodule_export]
    use super::sql::read_sql;
    #[pymodule_export]
    use super::table::{Table, read_csv, read_ipc, read_json, read_ndjson, read_parquet};
    #[pymodule_export]
    use super::train::{CrossValidation, Event, cross_validate, normalized, train};
    #[pymodule_export]
    use super::tune::Study;

    #[pymodule_init]
    fn init() {
        // A panic becomes an InternalError (door.rs) with its message; the default hook would print it as well.
        std::panic::set_hook(Box::new(|_| {}));
    }
}
