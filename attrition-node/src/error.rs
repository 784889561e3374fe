//! Core errors as JavaScript errors: a real `Error` with the kind's code and the facts.

use attrition_core::error::Place;
use attrition_core::{Error, ErrorKind};
use napi::bindgen_prelude::Object;
use napi::{Env, JsValue, Status};
use napi_derive::napi;

/// The code of every kind of error. A code that the TypeScript does not know fails its test.
#[napi]
pub fn error_codes() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.code()).collect()
}

/// What `AbortSignal` users look for in `err.name`; everything else keeps the plain name.
fn name(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Cancelled => Some("AbortError"),
        ErrorKind::InvalidParam
        | ErrorKind::InvalidData
        | ErrorKind::SchemaMismatch
        | ErrorKind::NotFound
        | ErrorKind::Io
        | ErrorKind::Artifact
        | ErrorKind::Numeric
        | ErrorKind::Unsupported
        | ErrorKind::Internal => None,
    }
}

/// The error as napi throws it: it holds the JavaScript object itself.
pub(crate) fn thrown(env: &Env, error: &Error) -> napi::Error {
    match object(env, error) {
        Ok(object) => napi::Error::from_unknown_without_coercion(object.to_unknown()),
        // The environment is going away: there is nobody left to throw to.
        Err(e) => e,
    }
}

fn object<'env>(env: &'env Env, error: &Error) -> napi::Result<Object<'env>> {
    let mut object = env.create_error(napi::Error::new(Status::GenericFailure, error.to_string()))?;
    object.set("code", error.kind().code())?;
    if let Some(name) = name(error.kind()) {
        object.set("name", name)?;
    }
    match error {
        Error::SchemaMismatch { problems } => {
            let mut list = env.create_array(problems.len() as u32)?;
            for (i, p) in problems.iter().enumerate() {
                let mut problem = Object::new(env)?;
                problem.set("column", p.column.as_str())?;
                problem.set("row", p.row.map(|r| r as f64))?;
                problem.set("got", p.got.as_str())?;
                problem.set("expected", p.expected.as_str())?;
                problem.set("hint", p.hint.as_str())?;
                list.set(i as u32, problem)?;
            }
            object.set("problems", list)?;
            if let [one] = problems.as_slice() {
                place(&mut object, &Place { row: one.row, ..Place::column(&one.column) })?;
            }
        }
        Error::InvalidData { place: at, .. } => place(&mut object, at)?,
        Error::InvalidParam { name, .. } => object.set("param", name.as_str())?,
        Error::Io { path, source, .. } => {
            object.set("path", path.as_str())?;
            if let Some(errno) = source.raw_os_error() {
                object.set("errno", errno)?;
            }
        }
        _ => {}
    }
    Ok(object)
}

fn place(object: &mut Object<'_>, place: &Place) -> napi::Result<()> {
    if let Some(source) = &place.source {
        object.set("source", source.as_str())?;
    }
    if let Some(line) = place.line {
        object.set("line", line as f64)?;
    }
    if let Some(row) = place.row {
        object.set("row", row as f64)?;
    }
    if let Some(column) = &place.column {
        object.set("column", column.as_str())?;
    }
    Ok(())
}
