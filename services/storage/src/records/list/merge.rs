//! Several accesses as one list.

use std::{cmp::Ordering, collections::VecDeque};

use uuid::Uuid;

use super::{
    plan::{By, Plan},
    serve::Lead,
};
use crate::store::{Access, Bounds, Key, Page, Position, Result, Row, Store, sortable};

/// What a [`Merge`] gives.
pub(super) enum Step {
    /// A record, and where it stands.
    Record(Position, Row),
    /// Nothing more up to here.
    Nothing(Position),
    /// Nothing more at all.
    End,
}

/// The records of a plan's parts in its order, one after the other; one that several parts lead to is given once.
pub(super) struct Merge<'a> {
    store: &'a dyn Store,
    collection: Uuid,
    plan: &'a Plan,
    parts: Vec<Part>,
    /// What was given last.
    last: Option<Position>,
    bounds: Bounds,
}

struct Part {
    lead: Lead,
    found: VecDeque<(Position, Row)>,
    /// Behind what it goes on, if it has begun.
    after: Option<Position>,
    is_at_end: bool,
    has_begun: bool,
}

impl<'a> Merge<'a> {
    /// From behind `after`, reading as much at once as `bounds` say.
    pub(super) fn new(
        store: &'a dyn Store,
        collection: Uuid,
        plan: &'a Plan,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Self {
        let part = |lead: &Lead| Part {
            lead: lead.clone(),
            found: VecDeque::new(),
            after: after.map(|after| resumed(lead, &plan.by, after)),
            is_at_end: false,
            has_begun: false,
        };
        let parts = plan.parts.iter().map(part).collect();
        Self { store, collection, plan, parts, last: after.cloned(), bounds }
    }

    /// What comes next. A part that gave nothing is not read on at once: it may go so for long.
    pub(super) async fn next(&mut self) -> Result<Step> {
        loop {
            for part in &mut self.parts {
                if !part.has_begun {
                    part.read(self.store, self.collection, self.plan, self.bounds).await?;
                }
            }
            let parts = self.parts.iter_mut().filter_map(|part| Some((part.stands(&self.plan.by)?, part)));
            let Some((at, part)) = parts.min_by(|(a, _), (b, _)| self.plan.order(a, b)) else { return Ok(Step::End) };
            let Some((at, row)) = part.found.pop_front() else {
                part.read(self.store, self.collection, self.plan, self.bounds).await?;
                return Ok(Step::Nothing(at));
            };
            // A record found by several parts, and one that a part cannot begin behind.
            let is_new = self.last.as_ref().is_none_or(|last| self.plan.order(last, &at).is_lt());
            if is_new {
                self.last = Some(at.clone());
                return Ok(Step::Record(at, row));
            }
        }
    }

    /// Whether there is nothing more.
    pub(super) fn is_at_end(&self) -> bool {
        self.parts.iter().all(|part| part.found.is_empty() && part.is_at_end)
    }
}

impl Part {
    /// Where its next record stands, or up to where it has none.
    fn stands(&self, by: &By) -> Option<Position> {
        match (self.found.front(), &self.after) {
            (Some((at, _)), _) => Some(at.clone()),
            (None, Some(after)) if !self.is_at_end => Some(placed(by, after.clone(), after.created_at)),
            _ => None,
        }
    }

    async fn read(&mut self, store: &dyn Store, collection: Uuid, plan: &Plan, bounds: Bounds) -> Result<()> {
        let page = self.lead.read(store, collection, plan.descending, self.after.as_ref(), bounds).await?;
        (self.has_begun, self.is_at_end, self.after) = (true, page.next.is_none(), page.next);
        // Reads of the embedded store wait for nothing, and others want to be served.
        tokio::task::yield_now().await;
        for (at, row) in page.records {
            // Of those that were written again there are entries.
            let again = row.updated_at != row.created_at;
            if plan.by == By::Update && self.lead == Lead::Created(Access::All) && again {
                continue;
            }
            let at = placed(&plan.by, at, row.updated_at);
            self.found.push_back((at, row));
        }
        Ok(())
    }
}

impl Lead {
    /// The next records that it leads to, in its own order.
    pub(super) async fn read(
        &self,
        store: &dyn Store,
        collection: Uuid,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        match self {
            Self::One(id) => {
                let row = store.read(Key { collection, id }).await?.filter(Row::is_alive);
                let at = |row: &Row| Position { created_at: row.created_at, id: id.clone(), key: Vec::new() };
                Ok(Page { records: row.map(|row| (at(&row), row)).into_iter().collect(), next: None })
            }
            Self::Created(access) | Self::Other(access) => {
                store.scan(collection, access, descending, after, bounds).await
            }
        }
    }
}

/// Where a record stands in the whole list, that stands so in a part and was last written then.
fn placed(by: &By, at: Position, updated_at: i64) -> Position {
    match by {
        By::Creation => Position { key: Vec::new(), ..at },
        // Among those that were written again it stands by that.
        By::Update if at.key.is_empty() => Position { key: sortable(updated_at).to_vec(), ..at },
        By::Update | By::Field(_) => at,
    }
}

/// Where a part goes on that is behind `after` in the whole list.
fn resumed(lead: &Lead, by: &By, after: &Position) -> Position {
    let mut at = after.clone();
    match lead {
        Lead::Created(Access::Indexed(slice)) => at.key.clone_from(&slice.from),
        // Its place there is its creation, as if that were its last write.
        Lead::Created(Access::All) if *by == By::Update => {
            let updated_at = after.key.as_slice().try_into().map_or(0, i64::from_be_bytes) ^ i64::MIN;
            if updated_at != after.created_at {
                at = Position { created_at: updated_at, ..Position::default() };
            }
            at.key.clear();
        }
        _ => {}
    }
    at
}

impl Plan {
    /// Which of two records comes first.
    pub(super) fn order(&self, a: &Position, b: &Position) -> Ordering {
        let ascending = (&a.key, a.created_at, &a.id).cmp(&(&b.key, b.created_at, &b.id));
        if self.descending { ascending.reverse() } else { ascending }
    }
}
