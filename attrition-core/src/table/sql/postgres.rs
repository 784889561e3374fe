//! PostgreSQL: one query in a read-only transaction, its rows streamed as the server makes them. Rows wait in the
//! socket, not in memory, until a batch is asked for.
//!
//! The connection lives on a small tokio runtime that runs only inside calls, on the caller's thread.

use std::fmt;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_core::Stream;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::types::{FromSql, Kind as PgKind, Type};
use tokio_postgres::{Client, Config, Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::token::Kind;
use super::super::{Source, Table, ValueRef};
use super::{Batch, CHECK_ROWS, Query, REPORT_ROWS, check_names, refused};
use crate::error::Place;
use crate::{Error, Result, Run};

const STAGE: &str = "read_sql";
/// How often the cancel token is looked at while the server works.
const POLL: Duration = Duration::from_millis(20);
/// How long a server may take to let one in, where the URL does not say.
const CONNECT: Duration = Duration::from_secs(10);
/// How long is waited for the end of a call that is given up, or of a connection.
const LEAVE: Duration = Duration::from_secs(2);
/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's day 0.
const EPOCH: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;

type PgError = tokio_postgres::Error;
type Connection = Pin<Box<dyn Future<Output = Result<(), PgError>> + Send>>;

/// A server, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
    timeout: Duration,
    /// Host, port and database: what errors may show.
    name: String,
}

/// The error for a part of a URL; `got` holds nothing of the URL but what is harmless.
fn bad_url(got: impl fmt::Display, expected: &str, hint: &str) -> Error {
    Error::param("url", got, expected, hint)
}

impl Target {
    pub(super) fn new(url: &str) -> Result<Target> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let malformed = || {
            bad_url(
                "a PostgreSQL URL that cannot be read",
                "postgresql://user:password@host:port/database?sslmode=…",
                "write special characters of user and password in percent-encoding: @ as %40, / as %2F, ? as %3F",
            )
        };
        let mut config: Config = base.parse().map_err(|_| malformed())?;
        let (mut mode, mut roots, mut timeout) = ("prefer".to_owned(), None, CONNECT);
        for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or_else(malformed)?;
            let value = decoded(value).ok_or_else(malformed)?;
            match name {
                "sslmode" => mode = value,
                "sslrootcert" => roots = Some(value),
                "connect_timeout" => match value.parse::<u32>() {
                    Ok(seconds @ 1..) => timeout = Duration::from_secs(seconds.into()),
                    _ => {
                        return Err(bad_url(
                            "a connect_timeout that is no such number",
                            "whole seconds, 1 or more",
                            "leave it out for 10 seconds",
                        ));
                    }
                },
                "application_name" => {
                    config.application_name(&value);
                }
                "host" => {
                    config.host(&value);
                }
                _ => {
                    return Err(bad_url(
                        "a parameter that is not known here",
                        "sslmode, sslrootcert, connect_timeout, host or application_name",
                        "take it out of the URL; a ? of a password is written %3F",
                    ));
                }
            }
        }
        if config.get_hosts().is_empty() {
            return Err(bad_url(
                "a PostgreSQL URL without a host",
                "postgresql://user:password@host:port/database",
                "name the host",
            ));
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        config.ssl_mode(match mode.as_str() {
            "disable" => SslMode::Disable,
            "prefer" => SslMode::Prefer,
            "require" | "verify-ca" | "verify-full" => SslMode::Require,
            _ => {
                return Err(bad_url(
                    "an sslmode that is not known here",
                    "disable, prefer, require, verify-ca or verify-full",
                    "use verify-full across a network",
                ));
            }
        });
        config.connect_timeout(timeout);
        let tls = tls(&mode, roots.as_deref())?;
        let port = |i: usize| config.get_ports().get(i).or(config.get_ports().first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(i, host)| match host {
                Host::Tcp(host) => format!("{host}:{}", port(i)),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{}", path.display(), port(i)),
            })
            .collect();
        let name = format!("{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default());
        Ok(Target { config, tls, timeout, name })
    }

    /// Host, port and database: what may be shown.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn io(&self, action: &'static str, hint: &'static str, source: std::io::Error) -> Error {
        Error::Io { action, path: self.name.clone(), hint, source }
    }

    /// The error of an attempt to connect.
    fn unreachable(&self, e: &PgError) -> Error {
        let hint = match e.code() {
            Some(c) if *c == SqlState::INVALID_PASSWORD || *c == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "check user and password (in the URL, or the password in PGPASSWORD) and what the server asks for"
            }
            Some(c) if *c == SqlState::INVALID_CATALOG_NAME => "check the database's name at the end of the URL",
            Some(_) => "see what the server says",
            None if is_tls(e) => "check sslmode and sslrootcert, and the names that the server's certificate is for",
            None => "check host, port and user, and that the server runs and lets this machine in",
        };
        self.io("connect to", hint, std::io::Error::other(told(e)))
    }
}

/// Percent-decoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b != b'%' {
            bytes.push(b);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn is_tls(e: &PgError) -> bool {
    e.to_string().contains("TLS")
}

/// What the server or the system says of an error.
fn told(e: &PgError) -> String {
    if let Some(db) = e.as_db_error() {
        // Of values that do not fit (class 22), only the rule: the value may be a person's.
        let message = db.message();
        return match db.code().code().starts_with("22").then(|| message.split_once('"')).flatten() {
            Some((rule, _)) => rule.trim_end_matches([':', ' ']).to_owned(),
            None => message.to_owned(),
        };
    }
    match std::error::Error::source(e) {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    }
}

/// Why a wait ended without an answer.
enum Stop {
    Failed(PgError),
    Cancelled,
    TimedOut,
    NoThread,
}

/// Run `work` and the connection that carries it until the work is done, `run` is cancelled or `limit` has passed.
fn wait<T: Send>(
    runtime: &Runtime,
    connection: &mut Option<Connection>,
    run: &Run,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, PgError>> + Send,
) -> Result<T, Stop> {
    let begun = Instant::now();
    let all = async {
        let mut work = pin!(work);
        let mut tick = pin!(tokio::time::sleep(POLL));
        poll_fn(|cx| {
            // The connection first: it knows why it broke, where the work would only learn that it did.
            if let Some(c) = connection
                && let Poll::Ready(end) = c.as_mut().poll(cx)
            {
                *connection = None;
                if let Err(e) = end {
                    return Poll::Ready(Err(Stop::Failed(e)));
                }
            }
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done.map_err(Stop::Failed));
            }
            while tick.as_mut().poll(cx).is_ready() {
                if run.check().is_err() {
                    return Poll::Ready(Err(Stop::Cancelled));
                }
                if limit.is_some_and(|l| begun.elapsed() >= l) {
                    return Poll::Ready(Err(Stop::TimedOut));
                }
                tick.as_mut().reset(tokio::time::Instant::now() + POLL);
            }
            Poll::Pending
        })
        .await
    };
    if Handle::try_current().is_err() {
        return runtime.block_on(all);
    }
    // Inside a caller's own runtime tokio lets no other one block this thread.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("attrition".into()).spawn_scoped(scope, || runtime.block_on(all));
        thread.ok().and_then(|t| t.join().ok()).unwrap_or(Err(Stop::NoThread))
    })
}

/// An open connection, what it runs on, and whom it leads to.
struct Line {
    target: Target,
    cancel: tokio_postgres::CancelToken,
    connection: Option<Connection>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Line {
    fn drop(&mut self) {
        // Before its runtime; and only in this way may a runtime be dropped inside another one.
        self.connection = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Line {
    fn open(target: &Target, run: &Run) -> Result<(Client, Line)> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::Internal(format!("no runtime for the connection: {e}")))?;
        let connecting = target.config.connect(target.tls.clone());
        let stop = match wait(&runtime, &mut None, run, Some(target.timeout), connecting) {
            Ok((client, connection)) => {
                let (cancel, connection) = (client.cancel_token(), Some(Box::pin(connection) as Connection));
                return Ok((client, Line { target: target.clone(), cancel, connection, runtime: Some(runtime) }));
            }
            Err(stop) => stop,
        };
        // A look-up of the host's name may still be under way.
        runtime.shutdown_background();
        Err(match stop {
            Stop::Failed(e) => target.unreachable(&e),
            Stop::Cancelled => Error::Cancelled,
            Stop::NoThread => no_thread(),
            Stop::TimedOut => target.io(
                "connect to",
                "check host and port and that the server lets this machine in; connect_timeout=seconds waits longer",
                std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    format!("no answer within {} seconds", target.timeout.as_secs()),
                ),
            ),
        })
    }

    /// The result of `work`; what the server refuses is told by `failed`.
    fn wait<T: Send>(
        &mut self,
        run: &Run,
        failed: impl FnOnce(&PgError) -> Error,
        work: impl Future<Output = Result<T, PgError>> + Send,
    ) -> Result<T> {
        let Some(runtime) = &self.runtime else { return Err(no_thread()) };
        match wait(runtime, &mut self.connection, run, None, work) {
            Ok(done) => Ok(done),
            Err(Stop::Failed(e)) if is_lost(&e) => Err(self.target.io(
                "read from",
                "nothing of this batch was kept; see why the server ended the connection, and read again",
                std::io::Error::new(std::io::ErrorKind::ConnectionAborted, told(&e)),
            )),
            Err(Stop::Failed(e)) => Err(failed(&e)),
            Err(Stop::NoThread) => Err(no_thread()),
            Err(Stop::Cancelled | Stop::TimedOut) => {
                // The server ends its work, if it can be told; else when it finds the socket closed.
                let stopping = self.cancel.cancel_query(self.target.tls.clone());
                let _ = wait(runtime, &mut self.connection, &Run::new(), Some(LEAVE), stopping);
                Err(Error::Cancelled)
            }
        }
    }
}

fn no_thread() -> Error {
    Error::Internal("the connection to the database has nothing to run on".into())
}

/// Whether the connection is gone, rather than a statement refused.
fn is_lost(e: &PgError) -> bool {
    match e.code() {
        // Class 57P: ended by the administrator, a crash, a shutdown; class 08: the connection.
        Some(code) => code.code().starts_with("57P") || code.code().starts_with("08"),
        None => e.is_closed() || std::error::Error::source(e).is_some_and(|c| c.is::<std::io::Error>()),
    }
}

/// The error for a statement that the server refuses.
fn refused_by(query: &Query, e: &PgError) -> Error {
    let at = match e.as_db_error().and_then(|db| db.position()) {
        Some(ErrorPosition::Original(at)) => usize::try_from(*at).ok(),
        _ => None,
    };
    if e.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
        return refused(told(e), "the transaction is read-only: write a query that changes nothing");
    }
    query.refused(&told(e), at)
}

/// Rows of a query.
pub(super) struct Rows {
    query: Query,
    batch_rows: usize,
    names: Vec<String>,
    kinds: Vec<Kind>,
    done: usize,
    /// The stream has given its last row; it must not be asked again.
    ended: bool,
    stream: Pin<Box<RowStream>>,
    client: Client,
    line: Line,
}

impl Rows {
    pub(super) fn open(query: &Query, target: &Target, batch_rows: usize, run: &Run) -> Result<Rows> {
        let query = query.clone();
        let (client, mut line) = Line::open(target, run)?;
        let failed = |e: &PgError| refused_by(&query, e);
        line.wait(run, failed, client.batch_execute("start transaction read only"))?;
        let mut missing = false;
        let prepared = line.wait(
            run,
            |e| {
                missing =
                    e.code() == Some(&SqlState::UNDEFINED_TABLE) || e.code() == Some(&SqlState::INVALID_SCHEMA_NAME);
                refused_by(&query, e)
            },
            client.prepare(&query.sql),
        );
        let statement = match (prepared, &query.table) {
            (Ok(statement), _) => statement,
            (Err(_), Some(table)) if missing => return Err(not_found(&client, &mut line, run, table)),
            (Err(e), _) => return Err(e),
        };
        if !statement.params().is_empty() {
            return Err(refused("a query with parameters", "write the values into the query"));
        }
        if statement.columns().is_empty() {
            return Err(refused("a statement that is no query", "write a `select`"));
        }
        let names: Vec<String> = statement.columns().iter().map(|c| c.name().to_owned()).collect();
        check_names(&names)?;
        let kinds = statement.columns().iter().map(|c| kind(c.name(), c.type_())).collect::<Result<Vec<_>>>()?;
        let none: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
        let stream = Box::pin(line.wait(run, failed, client.query_raw(&statement, none))?);
        Ok(Rows { query, batch_rows, names, kinds, done: 0, ended: false, stream, client, line })
    }
}

/// The error for a table that is not there, with those that are.
fn not_found(client: &Client, line: &mut Line, run: &Run, table: &str) -> Error {
    let sql = "select case when pg_table_is_visible(c.oid) then relname else nspname || '.' || relname end \
               from pg_class c join pg_namespace n on n.oid = relnamespace \
               where relkind in ('r', 'p', 'v', 'm', 'f') and nspname not in ('pg_catalog', 'information_schema') \
               and nspname not like 'pg\\_%' order by 1 limit 9";
    // The refused statement has ended the transaction.
    let names = async {
        client.batch_execute("rollback").await?;
        client.query(sql, &[]).await?.iter().map(|row| row.try_get::<_, String>(0)).collect::<Result<Vec<_>, _>>()
    };
    match line.wait(run, |e| refused(told(e), "check the table's name"), names) {
        Ok(names) => Error::not_found("table", table, names.iter().map(String::as_str)),
        Err(e) => e,
    }
}

impl Source for Rows {
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>> {
        let mut batch = Batch::new(&self.names, &self.kinds);
        while batch.n_rows < self.batch_rows && !self.ended {
            run.check()?;
            let limit = CHECK_ROWS.min(self.batch_rows - batch.n_rows);
            let (stream, query) = (&mut self.stream, &self.query);
            let rows = self.line.wait(run, |e| refused_by(query, e), some_rows(stream.as_mut(), limit))?;
            for row in &rows {
                let types = row.columns().iter().map(|c| c.type_());
                for (i, (column, of)) in batch.columns.iter_mut().zip(types).enumerate() {
                    let place = || Place::cell(self.done, self.names.get(i).map_or("", String::as_str));
                    let cell = row.try_get::<_, Option<Cell<'_>>>(i).map_err(|e| not_read(place(), &told(&e)))?;
                    let mut text = String::new();
                    let value = match cell {
                        None => ValueRef::Missing,
                        Some(Cell(raw)) => value(of, raw, &mut text).ok_or_else(|| {
                            not_read(place(), &format!("a value of type {} that no column holds", of.name()))
                        })?,
                    };
                    if !column.push_value(value) {
                        return Err(Error::Internal(format!("a {} where another type was foretold", value.describe())));
                    }
                }
                batch.n_rows += 1;
                self.done += 1;
                if self.done.is_multiple_of(REPORT_ROWS) {
                    run.progress(STAGE, self.done, 0);
                }
            }
            self.ended = rows.len() < limit;
        }
        let batch = batch.finish()?;
        if batch.is_none() {
            let _ = self.line.wait(run, |e| refused_by(&self.query, e), self.client.batch_execute("commit"));
        }
        Ok(batch)
    }
}

fn not_read(place: Place, got: &str) -> Error {
    Error::data(place, got, "a value that its type allows", "convert the column in the query, or leave it out")
}

/// The next rows of the stream; fewer than the limit only at its end.
async fn some_rows(mut stream: Pin<&mut RowStream>, limit: usize) -> Result<Vec<Row>, PgError> {
    let mut rows = Vec::with_capacity(limit);
    while rows.len() < limit {
        match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            Some(row) => rows.push(row?),
            None => break,
        }
    }
    Ok(rows)
}

/// The column that a type becomes.
fn kind(column: &str, of: &Type) -> Result<Kind> {
    Ok(match *of {
        Type::BOOL => Kind::Bool,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Kind::Int,
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => Kind::Float,
        Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ => Kind::Time,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::CHAR | Type::NAME | Type::UUID | Type::UNKNOWN => Kind::Text,
        _ if matches!(of.kind(), PgKind::Enum(_)) || of.name() == "citext" => Kind::Text,
        _ => {
            return Err(Error::data(
                Place::column(column),
                format!("values of type {}", of.name()),
                "truth values, numbers, texts, dates or timestamps",
                format!("write cast(\"{column}\" as text) in the query, or leave the column out"),
            ));
        }
    })
}

/// A value as the server sent it.
struct Cell<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Cell<'a>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Cell(raw))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A value out of PostgreSQL's binary form; `text` holds what has to be made for it. `None` for bytes that are no
/// value of the type, and for infinite dates.
fn value<'a>(of: &Type, raw: &'a [u8], text: &'a mut String) -> Option<ValueRef<'a>> {
    let int = |raw: &[u8]| match raw.len() {
        2 => raw.try_into().ok().map(|b| i64::from(i16::from_be_bytes(b))),
        4 => raw.try_into().ok().map(|b| i64::from(i32::from_be_bytes(b))),
        _ => raw.try_into().ok().map(i64::from_be_bytes),
    };
    Some(match *of {
        Type::BOOL => ValueRef::Bool(*raw.first()? != 0),
        Type::INT2 | Type::INT4 | Type::INT8 => ValueRef::Int(int(raw)?),
        Type::OID => ValueRef::Int(u32::from_be_bytes(raw.try_into().ok()?).into()),
        Type::FLOAT4 => ValueRef::Float(f32::from_be_bytes(raw.try_into().ok()?).into()),
        Type::FLOAT8 => ValueRef::Float(f64::from_be_bytes(raw.try_into().ok()?)),
        Type::NUMERIC => ValueRef::Float(numeric(raw)?),
        Type::DATE => {
            let days = i32::from_be_bytes(raw.try_into().ok()?);
            // The ends of the range are -infinity and infinity.
            let finite = days != i32::MAX && days != i32::MIN;
            ValueRef::Time(finite.then(|| i64::from(days).checked_mul(DAY)?.checked_add(EPOCH))??)
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let micros = int(raw)?;
            let finite = micros != i64::MAX && micros != i64::MIN;
            ValueRef::Time(finite.then(|| micros.checked_add(EPOCH))??)
        }
        Type::UUID => {
            for (i, byte) in raw.iter().enumerate() {
                let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                fmt::Write::write_fmt(text, format_args!("{dash}{byte:02x}")).ok()?;
            }
            ValueRef::Text(text)
        }
        Type::BPCHAR => ValueRef::Text(std::str::from_utf8(raw).ok()?.trim_end_matches(' ')),
        _ => ValueRef::Text(std::str::from_utf8(raw).ok()?),
    })
}

/// The float nearest to a `numeric`: a sign, and digits to the base 10,000 from `weight` down.
fn numeric(raw: &[u8]) -> Option<f64> {
    let mut words = raw.chunks(2).map(|w| w.try_into().ok().map(u16::from_be_bytes));
    let mut word = || words.next().flatten();
    let (n, weight, sign, _scale) = (word()?, word()? as i16, word()?, word()?);
    let sign = match sign {
        0x0000 => "",
        0x4000 => "-",
        0xC000 => return Some(f64::NAN),
        0xD000 => return Some(f64::INFINITY),
        0xF000 => return Some(f64::NEG_INFINITY),
        _ => return None,
    };
    let mut decimal = format!("{sign}0");
    for _ in 0..n {
        fmt::Write::write_fmt(&mut decimal, format_args!("{:04}", word()?)).ok()?;
    }
    let exponent = (i32::from(weight) + 1 - i32::from(n)) * 4;
    format!("{decimal}e{exponent}").parse().ok()
}

/// TLS as an `sslmode` asks for it.
fn tls(mode: &str, roots: Option<&str>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let failed = |e: &dyn fmt::Display| Error::Internal(format!("TLS cannot be set up: {e}"));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&e))?;
    let verifies = mode.starts_with("verify");
    let trust = match roots {
        Some(path) if verifies || mode == "require" => Some(read_roots(path)?),
        None if verifies => {
            return Err(bad_url(
                format!("sslmode={mode} without sslrootcert"),
                "sslrootcert=path of a PEM file with the authorities to trust",
                "ask the server's operator for its root certificate",
            ));
        }
        _ => None,
    };
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        None => Arc::new(AnyServer(provider)),
        Some(roots) => {
            let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| failed(&e))?;
            if mode == "verify-full" { strict } else { Arc::new(AnyName(strict)) }
        }
    };
    Ok(MakeRustlsConnect::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn read_roots(path: &str) -> Result<RootCertStore> {
    let bytes = std::fs::read(Path::new(path)).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        hint: "check the path of sslrootcert",
        source,
    })?;
    let mut roots = RootCertStore::empty();
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    if roots.add_parsable_certificates(certificates).0 == 0 {
        return Err(Error::data(
            Place::source(path),
            "no certificate",
            "certificates in PEM: -----BEGIN CERTIFICATE-----",
            "give the server's root certificate",
        ));
    }
    Ok(roots)
}

/// Encryption without asking who the server is: `prefer` and `require`, as in libpq.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A server that a trusted authority vouches for, whatever its name: `verify-ca`.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        // The name is looked at last, when everything else holds.
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_be_bytes()).collect()
    }

    #[test]
    fn a_numeric_is_the_nearest_float() {
        // 12345.678 is 1·10⁴ + 2345 + 6780·10⁻⁴; the rest by the same rule.
        for (words, want) in [
            (&[3, 1, 0, 3, 1, 2345, 6780][..], 12345.678),
            (&[0, 0, 0, 0], 0.0),
            (&[1, 0xFFFF, 0x4000, 4, 1], -0.0001),
            (&[1, 5, 0, 0, 1], 1e20),
            (&[2, 0, 0, 4, 0, 1000], 0.1),
            (&[0, 0, 0xD000, 0], f64::INFINITY),
            (&[0, 0, 0xF000, 0], f64::NEG_INFINITY),
        ] {
            assert_eq!(numeric(&bytes(words)), Some(want));
        }
        assert!(numeric(&bytes(&[0, 0, 0xC000, 0])).unwrap().is_nan());
        for broken in [&[][..], &[1, 0, 0, 0], &[0, 0, 7, 0]] {
            assert_eq!(numeric(&bytes(broken)), None);
        }
    }

    #[test]
    fn values_of_any_bytes_are_read_or_refused() {
        for of in [
            Type::BOOL,
            Type::INT2,
            Type::INT4,
            Type::INT8,
            Type::OID,
            Type::FLOAT4,
            Type::FLOAT8,
            Type::NUMERIC,
            Type::DATE,
            Type::TIMESTAMP,
            Type::UUID,
            Type::TEXT,
        ] {
            for n in 0..20 {
                for byte in [0, 1, 0x7F, 0x80, 0xFF] {
                    let _ = value(&of, &vec![byte; n], &mut String::new());
                }
            }
        }
        let of = |of, raw: &[u8]| value(&of, raw, &mut String::new()).map(|v| v.describe());
        assert_eq!(of(Type::DATE, &i32::MAX.to_be_bytes()), None);
        assert_eq!(of(Type::TIMESTAMP, &i64::MIN.to_be_bytes()), None);
        assert_eq!(value(&Type::DATE, &0i32.to_be_bytes(), &mut String::new()), Some(ValueRef::Time(EPOCH)));
        assert_eq!(value(&Type::OID, &[0xFF; 4], &mut String::new()), Some(ValueRef::Int(u32::MAX.into())));
        let uuid: Vec<u8> = (0..16).collect();
        let mut text = String::new();
        let want = ValueRef::Text("00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(value(&Type::UUID, &uuid, &mut text), Some(want));
    }

    #[test]
    fn a_url_is_read_or_refused_without_its_secrets() {
        let target =
            Target::new("postgresql://ana:s3cret%40@db.example:6543/hr?sslmode=disable&connect_timeout=3").unwrap();
        assert_eq!(target.name, "db.example:6543/hr");
        assert_eq!(target.config.get_password(), Some(&b"s3cret@"[..]));
        assert_eq!(target.timeout, Duration::from_secs(3));
        assert_eq!(Target::new("postgres://ana@/hr?host=%2Frun%2Fpg").unwrap().name, "/run/pg:5432/hr");
        for (url, words) in [
            ("postgresql://ana:s3cret@h/db?sslmode=maybe", "sslmode that is not known"),
            ("postgresql://ana:s3cret@h/db?sslmode=verify-full", "sslmode=verify-full without sslrootcert"),
            ("postgresql://ana:s3cret@h/db?sslmode=verify-ca&sslrootcert=/no/such.pem", "cannot read `/no/such.pem`"),
            ("postgresql://ana:s3cret?x@h/db", "cannot be read"),
            ("postgresql://ana:s3cret@h/db?s3cret=1", "a parameter that is not known"),
            ("postgresql://ana:s3cret@h:port/db", "cannot be read"),
            ("postgresql://ana:s3cret@h/db?connect_timeout=0", "connect_timeout"),
            ("postgresql://ana:s3cret@h/db?connect_timeout=%zz", "cannot be read"),
            ("postgresql:///db", "without a host"),
        ] {
            let e = Target::new(url).err().unwrap().to_string();
            assert!(e.contains(words), "{url}: {e}");
            assert!(!e.contains("s3cret"), "{e}");
        }
    }
}
