//! One wanted change with everything that it touches: what guardrails look at. Knows no guardrail.

use kubeopt_model::recommendation::{Member, SiteAddition};
use kubeopt_model::{
    Amount, Bound, Change, ClusterFacts, ClusterName, EditSite, Field, Recommendation, Resource, Resources,
    Workload, WorkloadId,
};

use crate::context::AdmitContext;

/// What one verdict is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The field.
    pub(crate) field: Field,
    /// Its value now and wanted; never equal. What is created was nothing.
    pub(crate) value: Change<Amount>,
    /// Where it is created, if so.
    pub(crate) created_at: Option<EditSite>,
}

impl Asked {
    /// Whether this is the addition.
    pub(crate) fn is(&self, addition: &SiteAddition) -> bool {
        self.field == addition.field && self.created_at.as_ref() == Some(&addition.site)
    }

    /// Whether it is what sets the member's field.
    pub(crate) fn feeds(&self, member: &Member, additions: &[SiteAddition]) -> bool {
        let mut own = additions.iter().filter(|addition| {
            addition.field == self.field && addition.containers.contains(&member.container)
        });
        match &self.created_at {
            None => own.next().is_none() && is_fed(member, self.field, self.value),
            Some(_) => own.any(|addition| self.is(addition)),
        }
    }
}

/// Scalars that set the same field from the same value to the same value, with the containers that they feed. Two such
/// scalars cannot be told apart by value, so one verdict is passed on both. Or one request that is created.
pub(crate) struct Wanted<'a> {
    /// The field.
    pub(crate) field: Field,
    /// Its value now and wanted; never equal.
    pub(crate) value: Change<Amount>,
    /// Nothing in Git sets it yet.
    pub(crate) creates: bool,
    /// The containers that it feeds.
    pub(crate) members: Vec<&'a Member>,
    /// All that is wanted together.
    pub(crate) recommendation: &'a Recommendation,
    pub(crate) context: &'a AdmitContext<'a>,
}

impl<'a> Wanted<'a> {
    /// Every wanted change of a recommendation, in the order of its scalars, then all that is created.
    pub(crate) fn all(recommendation: &Recommendation) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::new();
        for change in &recommendation.changes {
            let asked = Asked { field: change.field, value: change.value, created_at: None };
            if !all.contains(&asked) {
                all.push(asked);
            }
        }
        all.extend(recommendation.additions.iter().map(|addition| Asked {
            field: addition.field,
            value: Change { before: Amount::from_base(addition.field.resource, 0), after: addition.after },
            created_at: Some(addition.site.clone()),
        }));
        all
    }

    /// One of them.
    pub(crate) fn of(
        asked: &Asked,
        recommendation: &'a Recommendation,
        context: &'a AdmitContext<'a>,
    ) -> Self {
        let is_fed = |member: &&Member| asked.feeds(member, &recommendation.additions);
        let members = recommendation.members.iter().filter(is_fed).collect();
        let (field, value, creates) = (asked.field, asked.value, asked.created_at.is_some());
        Self { field, value, creates, members, recommendation, context }
    }

    /// The value goes up.
    pub(crate) fn raises(&self) -> bool {
        self.value.after > self.value.before
    }

    /// CPU or memory.
    pub(crate) fn resource(&self) -> Resource {
        self.field.resource
    }

    /// A raise that cures an OOM kill.
    pub(crate) fn cures_oom(&self) -> bool {
        self.recommendation.cures_oom && self.resource() == Resource::Memory && self.raises()
    }

    /// The same resource's other bound of a member, as it would be.
    pub(crate) fn other_bound(&self, member: &Member) -> Option<Amount> {
        let bound = match self.field.bound {
            Bound::Request => Bound::Limit,
            Bound::Limit => Bound::Request,
        };
        member.resources.after.get(Field { bound, resource: self.field.resource })
    }

    /// The facts of a cluster.
    pub(crate) fn facts(&self, cluster: &ClusterName) -> Option<&'a ClusterFacts> {
        self.context.facts_of(cluster)
    }

    /// A workload as its cluster shows it.
    pub(crate) fn workload(&self, id: &WorkloadId) -> Option<&'a Workload> {
        self.facts(&id.cluster)?.workload(id)
    }

    /// What a container would have: as recommended if the recommendation speaks of it.
    pub(crate) fn resources_after(
        &self,
        workload: &Workload,
        container: &kubeopt_model::Container,
    ) -> Resources {
        resources_after(self.recommendation, workload, container)
    }
}

/// Limits that set the same field to the same value and are to go, with the containers that they feed.
pub(crate) struct Removing<'a> {
    /// The limit.
    pub(crate) field: Field,
    /// The containers that it feeds.
    pub(crate) members: Vec<&'a Member>,
    /// All that is wanted together.
    pub(crate) recommendation: &'a Recommendation,
    pub(crate) context: &'a AdmitContext<'a>,
}

impl<'a> Removing<'a> {
    /// Every wanted removal of a recommendation: field and value now.
    pub(crate) fn all(recommendation: &Recommendation) -> Vec<(Field, Amount)> {
        let mut all: Vec<(Field, Amount)> = Vec::new();
        for removal in &recommendation.removals {
            if !all.contains(&(removal.field, removal.before)) {
                all.push((removal.field, removal.before));
            }
        }
        all
    }

    /// One of them.
    pub(crate) fn of(
        field: Field,
        before: Amount,
        recommendation: &'a Recommendation,
        context: &'a AdmitContext<'a>,
    ) -> Self {
        let members =
            recommendation.members.iter().filter(|member| is_bared(member, field, before)).collect();
        Self { field, members, recommendation, context }
    }
}

/// What a container would have: as recommended if the recommendation speaks of it.
pub(crate) fn resources_after(
    recommendation: &Recommendation,
    workload: &Workload,
    container: &kubeopt_model::Container,
) -> Resources {
    let spoken = recommendation.members.iter().find(|member| {
        member.container.workload == workload.id && member.container.container == container.name
    });
    spoken.map_or(container.resources, |member| member.resources.after)
}

/// Whether the removal of a limit of this value is what unsets the member's field.
pub(crate) fn is_bared(member: &Member, field: Field, before: Amount) -> bool {
    member.resources.before.get(field) == Some(before) && member.resources.after.get(field).is_none()
}

/// Whether a change of these values is what sets the member's field.
pub(crate) fn is_fed(member: &Member, field: Field, value: Change<Amount>) -> bool {
    member.resources.before.get(field) == Some(value.before)
        && member.resources.after.get(field) == Some(value.after)
}
