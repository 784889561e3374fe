//! Arrow record batches to tables and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::{Buffer, Column, MISSING_CODE, Mask, Table, Values};
use crate::error::Place;
use crate::{Error, Result};

/// Arrow's buffer, lent to a column.
struct Lent(ScalarBuffer<f64>);

impl AsRef<[f64]> for Lent {
    fn as_ref(&self) -> &[f64] {
        &self.0
    }
}

impl Table {
    /// A table of Arrow record batches, one after the other. A single batch's `Float64` columns without nulls are
    /// shared, all else is copied.
    ///
    /// | Arrow | becomes |
    /// |---|---|
    /// | Float16, Float32, Float64 | float; null and NaN are missing |
    /// | Int8 … Int64, UInt8 … UInt32 | int |
    /// | UInt64 | int; float if a value is beyond `i64` and all are exact as floats, else an error |
    /// | Decimal | float, the nearest |
    /// | Boolean | bool |
    /// | Utf8, LargeUtf8, Utf8View | string |
    /// | Timestamp of any unit and zone, Date32, Date64 | time: UTC, whole microseconds (rounded down) |
    /// | Dictionary | as its values |
    /// | Null | float, all missing |
    ///
    /// # Errors
    /// [`Error::InvalidData`] naming the column (and row) for a type or value that has no place in a table, and when a
    /// batch does not have the schema's columns.
    pub fn from_record_batches(schema: &Schema, batches: &[RecordBatch]) -> Result<Table> {
        for batch in batches {
            let same = batch.num_columns() == schema.fields().len()
                && batch
                    .schema()
                    .fields()
                    .iter()
                    .zip(schema.fields())
                    .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
            if !same {
                return Err(Error::data(
                    Place::none(),
                    "record batches of different schemas",
                    "one schema",
                    "give all batches the same columns in the same order",
                ));
            }
        }
        let columns = schema.fields().iter().enumerate().map(|(i, field)| {
            let chunks: Vec<ArrayRef> = batches.iter().map(|b| Arc::clone(b.column(i))).collect();
            column(field.name(), field.data_type(), &chunks)
        });
        Table::new(columns.collect::<Result<_>>()?)
    }

    /// The table as one record batch: Float64, Int64, Boolean, Timestamp (µs, UTC) and Dictionary (Int32 → Utf8) columns;
    /// what is missing is null.
    ///
    /// # Errors
    /// [`Error::Internal`] when Arrow refuses the columns; [`Error::Unsupported`] for more than 2³¹ − 1 strings in one
    /// vocabulary.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let mut fields = Vec::with_capacity(self.n_columns());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.n_columns());
        for c in self.columns() {
            let nulls = || {
                let flags: Vec<bool> = (0..c.len()).map(|row| !c.is_missing(row)).collect();
                Some(NullBuffer::from(flags)).filter(|n| n.null_count() > 0)
            };
            let array: ArrayRef = match c.values() {
                Values::Float(v) => Arc::new(Float64Array::new(v.to_vec().into(), nulls())),
                Values::Int(v, _) => Arc::new(Int64Array::new(v.to_vec().into(), nulls())),
                Values::Bool(v, _) => Arc::new(BooleanArray::new(v.to_vec().into(), nulls())),
                Values::Time(v, _) => {
                    Arc::new(TimestampMicrosecondArray::new(v.to_vec().into(), nulls()).with_timezone("UTC"))
                }
                Values::Codes(v, words) => {
                    if i32::try_from(words.len()).is_err() {
                        return Err(Error::Unsupported {
                            what: format!("column `{}` as an Arrow dictionary", c.name()),
                            why: "it has more than 2147483647 different strings".into(),
                            hint: "leave it out".into(),
                        });
                    }
                    let keys: Vec<i32> = v.iter().map(|&k| if k == MISSING_CODE { 0 } else { k as i32 }).collect();
                    let words = Arc::new(StringArray::from_iter_values(words.iter()));
                    let keys = Int32Array::new(keys.into(), nulls());
                    Arc::new(DictionaryArray::<Int32Type>::try_new(keys, words).map_err(refused)?)
                }
            };
            fields.push(Field::new(c.name(), array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.n_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(refused)
    }
}

fn refused(e: arrow_schema::ArrowError) -> Error {
    Error::Internal(format!("Arrow refused a table's own columns: {e}"))
}

fn column(name: &str, kind: &DataType, chunks: &[ArrayRef]) -> Result<Column> {
    use DataType as D;
    match kind {
        D::Float64 => {
            if let [one] = chunks
                && one.null_count() == 0
                && let Some(array) = one.as_primitive_opt::<Float64Type>()
            {
                return Column::new(name, Values::Float(Buffer::Shared(Arc::new(Lent(array.values().clone())))));
            }
            Ok(floats::<Float64Type>(name, chunks, |x| x))
        }
        D::Float32 => Ok(floats::<Float32Type>(name, chunks, f64::from)),
        D::Float16 => Ok(floats::<Float16Type>(name, chunks, |x| x.to_f64())),
        D::Int8 => ints::<Int8Type>(name, chunks, |x| Some(x.into()), Values::Int),
        D::Int16 => ints::<Int16Type>(name, chunks, |x| Some(x.into()), Values::Int),
        D::Int32 => ints::<Int32Type>(name, chunks, |x| Some(x.into()), Values::Int),
        D::Int64 => ints::<Int64Type>(name, chunks, Some, Values::Int),
        D::UInt8 => ints::<UInt8Type>(name, chunks, |x| Some(x.into()), Values::Int),
        D::UInt16 => ints::<UInt16Type>(name, chunks, |x| Some(x.into()), Values::Int),
        D::UInt32 => ints::<UInt32Type>(name, chunks, |x| Some(x.into()), Values::Int),
        D::UInt64 => {
            let all = || values::<UInt64Type>(chunks).flatten();
            let exact = |x: u64| x == 0 || x.leading_zeros() + x.trailing_zeros() >= 11;
            if all().any(|x| i64::try_from(x).is_err()) && all().all(exact) {
                return Ok(floats::<UInt64Type>(name, chunks, |x| x as f64));
            }
            ints::<UInt64Type>(name, chunks, |x| i64::try_from(x).ok(), Values::Int)
        }
        D::Timestamp(TimeUnit::Second, _) => {
            ints::<TimestampSecondType>(name, chunks, |x| x.checked_mul(1_000_000), Values::Time)
        }
        D::Timestamp(TimeUnit::Millisecond, _) => {
            ints::<TimestampMillisecondType>(name, chunks, |x| x.checked_mul(1_000), Values::Time)
        }
        D::Timestamp(TimeUnit::Microsecond, _) => ints::<TimestampMicrosecondType>(name, chunks, Some, Values::Time),
        D::Timestamp(TimeUnit::Nanosecond, _) => {
            ints::<TimestampNanosecondType>(name, chunks, |x| Some(x.div_euclid(1_000)), Values::Time)
        }
        D::Date32 => ints::<Date32Type>(name, chunks, |x| Some(i64::from(x) * 86_400_000_000), Values::Time),
        D::Date64 => ints::<Date64Type>(name, chunks, |x| x.checked_mul(1_000), Values::Time),
        D::Decimal32(..) => Ok(decimals::<Decimal32Type>(name, chunks)),
        D::Decimal64(..) => Ok(decimals::<Decimal64Type>(name, chunks)),
        D::Decimal128(..) => Ok(decimals::<Decimal128Type>(name, chunks)),
        D::Decimal256(..) => Ok(decimals::<Decimal256Type>(name, chunks)),
        D::Boolean => {
            let all: Vec<Option<bool>> = chunks.iter().filter_map(|c| c.as_boolean_opt()).flatten().collect();
            let mask = Mask::from_missing(all.iter().map(Option::is_none));
            let all: Vec<bool> = all.into_iter().map(Option::unwrap_or_default).collect();
            Column::new(name, Values::Bool(all.into(), mask))
        }
        D::Utf8 => Ok(Column::strings(name, chunks.iter().filter_map(|c| c.as_string_opt::<i32>()).flatten())),
        D::LargeUtf8 => Ok(Column::strings(name, chunks.iter().filter_map(|c| c.as_string_opt::<i64>()).flatten())),
        D::Utf8View => Ok(Column::strings(name, chunks.iter().filter_map(|c| c.as_string_view_opt()).flatten())),
        D::Null => Ok(Column::float(name, vec![f64::NAN; chunks.iter().map(|c| c.len()).sum()])),
        D::Dictionary(_, kind) => dictionary(name, kind, chunks),
        other => Err(Error::data(
            Place::column(name),
            format!("the Arrow type {other}"),
            "numbers, truth values, strings, dates or times",
            "leave the column out, or give each nested value a column of its own",
        )),
    }
}

fn values<T: ArrowPrimitiveType>(chunks: &[ArrayRef]) -> impl Iterator<Item = Option<T::Native>> {
    chunks.iter().filter_map(|c| c.as_primitive_opt::<T>()).flat_map(|a| a.iter())
}

fn floats<T: ArrowPrimitiveType>(name: &str, chunks: &[ArrayRef], f: impl Fn(T::Native) -> f64) -> Column {
    Column::float(name, values::<T>(chunks).map(|x| x.map_or(f64::NAN, &f)).collect())
}

fn decimals<T: DecimalType>(name: &str, chunks: &[ArrayRef]) -> Column {
    let texts = chunks.iter().filter_map(|c| c.as_primitive_opt::<T>()).flat_map(|a| {
        (0..a.len()).map(|i| if a.is_null(i) { f64::NAN } else { a.value_as_string(i).parse().unwrap_or(f64::NAN) })
    });
    Column::float(name, texts.collect())
}

fn ints<T: ArrowPrimitiveType>(
    name: &str,
    chunks: &[ArrayRef],
    f: impl Fn(T::Native) -> Option<i64>,
    wrap: impl Fn(Buffer<i64>, Option<Mask>) -> Values,
) -> Result<Column> {
    let mut out = Vec::with_capacity(chunks.iter().map(|c| c.len()).sum());
    for (row, x) in values::<T>(chunks).enumerate() {
        out.push(match x {
            None => 0,
            Some(x) => f(x).ok_or_else(|| {
                Error::data(
                    Place::cell(row, name),
                    format!("{x:?} of the Arrow type {}", T::DATA_TYPE),
                    "a value that fits 64 bits",
                    "convert the column to strings or floats first",
                )
            })?,
        });
    }
    let any_null = chunks.iter().any(|c| c.null_count() > 0);
    let missing: Vec<bool> = if any_null { values::<T>(chunks).map(|x| x.is_none()).collect() } else { Vec::new() };
    let mask = if any_null { Mask::from_missing(missing.into_iter()) } else { None };
    Column::new(name, wrap(out.into(), mask))
}

/// Every chunk has a dictionary of its own.
fn dictionary(name: &str, kind: &DataType, chunks: &[ArrayRef]) -> Result<Column> {
    let mut distinct: Vec<ArrayRef> = Vec::with_capacity(chunks.len());
    let mut rows: Vec<usize> = Vec::with_capacity(chunks.iter().map(|c| c.len()).sum());
    let mut first = 0;
    for dictionary in chunks.iter().filter_map(|c| c.as_any_dictionary_opt()) {
        let keys = dictionary.keys();
        let n = dictionary.values().len();
        // A dictionary without a value has nulls only, and arrow's own index would not do for it.
        let index = if n == 0 { vec![0; keys.len()] } else { dictionary.normalized_keys() };
        rows.extend(
            index.into_iter().enumerate().map(|(i, k)| if n == 0 || keys.is_null(i) { usize::MAX } else { first + k }),
        );
        first += n;
        distinct.push(Arc::clone(dictionary.values()));
    }
    let taken = column(name, kind, &distinct)?.take(&rows);
    Ok(match taken.values() {
        // The vocabulary in order of first appearance in the rows, and without what none holds.
        Values::Codes(codes, words) => Column::strings(name, codes.iter().map(|&c| words.get(c as usize))),
        _ => taken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use arrow_array::*;
    use arrow_buffer::i256;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
    }

    fn table(batches: &[RecordBatch]) -> Result<Table> {
        Table::from_record_batches(&batches[0].schema(), batches)
    }

    fn one(array: impl Array + 'static) -> Result<Column> {
        table(&[batch(vec![("x", Arc::new(array))])]).map(|t| t.columns()[0].clone())
    }

    fn cells(c: &Column) -> Vec<Value> {
        (0..c.len()).map(|r| c.get(r)).collect()
    }

    #[test]
    fn floats_without_nulls_are_shared() {
        let array = Float64Array::from(vec![1.0, f64::NAN, 3.0]);
        let start = array.values().as_ptr();
        let b = batch(vec![("x", Arc::new(array))]);
        let t = table(&[b.slice(1, 2)]).unwrap();
        let Values::Float(v) = t.columns()[0].values() else { panic!() };
        assert_eq!(v.as_ptr(), start.wrapping_add(1));
        assert_eq!(cells(&t.columns()[0]), [Value::Missing, 3.0.into()]);
        let t = table(&[b.clone(), b]).unwrap();
        assert_eq!((t.n_rows(), t.columns()[0].n_missing()), (6, 2));
    }

    #[test]
    fn every_plain_type_is_read() {
        let (m, i) = (Value::Missing, Value::Int(7));
        assert_eq!(cells(&one(Float64Array::from(vec![None, Some(7.0)])).unwrap()), [m.clone(), i.clone()]);
        assert_eq!(cells(&one(Float32Array::from(vec![None, Some(0.5)])).unwrap()), [m.clone(), 0.5.into()]);
        macro_rules! whole {
            ($($t:ty),*) => {$(
                let c = one(<$t>::from(vec![None, Some(7)])).unwrap();
                assert_eq!((c.type_name(), cells(&c)), ("int", vec![m.clone(), i.clone()]));
            )*};
        }
        whole!(Int8Array, Int16Array, Int32Array, Int64Array, UInt8Array, UInt16Array, UInt32Array, UInt64Array);
        let c = one(UInt64Array::from(vec![1, 1 << 63])).unwrap();
        assert_eq!((c.type_name(), c.get(1)), ("float", Value::Float(9223372036854775808.0)));
        let e = one(UInt64Array::from(vec![1, u64::MAX])).unwrap_err().to_string();
        assert!(e.contains("row 1, column `x`"), "{e}");
        assert_eq!(cells(&one(BooleanArray::from(vec![None, Some(true)])).unwrap()), [m.clone(), true.into()]);
        let text = vec![None, Some("b"), Some("a"), Some("b")];
        let want = [m.clone(), "b".into(), "a".into(), "b".into()];
        assert_eq!(cells(&one(StringArray::from(text.clone())).unwrap()), want);
        assert_eq!(cells(&one(LargeStringArray::from(text.clone())).unwrap()), want);
        assert_eq!(cells(&one(StringViewArray::from(text.clone())).unwrap()), want);
        let c = one(text.into_iter().collect::<DictionaryArray<Int8Type>>()).unwrap();
        assert_eq!(cells(&c), want);
        let Values::Codes(_, words) = c.values() else { panic!() };
        assert_eq!(**words, ["b", "a"]);
        assert_eq!(one(NullArray::new(2)).unwrap().n_missing(), 2);
        let d = Decimal128Array::from(vec![Some(-1234), None]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(cells(&one(d).unwrap()), [Value::Float(-12.34), m.clone()]);
        let d = Decimal256Array::from(vec![i256::from(15)]).with_precision_and_scale(10, 1).unwrap();
        assert_eq!(one(d).unwrap().get(0), Value::Float(1.5));
    }

    #[test]
    fn times_become_utc_microseconds() {
        for array in [
            Arc::new(TimestampSecondArray::from(vec![-1])) as ArrayRef,
            Arc::new(TimestampMillisecondArray::from(vec![-1_000])),
            Arc::new(TimestampMicrosecondArray::from(vec![-1_000_000]).with_timezone("+02:00")),
            Arc::new(TimestampNanosecondArray::from(vec![-999_999_001])),
        ] {
            let t = table(&[batch(vec![("x", array)])]).unwrap();
            assert_eq!(t.columns()[0].get(0), Value::Time(-1_000_000));
        }
        assert_eq!(one(Date32Array::from(vec![-1])).unwrap().get(0), Value::Time(-86_400_000_000));
        assert_eq!(one(Date64Array::from(vec![86_400_000])).unwrap().get(0), Value::Time(86_400_000_000));
        let e = one(TimestampSecondArray::from(vec![0, i64::MAX])).unwrap_err().to_string();
        assert!(e.contains("row 1, column `x`"), "{e}");
    }

    #[test]
    fn what_has_no_place_in_a_table_is_named() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
        for array in [
            Arc::new(list) as ArrayRef,
            Arc::new(BinaryArray::from(vec![&b"x"[..]])),
            Arc::new(Time32SecondArray::from(vec![1])),
        ] {
            let e = table(&[batch(vec![("nest", array)])]).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::InvalidData);
            assert!(e.to_string().contains("column `nest`: got the Arrow type"), "{e}");
        }
        let (a, b) = (
            batch(vec![("x", Arc::new(Int8Array::from(vec![1])))]),
            batch(vec![("x", Arc::new(Int16Array::from(vec![1])))]),
        );
        assert!(table(&[a, b]).is_err());
    }

    #[test]
    fn dictionaries_of_each_batch_join() {
        let d = |words: Vec<Option<&str>>| {
            batch(vec![("x", Arc::new(words.into_iter().collect::<DictionaryArray<UInt8Type>>()))])
        };
        let t = table(&[d(vec![Some("b"), None]), d(vec![Some("a"), Some("b")]), d(vec![None])]).unwrap();
        assert_eq!(cells(&t.columns()[0]), ["b".into(), Value::Missing, "a".into(), "b".into(), Value::Missing]);
        let numbers = DictionaryArray::<Int8Type>::try_new(
            Int8Array::from(vec![Some(1), None, Some(0)]),
            Arc::new(Int64Array::from(vec![5, 6])),
        )
        .unwrap();
        let c = one(numbers).unwrap();
        assert_eq!((c.type_name(), cells(&c)), ("int", vec![6.into(), Value::Missing, 5.into()]));
    }

    #[test]
    fn a_table_goes_out_and_comes_back() {
        let csv = b"f,i,b,t,s\n1.5,1,true,2024-01-01,x\n,,,,\n-2.5,3,false,2024-01-01T00:00:01Z,y\n";
        let t = Table::from_csv_bytes(csv, &Default::default(), &Default::default()).unwrap();
        let b = t.to_record_batch().unwrap();
        assert!(b.columns().iter().all(|c| c.null_count() == 1));
        let again = table(&[b.slice(0, 1), b.slice(1, 2)]).unwrap();
        for (a, z) in t.columns().iter().zip(again.columns()) {
            assert_eq!((a.type_name(), cells(a)), (z.type_name(), cells(z)));
        }
        let empty = table(&[b.slice(0, 0)]).unwrap();
        assert_eq!((empty.n_rows(), empty.n_columns()), (0, 5));
    }
}
