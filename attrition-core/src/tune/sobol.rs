//! Scrambled Sobol points.
//!
//! `sobol.txt` has one line a dimension: the primitive polynomial over GF(2) as a number whose bits are its coefficients, and the
//! initial direction numbers. They are those of Joe and Kuo (`new-joe-kuo-6`), as SciPy carries them. Dimensions beyond the table are
//! drawn independently.
//!
//! # Reference
//! Joe, Kuo: Constructing Sobol sequences with better two-dimensional projections. SIAM J. Sci. Comput. 30 (2008),
//! <https://doi.org/10.1137/070709359>. Scrambling: Owen: Randomly permuted (t,m,s)-nets and (t,s)-sequences, 1995,
//! <https://doi.org/10.1007/978-1-4612-2552-2_19>, by hashing as in Burley: Practical hash-based Owen scrambling. JCGT 9(4), 2020.

use std::sync::OnceLock;

use crate::Seed;

const BITS: usize = 32;

/// By dimension, the direction numbers.
fn directions() -> &'static [[u32; BITS]] {
    static TABLE: OnceLock<Vec<[u32; BITS]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let numbers = |line: &str| line.split(' ').filter_map(|n| n.parse::<u32>().ok()).collect::<Vec<u32>>();
        include_str!("sobol.txt").lines().filter_map(|line| dimension(&numbers(line))).collect()
    })
}

fn dimension(line: &[u32]) -> Option<[u32; BITS]> {
    let (&polynomial, initial) = line.split_first()?;
    let degree = initial.len();
    let mut v = [0u32; BITS];
    for k in 0..BITS {
        v[k] = match initial.get(k) {
            Some(m) => m << (BITS - 1 - k),
            // The first dimension has no polynomial: its numbers are the powers of two.
            None if degree == 0 => 1 << (BITS - 1 - k),
            None => {
                let mut next = v[k - degree] ^ (v[k - degree] >> degree);
                for i in 1..degree {
                    if (polynomial >> (degree - i)) & 1 == 1 {
                        next ^= v[k - i];
                    }
                }
                next
            }
        };
    }
    Some(v)
}

/// A permutation of the binary tree of `x`'s leading bits, by a seed (Laine and Karras, with Burley's reversal).
fn scramble(x: u32, seed: u32) -> u32 {
    let mut x = x.reverse_bits();
    x = x.wrapping_add(seed);
    x ^= x.wrapping_mul(0x6c50_b47c);
    x ^= x.wrapping_mul(0xb82f_1e52);
    x ^= x.wrapping_mul(0xc7af_e638);
    x ^= x.wrapping_mul(0x8d22_f6e6);
    x.reverse_bits()
}

/// Point `index` of the sequence of this seed, `n` coordinates in [0, 1).
pub(super) fn point(seed: Seed, index: u32, n: usize) -> Vec<f64> {
    let table = directions();
    let mut rng = seed.stream("sobol", 0);
    let mut beyond = seed.stream("sobol beyond", u64::from(index));
    (0..n)
        .map(|d| {
            let key = (rng.next_u64() >> 32) as u32;
            match table.get(d) {
                Some(v) => {
                    let x = (0..BITS).filter(|b| (index >> b) & 1 == 1).fold(0, |x, b| x ^ v[b]);
                    // The middle of the cell, so that 0 does not stand out.
                    (f64::from(scramble(x, key)) + 0.5) / 4_294_967_296.0
                }
                None => beyond.uniform(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unscrambled_points_are_scipys() {
        // scipy.stats.qmc.Sobol(5, scramble=False).random(8)[5], SciPy 1.17: Gray code order, so the point of index 5 ^ 2 = 7.
        let x: Vec<f64> = directions()[..5]
            .iter()
            .map(|v| f64::from((0..BITS).filter(|b| (7u32 >> b) & 1 == 1).fold(0, |x, b| x ^ v[b])) / 4_294_967_296.0)
            .collect();
        assert_eq!(x, SCIPY);
    }
    const SCIPY: [f64; 5] = [0.875, 0.875, 0.125, 0.375, 0.875];

    #[test]
    fn scrambled_points_keep_one_point_a_cell() {
        // Every power of two of points has exactly one in each of as many intervals, in every dimension of the table.
        for n in [8u32, 64] {
            for d in 0..directions().len() {
                let mut seen = vec![0; n as usize];
                for i in 0..n {
                    let x = point(Seed(3), i, d + 1)[d];
                    seen[(x * f64::from(n)) as usize] += 1;
                }
                assert!(seen.iter().all(|&c| c == 1), "dimension {d}: {seen:?}");
            }
        }
        let a = point(Seed(0), 5, 300);
        assert!(a.len() == 300 && a.iter().all(|u| (0.0..1.0).contains(u)));
        assert_eq!(a, point(Seed(0), 5, 300));
        assert_ne!(a, point(Seed(1), 5, 300));
    }
}
