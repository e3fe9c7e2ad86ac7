//! Files of the project that follow from the declared keys.

use serde_json::Value;

use crate::crd::{CRD_PATH, policy_crd};
use crate::schema::{config_schema, policy_schema};

/// Files of the repository that are generated from this crate: (path, content).
pub fn generated_files() -> Vec<(String, String)> {
    let file = |path: &str, schema: &Value| (path.to_owned(), format!("{schema:#}\n"));
    vec![
        file("docs/schema/policy-v1.json", &policy_schema()),
        file("docs/schema/config-v1.json", &config_schema()),
        (CRD_PATH.to_owned(), policy_crd()),
    ]
}
