//! Makes an expression count what it costs while it is judged: see [`budget`](crate::budget).

use std::mem;

use cel::{
    common::{
        ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators},
        types::CelInt,
    },
    parser::Expression,
};

use crate::budget::{EACH, SPEND};

/// What looks at its operands alone, or hands one on, whatever they hold.
const CONSTANT: [&str; 6] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NOT_STRICTLY_FALSE,
    operators::INDEX,
];

/// Meters the expression, and says of how many nodes it is.
pub(crate) fn meter(expression: &mut Expression) -> usize {
    1 + match &mut expression.expr {
        Expr::Call(call) => {
            let mut nodes = 0;
            // What a macro has gathered is added to in place, which costs what is added.
            let gathers =
                matches!(call.args.first(), Some(Expression { expr: Expr::Ident(name), .. }) if name.starts_with('@'));
            let is_free = gathers || CONSTANT.contains(&&*call.func_name);
            for part in call.target.iter_mut().map(|target| &mut **target).chain(&mut call.args) {
                nodes += meter(part);
                if !is_free {
                    spend(part, SPEND, None);
                }
            }
            nodes
        }
        Expr::Select(select) => meter(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().map(keep).sum(),
        Expr::Map(map) => map
            .entries
            .iter_mut()
            .map(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => keep(&mut entry.key) + keep(&mut entry.value),
                EntryExpr::StructField(_) => 0,
            })
            .sum(),
        Expr::Comprehension(loops) => {
            let body = meter(&mut loops.loop_cond) + meter(&mut loops.loop_step);
            let around = [&mut loops.iter_range, &mut loops.accu_init, &mut loops.result].into_iter().map(meter);
            let nodes = body + around.sum::<usize>();
            spend(&mut loops.iter_range, EACH, Some(body));
            nodes
        }
        Expr::Literal(_) | Expr::Ident(_) | Expr::Struct(_) | Expr::Unspecified => 0,
    }
}

/// Meters what is copied into a list or a map.
fn keep(part: &mut Expression) -> usize {
    let nodes = meter(part);
    spend(part, SPEND, None);
    nodes
}

/// Passes the value of `part` through the function `name`.
fn spend(part: &mut Expression, name: &str, body: Option<usize>) {
    if matches!(part.expr, Expr::Literal(_)) {
        return;
    }
    let inner = mem::take(part);
    let body = body.map(|nodes| {
        let nodes = i64::try_from(nodes).unwrap_or(i64::MAX);
        Expression { id: inner.id, expr: Expr::Literal(LiteralValue::Int(CelInt::from(nodes))) }
    });
    part.id = inner.id;
    let args = [inner].into_iter().chain(body).collect();
    part.expr = Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args });
}
