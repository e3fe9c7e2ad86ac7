//! *Hold*: whether a pull request may be opened or updated now. Values are not judged here: what is wanted is shown by
//! `scan` and `plan` at any time.

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZoneDatabase;
use jiff::{RoundMode, SignedDuration, Timestamp, Unit, Zoned, ZonedRound};
use kubeopt_model::EffectivePolicy;
use kubeopt_model::policy::{Blackout, Schedule};

/// The state of one repository, as the forge tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publishing {
    /// Now.
    pub now: Timestamp,
    /// Pull requests of kubeopt that are open.
    pub open: u32,
    /// Pull requests that kubeopt opened in the last hour.
    pub opened_last_hour: u32,
    /// The group has an open pull request already: it is updated, not added.
    pub is_update: bool,
}

/// Why nothing is published now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The guardrail: `blackout`, `schedule`, `max-open`, `per-hour`, `rollout`.
    pub guardrail: &'static str,
    /// Until when at least; none where that depends on people.
    pub until: Option<Timestamp>,
    /// The sentence, with its numbers, without a full stop.
    pub text: String,
}

/// Whether publishing has to wait; none if it may go ahead. Blackouts hold new pull requests and updates, schedules and
/// limits only new ones.
pub fn hold(policy: &EffectivePolicy, publishing: &Publishing) -> Option<Hold> {
    if let Some(hold) = blackout(policy, publishing.now) {
        return Some(hold);
    }
    let limits = &policy.pull_requests;
    if publishing.is_update {
        return None;
    }
    let closed = limits.schedules.iter().filter_map(|schedule| schedule_hold(schedule, publishing.now));
    // All schedules must be open: the one that opens last decides, one that never does before all.
    if let Some(hold) = closed.max_by_key(|hold| (hold.until.is_none(), hold.until)) {
        return Some(hold);
    }
    if publishing.open >= limits.max_open {
        let text = format!(
            "{} of {} pull requests are open (pullRequests.maxOpen)",
            publishing.open, limits.max_open
        );
        return Some(Hold { guardrail: "max-open", until: None, text });
    }
    if publishing.opened_last_hour >= limits.per_hour {
        let opened = publishing.opened_last_hour;
        let text =
            format!("{opened} of {} were opened in the last hour (pullRequests.perHour)", limits.per_hour);
        return Some(Hold { guardrail: "per-hour", until: None, text });
    }
    None
}

/// The blackout of this moment, if there is one. Of several windows the one that ends last decides; one that cannot be read
/// never ends.
pub(crate) fn blackout(policy: &EffectivePolicy, now: Timestamp) -> Option<Hold> {
    let blackouts = policy.blackouts.iter().filter_map(|blackout| blackout_hold(blackout, now));
    blackouts.max_by_key(|hold| (hold.until.is_none(), hold.until))
}

fn blackout_hold(blackout: &Blackout, now: Timestamp) -> Option<Hold> {
    let reason = blackout.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    match blackout_end(blackout, now) {
        Ok(end) if end.timestamp() > now => {
            let text = format!("blackout until {}{reason}", end.strftime("%Y-%m-%d %H:%M %Z"));
            Some(Hold { guardrail: "blackout", until: Some(end.timestamp()), text })
        }
        Ok(_) => None,
        // Policies are checked when they are read. Should one slip through, silence is safer than a pull request.
        Err(Unreadable) => {
            let text =
                format!("blackout `{}` in `{}` cannot be read{reason}", blackout.cron, blackout.timezone);
            Some(Hold { guardrail: "blackout", until: None, text })
        }
    }
}

fn schedule_hold(schedule: &Schedule, now: Timestamp) -> Option<Hold> {
    let Schedule { crons, timezone } = schedule;
    let shown = crons.join("`, `");
    match next_open(schedule, now) {
        Ok(None) => None,
        Ok(Some(next)) => {
            let when = next.strftime("%Y-%m-%d %H:%M %Z");
            let text =
                format!("pull requests are opened at `{shown}`, next at {when} (pullRequests.schedule)");
            Some(Hold { guardrail: "schedule", until: Some(next.timestamp()), text })
        }
        // As for blackouts.
        Err(Unreadable) => {
            let text = format!("schedule `{shown}` in `{timezone}` cannot be read or never comes");
            Some(Hold { guardrail: "schedule", until: None, text })
        }
    }
}

/// The next minute that is open; none where this one is.
fn next_open(schedule: &Schedule, now: Timestamp) -> Result<Option<Zoned>, Unreadable> {
    if schedule.crons.is_empty() {
        return Ok(None);
    }
    let zone = TimeZoneDatabase::bundled().get(&schedule.timezone).map_err(|_| Unreadable)?;
    let now = now.to_zoned(zone);
    // The minute that has begun: an expression of five fields names its first second.
    let minute = ZonedRound::new().smallest(Unit::Minute).mode(RoundMode::Trunc);
    let minute = now.round(minute).map_err(|_| Unreadable)?;
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let mut next: Option<Zoned> = None;
    for cron in &schedule.crons {
        let cron = parser.parse(cron).map_err(|_| Unreadable)?;
        let found = cron.find_next_occurrence(&minute, true).map_err(|_| Unreadable)?;
        next = Some(next.map_or(found.clone(), |next| next.min(found)));
    }
    Ok(next.filter(|next| *next != minute))
}

/// The expression or the time zone is not one.
struct Unreadable;

/// When the window that began last ends; none where it cannot be read.
pub(crate) fn ends(window: &Blackout, now: Timestamp) -> Option<Timestamp> {
    blackout_end(window, now).ok().map(|end| end.timestamp())
}

/// When the window that began last ends. A window is never shorter than written, neither by the clock on the wall nor by
/// the hours that pass: where daylight saving time changes within it, the later of both ends counts.
fn blackout_end(blackout: &Blackout, now: Timestamp) -> Result<Zoned, Unreadable> {
    // The bundled database: the answer must not depend on the machine.
    let zone = TimeZoneDatabase::bundled().get(&blackout.timezone).map_err(|_| Unreadable)?;
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(&blackout.cron).map_err(|_| Unreadable)?;
    let start = cron.find_previous_occurrence(&now.to_zoned(zone), true).map_err(|_| Unreadable)?;
    let length = SignedDuration::from_secs(blackout.seconds.max(0));
    let elapsed = start.checked_add(length).map_err(|_| Unreadable)?;
    let on_the_wall = start.datetime().checked_add(length).map_err(|_| Unreadable)?;
    let on_the_wall = on_the_wall.to_zoned(start.time_zone().clone()).map_err(|_| Unreadable)?;
    Ok(if on_the_wall > elapsed { on_the_wall } else { elapsed })
}
