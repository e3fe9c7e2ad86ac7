//! What was seen: usage sketches in Parquet and the journal in SQL.
