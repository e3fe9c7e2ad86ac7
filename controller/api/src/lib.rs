//! The only parser of configuration and policy: schemas, errors with line and nearest key, effective policy.
