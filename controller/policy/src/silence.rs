//! *Silence*: whether people are told of a finding now. What was found is not judged here.

use jiff::Timestamp;
use kubeopt_model::finding::{Kind, Silenced};
use kubeopt_model::policy::{Blackout, FindingPolicy, SilentTime};

use crate::hold::ends;

/// The silence that holds for this kind now; none if people are to be told. Of several the one that ends last counts. One that
/// cannot be read silences nothing.
pub fn silenced(policy: &FindingPolicy, kind: Kind, now: Timestamp) -> Option<Silenced> {
    let holding = policy.silences.iter().filter_map(|silence| {
        if !silence.kinds.is_empty() && !silence.kinds.contains(&kind) {
            return None;
        }
        let until_unix_s = match &silence.when {
            SilentTime::Span { from_unix_s, to_unix_s } => {
                let begun = from_unix_s.is_none_or(|from| from <= now.as_second());
                let over = to_unix_s.is_some_and(|to| to <= now.as_second());
                if !begun || over {
                    return None;
                }
                *to_unix_s
            }
            SilentTime::Recurring { cron, seconds, timezone } => {
                let window = Blackout {
                    cron: cron.clone(),
                    seconds: *seconds,
                    timezone: timezone.clone(),
                    reason: None,
                };
                Some(ends(&window, now).filter(|end| *end > now)?.as_second())
            }
        };
        Some(Silenced { reason: silence.reason.clone(), until_unix_s, by: silence.by.clone() })
    });
    holding.max_by_key(|silenced| (silenced.until_unix_s.is_none(), silenced.until_unix_s))
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::Silence;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn policy(when: SilentTime, kinds: Vec<Kind>) -> FindingPolicy {
        let silence = Silence { kinds, when, reason: "migration".into(), by: ".kubeopt.yaml:3".into() };
        FindingPolicy { silences: vec![silence], ..FindingPolicy::default() }
    }

    #[test]
    fn a_span_holds_from_its_first_second_to_before_its_last() {
        let (from, to) = (at("2026-12-01T22:00:00Z"), at("2026-12-02T02:00:00Z"));
        let span = SilentTime::Span { from_unix_s: Some(from.as_second()), to_unix_s: Some(to.as_second()) };
        let policy = policy(span, vec![]);
        let holds = |moment: &str| silenced(&policy, Kind::Leak, at(moment)).is_some();
        assert_eq!(
            ["2026-12-01T21:59:59Z", "2026-12-01T22:00:00Z", "2026-12-02T01:59:59Z", "2026-12-02T02:00:00Z"]
                .map(holds),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_window_that_recurs_holds_in_its_own_time_zone_and_for_its_kinds_only() {
        let weekly = SilentTime::Recurring {
            cron: "0 22 * * SAT".into(),
            seconds: 4 * 3600,
            timezone: "Europe/Berlin".into(),
        };
        let policy = policy(weekly, vec![Kind::Spike, Kind::Saturation]);
        // Saturday, 2026-12-05: 22:00 in Berlin is 21:00 UTC.
        let found = silenced(&policy, Kind::Spike, at("2026-12-05T21:00:00Z")).unwrap();
        assert_eq!(found.until_unix_s, Some(at("2026-12-06T01:00:00Z").as_second()));
        assert_eq!(found.reason, "migration");
        assert_eq!(silenced(&policy, Kind::Spike, at("2026-12-05T20:59:00Z")), None);
        assert_eq!(silenced(&policy, Kind::Leak, at("2026-12-05T22:00:00Z")), None);
    }

    #[test]
    fn what_cannot_be_read_silences_nothing() {
        let broken =
            SilentTime::Recurring { cron: "never".into(), seconds: 3600, timezone: "Nowhere".into() };
        assert_eq!(silenced(&policy(broken, vec![]), Kind::Leak, at("2026-12-05T22:00:00Z")), None);
    }
}
