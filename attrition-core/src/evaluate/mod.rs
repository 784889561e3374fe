//! How good a model is on a table.
