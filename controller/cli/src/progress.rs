//! Progress: bars on a terminal, log lines elsewhere.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kubeopt_runtime::progress::{Progress, Quiet};

/// Bars on a terminal, log lines where there is none, nothing when asked to be quiet.
pub(crate) fn for_terminal(quiet: bool) -> Box<dyn Progress> {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    match (quiet, terminal) {
        (true, _) => Box::new(Quiet),
        (false, true) => Box::new(Bars::default()),
        (false, false) => Box::new(Lines),
    }
}

#[derive(Default)]
struct Bars(Mutex<Option<ProgressBar>>);

/// Often enough to look alive, seldom enough to cost nothing.
const TICK: Duration = Duration::from_millis(120);

impl Bars {
    fn replace(&self, bar: Option<ProgressBar>) {
        let mut shown = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(old) = shown.take() {
            old.finish_and_clear();
        }
        *shown = bar;
    }
}

impl Progress for Bars {
    fn stage(&self, what: &str, steps: Option<u64>) {
        let bar = match steps.filter(|steps| *steps > 1) {
            Some(steps) => {
                ProgressBar::new(steps).with_style(style("{spinner} {msg} {wide_bar} {pos}/{len}"))
            }
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}")),
        };
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        self.replace(Some(bar));
    }

    fn step(&self) {
        if let Some(bar) = &*self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            bar.inc(1);
        }
    }

    fn done(&self) {
        self.replace(None);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

struct Lines;

impl Progress for Lines {
    fn stage(&self, what: &str, steps: Option<u64>) {
        tracing::info!(steps, "{what}");
    }
    fn step(&self) {}
    fn done(&self) {}
}
