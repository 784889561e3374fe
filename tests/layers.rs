//! A room imports only rooms above it: the drawing in `lib.rs` cannot drift from the code.
//!
//! The test reads every path in `attrition-core/src` that starts at the crate's root (`use crate::…`, `crate::…` in an
//! expression, and `super::…` that climbs that far), outside comments, strings and `#[cfg(test)]` items, and fails on
//! any that leads to the same file's later rooms. Inherent `impl Model` blocks may stand in any later room.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, in the one order there is.
const ROOMS: [&[&str]; 9] = [
    &["error", "rng", "run", "file", "num"],   // ground
    &["table", "schema", "datasets", "split"], // data
    &["metrics", "profile", "preprocess"],     // pure functions of arrays
    &["learn", "tune", "calibrate"],           // learning
    &["model", "train"],                       // a decision is made
    &JUDGING,                                  // judging
    &["artifact"],                             // outliving the process
    &OPERATING,                                // operating
    &["report"],                               // face
];
/// Rooms that never import each other, whatever the order says.
const JUDGING: [&str; 4] = ["evaluate", "fairness", "explain", "drift"];
const OPERATING: [&str; 2] = ["registry", "monitor"];
/// The one step down: random numbers of a given distribution need the one implementation of exp and ln.
const EXCEPTIONS: [(&str, &str); 1] = [("rng", "num")];

fn rooms() -> impl Iterator<Item = &'static str> {
    ROOMS.into_iter().flatten().copied()
}

fn rank(room: &str) -> Option<usize> {
    rooms().position(|r| r == room)
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("attrition-core/src")
}

/// The code without comments, strings and character literals (their places are blanks, newlines stay).
fn code_only(text: &str) -> String {
    let s: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let at = |i: usize| s.get(i).copied().unwrap_or('\0');
    let mut i = 0;
    while i < s.len() {
        let start = i;
        if at(i) == '/' && at(i + 1) == '/' {
            while i < s.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut depth = 1;
            i += 2;
            while i < s.len() && depth > 0 {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
            }
        } else if at(i) == 'r' && (at(i + 1) == '"' || at(i + 1) == '#') && !(i > 0 && is_word(at(i - 1))) {
            let mut hashes = 0;
            while at(i + 1 + hashes) == '#' {
                hashes += 1;
            }
            if at(i + 1 + hashes) != '"' {
                out.push(at(i)); // a raw identifier
                i += 1;
                continue;
            }
            i += 2 + hashes;
            while i < s.len() && !(at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#')) {
                i += 1;
            }
            i += 1 + hashes;
        } else if at(i) == '"' {
            i += 1;
            while i < s.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if at(i) == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < s.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else {
            out.push(at(i));
            i += 1;
            continue;
        }
        out.extend(s[start..i.min(s.len())].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Blanks every item under `#[cfg(test)]`; gives back the names of the test modules kept in files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut out, mut rest, mut files) = (String::new(), code, Vec::new());
    while let Some(p) = rest.find(MARK) {
        out.push_str(&rest[..p]);
        let after = &rest[p + MARK.len()..];
        let end = after.find([';', '{']).unwrap_or(after.len());
        let head = &after[..end];
        let length = if after[end..].starts_with('{') {
            let mut depth = 0;
            after[end..]
                .char_indices()
                .find(|&(_, c)| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth == 0
                })
                .map_or(after.len(), |(i, _)| end + i + 1)
        } else {
            if let Some(name) = head.trim().strip_prefix("mod ") {
                files.push(name.trim().to_owned());
            }
            (end + 1).min(after.len())
        };
        out.extend(after[..length].chars().filter(|&c| c == '\n'));
        rest = &after[length..];
    }
    out.push_str(rest);
    (out, files)
}

/// The first names after a path's prefix: of `a::b` that is `a`, of `{a::b, c}` it is `a` and `c`.
fn heads(after: &str) -> Vec<String> {
    let after = after.trim_start();
    let word = |s: &str| s.chars().take_while(|&c| is_word(c) || c == '*').collect::<String>();
    let Some(group) = after.strip_prefix('{') else { return vec![word(after)] };
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(word(group[start..i].trim_start()));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|h| !h.is_empty() && h != "self");
    found
}

/// Every path of the code that starts at the crate's root: its line and the first name after the root.
///
/// `depth` is how many `super` lead from the file's module to the crate's root.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let climb = "super::".repeat(depth);
    for prefix in ["crate::", climb.as_str()] {
        for (p, _) in code.match_indices(prefix) {
            let before = code[..p].chars().next_back().unwrap_or(' ');
            if is_word(before) || before == ':' {
                continue; // the middle of a longer path, as in `super::super::x` or `$crate::x`
            }
            let line = code[..p].matches('\n').count() + 1;
            found.extend(heads(&code[p + prefix.len()..]).into_iter().map(|h| (line, h)));
        }
    }
    found
}

/// Names that `lib.rs` re-exports at the root, with the room each comes from.
fn re_exports(lib: &str) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (p, _) in lib.match_indices("pub use ") {
        let statement = &lib[p + 8..];
        let statement = &statement[..statement.find(';').unwrap_or(statement.len())];
        let room: String = statement.chars().take_while(|&c| is_word(c)).collect();
        for name in statement[room.len()..].split(|c: char| !is_word(c)).filter(|n| !n.is_empty()) {
            map.insert(name.to_owned(), room.clone());
        }
    }
    map
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// What is wrong with `room` importing `other`, if anything is.
fn complaint(room: &str, other: &str) -> Option<String> {
    if room == other || EXCEPTIONS.contains(&(room, other)) {
        return None;
    }
    let (Some(here), Some(there)) = (rank(room), rank(other)) else {
        return Some(format!("`{other}` is no room of the list"));
    };
    let apart = |a: &[&str], b: &[&str]| a.contains(&room) && b.contains(&other);
    if apart(&JUDGING, &OPERATING) || apart(&OPERATING, &JUDGING) {
        return Some(format!("judging and operating never import each other (`{room}` → `{other}`)"));
    }
    (there > here).then(|| format!("`{room}` stands above `{other}` and must not import it"))
}

#[test]
fn a_room_imports_only_rooms_above_it() {
    let root = source_root();
    let (lib, tests) = without_tests(&code_only(&fs::read_to_string(root.join("lib.rs")).unwrap()));
    let exported = re_exports(&lib);
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut wrong = Vec::new();
    let mut seen = 0;
    // First all modules that exist for tests only, then the imports of the rest.
    let files_of = |folder: &Path, name: &str| [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
    let mut test_files: Vec<PathBuf> = tests.iter().flat_map(|t| files_of(&root, t)).collect();
    let mut modules = Vec::new();
    for path in files.iter().filter(|p| **p != root.join("lib.rs")) {
        let (code, tests) = without_tests(&code_only(&fs::read_to_string(path).unwrap()));
        let is_door = path.file_name().is_some_and(|n| n == "mod.rs");
        let folder = if is_door { path.parent().unwrap().to_path_buf() } else { path.with_extension("") };
        test_files.extend(tests.iter().flat_map(|t| files_of(&folder, t)));
        modules.push((path, code, folder.strip_prefix(&root).unwrap().iter().count()));
    }
    for (path, code, depth) in modules.iter().filter(|(path, ..)| !test_files.contains(path)) {
        let relative = path.strip_prefix(&root).unwrap();
        let room = relative.iter().next().unwrap().to_string_lossy();
        let room = room.trim_end_matches(".rs");
        if rank(room).is_none() {
            wrong.push(format!("{}: `{room}` is no room of the list", relative.display()));
            continue;
        }
        for (line, name) in imports(code, *depth) {
            seen += 1;
            if name == "*" {
                wrong.push(format!("{}:{line}: a glob import of the whole crate", relative.display()));
                continue;
            }
            let other = exported.get(&name).map_or(name.as_str(), String::as_str);
            if let Some(why) = complaint(room, other) {
                wrong.push(format!("{}:{line}: {why}", relative.display()));
            }
        }
    }
    assert!(seen > 10, "only {seen} imports were found: the reader of paths is broken");
    assert!(wrong.is_empty(), "{} imports go against the order of the rooms:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lib_rs_declares_the_rooms_in_the_order_of_the_list() {
    let lib = code_only(&fs::read_to_string(source_root().join("lib.rs")).unwrap());
    let declared: Vec<&str> =
        lib.lines().filter_map(|l| l.trim().strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let in_order: Vec<&str> = rooms().filter(|r| declared.contains(r)).collect();
    assert_eq!(declared, in_order, "lib.rs must declare its rooms in the order of the list in tests/layers.rs");
}

#[test]
fn the_reader_sees_every_way_to_import() {
    let text = r##"
        // use crate::train;
        /* crate::train */
        const S: &str = "crate::train";
        const R: &str = r#"crate::train "quoted" "#;
        const C: char = '"';
        use crate::{Error, num::float, table::{Table, value::Value}};
        use crate::metrics::Metric;
        fn f<'a>(x: &'a str) { super::super::model::go(x) }
        #[cfg(test)]
        mod tests { use crate::train; fn g() { { crate::artifact::x() } } }
        #[cfg(test)]
        use crate::train;
        fn h() { crate::split::given(&[]) }
    "##;
    let (code, _) = without_tests(&code_only(text));
    let mut names: Vec<String> = imports(&code, 2).into_iter().map(|(_, n)| n).collect();
    names.sort();
    assert_eq!(names, ["Error", "metrics", "model", "num", "split", "table"]);
    let (_, files) = without_tests("#[cfg(test)]\nmod tests;\nfn f() {}");
    assert_eq!(files, ["tests"]);
}

#[test]
fn the_rules_refuse_what_they_should() {
    assert_eq!(complaint("train", "model"), None);
    assert_eq!(complaint("rng", "num"), None);
    assert!(complaint("run", "num").is_some());
    assert!(complaint("model", "train").is_some());
    assert!(complaint("monitor", "drift").is_some());
    assert!(complaint("model", "utils").is_some());
}
