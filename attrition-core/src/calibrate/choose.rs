//! Which calibrator the out-of-fold scores call for.

use super::Calibrator;
use crate::metrics::{Scores, log_loss, mean};
use crate::{Result, Seed, split};

const FOLDS: usize = 5;
/// With fewer, steps of the isotonic function rest on a handful of leavers each.
const ISOTONIC_POSITIVES: usize = 1000;

pub(super) fn choose(
    log_odds: &[f64],
    proba: &[f64],
    y: &[u8],
    w: Option<&[f64]>,
    seed: Seed,
) -> Result<Option<Calibrator>> {
    if y.is_empty() {
        return Ok(None);
    }
    Scores::new(y, proba, w)?;
    // Infinite log-odds are allowed, NaN is not.
    Scores::new(y, &log_odds.iter().map(|z| z.clamp(-1.0, 1.0)).collect::<Vec<_>>(), w)?;
    // A row of weight 0 is absent.
    let present: Vec<usize> = (0..y.len()).filter(|&row| w.is_none_or(|w| w[row] > 0.0)).collect();
    let rows = Rows { log_odds, proba, y, w }.pick(&present);

    let positives = rows.y.iter().filter(|&&label| label == 1).count();
    let k = FOLDS.min(positives).min(rows.y.len() - positives);
    if k < 2 {
        return Ok(None);
    }
    let folds = split::stratified(&rows.y, k, Seed(seed.stream("calibrate", 0).next_u64()))?;
    let weight = |row: usize| rows.w.as_ref().map_or(1.0, |w| w[row]);
    let sigmoid: Fit = |rows| Calibrator::fit_sigmoid(&rows.log_odds, &rows.y, rows.w.as_deref());
    let isotonic: Fit = |rows| Calibrator::fit_isotonic(&rows.proba, &rows.y, rows.w.as_deref());
    // Two parameters cost next to nothing: any gain is taken. Asked for a standard error of gain, the choice would turn on
    // the noise of the rows at hand, and be wrong on new ones more often than either answer held to. A step function has as
    // many parameters as steps: it has to show that it is better.
    let all = [(sigmoid, 0.0), (isotonic, 1.0)];
    let candidates = if positives < ISOTONIC_POSITIVES { &all[..1] } else { &all[..] };

    let mut best: Vec<f64> = rows.y.iter().zip(&rows.proba).map(|(&label, &p)| log_loss(label, p)).collect();
    let mut chosen = None;
    for (fit, standard_errors) in candidates {
        let mut losses = vec![0.0; best.len()];
        for fold in &folds {
            let calibrator = fit(&rows.view().pick(&fold.train))?;
            for &row in &fold.test {
                losses[row] = log_loss(rows.y[row], calibrator.apply(rows.log_odds[row], rows.proba[row]));
            }
        }
        let (gain, variance) = mean(best.len(), weight, |row| best[row] - losses[row]);
        if variance.is_some_and(|v| gain > standard_errors * v.sqrt()) {
            chosen = Some(*fit);
            best = losses;
        }
    }
    chosen.map(|fit| fit(&rows)).transpose()
}

type Fit = fn(&Picked) -> Result<Calibrator>;

/// Scores, labels and weights of the same rows.
struct Rows<'a> {
    log_odds: &'a [f64],
    proba: &'a [f64],
    y: &'a [u8],
    w: Option<&'a [f64]>,
}

struct Picked {
    log_odds: Vec<f64>,
    proba: Vec<f64>,
    y: Vec<u8>,
    w: Option<Vec<f64>>,
}

impl Rows<'_> {
    fn pick(&self, rows: &[usize]) -> Picked {
        Picked {
            log_odds: rows.iter().map(|&row| self.log_odds[row]).collect(),
            proba: rows.iter().map(|&row| self.proba[row]).collect(),
            y: rows.iter().map(|&row| self.y[row]).collect(),
            w: self.w.map(|w| rows.iter().map(|&row| w[row]).collect()),
        }
    }
}

impl Picked {
    fn view(&self) -> Rows<'_> {
        Rows { log_odds: &self.log_odds, proba: &self.proba, y: &self.y, w: self.w.as_deref() }
    }
}
