//! From slots to probabilities: pipeline, learner, calibrator.

use std::cell::RefCell;

use crate::calibrate::Calibrator;
use crate::learn::{Fitted, Scale};
use crate::num::float;
use crate::preprocess::{Block, Pipeline};
use crate::run::{CHUNK_ROWS, Run};
use crate::schema::{Bound, RowSpec, Schema};
use crate::{Error, Result};

/// Rows per block: frame and design of a block stay in the second-level cache. Scores do not depend on it.
const BLOCK_ROWS: usize = 256;

/// What turns a row's slots into a probability.
#[derive(Debug, Clone)]
pub(crate) struct Scorer {
    pub(crate) pipeline: Pipeline,
    pub(crate) fitted: Fitted,
    pub(crate) calibrator: Option<Calibrator>,
}

#[derive(Default)]
struct Blocks {
    frame: Block,
    design: Block,
}

thread_local! {
    static BLOCKS: RefCell<Blocks> = RefCell::default();
}

/// A learner's score on both scales.
pub(crate) fn both_scales(scale: Scale, score: f64) -> (f64, f64) {
    match scale {
        Scale::LogOdds => (score, float::sigmoid(score)),
        // A pure leaf's log-odds are infinite; beyond this they say nothing more.
        Scale::Probability => (float::logit(score.clamp(1e-15, 1.0 - 1e-15)), score),
    }
}

impl Scorer {
    /// Ready to predict, after it was looked at whether pipeline, learner and calibrator belong together.
    pub(crate) fn bind(self, schema: &Schema) -> Result<Scorer> {
        let pipeline = self.pipeline.bind(schema)?;
        self.fitted.check(pipeline.n_features())?;
        if let Some(c) = &self.calibrator {
            c.check()?;
        }
        Ok(Scorer { pipeline, ..self })
    }

    fn finish(&self, out: &mut [f64]) {
        let scale = self.fitted.scale();
        match &self.calibrator {
            None => {
                if scale == Scale::LogOdds {
                    for z in out {
                        *z = float::sigmoid(*z);
                    }
                }
            }
            Some(c) => {
                for s in out {
                    let (log_odds, proba) = both_scales(scale, *s);
                    *s = c.apply(log_odds, proba);
                }
            }
        }
    }

    /// The learner's own scores of a filled frame, before calibration.
    fn score(&self, frame: &mut Block, design: &mut Block, out: &mut [f64]) -> Result<()> {
        self.pipeline.apply(frame, design)?;
        self.fitted.predict(design, out)
    }

    /// One packed row whose slots were checked.
    pub(super) fn predict_row(&self, row: &[f64], frame: &mut Block, design: &mut Block) -> Result<f64> {
        self.pipeline.start(1, frame);
        for (slot, &x) in row.iter().enumerate() {
            frame.column_mut(slot)[0] = x;
        }
        let mut out = [0.0];
        self.score(frame, design, &mut out).map_err(|e| at_row(e, None))?;
        self.finish(&mut out);
        Ok(out[0])
    }

    /// `fill(block, first row, rows)` puts the slots of a block of rows into the frame; its blocks' scores go to `out`.
    fn blocks(
        &self,
        n_rows: usize,
        run: &Run,
        finish: bool,
        fill: impl Fn(&mut Block, std::ops::Range<usize>) -> Result<()> + Sync,
    ) -> Result<Vec<f64>> {
        let mut out = vec![0.0; n_rows];
        run.fill_chunks(&mut out, CHUNK_ROWS, |first, piece| {
            BLOCKS.with(|blocks| {
                let mut fresh = Blocks::default();
                let mut borrowed = blocks.try_borrow_mut();
                let Blocks { frame, design } = match &mut borrowed {
                    Ok(b) => &mut **b,
                    Err(_) => &mut fresh,
                };
                for (i, scores) in piece.chunks_mut(BLOCK_ROWS).enumerate() {
                    let start = first + i * BLOCK_ROWS;
                    self.pipeline.start(scores.len(), frame);
                    fill(frame, start..start + scores.len())?;
                    self.score(frame, design, scores).map_err(|e| at_row(e, Some(start)))?;
                    if finish {
                        self.finish(scores);
                    }
                }
                Ok(())
            })
        })?;
        Ok(out)
    }

    /// Probabilities of all rows of a table.
    pub(crate) fn predict(&self, bound: &Bound<'_>, run: &Run) -> Result<Vec<f64>> {
        self.blocks(bound.n_rows(), run, true, |frame, rows| {
            (0..bound.n_slots()).try_for_each(|slot| bound.fill(slot, rows.clone(), frame.column_mut(slot)))
        })
    }

    /// Probabilities (`finish`) or the learner's own scores of some rows of a table.
    pub(crate) fn predict_rows(&self, bound: &Bound<'_>, rows: &[usize], finish: bool, run: &Run) -> Result<Vec<f64>> {
        self.blocks(rows.len(), run, finish, |frame, range| {
            let rows = &rows[range];
            (0..bound.n_slots()).try_for_each(|slot| bound.fill_rows(slot, rows, frame.column_mut(slot)))
        })
    }

    /// Probabilities of packed rows, row-major.
    pub(super) fn predict_packed(&self, packed: &[f64], spec: &RowSpec, run: &Run) -> Result<Vec<f64>> {
        let width = spec.width();
        self.blocks(packed.len() / width, run, true, |frame, rows| {
            for (i, row) in rows.enumerate() {
                let slots = &packed[row * width..(row + 1) * width];
                spec.check_packed(slots).map_err(|e| at_row(e, Some(row)))?;
                for (slot, &x) in slots.iter().enumerate() {
                    frame.column_mut(slot)[i] = x;
                }
            }
            Ok(())
        })
    }
}

/// A problem's row within a block becomes the table's: `start` is the block's first row, `None` for a lone row.
fn at_row(e: Error, start: Option<usize>) -> Error {
    match e {
        Error::SchemaMismatch { mut problems } => {
            for p in &mut problems {
                p.row = start.map(|s| s + p.row.unwrap_or(0));
            }
            Error::SchemaMismatch { problems }
        }
        other => other,
    }
}
