//! Isotonic regression.

/// Rows pooled to one level.
struct Step {
    first: f64,
    last: f64,
    weight: f64,
    positive: f64,
}

impl Step {
    fn level(&self) -> f64 {
        // The quotient of two sums may round to above 1.
        (self.positive / self.weight).min(1.0)
    }

    fn join(&mut self, next: &Step) {
        self.last = next.last;
        self.weight += next.weight;
        self.positive += next.positive;
    }
}

/// The points of the function: both ends of every step. Rows of weight 0 are left out.
pub(super) fn fit(proba: &[f64], y: &[u8], weight: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
    let mut rows: Vec<usize> = (0..y.len()).filter(|&row| weight(row) > 0.0).collect();
    // + 0.0 makes of −0.0 and 0.0 one score.
    rows.sort_unstable_by(|&i, &j| (proba[i] + 0.0).total_cmp(&(proba[j] + 0.0)).then(i.cmp(&j)));
    let mut steps: Vec<Step> = Vec::new();
    for tie in rows.chunk_by(|&i, &j| proba[i] == proba[j]) {
        let x = proba[tie[0]] + 0.0;
        let mut step = Step { first: x, last: x, weight: 0.0, positive: 0.0 };
        for &row in tie {
            step.weight += weight(row);
            step.positive += weight(row) * f64::from(y[row]);
        }
        steps.push(step);
        while let [.., before, last] = steps.as_mut_slice() {
            if before.level() < last.level() {
                break;
            }
            before.join(last);
            steps.pop();
        }
    }
    let (mut x, mut level) = (Vec::new(), Vec::new());
    for step in &steps {
        let ends = if step.first < step.last { &[step.first, step.last][..] } else { &[step.first][..] };
        for &end in ends {
            x.push(end);
            level.push(step.level());
        }
    }
    (x, level)
}

/// Straight lines between the points, constant outside.
pub(super) fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let (Some(&lowest), Some(&highest)) = (y.first(), y.last()) else { return at };
    if at.is_nan() {
        return at;
    }
    let above = x.partition_point(|&x| x < at);
    let point = |i: usize| Some((*x.get(i)?, *y.get(i)?));
    match (above.checked_sub(1).and_then(point), point(above)) {
        (None, _) => lowest,
        (_, None) => highest,
        // Each operation ascends with `at`, and so does the whole; the share is at most 1.
        (Some((x0, y0)), Some((x1, y1))) => (y0 + (y1 - y0) * ((at - x0) / (x1 - x0))).min(y1),
    }
}
