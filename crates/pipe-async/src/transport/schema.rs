//! The schema of an item type: a number that tells whether two programs mean the same by a frame.
//!
//! A type is asked to deserialize itself from a deserializer that has no data, but writes down what it is asked for: the names and the
//! kinds of fields, and of the fields of these. So a field that was added, renamed or given another type makes another schema, although
//! nobody keeps a version.
//!
//! What it does not see: of an enum only the names of the variants and the contents of the first one are known, so `Result<u32, u32>` and
//! `Result<u32, String>` have the same schema; and a type that refuses the value it is given here, like a text that has to be a date, ends
//! the trace, so what follows it is not known. Then a frame of the other type decodes with an error or, at worst, into other values.

use serde::de::value::Error as Plain;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use std::fmt;

/// Names the shape of a type; see [`Schema::of`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Schema(u64);

/// A type that holds itself is followed no deeper, and one that holds itself twice no longer.
const DEEPEST: u32 = 32;
const LONGEST: u32 = 4096;

impl Schema {
    /// The schema of a type, from what its implementation of `Deserialize` asks for. The cost is that of deserializing one item.
    ///
    /// ```
    /// use pipe_async::Schema;
    ///
    /// assert_eq!(Schema::of::<(u32, String)>(), Schema::of::<(u32, String)>());
    /// assert_ne!(Schema::of::<(u32, String)>(), Schema::of::<(u64, String)>());
    /// ```
    pub fn of<T: DeserializeOwned>() -> Self {
        let mut trace = Trace { hash: FNV_OFFSET, depth: 0, seen: 0 };
        // A type that refuses the values it gets here (a number that may not be zero, say) ends the trace; up to there it is always the same.
        let _ = T::deserialize(&mut trace);
        Schema(trace.hash)
    }

    pub(crate) const fn from_raw(raw: u64) -> Self {
        Schema(raw)
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }
}

/// Those of what a stage takes and gives: looked up once, and not for each message.
#[derive(Clone, Copy)]
pub(crate) struct Schemas {
    pub(crate) taken: Schema,
    pub(crate) given: Schema,
}

impl Schemas {
    pub(crate) fn of<In: DeserializeOwned, Out: DeserializeOwned>() -> Self {
        Schemas { taken: Schema::of::<In>(), given: Schema::of::<Out>() }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits: it is the same in every program and for ever, which the hashers of the standard library are not.
pub(super) const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Goes on with a hash that begins as [`FNV_OFFSET`].
pub(super) fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

struct Trace {
    hash: u64,
    depth: u32,
    seen: u32,
}

impl Trace {
    fn note(&mut self, word: &str) -> Result<(), Plain> {
        // Zero ends the word: no text of Rust's names holds it.
        self.hash = fnv(fnv(self.hash, word.as_bytes()), &[0]);
        self.seen += 1;
        if self.seen > LONGEST || self.depth > DEEPEST {
            return Err(Plain::custom("deep enough"));
        }
        Ok(())
    }

    fn names(&mut self, kind: &str, name: &str, parts: &[&str]) -> Result<(), Plain> {
        self.note(kind)?;
        self.note(name)?;
        parts.iter().try_for_each(|part| self.note(part))
    }

    fn inside<T>(&mut self, visit: impl FnOnce(&mut Self) -> Result<T, Plain>) -> Result<T, Plain> {
        self.depth += 1;
        let visited = visit(self);
        self.depth -= 1;
        self.note("end")?;
        visited
    }
}

/// Kinds without parts: what was asked for is noted, and answered with a value that most types accept.
macro_rules! plain {
    ($($asked:ident $visit:ident $value:expr;)*) => {$(
        fn $asked<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
            self.note(stringify!($asked))?;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Trace {
    type Error = Plain;

    plain! {
        deserialize_bool visit_bool true;
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_i128 visit_i128 1;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_u128 visit_u128 1;
        deserialize_f32 visit_f32 1.0;
        deserialize_f64 visit_f64 1.0;
        deserialize_char visit_char '1';
        deserialize_str visit_str "1";
        deserialize_string visit_str "1";
        deserialize_bytes visit_bytes b"1";
        deserialize_byte_buf visit_bytes b"1";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        self.note("any")?;
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        visitor.visit_u64(0)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        self.note("unit")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Plain> {
        self.names("unit struct", name, &[])?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        self.note("option")?;
        self.inside(|trace| visitor.visit_some(trace))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Plain> {
        self.names("newtype", name, &[])?;
        self.inside(|trace| visitor.visit_newtype_struct(trace))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        self.note("seq")?;
        self.inside(|trace| visitor.visit_seq(Parts { trace, left: 1 }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        self.note("map")?;
        self.inside(|trace| visitor.visit_map(Parts { trace, left: 1 }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Plain> {
        self.names("tuple", &len.to_string(), &[])?;
        self.inside(|trace| visitor.visit_seq(Parts { trace, left: len }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Plain> {
        self.names("tuple struct", name, &[&len.to_string()])?;
        self.inside(|trace| visitor.visit_seq(Parts { trace, left: len }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain> {
        self.names("struct", name, fields)?;
        self.inside(|trace| visitor.visit_seq(Parts { trace, left: fields.len() }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain> {
        self.names("enum", name, variants)?;
        self.inside(|trace| visitor.visit_enum(Variant { trace }))
    }

    /// As postcard.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// This many elements, each asked for its shape.
struct Parts<'t> {
    trace: &'t mut Trace,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Plain;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Plain> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.trace).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Plain;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Plain> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Plain> {
        seed.deserialize(&mut *self.trace)
    }
}

/// The first variant.
struct Variant<'t> {
    trace: &'t mut Trace,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Plain;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Plain> {
        let which = seed.deserialize(0u32.into_deserializer())?;
        Ok((which, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Plain;

    fn unit_variant(self) -> Result<(), Plain> {
        self.trace.note("unit variant")
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Plain> {
        seed.deserialize(self.trace)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Plain> {
        self.trace.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain> {
        self.trace.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::{HashMap, HashSet};

    #[derive(Deserialize)]
    struct Tree {
        _left: Option<Box<Tree>>,
        _right: Option<Box<Tree>>,
    }

    /// Types of one name, as one program after the other has them.
    macro_rules! schemas {
        ($($kind:ident $body:tt)*) => {
            [$({
                #[derive(Deserialize)]
                #[allow(dead_code, reason = "nobody makes one")]
                $kind Hit $body
                Schema::of::<Hit>()
            }),*]
        };
    }

    #[test]
    fn a_field_that_was_added_renamed_moved_or_retyped_makes_another_schema() {
        let schemas = schemas! {
            struct { a: u32, b: String }
            struct { a: u32, b: String, c: u8 }
            struct { a: u32, c: String }
            struct { b: String, a: u32 }
            struct { a: i32, b: String }
            struct { a: u32, b: Option<String> }
            struct { a: u32, b: Vec<String> }
            struct { a: (u32, u32), b: String }
            struct { a: [u32; 3], b: String }
            struct { a: HashMap<u32, String> }
            struct { a: HashMap<u32, u32> }
            enum { A, B }
            enum { A, B, C }
            enum { A(u32), B }
            enum { A(u32, u32), B }
            enum { A { a: u32 }, B }
        };
        assert_eq!(schemas.iter().collect::<HashSet<_>>().len(), schemas.len(), "{schemas:?}");
    }

    #[test]
    fn a_schema_is_the_same_in_every_program_for_ever() {
        let [hit] = schemas! { struct { a: u32, b: String } };
        assert_eq!(hit.to_string(), "da2a2bf744452b0a");
    }

    #[test]
    fn a_type_that_holds_itself_twice_has_a_schema_in_bounded_time() {
        assert_eq!(Schema::of::<Tree>(), Schema::of::<Tree>());
    }
}
