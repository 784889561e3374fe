//! A model's bytes: its parts as the sections of a container.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Container, ContainerRef, MAX_BYTES, to_json};
use crate::calibrate::Calibrator;
use crate::file;
use crate::learn::{Fitted, Learner};
use crate::model::{Member, Model, Parts, Scorer, StoredProfile};
use crate::preprocess::Pipeline;
use crate::{Error, ErrorKind, Result};

/// Who wrote the file. No clock, no machine: the same training gives the same bytes.
///
/// The one section that takes fields it does not know: they can only be remarks.
#[derive(Serialize, Deserialize)]
struct Manifest {
    /// What the container holds.
    kind: Kind,
    /// Version of the library that wrote it.
    attrition_version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Model,
}

/// One learner of the section `learner`, to write and to read.
#[derive(Serialize)]
struct LearnerOut<'a> {
    /// Its weight in a blend; a lone learner has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    params: &'a Learner,
    fitted: &'a Fitted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnerIn {
    #[serde(default)]
    weight: Option<f64>,
    params: Learner,
    fitted: Fitted,
}

/// A section that holds one value, or an array of those of a blend's members.
fn one_or_more<T: DeserializeOwned>(container: &ContainerRef<'_>, section: &str) -> Result<Vec<T>> {
    if container.section(section)?.first() != Some(&b'[') {
        return Ok(vec![container.json(section)?]);
    }
    let values: Vec<T> = container.json(section)?;
    if values.len() < 2 {
        // There is one way to write a lone learner.
        return Err(Error::artifact(
            format!("section `{section}` is a blend of {}", values.len()),
            "the file is damaged or was made by hand; save it anew",
        ));
    }
    Ok(values)
}

fn one_or_more_json<T: Serialize>(section: &str, values: &[T]) -> Result<Vec<u8>> {
    match values {
        [one] => to_json(section, one),
        more => to_json(section, more),
    }
}

/// The members of the sections `pipeline` and `learner`.
fn members(container: &ContainerRef<'_>) -> Result<Vec<Member>> {
    let bad = |what: &str| Error::artifact(what, "the file is damaged or was made by hand; save it anew");
    let pipelines: Vec<Pipeline> = one_or_more(container, "pipeline")?;
    let learners: Vec<LearnerIn> = one_or_more(container, "learner")?;
    if pipelines.len() != learners.len() {
        return Err(bad("a blend with other than one pipeline a learner"));
    }
    let is_blend = learners.len() > 1;
    let members = learners.into_iter().zip(pipelines);
    let members = members.map(|(LearnerIn { weight, params, fitted }, pipeline)| match (weight, is_blend) {
        (Some(weight), true) => Ok(Member { learner: params, weight, pipeline, fitted }),
        (None, false) => Ok(Member { learner: params, weight: 1.0, pipeline, fitted }),
        (None, true) => Err(bad("a learner of a blend without a weight")),
        (Some(_), false) => Err(bad("a weight of a lone learner")),
    });
    members.collect()
}

impl Model {
    /// The artifact: everything needed to predict and to judge, in the one byte string that this content has. See
    /// `docs/format.md`.
    ///
    /// # Errors
    /// [`Error::Artifact`] above [`MAX_BYTES`]; [`Error::Internal`] if the bytes could not be read back (a defect): nothing
    /// unreadable is ever handed out.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = self.encode()?;
        Model::from_bytes(&bytes)
            .map_err(|e| Error::Internal(format!("the model was written and cannot be read back: {e}")))?;
        Ok(bytes)
    }

    /// The model of an artifact. Its scores are those of the model that was saved, to the last bit. Checksums are all
    /// compared; the training profile is parsed by the first [`Model::profile`].
    ///
    /// # Errors
    /// [`Error::Artifact`]; see [`ContainerRef::from_bytes`] and [`ContainerRef::json`]; also when the parts, each whole,
    /// do not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        let container = ContainerRef::from_bytes(bytes)?;
        let Manifest { kind: Kind::Model, .. } = container.json("manifest")?;
        let parts = Parts {
            schema: container.json("schema")?,
            scorer: Scorer {
                members: members(&container)?,
                calibrator: container.json::<Option<Calibrator>>("calibrator")?,
            },
            decision: container.json("decision")?,
            training: container.json("training")?,
            profile: StoredProfile::from_json(container.section("profile")?.to_vec()),
            passed_over: container.passed_over().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect(),
        };
        Model::from_parts(parts).map_err(|e| match e.kind() {
            ErrorKind::Artifact => e,
            _ => Error::artifact(
                format!("its parts do not fit together: {e}"),
                "the file was made by hand or by a defect; save the model anew",
            ),
        })
    }

    /// Write the artifact to `path`: whole or not at all, see [`file::write_atomic`].
    ///
    /// # Errors
    /// [`Error::Io`], and those of [`Model::to_bytes`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write_atomic(path, &self.to_bytes()?)
    }

    /// Read the artifact at `path`.
    ///
    /// # Errors
    /// [`Error::Io`], and those of [`Model::from_bytes`] with the path.
    ///
    /// # Example
    /// ```
    /// # use attrition_core::{Column, Table, model::Model, schema::Schema, train::Trainer};
    /// # fn main() -> attrition_core::Result<()> {
    /// # let table = Table::new(vec![
    /// #     Column::int("Age", (0..200).map(|i| 20 + i % 40).collect()),
    /// #     Column::int("Left", (0..200).map(|i| i64::from(i % 3 == 0)).collect()),
    /// # ])?;
    /// # let model = Trainer::new(Schema::infer(&table)?.target("Left", 1)?).fit(&table)?;
    /// # let path = std::env::temp_dir().join("attrition-doc-load.model");
    /// model.save(&path)?;
    /// let loaded = Model::load(&path)?;
    /// assert_eq!(loaded.digest(), model.digest());
    /// assert_eq!(loaded.predict_proba(&table)?, model.predict_proba(&table)?);
    /// # std::fs::remove_file(&path).ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        let bytes = file::read_limited(path, MAX_BYTES)?;
        Model::from_bytes(&bytes).map_err(|e| match e {
            Error::Artifact { what, hint } => Error::Artifact { what: format!("`{}`: {what}", path.display()), hint },
            other => other,
        })
    }

    /// The SHA-256 of the artifact's content, in 64 hexadecimal digits: equal models, equal digest. Empty for a model that
    /// has no artifact because it is above [`MAX_BYTES`].
    pub fn digest(&self) -> String {
        let digest = |bytes: Vec<u8>| ContainerRef::from_bytes(&bytes).map(|container| container.digest());
        self.encode().and_then(digest).unwrap_or_default()
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let p = self.parts();
        let manifest = Manifest { kind: Kind::Model, attrition_version: p.training.attrition_version.clone() };
        let members = &p.scorer.members[..];
        let pipelines: Vec<&Pipeline> = members.iter().map(Member::pipeline).collect();
        let learners: Vec<LearnerOut<'_>> = members
            .iter()
            .map(|m| LearnerOut {
                weight: (members.len() > 1).then_some(m.weight),
                params: &m.learner,
                fitted: &m.fitted,
            })
            .collect();
        let mut container = Container::new();
        let mut insert = |name: &str, json: Result<Vec<u8>>| json.and_then(|json| container.insert(name, json));
        insert("manifest", to_json("manifest", &manifest))?;
        insert("schema", to_json("schema", &p.schema))?;
        insert("pipeline", one_or_more_json("pipeline", &pipelines))?;
        insert("learner", one_or_more_json("learner", &learners))?;
        insert("calibrator", to_json("calibrator", &p.scorer.calibrator))?;
        insert("decision", to_json("decision", &p.decision))?;
        insert("training", to_json("training", &p.training))?;
        insert("profile", Ok(p.profile.json().to_vec()))?;
        for (name, bytes) in &p.passed_over {
            container.insert_passed_over(name, bytes.clone())?;
        }
        container.to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Run;
    use crate::schema::Schema;
    use crate::table::{Column, Table};
    use crate::train::{TrainOptions, Trainer, train};
    use crate::{Seed, Value};

    fn table() -> Table {
        let mut r = Seed(5).stream("artifact", 0);
        let n = 300;
        let age: Vec<f64> = (0..n).map(|i| if i % 11 == 0 { f64::NAN } else { 20.0 + 40.0 * r.uniform() }).collect();
        let site: Vec<_> = (0..n).map(|_| Some(["Bern", "Lima", "Ōsaka"][r.below(3)])).collect();
        let left: Vec<_> = (0..n)
            .map(|i| {
                let p = if age[i] < 35.0 { 0.5 } else { 0.15 };
                Some(if r.uniform() < p { "Yes" } else { "No" })
            })
            .collect();
        Table::new(vec![Column::float("Age", age), Column::strings("Site", site), Column::strings("Left", left)])
            .unwrap()
    }

    fn options(learner: &str) -> TrainOptions {
        TrainOptions::from_json(&format!(
            "{{\"target\": \"Left\", \"positive\": \"Yes\", \"learner\": \"{learner}\", \"cv\": 3}}"
        ))
        .unwrap()
    }

    fn model() -> Model {
        train(&table(), &options("logistic"), &Run::new()).unwrap()
    }

    /// The model's container with one section replaced.
    fn forged(model: &Model, section: &str, bytes: &[u8]) -> Vec<u8> {
        let original = model.to_bytes().unwrap();
        let mut container = Container::new();
        for (name, old) in ContainerRef::from_bytes(&original).unwrap().sections() {
            container.insert(name, if name == section { bytes.to_vec() } else { old.to_vec() }).unwrap();
        }
        container.to_bytes().unwrap()
    }

    fn bits(model: &Model, table: &Table) -> Vec<u64> {
        model.predict_proba(table).unwrap().into_iter().map(f64::to_bits).collect()
    }

    #[test]
    fn every_learner_comes_back_with_its_bits_and_its_bytes() {
        let table = table();
        let mut learners = vec!["logistic"];
        if cfg!(feature = "linfa") {
            learners = crate::learn::Learner::NAMES.to_vec();
        }
        for learner in learners {
            let model = train(&table, &options(learner), &Run::new()).unwrap();
            let bytes = model.to_bytes().unwrap();
            let back = Model::from_bytes(&bytes).unwrap();
            assert_eq!(bits(&back, &table), bits(&model, &table), "{learner}");
            assert_eq!(back.to_bytes().unwrap(), bytes, "{learner}");
            assert_eq!(back.digest(), model.digest());
            assert_eq!((back.labels(), back.threshold()), (model.labels(), model.threshold()));
            assert_eq!(back.training(), model.training());
            assert_eq!(back.params(), model.params());
            assert_eq!(back.schema(), model.schema());
            assert_eq!(back.profile().unwrap(), model.profile().unwrap());
        }
    }

    #[test]
    fn labels_of_every_type_come_back_as_what_they_were() {
        let n = 60;
        let age = Column::int("Age", (0..n).map(|i| 20 + i % 40).collect());
        let labels = [
            (Column::bool("y", (0..n).map(|i| i % 3 == 0).collect()), Value::Bool(true)),
            (Column::int("y", (0..n).map(|i| i % 3 / 2).collect()), Value::Int(1)),
            (Column::float("y", (0..n).map(|i| 0.5 * (i % 3 / 2) as f64).collect()), Value::Float(0.5)),
        ];
        for (y, positive) in labels {
            let table = Table::new(vec![age.clone(), y]).unwrap();
            let schema = Schema::infer(&table).unwrap().target("y", positive).unwrap();
            let model = Trainer::new(schema).fit(&table).unwrap();
            let bytes = model.to_bytes().unwrap();
            let back = Model::from_bytes(&bytes).unwrap();
            assert_eq!(format!("{:?}", back.labels()), format!("{:?}", model.labels()));
            assert_eq!(back.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn same_seed_same_bytes_for_any_thread_count() {
        let bytes = |n| {
            let options = TrainOptions { n_threads: Some(n), ..options("logistic") };
            train(&table(), &options, &Run::new()).unwrap().to_bytes().unwrap()
        };
        let one = bytes(1);
        for n in [2, 3, 8] {
            assert_eq!(bytes(n), one, "{n} threads");
        }
    }

    #[test]
    fn saved_and_loaded_with_the_path_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.model");
        let model = model();
        model.save(&path).unwrap();
        assert_eq!(Model::load(&path).unwrap().digest(), model.digest());
        std::fs::write(&path, &model.to_bytes().unwrap()[..1000]).unwrap();
        let e = Model::load(&path).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Artifact);
        assert!(e.to_string().contains(&format!("`{}`: it is truncated: got 1000 bytes", path.display())), "{e}");
        assert_eq!(Model::load(dir.path().join("b.model")).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn a_section_of_a_newer_version_survives_loading_and_saving() {
        let original = model().to_bytes().unwrap();
        let mut container = ContainerRef::from_bytes(&original).unwrap().to_container();
        container.insert_passed_over("shadow", b"later".to_vec()).unwrap();
        let bytes = container.to_bytes().unwrap();
        assert_eq!(Model::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    }

    #[test]
    fn a_missing_section_is_named() {
        let original = model().to_bytes().unwrap();
        let read = ContainerRef::from_bytes(&original).unwrap();
        for missing in super::super::SECTIONS {
            let mut container = Container::new();
            for (name, bytes) in read.sections().filter(|(name, _)| *name != missing) {
                container.insert(name, bytes.to_vec()).unwrap();
            }
            let e = Model::from_bytes(&container.to_bytes().unwrap()).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Artifact);
            assert!(e.to_string().contains(&format!("section `{missing}` is missing")), "{e}");
        }
    }

    #[test]
    fn a_profile_that_is_none_stops_only_what_asks_for_it() {
        let (model, table) = (model(), table());
        for json in ["", "{}", "{\"columns\":{},\"later\":1}"] {
            let bytes = forged(&model, "profile", json.as_bytes());
            let loaded = Model::from_bytes(&bytes).unwrap();
            assert_eq!(bits(&loaded, &table), bits(&model, &table));
            assert_eq!(loaded.to_bytes().unwrap(), bytes, "written back as it came");
            for e in [loaded.profile().unwrap_err(), loaded.terms().unwrap_err()] {
                assert_eq!(e.kind(), ErrorKind::Artifact);
                assert!(e.to_string().contains("the profile cannot be read"), "{e}");
            }
        }
    }

    /// A blend of the same learner with other parameters.
    fn blend() -> Model {
        let weak = TrainOptions { params: Some(serde_json::json!({"c": 0.01})), ..options("logistic") };
        Model::blended(&[(&model(), 0.75), (&train(&table(), &weak, &Run::new()).unwrap(), 0.25)]).unwrap()
    }

    #[test]
    fn a_blend_comes_back_with_its_bits_and_its_bytes() {
        let (blend, table) = (blend(), table());
        let bytes = blend.to_bytes().unwrap();
        let back = Model::from_bytes(&bytes).unwrap();
        assert_eq!(bits(&back, &table), bits(&blend, &table));
        assert_ne!(bits(&back, &table), bits(&model(), &table));
        assert_eq!(back.to_bytes().unwrap(), bytes);
        assert_eq!((back.learner_name(), back.params()), ("blend", blend.params()));
        assert_eq!(back.members(), blend.members());
        let members = back.params()["members"].clone();
        assert_eq!((members[0]["weight"].as_f64(), members[1]["params"]["c"].as_f64()), (Some(0.75), Some(0.01)));
    }

    #[test]
    fn a_blend_whose_parts_do_not_fit_is_refused() {
        let blend = blend();
        let text = |model: &Model, section: &str| {
            let bytes = model.to_bytes().unwrap();
            String::from_utf8(ContainerRef::from_bytes(&bytes).unwrap().section(section).unwrap().to_vec()).unwrap()
        };
        let (learner, pipeline) = (text(&blend, "learner"), text(&blend, "pipeline"));
        let (lone, lone_pipeline) = (text(&model(), "learner"), text(&model(), "pipeline"));
        let weight = |to: &str| learner.replacen("\"weight\":0.75", &format!("\"weight\":{to}"), 1);
        let cases = [
            ("learner", weight("0.5")),
            ("learner", weight("0.7500001")),
            ("learner", weight("-0.75")),
            ("learner", weight("1e308")),
            ("learner", weight("null")),
            ("learner", learner.replacen("\"weight\":0.75,", "", 1)),
            ("learner", weight("1").replacen("\"weight\":0.25", "\"weight\":0", 1)),
            ("learner", weight("2").replacen("\"weight\":0.25", "\"weight\":-1", 1)),
            ("learner", learner.replacen("\"coef\":[", "\"coef\":[1.0,", 1)),
            ("learner", lone.clone()),
            ("learner", "[]".to_owned()),
            ("learner", format!("[{lone}]")),
            ("pipeline", "[]".to_owned()),
            ("pipeline", lone_pipeline.clone()),
            ("pipeline", format!("[{lone_pipeline}]")),
            ("pipeline", format!("{},{lone_pipeline}]", pipeline.trim_end_matches(']'))),
            ("pipeline", pipeline.replacen("\"n_slots\":2", "\"n_slots\":3", 1)),
            (
                "pipeline",
                pipeline.replacen(
                    "\"n_slots\":2,",
                    "\"n_slots\":2,\"derived\":[{\"name\":\"x\",\"expression\":\"Age + 1\"}],",
                    1,
                ),
            ),
        ];
        for (section, json) in cases {
            assert_ne!(json, text(&blend, section), "{section}: the case changes nothing");
            let e = Model::from_bytes(&forged(&blend, section, json.as_bytes())).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Artifact, "{section}: {e}");
        }
        for json in [lone.replacen('{', "{\"weight\":1.0,", 1), format!("[{lone}]")] {
            assert_eq!(
                Model::from_bytes(&forged(&model(), "learner", json.as_bytes())).unwrap_err().kind(),
                ErrorKind::Artifact
            );
        }
    }

    #[test]
    fn parts_that_do_not_fit_together_are_refused() {
        let model = model();
        let text = |section: &str| {
            let bytes = model.to_bytes().unwrap();
            String::from_utf8(ContainerRef::from_bytes(&bytes).unwrap().section(section).unwrap().to_vec()).unwrap()
        };
        let cases = [
            ("decision", "{\"threshold\":1.5}".to_owned()),
            ("decision", "{\"threshold\":null}".to_owned()),
            ("decision", "{\"threshold\":0.5,\"more\":1}".to_owned()),
            ("schema", "{\"fields\":[]}".to_owned()),
            ("schema", text("schema").replacen("\"Age\"", "\"Site\"", 1)),
            ("schema", text("schema").replacen("\"feature\"", "\"ignored\"", 1)),
            ("learner", text("learner").replacen("\"coef\":[", "\"coef\":[1.0,", 1)),
            ("pipeline", text("pipeline").replace("\"input\":1", "\"input\":99")),
            ("manifest", "{\"kind\":\"profile\",\"attrition_version\":\"9\"}".to_owned()),
        ];
        for (section, json) in cases {
            assert_ne!(json, text(section), "{section}: the case changes nothing");
            let e = Model::from_bytes(&forged(&model, section, json.as_bytes())).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Artifact, "{section}: {e}");
        }
        let remark = "{\"kind\":\"model\",\"attrition_version\":\"9.9.9\",\"remark\":[1]}";
        assert!(Model::from_bytes(&forged(&model, "manifest", remark.as_bytes())).is_ok());
    }
}
