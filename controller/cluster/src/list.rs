//! One look at a cluster: every kind listed once, page by page. For programs that run once; [`crate::Watches`] is for
//! those that stay.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta, Resource};
use kubeopt_model::{ClusterFacts, Problem};
use serde::de::DeserializeOwned;

use crate::connect::Cluster;
use crate::error::{ClusterError, told};
use crate::facts::facts_from;
use crate::kinds::Watched;
use crate::objects::Objects;
use crate::read::read;
use crate::seen::Reading;

/// Objects of one page: client-go's choice; a page of large pods is about 5 MB.
pub(crate) const PAGE_OBJECTS: u32 = 500;

/// Objects of one kind that are held. Kubernetes is tested up to 150,000 pods in a cluster; at about 2 kB a pod this
/// many are 400 MB.
pub(crate) const OBJECTS_MAX: usize = 200_000;

/// Kinds that are listed at the same time: pods, which take longest, then overlap with the others, and an API server
/// grants one client without a priority of its own a handful of seats.
const KINDS_AT_ONCE: usize = 4;

/// One page may take this long: the API server itself gives up on a request after 60 s.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// A list that outlives its snapshot (410) is begun anew; a second time means that it never fits.
const LISTS_MAX: usize = 3;

impl Cluster {
    /// Lists every kind once. A kind that may not be listed, or that the cluster does not have, is told in
    /// [`ClusterFacts::unseen`], and the others go on.
    ///
    /// # Errors
    /// [`ClusterError::Unreachable`] when not one kind was answered: then it is the cluster and not the kinds.
    pub async fn list_once(&self) -> Result<ClusterFacts, ClusterError> {
        let lists: Vec<_> = stream::iter(Watched::ALL)
            .map(|kind| async move { (kind, list_kind(self, kind).await) })
            .buffer_unordered(KINDS_AT_ONCE)
            .collect()
            .await;
        let mut objects = Objects::none(self.name().clone());
        let (mut answered, mut failure) = (false, None);
        for (kind, list) in lists {
            match list {
                Ok(list) => {
                    answered = true;
                    objects.unseen.extend(list.cut.then(|| kind.too_many(OBJECTS_MAX)));
                    objects.seen.extend(list.readings.into_iter().map(|reading| reading.seen));
                }
                Err(error) => {
                    answered |= matches!(status_code(&error), Some(403 | 404));
                    objects.unseen.push(lost(kind, &error));
                    failure = Some(error);
                }
            }
        }
        objects.unseen.sort();
        match failure {
            Some(error) if !answered => Err(self.unreachable(error)),
            _ => Ok(facts_from(&objects)),
        }
    }
}

/// The problem of a kind that was not answered.
pub(crate) fn lost(kind: Watched, error: &kube::Error) -> Problem {
    match status_code(error) {
        Some(403) => kind.forbidden(),
        Some(404) => kind.absent(),
        _ => kind.unreachable(&told(error)),
    }
}

/// The HTTP status of an answer of the API server; none when there was none.
pub(crate) fn status_code(error: &kube::Error) -> Option<u16> {
    if let kube::Error::Api(status) = error { Some(status.code) } else { None }
}

/// What can be fetched: whole objects, or their metadata alone.
pub(crate) trait Fetched:
    Resource<DynamicType = ApiResource> + Clone + Debug + DeserializeOwned + Send + 'static
{
    /// The object; one of metadata alone is an object without anything else.
    fn into_object(self) -> DynamicObject;
}

impl Fetched for DynamicObject {
    fn into_object(self) -> DynamicObject {
        self
    }
}

impl Fetched for PartialObjectMeta<DynamicObject> {
    fn into_object(self) -> DynamicObject {
        DynamicObject { types: self.types, metadata: self.metadata, data: serde_json::Value::Null }
    }
}

struct List {
    readings: Vec<Reading>,
    /// There are more than are held.
    cut: bool,
}

async fn list_kind(cluster: &Cluster, kind: Watched) -> kube::Result<List> {
    let mut lists = 0;
    loop {
        lists += 1;
        let list = if kind.is_metadata_enough() {
            list_pages::<PartialObjectMeta<DynamicObject>>(cluster, kind).await
        } else {
            list_pages::<DynamicObject>(cluster, kind).await
        };
        match list {
            Err(error) if status_code(&error) == Some(410) && lists < LISTS_MAX => {
                tracing::debug!(kind = %kind.resource(), "the list outlived its snapshot and is begun anew");
            }
            done => return done,
        }
    }
}

async fn list_pages<K: Fetched>(cluster: &Cluster, kind: Watched) -> kube::Result<List> {
    let api = Api::<K>::all_with(cluster.client(), &kind.api_resource());
    let mut list = List { readings: Vec::new(), cut: false };
    let mut params = ListParams { field_selector: kind.field_selector(), ..ListParams::default() };
    params.limit = Some(PAGE_OBJECTS);
    loop {
        let page = match tokio::time::timeout(PAGE_TIMEOUT, api.list(&params)).await {
            Ok(page) => page?,
            Err(elapsed) => return Err(kube::Error::Service(Box::new(elapsed))),
        };
        let room = OBJECTS_MAX.saturating_sub(list.readings.len());
        list.cut = page.items.len() > room;
        let objects = page.items.into_iter().take(room).map(K::into_object);
        list.readings.extend(objects.map(|object| read(kind, cluster.name(), object)));
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() || list.cut {
            return Ok(list);
        }
    }
}
