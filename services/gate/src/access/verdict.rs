use std::sync::Arc;

use rules::{Account, Rule, Subject};
use skep_proto::{Code, Error, v1::Record};

use super::{Caller, Rules, Verb};

/// What a caller may do in a collection.
pub(crate) struct Access {
    caller: Caller,
    /// The caller's id as rules know it.
    id: String,
    /// `None` for administrators, who may do everything.
    rules: Option<Arc<Rules>>,
}

impl Access {
    pub(crate) fn new(caller: &Caller, rules: Option<Arc<Rules>>) -> Self {
        Self { caller: caller.clone(), id: caller.account(), rules }
    }

    /// Whether nothing is asked of the caller.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.rules.is_none()
    }

    /// The caller's id; `None` for nobody.
    pub(crate) fn account(&self) -> Option<&str> {
        self.caller.identity().map(|_| &*self.id)
    }

    /// Whether `verb` is judged by what is stored.
    pub(crate) fn uses_record(&self, verb: Verb) -> bool {
        self.rule(verb).is_some_and(Rule::uses_record)
    }

    /// Whether `verb` is judged by what the record's data is to become.
    pub(crate) fn uses_data(&self, verb: Verb) -> bool {
        self.rule(verb).is_some_and(Rule::uses_data)
    }

    /// Whether `verb` shows nobody but an owner.
    pub(crate) fn is_owner_only(&self, verb: Verb) -> bool {
        self.rule(verb).is_some_and(Rule::owner_only)
    }

    /// Whether the caller may do `verb` with what is stored, whose data is to become `data`.
    pub(crate) fn admits(&self, verb: Verb, record: Option<&Record>, data: Option<&[u8]>) -> bool {
        let identity = self.caller.identity();
        let auth = identity.map(|known| Account { id: &self.id, name: &known.name, roles: &known.roles });
        self.is_unlimited() || self.rule(verb).is_some_and(|rule| rule.judge(&Subject { auth, record, data }))
    }

    /// What is told to a caller whom `verb` refuses in a collection.
    pub(crate) fn refusal(&self) -> Error {
        let forbidden = |_| Error::new(Code::Forbidden, "a rule of the collection refuses this");
        self.caller.signed_in().map_or_else(|error| error, forbidden)
    }

    /// What is told to a caller who is refused on the record `id`, which was found so: one that they may not get is not
    /// there.
    pub(crate) fn refusal_of(&self, id: &str, record: Option<&Record>) -> Error {
        if self.account().is_some() && !self.admits(Verb::Get, record, None) { missing(id) } else { self.refusal() }
    }

    fn rule(&self, verb: Verb) -> Option<&Rule> {
        self.rules.as_ref()?.of(verb)
    }
}

/// As storage tells it, for a record that is hidden must look like one that is not there.
pub(crate) fn missing(id: &str) -> Error {
    Error::new(Code::RecordNotFound, format!("there is no record with the id {id}"))
}
