//! HorizontalPodAutoscalers within YAML: which share of which request they keep of which workload.
//!
//! Used on rendered output. Knows nothing of where a target stands in Git; that is what marks tell.

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{ObjectName, Problem, Resource, WorkloadKind};

use crate::mark_index::KnownMarks;
use crate::pods::{identity, objects};
use crate::stream::{NodeId, Stream};
use crate::target_key::percent;
use crate::transform::Origin;
use crate::watermark::TARGET_FIELD;
use crate::yaml_text::read_parts;

/// Metrics of one autoscaler that are looked at; the API has no limit, people write two.
const METRICS_MAX: usize = 100;

/// One target of a rendered autoscaler that is a share of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedTarget {
    /// The autoscaler.
    pub scaler: ObjectName,
    /// What it scales, in its own namespace.
    pub workload: RenderedWorkload,
    /// The resource.
    pub resource: Resource,
    /// The text, as rendered.
    pub text: String,
}

impl RenderedTarget {
    /// The share, in per cent; none where the text is no whole number.
    pub fn percent(&self) -> Option<u32> {
        percent(&self.text)
    }
}

/// The targets of all autoscalers of a rendering. Documents that cannot be read are passed over: who reads the containers
/// tells them.
///
/// # Errors
/// When the whole is no UTF-8 text or larger than 64 MiB.
pub fn targets(yaml: &[u8]) -> Result<Vec<RenderedTarget>, Problem> {
    let (parts, _) = read_parts(yaml).map_err(|refusal| refusal.problem())?;
    let mut found = Vec::new();
    for part in parts {
        for root in &part.stream.documents {
            for object in objects(&part.stream, *root) {
                found.extend(Scaled::of(&part.stream, object).into_iter().flat_map(Scaled::into_targets));
            }
        }
    }
    Ok(found)
}

/// The targets of a rendering of marked files ([`crate::mark_targets`]), each with what set it.
///
/// # Errors
/// As [`targets`].
pub fn read_back_targets(
    rendered: &[u8],
    known: &KnownMarks<'_>,
) -> Result<Vec<(RenderedTarget, Origin)>, Problem> {
    let origin = |target: RenderedTarget| {
        let origin = known.origin(TARGET_FIELD, &target.text);
        (target, origin)
    };
    Ok(targets(rendered)?.into_iter().map(origin).collect())
}

/// An autoscaler of a workload that is sized, and the scalars of its targets.
#[derive(Debug, Clone)]
pub(crate) struct Scaled {
    pub(crate) scaler: ObjectName,
    pub(crate) workload: RenderedWorkload,
    /// Aliases followed.
    pub(crate) targets: Vec<(Resource, NodeId, String)>,
}

impl Scaled {
    /// Reads an object; none where it is no autoscaler, or its names are none.
    pub(crate) fn of(stream: &Stream, object: NodeId) -> Option<Self> {
        let version = stream.text(object, "apiVersion")?;
        if stream.text(object, "kind")? != "HorizontalPodAutoscaler" || !version.starts_with("autoscaling/") {
            return None;
        }
        let spec = stream.get(object, "spec")?;
        let target = stream.get(spec, "scaleTargetRef")?;
        let group = stream.text(target, "apiVersion")?.split_once('/')?.0;
        let kind = stream.text(target, "kind")?;
        let kind = WorkloadKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind && known.api_group() == group)?;
        let name = ObjectName::new(stream.text(target, "name")?).ok()?;
        let own = identity(stream, object, kind).ok()??;
        Some(Self {
            scaler: own.name,
            workload: RenderedWorkload { kind, namespace: own.namespace, name },
            targets: scalars(stream, spec),
        })
    }

    fn into_targets(self) -> impl Iterator<Item = RenderedTarget> {
        let Self { scaler, workload, targets } = self;
        targets.into_iter().map(move |(resource, _, text)| RenderedTarget {
            scaler: scaler.clone(),
            workload: workload.clone(),
            resource,
            text,
        })
    }
}

/// `autoscaling/v1` has one of CPU; later versions have a list, in two shapes.
fn scalars(stream: &Stream, spec: NodeId) -> Vec<(Resource, NodeId, String)> {
    let mut found = Vec::new();
    let mut add = |resource: Resource, node: Option<NodeId>| {
        let node = node.map(|node| stream.resolved(node)).filter(|node| !stream.is_null(*node));
        let text = node.and_then(|node| Some((node, stream.scalar(node)?)));
        found.extend(text.map(|(node, text)| (resource, node, text.to_owned())));
    };
    add(Resource::Cpu, stream.get(spec, "targetCPUUtilizationPercentage"));
    let metrics = stream.get(spec, "metrics").map_or(&[][..], |metrics| stream.items(metrics));
    for metric in metrics.iter().take(METRICS_MAX) {
        for key in ["resource", "containerResource"] {
            let Some(metric) = stream.get(*metric, key) else { continue };
            let named = stream.text(metric, "name");
            let resources = [Resource::Cpu, Resource::Memory];
            let resource = resources.into_iter().find(|known| named == Some(known.to_string().as_str()));
            let Some(resource) = resource else { continue };
            let target = stream.get(metric, "target");
            add(resource, target.and_then(|target| stream.get(target, "averageUtilization")));
            add(resource, stream.get(metric, "targetAverageUtilization"));
        }
    }
    found
}
