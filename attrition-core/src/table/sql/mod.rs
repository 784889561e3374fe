//! Tables from databases: SQLite files and PostgreSQL servers, by a query or a table's name, read only.
//!
//! Both databases are read front to back in batches whose columns have one type throughout, known before the first
//! batch is made: PostgreSQL tells it; for SQLite, where every value has a type of its own, a first run of the query
//! finds it.

mod postgres;
mod sqlite;

use std::fmt;

use super::token::{ColumnBuilder, Kind};
use super::{Column, Source, Table};
use crate::{Error, Result, Run};

/// Rows between two reports of progress.
const REPORT_ROWS: usize = 65_536;
/// Rows between two looks at the cancel token.
const CHECK_ROWS: usize = 1024;

/// How a database is read in batches.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqlOptions {
    /// Rows of a batch; the last one may have fewer. 65,536 by default.
    pub batch_rows: usize,
}

impl Default for SqlOptions {
    fn default() -> SqlOptions {
        SqlOptions { batch_rows: 65_536 }
    }
}

impl SqlOptions {
    /// Whether the options can be met.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] when `batch_rows` is 0.
    pub fn check(&self) -> Result<()> {
        if self.batch_rows == 0 {
            return Err(Error::param("batch_rows", 0, "at least one row a batch", "leave it at its default"));
        }
        Ok(())
    }
}

/// What is asked for.
#[derive(Clone)]
struct Query {
    /// One statement that returns rows.
    sql: String,
    /// The name that stood for it, where it was a table's.
    table: Option<String>,
}

impl Query {
    /// A text without blanks, quotes, brackets and the like is a table's name, and every other one is a query.
    fn new(text: &str) -> Result<Query> {
        let text = text.trim();
        if text.is_empty() {
            return Err(refused("an empty text", "write `select …`, or give the name of a table"));
        }
        let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'));
        if !text.split('.').all(word) {
            return Ok(Query { sql: text.to_owned(), table: None });
        }
        let name: Vec<String> = text.split('.').map(|w| format!("\"{w}\"")).collect();
        Ok(Query { sql: format!("select * from {}", name.join(".")), table: Some(text.to_owned()) })
    }

    /// The error for a statement that the database refuses, at the character (from 1) where it says so.
    fn refused(&self, message: &str, at: Option<usize>) -> Error {
        let at = match at {
            Some(at) if self.table.is_none() => format!(" at character {at}"),
            _ => String::new(),
        };
        refused(format!("{message}{at}"), "correct the query, or try it in the database's own shell")
    }
}

/// The error of a text that is no query.
fn refused(got: impl fmt::Display, hint: &str) -> Error {
    Error::param("query", got, "one query that only reads, or the name of a table", hint)
}

/// Where the data is.
#[derive(Clone)]
enum Target {
    Sqlite(std::path::PathBuf),
    Postgres(Box<postgres::Target>),
}

impl Target {
    fn new(url: &str) -> Result<Target> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            return sqlite::path(rest).map(Target::Sqlite);
        }
        for scheme in ["postgresql://", "postgres://"] {
            if url.starts_with(scheme) {
                return postgres::Target::new(url).map(|t| Target::Postgres(Box::new(t)));
            }
        }
        // A URL may hold a password: at most its scheme is shown.
        let scheme = url.split_once("://").map(|(s, _)| s).filter(|s| s.chars().all(|c| c.is_ascii_alphanumeric()));
        Err(Error::param(
            "url",
            scheme.map_or("a text without a known scheme".to_owned(), |s| format!("a URL that begins with {s}://")),
            "sqlite:///file.db, sqlite:////absolute/file.db or postgresql://user:password@host:port/database",
            "write the URL of a SQLite file or a PostgreSQL database",
        ))
    }
}

/// A table read from a database in batches; see [`scan_sql`].
pub struct SqlScan {
    query: Query,
    target: Target,
    batch_rows: usize,
    state: State,
}

enum State {
    Fresh,
    Open(Box<dyn Source>),
    Ended,
    Failed,
}

impl fmt::Debug for SqlScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the URL, which may hold a password; nor the query, which may be long.
        match &self.target {
            Target::Sqlite(path) => write!(f, "SqlScan({})", path.display()),
            Target::Postgres(target) => write!(f, "SqlScan({})", target.name()),
        }
    }
}

/// Read a query's or table's rows in batches; see [`Table::read_sql_with`] for queries, URLs and types.
///
/// The database is opened when the first batch is asked for, and memory is that of one batch. All rows come from one
/// read-only transaction: what others write meanwhile does not show. A query without rows has no batch.
///
/// # Errors
/// [`Error::InvalidParam`] for an option, query or URL that cannot be met. What the database refuses is an error of
/// the first batch.
///
/// # Example
/// ```no_run
/// use attrition_core::table::{SqlOptions, Source, scan_sql};
/// let mut rows = scan_sql("select * from employees", "sqlite:///hr.db", SqlOptions::default())?;
/// while let Some(batch) = rows.next_batch(&attrition_core::Run::new())? {
///     assert!(batch.n_rows() <= 65_536);
/// }
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn scan_sql(query: &str, url: &str, options: SqlOptions) -> Result<SqlScan> {
    options.check()?;
    Ok(SqlScan {
        query: Query::new(query)?,
        target: Target::new(url)?,
        batch_rows: options.batch_rows,
        state: State::Fresh,
    })
}

impl SqlScan {
    /// The same rows from the start, in a transaction of their own.
    pub fn again(&self) -> SqlScan {
        SqlScan {
            query: self.query.clone(),
            target: self.target.clone(),
            batch_rows: self.batch_rows,
            state: State::Fresh,
        }
    }
}

impl Source for SqlScan {
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>> {
        run.check()?;
        let mut rows: Box<dyn Source> = match std::mem::replace(&mut self.state, State::Failed) {
            State::Fresh => match &self.target {
                Target::Sqlite(path) => Box::new(sqlite::Rows::open(&self.query, path, self.batch_rows)?),
                Target::Postgres(target) => Box::new(postgres::Rows::open(&self.query, target, self.batch_rows, run)?),
            },
            State::Open(rows) => rows,
            State::Ended => {
                self.state = State::Ended;
                return Ok(None);
            }
            State::Failed => {
                return Err(Error::data(
                    crate::error::Place::none(),
                    "a further batch asked for after an error",
                    "no further call",
                    "begin a new scan",
                ));
            }
        };
        let batch = rows.next_batch(run)?;
        self.state = if batch.is_some() { State::Open(rows) } else { State::Ended };
        Ok(batch)
    }
}

impl Table {
    /// Read a query's or table's rows; see [`Table::read_sql_with`].
    ///
    /// # Errors
    /// As [`Table::read_sql_with`].
    ///
    /// # Example
    /// ```no_run
    /// let url = "postgresql://reader@db.example/hr?sslmode=verify-full&sslrootcert=ca.pem";
    /// let employees = attrition_core::Table::read_sql("select age, overtime from hr.employees", url)?;
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn read_sql(query: &str, url: &str) -> Result<Table> {
        Table::read_sql_with(query, url, &Run::new())
    }

    /// Read a query's or table's rows.
    ///
    /// `query` is one statement that only reads, or a table's bare name (`employees`, `hr.employees`), which is taken
    /// letter by letter, its case too.
    ///
    /// # URLs
    /// | URL | meaning |
    /// |---|---|
    /// | `sqlite:///hr.db`, `sqlite:////data/hr.db` | a file that is there, relative or absolute; opened read-only; the path is taken as it stands |
    /// | `postgresql://user:password@host:port/database` | a server; also `postgres://`; parts with special characters are percent-encoded |
    ///
    /// A PostgreSQL URL may go on with `?name=value&…`:
    ///
    /// | name | meaning |
    /// |---|---|
    /// | `sslmode` | `disable`, `prefer` (the default: TLS where the server has it), `require`, `verify-ca`, `verify-full` |
    /// | `sslrootcert` | a PEM file of the authorities to trust; `verify-ca` and `verify-full` need it; with `require` it means `verify-ca` |
    /// | `connect_timeout` | seconds until an attempt to connect ends, 10 by default |
    /// | `host` | the folder of a Unix socket |
    /// | `application_name` | how the connection is named to the server |
    ///
    /// `prefer` and `require` encrypt and, as in libpq, do not ask who the server is: use `verify-full` across a
    /// network. A URL without a password takes `PGPASSWORD`'s. No error shows a password.
    ///
    /// # Types
    /// | PostgreSQL | column |
    /// |---|---|
    /// | `boolean` | bool |
    /// | `smallint`, `integer`, `bigint`, `oid` | int |
    /// | `real`, `double precision`, `numeric` (the nearest float) | float; NaN is missing |
    /// | `text`, `varchar`, `char(n)` (without its padding), `"char"`, `name`, `uuid`, enums, `citext` | string |
    /// | `date`, `timestamp`, `timestamptz` | time, in UTC |
    ///
    /// SQLite's values have types of their own: a column of whole numbers is int, of numbers float, of texts string, or
    /// time where all are ISO dates or times; 0 and 1 in a column declared `BOOLEAN` are bool; a column without any value
    /// has the type it was declared with. The query is run twice for it, in one transaction. `null` is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when the database cannot be reached or opened, does not let the user in, or is lost halfway;
    /// [`Error::NotFound`] for a table's name that is not there; [`Error::InvalidParam`] for a URL that cannot be read
    /// and for what is no query, with the database's message and the character it points at; [`Error::InvalidData`]
    /// with row or column for values of two sorts in one column, a type without a place in a table (cast it in the
    /// query), two columns of one name, no row, a file that is no SQLite database or is damaged; [`Error::Cancelled`].
    pub fn read_sql_with(query: &str, url: &str, run: &Run) -> Result<Table> {
        let mut scan = scan_sql(query, url, SqlOptions { batch_rows: usize::MAX })?;
        scan.next_batch(run)?.ok_or_else(|| {
            Error::data(
                crate::error::Place::none(),
                "a query without rows",
                "at least one row",
                "check the query's conditions",
            )
        })
    }
}

/// A batch as it grows.
struct Batch<'a> {
    names: &'a [String],
    columns: Vec<ColumnBuilder>,
    n_rows: usize,
}

impl<'a> Batch<'a> {
    fn new(names: &'a [String], kinds: &[Kind]) -> Batch<'a> {
        Batch { names, columns: kinds.iter().map(|&k| ColumnBuilder::of(k)).collect(), n_rows: 0 }
    }

    fn finish(self) -> Result<Option<Table>> {
        if self.n_rows == 0 {
            return Ok(None);
        }
        let columns = self.names.iter().zip(self.columns).map(|(name, column)| column.finish(name.clone()));
        Table::new(columns.collect()).map(Some)
    }
}

/// Names that a table can have, before a row is read.
fn check_names(names: &[String]) -> Result<()> {
    Table::new(names.iter().map(|n| Column::float(n.as_str(), Vec::new())).collect()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Value, Values};
    use crate::{CancelToken, ErrorKind};
    use std::path::Path;

    /// A folder with `hr.db`, made by the statements; and its URL.
    fn database(sql: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hr.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let url = url(&path);
        (folder, url)
    }

    fn url(path: &Path) -> String {
        format!("sqlite:///{}", path.display())
    }

    fn says(e: &Error, kind: ErrorKind, words: &[&str]) {
        let message = e.to_string();
        assert_eq!(e.kind(), kind, "{message}");
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }

    const STAFF: &str = "
        create table staff (id integer, pay real, grade numeric, name text, born date, seen timestamp, active boolean,
                            note text, left_on date, count integer, flag boolean, ratio);
        insert into staff values
          (1, 10.5, 1, 'Ana', '1990-02-03', '2024-01-01 10:00:00', 1, null, null, null, null, null),
          (2, null, 1.5, 'Bo', null, '2024-01-02T00:00:00Z', 0, null, null, null, null, null),
          (3, 7, 2, null, '1991-01-01', null, null, null, null, null, null, null);";

    #[test]
    fn columns_have_the_type_of_their_values_else_the_declared_one() {
        let (_folder, url) = database(STAFF);
        let table = Table::read_sql("staff", &url).unwrap();
        let types: Vec<_> = table.columns().iter().map(Column::type_name).collect();
        let want =
            ["int", "float", "float", "string", "time", "time", "bool", "string", "time", "int", "bool", "float"];
        assert_eq!(types, want);
        assert_eq!(table.column("pay").unwrap().get(2), Value::Float(7.0));
        assert_eq!(table.column("active").unwrap().get(0), Value::Bool(true));
        assert!(table.column("active").unwrap().is_missing(2));
        assert_eq!(table.column("born").unwrap().get(0).to_string(), "1990-02-03");
        let table = Table::read_sql("select count(*) as n, max(pay) + 1 as top, 'x' as c from staff;", &url).unwrap();
        assert_eq!(table.column("n").unwrap().get(0), Value::Int(3));
        assert_eq!(table.column("top").unwrap().get(0), Value::Float(11.5));
    }

    #[test]
    fn batches_together_are_the_whole() {
        let (_folder, url) = database(
            "create table t as with recursive n(i) as (values (0) union all select i + 1 from n where i < 2999)
             select i, case when i > 2500 then i + 0.5 else i end as late, iif(i % 7 = 0, null, 'w' || (i % 5)) as word,
                    case when i > 2000 then i end as gap from n;",
        );
        let whole = Table::read_sql("t", &url).unwrap();
        assert_eq!(whole.n_rows(), 3000);
        for batch_rows in [1, 999, 1000, 1024, 3000, 5000] {
            let mut scan = scan_sql("t", &url, SqlOptions { batch_rows }).unwrap();
            let mut row = 0;
            while let Some(batch) = scan.next_batch(&Run::new()).unwrap() {
                assert!(batch.n_rows() <= batch_rows);
                for (a, b) in batch.columns().iter().zip(whole.columns()) {
                    assert_eq!((a.name(), a.type_name()), (b.name(), b.type_name()));
                    for r in (0..batch.n_rows()).step_by(97) {
                        assert_eq!(a.get(r), b.get(row + r));
                    }
                }
                row += batch.n_rows();
            }
            assert_eq!(row, 3000);
            assert!(scan.next_batch(&Run::new()).unwrap().is_none());
        }
        assert!(scan_sql("t", &url, SqlOptions { batch_rows: 0 }).is_err());
        let mut none = scan_sql("select * from t where i < 0", &url, SqlOptions::default()).unwrap();
        assert!(none.next_batch(&Run::new()).unwrap().is_none());
    }

    #[test]
    fn what_no_column_can_hold_is_named_with_its_place() {
        let (_folder, url) = database(
            "create table t (a, b, c, d); insert into t values (1, 'x', 1, x'00'), ('Smith', 2, cast(x'ff' as text), null);",
        );
        for (query, words) in [
            (
                "select a from t",
                &["row 1, column `a`", "got a text", "expected a number as in the rows before", "cast("][..],
            ),
            ("select b from t", &["row 1, column `b`", "the number 2", "a text as in the rows before"]),
            ("select c from t where rowid = 2", &["row 0, column `c`", "no UTF-8"]),
            ("select d from t", &["row 0, column `d`", "a blob", "hex("]),
            ("select a, b as a from t", &["column `a`", "the same name"]),
            ("select a from t where a is null", &["a query without rows"]),
        ] {
            let e = Table::read_sql(query, &url).unwrap_err();
            says(&e, ErrorKind::InvalidData, words);
            assert!(!e.to_string().contains("Smith"));
        }
    }

    #[test]
    fn what_is_no_query_is_refused_and_nothing_is_written() {
        let (folder, url) = database("create table t (a); insert into t values (1);");
        let before = std::fs::read(folder.path().join("hr.db")).unwrap();
        for (query, words) in [
            ("insert into t values (2)", &["no query", "write a `select`"][..]),
            ("insert into t values (2) returning a", &["no query"]),
            ("drop table t", &["no query"]),
            ("attach 'other.db' as other", &["no query"]),
            ("select 1; select 2", &["several statements"]),
            ("select 1; drop table t", &["several statements"]),
            ("-- nothing", &["only a comment"]),
            ("  ", &["an empty text"]),
            ("select a from t where a = ?", &["with parameters"]),
            ("select a fro t", &["syntax error", "at character"]),
            ("select x from t", &["no such column: x at character 8"]),
            ("select \"x\" from t", &["no such column"]),
            ("select * from nobody", &["no such table: nobody"]),
            ("select 'a\0b'", &[]),
        ] {
            says(&Table::read_sql(query, &url).unwrap_err(), ErrorKind::InvalidParam, words);
        }
        says(
            &Table::read_sql("main.nobody", &url).unwrap_err(),
            ErrorKind::NotFound,
            &["no table named `main.nobody`", "t"],
        );
        assert_eq!(std::fs::read(folder.path().join("hr.db")).unwrap(), before);
        assert!(!Path::new("other.db").exists());
    }

    #[test]
    fn a_bare_name_is_quoted() {
        let (_folder, url) = database("create table \"order\" (a); insert into \"order\" values (1);");
        assert_eq!(Table::read_sql("order", &url).unwrap().n_rows(), 1);
        assert_eq!(Table::read_sql(" main.order ", &url).unwrap().n_rows(), 1);
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let (folder, _) = database(STAFF);
        let of = |name: &str| url(&folder.path().join(name));
        says(&Table::read_sql("t", &of("none.db")).unwrap_err(), ErrorKind::Io, &["cannot read", "none.db"]);
        assert!(!folder.path().join("none.db").exists());
        says(&Table::read_sql("t", &url(folder.path())).unwrap_err(), ErrorKind::Io, &["cannot read"]);
        std::fs::write(folder.path().join("text.db"), "a,b\n1,2\n".repeat(500)).unwrap();
        let e = Table::read_sql("t", &of("text.db")).unwrap_err();
        says(&e, ErrorKind::InvalidData, &["text.db", "no SQLite database"]);
        std::fs::write(folder.path().join("empty.db"), "").unwrap();
        says(&Table::read_sql("t", &of("empty.db")).unwrap_err(), ErrorKind::NotFound, &["there is: nothing"]);
        for (url, words) in [
            ("sqlite://:memory:", "name a file"),
            ("sqlite:///:memory:", "name a file"),
            ("sqlite:///", "name a file"),
            ("sqlite:hr.db", "sqlite:///relative.db"),
            ("hr.db", "without a known scheme"),
            ("mysql://ana:s3cret@h/db", "begins with mysql://"),
        ] {
            let e = scan_sql("t", url, SqlOptions::default()).unwrap_err();
            says(&e, ErrorKind::InvalidParam, &[words]);
            assert!(!e.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn a_damaged_page_is_an_error_and_the_end() {
        let (folder, url) = database(
            "create table t as with recursive n(i) as (values (0) union all select i + 1 from n where i < 20000)
             select i, 'some text ' || i as word from n;",
        );
        let path = folder.path().join("hr.db");
        let mut bytes = std::fs::read(&path).unwrap();
        let page = 4096;
        let middle = bytes.len() / page / 2 * page;
        bytes[middle..middle + page].fill(0xFF);
        std::fs::write(&path, bytes).unwrap();
        let mut scan = scan_sql("t", &url, SqlOptions { batch_rows: 100 }).unwrap();
        let e = scan.next_batch(&Run::new()).unwrap_err();
        says(&e, ErrorKind::InvalidData, &["hr.db", "a damaged SQLite database", "integrity_check"]);
        says(&scan.next_batch(&Run::new()).unwrap_err(), ErrorKind::InvalidData, &["after an error"]);
    }

    #[test]
    fn a_cancelled_run_stops_also_a_query_that_has_no_row_yet() {
        let (_folder, url) = database("create table t (a);");
        let token = CancelToken::new();
        let run = Run::new().cancel_token(token.clone());
        let endless = "with recursive n(i) as (values (0) union all select i + 1 from n) select count(*) from n";
        std::thread::scope(|scope| {
            let work = scope.spawn(|| Table::read_sql_with(endless, &url, &run));
            std::thread::sleep(std::time::Duration::from_millis(100));
            token.cancel();
            assert_eq!(work.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        });
    }

    #[test]
    fn others_may_write_between_batches_and_a_scan_may_be_given_up() {
        let (folder, url) =
            database("pragma journal_mode = wal; create table t (a); insert into t values (1), (2), (3);");
        let mut scan = scan_sql("t", &url, SqlOptions { batch_rows: 1 }).unwrap();
        assert_eq!(scan.next_batch(&Run::new()).unwrap().unwrap().n_rows(), 1);
        let writer = rusqlite::Connection::open(folder.path().join("hr.db")).unwrap();
        writer.execute_batch("insert into t values (4), ('five')").unwrap();
        let mut n = 1;
        while let Some(batch) = scan.next_batch(&Run::new()).unwrap() {
            assert!(matches!(batch.columns()[0].values(), Values::Int(..)));
            n += batch.n_rows();
        }
        assert_eq!(n, 3);
        let mut again = scan.again();
        assert_eq!(again.next_batch(&Run::new()).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(format!("{again:?}"), format!("SqlScan({})", folder.path().join("hr.db").display()));
        let mut left = scan_sql("select 1", &url, SqlOptions { batch_rows: 1 }).unwrap();
        left.next_batch(&Run::new()).unwrap();
    }
}
