//! What a merge saved, said a week after the cluster showed it: measured, beside what was estimated.

use async_trait::async_trait;
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{OomKill, UsageSeries};
use kubeopt_model::{Timestamp, Window};
use kubeopt_observe::{
    MetricsSource, ObserveError, PodOwners, Reach, RecordedMetrics, SignsAsked, SignsRead, SliceReport,
    SourceFacts,
};

use crate::apps::{API, DAY_S, HISTORY_S, NOW_S, quiet_millicores, recorded};
use crate::costs::show_nodes;
use crate::world::World;

const HOUR_S: i64 = 3600;

/// Usage, and what running pods request: the first values up to `since_unix_s`, a quarter of them from then on.
struct Requesting {
    used: RecordedMetrics,
    since_unix_s: i64,
}

#[async_trait]
impl MetricsSource for Requesting {
    async fn reach(&self, now: Timestamp) -> Result<Reach, ObserveError> {
        self.used.reach(now).await
    }

    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: &mut (dyn FnMut(UsageSeries) + Send),
    ) -> Result<SliceReport, ObserveError> {
        self.used.read(slice, owners, sink).await
    }

    fn stored(&self, slice: Window) {
        self.used.stored(slice);
    }

    async fn oom_kills(&self, window: Window, owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        self.used.oom_kills(window, owners).await
    }

    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        let mut read = self.used.window_signs(asked, owners).await?;
        for hour in read.containers.values_mut().flat_map(|signs| &mut signs.hours) {
            let cpu = if hour.at_unix_s < self.since_unix_s { 400.0 } else { 100.0 };
            hour.requested_cpu_millicores = Some(cpu);
            hour.requested_memory_bytes = Some(cpu * 1_048_576.0);
        }
        Ok(read)
    }

    async fn gpu_use(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        self.used.gpu_use(owners).await
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        self.used.check().await
    }
}

/// What kubeopt says of the saving in the end, where the last pass is that of a controller with this database.
async fn said(last: &str) -> String {
    let world = World::of(&[API]).await;
    show_nodes(&world);
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.apply().await;
    world.pass(&kubeopt).await;
    // The same usage goes on.
    let mut used = recorded(&[API], quiet_millicores);
    for series in &mut used.series {
        let later: Vec<_> = series.points.iter().map(|(at, value)| (at + HISTORY_S, *value)).collect();
        series.points.extend(later);
    }
    world.metrics["prod"].set(Requesting { used, since_unix_s: NOW_S });
    world.advance(6 * DAY_S);
    world.pass(&kubeopt).await;
    let saving = async || {
        let comments = world.forge.comments_on(&API.repository_id(), pull.number).await.unwrap();
        let mut own = comments.into_iter().filter(|it| it.body.contains("<!-- kubeopt:reply:saving -->"));
        let first = own.next().map(|comment| comment.body);
        assert_eq!(own.next(), None, "it is said once");
        first
    };
    assert_eq!(saving().await, None, "a week has seven days");
    world.advance(DAY_S + 3 * HOUR_S);
    let last = world.controller(last).await;
    for _ in 0..2 {
        world.pass(&last).await;
        world.advance(9 * DAY_S * i64::from(saving().await.is_none()));
    }
    saving().await.unwrap()
}

#[tokio::test]
async fn a_week_after_the_merge_the_measured_saving_stands_beside_the_estimate() {
    let text = said("a").await;
    assert!(text.starts_with("**Measured over 7 days**"), "{text}");
    assert!(text.contains(" a month instead of $") && text.contains("(-$"), "{text}");
    assert!(
        text.contains("Estimated when it was proposed: $") && text.contains(" instead of $10.65 ("),
        "{text}"
    );
}

#[tokio::test]
async fn where_the_database_was_lost_the_estimate_is_not_known_any_more() {
    let text = said("b").await;
    assert!(text.starts_with("**Measured over 7 days**"), "{text}");
    assert!(text.contains("The estimate is not known any more."), "{text}");
}
