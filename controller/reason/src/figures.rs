//! Every number of an explanation, formatted once, by name. Texts name figures as `{{name}}`; nothing else brings a number
//! into a text. Knows no sentence.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kubeopt_model::quantity::MIB;
use kubeopt_model::{Amount, Bytes, Change, Field, MilliCores};

use crate::facts::Facts;
use crate::gather::memory_limit;

/// Figures by name.
pub(crate) type Figures = BTreeMap<&'static str, String>;

/// Name and meaning of every figure that there may be, sorted; the meaning is what a model is told.
pub(crate) const FIGURES: &[(&str, &str)] = &[
    ("coverage", "share of the expected samples that are there"),
    ("cpu_above", "share of the CPU samples above the new CPU request"),
    ("cpu_high", "CPU that all but the highest samples stay below"),
    ("cpu_highest", "highest CPU sample"),
    ("cpu_limit_change", "CPU limit, from old to new"),
    ("cpu_median", "median CPU"),
    ("cpu_pressure", "share of the time in which tasks waited for CPU"),
    ("cpu_quantile", "share of the CPU samples at or below cpu_high"),
    ("cpu_request_change", "CPU request, from old to new"),
    ("days", "days of usage that were looked at"),
    ("forecast_band", "band around the forecast CPU peak"),
    ("forecast_days", "days of the forecast"),
    ("forecast_peak", "forecast CPU peak"),
    ("heap", "largest heap of the JVM"),
    ("hpa_high", "replicas that an autoscaler would run in busy hours"),
    ("hpa_low", "replicas that an autoscaler would run in quiet hours"),
    ("hpa_range", "fewest and most replicas of the autoscaler that is there"),
    ("hpa_target", "CPU target of an autoscaler"),
    ("memory_growth", "rise of daily memory peaks over the window"),
    ("memory_highest", "highest memory sample"),
    ("memory_highest_day", "day of the highest memory sample"),
    ("memory_limit_change", "memory limit, from old to new"),
    ("memory_median", "median memory"),
    ("memory_pressure", "share of the time in which tasks waited for memory"),
    ("memory_request_change", "memory request, from old to new"),
    ("memory_room", "room between the highest memory sample and the memory limit"),
    ("oom_kills", "how often it was killed for memory"),
    ("oom_last_day", "day of the last kill for memory"),
    ("oom_limit", "memory limit at the last kill"),
    ("others", "other containers that the same lines size"),
    ("peak_hours", "hours in which CPU is high"),
    ("replicas", "replicas today"),
    ("restarts", "restarts in the window"),
    ("samples", "samples that were looked at"),
    ("startup_cpu", "highest CPU while starting"),
    ("target_change", "target of the autoscaler, from old to new"),
    ("throttled", "share of CPU periods that were throttled"),
    ("track_record", "past windows in which the same rule held, of those tried"),
];

/// The name of the figure that shows how a field changes.
pub(crate) fn change_name(field: Field) -> &'static str {
    match field {
        Field::CPU_REQUEST => "cpu_request_change",
        Field::CPU_LIMIT => "cpu_limit_change",
        Field::MEMORY_REQUEST => "memory_request_change",
        Field::MEMORY_LIMIT => "memory_limit_change",
    }
}

/// The figures that there are.
pub(crate) fn figures(facts: &Facts) -> Figures {
    let mut figures = Figures::new();
    for field in facts.changed() {
        let shown = facts.resources.map(|side| side.get(field).map(shown_amount));
        let Change { before, after } = shown;
        let before = before.unwrap_or_else(|| "unset".to_owned());
        let after = after.unwrap_or_else(|| "none".to_owned());
        figures.insert(change_name(field), format!("{before} to {after}"));
    }
    figures.insert("replicas", facts.replicas.to_string());
    if is_measure(facts.days) {
        figures.insert("days", days(facts.days));
    }
    figures.insert("samples", count(facts.coverage.have));
    figures.insert("coverage", facts.coverage.to_string());
    if facts.others > 0 {
        figures.insert("others", count(facts.others as u64));
    }
    cpu_figures(facts, &mut figures);
    memory_figures(facts, &mut figures);
    scaling_figures(facts, &mut figures);
    figures
}

fn cpu_figures(facts: &Facts, figures: &mut Figures) {
    let mut put = |name, value: Option<f64>, shown: fn(f64) -> String| {
        figures.extend(value.filter(|value| is_measure(*value)).map(|value| (name, shown(value))));
    };
    let cpu = facts.cpu.as_ref();
    put("cpu_median", cpu.map(|cpu| cpu.median), millicores);
    put("cpu_high", cpu.map(|cpu| cpu.high), millicores);
    put("cpu_highest", cpu.map(|cpu| cpu.highest), millicores);
    put("cpu_quantile", cpu.map(|cpu| cpu.quantile), percent);
    put("cpu_above", cpu.and_then(|cpu| cpu.above_request).filter(|above| *above > 0.0), percent);
    put("throttled", facts.throttled, percent);
    put("cpu_pressure", facts.strain.cpu_pressure, percent);
    put("memory_pressure", facts.strain.memory_pressure, percent);
    put("startup_cpu", facts.startup.cpu_max, millicores);
    if facts.strain.restarts > 0 {
        figures.insert("restarts", times(facts.strain.restarts));
    }
    if let Some(forecast) = &facts.forecast {
        figures.insert("forecast_days", forecast.days.to_string());
        figures.insert("forecast_peak", forecast.peak.to_string());
        figures.insert("forecast_band", format!("{} to {}", forecast.band.0, forecast.band.1));
    }
    if let Some(record) = &facts.track_record {
        figures.insert("track_record", format!("{} of {}", record.held, record.windows));
    }
}

fn memory_figures(facts: &Facts, figures: &mut Figures) {
    let mut put = |name, value: Option<f64>, shown: fn(f64) -> String| {
        figures.extend(value.filter(|value| is_measure(*value)).map(|value| (name, shown(value))));
    };
    let memory = facts.memory.as_ref();
    put("memory_median", memory.map(|memory| memory.median), mebibytes);
    put("memory_highest", memory.map(|memory| memory.highest), mebibytes);
    put("memory_growth", memory.and_then(|memory| memory.growth), percent);
    put("memory_room", memory_room(facts), percent);
    if let Some(memory) = memory {
        figures.insert("memory_highest_day", day(memory.highest_at_unix_s));
    }
    if let Some(oom) = &facts.oom {
        figures.insert("oom_kills", times(oom.kills as u64));
        figures.insert("oom_last_day", day(oom.last_at_unix_s));
        if let Some(limit) = oom.limit {
            figures.insert("oom_limit", shown_amount(Amount::Memory(limit)));
        }
    }
    if let Some(heap) = facts.heap {
        figures.insert("heap", shown_amount(Amount::Memory(heap.max)));
    }
}

/// Whether a number can be one of a measurement: an exbibyte is the most that Kubernetes counts to.
fn is_measure(value: f64) -> bool {
    value.is_finite() && (0.0..=2f64.powi(60)).contains(&value)
}

fn scaling_figures(facts: &Facts, figures: &mut Figures) {
    if let Some(hours) =
        facts.rhythm.as_ref().map(|rhythm| &rhythm.peak_hours).filter(|hours| !hours.is_empty())
    {
        figures.insert("peak_hours", hours.join(" and "));
    }
    if let Some(advice) = &facts.hpa_advice {
        figures.insert("hpa_target", format!("{} %", advice.target_percent));
        figures.insert("hpa_low", advice.replicas_low.to_string());
        figures.insert("hpa_high", advice.replicas_high.to_string());
    }
    if let Some(scaler) = &facts.scaler {
        figures.insert("hpa_range", format!("{} to {}", scaler.min_replicas, scaler.max_replicas));
    }
    if let [target, ..] = facts.targets.as_slice() {
        let Change { before, after } = target.percent();
        figures.insert("target_change", format!("{before} % to {after} %"));
    }
}

/// The room between the highest use and the memory limit, as a part of that use; none without a limit, or below it.
pub(crate) fn memory_room(facts: &Facts) -> Option<f64> {
    let highest = facts.memory?.highest;
    let room = memory_limit(facts)?.0 as f64 / highest - 1.0;
    (room.is_finite() && room >= 0.0).then_some(room)
}

/// `310m`, `1184Mi`; memory that is no whole mebibyte with one digit after the point rather than in bytes.
fn shown_amount(amount: Amount) -> String {
    match amount {
        Amount::Cpu(cpu) => cpu.to_string(),
        Amount::Memory(Bytes(bytes)) if bytes % MIB != 0 => format!("{:.1}Mi", bytes as f64 / MIB as f64),
        Amount::Memory(memory) => memory.to_string(),
    }
}

/// `262m`; below ten with one digit after the point.
fn millicores(value: f64) -> String {
    match value {
        value if value < 10.0 && value.fract() != 0.0 => format!("{value:.1}m"),
        // The cast saturates; nothing has 18 quadrillion cores.
        value => MilliCores(value.round() as u64).to_string(),
    }
}

/// `982Mi`; below ten with one digit after the point.
fn mebibytes(bytes: f64) -> String {
    let value = bytes / MIB as f64;
    if value < 10.0 { format!("{value:.1}Mi") } else { format!("{value:.0}Mi") }
}

/// `34 %`; below ten with one digit after the point, and what is above 0 is never shown as 0.
fn percent(share: f64) -> String {
    match share * 100.0 {
        value if value > 0.0 && value < 0.1 => "less than 0.1 %".to_owned(),
        value if value < 10.0 || (value - value.round()).abs() > 0.05 && value > 90.0 => {
            format!("{value:.1} %")
        }
        value => format!("{value:.0} %"),
    }
}

/// `once`, `twice`, `1,204 times`
fn times(number: u64) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        number => format!("{} times", count(number)),
    }
}

/// `41,232`
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `28`, `9.5`
fn days(days: f64) -> String {
    let whole = days >= 10.0 || (days - days.round()).abs() < 0.05;
    if whole { format!("{:.0}", days.round()) } else { format!("{days:.1}") }
}

/// `2026-11-12`; what lies outside the calendar is shown as its number.
fn day(unix_s: i64) -> String {
    match Timestamp::from_second(unix_s) {
        Ok(instant) => instant.strftime("%Y-%m-%d").to_string(),
        Err(_) => format!("@{unix_s}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_hold_no_digit() {
        assert!(FIGURES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(FIGURES.iter().all(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    #[test]
    fn numbers_read_as_people_say_them() {
        for (share, shown) in [
            (0.34, "34 %"),
            (0.0, "0.0 %"),
            (0.0004, "less than 0.1 %"),
            (0.018, "1.8 %"),
            (0.995, "99.5 %"),
            (0.98, "98 %"),
        ] {
            assert_eq!(percent(share), shown);
        }
        assert_eq!((millicores(262.4), millicores(0.4)), ("262m".to_owned(), "0.4m".to_owned()));
        assert_eq!((times(2), times(12_345)), ("twice".to_owned(), "12,345 times".to_owned()));
        assert_eq!((days(27.96), days(9.52)), ("28".to_owned(), "9.5".to_owned()));
        assert_eq!(shown_amount(Amount::Memory(Bytes(1_500_000))), "1.4Mi");
    }
}
