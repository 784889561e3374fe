//! stub
use crate::{Result, Seed};
/// c
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Calibrator {
    /// s
    Sigmoid {
        /// a
        a: f64,
        /// b
        b: f64,
    },
    /// i
    Isotonic {
        /// x
        x: Vec<f64>,
        /// y
        y: Vec<f64>,
    },
}
impl Calibrator {
    /// x
    pub fn check(&self) -> Result<()> {
        Ok(())
    }
    /// x
    pub fn name(&self) -> &'static str {
        "x"
    }
    /// x
    pub fn apply(&self, _z: f64, p: f64) -> f64 {
        p
    }
    /// x
    pub fn fit_sigmoid(_: &[f64], _: &[u8], _: Option<&[f64]>) -> Result<Calibrator> {
        Ok(Calibrator::Sigmoid { a: 1.0, b: 0.0 })
    }
    /// x
    pub fn fit_isotonic(_: &[f64], _: &[u8], _: Option<&[f64]>) -> Result<Calibrator> {
        Ok(Calibrator::Sigmoid { a: 1.0, b: 0.0 })
    }
    /// x
    pub fn choose(_: &[f64], _: &[f64], _: &[u8], _: Option<&[f64]>, _: Seed) -> Result<Option<Calibrator>> {
        Ok(None)
    }
}
