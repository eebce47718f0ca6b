//! What judging may cost.
//!
//! An expression of 4 KiB over data of 1 MiB could take hours, and all memory: macros in macros, texts that are doubled
//! again and again. So every operator pays for what it is given, by weight, and a macro for its body as often as it is
//! judged. The budget is counted, not timed: a verdict does not depend on how busy the machine is.

use std::cell::Cell;

use cel::{
    Env, ExecutionError,
    common::{
        types::{self, CelBytes, CelInt, CelList, CelMap, CelString},
        value::Val,
    },
};

/// Pays for its argument, which it returns. No rule can write the name.
pub(crate) const SPEND: &str = "@spend";
/// Pays for judging as many nodes as it is told on each element of its argument, which it returns.
pub(crate) const EACH: &str = "@each";

/// What one judgement may spend; a step takes some tens of nanoseconds.
const BUDGET: u64 = 1_000_000;
/// Bytes of a text that weigh as much as a value.
const TEXT: usize = 16;

thread_local! {
    /// What is left for the judgement on this thread; `None` when it was not enough.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Judges within the budget; `None` when that was not enough, whatever the verdict: an operator can absorb the failure.
pub(crate) fn within<T>(judge: impl FnOnce() -> Option<T>) -> Option<T> {
    LEFT.set(Some(BUDGET));
    let verdict = judge();
    LEFT.get().and(verdict)
}

/// Declares what metered expressions call.
pub(crate) fn declare(env: &mut Env) {
    let declared = env
        .add_overload(SPEND, SPEND, vec![types::DYN_TYPE], |mut args| {
            charge(&*args[0]).map(|()| args.swap_remove(0)).ok_or_else(exceeded)
        })
        .and_then(|()| {
            env.add_overload(EACH, EACH, vec![types::DYN_TYPE, types::INT_TYPE], |mut args| {
                let body = args[1].downcast_ref::<CelInt>().and_then(|nodes| u64::try_from(*nodes.inner()).ok());
                let body = body.unwrap_or(u64::MAX).saturating_mul(elements(&*args[0]));
                take(body).and_then(|()| charge(&*args[0])).map(|()| args.swap_remove(0)).ok_or_else(exceeded)
            })
        });
    declared.expect("no function of the standard has such a name");
}

fn exceeded() -> ExecutionError {
    ExecutionError::function_error("budget", "the rule costs more than a rule may")
}

fn take(cost: u64) -> Option<()> {
    let left = LEFT.get().and_then(|left| left.checked_sub(cost));
    LEFT.set(left);
    left.map(|_| ())
}

/// Pays for a value and all that is in it.
fn charge(value: &dyn Val) -> Option<()> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return take(weight(text.inner().len()));
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        return take(weight(bytes.inner().len()));
    }
    take(1)?;
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().try_for_each(|element| charge(&**element))?;
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        map.inner().iter().try_for_each(|(key, value)| charge(key.inner()).and_then(|()| charge(&**value)))?;
    }
    Some(())
}

fn weight(bytes: usize) -> u64 {
    (1 + bytes / TEXT) as u64
}

fn elements(value: &dyn Val) -> u64 {
    let list = value.downcast_ref::<CelList<'_>>().map(|list| list.inner().len());
    let map = || value.downcast_ref::<CelMap<'_>>().map(|map| map.inner().len());
    list.or_else(map).unwrap_or_default() as u64
}
