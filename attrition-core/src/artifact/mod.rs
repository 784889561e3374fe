//! The bytes of a model.
