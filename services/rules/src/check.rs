//! What an expression names, and how large it is.

use cel::{
    common::ast::{EntryExpr, Expr, SourceInfo},
    parser::Expression,
};

use crate::{
    fault::Fault,
    names::{TYPES, VARIABLES, refuse},
};

/// How deep an expression nests, operators included: judging recurses as deep.
const DEPTH: usize = 24;

/// What decides.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each decides by itself")]
pub(crate) struct Uses {
    pub(crate) auth: bool,
    pub(crate) record: bool,
    /// The record's data, which is then parsed.
    pub(crate) record_data: bool,
    pub(crate) data: bool,
}

/// Walks the expression as the parser left it.
pub(crate) fn check(expression: &Expression, source: &SourceInfo) -> Result<Uses, Fault> {
    let mut check = Check { source, locals: Vec::new(), uses: Uses::default() };
    check.visit(expression, DEPTH)?;
    Ok(check.uses)
}

struct Check<'a> {
    source: &'a SourceInfo,
    /// The variables of the macros around.
    locals: Vec<&'a str>,
    uses: Uses,
}

impl<'a> Check<'a> {
    fn visit(&mut self, expression: &'a Expression, depth: usize) -> Result<(), Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.fault(expression, "the expression is nested too deeply".into()));
        };
        match &expression.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => {
                if matches!(&select.operand.expr, Expr::Ident(name) if name == "record" && select.field != "data") {
                    self.uses.record = true;
                    return Ok(());
                }
                self.visit(&select.operand, depth)
            }
            Expr::Call(call) => {
                // The parser alone makes names that are no letters: operators.
                let is_operator = !call.func_name.starts_with(|first: char| first.is_ascii_alphabetic());
                if !is_operator && let Some(why) = refuse(&call.func_name, call.target.is_some(), call.args.len()) {
                    return Err(self.fault(expression, why));
                }
                call.target
                    .iter()
                    .map(|target| &**target)
                    .chain(&call.args)
                    .try_for_each(|part| self.visit(part, depth))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.visit(element, depth)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, depth)?;
                    self.visit(&entry.value, depth)
                }
                EntryExpr::StructField(_) => Err(self.fault(expression, "this has no meaning here".into())),
            }),
            Expr::Comprehension(comprehension) => {
                let local = comprehension.iter_var.as_str();
                if VARIABLES.contains(&local) || TYPES.contains(&local) {
                    return Err(self.fault(expression, format!("a macro's variable cannot be called {local:?}")));
                }
                self.visit(&comprehension.iter_range, depth)?;
                self.visit(&comprehension.accu_init, depth)?;
                let outer = self.locals.len();
                self.locals.extend([local, &comprehension.accu_var]);
                for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.visit(part, depth)?;
                }
                self.locals.truncate(outer);
                Ok(())
            }
            Expr::Struct(_) | Expr::Unspecified => Err(self.fault(expression, "this has no meaning here".into())),
        }
    }

    fn name(&mut self, at: &Expression, name: &str) -> Result<(), Fault> {
        match name {
            "auth" => self.uses.auth = true,
            "record" => (self.uses.record, self.uses.record_data) = (true, true),
            "data" => self.uses.data = true,
            _ if self.locals.contains(&name) || TYPES.contains(&name) => {}
            _ => {
                let known = VARIABLES.join(", ");
                return Err(self.fault(at, format!("there is no variable {name:?}; there are {known}")));
            }
        }
        Ok(())
    }

    fn fault(&self, at: &Expression, message: String) -> Fault {
        Fault::at(self.source, at.id, message)
    }
}
