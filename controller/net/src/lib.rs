//! The one outbound HTTP factory: allow-lists, limits, retries, conditional requests.
