//! Numbers as people read them: counts, days, money and amounts of usage. Knows nothing of where they are shown.

use jiff::Timestamp;
use kubeopt_model::cost::Money;
use kubeopt_model::{Amount, Bytes, MilliCores, Resource};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// What stands for the new value of a field that goes out of Git.
pub const REMOVED: &str = "removed";

/// What stands for the old value of a request that Git did not set.
pub const NOT_SET: &str = "not set";

/// `41232` -> `41,232`
pub fn count(number: u64) -> String {
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

/// `1 container`, `2 containers`
pub fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// `once`, `twice`, `3 times`
pub fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        number => counted(number, "time"),
    }
}

/// Money to the cent with an explicit sign and thousands: `-$1,321.20`, `+$10.20`, `$0.00`.
pub fn dollars(money: Money) -> String {
    let text = money.signed();
    let Some((sign, digits)) = text.split_once('$') else { return text };
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "00"));
    match whole.parse() {
        Ok(whole) => format!("{sign}${}.{cents}", count(whole)),
        Err(_) => text,
    }
}

/// Money to the dollar from 10 dollars on, else to the cent: for titles.
pub fn dollars_short(money: Money) -> String {
    let cents = money.to_cents().0;
    match cents.abs().round().to_u64() {
        Some(whole) if cents.abs() >= Decimal::TEN => {
            format!("{}${}", if cents.is_sign_negative() { "-" } else { "+" }, count(whole))
        }
        _ => dollars(money),
    }
}

/// `2026-11-12`
pub fn day(unix_s: i64) -> String {
    at(unix_s, "%Y-%m-%d")
}

/// `2026-11-12 10:00 UTC`
pub fn moment(unix_s: i64) -> String {
    at(unix_s, "%Y-%m-%d %H:%M UTC")
}

/// Formats an instant in UTC; what lies outside the calendar is shown as its number.
pub fn at(unix_s: i64, format: &str) -> String {
    match Timestamp::from_second(unix_s) {
        Ok(instant) => instant.strftime(format).to_string(),
        Err(_) => format!("@{unix_s}"),
    }
}

/// How long ago, in the largest whole unit: `just now`, `5 minutes ago`, `3 days ago`.
pub fn ago(now: Timestamp, then_unix_s: i64) -> String {
    let seconds = now.as_second().saturating_sub(then_unix_s);
    let (number, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(usize::try_from(number).unwrap_or(usize::MAX), unit))
}

/// A measured value in the notation of manifests: `262m`, `982Mi`; below ten with one digit after the point.
pub fn measured(resource: Resource, base: f64) -> String {
    let (value, unit) = match resource {
        Resource::Cpu => (base, "m"),
        Resource::Memory => (base / (1_u64 << 20) as f64, "Mi"),
    };
    if value < 10.0 && value.fract() != 0.0 {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

/// An amount summed over replicas: `3.2 cores`, `36.1 GiB`.
pub fn capacity(amount: Amount) -> String {
    match amount {
        Amount::Cpu(MilliCores(cpu)) => format!("{:.1} cores", cpu as f64 / 1000.0),
        Amount::Memory(Bytes(memory)) => format!("{:.1} GiB", memory as f64 / (1_u64 << 30) as f64),
    }
}

/// `CPU`, `memory`
pub fn named(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "CPU",
        Resource::Memory => "memory",
    }
}

/// Days, without a fraction where it says nothing: `28`, `9.5`, `0.3`.
pub fn days(days: f64) -> String {
    if days >= 10.0 || (days - days.round()).abs() < 0.05 {
        format!("{:.0}", days.round())
    } else {
        format!("{days:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!((count(0), count(999), count(41_232)), ("0".into(), "999".into(), "41,232".into()));
        assert_eq!(counted(1, "pod"), "1 pod");
        let money = |text: &str| Money(text.parse().unwrap());
        assert_eq!(dollars(money("-1321.204")), "-$1,321.20");
        assert_eq!(dollars_short(money("-110.10")), "-$110");
        assert_eq!(dollars_short(money("4.2")), "+$4.20");
        assert_eq!(dollars_short(money("0")), "$0.00");
        assert_eq!((days(28.02), days(9.51), days(7.0)), ("28".into(), "9.5".into(), "7".into()));
    }

    #[test]
    fn measured_values_carry_their_unit() {
        assert_eq!(measured(Resource::Cpu, 261.7), "262m");
        assert_eq!(measured(Resource::Cpu, 0.25), "0.2m");
        assert_eq!(measured(Resource::Memory, 982.0 * 1_048_576.0), "982Mi");
    }

    #[test]
    fn time_reads_in_words() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(ago(now, 999_990), "just now");
        assert_eq!(ago(now, 1_000_050), "just now");
        assert_eq!(ago(now, 1_000_000 - 7200), "2 hours ago");
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(day(i64::MAX), format!("@{}", i64::MAX));
    }
}
