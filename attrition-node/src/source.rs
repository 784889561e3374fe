//! Tables in batches: files that are scanned, and what JavaScript's iterables give.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use attrition_core::table::{
    Batches, CsvOptions, CsvScan, ParquetOptions, ParquetScan, Source as CoreSource, Spool as CoreSpool,
    SpoolWriter as CoreSpoolWriter, SqlOptions, SqlScan,
};
use attrition_core::{Error, Result};
use napi::Env;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::door::{Call, Job, job, sync};
use crate::options::options;
use crate::table::Table;

/// A scan of a file or a database, from which readings begin.
enum Scan {
    Csv(CsvScan),
    Parquet(ParquetScan),
    Sql(SqlScan),
}

/// A file that is read in batches.
#[napi]
pub struct FileScan {
    scan: Scan,
}

#[napi]
impl FileScan {
    /// A reading from the start.
    #[napi]
    pub fn open(&self) -> Reading {
        let source: Box<dyn CoreSource> = match &self.scan {
            Scan::Csv(scan) => Box::new(scan.again()),
            Scan::Parquet(scan) => Box::new(scan.again()),
            Scan::Sql(scan) => Box::new(scan.again()),
        };
        Reading { source: Arc::new(Mutex::new(source)) }
    }

    /// What is read.
    #[napi]
    pub fn describe(&self) -> String {
        match &self.scan {
            Scan::Csv(scan) => format!("{scan:?}"),
            Scan::Parquet(scan) => format!("{scan:?}"),
            Scan::Sql(scan) => format!("{scan:?}"),
        }
    }
}

/// One reading of a file.
#[napi]
pub struct Reading {
    source: Arc<Mutex<Box<dyn CoreSource>>>,
}

#[napi]
impl Reading {
    /// The next batch, or `null` past the last one.
    #[napi(ts_return_type = "Promise<Table | null>")]
    pub fn next(&self, call: &Call) -> AsyncTask<Job<Option<Table>>> {
        let source = Arc::clone(&self.source);
        job(call, move |run| {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(source.next_batch(run)?.map(Table::from))
        })
    }

    /// All further batches as one table.
    #[napi(ts_return_type = "Promise<Table>")]
    pub fn collect(&self, call: &Call) -> AsyncTask<Job<Table>> {
        let source = Arc::clone(&self.source);
        job(call, move |run| {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            attrition_core::Table::collect(source.as_mut(), run).map(Table::from)
        })
    }

    /// All further batches on disk.
    #[napi(ts_return_type = "Promise<Spool>")]
    pub fn spool(&self, call: &Call) -> AsyncTask<Job<Spool>> {
        let source = Arc::clone(&self.source);
        job(call, move |run| {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            CoreSpool::of(source.as_mut(), run).map(Spool::from)
        })
    }
}

/// Tables on disk, to be trained on.
#[napi]
pub struct Spool {
    pub(crate) inner: Arc<CoreSpool>,
}

impl From<CoreSpool> for Spool {
    fn from(spool: CoreSpool) -> Spool {
        Spool { inner: Arc::new(spool) }
    }
}

/// Tables on their way to the disk.
#[napi]
pub struct SpoolWriter {
    writer: Arc<Mutex<CoreSpoolWriter>>,
}

#[napi]
impl SpoolWriter {
    /// Of no table yet.
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "it is JavaScript's constructor")]
    pub fn new() -> SpoolWriter {
        SpoolWriter { writer: Arc::default() }
    }

    /// One more table.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write(&self, table: &Table, call: &Call) -> AsyncTask<Job<()>> {
        let (writer, table) = (Arc::clone(&self.writer), table.held.share());
        job(call, move |_| writer.lock().unwrap_or_else(PoisonError::into_inner).write(&*table?))
    }

    /// All tables that were written.
    #[napi(ts_return_type = "Promise<Spool>")]
    pub fn finish(&self, call: &Call) -> AsyncTask<Job<Spool>> {
        let writer = Arc::clone(&self.writer);
        job(call, move |_| {
            let writer = std::mem::take(&mut *writer.lock().unwrap_or_else(PoisonError::into_inner));
            writer.finish().map(Spool::from)
        })
    }
}

/// Read a CSV file in batches, as the JSON of the options says; a first pass finds the types.
#[napi(ts_return_type = "Promise<FileScan>")]
pub fn scan_csv(path: String, json: String, call: &Call) -> AsyncTask<Job<FileScan>> {
    job(call, move |run| {
        let options: CsvOptions = options(&json, "scanCsv")?;
        let scan = attrition_core::table::scan_csv(&path, options, run)?;
        Ok(FileScan { scan: Scan::Csv(scan) })
    })
}

/// Read a Parquet file in batches, as the JSON of the options says.
#[napi(ts_return_type = "Promise<FileScan>")]
pub fn scan_parquet(path: String, json: String, call: &Call) -> AsyncTask<Job<FileScan>> {
    job(call, move |_| {
        let options: ParquetOptions = options(&json, "scanParquet")?;
        let scan = attrition_core::table::scan_parquet(&path, options)?;
        Ok(FileScan { scan: Scan::Parquet(scan) })
    })
}

/// Read a query's or table's rows in batches, as the JSON of the options says.
#[napi(ts_return_type = "Promise<FileScan>")]
pub fn scan_sql(query: String, url: String, json: String, call: &Call) -> AsyncTask<Job<FileScan>> {
    job(call, move |_| {
        let options: SqlOptions = options(&json, "scanSql")?;
        let scan = attrition_core::table::scan_sql(&query, &url, options)?;
        Ok(FileScan { scan: Scan::Sql(scan) })
    })
}

type Waiting = Arc<Mutex<VecDeque<attrition_core::Table>>>;

/// Tables that come one by one, held to the columns of the first one.
#[napi]
pub struct Gathering {
    waiting: Waiting,
    batches: Batches<Box<dyn Iterator<Item = Result<attrition_core::Table>> + Send>>,
    kept: Vec<attrition_core::Table>,
}

#[napi]
impl Gathering {
    /// Of no table yet.
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "it is JavaScript's constructor")]
    pub fn new() -> Gathering {
        let waiting = Waiting::default();
        let queue = Arc::clone(&waiting);
        let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front().map(Ok);
        let tables: Box<dyn Iterator<Item = Result<attrition_core::Table>> + Send> = Box::new(std::iter::from_fn(next));
        Gathering { waiting, batches: Batches::new(tables), kept: Vec::new() }
    }

    /// Throws for a table that does not match those before; `keep` it for `finish`.
    #[napi]
    pub fn add(&mut self, env: Env, table: &Table, keep: bool) -> napi::Result<()> {
        let table = sync(&env, || Ok(attrition_core::Table::clone(table.held.get()?)))?;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(table);
        let (batches, kept) = (&mut self.batches, &mut self.kept);
        sync(&env, || {
            let table = batches.next_batch(&attrition_core::Run::new())?;
            let table = table.ok_or_else(|| Error::Internal("a table that was given is not there".to_owned()))?;
            if keep {
                kept.push(table);
            }
            Ok(())
        })
    }

    /// All tables that were kept as one.
    #[napi(ts_return_type = "Promise<Table>")]
    pub fn finish(&mut self, call: &Call) -> AsyncTask<Job<Table>> {
        let kept = std::mem::take(&mut self.kept);
        job(call, move |run| {
            let mut source = Batches::new(kept.into_iter().map(Ok));
            attrition_core::Table::collect(&mut source, run).map(Table::from)
        })
    }
}
