//! The election on a real Lease (`coordination.k8s.io/v1`): reads it, asks the [`Candidate`] what to do, does it.
//!
//! A Lease does not fence: a write that was sent while leading may arrive later. Writers therefore ask
//! [`Leadership::is_leader`] right before each outward write and keep every such write under the 5 s that are left
//! between the end of leading and the end of the lease.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use kubeopt_model::{Namespace, ObjectName};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connect::Cluster;
use crate::error::ClusterError;
use crate::lease::{Candidate, LeaseRecord, LeaseTiming, Moment, Step};
use crate::list::status_code;

/// A part in an election, held until it is released or dropped. Dropped without a release, the lease lapses by itself.
#[derive(Debug)]
pub struct Leadership {
    campaign: Arc<Campaign>,
    standing: watch::Receiver<Standing>,
    task: JoinHandle<()>,
}

/// What is known after the last attempt.
#[derive(Debug, Clone, Default)]
struct Standing {
    leads: bool,
    problem: Option<kubeopt_model::Problem>,
}

#[derive(Debug)]
struct Campaign {
    api: Api<Lease>,
    place: (Namespace, ObjectName),
    timing: LeaseTiming,
    started: Instant,
    candidate: Mutex<Candidate>,
}

impl Leadership {
    /// Takes part in the election of this Lease and keeps doing so in the background. `holder` is who people see in the
    /// Lease, usually the pod's name; what makes it unique is added.
    pub fn start(
        cluster: &Cluster,
        namespace: &Namespace,
        lease: &ObjectName,
        holder: &str,
        timing: LeaseTiming,
    ) -> Self {
        let campaign = Arc::new(Campaign {
            api: Api::namespaced(cluster.client(), namespace.as_str()),
            place: (namespace.clone(), lease.clone()),
            timing,
            started: Instant::now(),
            candidate: Mutex::new(Candidate::new(unique(holder), timing)),
        });
        let (told, standing) = watch::channel(Standing::default());
        let task = tokio::spawn(Arc::clone(&campaign).run(told));
        Self { campaign, standing, task }
    }

    /// May act at this very moment. Ask right before each outward write.
    pub fn is_leader(&self) -> bool {
        let now = self.campaign.now();
        self.campaign.candidate().leads(now)
    }

    /// Waits until this one leads.
    pub async fn acquired(&self) {
        let mut standing = self.standing.clone();
        while !self.is_leader() {
            self.next_attempt(&mut standing).await;
        }
    }

    /// Waits until this one no longer leads.
    pub async fn lost(&self) {
        let mut standing = self.standing.clone();
        while self.is_leader() {
            self.next_attempt(&mut standing).await;
        }
    }

    /// Why the last attempt failed, if it did; a lease that another holds is no failure.
    pub fn problem(&self) -> Option<kubeopt_model::Problem> {
        self.standing.borrow().problem.clone()
    }

    /// Stops leading for good and gives the lease away, so that another takes over at once.
    ///
    /// # Errors
    /// [`ClusterError::Lease`] when the Lease could not be written: another then takes over once it has lapsed.
    pub async fn release(&self) -> Result<(), ClusterError> {
        self.task.abort();
        self.campaign.candidate().resign();
        self.campaign.give_away().await
    }

    async fn next_attempt(&self, standing: &mut watch::Receiver<Standing>) {
        // Leading also ends by time alone, which nobody announces; and after a release nobody announces anything.
        if standing.has_changed().is_err() {
            tokio::time::sleep(self.campaign.timing.retry_every).await;
        }
        let _ = tokio::time::timeout(self.campaign.timing.retry_every, standing.changed()).await;
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Pods are restarted under the same name, and hosts run several processes: the process and its start make it unique.
fn unique(holder: &str) -> String {
    format!("{holder}_{}_{:x}", std::process::id(), Timestamp::now().as_nanosecond())
}

impl Campaign {
    async fn run(self: Arc<Self>, told: watch::Sender<Standing>) {
        loop {
            // An answer that comes later than this could not be used.
            let attempt = tokio::time::timeout(self.timing.renew_within / 2, self.attempt()).await;
            let problem = match attempt {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.problem()),
                Err(_) => Some(self.failed(kube::Error::Service("no answer in time".into())).problem()),
            };
            let leads = self.candidate().leads(self.now());
            told.send_if_modified(|standing| {
                let news = standing.leads != leads || standing.problem != problem;
                if standing.leads != leads {
                    tracing::info!(lease = %self.place(), leads, "leadership changed");
                }
                *standing = Standing { leads, problem };
                news
            });
            tokio::time::sleep(self.timing.retry_every).await;
        }
    }

    async fn attempt(&self) -> Result<(), ClusterError> {
        let found = self.api.get_opt(self.place.1.as_str()).await.map_err(|e| self.failed(e))?;
        let asked = self.now();
        let step = self.candidate().step(found.as_ref().map(read).as_ref(), asked);
        let written = match step {
            Step::Wait => return Ok(()),
            Step::Create(record) => self.api.create(&PostParams::default(), &self.lease(None, &record)).await,
            Step::Replace(record) => self.replace(found, &record).await,
        };
        match written {
            Ok(_) => self.candidate().wrote(asked),
            // Somebody else wrote first; who leads is read the next time.
            Err(error) if status_code(&error) == Some(409) => {}
            Err(error) => return Err(self.failed(error)),
        }
        Ok(())
    }

    async fn give_away(&self) -> Result<(), ClusterError> {
        let found = self.api.get_opt(self.place.1.as_str()).await.map_err(|e| self.failed(e))?;
        let record = self.candidate().release(found.as_ref().map(read).as_ref(), self.now());
        match record {
            Some(record) => self.replace(found, &record).await.map(drop).map_err(|e| self.failed(e)),
            None => Ok(()),
        }
    }

    /// Replaces the Lease in the version that was read: the API server refuses when it is another by now.
    async fn replace(&self, found: Option<Lease>, record: &LeaseRecord) -> kube::Result<Lease> {
        let lease = self.lease(found, record);
        self.api.replace(self.place.1.as_str(), &PostParams::default(), &lease).await
    }

    fn lease(&self, found: Option<Lease>, record: &LeaseRecord) -> Lease {
        let mut metadata = found.map(|lease| lease.metadata).unwrap_or_else(|| ObjectMeta {
            name: Some(self.place.1.to_string()),
            namespace: Some(self.place.0.to_string()),
            ..ObjectMeta::default()
        });
        metadata.managed_fields = None;
        Lease { metadata, spec: Some(write(record)) }
    }

    fn now(&self) -> Moment {
        Moment { running: self.started.elapsed(), wall: Timestamp::now() }
    }

    fn candidate(&self) -> MutexGuard<'_, Candidate> {
        // The candidate is a plain value: whoever panicked left it whole.
        self.candidate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> String {
        format!("{}/{}", self.place.0, self.place.1)
    }

    fn failed(&self, source: kube::Error) -> ClusterError {
        ClusterError::Lease { lease: self.place(), source: Box::new(source) }
    }
}

fn read(lease: &Lease) -> LeaseRecord {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
    LeaseRecord {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        lasts: Duration::from_secs(seconds),
        acquired: spec.acquire_time.map(|time| time.0),
        renewed: spec.renew_time.map(|time| time.0),
        transitions: spec.lease_transitions.and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
    }
}

fn write(record: &LeaseRecord) -> LeaseSpec {
    LeaseSpec {
        // An empty holder is how client-go writes one that was given away.
        holder_identity: Some(record.holder.clone().unwrap_or_default()),
        // The API server takes whole seconds above 0.
        lease_duration_seconds: Some(i32::try_from(record.lasts.as_secs().max(1)).unwrap_or(i32::MAX)),
        acquire_time: record.acquired.map(MicroTime),
        renew_time: record.renewed.map(MicroTime),
        lease_transitions: Some(i32::try_from(record.transitions).unwrap_or(i32::MAX)),
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_and_read_back() {
        let record = LeaseRecord {
            holder: Some("a".to_owned()),
            lasts: Duration::from_secs(15),
            acquired: Timestamp::from_second(1_767_225_600).ok(),
            renewed: Timestamp::from_second(1_767_225_660).ok(),
            transitions: 3,
        };
        let lease = |record: &LeaseRecord| Lease { spec: Some(write(record)), ..Lease::default() };
        assert_eq!(read(&lease(&record)), record);
        let given_away = LeaseRecord { holder: None, ..record };
        assert_eq!(read(&lease(&given_away)), given_away);
    }

    #[test]
    fn two_processes_of_one_name_are_two_candidates() {
        assert!(unique("pod").starts_with("pod_"));
        assert_ne!(unique("pod"), unique("pod"));
    }
}
