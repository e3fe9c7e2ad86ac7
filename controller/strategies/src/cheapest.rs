//! The candidate that costs least, unless what was given before costs hardly more. Knows no resource.

/// What was given stays unless the best value costs this much less.
const STAYS: f64 = 1.25;

/// A value with what it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// Millicores or bytes.
    pub value: f64,
    /// What is reserved, in GiB or cores.
    pub reserved: f64,
    /// The chance or share that exceeds it, 0 to 1.
    pub exceeding: f64,
    /// The price of that, in the same unit as `reserved`.
    pub risk: f64,
    /// It is what was given before, and another value would not cost clearly less.
    pub kept: bool,
}

impl Chosen {
    fn cost(&self) -> f64 {
        self.reserved + self.risk
    }
}

/// Which values may be chosen, and what each costs.
pub(crate) struct Choice<W, A> {
    /// What cannot be exceeded, which is always allowed; infinite where nothing is known.
    pub(crate) most: f64,
    /// What a value costs.
    pub(crate) weigh: W,
    /// Whether a value below the most is allowed.
    pub(crate) allowed: A,
}

impl<W: Fn(f64) -> Chosen, A: Fn(&Chosen) -> bool> Choice<W, A> {
    /// The cheapest of the candidates (lowest first) below the most, and the most; `beyond` where none of them is allowed.
    /// What was given before stays where it is allowed and does not cost clearly more.
    pub(crate) fn cheapest(
        &self,
        candidates: impl Iterator<Item = f64>,
        beyond: f64,
        before: Option<f64>,
    ) -> Chosen {
        let allowed = |chosen: &Chosen| chosen.value >= self.most || (self.allowed)(chosen);
        let end = self.most.is_finite().then_some(self.most);
        let all = candidates.take_while(|value| *value < self.most).chain(end).map(&self.weigh);
        let best = all.filter(allowed).min_by(|a, b| a.cost().total_cmp(&b.cost()));
        let best = best.unwrap_or_else(|| (self.weigh)(beyond));
        match before.map(|value| (self.weigh)(value.min(self.most))).filter(allowed) {
            Some(before) if before.cost() <= STAYS * best.cost() => Chosen { kept: true, ..before },
            Some(_) | None => best,
        }
    }
}
