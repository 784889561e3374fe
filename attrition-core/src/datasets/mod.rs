//! The embedded data set: employees with a known truth.
