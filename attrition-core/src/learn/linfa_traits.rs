//! Our learners in linfa's terms, for datasets that are already linfa's: `Fit` for [`LogisticParams`], `PredictInplace` (and
//! with it `Predict`) for [`Logistic`].

use linfa::dataset::{AsSingleTargets, DatasetBase};
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, Data, Ix2};

use super::{Logistic, LogisticParams};
use crate::num::float;
use crate::preprocess::{Design, DesignColumn};
use crate::{Error, Run};

impl From<linfa::Error> for Error {
    fn from(error: linfa::Error) -> Error {
        Error::Numeric { what: "linfa", why: error.to_string(), hint: "check the dataset".to_owned() }
    }
}

impl<D: Data<Elem = f64>, T: AsSingleTargets<Elem = bool>> Fit<ArrayBase<D, Ix2>, T, Error> for LogisticParams {
    type Object = Logistic;

    /// Fit to the records `(n, p)` and the targets `(n,)`, where `true` is the positive label. Unlike linfa-logistic this honours
    /// the dataset's weights.
    ///
    /// # Errors
    /// Those of [`LogisticParams::fit_design`].
    ///
    /// # Example
    /// ```
    /// use attrition_core::learn::LogisticParams;
    /// use linfa::traits::{Fit, Predict};
    /// use ndarray::array;
    ///
    /// let data = linfa::Dataset::new(array![[0.0], [1.0], [2.0], [3.0]], array![false, true, false, true]);
    /// let model = LogisticParams::default().c(10.0).fit(&data)?;
    /// assert_eq!(model.predict(&array![[-5.0], [5.0]]), array![false, true]);
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Logistic, Error> {
        let x = &dataset.records;
        let columns = x.columns().into_iter().map(|c| DesignColumn::Dense(c.to_vec())).collect();
        let design = Design { n_rows: x.nrows(), columns, names: dataset.feature_names().to_vec() };
        let y: Vec<u8> = dataset.as_single_targets().iter().map(|y| u8::from(*y)).collect();
        let weights: Option<Vec<f64>> = dataset.weights().map(|w| w.iter().map(|w| f64::from(*w)).collect());
        self.fit_design(&design, &y, weights.as_deref(), &Run::new())
    }
}

impl Logistic {
    /// The probability of the positive label of each row of `x` `(n, p)`; the same bits as through a
    /// [`Block`](crate::preprocess::Block). Features that `x` has not count 0, columns beyond `p` are not looked at.
    pub fn predict_probabilities<D: Data<Elem = f64>>(&self, x: &ArrayBase<D, Ix2>) -> Array1<f64> {
        let mut z = Array1::from_elem(x.nrows(), self.intercept);
        for (b, column) in self.coef.iter().zip(x.columns()) {
            for (z, v) in z.iter_mut().zip(column) {
                *z += b * v;
            }
        }
        z.mapv_into(float::sigmoid)
    }
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<bool>> for Logistic {
    /// Whether the positive label is at least as probable as the other. linfa's trait cannot return an error: see
    /// [`Logistic::predict_probabilities`] for a matrix of another width.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<bool>) {
        for (y, p) in y.iter_mut().zip(self.predict_probabilities(x)) {
            *y = p >= 0.5;
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<bool> {
        Array1::default(x.nrows())
    }
}

#[cfg(test)]
mod tests {
    use linfa::prelude::*;
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::learn::tests::example;
    use crate::learn::{Fitted, Learner, LinfaLogisticParams};
    use crate::preprocess::Block;
    use crate::{Result, Seed};

    fn data() -> (Array2<f64>, Array1<bool>, Design, Vec<u8>) {
        let (x, y, _) = example(400, 11);
        let mut block = Block::default();
        x.block(0..400, &mut block);
        let records = Array2::from_shape_fn((400, 8), |(i, j)| block.column(j)[i]);
        let labels = y.iter().map(|y| *y == 1).collect();
        (records, labels, x, y)
    }

    #[test]
    fn through_linfas_traits_we_are_linfa_logistic_and_ourselves() -> Result<()> {
        let (records, labels, x, y) = data();
        let dataset = Dataset::new(records.clone(), labels.clone());
        let ours = LogisticParams::default().c(0.5).fit(&dataset)?;
        let theirs = linfa_logistic::LogisticRegression::default()
            .alpha(2.0)
            .gradient_tolerance(1e-9)
            .max_iterations(10_000)
            .fit(&dataset)
            .unwrap();
        assert!(!theirs.labels().pos.class, "the majority is negative, so linfa calls it positive");
        for (a, b) in ours.coef.iter().zip(theirs.params()) {
            assert!((a + b).abs() < 1e-6, "{a} {b}");
        }
        assert!((ours.intercept + theirs.intercept()).abs() < 1e-6);
        assert_eq!(ours.predict(&dataset), theirs.predict(&dataset));
        // The same fit through a design of dense columns and one-hot groups.
        let design = LogisticParams::default().c(0.5).fit_design(&x, &y, None, &Run::new())?;
        assert!((design.intercept - ours.intercept).abs() < 1e-9);
        let mut block = Block::default();
        x.block(0..400, &mut block);
        let mut z = vec![0.0; 400];
        ours.predict_block(&block, &mut z)?;
        let p: Vec<f64> = ours.predict_probabilities(&records).to_vec();
        assert_eq!(p, z.into_iter().map(float::sigmoid).collect::<Vec<_>>());
        // Weights count.
        let weights = Array1::from_shape_fn(400, |i| (i % 3) as f32);
        let weighted = LogisticParams::default().fit(&Dataset::new(records, labels).with_weights(weights))?;
        let w: Vec<f64> = (0..400).map(|i| f64::from(i % 3)).collect();
        let design = LogisticParams::default().fit_design(&x, &y, Some(&w), &Run::new())?;
        assert!((weighted.coef[0] - design.coef[0]).abs() < 1e-9);
        Ok(())
    }

    #[test]
    fn linfa_logistic_is_oriented_to_the_positive_label_whichever_is_the_majority() -> Result<()> {
        let (_, _, x, y) = data();
        let flipped: Vec<u8> = y.iter().map(|y| 1 - y).collect();
        for y in [&y, &flipped] {
            let params = LinfaLogisticParams::default().gradient_tolerance(1e-9).max_iterations(10_000);
            let fitted = Learner::LinfaLogistic(params).fit(&x, y, None, Seed(0), &Run::new())?;
            let Fitted::Logistic(theirs) = fitted else { panic!() };
            let ours = LogisticParams::default().fit_design(&x, y, None, &Run::new())?;
            for (a, b) in ours.coef.iter().zip(&theirs.coef) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
            assert!((ours.intercept - theirs.intercept).abs() < 1e-6);
        }
        Ok(())
    }
}
