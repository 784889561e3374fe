//! The Rust examples run, and say what they promise. Cargo builds them before this test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use attrition_core::train::{TrainOptions, train};
use attrition_core::{Run, Value, datasets};

/// An example's program: beside this test's own, in `examples`.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: `cargo build --release --examples`", path.display());
    path
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn save_model(folder: &Path) -> PathBuf {
    let options = TrainOptions {
        target: Some("Attrition".into()),
        positive: Value::from("Yes"),
        learner: ["logistic"].into(),
        cv: None,
        holdout: None,
        ..TrainOptions::default()
    };
    let model = train(&datasets::employees(600, 1).unwrap(), &options, &Run::new()).unwrap();
    let path = folder.join("m.attrition");
    model.save(&path).unwrap();
    path
}

#[test]
fn first_steps() {
    let text = output(&mut Command::new(example("first_steps")));
    assert!(text.contains("roc_auc"), "{text}");
    assert!(text.contains("one record: 0."), "{text}");
    assert!(text.contains("JobRole: a level that training never saw"), "{text}");
}

#[test]
fn demo_trains_saves_and_notices_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |task: &str| {
        let mut command = Command::new(example("demo"));
        command.arg(task).arg(folder.path());
        command
    };
    let text = output(&mut demo("train"));
    for part in ["What the schema decided", "P(Attrition = Yes)", "hold-out", "Strongest features", "attrition.model"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let scores = std::fs::read(folder.path().join("scores.rust.bin")).unwrap();
    assert_eq!(scores.len(), 1470 * 8);
    for language in ["python", "node"] {
        std::fs::write(folder.path().join(format!("scores.{language}.bin")), &scores).unwrap();
    }
    assert!(output(&mut demo("compare")).contains("all 1470 scores are the same"));
    // One bit of one score.
    let mut other = scores.clone();
    other[8 * 7] ^= 1;
    std::fs::write(folder.path().join("scores.node.bin"), &other).unwrap();
    let refused = demo("compare").output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("row 7: node and Rust differ"));
    std::fs::write(folder.path().join("scores.node.bin"), &scores[8..]).unwrap();
    assert!(!demo("compare").status().unwrap().success());
}

/// Ends the service whatever happens to the test.
struct Service(Child);
impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn service_answers_records_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let model = save_model(folder.path());
    let mut child =
        Command::new(example("service")).arg(&model).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"Age\": 30}\n{\"Age\": \"thirty\"}\nnot json\n").unwrap();
    let mut service = Service(child);
    let mut text = String::new();
    service.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let answers: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    assert!((0.0..=1.0).contains(&answers[0]["proba"].as_f64().unwrap()), "{text}");
    assert_eq!(answers[1]["code"], "ATTRITION_SCHEMA_MISMATCH", "{text}");
    assert!(answers[2]["error"].is_string(), "{text}");
}

#[test]
fn service_answers_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let model = save_model(folder.path());
    let mut service = Service(
        Command::new(example("service")).arg(&model).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap(),
    );
    let mut first = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.trim().strip_prefix("listening on ").unwrap();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let post =
        |body: &str| ask(&format!("POST /predict HTTP/1.1\r\nhost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let good = post(r#"{"Age": 30, "OverTime": "Yes"}"#);
    assert!(good.starts_with("HTTP/1.1 200") && good.contains("\"proba\""), "{good}");
    let bad = post("{}");
    assert!(bad.starts_with("HTTP/1.1 422") && bad.contains("ATTRITION_"), "{bad}");
    assert!(ask("GET /health HTTP/1.1\r\n\r\n").contains("digest"));
    assert!(ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(ask("POST /predict HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n").starts_with("HTTP/1.1 413"));
}
