//! HTTP in: health, metrics, and the pages of the local forge.
