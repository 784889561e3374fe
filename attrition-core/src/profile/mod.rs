//! stub
use crate::{Result, Run, Table};
/// p
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Profile {}
/// c
#[derive(Debug)]
pub struct ColumnProfile {}
impl Profile {
    /// x
    pub fn of_columns(_: &Table, _: &[&str], _: &Run) -> Result<Profile> {
        Ok(Profile {})
    }
    /// x
    pub fn column(&self, _: &str) -> Option<&ColumnProfile> {
        None
    }
}
impl ColumnProfile {
    /// x
    pub fn missing_rate(&self) -> f64 {
        0.0
    }
    /// x
    pub fn share(&self, _: &str) -> Option<f64> {
        None
    }
    /// x
    pub fn quantile(&self, _: f64) -> Option<f64> {
        None
    }
}
