//! Guardrails: one file each, from a wanted change to a verdict.
