//! From a learner's score to a probability that means what it says.
