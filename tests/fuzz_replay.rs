//! The fuzz targets on a stable compiler: the committed corpus, and a bounded run of seeded mutations of it.
//!
//! `ATTRITION_FUZZ_SECONDS` sets the length of the run per target (default 2), `ATTRITION_FUZZ_SEED` another seed. A failure
//! writes its input to a file in the system's temporary folder; put it into the corpus with its remedy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attrition_core::rng::{Rng, Seed};

#[allow(unreachable_pub, clippy::expect_used, clippy::panic)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Inputs stay small, so that many fit into the time.
const MAX_LEN: usize = 1 << 16;
/// An end that does not depend on the machine's pace, for a run without a limit of time.
const MAX_INPUTS: usize = 200_000;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

fn call(name: &str, run: fn(&[u8]), input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| run(input))).is_err() {
        let file = std::env::temp_dir().join(format!("attrition-fuzz-{name}-{:08x}", crc32fast::hash(input)));
        std::fs::write(&file, input).unwrap();
        panic!("target `{name}` failed on {what}; the input is in {}", file.display());
    }
}

/// One to four changes of the kinds that libFuzzer makes.
fn mutate(rng: &mut Rng, corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut input = corpus[rng.below(corpus.len())].1.clone();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(input.len() + 1);
        let wide = rng.below(8);
        let len = (1 + rng.below(1 << wide)).min(input.len() - at);
        match rng.below(10) {
            0 | 1 if at < input.len() => input[at] ^= 1 << rng.below(8),
            2 if at < input.len() => input[at] = rng.next_u64() as u8,
            3 => input.truncate(at),
            4 => drop(input.drain(at..at + len)),
            5 => {
                let piece = input[at..at + len].to_vec();
                let to = rng.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            6 => {
                let other = &corpus[rng.below(corpus.len())].1;
                let from = rng.below(other.len() + 1);
                let len = rng.below(64).min(other.len() - from);
                input.splice(at..at, other[from..from + len].iter().copied());
            }
            7 => {
                // Numbers and signs at which parsers turn.
                const TURNS: [&[u8]; 18] = [
                    b"\0",
                    b"\xff",
                    b"\n",
                    b"\r\n",
                    b"\"",
                    b",",
                    b"{",
                    b"[",
                    b"}",
                    b"]",
                    b":",
                    b"null",
                    b"1e999",
                    b"-0.0",
                    b"NaN",
                    b"9223372036854775808",
                    b"\xef\xbb\xbf",
                    b"\\ud800",
                ];
                input.splice(at..at, TURNS[rng.below(TURNS.len())].iter().copied());
            }
            8 if input.len() >= 8 => {
                let at = rng.below(input.len() - 7);
                let value = [0, 1, u64::MAX, 1 << 31, 1 << 32, 1 << 63, input.len() as u64][rng.below(7)];
                input[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            _ => input.splice(at..at, (0..len).map(|_| rng.next_u64() as u8)).for_each(drop),
        }
    }
    input.truncate(MAX_LEN);
    input
}

#[test]
fn the_corpus_and_its_mutations_hold() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let seconds = Duration::from_secs(number("ATTRITION_FUZZ_SECONDS", 2));
    let seed = Seed(number("ATTRITION_FUZZ_SEED", 0));
    for (name, run) in fuzz::TARGETS {
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "target `{name}` has no corpus");
        for (path, input) in &corpus {
            call(name, run, input, &path.display().to_string());
        }
        let (start, mut n) = (Instant::now(), 0);
        while start.elapsed() < seconds && n < MAX_INPUTS {
            // One stream per input: the number alone brings an input back.
            let input = mutate(&mut seed.stream(name, n as u64), &corpus);
            call(name, run, &input, &format!("mutation {n} of seed {}", seed.0));
            n += 1;
        }
        println!("{name}: {} of the corpus, {n} mutations in {:.1} s", corpus.len(), start.elapsed().as_secs_f64());
    }
}
