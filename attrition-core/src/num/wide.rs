//! Loops compiled twice on x86-64: for every processor, and for those with AVX2 (and BMI1 and POPCNT, which all of them have).
//!
//! The wider instructions do the same operations on more values at once. Nothing is reordered and nothing contracted (no
//! fused multiply-add), so that both forms give the same bits; the choice is a matter of pace alone. This is the one file
//! of the library that holds `unsafe`, and what it asserts is what it asks the processor a line before.

/// Define functions that are compiled for every x86-64 processor and once more for AVX2; a call takes the form that the
/// processor has. Their bodies are ordinary safe code; helpers that they call are widened with them where these are
/// `#[inline(always)]`.
macro_rules! wide {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn plain($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,popcnt")]
                fn avx2($($arg: $type),*) $(-> $ret)? {
                    plain($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("popcnt") {
                    // SAFETY: `avx2` is safe code; the one condition of its call is that the processor has these.
                    #[allow(unsafe_code)]
                    return unsafe { avx2($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    )*};
}
pub(crate) use wide;

#[cfg(test)]
mod tests {
    wide! {
        fn dot(a: &[f64], b: &[f64]) -> f64 {
            a.iter().zip(b).map(|(a, b)| a * b).sum()
        }
    }

    #[test]
    fn sums_keep_their_order() {
        let a: Vec<f64> = (0..1000).map(|i| 1.0 / f64::from(i + 1)).collect();
        let b: Vec<f64> = (0..1000).map(|i| f64::from(i).sqrt() * 1e3).collect();
        let mut sum = 0.0;
        for i in 0..1000 {
            sum += a[i] * b[i];
        }
        assert_eq!(dot(&a, &b), sum);
    }
}
