//! What a merge saved, measured: the requests that running pods really had before and after, by the hour of a replica.
//!
//! Both sides are counted with the replica-hours of after, so that fewer replicas are no saving of the requests. It tells
//! nothing of the bill, which moves by whole nodes and is told beside it (`controller/cost`).

use kubeopt_model::cost::HOURS_PER_MONTH;
use kubeopt_model::outcome::{HourSigns, MeasuredSaving, RequestedMean, Watched};
use kubeopt_model::quantity::GIB;
use kubeopt_model::{Change, Money, Prices};
use rust_decimal::Decimal;

use super::{View, confounders};

/// The saving over what was told of both sides; none where one of them tells no requests.
pub fn measured_saving(watched: &Watched, prices: Option<&Prices>) -> Option<MeasuredSaving> {
    let view = View::until(watched, i64::MAX);
    let requested = Change { before: mean_requests(&view.before)?, after: mean_requests(&view.after)? };
    let replica_hours = view.replica_hours();
    let hours = (watched.sides.after.window.seconds() / 3600).max(1);
    let replicas = replica_hours.after / hours as f64;
    let monthly = prices.and_then(|prices| {
        let cost = |side: RequestedMean| monthly_cost(side, replicas, prices);
        Some(Change { before: cost(requested.before)?, after: cost(requested.after)? })
    });
    let timed = confounders::timed(watched).into_iter().map(|(_, confounder)| confounder);
    Some(MeasuredSaving {
        container: watched.container.clone(),
        windows: watched.sides.clone().map(|side| side.window),
        replica_hours,
        requested,
        monthly,
        confounders: timed.chain(confounders::untimed(&watched.sides, &view)).collect(),
    })
}

/// Means over the pods' time; a request that is told in no hour is none.
fn mean_requests(hours: &[&HourSigns]) -> Option<RequestedMean> {
    let mean = |value: fn(&HourSigns) -> Option<f64>| {
        let told = hours.iter().filter_map(|hour| Some((value(hour)?, hour.replica_hours)));
        let (sum, ran) = told.fold((0.0, 0.0), |sum, (value, ran)| (sum.0 + value * ran, sum.1 + ran));
        (ran > 0.0 && f64::is_finite(sum)).then(|| sum / ran)
    };
    let cpu = mean(|hour| hour.requested_cpu_millicores);
    let memory = mean(|hour| hour.requested_memory_bytes);
    // kube-state-metrics tells of the requests that are set; of a container without one of them it tells the other.
    (cpu.is_some() || memory.is_some())
        .then(|| RequestedMean { cpu_millicores: cpu.unwrap_or(0.0), memory_bytes: memory.unwrap_or(0.0) })
}

fn monthly_cost(side: RequestedMean, replicas: f64, prices: &Prices) -> Option<Money> {
    // To a millionth; more would be noise of the measurement.
    let exact = |value: f64| {
        let millionths = (value * 1e6).round();
        (0.0..9e18).contains(&millionths).then(|| Decimal::new(millionths as i64, 6))
    };
    let cores = exact(side.cpu_millicores / 1000.0 * replicas)?;
    let gib = exact(side.memory_bytes / GIB as f64 * replicas)?;
    let hourly = cores
        .checked_mul(prices.usd_per_core_hour)?
        .checked_add(gib.checked_mul(prices.usd_per_gib_hour)?)?;
    Some(Money(hourly.checked_mul(Decimal::from(HOURS_PER_MONTH))?))
}
