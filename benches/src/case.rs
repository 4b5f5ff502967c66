//! What a comparison is, and how it is run: round by round, every contender in each round.

use anyhow::{Context, Result, ensure};
use std::time::Instant;

/// The same work, done by several contenders.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What a contender's run yields, in this order.
    pub(crate) metrics: &'static [Metric],
    /// How the rounds of one contender become one figure.
    pub(crate) over_rounds: OverRounds,
    pub(crate) contenders: Vec<Contender>,
}

/// One of the compared programs or crates.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) entry: Entry,
}

impl Contender {
    /// One that does not take part, for this reason.
    pub(crate) fn missing(name: &'static str, why: &'static str) -> Self {
        Self {
            name,
            entry: Entry::Missing(why),
        }
    }
}

/// Whether a contender takes part.
pub(crate) enum Entry {
    /// Does the work once and returns a figure for each metric of its case.
    Runs(Box<dyn FnMut() -> Result<Vec<f64>>>),
    /// Does not take part, for this reason.
    Missing(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverRounds {
    /// For work inside this process: whatever else the machine does only adds time.
    Best,
    /// For work between processes: the scheduler can help as well as hinder.
    Median,
    /// For work that takes a contender minutes.
    Once,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Full,
    Smoke,
}

/// The figures of one case.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) metrics: &'static [Metric],
    pub(crate) contenders: Vec<Figures>,
}

pub(crate) struct Figures {
    pub(crate) name: &'static str,
    /// One for each metric, or why there are none.
    pub(crate) figures: Result<Vec<f64>, &'static str>,
}

/// The name under which our own side stands first in every case.
pub(crate) const OURS: &str = "mailwire";

impl Case {
    /// Runs all rounds; in each round every contender runs once, so that drift hits all alike.
    pub(crate) fn run(mut self, effort: Effort) -> Result<Outcome> {
        let rounds = match (effort, self.over_rounds) {
            (Effort::Smoke, _) | (_, OverRounds::Once) => 1,
            (Effort::Full, OverRounds::Best) => 15,
            (Effort::Full, OverRounds::Median) => 3,
        };
        let mut samples = vec![Vec::new(); self.contenders.len()];
        for _ in 0..rounds {
            for (contender, samples) in self.contenders.iter_mut().zip(&mut samples) {
                if let Entry::Runs(run) = &mut contender.entry {
                    let figures =
                        run().with_context(|| format!("{}: {}", self.name, contender.name))?;
                    samples.push(figures);
                }
            }
        }
        let contenders = self
            .contenders
            .iter()
            .zip(samples)
            .map(|(contender, samples)| Figures {
                name: contender.name,
                figures: match contender.entry {
                    Entry::Runs(_) => Ok(self.combine(&samples)),
                    Entry::Missing(why) => Err(why),
                },
            })
            .collect();
        Ok(Outcome {
            name: self.name,
            metrics: self.metrics,
            contenders,
        })
    }

    fn combine(&self, samples: &[Vec<f64>]) -> Vec<f64> {
        let column = |(index, metric): (usize, &Metric)| {
            let mut values: Vec<f64> = samples.iter().map(|figures| figures[index]).collect();
            values.sort_by(f64::total_cmp);
            match (self.over_rounds, metric.better) {
                (OverRounds::Median | OverRounds::Once, _) => values[values.len() / 2],
                (OverRounds::Best, Better::Lower) => values[0],
                (OverRounds::Best, Better::Higher) => values[values.len() - 1],
            }
        };
        self.metrics.iter().enumerate().map(column).collect()
    }
}

/// In-process work: does it `times` times and returns how many units were done, which is
/// checked, so that no contender wins by doing less.
pub(crate) type Work = Box<dyn FnMut(usize) -> usize>;

/// How often a contender does its work in a round, and what each time must yield.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) times: usize,
    pub(crate) units: usize,
}

/// A contender that works inside this process; `figures` gets the seconds and the
/// allocations of one unit.
pub(crate) fn in_process(
    name: &'static str,
    work: Option<Work>,
    amount: Amount,
    figures: impl Fn(f64, f64) -> Vec<f64> + 'static,
) -> Contender {
    let Some(mut work) = work else {
        return Contender {
            name,
            entry: Entry::Missing("not built yet"),
        };
    };
    let run = move || {
        let total = amount.times * amount.units;
        let (mut done, mut seconds) = (0, 0.0);
        // Outside of a measurement the counting allocator only looks at a flag.
        allocation_counter::opt_out(|| {
            let start = Instant::now();
            done = work(amount.times);
            seconds = start.elapsed().as_secs_f64();
        });
        ensure!(done == total, "{done} units done instead of {total}");
        let counted = allocation_counter::measure(|| done = work(1));
        ensure!(
            done == amount.units,
            "{done} units done instead of {}",
            amount.units
        );
        let allocations = counted.count_total as f64 / amount.units as f64;
        Ok(figures(seconds / total as f64, allocations))
    };
    Contender {
        name,
        entry: Entry::Runs(Box::new(run)),
    }
}
