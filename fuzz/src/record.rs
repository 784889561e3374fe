//! One record, as a JSON object.

use attrition_core::ErrorKind;

/// A record is scored, or refused as not fitting.
pub fn run(data: &[u8]) {
    let model = super::trained();
    let mut row = Vec::new();
    match model.pack_json(data, &mut row) {
        Ok(()) => {
            let proba = model.proba_packed(&row).expect("a packed row is scored");
            assert!((0.0..=1.0).contains(&proba), "{proba}");
            let one = model.predict_one_json(data).expect("what is scored is scored with warnings too");
            assert_eq!((one.proba.to_bits(), one.threshold), (proba.to_bits(), model.threshold()));
            assert_eq!(model.proba_json(data).expect("the same record").to_bits(), proba.to_bits());
            let many = model.predict_proba_packed(&[row.clone(), row.clone()].concat(), &attrition_core::Run::new());
            assert!(many.is_ok_and(|many| many.iter().all(|p| p.to_bits() == proba.to_bits())));
            let _ = model.contributions_packed(&row);
        }
        Err(e) => {
            assert!(matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::SchemaMismatch), "{e}");
            assert!(model.proba_json(data).is_err());
        }
    }
}
