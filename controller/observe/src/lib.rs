//! Usage from the Prometheus family, read in bulk, and prices of nodes.
