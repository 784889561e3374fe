//! SQLite: a statement stepped on a thread of its own, since it borrows the connection that it reads from. The thread
//! works only while a batch is asked for.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef as Cell;
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, Statement};

use super::super::token::Kind;
use super::super::{Source, Table, ValueRef, time};
use super::{Batch, CHECK_ROWS, Query, REPORT_ROWS, check_names, refused};
use crate::error::Place;
use crate::{Error, Result, Run};

const STAGE: &str = "read_sql";
/// How often the cancel token is looked at while the database works.
const POLL: Duration = Duration::from_millis(20);

/// The file of a URL, from what follows `sqlite:`.
pub(super) fn path(rest: &str) -> Result<PathBuf> {
    let path = rest.strip_prefix("///").unwrap_or_default();
    if path.is_empty() || path == ":memory:" {
        return Err(Error::param(
            "url",
            format!("sqlite:{rest}"),
            "sqlite:///relative.db or sqlite:////absolute.db",
            "name a file: a database in memory would be empty",
        ));
    }
    Ok(PathBuf::from(path))
}

/// Rows of a query.
pub(super) struct Rows {
    ask: SyncSender<Run>,
    answer: Receiver<Result<Option<Table>>>,
    interrupt: InterruptHandle,
}

impl Rows {
    pub(super) fn open(query: &Query, path: &Path, batch_rows: usize) -> Result<Rows> {
        let name = path.display().to_string();
        let failed = |source| Error::Io {
            action: "read",
            path: name.clone(),
            hint: "check the path of the SQLite file and that it may be read",
            source,
        };
        // SQLite says "unable to open database file" for everything; the system says why.
        let file = std::fs::File::open(path).and_then(|f| f.metadata()).map_err(failed)?;
        if file.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        let reader = Reader { query: query.clone(), name, batch_rows };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|e| reader.error(&e))?;
        // A misspelt "column" must not become a text, nor a file's own views and triggers run what they like.
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        ] {
            connection.set_db_config(setting, on).map_err(|e| reader.error(&e))?;
        }
        let interrupt = connection.get_interrupt_handle();
        let (ask, asked) = sync_channel(1);
        let (answers, answer) = sync_channel(1);
        std::thread::Builder::new()
            .name("attrition".into())
            .spawn(move || reader.serve(&connection, &asked, &answers))
            .map_err(|e| Error::Internal(format!("no thread to read SQLite on: {e}")))?;
        Ok(Rows { ask, answer, interrupt })
    }
}

impl Source for Rows {
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>> {
        let gone = || Error::Internal("the thread that reads SQLite is gone".into());
        self.ask.send(run.clone()).map_err(|_| gone())?;
        loop {
            match self.answer.recv_timeout(POLL) {
                Ok(batch) => return batch,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => {
                    if run.check().is_err() {
                        self.interrupt.interrupt();
                    }
                }
            }
        }
    }
}

/// What reads on the thread.
struct Reader {
    query: Query,
    name: String,
    batch_rows: usize,
}

impl Reader {
    /// Answer every call by a batch, until the end, an error, or the caller's loss of interest.
    fn serve(&self, connection: &Connection, asked: &Receiver<Run>, answers: &SyncSender<Result<Option<Table>>>) {
        if let Err(e) = self.read(connection, asked, answers) {
            // The caller may be gone, and then nobody wants to know.
            let _ = answers.send(Err(e));
        }
    }

    fn read(
        &self,
        connection: &Connection,
        asked: &Receiver<Run>,
        answers: &SyncSender<Result<Option<Table>>>,
    ) -> Result<()> {
        let Ok(mut run) = asked.recv() else { return Ok(()) };
        let sql = |e: rusqlite::Error| self.error(&e);
        // Both runs of the query see the same rows.
        connection.execute_batch("begin").map_err(sql)?;
        let mut statement = self.prepare(connection)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        check_names(&names)?;
        let (kinds, total) = self.kinds(&mut statement, &names, &run)?;
        let mut rows = statement.raw_query();
        let mut done = 0;
        loop {
            let mut batch = Batch::new(&names, &kinds);
            while batch.n_rows < self.batch_rows {
                let Some(row) = rows.next().map_err(sql)? else { break };
                for (i, (column, &kind)) in batch.columns.iter_mut().zip(&kinds).enumerate() {
                    let place = || Place::cell(done, names.get(i).map_or("", String::as_str));
                    let value = value(row.get_ref(i).map_err(sql)?, place)?;
                    let fits = match (kind, value) {
                        (Kind::Bool, ValueRef::Int(b @ 0..=1)) => column.push_value(ValueRef::Bool(b == 1)),
                        (Kind::Time, ValueRef::Text(text)) => {
                            time::parse(text).is_some_and(|t| column.push_value(ValueRef::Time(t)))
                        }
                        (_, value) => column.push_value(value),
                    };
                    if !fits {
                        return Err(Error::data(
                            place(),
                            value.describe(),
                            "a value of the sort that the query gave there when it was run before",
                            "write a query that gives the same rows every time",
                        ));
                    }
                }
                batch.n_rows += 1;
                done += 1;
                if done % CHECK_ROWS == 0 {
                    run.check()?;
                }
                if done % REPORT_ROWS == 0 {
                    run.progress(STAGE, done, total);
                }
            }
            let batch = batch.finish()?;
            let ended = batch.is_none();
            if !ended {
                run.progress(STAGE, done, total);
            }
            if answers.send(Ok(batch)).is_err() || ended {
                return Ok(());
            }
            match asked.recv() {
                Ok(next) => run = next,
                Err(_) => return Ok(()),
            }
        }
    }

    fn prepare<'c>(&self, connection: &'c Connection) -> Result<Statement<'c>> {
        let statement = connection.prepare(&self.query.sql).map_err(|e| match &self.query.table {
            Some(table) if e.to_string().starts_with("no such table") => self.not_found(connection, table),
            _ => self.error(&e),
        })?;
        if statement.column_count() == 0 || !statement.readonly() {
            return Err(refused("a statement that is no query", "write a `select`"));
        }
        if statement.parameter_count() > 0 {
            return Err(refused("a query with parameters", "write the values into the query"));
        }
        Ok(statement)
    }

    /// The error for a table that is not there, with those that are.
    fn not_found(&self, connection: &Connection, table: &str) -> Error {
        let names = || -> rusqlite::Result<Vec<String>> {
            let sql = "select name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' \
                       escape '\\' order by name limit 9";
            connection.prepare(sql)?.query_map((), |row| row.get(0))?.collect()
        };
        match names() {
            Ok(names) => Error::not_found("table", table, names.iter().map(String::as_str)),
            Err(e) => self.error(&e),
        }
    }

    /// The columns' types and how many rows there are, by a run over all of them.
    fn kinds(&self, statement: &mut Statement<'_>, names: &[String], run: &Run) -> Result<(Vec<Kind>, usize)> {
        let declared = |t: Option<&str>| t.unwrap_or_default().to_ascii_uppercase();
        let mut seen: Vec<Seen> = statement.columns().map(|c| Seen::new(declared(c.decl_type()))).collect();
        let mut rows = statement.raw_query();
        let mut n_rows = 0;
        while let Some(row) = rows.next().map_err(|e| self.error(&e))? {
            for (i, seen) in seen.iter_mut().enumerate() {
                let place = || Place::cell(n_rows, names.get(i).map_or("", String::as_str));
                let value = value(row.get_ref(i).map_err(|e| self.error(&e))?, place)?;
                if let Err(before) = seen.see(value) {
                    return Err(Error::data(
                        place(),
                        value.describe(),
                        format!("{before} as in the rows before"),
                        "give the column values of one kind, for example by cast(… as text) in the query",
                    ));
                }
            }
            n_rows += 1;
            if n_rows % CHECK_ROWS == 0 {
                run.check()?;
            }
        }
        Ok((seen.iter().map(Seen::kind).collect(), n_rows))
    }

    fn error(&self, e: &rusqlite::Error) -> Error {
        use rusqlite::Error as E;
        let place = || Place::source(&self.name);
        match e {
            E::SqlInputError { msg, sql, offset, .. } => {
                let before = usize::try_from(*offset).ok().and_then(|n| sql.get(..n));
                return self.query.refused(msg, before.map(|text| text.chars().count() + 1));
            }
            E::Empty => return refused("no statement, only a comment", "write a `select`"),
            E::MultipleStatement => return refused("several statements", "give one query at a time"),
            E::NulError(_) => return refused("a zero character", "remove it"),
            _ => {}
        }
        match e.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Error::Cancelled,
            Some(ErrorCode::NotADatabase) => Error::data(
                place(),
                "a file that is no SQLite database",
                "a file written by SQLite, not encrypted",
                "check the path; text files are for the CSV reader",
            ),
            Some(ErrorCode::DatabaseCorrupt) => Error::data(
                place(),
                format!("a damaged SQLite database ({e})"),
                "a whole one",
                "run `pragma integrity_check`, restore a copy, or recover what is left by `sqlite3 file .recover`",
            ),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly,
            ) => Error::Io {
                action: "read",
                path: self.name.clone(),
                hint: "see that no other program holds it and that it may be read",
                source: std::io::Error::other(e.to_string()),
            },
            _ => self.query.refused(&e.to_string(), None),
        }
    }
}

/// A cell as tables have it.
fn value(cell: Cell<'_>, place: impl Fn() -> Place) -> Result<ValueRef<'_>> {
    let refused = |got: &str, hint: &str| Err(Error::data(place(), got, "null, a number or a text", hint));
    match cell {
        Cell::Null => Ok(ValueRef::Missing),
        Cell::Integer(i) => Ok(ValueRef::Int(i)),
        Cell::Real(x) => Ok(ValueRef::Float(x)),
        Cell::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(ValueRef::Text(text)),
            Err(_) => refused("a text that is no UTF-8", "correct the text in the database, or leave the column out"),
        },
        Cell::Blob(_) => refused("a blob", "leave the column out of the query, or convert it, for example by hex(…)"),
    }
}

/// What a column's values have been so far.
struct Seen {
    /// The declared type in capitals; empty for an expression.
    declared: String,
    int: bool,
    float: bool,
    text: bool,
    /// Every whole number was 0 or 1.
    bits: bool,
    /// Every text was an ISO date or time.
    times: bool,
}

impl Seen {
    fn new(declared: String) -> Seen {
        Seen { declared, int: false, float: false, text: false, bits: true, times: true }
    }

    /// One more value; an error names what the ones before were.
    fn see(&mut self, value: ValueRef<'_>) -> Result<(), &'static str> {
        match value {
            ValueRef::Int(_) | ValueRef::Float(_) if self.text => return Err("a text"),
            ValueRef::Text(_) if self.int || self.float => return Err("a number"),
            ValueRef::Int(i) => {
                self.int = true;
                self.bits &= matches!(i, 0 | 1);
            }
            ValueRef::Float(_) => self.float = true,
            ValueRef::Text(text) => {
                self.text = true;
                self.times = self.times && time::parse(text).is_some();
            }
            _ => {}
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        let declared = |words: &[&str]| words.iter().any(|w| self.declared.contains(w));
        match (self.text, self.float, self.int) {
            (true, _, _) if self.times => Kind::Time,
            (true, _, _) => Kind::Text,
            (_, true, _) => Kind::Float,
            (_, _, true) if self.bits && declared(&["BOOL"]) => Kind::Bool,
            (_, _, true) => Kind::Int,
            _ if declared(&["BOOL"]) => Kind::Bool,
            _ if declared(&["DATE", "TIME"]) => Kind::Time,
            _ if declared(&["INT"]) => Kind::Int,
            _ if declared(&["CHAR", "CLOB", "TEXT"]) => Kind::Text,
            _ => Kind::Float,
        }
    }
}
