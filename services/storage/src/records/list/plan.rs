//! How a list is found.

use std::fmt;

use query::{Comparison, Expr, Filter, Literal, Op, Order, Own, Path};
use skep_proto::{Code, Error};

use super::serve::{self, Lead};
use crate::store::{Access, Definition, IndexState, Position, Result, Row, sortable};

/// Parts of a plan: each may hold a record of 1 MiB.
const MAX_PARTS: usize = 128;

/// How a list is found: in its order, by accesses that give it; and what is still to be checked.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) by: By,
    pub(super) descending: bool,
    /// What is few enough is found by these and sorted.
    pub(super) few: Option<Vec<Lead>>,
    /// Otherwise these give it in order.
    pub(super) parts: Vec<Lead>,
    /// What is asked of each record.
    pub(super) filter: Option<Filter>,
    pub(super) owner: String,
    /// The times of creation between which the records are, both included.
    pub(super) created: (i64, i64),
}

/// What orders a list; what is equal goes by creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    Creation,
    Update,
    Field(Path),
}

/// Plans a list.
///
/// # Errors
/// `not_indexed` where only a walk through the whole collection could find it.
pub(super) fn plan(
    definition: &Definition,
    owner: &str,
    filter: Option<&Filter>,
    order: Option<&Order>,
) -> Result<Plan> {
    let by = match order.map(|order| &order.path) {
        None | Some(Path::Own(Own::CreatedAt)) => By::Creation,
        Some(Path::Own(Own::UpdatedAt)) => By::Update,
        Some(Path::Own(own)) => {
            let detail =
                format!("order_by cannot be {}: order by created_at, updated_at or an indexed field", own.name());
            return Err(Error::new(Code::NotIndexed, detail));
        }
        Some(path) => By::Field(path.clone()),
    };
    let conjuncts: Vec<&Comparison> = match filter.map(Filter::expr) {
        None => Vec::new(),
        Some(Expr::And(parts)) => parts.iter().filter_map(comparison).collect(),
        Some(expr) => comparison(expr).into_iter().collect(),
    };
    let mut missing = Vec::new();
    let mut found = filter.and_then(|filter| serve::leads(definition, filter.expr(), &mut missing));
    let theirs = (!owner.is_empty()).then(|| vec![Lead::Created(Access::OwnedBy(owner.to_owned()))]);
    if let Some(theirs) = &theirs
        && found.as_deref().is_none_or(|found| serve::cost(found) > serve::cost(theirs))
    {
        found = Some(theirs.clone());
    }
    let is_timed = conjuncts.iter().any(|it| matches!(it.path, Path::Own(Own::CreatedAt | Own::UpdatedAt)));
    if filter.is_some() && found.is_none() && !is_timed {
        return Err(refused(definition, "filter", &missing));
    }
    let everything = || vec![Lead::Created(Access::All)];
    let (few, parts) = match &by {
        By::Creation => match found {
            Some(found) if !serve::is_unordered(&found) => (None, found),
            found => (found, theirs.unwrap_or_else(everything)),
        },
        By::Update => (found, vec![Lead::Other(Access::Updated), Lead::Created(Access::All)]),
        By::Field(path) => {
            let index = serve::ready(definition, path);
            let index = index.ok_or_else(|| refused(definition, "order_by", &[path.to_string()]))?;
            let narrowed = conjuncts.iter().find(|comparison| comparison.path == *path);
            let slices = narrowed.map_or_else(|| vec![serve::whole(index)], |it| serve::ranges(index, it));
            let few = found.filter(|found| narrowed.is_none() || !serve::is_unordered(found));
            (few, slices.into_iter().map(|slice| Lead::Other(Access::Indexed(slice))).collect())
        }
    };
    if parts.len() > MAX_PARTS || few.as_ref().is_some_and(|few| few.len() > MAX_PARTS) {
        let detail = format!("filter asks for more alternatives than {MAX_PARTS}: ask in several lists");
        return Err(Error::new(Code::InvalidArgument, detail));
    }
    let descending = order.is_none_or(|order| order.descending);
    let created = created(&conjuncts);
    Ok(Plan { by, descending, few, parts, filter: filter.cloned(), owner: owner.to_owned(), created })
}

fn comparison(expr: &Expr) -> Option<&Comparison> {
    match expr {
        Expr::Comparison(comparison) => Some(comparison),
        _ => None,
    }
}

/// The times of creation between which all records are that the conjuncts admit.
fn created(conjuncts: &[&Comparison]) -> (i64, i64) {
    let (mut first, mut last) = (i64::MIN, i64::MAX);
    for comparison in conjuncts {
        let Literal::Time(time) = &comparison.literal else { continue };
        let time = time.as_microsecond();
        // What was last written before a time was made before it.
        let is_created = comparison.path == Path::Own(Own::CreatedAt);
        if is_created && matches!(comparison.op, Op::Greater | Op::GreaterOrEqual | Op::Equal | Op::Has) {
            first = first.max(time);
        }
        if matches!(comparison.op, Op::Less | Op::LessOrEqual | Op::Equal | Op::Has) {
            last = last.min(time);
        }
    }
    (first, last)
}

fn refused(definition: &Definition, of: &str, missing: &[String]) -> Error {
    let is_building = |path: &&String| {
        let building = definition.indexes.iter().filter(|index| index.state != IndexState::Ready);
        building.filter_map(|index| Path::data(&index.path).ok()).any(|indexed| indexed.to_string() == **path)
    };
    let detail = match missing.iter().find(is_building).or(missing.first()) {
        None => {
            format!("{of} would read the whole collection: NOT alone cannot use an index, add a comparison beside it")
        }
        Some(path) if Own::ALL.iter().any(|own| own.name() == path) => {
            format!("{of} would read the whole collection: beside {path}, compare an indexed field with AND")
        }
        Some(path) if is_building(&path) => {
            format!("{of} needs the index of {path}, which is still being built: ask again")
        }
        Some(path) => format!("{of} would read the whole collection: add {path:?} to the collection's indexes"),
    };
    Error::new(Code::NotIndexed, detail)
}

impl Plan {
    /// Whether the record is asked for.
    pub(super) fn admits(&self, at: &Position, row: &Row) -> bool {
        let subject = query::Subject {
            id: &at.id,
            owner: row.owner.as_deref(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
            data: &row.data,
        };
        let is_owned = self.owner.is_empty() || row.owner.as_deref() == Some(&self.owner);
        is_owned && self.filter.as_ref().is_none_or(|filter| filter.matches(&subject))
    }

    /// Whether each record to which the parts lead must be looked at before it is shown.
    pub(super) fn checks(&self) -> bool {
        let is_owners = |lead: &Lead| matches!(lead, Lead::Created(Access::OwnedBy(owner)) if *owner == self.owner);
        self.filter.is_some() || (!self.owner.is_empty() && !self.parts.iter().all(is_owners))
    }

    /// Where the list begins, if not at its end.
    pub(super) fn begin(&self) -> Option<Position> {
        let (first, last) = self.created;
        let at = |created_at| Some(Position { created_at, ..Position::default() });
        match self.by {
            By::Creation if self.descending && last < i64::MAX => at(last + 1),
            By::Creation if !self.descending && first > i64::MIN => at(first),
            _ => None,
        }
    }

    /// Whether no record from here on was made when it was asked for.
    pub(super) fn is_over(&self, row: &Row) -> bool {
        let (first, last) = self.created;
        self.by == By::Creation && if self.descending { row.created_at < first } else { row.created_at > last }
    }

    /// Where a record stands in the list.
    pub(super) fn place(&self, at: Position, row: &Row) -> Position {
        let key = match &self.by {
            By::Creation => Vec::new(),
            By::Update => sortable(row.updated_at).to_vec(),
            By::Field(path) => {
                let [found] = &query::keys(&row.data, std::slice::from_ref(path))[..] else { return at };
                found.own.clone().truncated().0.as_bytes().to_vec()
            }
        };
        Position { key, ..at }
    }
}

/// For the administrator who asks why a list is slow.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match &self.by {
            By::Creation => "created_at".to_owned(),
            By::Update => "updated_at".to_owned(),
            By::Field(path) => path.to_string(),
        };
        write!(f, "by {by}{}; ", if self.descending { ", descending" } else { "" })?;
        if let Some(few) = &self.few {
            write!(f, "sorted if few: {}; otherwise in order: ", told(few))?;
        }
        f.write_str(&told(&self.parts))?;
        f.write_str(if self.checks() { "; each is checked" } else { "; none needs a check" })
    }
}

fn told(leads: &[Lead]) -> String {
    let mut told: Vec<String> = leads.iter().map(Lead::to_string).collect();
    told.dedup();
    told.join(" + ")
}
