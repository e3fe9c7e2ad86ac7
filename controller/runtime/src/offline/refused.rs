//! What of an asked-for change Kubernetes would refuse, or nobody means: told before anything is edited.
//!
//! Knows the values that there are and those that are wanted; renders and writes nothing.

use std::collections::BTreeMap;

use kubeopt_model::selection::Selection;
use kubeopt_model::{Amount, Bound, Bytes, Field, Problem, Resource};

use super::set_fields::{Sites, Wanted, selected, sites};
use super::trace_path::Place;
use crate::codes;
use crate::tracing::{EntryTrace, RepositoryTrace};

/// No container runs in less memory: runc refuses limits below 6 MiB. `memory.request=512` means 512Mi.
const MEMORY_LEAST: Bytes = Bytes(1 << 20);

/// Looks at what is wanted before it is edited.
///
/// # Errors
/// A field that is asked for twice, memory below a MiB, and a request that would be above its limit, in any container that
/// the same lines set; and where the selection means nothing or too much.
pub fn refuse_what_cannot_run(
    trace: &RepositoryTrace,
    place: &Place,
    selection: &Selection,
    wanted: &[Wanted],
) -> Result<(), Problem> {
    wanted.iter().try_for_each(refuse_too_little)?;
    let mut seen: BTreeMap<Field, &Wanted> = BTreeMap::new();
    for each in wanted {
        if let Some(first) = seen.insert(each.field, each) {
            let text =
                format!("{} is asked for twice: {} and {}", each.field.spoken(), first.text, each.text);
            return Err(Problem::new(codes::WOULD_BE_REFUSED, text, "ask for one of the two"));
        }
    }
    let fields = selected(trace, place, selection, wanted)?;
    let sites = sites(&fields)?;
    trace.entries.values().flatten().try_for_each(|entry| refuse_above_limit(entry, &sites))
}

/// Fractions of a byte and a number without its unit are slips.
fn refuse_too_little(wanted: &Wanted) -> Result<(), Problem> {
    let Amount::Memory(bytes) = wanted.value else { return Ok(()) };
    if bytes.0 == 0 || bytes >= MEMORY_LEAST {
        return Ok(());
    }
    let field = wanted.field.spoken();
    let digits: String = wanted.text.chars().take_while(char::is_ascii_digit).collect();
    let meant = if digits.is_empty() { "512" } else { &digits };
    let text = format!("{field}={} is less than 1Mi, in which no container starts", wanted.text);
    Err(Problem::new(codes::WOULD_BE_REFUSED, text, format!("write the unit, such as {field}={meant}Mi")))
}

fn refuse_above_limit(entry: &EntryTrace, sites: &Sites<'_>) -> Result<(), Problem> {
    let mut containers: BTreeMap<(String, Resource), Pair> = BTreeMap::new();
    for field in &entry.fields {
        let wanted = field.site.as_ref().ok().and_then(|site| sites.get(site));
        let key = (format!("{}/{}", field.workload, field.container), field.field.resource);
        let pair = containers.entry(key).or_default();
        let value = wanted.map(|wanted| wanted.value).or(field.value);
        pair.changes |= wanted.is_some();
        match field.field.bound {
            Bound::Request => pair.requests.extend(value),
            Bound::Limit => pair.limits.extend(value),
        }
    }
    for ((container, resource), pair) in &containers {
        // Objects of the same name that stand in one folder are not told apart here.
        if let (true, [request], [limit]) = (pair.changes, &pair.requests[..], &pair.limits[..])
            && request.base() > limit.base()
        {
            return Err(above_limit(container, *resource, *request, *limit));
        }
    }
    Ok(())
}

/// The request and the limit of a container, as they would be.
#[derive(Default)]
struct Pair {
    requests: Vec<Amount>,
    limits: Vec<Amount>,
    changes: bool,
}

fn above_limit(container: &str, resource: Resource, request: Amount, limit: Amount) -> Problem {
    let request_field = Field { bound: Bound::Request, resource };
    let limit_field = Field { bound: Bound::Limit, resource };
    let text = format!(
        "{container}: {} {request} would be above {} {limit}, which the API server refuses; nothing was written",
        request_field.spoken(),
        limit_field.spoken(),
    );
    let help =
        format!("set both, such as {}={request} {}={request}", request_field.spoken(), limit_field.spoken());
    Problem::new(codes::WOULD_BE_REFUSED, text, help)
}
