//! A picture as planes side by side, with points, curves and ranges on them. Knows no report and no format of pictures.

/// Size of a plane in pixels, which the places of names need.
pub(crate) const WIDTH: f64 = 520.0;
pub(crate) const HEIGHT: f64 = 420.0;

/// About what a letter takes at 11 pixels, and a line.
const LETTER: f64 = 6.4;
const LINE: f64 = 13.0;

/// Planes side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What it is of.
    pub title: String,
    /// All that is to be seen, in words.
    pub description: String,
    /// From left to right.
    pub planes: Vec<Plane>,
}

/// Where a value lies between two ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    title: String,
    from: f64,
    to: f64,
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Even steps; each tick with its label.
    pub fn even(title: impl Into<String>, from: f64, to: f64, ticks: Vec<(f64, String)>) -> Self {
        Self { title: title.into(), from, to, logarithmic: false, ticks }
    }

    /// Shares from 0 to 1, with ticks at each fifth.
    pub fn shares(title: impl Into<String>) -> Self {
        let ticks = (0..=5).map(|tick| (f64::from(tick) / 5.0, format!("{} %", tick * 20))).collect();
        Self::even(title, 0.0, 1.0, ticks)
    }

    /// Equal steps are equal ratios; both ends are above zero, and ticks outside of them are left out.
    pub fn logarithmic(title: impl Into<String>, from: f64, to: f64, ticks: Vec<(f64, String)>) -> Self {
        let ticks = ticks.into_iter().filter(|(tick, _)| (from..=to).contains(tick)).collect();
        Self { title: title.into(), from, to, logarithmic: true, ticks }
    }

    /// From 0 to 1; what lies beyond an end lies on it.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// How something is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Kubeopt's own.
    Own,
    /// Another's.
    Peer,
    /// What is aimed at.
    Aim,
}

/// A point with its name. In pixels from the lower left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    pub(crate) name: String,
    pub(crate) tone: Tone,
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Where the name begins, its baseline.
    pub(crate) name_x: f64,
    pub(crate) name_y: f64,
}

/// A line through points, and bars upwards from `low` to `high`. In pixels from the lower left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    pub(crate) tone: Tone,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A bar upwards. In pixels from the lower left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    pub(crate) tone: Tone,
    pub(crate) x: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// One plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) x_title: String,
    /// (pixels, label)
    pub(crate) x_ticks: Vec<(f64, String)>,
    pub(crate) y_ticks: Vec<(f64, String)>,
    pub(crate) spots: Vec<Spot>,
    pub(crate) curves: Vec<Curve>,
    pub(crate) ranges: Vec<Range>,
    x: Axis,
    y: Axis,
    /// Left, lower, right and upper edge of what names may not cover.
    taken: Vec<[f64; 4]>,
}

impl Plane {
    /// An empty plane; `note` follows the title of the upward axis.
    pub fn new(title: impl Into<String>, note: &str, x: Axis, y: Axis) -> Self {
        let ticks = |axis: &Axis, length: f64| {
            axis.ticks.iter().map(|(at, label)| (axis.place(*at) * length, label.clone())).collect()
        };
        Self {
            title: title.into(),
            note: if note.is_empty() { y.title.clone() } else { format!("{}; {note}", y.title) },
            x_title: x.title.clone(),
            x_ticks: ticks(&x, WIDTH),
            y_ticks: ticks(&y, HEIGHT),
            spots: Vec::new(),
            curves: Vec::new(),
            ranges: Vec::new(),
            x,
            y,
            taken: Vec::new(),
        }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x) * WIDTH, self.y.place(y) * HEIGHT)
    }

    /// A line through points, in their order.
    pub fn curve(&mut self, tone: Tone, points: impl IntoIterator<Item = (f64, f64)>) {
        let points: Vec<_> = points.into_iter().map(|(x, y)| self.at(x, y)).collect();
        if !points.is_empty() {
            self.curves.push(Curve { tone, points });
        }
    }

    /// A bar upwards.
    pub fn range(&mut self, tone: Tone, x: f64, low: f64, high: f64) {
        let ((x, low), (_, high)) = (self.at(x, low), self.at(x, high));
        self.ranges.push(Range { tone, x, low, high });
    }

    /// Points with names, each name where it covers no point and no other name, if there is such a place.
    pub fn spots(&mut self, points: impl IntoIterator<Item = (String, Tone, f64, f64)>) {
        let points: Vec<_> = points
            .into_iter()
            .map(|(name, tone, x, y)| {
                let (x, y) = self.at(x, y);
                (name, tone, x, y)
            })
            .collect();
        self.taken.extend(points.iter().map(|(_, _, x, y)| [x - 5.0, y - 5.0, x + 5.0, y + 5.0]));
        for (name, tone, x, y) in points {
            let (name_x, below, width) = self.beside(&name, x, y);
            self.taken.push([name_x, below, name_x + width, below + LINE]);
            self.spots.push(Spot { name, tone, x, y, name_x, name_y: below + 3.0 });
        }
    }

    /// The first of eight places that covers least: left, lower edge and width.
    fn beside(&self, name: &str, x: f64, y: f64) -> (f64, f64, f64) {
        let width = name.chars().count() as f64 * LETTER;
        let places = [
            (8.0, -4.0),
            (-8.0 - width, -4.0),
            (-width / 2.0, 9.0),
            (-width / 2.0, -17.0),
            (6.0, 8.0),
            (6.0, -16.0),
            (-6.0 - width, 8.0),
            (-6.0 - width, -16.0),
        ];
        let overlap = |place: &(f64, f64)| {
            let (left, below) = (x + place.0, y + place.1);
            let covered = |[l, b, r, t]: &[f64; 4]| {
                let across = (r.min(left + width) - l.max(left)).max(0.0);
                across * (t.min(below + LINE) - b.max(below)).max(0.0)
            };
            let outside = (-left).max(0.0) + (left + width - WIDTH).max(0.0) + (-below).max(0.0);
            self.taken.iter().map(covered).sum::<f64>() + 100.0 * outside
        };
        let best = places.iter().min_by(|a, b| overlap(a).total_cmp(&overlap(b))).copied();
        let (right, up) = best.unwrap_or((8.0, -4.0));
        (x + right, y + up, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_the_ends_of_their_axis() {
        let even = Axis::even("a", 10.0, 20.0, Vec::new());
        assert_eq!([5.0, 10.0, 15.0, 30.0, f64::NAN].map(|v| even.place(v)), [0.0, 0.0, 0.5, 1.0, 0.0]);
        let ticks = [0.1, 1.0, 10.0, 100.0].map(|tick| (tick, String::new())).to_vec();
        let log = Axis::logarithmic("b", 1.0, 100.0, ticks);
        assert_eq!((log.place(0.0), log.place(1000.0), log.ticks.len()), (0.0, 1.0, 3));
        assert!((log.place(10.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn names_of_close_points_do_not_cover_each_other() {
        let mut plane = Plane::new("t", "", Axis::shares("x"), Axis::shares("y"));
        plane.spots((0..6).map(|at| {
            let share = f64::from(at) / 100.0;
            (format!("strategy-{at}"), Tone::Peer, 0.4 + share * 0.8, 0.5 + share * 2.2)
        }));
        let apart = |a: &Spot, b: &Spot| {
            (a.name_y - b.name_y).abs() >= LINE - 1.0 || (a.name_x - b.name_x).abs() >= 10.0 * LETTER
        };
        for (at, one) in plane.spots.iter().enumerate() {
            assert!(plane.spots.iter().skip(at + 1).all(|other| apart(one, other)), "{:?}", plane.spots);
        }
    }
}
