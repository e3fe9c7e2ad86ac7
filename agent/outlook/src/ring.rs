//! The last hours of one load, four bytes each: what a node keeps of a container to forecast from and to learn from.

use std::collections::VecDeque;

use kubeopt_model::Resource;
use kubeopt_model::usage::HourPoint;

use crate::error::OutlookError;
use crate::hours::HOUR_S;
use crate::load::Load;

/// What a file begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"kohours\x01";

/// Hours since the epoch beyond which nobody means it: a hundred thousand years.
const HOUR_MAX: i64 = 876_600_000;

/// The least and the highest value that are told apart: a thousandth of a millicore, and a million gigabytes.
const LEAST: f64 = 1e-3;
const MOST: f64 = 1e15;

/// Codes: 0 is not measured, 1 is nothing; the others are on a logarithmic scale, 0.06 % from one to the next.
const FIRST: f64 = 2.0;
const LAST: f64 = u16::MAX as f64;

/// The last hours of one load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourRing {
    /// Hours since the epoch of the hour after the last.
    next_hour: i64,
    /// Highest and median.
    hours: VecDeque<[u16; 2]>,
    hours_max: usize,
}

impl HourRing {
    /// For so many hours; 42 days let a node learn from a month's origins.
    pub fn new(hours_max: usize) -> Self {
        Self { next_hour: 0, hours: VecDeque::new(), hours_max: hours_max.max(1) }
    }

    /// An hour is over: its number since the epoch, its highest and its median, in millicores or bytes. One that is there already
    /// is replaced; one before all others, or that nobody can mean, is left out.
    pub fn push(&mut self, hour: i64, highest: f64, median: f64) {
        if !(0..HOUR_MAX).contains(&hour) || !highest.is_finite() || highest < 0.0 {
            return;
        }
        let codes = [highest, if median.is_finite() { median } else { highest }].map(code);
        if self.hours.is_empty() || hour - self.next_hour >= self.hours_max as i64 {
            self.hours.clear();
            self.next_hour = hour;
        }
        while self.next_hour <= hour {
            self.hours.push_back([0; 2]);
            self.next_hour += 1;
        }
        while self.hours.len() > self.hours_max {
            self.hours.pop_front();
        }
        let back = usize::try_from(self.next_hour - hour).unwrap_or(usize::MAX);
        if let Some(slot) = self.hours.len().checked_sub(back).and_then(|at| self.hours.get_mut(at)) {
            *slot = codes;
        }
    }

    /// Hours from the first to the last, measured or not.
    pub fn len(&self) -> usize {
        self.hours.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// As a load.
    ///
    /// # Errors
    /// [`OutlookError::Nothing`] where no hour was measured.
    pub fn load(&self, resource: Resource) -> Result<Load, OutlookError> {
        let from = self.next_hour - self.hours.len() as i64;
        let measured = self.hours.iter().enumerate().filter(|(_, [highest, _])| *highest > 0);
        let point = |(at, [highest, median]): (usize, &[u16; 2])| {
            let max = value(*highest);
            let at_unix_s = (from + at as i64) * HOUR_S;
            HourPoint { at_unix_s, median: value(*median), p95: max, max }
        };
        Load::of(resource, measured.map(point))
    }

    /// As a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.next_hour.to_le_bytes());
        self.hours.iter().flatten().for_each(|code| bytes.extend(code.to_le_bytes()));
        bytes
    }

    /// From a file, as far as there is room: the oldest are left out.
    ///
    /// # Errors
    /// [`OutlookError::Kept`] for what is no such file.
    pub fn from_bytes(hours_max: usize, bytes: &[u8]) -> Result<Self, OutlookError> {
        let refused = |why: &'static str| OutlookError::Kept { why };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| refused("they are of another version"))?;
        let (next_hour, codes) =
            rest.split_first_chunk::<8>().ok_or_else(|| refused("they are cut short"))?;
        let next_hour = i64::from_le_bytes(*next_hour);
        let (hours, left) = codes.as_chunks::<4>();
        if !left.is_empty() {
            return Err(refused("they are cut short"));
        }
        if !(0..=HOUR_MAX).contains(&next_hour) || hours.len() as i64 > next_hour {
            return Err(refused("their time cannot be"));
        }
        let mut ring = Self { next_hour, ..Self::new(hours_max) };
        let kept = &hours[hours.len().saturating_sub(ring.hours_max)..];
        let pair = |four: &[u8; 4]| [[four[0], four[1]], [four[2], four[3]]].map(u16::from_le_bytes);
        ring.hours.extend(kept.iter().map(pair));
        Ok(ring)
    }
}

fn code(value: f64) -> u16 {
    if value < LEAST {
        return 1;
    }
    let part = (value.min(MOST) / LEAST).ln() / (MOST / LEAST).ln();
    (FIRST + part * (LAST - FIRST)).round() as u16
}

fn value(code: u16) -> f64 {
    if code <= 1 {
        return 0.0;
    }
    let part = (f64::from(code) - FIRST) / (LAST - FIRST);
    LEAST * (part * (MOST / LEAST).ln()).exp()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hours_come_back_nearly_as_they_were_with_gaps_and_without_the_oldest() {
        let mut ring = HourRing::new(48);
        for hour in (100..160).filter(|hour| hour % 7 != 0) {
            ring.push(hour, hour as f64 * 1e6, hour as f64);
        }
        ring.push(10, 5.0, 5.0);
        ring.push(159, 0.0, 0.0);
        ring.push(160, f64::NAN, 1.0);
        assert_eq!(ring.len(), 48);
        let load = ring.load(Resource::Memory).unwrap();
        assert_eq!(
            (load.hour(0), load.len()),
            (113, 47),
            "the hour at which nothing was measured is no beginning"
        );
        for at in 0..load.len() {
            let hour = load.hour(at);
            let want = Some(hour as f32 * 1e6).filter(|_| hour % 7 != 0 && hour != 159);
            let found = load.measured(at).filter(|_| hour != 159);
            assert_eq!(found.is_some(), want.is_some(), "{hour}");
            assert!(found.zip(want).is_none_or(|(found, want)| (found / want - 1.0).abs() < 4e-4));
        }
        assert_eq!(load.measured(46), Some(0.0));
        assert_eq!(HourRing::from_bytes(48, &ring.to_bytes()), Ok(ring.clone()));
        let short = HourRing::from_bytes(10, &ring.to_bytes()).unwrap();
        assert_eq!((short.len(), short.next_hour), (10, 160));
    }

    #[test]
    fn a_gap_longer_than_the_ring_costs_no_time_and_leaves_nothing_old() {
        let mut ring = HourRing::new(24);
        ring.push(5, 1.0, 1.0);
        ring.push(HOUR_MAX - 1, 7.0, 7.0);
        assert_eq!((ring.len(), ring.load(Resource::Cpu).unwrap().len()), (1, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
            let bytes = if head { [&MAGIC[..], &[0, 1, 2, 0, 0, 0, 0, 0], &bytes].concat() } else { bytes };
            if let Ok(ring) = HourRing::from_bytes(20, &bytes) {
                prop_assert!(ring.len() <= 20);
                let finite = |load: Load| load.highest().iter().all(|value| value.is_finite());
                prop_assert!(ring.load(Resource::Cpu).is_ok_and(finite) || ring.hours.iter().all(|own| own[0] == 0));
            }
        }
    }
}
