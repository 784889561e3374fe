//! Core errors as JavaScript errors: a real `Error` with the kind's code and the facts.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use attrition_core::error::Place;
use attrition_core::learn::Learner;
use attrition_core::train::TrainOptions;
use attrition_core::{Error, ErrorKind};
use napi::bindgen_prelude::Object;
use napi::{Env, JsValue, Status};
use napi_derive::napi;
use serde_json::Value;

use crate::plain::camel;

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
    let text = match error {
        Error::InvalidParam { name, got, expected, hint } => {
            // What serde expects in place of an unknown field are names one and all.
            let names = got.starts_with("unknown field");
            let expected = if names { renamed(expected, |_| true) } else { in_camel_case(expected) };
            Error::param(in_camel_case(name), in_camel_case(got), expected, in_camel_case(hint)).to_string()
        }
        error => error.to_string(),
    };
    let mut object = env.create_error(napi::Error::new(Status::GenericFailure, text))?;
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
        Error::InvalidParam { name, .. } => object.set("param", in_camel_case(name))?,
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

/// The text with the names of options and parameters as JavaScript has them; all other words stay.
fn in_camel_case(text: &str) -> String {
    static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(names);
    renamed(text, |word| NAMES.contains(word))
}

/// The text with some of its words in camelCase.
fn renamed(text: &str, is_name: impl Fn(&str) -> bool) -> String {
    let in_word = |c: char| c == '_' || c.is_alphanumeric();
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !in_word(c)) {
        let word = piece.trim_end_matches(|c| !in_word(c));
        if is_name(word) {
            out.push_str(&camel(word));
        } else {
            out.push_str(word);
        }
        out.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    out
}

/// The names of all options of training and of all learners' parameters.
fn names() -> BTreeSet<String> {
    fn keys(value: &Value, out: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            out.insert(name.clone());
            keys(value, out);
        }
    }
    let mut out = BTreeSet::new();
    keys(&serde_json::to_value(TrainOptions::default()).unwrap_or_default(), &mut out);
    let learners = Learner::NAMES.iter().filter_map(|name| Learner::from_name(name, None).ok());
    out.extend(learners.flat_map(|l| l.param_specs().iter().map(|spec| spec.name.to_owned())));
    out
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
