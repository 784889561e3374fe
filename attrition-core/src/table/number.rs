//! Numbers as text.
//!
//! Plain decimal numbers, which is nearly all of a file, are read by a short way that is exact or says that it is in
//! doubt; the standard library's parser reads the others. Either way a float is the nearest one.

/// A field of the form of a whole number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Whole {
    Fits(i64),
    /// Beyond `i64`.
    Beyond,
}

/// A whole number; none with a leading zero, which makes it a name (`007`, a postcode).
pub(crate) fn whole_of(field: &str) -> Option<Whole> {
    let (negative, digits) = signed(field.as_bytes());
    match digits {
        [] | [b'0', _, ..] => return None,
        _ => {}
    }
    let (magnitude, rest) = read_digits(digits, 0);
    if !rest.is_empty() {
        return None;
    }
    // -2^63 fits, 2^63 does not.
    let value = if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    Some(match value {
        Some(i) if digits.len() <= 19 => Whole::Fits(i),
        _ => Whole::Beyond,
    })
}

/// A decimal number or an infinity, rounded to the nearest `f64`; none with a leading zero.
pub(crate) fn float_of(field: &str) -> Option<f64> {
    let (negative, unsigned) = signed(field.as_bytes());
    let x = match plain(unsigned) {
        Some(x) => f64::from_bits(x.to_bits() | u64::from(negative) << 63),
        None => {
            let numeric = match unsigned {
                [b'0', next, ..] => !next.is_ascii_digit(),
                [b'0'..=b'9' | b'.', ..] => true,
                // `parse` would take "nan" too: whether that is missing or a word is for the missing tokens to say.
                [b'i' | b'I', ..] => true,
                _ => false,
            };
            if numeric { field.parse().ok()? } else { return None }
        }
    };
    // A whole number has no negative zero, in whichever column it stands.
    if x == 0.0 && unsigned == b"0" { Some(0.0) } else { Some(x) }
}

/// Whether there is a minus, and what follows the sign. No branch: in many a column every other number has a sign.
fn signed(field: &[u8]) -> (bool, &[u8]) {
    let first = field.first().copied().unwrap_or_default();
    let sign = (first == b'-') | (first == b'+');
    (first == b'-', field.get(usize::from(sign)..).unwrap_or_default())
}

/// The number `before` followed by the digits that stand first, and what stands after them. It is right while there
/// are at most 19 digits.
fn read_digits(mut bytes: &[u8], before: u64) -> (u64, &[u8]) {
    let mut number = before;
    while let Some((eight, rest)) = bytes.split_first_chunk() {
        let Some(n) = eight_digits(*eight) else { break };
        number = number.wrapping_mul(100_000_000).wrapping_add(n);
        bytes = rest;
    }
    while let [digit @ b'0'..=b'9', rest @ ..] = bytes {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        bytes = rest;
    }
    (number, bytes)
}

/// The number of eight digits, all eight at once: pairs become numbers of two digits, those numbers of four.
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    let v = u64::from_le_bytes(bytes);
    // A digit is 0x30 to 0x39: it has the high half 3, and has it still with 6 added.
    if v & HIGH != 0x3030_3030_3030_3030 || v.wrapping_add(0x0606_0606_0606_0606) & HIGH != 0x3030_3030_3030_3030 {
        return None;
    }
    let v = (v & 0x0F0F_0F0F_0F0F_0F0F).wrapping_mul(10 << 8 | 1) >> 8;
    let v = (v & 0x00FF_00FF_00FF_00FF).wrapping_mul(100 << 16 | 1) >> 16;
    Some((v & 0x0000_FFFF_0000_FFFF).wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// A number of digits and perhaps a point, 19 digits at most, where it is certain how it rounds.
fn plain(unsigned: &[u8]) -> Option<f64> {
    let (mut number, mut rest) = read_digits(unsigned, 0);
    let whole = unsigned.len() - rest.len();
    let mut decimals = 0;
    if let [b'.', fraction @ ..] = rest {
        (number, rest) = read_digits(fraction, number);
        decimals = fraction.len() - rest.len();
    }
    // A zero before the point is no digit that counts; before another digit it makes a name.
    let zero = usize::from(unsigned.first() == Some(&b'0'));
    let digits = whole + decimals;
    let fits = (digits > 0) & (digits - zero.min(digits) <= 19) & (whole <= 1 || zero == 0);
    (rest.is_empty() & fits).then(|| quotient(number, decimals)).flatten()
}

/// 10^0 to 10^19.
const TENS: [u64; 20] = {
    let mut tens = [1; 20];
    let mut q = 1;
    while q < tens.len() {
        tens[q] = tens[q - 1] * 10;
        q += 1;
    }
    tens
};

/// `floor(2^(63 + b) / 10^q)`, where `b` is the number of bits of 10^q: from 2^63 to 2^64.
const INVERSES: [u64; 20] = {
    let mut inverses = [0; 20];
    let mut q = 1;
    while q < inverses.len() {
        inverses[q] = ((1u128 << (63 + TENS[q].ilog2() + 1)) / TENS[q] as u128) as u64;
        q += 1;
    }
    inverses
};

/// `number / 10^decimals`, rounded to the nearest float; none where that is in doubt.
fn quotient(number: u64, decimals: usize) -> Option<f64> {
    let ten = *TENS.get(decimals)?;
    if decimals == 0 || number == 0 {
        return Some(number as f64);
    }
    // Multiplied by an inverse that is too small by less than 1, the number shifted up to 64 bits is too small by
    // less than 2^64: the true quotient, times 2^down, lies between `high` and `high + 2`. Rounding never changes an
    // order; where both round to one float, so does the quotient.
    let up = number.leading_zeros();
    let product = u128::from(number << up) * u128::from(*INVERSES.get(decimals)?);
    let high = (product >> 65) as i64;
    let (low, top) = (high as f64, (high + 2) as f64);
    if low == top {
        let down = ten.ilog2() + up - 1;
        // 2^-down, as its bits.
        return Some(low * f64::from_bits(u64::from(1023 - down) << 52));
    }
    // Near the middle of two floats, or at a float. Of two numbers that are floats without rounding (5^19 < 2^53) a
    // division gives the nearest.
    (number < 1 << 53).then(|| number as f64 / ten as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(text: &str) -> Result<(), TestCaseError> {
        prop_assert_eq!(float_of(text).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{}", text);
        Ok(())
    }

    #[test]
    fn numbers_between_two_floats_round_as_the_standard_library_rounds_them() {
        for text in [
            "9007199254740992.5",
            "9007199254740993",
            "9007199254740993.0",
            "9007199254740993.1",
            "900719925474099.35",
            "9007199254740992999",
            "9223372036854775807",
            "9999999999999999999",
            "0.9999999999999999999",
            "0.0000000000000000001",
            "1844674407370955161.5",
            "0.5000000000000000277",
            "4503599627370497.5",
            "4503599627370496.5",
            "-0.0",
            "-.0",
            "5.",
            ".5",
            "1.7976931348623157",
            "0.1",
            "12345678.12345678",
        ] {
            same(text).unwrap();
        }
        for text in
            ["", ".", "+", "-", "-.", "+-1", "1..2", "1.2.3", "12345678x", "1234567/", "1234567:", "0x10", "1,5"]
        {
            assert_eq!(float_of(text), None, "{text}");
        }
        assert_eq!(float_of("-0").map(f64::to_bits), Some(0));
        assert_eq!(whole_of("18446744073709551615"), Some(Whole::Beyond));
        assert_eq!(whole_of("18446744073709551617"), Some(Whole::Beyond));
        assert_eq!(whole_of("-9223372036854775809"), Some(Whole::Beyond));
    }

    /// The short way is not always in doubt.
    #[test]
    fn most_numbers_go_the_short_way() {
        let mut rng = crate::Seed(1).stream("numbers", 0);
        let doubtful =
            (0..10_000).filter(|_| plain(format!("{:?}", rng.uniform() + 0.01).as_bytes()).is_none()).count();
        assert!(doubtful < 50, "{doubtful}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whole_numbers_read_as_the_standard_library_reads_them(i in any::<i64>(), wide in any::<i128>(), near in 0u64..3000) {
            prop_assert_eq!(whole_of(&i.to_string()), Some(Whole::Fits(i)));
            for wide in [wide, wide >> 60, i128::from(i64::MAX) + 1500 - i128::from(near), i128::from(u64::MAX) + 1500 - i128::from(near)] {
                for wide in [wide, -wide] {
                    let want = i64::try_from(wide).map_or(Whole::Beyond, Whole::Fits);
                    prop_assert_eq!(whole_of(&wide.to_string()), Some(want));
                }
            }
        }

        #[test]
        fn floats_read_as_the_standard_library_reads_them(
            x in any::<f64>(), digits in "[0-9]{1,25}\\.[0-9]{1,25}", short in "[-+]?(0|[1-9][0-9]{0,9})\\.[0-9]{0,19}", unit in 0.0f64..1.0,
        ) {
            if x.is_finite() {
                same(&format!("{x:?}"))?;
                same(&format!("{x:e}"))?;
            }
            for x in [unit, unit * 100.0, unit * 1e-3, unit * 1e15, (unit * 1e5).round() / 1e3] {
                same(&format!("{x}"))?;
                same(&format!("{x:.18}"))?;
                same(&format!("-{x:.17}"))?;
            }
            same(&short)?;
            let plain = digits.trim_start_matches('0');
            prop_assert_eq!(float_of(plain), plain.parse().ok());
        }

        /// Just above, on and just below the middle between two floats.
        #[test]
        fn middles_round_as_the_standard_library_rounds_them(m in (1u64 << 52)..(1 << 53), decimals in 0usize..4, off in 0u64..3) {
            // (m + 1/2) · 10^decimals / 2^decimals / 5^decimals, written with its decimals.
            let twice = u128::from(2 * m + 1) * 10u128.pow(decimals as u32 + 1) / 2 + u128::from(off) - 1;
            let (whole, fraction) = (twice / 10u128.pow(decimals as u32 + 1), twice % 10u128.pow(decimals as u32 + 1));
            same(&format!("{whole}.{fraction:0width$}", width = decimals + 1))?;
        }
    }
}
