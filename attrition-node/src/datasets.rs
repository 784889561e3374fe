//! The embedded data sets.
