//! A model whose sections were changed by a forger who keeps every checksum right.
//!
//! The input is a list of edits, not bytes of a file, so that it stays meaningful when the format grows: the first byte
//! chooses a section, and each four bytes after it are a place (u16), an action and its argument.

use attrition_core::artifact::{Container, ContainerRef};
use attrition_core::model::Model;
use attrition_core::{ErrorKind, Run};

/// What takes the place of a number, or is put in.
const TOKENS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "2",
    "3",
    "255",
    "65536",
    "4294967295",
    "18446744073709551615",
    "1e308",
    "-1e308",
    "5e-324",
    "null",
    "[]",
    "\"\"",
    "true",
];

/// The model is refused, or works: no call on it panics, and it is written and read again.
pub fn run(data: &[u8]) {
    let model = super::trained();
    let Ok(original) = model.to_bytes() else { panic!("a trained model is written") };
    let Ok(read) = ContainerRef::from_bytes(&original) else { panic!("what was written is read") };
    let sections: Vec<(&str, &[u8])> = read.sections().collect();
    let (Some((first, edits)), false) = (data.split_first(), sections.is_empty()) else { return };
    let chosen = usize::from(*first) % sections.len();
    let mut container = Container::new();
    for (i, (name, bytes)) in sections.into_iter().enumerate() {
        let mut bytes = bytes.to_vec();
        if i == chosen {
            for edit in edits.chunks_exact(4).take(8) {
                apply(&mut bytes, usize::from(edit[0]) | usize::from(edit[1]) << 8, edit[2], edit[3]);
            }
        }
        assert!(container.insert(name, bytes).is_ok());
    }
    let Ok(forged) = container.to_bytes() else { panic!("a container is written") };
    match Model::from_bytes(&forged) {
        Ok(model) => use_it(&model),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Artifact, "{e}"),
    }
}

fn apply(bytes: &mut Vec<u8>, place: usize, action: u8, argument: u8) {
    let at = place % (bytes.len() + 1);
    let token = TOKENS[usize::from(argument) % TOKENS.len()].as_bytes();
    match action % 6 {
        0 if at < bytes.len() => bytes[at] = argument,
        1 => bytes.insert(at, argument),
        2 => drop(bytes.drain(at..(at + usize::from(argument % 32)).min(bytes.len()))),
        3 => drop(bytes.splice(at..at, token.iter().copied())),
        // The next number becomes another one.
        4 | 5 => {
            let is_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'e');
            let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|i| at + i) else { return };
            let end = bytes[start..].iter().position(|b| !is_number(b)).map_or(bytes.len(), |i| start + i);
            bytes.splice(start..end, token.iter().copied());
        }
        _ => {}
    }
}

fn use_it(model: &Model) {
    let table = super::table();
    let _ = model.predict_proba_with(&table, &Run::new().n_threads(Some(1)));
    let _ = model.evaluate(&table, &Run::new().n_threads(Some(1)));
    let _ = model.predict(&table);
    let _ = model.profile();
    let _ = model.terms();
    let _ = model.params();
    for record in [&br#"{"age": 30, "site": "Lima", "remote": true}"#[..], br#"{"age": null, "site": "?"}"#] {
        let _ = model.predict_one_json(record);
        let _ = model.contributions_json(record);
    }
    let again = model.to_bytes();
    assert!(again.is_ok(), "a model that is read is written: {again:?}");
}
