//! Mergeable summaries of a table.
