//! PostgreSQL, against a real server: what is read, and what goes wrong.
//!
//! `make test` starts a throw-away server (`scripts/postgres.sh`); without one these tests say so and pass over
//! themselves, and fail when `ATTRITION_REQUIRE_POSTGRES=1`.

use std::time::{Duration, Instant};

use attrition_core::table::{Source, SqlOptions, SqlScan, Value, scan_sql};
use attrition_core::{CancelToken, Error, ErrorKind, Run, Table};
use postgres::{Client, NoTls};

/// The server's URL, without parameters.
fn server() -> Option<String> {
    let url = std::env::var("ATTRITION_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        let required = std::env::var("ATTRITION_REQUIRE_POSTGRES").is_ok_and(|v| v == "1");
        assert!(!required, "no URL in ATTRITION_TEST_POSTGRES, and ATTRITION_REQUIRE_POSTGRES=1");
        println!("passed over: no URL in ATTRITION_TEST_POSTGRES (run by scripts/postgres.sh)");
    }
    url
}

/// A schema of one test, gone when it ends.
struct Schema {
    url: String,
    name: String,
    client: Client,
}

impl Schema {
    fn new(test: &str) -> Option<Schema> {
        let url = server()?;
        let mut client = Client::connect(&url, NoTls).unwrap();
        let name = format!("attrition_{test}_{}", std::process::id());
        client.batch_execute(&format!("drop schema if exists {name} cascade; create schema {name}")).unwrap();
        let mut schema = Schema { url, name, client };
        schema.run("set search_path to SCHEMA");
        Some(schema)
    }

    /// With the schema's name for `SCHEMA`.
    fn run(&mut self, sql: &str) {
        self.client.batch_execute(&sql.replace("SCHEMA", &self.name)).unwrap();
    }

    fn read(&self, sql: &str) -> Result<Table, Error> {
        Table::read_sql(&sql.replace("SCHEMA", &self.name), &self.url)
    }

    fn scan(&self, sql: &str, batch_rows: usize) -> SqlScan {
        scan_sql(&sql.replace("SCHEMA", &self.name), &self.url, SqlOptions { batch_rows }).unwrap()
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let _ = self.client.batch_execute(&format!("drop schema if exists {} cascade", self.name));
    }
}

fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    if let Some(secret) = server().as_deref().and_then(password) {
        assert!(!message.contains(secret), "{message}");
    }
}

/// The password of a URL, as it stands there.
fn password(url: &str) -> Option<&str> {
    url.split_once("://")?.1.rsplit_once('@')?.0.split_once(':').map(|(_, p)| p).filter(|p| !p.is_empty())
}

#[test]
fn every_type_becomes_its_column() {
    let Some(mut s) = Schema::new("types") else { return };
    s.run(
        "create type mood as enum ('calm', 'cross');
         create domain grade as integer;
         create table t (a boolean, b smallint, c integer, d bigint, e real, f double precision, g numeric(30, 10),
                         h text, i varchar(9), j char(6), k name, l uuid, m mood, n date, o timestamp, p timestamptz,
                         q grade, r \"char\", s oid, u numeric);
         insert into t values
           (true, -3, 70000, 9007199254740993, 0.5, 1e300, 12345678901234567890.0123456789, 'Tromsø', 'v', 'pad', 'n',
            '12345678-9abc-def0-1234-56789abcdef0', 'cross', '1900-02-28', '2024-02-29 12:34:56.789012',
            '2024-06-01 02:00:00+02', 4, 'x', 4000000000, 0.1),
           (null, null, null, null, 'NaN', null, 'NaN', null, null, null, null, null, null, null, null, null, null,
            null, null, -0.00000000000000000000001234);",
    );
    let table = s.read("SCHEMA.t").unwrap();
    let want: [(&str, Value); 20] = [
        ("bool", true.into()),
        ("int", (-3).into()),
        ("int", 70_000.into()),
        ("int", 9_007_199_254_740_993i64.into()),
        ("float", 0.5.into()),
        ("float", 1e300.into()),
        ("float", 12345678901234567890.012_345_678_9.into()),
        ("string", "Tromsø".into()),
        ("string", "v".into()),
        ("string", "pad".into()),
        ("string", "n".into()),
        ("string", "12345678-9abc-def0-1234-56789abcdef0".into()),
        ("string", "cross".into()),
        ("time", Value::Time(-2_203_977_600_000_000)),
        ("time", Value::Time(1_709_210_096_789_012)),
        ("time", Value::Time(1_717_200_000_000_000)),
        ("int", 4.into()),
        ("string", "x".into()),
        ("int", 4_000_000_000i64.into()),
        ("float", 0.1.into()),
    ];
    for (column, (kind, value)) in table.columns().iter().zip(want) {
        assert_eq!(column.type_name(), kind, "{}", column.name());
        assert_eq!(column.get(0), value, "{}", column.name());
        assert!(column.name() == "u" || column.is_missing(1), "{}", column.name());
    }
    assert_eq!(table.column("u").unwrap().get(1), Value::Float(-1.234e-23));
    let table =
        s.read("select a is null as none, count(*) as n, 'x' as word from SCHEMA.t group by a order by a").unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["none", "n", "word"]);
    assert_eq!(table.n_rows(), 2);
    assert_eq!(s.read("with x as (values (1), (2)) select * from x").unwrap().n_rows(), 2);
}

#[test]
fn batches_together_are_the_whole() {
    let Some(s) = Schema::new("batches") else { return };
    let sql = "select i, case when i > 2500 then i end as late, case when i % 7 > 0 then 'w' || i % 5 end as word \
               from generate_series(1, 5000) as i";
    let whole = s.read(sql).unwrap();
    assert_eq!(whole.n_rows(), 5000);
    for batch_rows in [1000, 1024, 1500, 5000, 9000] {
        let (mut scan, mut row) = (s.scan(sql, batch_rows), 0);
        while let Some(batch) = scan.next_batch(&Run::new()).unwrap() {
            assert!(batch.n_rows() == batch_rows || row + batch.n_rows() == 5000);
            for (a, b) in batch.columns().iter().zip(whole.columns()) {
                assert_eq!((a.name(), a.type_name()), (b.name(), b.type_name()));
                assert!((0..batch.n_rows()).all(|r| a.get(r) == b.get(row + r)));
            }
            row += batch.n_rows();
        }
        assert_eq!(row, 5000);
        assert!(scan.next_batch(&Run::new()).unwrap().is_none());
    }
    let mut none = s.scan("select 1 as x where false", 10);
    assert!(none.next_batch(&Run::new()).unwrap().is_none());
    says(&s.read("select 1 as x where false").unwrap_err(), ErrorKind::InvalidData, &["a query without rows"]);
}

#[test]
fn a_bare_name_is_taken_letter_by_letter() {
    let Some(mut s) = Schema::new("names") else { return };
    s.run("create table \"Order\" (a int); insert into \"Order\" values (1); create view staff as select 2 as b");
    assert_eq!(s.read("SCHEMA.Order").unwrap().n_rows(), 1);
    assert_eq!(s.read("SCHEMA.staff").unwrap().n_rows(), 1);
    let none = s.read("SCHEMA.order").unwrap_err();
    says(
        &none,
        ErrorKind::NotFound,
        &[&format!("no table named `{}.order`; there is: ", s.name), &format!("{}.staff", s.name)],
    );
    says(&s.read("no_schema.t").unwrap_err(), ErrorKind::NotFound, &["no table named `no_schema.t`"]);
}

#[test]
fn what_is_no_query_is_refused_and_nothing_is_written() {
    let Some(mut s) = Schema::new("refused") else { return };
    s.run("create table t (a int, name text); insert into t values (1, 'Smith')");
    for (sql, words) in [
        ("insert into SCHEMA.t values (2)", &["no query", "write a `select`"][..]),
        ("insert into SCHEMA.t values (2) returning a", &["INSERT in a read-only transaction", "read-only"]),
        ("with x as (delete from SCHEMA.t returning a) select * from x", &["read-only"]),
        ("commit;", &["no query"]),
        ("select 1; drop table SCHEMA.t", &["multiple commands"]),
        ("select set_config('transaction_read_only', 'off', true)", &["read-write mode"]),
        ("select a fro SCHEMA.t", &["syntax error", "at character"]),
        ("select nobody from SCHEMA.t", &["column \"nobody\" does not exist at character 8"]),
        ("select * from SCHEMA.nobody", &["does not exist at character 15"]),
        ("select a from SCHEMA.t where a = $1", &["with parameters"]),
        ("select 1 / (a - 1) as x from SCHEMA.t", &["division by zero"]),
        ("select name::int as x from SCHEMA.t", &["invalid input syntax for type integer"]),
    ] {
        let e = s.read(sql).unwrap_err();
        says(&e, ErrorKind::InvalidParam, words);
        assert!(!e.to_string().contains("Smith"), "{e}");
    }
    assert_eq!(s.read("SCHEMA.t").unwrap().n_rows(), 1);
}

#[test]
fn values_without_a_column_are_named() {
    let Some(s) = Schema::new("values") else { return };
    for (sql, words) in [
        ("select '{}'::json as x", &["column `x`", "of type json", "cast(\"x\" as text)"][..]),
        ("select interval '1 day' as x", &["column `x`", "of type interval"]),
        ("select array[1] as x", &["column `x`", "of type _int4"]),
        ("select 'infinity'::date as x", &["row 0, column `x`", "of type date"]),
        (
            "select case i when 3 then '-infinity' else now() end as t from generate_series(1, 5) i",
            &["row 2, column `t`"],
        ),
        ("select 1 as a, 2 as a", &["column `a`", "the same name"]),
    ] {
        says(&s.read(sql).unwrap_err(), ErrorKind::InvalidData, words);
    }
    assert_eq!(s.read("select cast('{}'::json as text) as x").unwrap().column("x").unwrap().get(0), Value::from("{}"));
}

#[test]
fn a_database_that_cannot_be_reached_is_an_error_in_bounded_time() {
    let Some(url) = server() else { return };
    if let Some(secret) = password(&url) {
        let e = Table::read_sql("t", &url.replace(secret, "wr0ng-word")).unwrap_err();
        says(&e, ErrorKind::Io, &["cannot connect to", "password authentication failed", "PGPASSWORD"]);
        assert!(!e.to_string().contains("wr0ng-word"), "{e}");
        says(&Table::read_sql("t", &url.replace(&format!(":{secret}"), "")).unwrap_err(), ErrorKind::Io, &["password"]);
    }
    let (base, _) = url.rsplit_once('/').unwrap();
    let e = Table::read_sql("t", &format!("{base}/nobody")).unwrap_err();
    says(&e, ErrorKind::Io, &["/nobody", "database \"nobody\" does not exist", "name at the end of the URL"]);
    says(
        &Table::read_sql("t", "postgresql://ana:s3cret@nobody.invalid/x").unwrap_err(),
        ErrorKind::Io,
        &["nobody.invalid:5432/x"],
    );

    // A port where nobody listens, and one where somebody does who never speaks.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("postgresql://ana:s3cret@{}/x?connect_timeout=1", listener.local_addr().unwrap());
    let begun = Instant::now();
    let e = Table::read_sql("t", &silent).unwrap_err();
    says(&e, ErrorKind::Io, &["cannot connect to", "no answer within 1 seconds", "connect_timeout"]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!e.to_string().contains("s3cret"), "{e}");
    drop(listener);
    let e = Table::read_sql("t", &silent).unwrap_err();
    says(&e, ErrorKind::Io, &["cannot connect to", "refused"]);
    assert!(!e.to_string().contains("s3cret"), "{e}");
}

#[test]
fn a_connection_lost_halfway_is_an_error_and_the_end() {
    let Some(mut s) = Schema::new("lost") else { return };
    let sql = "select i, repeat('x', 500) as filler, pg_backend_pid() as pid from generate_series(1, 300000) as i";
    let mut scan = s.scan(sql, 1000);
    let first = scan.next_batch(&Run::new()).unwrap().unwrap();
    let Value::Int(pid) = first.column("pid").unwrap().get(0) else { panic!("no process id") };
    s.run(&format!("select pg_terminate_backend({pid})"));
    let e = loop {
        match scan.next_batch(&Run::new()) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the rows ended as if they were all"),
            Err(e) => break e,
        }
    };
    says(&e, ErrorKind::Io, &["cannot read from", "read again"]);
    says(&scan.next_batch(&Run::new()).unwrap_err(), ErrorKind::InvalidData, &["after an error"]);
}

#[test]
fn a_cancelled_run_stops_also_a_query_that_has_no_row_yet() {
    let Some(mut s) = Schema::new("cancel") else { return };
    let token = CancelToken::new();
    let run = Run::new().cancel_token(token.clone());
    let (url, name) = (s.url.clone(), s.name.clone());
    std::thread::scope(|scope| {
        let work =
            scope.spawn(|| Table::read_sql_with(&format!("select '{name}' as x, pg_sleep(30)::text"), &url, &run));
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        token.cancel();
        assert_eq!(work.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(3));
    });
    // The server has stopped as well.
    let sql =
        "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like $1";
    let running = |c: &mut Client| c.query_one(sql, &[&format!("select '{name}'%")]).unwrap().get::<_, i64>(0);
    let begun = Instant::now();
    while running(&mut s.client) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the query is still running");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(s.read("select 1 as x").unwrap().n_rows(), 1);
}

#[test]
fn memory_is_that_of_a_batch() {
    let Some(s) = Schema::new("memory") else { return };
    // Resident pages of this process; other tests of this file hold little.
    let resident = || {
        let pages: usize = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
        Some(pages * 4096)
    };
    let mut scan =
        s.scan("select i, i * 0.5::float8 as x, repeat('y', 200) as y from generate_series(1, 1000000) as i", 65_536);
    scan.next_batch(&Run::new()).unwrap();
    let Some(before) = resident() else { return };
    let mut n = 65_536;
    while let Some(batch) = scan.next_batch(&Run::new()).unwrap() {
        n += batch.n_rows();
    }
    assert_eq!(n, 1_000_000);
    let grown = resident().unwrap().saturating_sub(before);
    println!("grown by {} KiB over 1,000,000 rows of 200 MB", grown / 1024);
    assert!(grown < 64 << 20, "grown by {grown} bytes");
}

#[test]
fn reading_inside_an_asynchronous_program_works() {
    let Some(s) = Schema::new("async") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let table = runtime.block_on(async { s.read("select 7 as x") }).unwrap();
    assert_eq!(table.column("x").unwrap().get(0), Value::Int(7));
    let failed = runtime.block_on(async { Table::read_sql("t", "postgresql://h:s3cret@127.0.0.1:1/x") }).unwrap_err();
    says(&failed, ErrorKind::Io, &["127.0.0.1:1/x"]);
}

#[test]
fn tls_is_as_strict_as_asked() {
    let Some(s) = Schema::new("tls") else { return };
    let Some(ca) = std::env::var("ATTRITION_TEST_POSTGRES_CA").ok().filter(|p| !p.is_empty()) else {
        println!("passed over: no root certificate in ATTRITION_TEST_POSTGRES_CA");
        return;
    };
    // Whether the connection that reads is encrypted.
    let encrypted = |parameters: &str, url: &str| {
        let sql = "select ssl as x from pg_stat_ssl where pid = pg_backend_pid()";
        Table::read_sql(sql, &format!("{url}?{parameters}")).map(|t| t.column("x").unwrap().get(0) == Value::Bool(true))
    };
    let trusted = |mode: &str| format!("sslmode={mode}&sslrootcert={ca}");
    assert!(!encrypted("sslmode=disable", &s.url).unwrap());
    assert!(encrypted("", &s.url).unwrap());
    assert!(encrypted("sslmode=require", &s.url).unwrap());
    for mode in ["require", "verify-ca", "verify-full"] {
        assert!(encrypted(&trusted(mode), &s.url).unwrap(), "{mode}");
    }
    for mode in ["verify-ca", "verify-full"] {
        let e = encrypted(&format!("sslmode={mode}"), &s.url).unwrap_err();
        says(&e, ErrorKind::InvalidParam, &[mode, "without sslrootcert"]);
    }
    // The certificate is for `localhost`: by its address the server has the right authority and the wrong name.
    let by_address = s.url.replace("@localhost:", "@127.0.0.1:");
    if by_address != s.url {
        assert!(encrypted(&trusted("verify-ca"), &by_address).unwrap());
        let e = encrypted(&trusted("verify-full"), &by_address).unwrap_err();
        says(&e, ErrorKind::Io, &["cannot connect to", "certificate", "sslrootcert"]);
    }
    // Another authority, and a file without one.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.pem");
    std::fs::write(&path, include_str!("databases/other_authority.pem")).unwrap();
    for mode in ["require", "verify-ca", "verify-full"] {
        let e = encrypted(&format!("sslmode={mode}&sslrootcert={}", path.display()), &s.url).unwrap_err();
        says(&e, ErrorKind::Io, &["cannot connect to", "certificate"]);
    }
    std::fs::write(&path, "nothing").unwrap();
    let e = encrypted(&format!("sslmode=verify-ca&sslrootcert={}", path.display()), &s.url).unwrap_err();
    says(&e, ErrorKind::InvalidData, &["other.pem", "no certificate"]);
}
