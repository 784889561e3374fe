//! Sums without rounding: the same to the last bit in any order and in any parts.
//!
//! Notation: a number is `m · 2^e` with a whole `m` below 2⁵³. The accumulator is one wide fixed-point number: limb `k`
//! weighs `2^(32·k − 2176)`. A limb is an `i64` that takes 2³⁰ additions of 32-bit digits before carries are passed on.
//! The range holds the sums of 2⁶⁴ squares of any finite numbers, and the square of the sum of as many numbers.
//!
//! # Reference
//! Neal: Fast exact summation using small and large superaccumulators. 2015, <https://doi.org/10.48550/arXiv.1505.05571>.

const LIMBS: usize = 139;
/// The exponent of the lowest limb's weight.
const LOWEST: i32 = -2176;
const MAX_PENDING: u32 = 1 << 30;

/// An exact sum of numbers, of their squares, or of both.
///
/// Adding and merging are exactly commutative and associative; [`ExactSum::value`] rounds once, to nearest. Infinite
/// and NaN arguments are not added: count them beside it.
///
/// # Example
/// ```
/// use attrition_core::num::exact_sum::ExactSum;
/// let mut sum = ExactSum::default();
/// for x in [1e100, 1.0, -1e100] {
///     sum.add(x);
/// }
/// assert_eq!(sum.value(), 1.0);
/// ```
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(into = "Digits", try_from = "Digits")]
pub struct ExactSum {
    limbs: [i64; LIMBS],
    pending: u32,
}

/// The canonical form: a sign, and the digits between the lowest and the highest that are not 0.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    negative: bool,
    /// The limb of the first digit.
    at: usize,
    /// Base 2³², the lowest first.
    digits: Vec<u32>,
}

impl Default for ExactSum {
    fn default() -> ExactSum {
        ExactSum { limbs: [0; LIMBS], pending: 0 }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &ExactSum) -> bool {
        self.digits() == other.digits()
    }
}

/// Sign, whole part and exponent; `None` for infinities, NaN and 0.
fn parts(x: f64) -> Option<(bool, u64, i32)> {
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7FF) as i32, bits & ((1 << 52) - 1));
    let whole = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    (exponent != 0x7FF && whole != 0).then(|| (bits >> 63 == 1, whole, exponent.max(1) - 1075))
}

impl ExactSum {
    /// Adds x.
    pub fn add(&mut self, x: f64) {
        if let Some((negative, whole, exponent)) = parts(x) {
            self.add_at(negative, whole, exponent);
        }
    }

    /// Adds x², not rounded.
    pub fn add_square(&mut self, x: f64) {
        if let Some((_, whole, exponent)) = parts(x) {
            let square = u128::from(whole) * u128::from(whole);
            self.add_at(false, square as u64, 2 * exponent);
            self.add_at(false, (square >> 64) as u64, 2 * exponent + 64);
        }
    }

    fn add_at(&mut self, negative: bool, whole: u64, exponent: i32) {
        let position = (exponent - LOWEST) as usize;
        let wide = u128::from(whole) << (position % 32);
        let sign = if negative { -1 } else { 1 };
        let first = position / 32;
        // Three limbs always hold 64 bits at a shift below 32; the range of `f64` keeps `first` inside.
        if let Some(limbs) = self.limbs.get_mut(first..first + 3) {
            for (k, limb) in limbs.iter_mut().enumerate() {
                *limb += sign * i64::from((wide >> (32 * k)) as u32);
            }
        }
        self.pending += 1;
        if self.pending >= MAX_PENDING {
            self.carry();
        }
    }

    /// Passes carries on: afterwards every limb but the highest is in `0..2³²`.
    fn carry(&mut self) {
        let mut carry = 0;
        for limb in &mut self.limbs[..LIMBS - 1] {
            let v = *limb + carry;
            carry = v >> 32;
            *limb = v & 0xFFFF_FFFF;
        }
        self.limbs[LIMBS - 1] += carry;
        self.pending = 1;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        self.limbs.iter_mut().zip(&other.limbs).for_each(|(a, b)| *a += b);
        self.carry();
    }

    fn digits(&self) -> Digits {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            sum.limbs.iter_mut().for_each(|l| *l = -*l);
            sum.carry();
        }
        let at = sum.limbs.iter().position(|&l| l != 0).unwrap_or(0);
        let end = sum.limbs.iter().rposition(|&l| l != 0).map_or(0, |k| k + 1);
        Digits { negative, at, digits: sum.limbs[at.min(end)..end].iter().map(|&l| l as u32).collect() }
    }

    /// The sum, rounded once to the nearest number (ties to even); ±∞ past the largest.
    pub fn value(&self) -> f64 {
        let Digits { negative, at, digits } = self.digits();
        // At least 97 bits of the top, and whether anything stands below: enough to round rightly.
        let top = digits.len().saturating_sub(4);
        let mut wide = digits.iter().skip(top).rev().fold(0_u128, |acc, &d| acc << 32 | u128::from(d));
        wide |= u128::from(digits.iter().take(top).any(|&d| d != 0));
        let value = libm::scalbn(wide as f64, LOWEST + 32 * (at + top) as i32);
        if negative { -value } else { value }
    }

    /// The population variance of `n` numbers whose sum is `self` and whose squares' sum is `squares`:
    /// `(n · Σx² − (Σx)²) / n²`, the difference taken without rounding, so that a mean far from 0 costs no accuracy.
    ///
    /// NaN for `n == 0`; never negative.
    pub fn variance(&self, squares: &ExactSum, n: u64) -> f64 {
        if n == 0 {
            return f64::NAN;
        }
        let (sum, squares) = (self.digits(), squares.digits());
        let mut difference = ExactSum::default();
        difference.add_product(&squares.digits, squares.at, &[n as u32, (n >> 32) as u32], UNIT, false);
        difference.add_product(&sum.digits, sum.at, &sum.digits, sum.at, true);
        difference.value().max(0.0) / (n as f64) / (n as f64)
    }

    /// Adds the product of two magnitudes given by their digits and first limbs.
    fn add_product(&mut self, a: &[u32], a_at: usize, b: &[u32], b_at: usize, negative: bool) {
        for (i, &x) in a.iter().enumerate() {
            for (j, &y) in b.iter().enumerate() {
                let limb = (a_at + i + b_at + j) as i32;
                let product = u64::from(x) * u64::from(y);
                if product != 0 {
                    self.add_at(negative, product, 32 * limb + 2 * LOWEST);
                }
            }
        }
    }
}

/// The limb that weighs 1.
const UNIT: usize = (-LOWEST / 32) as usize;

impl From<ExactSum> for Digits {
    fn from(sum: ExactSum) -> Digits {
        sum.digits()
    }
}

impl TryFrom<Digits> for ExactSum {
    type Error = String;
    fn try_from(d: Digits) -> Result<ExactSum, String> {
        let mut sum = ExactSum::default();
        let end = d.at.checked_add(d.digits.len()).filter(|&end| end < LIMBS);
        let limbs = end.and_then(|end| sum.limbs.get_mut(d.at..end)).ok_or("an exact sum past its range")?;
        let sign = if d.negative { -1 } else { 1 };
        limbs.iter_mut().zip(&d.digits).for_each(|(l, &digit)| *l = sign * i64::from(digit));
        sum.pending = 1;
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(v: &[f64]) -> ExactSum {
        let mut s = ExactSum::default();
        v.iter().for_each(|&x| s.add(x));
        s
    }

    #[test]
    fn golden_values_of_fsum() {
        // Python 3.13 `math.fsum`.
        let tenths: Vec<f64> = vec![0.1; 10];
        let harmonic: Vec<f64> = (1..=1000).map(|i| 1.0 / f64::from(i)).collect();
        let alternating: Vec<f64> = (1..=1000).map(|i| if i % 2 == 0 { -1e15 } else { 1e15 } / f64::from(i)).collect();
        for (values, want) in [
            (vec![1e16, 1.0, -1e16], 1.0),
            (tenths, 1.0),
            (harmonic, HARMONIC),
            (alternating, ALTERNATING),
            (vec![f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
            (vec![5e-324, 5e-324, -5e-324], 5e-324),
            (vec![1.0, 1e-16, 1e-16], 1.000_000_000_000_000_2),
            (vec![1.0, 1.110_223_024_625_156_5e-16], 1.0),
            (vec![1.0, 1.110_223_024_625_156_5e-16, 5e-324], 1.000_000_000_000_000_2),
            (vec![], 0.0),
        ] {
            assert_eq!(sum(&values).value(), want, "{values:?}");
        }
        assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), f64::INFINITY);
        assert_eq!(sum(&[f64::NAN, f64::INFINITY, -2.0]).value(), -2.0);
    }
    const HARMONIC: f64 = 7.485470860550345;
    const ALTERNATING: f64 = 692647430559820.2;

    #[test]
    fn variance_far_from_zero_loses_nothing() {
        let (mut s, mut q) = (ExactSum::default(), ExactSum::default());
        for x in [1e15, 1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0] {
            s.add(x);
            q.add_square(x);
        }
        assert_eq!(s.variance(&q, 4), 1.25);
        let (mut s, mut q) = (ExactSum::default(), ExactSum::default());
        for x in [-1e-160, 1e-160] {
            s.add(x);
            q.add_square(x);
        }
        // The squares are below the smallest normal number, the exact sum holds them.
        assert!(q != ExactSum::default());
        let mut constant = (ExactSum::default(), ExactSum::default());
        for _ in 0..1000 {
            constant.0.add(f64::MAX);
            constant.1.add_square(f64::MAX);
        }
        assert_eq!(constant.0.variance(&constant.1, 1000), 0.0);
        assert!(s.variance(&q, 0).is_nan());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_whole_number_arithmetic(v in prop::collection::vec((-(1_i64 << 53)..(1_i64 << 53), 0_u32..40), 0..60)) {
            // Every number is k · 2^s · 2⁻²⁰: an i128 holds the sums exactly, the squares' too after a check.
            let xs: Vec<f64> = v.iter().map(|&(k, s)| k as f64 * (1_u64 << s) as f64 / 1_048_576.0).collect();
            let whole: i128 = v.iter().map(|&(k, s)| i128::from(k) << s).sum();
            prop_assert_eq!(sum(&xs).value(), whole as f64 / 1_048_576.0);
            let (mut q, mut squares) = (ExactSum::default(), 0_u128);
            for &(k, _) in &v {
                q.add_square(k as f64);
                squares += (k.unsigned_abs() as u128) * (k.unsigned_abs() as u128);
            }
            prop_assert_eq!(q.value(), squares as f64);
        }

        #[test]
        fn any_order_any_parts_same_bytes(
            bits in prop::collection::vec(any::<u64>(), 1..80), cut in any::<prop::sample::Index>(), turn in 0_usize..80
        ) {
            let mut v: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            let whole = serde_json::to_string(&sum(&v)).unwrap();
            let at = cut.index(v.len());
            let (mut a, b) = (sum(&v[..at]), sum(&v[at..]));
            let mut c = b.clone();
            c.merge(&a);
            a.merge(&b);
            prop_assert_eq!(serde_json::to_string(&a).unwrap(), whole.clone());
            prop_assert_eq!(serde_json::to_string(&c).unwrap(), whole.clone());
            let k = turn % v.len();
            v.rotate_left(k);
            v.reverse();
            prop_assert_eq!(serde_json::to_string(&sum(&v)).unwrap(), whole.clone());
            let back: ExactSum = serde_json::from_str(&whole).unwrap();
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), whole);
            // Taking everything away again leaves nothing.
            v.iter().for_each(|x| a.add(-x));
            prop_assert!(a == ExactSum::default());
        }
    }

    #[test]
    fn foreign_digits_are_refused() {
        for bad in [
            r#"{"at":139,"digits":[1]}"#,
            r#"{"at":18446744073709551615,"digits":[1,2]}"#,
            r#"{"at":138,"digits":[1]}"#,
        ] {
            assert!(serde_json::from_str::<ExactSum>(bad).is_err(), "{bad}");
        }
    }
}
