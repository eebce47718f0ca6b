//! Numbers as JSON has them.

use std::any::Any;

use cel::common::{
    types::{CelDouble, CelInt, CelUInt, Type},
    value::{StaticVal, Val},
};
use serde_json::Number;

static TYPE: Type = Type::new_unspecified_type("number");

/// A number that no type of CEL holds: an integer beyond 64 bits, or beyond the doubles. It equals itself as it is
/// written and can do nothing else, so that two that differ are never taken for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Beyond(String);

impl Val for Beyond {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Beyond {}

/// An int where that is exact, else a uint, else a double where it is written as one.
pub(crate) fn number<'v>(number: &Number) -> Box<dyn Val + 'v> {
    if let Some(int) = number.as_i64() {
        return Box::new(CelInt::from(int));
    }
    if let Some(uint) = number.as_u64() {
        return Box::new(CelUInt::from(uint));
    }
    let text = number.as_str();
    match number.as_f64() {
        Some(double) if double.is_finite() && text.contains(['.', 'e', 'E']) => Box::new(CelDouble::from(double)),
        _ => Box::new(Beyond(text.to_owned())),
    }
}
