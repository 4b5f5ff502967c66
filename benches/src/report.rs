//! The table, or one JSON object a line.

use crate::case::{Better, Figures, Metric, OURS, Outcome};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;
use std::collections::BTreeMap;

pub(crate) struct Report {
    table: Option<Table>,
    missing: BTreeMap<&'static str, &'static str>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        let table = (!json).then(|| {
            let mut table = Table::new();
            table.load_preset(UTF8_FULL_CONDENSED);
            table.set_header([
                "work",
                "unit",
                "better",
                OURS,
                "peer",
                "its figure",
                "ratio",
            ]);
            for column in [3, 5, 6] {
                let column = table
                    .column_mut(column)
                    .expect("the header has seven columns");
                column.set_cell_alignment(CellAlignment::Right);
            }
            table
        });
        Self {
            table,
            missing: BTreeMap::new(),
        }
    }

    /// JSON lines are printed at once, the table at the end.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        for (index, metric) in outcome.metrics.iter().enumerate() {
            match &mut self.table {
                Some(table) => _ = table.add_row(row(&outcome, index, metric)),
                None => println!("{}", line(&outcome, index, metric)),
            }
        }
        for contender in &outcome.contenders {
            if let Err(why) = contender.figures {
                self.missing.insert(contender.name, why);
            }
        }
        if self.table.is_some() {
            eprintln!("{}", outcome.name);
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        if let Some(table) = self.table {
            println!("{table}");
            println!("ratio: above 1 {OURS} is ahead of the peer, below 1 behind it");
            for (name, why) in self.missing {
                println!("missing: {name}: {why}");
            }
        }
        Ok(())
    }
}

fn row(outcome: &Outcome, index: usize, metric: &Metric) -> [String; 7] {
    let (ours, peers): (Vec<_>, Vec<_>) = outcome
        .contenders
        .iter()
        .partition(|contender| contender.name == OURS);
    let ours = ours.first().and_then(|ours| figure(ours, index));
    let lines = |cell: &dyn Fn(&Figures) -> String| {
        peers
            .iter()
            .map(|peer| cell(peer))
            .collect::<Vec<_>>()
            .join("\n")
    };
    [
        outcome.name.clone(),
        metric.unit.to_owned(),
        match metric.better {
            Better::Lower => "lower".to_owned(),
            Better::Higher => "higher".to_owned(),
        },
        number(ours),
        lines(&|peer| peer.name.to_owned()),
        lines(&|peer| number(figure(peer, index))),
        lines(
            &|peer| match ratio(metric.better, ours, figure(peer, index)) {
                Some(ratio) => format!("{ratio:.2}"),
                None => "-".to_owned(),
            },
        ),
    ]
}

fn line(outcome: &Outcome, index: usize, metric: &Metric) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        work: &'a str,
        unit: &'a str,
        better: &'a str,
        figures: BTreeMap<&'a str, f64>,
        missing: BTreeMap<&'a str, &'a str>,
    }
    let line = Line {
        work: &outcome.name,
        unit: metric.unit,
        better: match metric.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
        },
        figures: outcome
            .contenders
            .iter()
            .filter_map(|contender| Some((contender.name, figure(contender, index)?)))
            .collect(),
        missing: outcome
            .contenders
            .iter()
            .filter_map(|contender| {
                Some((contender.name, contender.figures.as_ref().err().copied()?))
            })
            .collect(),
    };
    serde_json::to_string(&line).expect("strings and numbers are JSON")
}

fn figure(contender: &Figures, index: usize) -> Option<f64> {
    contender
        .figures
        .as_ref()
        .ok()
        .map(|figures| figures[index])
}

fn ratio(better: Better, ours: Option<f64>, peer: Option<f64>) -> Option<f64> {
    let (ours, peer) = (ours?, peer?);
    let ratio = match better {
        Better::Lower => peer / ours,
        Better::Higher => ours / peer,
    };
    ratio.is_finite().then_some(ratio)
}

/// Three significant digits at least, and no more than needed.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 1.0 || value == 0.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.4}"),
    }
}
