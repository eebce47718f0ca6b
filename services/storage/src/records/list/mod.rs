//! Pages of a collection: what is asked for, how it is found, and where it goes on.

mod gather;
mod merge;
mod plan;
mod serve;
#[cfg(test)]
mod tests;

use query::{Fields, Filter, Order};
use skep_proto::{Code, Error};

use self::gather::Gathered;
use super::{Record, Records, naming::check_account};
use crate::{
    listing::{self, PAGE_BYTES, page_size},
    names,
    store::{Bounds, Result},
};

/// What a list asks for; empty texts ask for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// How many records; 0 for 30.
    pub page_size: i32,
    /// Of the page before.
    pub page_token: &'a str,
    /// In the language of [`query::Filter`].
    pub filter: &'a str,
    /// A field, and `desc`.
    pub order_by: &'a str,
    /// Only what this account made.
    pub owner: &'a str,
    /// The fields that are shown.
    pub fields: &'a str,
    /// Whether the records are counted that the pages hold together.
    pub count: bool,
    /// Whether the plan is told.
    pub explain: bool,
    /// Whether there is a token behind every record, also the last.
    pub always_token: bool,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Of the next page; empty at the end.
    pub next_page_token: String,
    /// How many records there are in all, if that was asked.
    pub count: Option<Count>,
    /// How they were found, if that was asked.
    pub plan: String,
}

/// How many records there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// So many.
    pub records: u64,
    /// And maybe more.
    pub more: bool,
}

impl Records {
    /// A page of `collections/{collection}`, newest first if no order is given.
    ///
    /// # Errors
    /// `invalid_argument` for a query that cannot be read, with its place; `not_indexed` for one that would have to read the whole
    /// collection, with the index that would help.
    pub async fn list(&self, parent: &str, query: &Query<'_>) -> Result<Listed> {
        let definition = self.collections.find(names::collection(parent)?).await?;
        let read = |text: &str| (!text.is_empty()).then_some(text.to_owned());
        let filter =
            read(query.filter).map(|text| Filter::parse(&text)).transpose().map_err(|at| fault("filter", &at))?;
        let order = read(query.order_by).map(|text| Order::parse(&text)).transpose();
        let order = order.map_err(|at| fault("order_by", &at))?;
        let fields =
            read(query.fields).map(|text| Fields::parse(&text)).transpose().map_err(|at| fault("fields", &at))?;
        let bounds = Bounds { records: page_size(query.page_size)?, bytes: PAGE_BYTES };
        if !query.owner.is_empty() {
            check_account(query.owner)?;
        }
        let plan = plan::plan(&definition, query.owner, filter.as_ref(), order.as_ref())?;

        let (filter, order) = (filter.map(|it| it.expr().to_string()), order.map(|it| it.to_string()));
        let (filter, order) = (filter.unwrap_or_default(), order.unwrap_or_default());
        let bound: [&[u8]; 5] =
            [b"records", definition.uid.as_bytes(), filter.as_bytes(), order.as_bytes(), query.owner.as_bytes()];
        let token = (!query.page_token.is_empty()).then_some(query.page_token);
        let after = token.map(|token| listing::decode(&bound, token)).transpose()?;
        let Gathered { records, next } = gather::page(&*self.store, definition.uid, &plan, after, bounds).await?;
        let last = records.last().map(|(at, _)| at.clone()).filter(|_| query.always_token);
        let next = next.or(last);
        let count = if query.count { Some(gather::count(&*self.store, definition.uid, &plan).await?) } else { None };
        let records = records.into_iter().map(|(at, mut row)| {
            if let Some(fields) = &fields {
                row.data = fields.project(&row.data).map(|shown| shown.into_owned().into()).unwrap_or_default();
            }
            Record { id: at.id, row }
        });
        Ok(Listed {
            records: records.collect(),
            next_page_token: next.map(|next| listing::encode(&bound, &next)).transpose()?.unwrap_or_default(),
            count,
            plan: if query.explain { plan.to_string() } else { String::new() },
        })
    }
}

fn fault(of: &str, fault: &query::Fault) -> Error {
    Error::new(Code::InvalidArgument, format!("{of}, {fault}"))
}
