//! From evidence to a wanted value: one rule a file, each with its reason.
