//! How far the shape of the last samples is from every shape that the series had before (a discord, by nearest
//! neighbours): what finds a plateau half-way up, whose every value is ordinary.

/// Values that describe a shape.
const PLACES: usize = 8;

/// Shapes that are remembered; then each new one replaces one of them. 16 KB.
const REMEMBERED: usize = 512;

/// Every second shape is compared with the others, and every second one is remembered; in between the distance stands.
const EVERY: usize = 2;

/// Shapes before there is a distance.
const WARM_UP: usize = 20;

/// Shares no factor with [`REMEMBERED`], so that all are replaced in turn, neighbours far apart.
const STRIDE: usize = 7919;

/// Shapes that are compared at once: two registers of four, or one of eight.
const LANES: usize = 8;

type Shape = [f32; PLACES];

/// Eight shapes, place by place, so that all are compared in step. Where there is none yet, it is infinitely far.
type Block = [[f32; LANES]; PLACES];

/// Shapes of `SAMPLES` samples, which 8 must divide.
#[derive(Debug, Clone)]
pub(crate) struct Shapes<const SAMPLES: usize> {
    samples: [f64; SAMPLES],
    /// Shapes that still overlap with the one of now.
    waiting: [Shape; SAMPLES],
    known: Vec<Block>,
    known_len: usize,
    len: usize,
    count: usize,
    told: Option<f64>,
}

impl<const SAMPLES: usize> Default for Shapes<SAMPLES> {
    fn default() -> Self {
        Self {
            samples: [0.0; SAMPLES],
            waiting: [[0.0; PLACES]; SAMPLES],
            known: Vec::with_capacity(REMEMBERED / LANES),
            known_len: 0,
            len: 0,
            count: 0,
            told: None,
        }
    }
}

impl<const SAMPLES: usize> Shapes<SAMPLES> {
    /// Forgets the last samples, not the shapes.
    pub(crate) fn interrupt(&mut self) {
        (self.len, self.count, self.told) = (0, 0, None);
    }

    /// The distance to the third nearest shape, in the unit of the series; none while there are too few.
    pub(crate) fn distance(&mut self, value: f64) -> Option<f64> {
        self.samples.rotate_left(1);
        self.samples[SAMPLES - 1] = value;
        self.len = (self.len + 1).min(SAMPLES);
        if self.len < SAMPLES {
            return None;
        }
        let shape = self.shape();
        if self.count.is_multiple_of(EVERY) || self.told.is_none() {
            self.told = (self.known_len > WARM_UP).then(|| self.third_nearest(&shape));
        }
        let distance = self.told;
        self.remember(shape);
        distance
    }

    fn shape(&self) -> Shape {
        let each = SAMPLES / PLACES;
        let mean =
            |place: usize| self.samples[place * each..(place + 1) * each].iter().sum::<f64>() / each as f64;
        std::array::from_fn(|place| mean(place) as f32)
    }

    fn third_nearest(&self, shape: &Shape) -> f64 {
        let mut nearest = [[f32::INFINITY; LANES]; 3];
        for block in &self.known {
            let mut distances = [0.0_f32; LANES];
            for (known, own) in block.iter().zip(shape) {
                for (distance, known) in distances.iter_mut().zip(known) {
                    *distance += (known - own) * (known - own);
                }
            }
            // The three nearest of each lane, without a branch.
            for kept in &mut nearest {
                for (kept, distance) in kept.iter_mut().zip(&mut distances) {
                    let (near, far) = if *distance < *kept { (*distance, *kept) } else { (*kept, *distance) };
                    (*kept, *distance) = (near, far);
                }
            }
        }
        let (_, third, _) = nearest.as_flattened_mut().select_nth_unstable_by(2, f32::total_cmp);
        f64::from(*third).sqrt()
    }

    /// A shape is known once no sample of it is in the one of now.
    fn remember(&mut self, shape: Shape) {
        let slot = self.count % SAMPLES;
        let before = std::mem::replace(&mut self.waiting[slot], shape);
        self.count += 1;
        if self.count <= SAMPLES || !self.count.is_multiple_of(EVERY) {
            return;
        }
        let at = if self.known_len < REMEMBERED {
            if self.known_len.is_multiple_of(LANES) {
                self.known.push([[f32::INFINITY; LANES]; PLACES]);
            }
            self.known_len += 1;
            self.known_len - 1
        } else {
            (self.count / EVERY).wrapping_mul(STRIDE) % REMEMBERED
        };
        for (places, value) in self.known[at / LANES].iter_mut().zip(before) {
            places[at % LANES] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_peak_is_far_from_all_shapes_and_a_usual_one_is_not() {
        let mut shapes = Shapes::<16>::default();
        let wave = |i: i32| if i % 47 < 8 { 100.0 } else { 10.0 };
        let usual = (0..940).filter_map(|i| shapes.distance(wave(i)).filter(|_| i > 480)).fold(0.0, f64::max);
        let lower = (940..987).filter_map(|i| shapes.distance(if i % 47 == 30 { 60.0 } else { 10.0 }));
        let lower = lower.fold(0.0, f64::max);
        assert!(usual < 1.0 && lower > 10.0, "{usual} {lower}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut shapes = Shapes::<16>::default();
        (0..20_000).for_each(|i| {
            shapes.distance(f64::from(i % 777));
        });
        assert_eq!((shapes.known_len, shapes.known.len()), (REMEMBERED, REMEMBERED / LANES));
    }
}
