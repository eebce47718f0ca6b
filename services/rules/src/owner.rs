//! Which rules are look-ups in the owner's index.

use cel::{
    common::ast::{Expr, operators},
    parser::Expression,
};

/// Whether a conjunct of the whole is `record.owner == auth.id`. A conjunction of which one part is false or fails never
/// admits, whatever the others are.
pub(crate) fn is_demanded(expression: &Expression) -> bool {
    let Expr::Call(call) = &expression.expr else { return false };
    match (call.func_name.as_str(), &call.args[..]) {
        (operators::LOGICAL_AND, [left, right]) => is_demanded(left) || is_demanded(right),
        (operators::EQUALS, [left, right]) => {
            let is_owner = |part| is_member(part, "record", "owner");
            let is_caller = |part| is_member(part, "auth", "id");
            is_owner(left) && is_caller(right) || is_caller(left) && is_owner(right)
        }
        _ => false,
    }
}

/// Whether the expression is `object.field`, and no `has(object.field)`.
fn is_member(expression: &Expression, object: &str, field: &str) -> bool {
    matches!(&expression.expr, Expr::Select(select) if !select.test && select.field == field
        && matches!(&select.operand.expr, Expr::Ident(name) if name == object))
}
