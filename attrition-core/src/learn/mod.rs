//! Learners: parameters in, fitted learner out.
