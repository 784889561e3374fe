//! Options as data: the core's own structs, out of the JSON that the TypeScript writes.

use attrition_core::{Error, Result};
use serde::de::DeserializeOwned;

/// The options of the named call.
pub(crate) fn options<T: DeserializeOwned>(json: &str, of: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| {
        let text = e.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        let expected = format!("the options of {of}");
        Error::param("options", text, expected, "check the option's name and the type of its value")
    })
}
