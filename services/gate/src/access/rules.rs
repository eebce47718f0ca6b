use rules::Rule;
use skep_proto::v1::Collection;

/// What is done with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Get,
    Create,
    Update,
    Delete,
}

/// A collection's rules, compiled.
#[derive(Debug)]
pub(crate) struct Rules {
    list: Option<Rule>,
    get: Option<Rule>,
    create: Option<Rule>,
    update: Option<Rule>,
    delete: Option<Rule>,
}

impl Rules {
    /// Compiles the rules of a definition. One that storage took and that is none any more counts as absent.
    pub(crate) fn compile(collection: &Collection) -> Self {
        let compile = |verb: &str, text: &Option<String>| {
            let compiled = Rule::compile(text.as_deref()?);
            compiled
                .inspect_err(|fault| {
                    tracing::error!(skep.collection = collection.name, skep.verb = verb, error.message = %fault, "a rule cannot be compiled, so administrators alone are admitted");
                })
                .ok()
        };
        let given = collection.rules.clone().unwrap_or_default();
        Self {
            list: compile("list", &given.list),
            get: compile("get", &given.get),
            create: compile("create", &given.create),
            update: compile("update", &given.update),
            delete: compile("delete", &given.delete),
        }
    }

    /// The rule for `verb`; an absent one admits administrators only.
    pub(crate) fn of(&self, verb: Verb) -> Option<&Rule> {
        match verb {
            Verb::List => &self.list,
            Verb::Get => &self.get,
            Verb::Create => &self.create,
            Verb::Update => &self.update,
            Verb::Delete => &self.delete,
        }
        .as_ref()
    }
}
