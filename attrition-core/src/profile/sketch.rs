//! How a column's numbers are spread, in bounded memory and independent of their order.
//!
//! Notation: a finite number's *key* is its bits mapped to an unsigned integer in the numbers' order; numbers whose
//! keys agree after a right shift by `shift` share a bucket. At shift 0 every bucket is one number; at shift 52 − k
//! every power of two is cut into 2ᵏ buckets.
//!
//! The shift is a function of the set of numbers alone: 0 while there are at most [`MAX_EXACT`] different ones,
//! otherwise the smallest of 42 … 63 that leaves at most [`MAX_BUCKETS`] buckets. A part has no larger shift than the
//! whole, and buckets nest; so merging parts in any order gives what one pass over the whole gives.

/// Different numbers up to which each is counted by itself.
pub const MAX_EXACT: usize = 256;
/// The most buckets beyond that.
pub const MAX_BUCKETS: usize = 1024;
/// The finest bucket: 1/1024 of a power of two.
const FINEST: u32 = 42;
const COARSEST: u32 = 63;

/// Counts of numbers in buckets of the numbers' own bits.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "Packed", try_from = "Packed")]
pub struct Sketch {
    shift: u32,
    /// Key and count, keys rising, counts above 0.
    buckets: Vec<(u64, u64)>,
}

/// One bucket: the smallest and the largest number that fall into it, and how many did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The smallest number of the bucket.
    pub low: f64,
    /// The largest number of the bucket.
    pub high: f64,
    /// How many numbers fell into it.
    pub count: u64,
}

/// A quantile and the bounds of the bucket it fell into.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Quantile {
    /// The estimate: the number itself where the bucket is one number, else by rank between the bounds.
    pub value: f64,
    /// No smaller than this.
    pub low: f64,
    /// No larger than this.
    pub high: f64,
}

/// The key of a finite number; −0 is 0.
fn key(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn number(key: u64) -> f64 {
    let x = f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key });
    // The coarsest buckets reach past the finite numbers.
    if x.is_nan() { f64::MAX.copysign(x) } else { x.clamp(f64::MIN, f64::MAX) }
}

impl Sketch {
    /// Adds finite numbers; the buffer is used up.
    pub(super) fn add(&mut self, numbers: &mut Vec<f64>, keys: &mut Vec<u64>) {
        keys.clear();
        keys.extend(numbers.drain(..).map(|x| key(x) >> self.shift));
        keys.sort_unstable();
        let mut part: Vec<(u64, u64)> = Vec::new();
        for &k in keys.iter() {
            match part.last_mut() {
                Some((last, count)) if *last == k => *count += 1,
                _ => part.push((k, 1)),
            }
        }
        self.union(&part);
    }

    /// Adds another sketch.
    pub(super) fn merge(&mut self, other: &Sketch) {
        let shift = self.shift.max(other.shift);
        self.coarsen(shift);
        let mut other = other.clone();
        other.coarsen(shift);
        self.union(&other.buckets);
    }

    /// Adds buckets of the same shift, and restores the limit.
    fn union(&mut self, part: &[(u64, u64)]) {
        let mut joined = Vec::with_capacity(self.buckets.len() + part.len());
        let (mut a, mut b) = (self.buckets.iter().peekable(), part.iter().peekable());
        while let (Some(&&(i, m)), Some(&&(j, n))) = (a.peek(), b.peek()) {
            joined.push((i.min(j), if i <= j { m } else { 0 } + if j <= i { n } else { 0 }));
            if i <= j {
                a.next();
            }
            if j <= i {
                b.next();
            }
        }
        joined.extend(a.chain(b));
        self.buckets = joined;
        if self.shift == 0 && self.buckets.len() > MAX_EXACT {
            self.coarsen(FINEST);
        }
        while self.shift >= FINEST && self.shift < COARSEST && self.buckets.len() > MAX_BUCKETS {
            self.coarsen(self.shift + 1);
        }
    }

    fn coarsen(&mut self, shift: u32) {
        let by = shift - self.shift;
        if by == 0 {
            return;
        }
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.buckets.len());
        for (k, n) in &self.buckets {
            match joined.last_mut() {
                Some((last, count)) if *last == k >> by => *count += n,
                _ => joined.push((k >> by, *n)),
            }
        }
        (self.buckets, self.shift) = (joined, shift);
    }

    /// How many numbers were added.
    pub fn n(&self) -> u64 {
        self.buckets.iter().map(|b| b.1).sum()
    }

    /// Whether every bucket is one number.
    pub fn is_exact(&self) -> bool {
        self.shift == 0
    }

    /// The buckets that hold something, rising.
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = Bucket> + '_ {
        self.buckets.iter().map(|&(k, count)| {
            let first = k << self.shift;
            Bucket { low: number(first), high: number(first | ((1 << self.shift) - 1)), count }
        })
    }

    /// The largest share of all numbers in one bucket of more than one number: no rank read from the sketch is
    /// further off than this. 0 for an exact or empty sketch.
    pub fn error(&self) -> f64 {
        let largest = self.buckets.iter().map(|b| b.1).max().unwrap_or(0);
        if self.is_exact() { 0.0 } else { largest as f64 / self.n() as f64 }
    }

    /// The smallest number with at least a share `q` of all numbers at or below it (q = 0: the smallest number);
    /// `None` when empty or for `q` outside `[0, 1]`.
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        // Counts from 1; a product that rounding lifted over a whole number may name the next one.
        let rank = ((q * self.n() as f64).ceil() as u64).max(1);
        let mut below = 0;
        for Bucket { low, high, count } in self.buckets() {
            if below + count >= rank {
                let within = (rank - below) as f64 / (count as f64 + 1.0);
                let value = if low == high { low } else { (low * (1.0 - within) + high * within).clamp(low, high) };
                return Some(Quantile { value, low, high });
            }
            below += count;
        }
        None
    }
}

/// The serialised form: while exact, values and their counts; otherwise the first bucket's key and then the counts of
/// it and those after it, where a negative number stands for that many empty buckets.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Packed {
    Exact { values: Vec<f64>, counts: Vec<u64> },
    Bits { shift: u32, first: u64, counts: Vec<i64> },
}

impl From<Sketch> for Packed {
    fn from(sketch: Sketch) -> Packed {
        if sketch.is_exact() {
            let (values, counts) = sketch.buckets.iter().map(|&(k, n)| (number(k), n)).unzip();
            return Packed::Exact { values, counts };
        }
        let first = sketch.buckets.first().map_or(0, |b| b.0);
        let (mut counts, mut next) = (Vec::with_capacity(sketch.buckets.len()), first);
        for &(k, n) in &sketch.buckets {
            if k > next {
                counts.push(-((k - next) as i64));
            }
            counts.push(n as i64);
            next = k + 1;
        }
        Packed::Bits { shift: sketch.shift, first, counts }
    }
}

impl TryFrom<Packed> for Sketch {
    type Error = String;
    fn try_from(packed: Packed) -> Result<Sketch, String> {
        let sketch = match packed {
            Packed::Exact { values, counts } => {
                if values.len() != counts.len() || values.len() > MAX_EXACT || values.iter().any(|v| !v.is_finite()) {
                    return Err("a sketch whose values and counts do not match".into());
                }
                Sketch { shift: 0, buckets: values.iter().map(|&v| key(v)).zip(counts).collect() }
            }
            Packed::Bits { shift, first, counts } => {
                if !(FINEST..=COARSEST).contains(&shift) || counts.len() > 2 * MAX_BUCKETS {
                    return Err("a sketch with a shift or a size outside its range".into());
                }
                let (mut buckets, mut next) = (Vec::with_capacity(counts.len()), first);
                for c in counts {
                    if c > 0 {
                        buckets.push((next, c as u64));
                    }
                    let step = if c > 0 { 1 } else { c.unsigned_abs() };
                    next = next.checked_add(step).ok_or("a sketch past the last bucket")?;
                }
                if buckets.last().is_some_and(|b| b.0 > u64::MAX >> shift) {
                    return Err("a sketch past the last bucket".into());
                }
                Sketch { shift, buckets }
            }
        };
        let rising = sketch.buckets.windows(2).all(|w| w[0].0 < w[1].0);
        let total = sketch.buckets.iter().try_fold(0_u64, |sum, b| sum.checked_add(b.1));
        if !rising || total.is_none() || sketch.buckets.iter().any(|b| b.1 == 0) {
            return Err("a sketch with buckets out of order, empty, or past counting".into());
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_numbers_order_and_turn_back() {
        let v = [f64::MIN, -1.5, -5e-324, 0.0, 5e-324, 1.0, 1.5, f64::MAX];
        assert!(v.windows(2).all(|w| key(w[0]) < key(w[1])));
        assert!(v.iter().all(|&x| number(key(x)) == x));
        assert_eq!(key(-0.0), key(0.0));
        assert!(number(0).is_finite() && number(u64::MAX).is_finite());
    }

    #[test]
    fn a_quantile_lies_in_its_bounds_and_the_error_holds() {
        let mut numbers: Vec<f64> = (0..100_000).map(|i| f64::from((i * 7919) % 100_003) * 0.37 - 9_000.0).collect();
        let mut sorted = numbers.clone();
        sorted.sort_by(f64::total_cmp);
        let mut s = Sketch::default();
        s.add(&mut numbers, &mut Vec::new());
        assert!(!s.is_exact() && s.n() == 100_000 && s.buckets().len() <= MAX_BUCKETS);
        for i in 0..=100 {
            let q = f64::from(i) / 100.0;
            let want = sorted[((q * 1e5).ceil() as usize).max(1) - 1];
            let got = s.quantile(q).unwrap();
            assert!(
                (got.low..=got.high).contains(&want) && (got.low..=got.high).contains(&got.value),
                "{q}: {got:?}, {want}"
            );
            let rank = sorted.partition_point(|&x| x <= got.value) as f64 / 1e5;
            assert!((rank - q).abs() <= s.error() + 1e-5, "{q}: {rank}");
        }
        assert!(s.error() < 0.02, "{}", s.error());
        assert!(
            s.quantile(1.1).is_none() && s.quantile(f64::NAN).is_none() && Sketch::default().quantile(0.5).is_none()
        );
    }

    #[test]
    fn few_values_are_exact() {
        let mut s = Sketch::default();
        s.add(&mut (0..5_000).map(|i| f64::from(i % 256) - 3.0).collect(), &mut Vec::new());
        assert!(s.is_exact() && s.error() == 0.0);
        let q = s.quantile(0.5).unwrap();
        assert!(q.low == q.high && q.value == q.low);
        assert_eq!(s.quantile(0.0).unwrap().value, -3.0);
        assert_eq!(s.quantile(1.0).unwrap().value, 252.0);
    }

    #[test]
    fn the_whole_range_of_numbers_fits() {
        let mut s = Sketch::default();
        let spread =
            (0..60_000_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9E37_79B9_7F4A_7C15))).filter(|x| x.is_finite());
        s.add(&mut spread.collect(), &mut Vec::new());
        assert!(s.buckets().len() <= MAX_BUCKETS);
        assert!(s.buckets().all(|b| b.low.is_finite() && b.high.is_finite() && b.low <= b.high));
        let back: Sketch = serde_json::from_str(&serde_json::to_string(&s).unwrap()).unwrap();
        assert_eq!(back, s);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        for bad in [
            r#"{"exact":{"values":[1,1],"counts":[1,1]}}"#,
            r#"{"exact":{"values":[1],"counts":[1,1]}}"#,
            r#"{"exact":{"values":[1],"counts":[0]}}"#,
            r#"{"bits":{"shift":41,"first":0,"counts":[1]}}"#,
            r#"{"bits":{"shift":64,"first":0,"counts":[1]}}"#,
            r#"{"bits":{"shift":50,"first":18446744073709551615,"counts":[1]}}"#,
            r#"{"bits":{"shift":50,"first":99999999,"counts":[1]}}"#,
            r#"{"bits":{"shift":50,"first":0,"counts":[9223372036854775807,9223372036854775807,9223372036854775807]}}"#,
        ] {
            assert!(serde_json::from_str::<Sketch>(bad).is_err(), "{bad}");
        }
    }
}
