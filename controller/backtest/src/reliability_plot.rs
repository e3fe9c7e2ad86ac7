//! The reliability diagram: the share of weeks that held against the confidence that was stated before them.

use kubeopt_model::Resource;

use crate::picture::{Axis, Picture, Plane, Tone};
use crate::reliability::{Bin, Reliability};

impl Reliability {
    /// CPU and memory: each bin where its mean statement lies, with the number of its weeks and a 95 % interval. Stated is a
    /// lower bound: points above the diagonal keep what was promised.
    pub fn picture(&self) -> Picture {
        let mut description =
            "Share of weeks that held, by the confidence stated before them; stated is a lower bound."
                .to_owned();
        let planes = [Resource::Cpu, Resource::Memory].map(|resource| {
            let (title, bins) = match resource {
                Resource::Cpu => ("CPU", &self.cpu),
                Resource::Memory => ("Memory", &self.memory),
            };
            for bin in bins.iter().filter(|bin| bin.weeks > 0) {
                let (low, high) = bin.interval();
                description.push_str(&format!(
                    " {title}, stated {:.2} on average: {} of {} weeks held, {:.1} % [{:.1}, {:.1}].",
                    bin.stated,
                    bin.held,
                    bin.weeks,
                    100.0 * bin.share_held(),
                    100.0 * low,
                    100.0 * high
                ));
            }
            plane(title, bins)
        });
        Picture {
            title: "Stated confidence against weeks that held".to_owned(),
            description,
            planes: planes.into(),
        }
    }
}

fn plane(title: &str, bins: &[Bin]) -> Plane {
    let ticks =
        (0..=5).map(|tick| (f64::from(tick) / 5.0, format!("{:.1}", f64::from(tick) / 5.0))).collect();
    let mut plane = Plane::new(
        title,
        "with 95 % intervals and the number of weeks",
        Axis::even("stated confidence, mean of the bin", 0.0, 1.0, ticks),
        Axis::shares("weeks that held as a whole"),
    );
    plane.curve(Tone::Aim, [(0.0, 0.0), (1.0, 1.0)]);
    let known = || bins.iter().filter(|bin| bin.weeks > 0);
    for bin in known() {
        let (low, high) = bin.interval();
        plane.range(Tone::Own, bin.stated, low, high);
    }
    plane.spots(known().map(|bin| (format!("n={}", bin.weeks), Tone::Own, bin.stated, bin.share_held())));
    plane
}
