//! Tests on ranks.

use super::float;

/// What a test would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The differences tend to be above 0.
    Greater,
    /// They tend to be below 0.
    Less,
    /// Either.
    TwoSided,
}

/// Largest number of differences whose exact distribution is used.
const MAX_EXACT: usize = 50;

/// p-value of Wilcoxon's signed-rank test of differences: exact, given the ties, for up to 50 of them, else by the normal
/// approximation with the correction for ties. Zeros share their ranks half and half (`zero_method="zsplit"` of SciPy). `None` for no
/// differences or one that is NaN.
///
/// # Example
/// ```
/// use attrition_core::num::rank::{Alternative, wilcoxon};
/// assert_eq!(wilcoxon(&[0.1, 0.2, 0.3, 0.4], Alternative::Greater), Some(1.0 / 16.0));
/// ```
///
/// # Reference
/// Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1 (1945), <https://doi.org/10.2307/3001968>.
pub fn wilcoxon(differences: &[f64], alternative: Alternative) -> Option<f64> {
    let n = differences.len();
    if n == 0 || differences.iter().any(|d| d.is_nan()) {
        return None;
    }
    let mut sorted = differences.to_vec();
    sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut above, mut ties, mut at) = (0.0, 0.0, 0);
    // Twice the ranks, which are whole numbers with ties, of the differences that are not 0; and twice the sum of the positive ones.
    let (mut doubled, mut positive) = (Vec::with_capacity(n), 0);
    while at < n {
        let end = (at..n).find(|&i| sorted[i].abs() != sorted[at].abs()).unwrap_or(n);
        let count = (end - at) as f64;
        for d in &sorted[at..end] {
            let rank = at + end + 1;
            if *d == 0.0 {
                above += 0.25 * rank as f64;
                continue;
            }
            doubled.push(rank);
            if *d > 0.0 {
                above += 0.5 * rank as f64;
                positive += rank;
            }
        }
        ties += count * count * count - count;
        at = end;
    }
    let m = n as f64;
    let (upper, lower) = if n <= MAX_EXACT {
        // Choices of signs by their sum.
        let mut counts = vec![0.0; doubled.iter().sum::<usize>() + 1];
        counts[0] = 1.0;
        for &rank in &doubled {
            for sum in (rank..counts.len()).rev() {
                counts[sum] += counts[sum - rank];
            }
        }
        let all: f64 = counts.iter().sum();
        (counts[positive..].iter().sum::<f64>() / all, counts[..=positive].iter().sum::<f64>() / all)
    } else {
        let variance = m * (m + 1.0) * (2.0 * m + 1.0) / 24.0 - ties / 48.0;
        let z = (above - m * (m + 1.0) / 4.0) / variance.sqrt();
        if z.is_nan() { (1.0, 1.0) } else { (float::normal_cdf(-z), float::normal_cdf(z)) }
    };
    Some(match alternative {
        Alternative::Greater => upper,
        Alternative::Less => lower,
        Alternative::TwoSided => (2.0 * upper.min(lower)).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_scipys() {
        // scipy.stats.wilcoxon(d, alternative=…, zero_method="zsplit", method=…), SciPy 1.17: exact, by all signs, asymptotic.
        let plain = [0.5, -0.1, 0.7, 0.3, -0.2, 1.1, 0.9];
        let tied = [0.5, -0.5, 0.5, 0.3, 0.0, 1.1, -0.9, 1.1];
        let many: Vec<f64> = (0..60).map(|i| f64::from((i * 37) % 61 - 25) / 10.0).collect();
        for (d, want) in [(&plain[..], PLAIN), (&tied[..], TIED), (&many[..], MANY)] {
            let alternatives = [Alternative::Greater, Alternative::Less, Alternative::TwoSided];
            for (alternative, want) in alternatives.into_iter().zip(want) {
                let got = wilcoxon(d, alternative).unwrap();
                assert!((got - want).abs() < 1e-12, "{alternative:?}: {got} {want}");
            }
        }
        assert_eq!(wilcoxon(&[], Alternative::Less), None);
        assert_eq!(wilcoxon(&[f64::NAN], Alternative::Less), None);
        assert_eq!(wilcoxon(&[0.0], Alternative::Greater), Some(1.0));
    }
    const PLAIN: [f64; 3] = [0.0390625, 0.9765625, 0.078125];
    const TIED: [f64; 3] = [0.179_687_5, 0.867_187_5, 0.359_375];
    const MANY: [f64; 3] = [0.020_164_017_228_156_847, 0.979_835_982_771_843_1, 0.040_328_034_456_313_694];
}
