//! Training and cross-validation; options arrive as the core's own JSON.

use std::sync::Arc;

use attrition_core::Result;
use attrition_core::table::Columns;
use attrition_core::train::{TrainOptions, cross_validate as cross_validate_core, train as train_core};
use napi::bindgen_prelude::{AsyncTask, ClassInstance, Either};
use napi_derive::napi;

use crate::door::{Call, Job, job};
use crate::model::Model;
use crate::plain::Plain;
use crate::source::Spool;
use crate::table::Table;

/// What is trained on: a table in memory, or a source's batches on disk.
enum Given {
    Table(Arc<attrition_core::Table>),
    Spool(Arc<attrition_core::table::Spool>),
}

type Data<'a> = Either<ClassInstance<'a, Table>, ClassInstance<'a, Spool>>;

impl Given {
    fn of(data: &Data<'_>) -> Result<Given> {
        match data {
            Either::A(table) => table.held.share().map(Given::Table),
            Either::B(spool) => Ok(Given::Spool(Arc::clone(&spool.inner))),
        }
    }

    fn columns(&self) -> Columns<'_> {
        match self {
            Given::Table(table) => Columns::Table(table),
            Given::Spool(spool) => Columns::Spool(spool),
        }
    }
}

/// Train a model.
#[napi(ts_args_type = "data: Table | Spool, options: string, call: Call", ts_return_type = "Promise<Model>")]
pub fn train(data: Data<'_>, options: String, call: &Call) -> AsyncTask<Job<Model>> {
    let given = Given::of(&data);
    job(call, move |run| train_core(given?.columns(), &TrainOptions::from_json(&options)?, run).map(Model::from))
}

/// Cross-validate. `folds` are test-fold ids, one a row, negative = never tested.
#[napi(
    ts_args_type = "data: Table | Spool, options: string, folds: BigInt64Array | undefined | null, call: Call",
    ts_return_type = "Promise<unknown>"
)]
pub fn cross_validate(data: Data<'_>, options: String, folds: Option<&[i64]>, call: &Call) -> AsyncTask<Job<Plain>> {
    let (given, folds) = (Given::of(&data), folds.map(<[i64]>::to_vec));
    job(call, move |run| {
        let mut cv = cross_validate_core(given?.columns(), &TrainOptions::from_json(&options)?, folds.as_deref(), run)?;
        let predictions = Plain::Floats(std::mem::take(&mut cv.predictions));
        Ok(Plain::of(&cv)?.with("predictions", predictions))
    })
}
