//! An excerpt of a forge's OpenAPI document: which operation a request is, whether it and its answer are what the
//! document says, and what an answer has beside the parts that a fake knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

pub(crate) struct Document {
    document: Value,
    operations: Vec<Operation>,
    validators: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

pub(crate) struct Operation {
    /// `GET /repos/{owner}/{repo}`
    pub(crate) name: String,
    method: String,
    parts: Vec<String>,
}

impl Operation {
    /// What stands in the place of its names; none where it is another path.
    fn names(&self, parts: &[String]) -> Option<Vec<String>> {
        if parts.len() != self.parts.len() {
            return None;
        }
        let pairs = self.parts.iter().zip(parts);
        let is_it = pairs.clone().all(|(wanted, part)| wanted.starts_with('{') || wanted == part);
        is_it.then(|| {
            pairs.filter(|(wanted, _)| wanted.starts_with('{')).map(|(_, part)| part.clone()).collect()
        })
    }
}

impl Document {
    pub(crate) fn read(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).unwrap();
        let operations = document["operations"].as_object().unwrap().keys().map(|name| {
            let (method, path) = name.split_once(' ').unwrap();
            let parts = path.trim_start_matches('/').split('/').map(str::to_owned).collect();
            Operation { name: name.clone(), method: method.to_owned(), parts }
        });
        let operations = operations.collect();
        Self { document, operations, validators: Mutex::default() }
    }

    /// The operation of a request, and what stands in the place of its names.
    pub(crate) fn operation(&self, method: &str, parts: &[String]) -> Option<(&Operation, Vec<String>)> {
        let of_method = || self.operations.iter().filter(|operation| operation.method == method);
        let exact = of_method().find_map(|operation| Some((operation, operation.names(parts)?)));
        // A reference has slashes of its own: a `{ref}` at the end takes the rest.
        exact.or_else(|| {
            of_method()
                .filter(|operation| operation.parts.last().is_some_and(|last| last == "{ref}"))
                .find_map(|operation| {
                    let (start, rest) = parts.split_at_checked(operation.parts.len() - 1)?;
                    let mut short = start.to_vec();
                    short.push(rest.join("/"));
                    Some((operation, operation.names(&short)?))
                })
        })
    }

    /// Whether the document knows all of the query and all of the body.
    pub(crate) fn check_request(
        &self,
        operation: &Operation,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<(), String> {
        let definition = &self.document["operations"][&operation.name];
        for (name, text) in query {
            let name = name.trim_end_matches("[]");
            let Some(schema) =
                definition["query"].get(name).or_else(|| definition["query"].get(format!("{name}[]")))
            else {
                return Err(format!("{}: no query parameter `{name}`", operation.name));
            };
            let value = match schema["type"].as_str() {
                Some("integer") => text.parse::<i64>().map_or(json!(text), |number| json!(number)),
                Some("boolean") => text.parse::<bool>().map_or(json!(text), |truth| json!(truth)),
                Some("array") => json!([text]),
                _ => json!(text),
            };
            self.validate(&format!("{} ?{name}", operation.name), schema, &value)?;
        }
        let schema = &definition["body"];
        match body {
            Some(body) if schema.is_null() => Err(format!("{}: a body {body}", operation.name)),
            Some(body) => {
                self.complete(schema, Some(body.clone()))?;
                self.validate(&format!("{} body", operation.name), schema, body)
            }
            None => Ok(()),
        }
    }

    /// The answer with all that the document wants of it, and nothing that it does not know.
    pub(crate) fn answer(&self, operation: &Operation, status: u16, answer: Value) -> Result<Value, String> {
        let answers = &self.document["operations"][&operation.name]["answers"];
        let Some(schema) = answers.get(status.to_string()) else {
            // Documents leave out many of the ways to fail and to lead elsewhere, and none of those to succeed.
            return if status < 300 {
                Err(format!("{}: no answer {status}", operation.name))
            } else {
                Ok(answer)
            };
        };
        if status >= 400 {
            return Ok(answer);
        }
        if schema.is_null() {
            return if answer.is_null() {
                Ok(answer)
            } else {
                Err(format!("{}: {status} has no body", operation.name))
            };
        }
        let whole = self
            .complete(schema, Some(answer))
            .map_err(|why| format!("{} {status}: {why}", operation.name))?;
        self.validate(&format!("{} {status}", operation.name), schema, &whole)?;
        Ok(whole)
    }

    fn validate(&self, name: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let known = self.validators.lock().unwrap().get(name).cloned();
        let validator = known.unwrap_or_else(|| {
            let whole = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "components": self.document["components"], "allOf": [schema],
            });
            let made = Arc::new(jsonschema::validator_for(&whole).unwrap());
            self.validators.lock().unwrap().insert(name.to_owned(), Arc::clone(&made));
            made
        });
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .take(3)
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{name}: {}", wrong.join("; "))) }
    }

    /// Adds what is required and missing; refuses properties that the schema does not have.
    fn complete(&self, schema: &Value, given: Option<Value>) -> Result<Value, String> {
        let schema = self.resolved(schema);
        if let Some(variants) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array)
        {
            return self.one_of(variants, given);
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            return self.complete(&self.merged(all), given);
        }
        match given {
            Some(Value::Object(object)) => self.object(schema, object),
            Some(Value::Array(items)) => {
                let items = items.into_iter().map(|item| match schema.get("items") {
                    Some(of) => self.complete(of, Some(item)),
                    None => Ok(item),
                });
                items.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Some(value) => Ok(value),
            None => self.least(schema),
        }
    }

    fn one_of(&self, variants: &[Value], given: Option<Value>) -> Result<Value, String> {
        let is_null = |variant: &&Value| allows(self.resolved(variant), "null");
        let Some(value) = given else {
            return match variants.iter().find(is_null) {
                Some(_) => Ok(Value::Null),
                None => self.complete(&variants[0], None),
            };
        };
        let mut why = format!("{value} is none of its kinds");
        for variant in variants {
            let resolved = self.resolved(variant);
            let fits = match &value {
                Value::Null => allows(resolved, "null"),
                Value::Object(_) => allows(resolved, "object") || resolved.get("allOf").is_some(),
                Value::Array(_) => allows(resolved, "array"),
                Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    !allows(resolved, "object") && !allows(resolved, "array")
                }
            };
            if fits {
                match self.complete(variant, Some(value.clone())) {
                    Ok(whole) => return Ok(whole),
                    Err(error) => why = error,
                }
            }
        }
        Err(why)
    }

    fn object(&self, schema: &Value, mut object: Map<String, Value>) -> Result<Value, String> {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let others =
            schema.get("additionalProperties").filter(|others| others.is_object() || **others == json!(true));
        for (name, value) in &mut object {
            match properties.get(name).or(others) {
                Some(of) => {
                    *value = self.complete(of, Some(value.take())).map_err(|why| format!("{name}.{why}"))?
                }
                None if properties.is_empty() => {}
                None => return Err(format!("no property `{name}`")),
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !object.contains_key(name) {
                let least = properties.get(name).map_or(Ok(Value::Null), |of| self.complete(of, None))?;
                object.insert(name.to_owned(), least);
            }
        }
        Ok(Value::Object(object))
    }

    /// The least that a schema allows.
    fn least(&self, schema: &Value) -> Result<Value, String> {
        if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
            return Ok(first.clone());
        }
        for (kind, least) in [
            ("null", Value::Null),
            ("boolean", json!(false)),
            ("integer", schema.get("minimum").cloned().unwrap_or(json!(0))),
            ("number", json!(0)),
            ("array", json!([])),
        ] {
            if allows(schema, kind) {
                return Ok(least);
            }
        }
        if allows(schema, "object") || schema.get("properties").is_some() {
            return self.object(schema, Map::new());
        }
        Ok(match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => json!("2026-11-20T08:00:00Z"),
            // What a person is sent to is never taken from an answer.
            _ => json!("https://elsewhere.invalid/"),
        })
    }

    fn merged(&self, all: &[Value]) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for schema in all {
            let schema = self.resolved(schema);
            let found = schema.get("properties").and_then(Value::as_object).cloned();
            properties.extend(found.unwrap_or_default());
            required.extend(schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default());
        }
        json!({"type": "object", "properties": properties, "required": required})
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let found = self.document.pointer(reference.trim_start_matches('#'));
                self.resolved(found.unwrap_or_else(|| panic!("{reference} is in the excerpt")))
            }
            None => schema,
        }
    }
}

fn allows(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|each| each == kind),
        _ => false,
    }
}
