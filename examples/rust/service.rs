//! A small service inside your own process: it links the crate, loads one artifact and scores JSON records.
//!
//! ```text
//! service MODEL              one record a line on standard input, one answer a line on standard output
//! service MODEL ADDRESS      the same over HTTP/1.1: POST /predict with a record as the body, GET /health
//! ```
//!
//! A model is `Send + Sync` and cheap to clone; the loop here answers one request at a time to stay short.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use attrition_core::ErrorKind;
use attrition_core::model::Model;

/// A record is small; a longer body is refused before it is read.
const MAX_BODY: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [model] => lines(&Model::load(model)?),
        [model, address] => serve(&Model::load(model)?, &TcpListener::bind(address)?),
        _ => Err("usage: service MODEL [ADDRESS]".into()),
    }
}

/// The answer to one record: status and JSON.
fn answer(model: &Model, record: &[u8]) -> (u16, String) {
    match model.predict_one_json(record) {
        Ok(prediction) => (200, serde_json::to_string(&prediction).unwrap_or_default()),
        Err(e) => {
            let status = if e.kind() == ErrorKind::Internal { 500 } else { 422 };
            (status, serde_json::json!({ "error": e.to_string(), "code": e.kind().code() }).to_string())
        }
    }
}

fn lines(model: &Model) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", answer(model, line?.as_bytes()).1)?;
        out.flush()?;
    }
    Ok(())
}

fn serve(model: &Model, listener: &TcpListener) -> Result<(), Box<dyn Error>> {
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(e) = stream.and_then(|s| respond(model, s)) {
            // A client that goes away in the middle ends its own request, not the service.
            eprintln!("request not answered: {e}");
        }
    }
    Ok(())
}

fn respond(model: &Model, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(MAX_BODY as u64 + 8192));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(usize::MAX);
        }
    }
    let (status, body) = match request.split_whitespace().collect::<Vec<_>>()[..] {
        ["GET", "/health", _] => (200, serde_json::json!({ "digest": model.digest() }).to_string()),
        ["POST", "/predict", _] if length > MAX_BODY => (413, r#"{"error":"the body is too long"}"#.to_owned()),
        ["POST", "/predict", _] => {
            let mut record = vec![0; length];
            reader.read_exact(&mut record)?;
            answer(model, &record)
        }
        _ => (404, r#"{"error":"POST /predict or GET /health"}"#.to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
