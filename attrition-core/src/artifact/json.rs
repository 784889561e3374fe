//! Structured sections: JSON, in UTF-8, without spaces.
//!
//! A type's fields stand in the order of their declaration and maps must be ordered (`BTreeMap`), so that equal values
//! give equal bytes. A float is written with the fewest digits that read back to the same bits. JSON has no NaN and no
//! infinity: they would be read back as missing, so a section's type must not hold them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::container::ContainerRef;
use crate::{Error, Result};

/// The JSON bytes of a section.
///
/// # Errors
/// [`Error::Internal`] naming the section, if the type cannot be written as JSON.
pub fn to_json<T: Serialize + ?Sized>(section: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::Internal(format!("section `{section}` cannot be written: {e}")))
}

impl ContainerRef<'_> {
    /// The value of a JSON section that must be there. Nesting is limited to 128 levels.
    ///
    /// # Errors
    /// [`Error::Artifact`] naming the section: it is missing, not JSON, or not what this version expects there.
    pub fn json<T: DeserializeOwned>(&self, section: &str) -> Result<T> {
        parse(section, self.section(section)?)
    }

    /// The value of a JSON section, `None` if it is not there.
    ///
    /// # Errors
    /// As [`ContainerRef::json`], but for a missing section.
    pub fn json_if_there<T: DeserializeOwned>(&self, section: &str) -> Result<Option<T>> {
        self.get(section).map(|bytes| parse(section, bytes)).transpose()
    }
}

pub(super) fn parse<T: DeserializeOwned>(section: &str, bytes: &[u8]) -> Result<T> {
    // Checksums held, so the bytes are those that were written: what does not fit is of another version, or forged.
    serde_json::from_slice(bytes).map_err(|e| {
        Error::artifact(
            format!("section `{section}` is not what attrition {} expects: {e}", env!("CARGO_PKG_VERSION")),
            "load it with the version that wrote it, or a later one",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::Container;
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Coefficients {
        coef: Vec<f64>,
    }

    fn with(bytes: &[u8]) -> Vec<u8> {
        let mut c = Container::new();
        c.insert("learner", bytes.to_vec()).unwrap();
        c.to_bytes().unwrap()
    }

    #[test]
    fn an_error_names_the_section() {
        let deep = "[".repeat(100_000);
        for bad in ["", "{", "{\"coef\":[1],\"new\":2}", "{\"coef\":null}", "{\"coef\":[]} x", &deep] {
            let bytes = with(bad.as_bytes());
            let e = ContainerRef::from_bytes(&bytes).unwrap().json::<Coefficients>("learner").unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Artifact);
            assert!(e.to_string().contains("section `learner`"), "{e}");
        }
        let bytes = with(b"{}");
        let c = ContainerRef::from_bytes(&bytes).unwrap();
        assert!(c.json::<Coefficients>("schema").unwrap_err().to_string().contains("`schema` is missing"));
        assert_eq!(c.json_if_there::<Coefficients>("schema").unwrap(), None);
        let bytes = with(deep.as_bytes());
        let c = ContainerRef::from_bytes(&bytes).unwrap();
        assert!(c.json::<serde_json::Value>("learner").unwrap_err().to_string().contains("recursion limit"));
    }

    proptest! {
        #[test]
        fn floats_come_back_to_the_last_bit(bits in prop::collection::vec(any::<u64>(), 0..50)) {
            let coef: Vec<f64> = bits.into_iter().map(f64::from_bits).filter(|x| x.is_finite()).collect();
            let value = Coefficients { coef };
            let bytes = with(&to_json("learner", &value).unwrap());
            let back: Coefficients = ContainerRef::from_bytes(&bytes).unwrap().json("learner").unwrap();
            let bits = |c: &Coefficients| c.coef.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&value));
        }
    }
}
