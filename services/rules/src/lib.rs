//! The language of access rules: CEL (<https://cel.dev>) over `auth`, `record` and `data`.
//!
//! A rule is compiled once, where its text is bounded and every name in it is checked, and judged often, within a
//! budget that no data and no expression exceeds.

mod budget;
mod check;
mod fault;
mod meter;
mod names;
mod number;
mod owner;
mod subject;

use std::{panic::resume_unwind, sync::Arc, sync::LazyLock, thread};

use cel::{
    Context, Env, Value,
    common::{ast::SourceInfo, types::CelBool},
    parser::Expression,
};

use self::check::Uses;
pub use self::{
    fault::Fault,
    subject::{Account, Subject},
};

/// Bytes of a rule at most.
pub const MAX_BYTES: usize = 4 << 10;
/// How deep the parser goes into brackets.
const NESTING: u16 = 24;
/// What the parser and what walks its trees need for the worst rule of [`MAX_BYTES`], which nests as many operators.
const STACK: usize = 64 << 20;

/// Optional values (`a.?b`) are no part of the language.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    budget::declare(&mut env);
    Arc::new(env)
});

/// An expression that admits or refuses.
#[derive(Debug)]
pub struct Rule {
    expression: Expression,
    uses: Uses,
    owner_only: bool,
}

impl Rule {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// The first fault, with its place: no CEL, longer than [`MAX_BYTES`], nested too deeply, or a name that is unknown.
    pub fn compile(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::new(1, 1, format!("a rule has at most {MAX_BYTES} bytes")));
        }
        let (mut expression, uses) = parse(text)?;
        let owner_only = owner::is_demanded(&expression);
        meter::meter(&mut expression);
        Ok(Self { expression, uses, owner_only })
    }

    /// Whether it decides who asks.
    pub fn uses_auth(&self) -> bool {
        self.uses.auth
    }

    /// Whether what is stored decides.
    pub fn uses_record(&self) -> bool {
        self.uses.record
    }

    /// Whether what the record's data is to become decides.
    pub fn uses_data(&self) -> bool {
        self.uses.data
    }

    /// Whether the rule admits nobody but a record's owner: `record.owner == auth.id` must hold.
    pub fn owner_only(&self) -> bool {
        self.owner_only
    }

    /// Whether `subject` is admitted. An expression that fails, that is no boolean, or that costs more than its budget
    /// refuses.
    pub fn judge(&self, subject: &Subject<'_>) -> bool {
        let mut context = Context::with_env(ENV.clone());
        if subject.bind(self.uses, &mut context).is_none() {
            return false;
        }
        budget::within(|| {
            let value = Value::resolve_val(&self.expression, &context).ok()?;
            value.downcast_ref::<CelBool>().map(|verdict| *verdict.inner())
        })
        .unwrap_or(false)
    }
}

/// Parses and checks on a thread of its own: the parser recurses as deep as its input is long.
fn parse(text: &str) -> Result<(Expression, Uses), Fault> {
    thread::scope(|scope| {
        let parser = || {
            let (expression, source): (Expression, SourceInfo) = ENV
                .parser()
                .max_recursion_depth(NESTING)
                .error_recovery_limit(1)
                .parse_with_source_info(text)
                .map_err(|errors| Fault::first(&errors))?;
            let uses = check::check(&expression, &source)?;
            Ok((expression, uses))
        };
        let thread = thread::Builder::new().name("rule".into()).stack_size(STACK).spawn_scoped(scope, parser);
        thread
            .map_err(|_| Fault::new(1, 1, "no thread to compile it".into()))?
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    })
}
