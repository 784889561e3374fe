//! What may enter the tree: the licences of `deny.toml`, one registry, one ndarray.
//!
//! `cargo deny check` holds the same and more; this test needs nothing but cargo.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The strings of the `allow` list under `[licenses]`.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let licences = text.split("[licenses]").nth(1).unwrap().split("allow = [").nth(1).unwrap();
    let list = licences.split(']').next().unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn packages() -> Vec<Value> {
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|l| l.strip_prefix("host: ")).unwrap().to_owned();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--all-features", "--filter-platform", &host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    // `packages` lists the whole lock file; the resolved nodes are those built on this platform.
    let built: BTreeSet<&str> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|n| n["id"].as_str().unwrap()).collect();
    let all = metadata["packages"].as_array().unwrap();
    all.iter().filter(|p| built.contains(p["id"].as_str().unwrap())).cloned().collect()
}

/// Whether an SPDX expression (with the old `/` for `OR`) can be met by the allowed licences.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let tokens: Vec<String> = spaced.split_whitespace().map(|t| t.replace("+WITH+", " WITH ")).collect();
    fn any(t: &[String], i: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let mut met = all(t, i, allowed);
        while t.get(*i).is_some_and(|x| x == "OR") {
            *i += 1;
            met |= all(t, i, allowed);
        }
        met
    }
    fn all(t: &[String], i: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let mut met = one(t, i, allowed);
        while t.get(*i).is_some_and(|x| x == "AND") {
            *i += 1;
            met &= one(t, i, allowed);
        }
        met
    }
    fn one(t: &[String], i: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let Some(token) = t.get(*i) else { return false };
        *i += 1;
        if token == "(" {
            let met = any(t, i, allowed);
            *i += 1; // the closing bracket
            return met;
        }
        allowed.contains(token)
    }
    let mut i = 0;
    any(&tokens, &mut i, allowed) && i == tokens.len()
}

#[test]
fn every_package_has_an_allowed_licence_and_comes_from_one_registry() {
    let (allowed, packages) = (allowed(), packages());
    assert!(packages.len() > 50, "only {} packages were seen", packages.len());
    let mut wrong = Vec::new();
    for p in &packages {
        let name = format!("{} {}", p["name"], p["version"]);
        let licence = p["license"].as_str().unwrap_or("none");
        if !is_met(licence, &allowed) {
            wrong.push(format!("{name}: licence `{licence}` is not in deny.toml"));
        }
        if p["source"].as_str().is_some_and(|s| s != "registry+https://github.com/rust-lang/crates.io-index") {
            wrong.push(format!("{name}: comes from {}", p["source"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_one_ndarray() {
    let versions: Vec<Value> =
        packages().into_iter().filter(|p| p["name"] == "ndarray").map(|p| p["version"].clone()).collect();
    assert_eq!(versions, ["0.16.1"], "hold it by `cargo update -p ndarray@0.17.2 --precise 0.16.1`");
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()]);
    for met in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND MIT", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR Zlib) AND MIT", "Apache-2.0"] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}
