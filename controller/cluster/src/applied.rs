//! Who applied an object: what GitOps controllers list, what they leave on objects, and what owns it. Pure.
//!
//! In this order, because each is harder to forge or to copy by accident than the next: `status.resources` of an Argo
//! CD Application, which works for every tracking method; Argo CD's tracking annotation, if it names the object that
//! carries it; an owner of a kind that kubeopt does not know, because operators copy labels to what they make; Flux's
//! labels; the instance label of Argo CD. All are hints for the search of the source and never a permission.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{Namespace, ObjectName, Workload};
use serde_json::Value;

use crate::kinds::Watched;
use crate::objects::Objects;
use crate::seen::{Hints, Seen};

/// The label that Argo CD writes unless it is told another.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// Where Argo CD's own documentation installs it; used only for an Application that was not seen.
const ARGO_NAMESPACE: &str = "argocd";

/// A value of a label is cut to this length.
const LABEL_BYTES_MAX: usize = 63;

/// An object as a GitOps controller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Address<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

/// What the GitOps objects of a cluster say about the others.
pub(crate) struct Appliers<'a> {
    /// Applications by what they list, sorted.
    listed: BTreeMap<Address<'a>, Vec<&'a GitOpsObject>>,
    /// Applications that deploy to this cluster, by name.
    applications: BTreeMap<&'a str, Vec<&'a GitOpsObject>>,
    /// Settings of Argo CD by their namespace.
    settings: BTreeMap<&'a Namespace, Settings<'a>>,
}

/// How one installation of Argo CD marks what it applies.
#[derive(Debug, Clone, Copy, Default)]
struct Settings<'a> {
    method: Option<&'a str>,
    label: Option<&'a str>,
    installation: Option<&'a str>,
}

impl<'a> Appliers<'a> {
    /// Reads the GitOps objects among all that was seen.
    pub(crate) fn of(objects: &'a Objects) -> Self {
        let mut appliers =
            Self { listed: BTreeMap::new(), applications: BTreeMap::new(), settings: BTreeMap::new() };
        for seen in objects.seen.iter().filter_map(|seen| seen.as_ref().as_ref().ok()) {
            let Seen::GitOps(object, ..) = seen else { continue };
            match object.kind {
                GitOpsKind::Application if deploys_here(object) => appliers.add(object),
                GitOpsKind::ArgoSettings => {
                    appliers.settings.insert(&object.namespace, Settings::of(object));
                }
                GitOpsKind::Application
                | GitOpsKind::HelmRelease
                | GitOpsKind::HelmChart
                | GitOpsKind::HelmRepository
                | GitOpsKind::OciRepository
                | GitOpsKind::ExternalArtifact
                | GitOpsKind::ArtifactGenerator
                | GitOpsKind::ApplicationSet => {}
            }
        }
        let claims = appliers.listed.values_mut().chain(appliers.applications.values_mut());
        claims.for_each(|apps| apps.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name))));
        appliers
    }

    fn add(&mut self, application: &'a GitOpsObject) {
        self.applications.entry(application.name.as_str()).or_default().push(application);
        for resource in application.status["resources"].as_array().into_iter().flatten() {
            let text = |key: &str| resource[key].as_str().unwrap_or_default();
            let address = Address {
                group: text("group"),
                kind: text("kind"),
                namespace: text("namespace"),
                name: text("name"),
            };
            self.listed.entry(address).or_default().push(application);
        }
    }

    /// Who applied a workload.
    pub(crate) fn of_workload(&self, workload: &Workload, hints: &Hints) -> Option<AppliedBy> {
        let address = Address {
            group: workload.id.kind.api_group(),
            kind: workload.id.kind.as_str(),
            namespace: workload.id.namespace.as_str(),
            name: workload.id.name.as_str(),
        };
        self.applied_by(address, hints, &workload.labels)
    }

    /// Who applied a GitOps object.
    pub(crate) fn of_object(
        &self,
        object: &GitOpsObject,
        hints: &Hints,
        labels: &BTreeMap<String, String>,
    ) -> Option<AppliedBy> {
        let watched = Watched::ALL.into_iter().find(|watched| watched.gitops() == Some(object.kind))?;
        let address = Address {
            group: watched.group(),
            kind: watched.kind(),
            namespace: object.namespace.as_str(),
            name: object.name.as_str(),
        };
        self.applied_by(address, hints, labels)
    }

    fn applied_by(
        &self,
        address: Address<'_>,
        hints: &Hints,
        labels: &BTreeMap<String, String>,
    ) -> Option<AppliedBy> {
        let tracked = self.tracked(address, hints);
        self.lister(address, tracked.as_ref())
            .or(tracked)
            .or_else(|| hints.controller.clone().map(|(kind, name)| AppliedBy::Object { kind, name }))
            .or_else(|| hints.flux.clone())
            .or_else(|| self.labelled(address, labels))
    }

    /// The Application that lists the object. Where several do, the one that the annotation names, else the first.
    fn lister(&self, address: Address<'_>, tracked: Option<&AppliedBy>) -> Option<AppliedBy> {
        let listed = self.listed.get(&address)?;
        let all: Vec<AppliedBy> = listed.iter().map(|application| by(application)).collect();
        all.iter().find(|by| Some(*by) == tracked).or(all.first()).cloned()
    }

    /// `app:group/Kind:namespace/name`. An annotation that names another object was copied along with it.
    fn tracked(&self, address: Address<'_>, hints: &Hints) -> Option<AppliedBy> {
        let mut parts = hints.marks.tracking.as_deref()?.splitn(3, ':');
        let (application, kind, object) = (parts.next()?, parts.next()?, parts.next()?);
        let (group, kind) = kind.split_once('/')?;
        let (namespace, name) = object.split_once('/')?;
        if (Address { group, kind, namespace, name }) != address {
            return None;
        }
        let (namespace, name) = self.application_named(application)?;
        let wanted = self.settings_for(&namespace).installation;
        let ours = wanted.is_none_or(|wanted| hints.marks.installation.as_deref() == Some(wanted));
        ours.then_some(AppliedBy::ArgoApplication { namespace, name })
    }

    /// `app`, or `namespace_app` where Applications live outside of Argo CD's namespace.
    fn application_named(&self, text: &str) -> Option<(Namespace, ObjectName)> {
        if let Some((namespace, name)) = text.split_once('_') {
            return Some((Namespace::new(namespace).ok()?, ObjectName::new(name).ok()?));
        }
        let name = ObjectName::new(text).ok()?;
        let seen = self.applications.get(text).map(Vec::as_slice).unwrap_or_default();
        let own = seen.iter().find(|application| self.settings.contains_key(&application.namespace));
        let namespace = match own.or(seen.first()) {
            Some(application) => application.namespace.clone(),
            None => match self.settings.keys().next() {
                Some(only) if self.settings.len() == 1 => (*only).clone(),
                _ => Namespace::new(ARGO_NAMESPACE).ok()?,
            },
        };
        Some((namespace, name))
    }

    /// The Application that the instance label names, if just one can be meant. Charts set the same label to the name
    /// of their release: where nobody said that Argo CD tracks by label, the destination must fit too.
    fn labelled(&self, address: Address<'_>, labels: &BTreeMap<String, String>) -> Option<AppliedBy> {
        let keys: BTreeSet<&str> =
            self.settings.values().map(|settings| settings.label.unwrap_or(INSTANCE_LABEL)).collect();
        let keys = if keys.is_empty() { BTreeSet::from([INSTANCE_LABEL]) } else { keys };
        let mut meant: Vec<&GitOpsObject> = Vec::new();
        for key in keys {
            let Some(value) = labels.get(key) else { continue };
            meant.extend(self.applications.values().flatten().filter(|application| {
                let settings = self.settings_for(&application.namespace);
                settings.label.unwrap_or(INSTANCE_LABEL) == key
                    && is_instance(application, value)
                    && match settings.method {
                        Some("label" | "annotation+label") => true,
                        Some(_) => false,
                        None => {
                            application.spec["destination"]["namespace"].as_str() == Some(address.namespace)
                        }
                    }
            }));
        }
        if let [only] = meant[..] { Some(by(only)) } else { None }
    }

    /// The settings of the installation that an Application in this namespace belongs to.
    fn settings_for(&self, namespace: &Namespace) -> Settings<'a> {
        match (self.settings.get(namespace), self.settings.values().next()) {
            (Some(own), _) => *own,
            (None, Some(only)) if self.settings.len() == 1 => *only,
            (None, _) => Settings::default(),
        }
    }
}

impl<'a> Settings<'a> {
    fn of(object: &'a GitOpsObject) -> Self {
        let text = |key: &str| object.spec.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Self {
            method: text("application.resourceTrackingMethod"),
            label: text("application.instanceLabelKey"),
            installation: text("installationID"),
        }
    }
}

fn by(application: &GitOpsObject) -> AppliedBy {
    AppliedBy::ArgoApplication { namespace: application.namespace.clone(), name: application.name.clone() }
}

fn is_instance(application: &GitOpsObject, value: &str) -> bool {
    let named = |text: &str| text == value || (value.len() == LABEL_BYTES_MAX && text.starts_with(value));
    named(application.name.as_str()) || named(&format!("{}_{}", application.namespace, application.name))
}

/// What an Application lists is in the cluster that it deploys to, which may be another one than it lives in.
fn deploys_here(application: &GitOpsObject) -> bool {
    let destination = &application.spec["destination"];
    let text = |key: &str| destination[key].as_str().unwrap_or_default();
    match (text("server"), text("name")) {
        ("", "" | "in-cluster") => true,
        ("", _) => false,
        (server, _) => server.starts_with("https://kubernetes.default.svc"),
    }
}

#[cfg(test)]
#[path = "applied_tests.rs"]
mod tests;
