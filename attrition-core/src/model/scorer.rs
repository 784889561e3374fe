//! From slots to probabilities: pipelines and learners, and a calibrator over them.
//!
//! Notation: member `m` of a blend has the log-odds `z_m` of a row and the weight `w_m > 0`; `Σ w_m = 1`. The blend's
//! log-odds are `Σ w_m z_m`, summed in the order of the members, so that a blend of additive members is additive. A lone
//! learner is one member of weight 1, and its score is taken as it is.

use std::cell::RefCell;

use crate::calibrate::Calibrator;
use crate::learn::{Fitted, Learner, Scale};
use crate::num::float;
use crate::preprocess::{Block, Pipeline};
use crate::run::{CHUNK_ROWS, Run};
use crate::schema::{Bound, RowSpec, Schema};
use crate::{Error, Result};

/// Rows per block: frame and design of a block stay in the second-level cache. Scores do not depend on it.
const BLOCK_ROWS: usize = 256;

/// How far weights may be from the sum 1, by rounding.
const WEIGHTS_OFF: f64 = 1e-9;

/// A fitted learner with the pipeline it was fitted behind. A model has one, or is a blend of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub(crate) learner: Learner,
    pub(crate) weight: f64,
    pub(crate) pipeline: Pipeline,
    pub(crate) fitted: Fitted,
}

impl Member {
    /// The learner, with the parameters it was fitted by.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }
    /// The weight of its log-odds; above 0, the members' sum is 1.
    pub fn weight(&self) -> f64 {
        self.weight
    }
    /// Its fitted pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }
    /// The fitted learner.
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }
}

/// What turns a row's slots into a probability.
#[derive(Debug, Clone)]
pub(crate) struct Scorer {
    /// At least one.
    pub(crate) members: Vec<Member>,
    pub(crate) calibrator: Option<Calibrator>,
}

/// Working memory of a block of rows.
#[derive(Default)]
pub(super) struct Blocks {
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

/// The log-odds of a learner's score.
fn log_odds(scale: Scale, score: f64) -> f64 {
    match scale {
        Scale::LogOdds => score,
        Scale::Probability => both_scales(scale, score).0,
    }
}

impl Scorer {
    /// Ready to predict, after it was looked at whether pipelines, learners, weights and calibrator belong together.
    pub(crate) fn bind(self, schema: &Schema) -> Result<Scorer> {
        let bad = |what: String| Error::artifact(what, "the file is damaged or was made by hand; save it anew");
        let weights: f64 = self.members.iter().map(|m| m.weight).sum();
        // A sum of 1 that holds a NaN or an infinity is none.
        if self.members.iter().any(|m| m.weight <= 0.0) || (weights - 1.0).abs() > WEIGHTS_OFF || weights.is_nan() {
            let weights: Vec<f64> = self.members.iter().map(|m| m.weight).collect();
            return Err(bad(format!("the weights of its learners are {weights:?}, and not above 0 with the sum 1")));
        }
        let mut members: Vec<Member> = Vec::with_capacity(self.members.len());
        for member in self.members {
            let pipeline = member.pipeline.bind(schema)?;
            member.fitted.check(pipeline.n_features())?;
            members.push(Member { pipeline, ..member });
        }
        // Contributions of derived columns are summed over the members by their place.
        let derived = |m: &Member| m.pipeline.derived().map(|(name, ..)| name.to_owned()).collect::<Vec<_>>();
        if members.windows(2).any(|pair| derived(&pair[0]) != derived(&pair[1])) {
            return Err(bad("its learners have different derived columns".to_owned()));
        }
        if let Some(c) = &self.calibrator {
            c.check()?;
        }
        Ok(Scorer { members, ..self })
    }

    /// Of one learner, not calibrated.
    pub(crate) fn of(member: Member) -> Scorer {
        Scorer { members: vec![member], calibrator: None }
    }

    /// What the score before calibration is.
    pub(crate) fn scale(&self) -> Scale {
        match &self.members[..] {
            [lone] => lone.fitted.scale(),
            _ => Scale::LogOdds,
        }
    }

    fn finish(&self, out: &mut [f64]) {
        let scale = self.scale();
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

    /// Scores of the rows that `fill` puts into the frame, before calibration. `own` is room for as many as `out` holds; a
    /// problem's row counts from `start`.
    fn score(
        &self,
        Blocks { frame, design }: &mut Blocks,
        start: Option<usize>,
        out: &mut [f64],
        own: &mut [f64],
        fill: impl Fn(&mut Block) -> Result<()>,
    ) -> Result<()> {
        // A pipeline works in the frame, so that every member needs it filled anew.
        let mut score = |member: &Member, out: &mut [f64]| {
            member.pipeline.start(out.len(), frame);
            fill(frame)?;
            member
                .pipeline
                .apply(frame, design)
                .and_then(|()| member.fitted.predict(design, out))
                .map_err(|e| at_row(e, start))
        };
        if let [lone] = &self.members[..] {
            return score(lone, out);
        }
        let own = &mut own[..out.len()];
        out.fill(0.0);
        for member in &self.members {
            score(member, own)?;
            let scale = member.fitted.scale();
            out.iter_mut().zip(&*own).for_each(|(z, &s)| *z += member.weight * log_odds(scale, s));
        }
        Ok(())
    }

    /// One packed row whose slots were checked.
    pub(super) fn predict_row(&self, row: &[f64], blocks: &mut Blocks) -> Result<f64> {
        let mut out = [0.0];
        self.score(blocks, None, &mut out, &mut [0.0], |frame| {
            row.iter().enumerate().for_each(|(slot, &x)| frame.column_mut(slot)[0] = x);
            Ok(())
        })?;
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
                let blocks = match &mut borrowed {
                    Ok(b) => &mut **b,
                    Err(_) => &mut fresh,
                };
                let mut own = [0.0; BLOCK_ROWS];
                for (i, scores) in piece.chunks_mut(BLOCK_ROWS).enumerate() {
                    let start = first + i * BLOCK_ROWS;
                    let rows = start..start + scores.len();
                    self.score(blocks, Some(start), scores, &mut own, |frame| fill(frame, rows.clone()))?;
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
