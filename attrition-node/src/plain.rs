//! Results as plain JavaScript values, by serde: the names of fields in camelCase, the keys of maps (columns, metrics,
//! parameters) as they are, NaN as NaN. Built on the worker's thread; only the last step needs the event loop's.

use attrition_core::{Error, Result};
use napi::bindgen_prelude::{
    Array, BigInt, Float64Array, JsObjectValue, JsValue, Null, Object, ToNapiValue, TypeName, Unknown,
};
use napi::{Env, Property, PropertyAttributes, ValueType, sys};
use serde::ser::{self, Serialize, Serializer};

/// A plain value.
pub enum Plain {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A whole number that no number can hold.
    BigInt(BigInt),
    /// A string.
    Text(String),
    /// A `Float64Array`.
    Floats(Vec<f64>),
    /// An array.
    List(Vec<Plain>),
    /// An object.
    Object(Vec<(String, Plain)>),
}

impl Plain {
    /// Of anything that serializes.
    pub(crate) fn of(value: &(impl Serialize + ?Sized)) -> Result<Plain> {
        value.serialize(Writer).map_err(|e| Error::Internal(format!("a result that is no plain value: {e}")))
    }

    /// The object with one more entry, or another value for one it has.
    pub(crate) fn with(self, key: &str, value: Plain) -> Plain {
        let Plain::Object(mut entries) = self else { return self };
        entries.retain(|(k, _)| k != key);
        entries.push((key.to_owned(), value));
        Plain::Object(entries)
    }

    /// As a value of JavaScript.
    pub(crate) fn into_js(self, env: &Env) -> napi::Result<Unknown<'_>> {
        match self {
            Plain::Null => Null.into_unknown(env),
            Plain::Bool(b) => b.into_unknown(env),
            Plain::Number(x) => x.into_unknown(env),
            Plain::BigInt(i) => i.into_unknown(env),
            Plain::Text(text) => text.into_unknown(env),
            Plain::Floats(values) => Float64Array::new(values).into_unknown(env),
            Plain::List(values) => {
                let mut list: Array<'_> = env.create_array(u32::try_from(values.len()).unwrap_or(u32::MAX))?;
                for (i, value) in values.into_iter().enumerate() {
                    list.set(i as u32, value.into_js(env)?)?;
                }
                Ok(list.to_unknown())
            }
            Plain::Object(entries) => {
                let mut object = Object::new(env)?;
                for (key, value) in entries {
                    put(env, &mut object, &key, value.into_js(env)?)?;
                }
                Ok(object.to_unknown())
            }
        }
    }
}

/// An own property of any name: a column may be called `__proto__`.
pub(crate) fn put<'env>(
    env: &'env Env,
    object: &mut Object<'env>,
    key: &str,
    value: impl ToNapiValue,
) -> napi::Result<()> {
    if key != "__proto__" {
        return object.set(key, value);
    }
    let attributes = PropertyAttributes::Writable | PropertyAttributes::Enumerable | PropertyAttributes::Configurable;
    let value = value.into_unknown(env)?;
    object.define_properties(&[Property::new()
        .with_utf8_name(key)?
        .with_value(&value)
        .with_property_attributes(attributes)])
}

impl TypeName for Plain {
    fn type_name() -> &'static str {
        "unknown"
    }
    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ToNapiValue for Plain {
    unsafe fn to_napi_value(env: sys::napi_env, value: Plain) -> napi::Result<sys::napi_value> {
        Ok(value.into_js(&Env::from_raw(env))?.raw())
    }
}

/// `n_rows` → `nRows`.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' && !out.is_empty() {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// Builds [`Plain`] values.
struct Writer;

type Failure = serde::de::value::Error;

impl Serializer for Writer {
    type Ok = Plain;
    type Error = Failure;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, v: bool) -> Result<Plain, Failure> {
        Ok(Plain::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<Plain, Failure> {
        Ok(if v.unsigned_abs() <= 1 << 53 { Plain::Number(v as f64) } else { Plain::BigInt(v.into()) })
    }
    fn serialize_u8(self, v: u8) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_u16(self, v: u16) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<Plain, Failure> {
        Ok(if v <= 1 << 53 { Plain::Number(v as f64) } else { Plain::BigInt(v.into()) })
    }
    fn serialize_f32(self, v: f32) -> Result<Plain, Failure> {
        self.serialize_f64(v.into())
    }
    fn serialize_f64(self, v: f64) -> Result<Plain, Failure> {
        Ok(Plain::Number(v))
    }
    fn serialize_char(self, v: char) -> Result<Plain, Failure> {
        Ok(Plain::Text(v.to_string()))
    }
    fn serialize_str(self, v: &str) -> Result<Plain, Failure> {
        Ok(Plain::Text(v.to_owned()))
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Plain, Failure> {
        Ok(Plain::List(v.iter().map(|&b| Plain::Number(b.into())).collect()))
    }
    fn serialize_none(self) -> Result<Plain, Failure> {
        Ok(Plain::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Plain, Failure> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Plain, Failure> {
        Ok(Plain::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Plain, Failure> {
        Ok(Plain::Null)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Plain, Failure> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Plain, Failure> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Plain, Failure> {
        Ok(Plain::Object(vec![(variant.to_owned(), value.serialize(self)?)]))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<List, Failure> {
        Ok(List { variant: None, values: Vec::with_capacity(len.unwrap_or_default()) })
    }
    fn serialize_tuple(self, len: usize) -> Result<List, Failure> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List, Failure> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<List, Failure> {
        Ok(List { variant: Some(variant), values: Vec::with_capacity(len) })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Failure> {
        Ok(Entries { variant: None, entries: Vec::new() })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Failure> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Failure> {
        Ok(Entries { variant: Some(variant), entries: Vec::new() })
    }
}

fn tagged(variant: Option<&'static str>, value: Plain) -> Plain {
    match variant {
        None => value,
        Some(name) => Plain::Object(vec![(name.to_owned(), value)]),
    }
}

struct List {
    variant: Option<&'static str>,
    values: Vec<Plain>,
}

impl List {
    fn push(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        self.values.push(value.serialize(Writer)?);
        Ok(())
    }
    fn finish(self) -> Result<Plain, Failure> {
        Ok(tagged(self.variant, Plain::List(self.values)))
    }
}

impl ser::SerializeSeq for List {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.push(value)
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}

impl ser::SerializeTuple for List {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.push(value)
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for List {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.push(value)
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for List {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.push(value)
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}

struct Entries {
    variant: Option<&'static str>,
    entries: Vec<(String, Plain)>,
}

impl Entries {
    fn field(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        self.entries.push((camel(name), value.serialize(Writer)?));
        Ok(())
    }
    fn finish(self) -> Result<Plain, Failure> {
        Ok(tagged(self.variant, Plain::Object(self.entries)))
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        let key = match key.serialize(Writer)? {
            Plain::Text(text) => text,
            Plain::Number(x) => x.to_string(),
            Plain::Bool(b) => b.to_string(),
            _ => return Err(ser::Error::custom("a key that is no text")),
        };
        self.entries.push((key, Plain::Null));
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        if let Some((_, slot)) = self.entries.last_mut() {
            *slot = value.serialize(Writer)?;
        }
        Ok(())
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failure> {
        self.field(name, value)
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Entries {
    type Ok = Plain;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failure> {
        self.field(name, value)
    }
    fn end(self) -> Result<Plain, Failure> {
        self.finish()
    }
}
