//! How good scores are: ranking, probability and threshold metrics, each with an interval.
