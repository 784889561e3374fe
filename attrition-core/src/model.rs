//! A fitted model.
