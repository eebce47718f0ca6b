use query::{Filter, Order};
use skep_proto::Code;
use uuid::Uuid;

use super::plan::plan;
use crate::store::{Definition, Index, IndexState};

fn definition() -> Definition {
    let index = |path: &str, state| Index { path: path.into(), id: Uuid::now_v7(), state };
    let ready = ["author", "rating", "tags"].map(|path| index(path, IndexState::Ready));
    let indexes = ready.into_iter().chain([index("late", IndexState::Building(7))]).collect();
    Definition { indexes, ..Definition::default() }
}

fn planned(owner: &str, filter: &str, order: &str) -> Result<String, (Code, String)> {
    let filter = (!filter.is_empty()).then(|| Filter::parse(filter).unwrap());
    let order = (!order.is_empty()).then(|| Order::parse(order).unwrap());
    let plan = plan(&definition(), owner, filter.as_ref(), order.as_ref());
    plan.map(|plan| plan.to_string()).map_err(|error| (error.code, error.detail))
}

#[test]
fn the_cheapest_access_that_gives_the_order_leads() {
    for (owner, filter, order, told) in [
        ("", "", "", "by created_at, descending; all records; none needs a check"),
        ("ann", "", "", "by created_at, descending; an owner's records; none needs a check"),
        ("", r#"author = "Ann""#, "", "by created_at, descending; one value in an index; each is checked"),
        ("", r#"rating > 4 AND author = "Ann""#, "created_at", "by created_at; one value in an index; each is checked"),
        ("ann", "rating > 4", "", "by created_at, descending; an owner's records; each is checked"),
        ("", r#"id = "a" AND author = "Ann""#, "", "by created_at, descending; one record; each is checked"),
        (
            "",
            "rating > 4",
            "",
            "by created_at, descending; sorted if few: a range of an index; otherwise in order: all records; each is checked",
        ),
        ("", "rating > 4", "rating", "by rating; a range of an index; each is checked"),
        ("", "", "rating desc", "by rating, descending; a range of an index; none needs a check"),
        (
            "",
            r#"author = "Ann""#,
            "rating",
            "by rating; sorted if few: one value in an index; otherwise in order: a range of an index; each is checked",
        ),
        ("", "", "updated_at", "by updated_at; what was written again + all records; none needs a check"),
        ("", r#"created_at > "2026-01-01T00:00:00Z""#, "", "by created_at, descending; all records; each is checked"),
    ] {
        assert_eq!(planned(owner, filter, order), Ok(told.to_owned()), "{owner} {filter} {order}");
    }
}

#[test]
fn what_no_index_serves_is_refused_with_the_index_that_would() {
    for (filter, order, names) in [
        ("stars > 4", "", r#"add "stars" to the collection's indexes"#),
        (r#"author = "Ann" OR a.b = 3"#, "", r#"add "a.b" to"#),
        ("", "stars", r#"order_by would read the whole collection: add "stars""#),
        ("late = 1", "", "needs the index of late, which is still being built"),
        (r#"NOT author = "Ann""#, "", "add a comparison beside it"),
        ("", "version desc", "order_by cannot be version"),
    ] {
        let (code, detail) = planned("", filter, order).unwrap_err();
        assert_eq!(code, Code::NotIndexed, "{filter} {order}");
        assert!(detail.contains(names), "{detail}");
    }
    let many = (0..100).map(|n| format!("rating = {n}")).collect::<Vec<_>>().join(" OR ");
    planned("", &many, "").unwrap();
    let many = (0..70).map(|n| format!("tags:{n}")).collect::<Vec<_>>().join(" OR ");
    assert_eq!(planned("", &many, "").unwrap_err().0, Code::InvalidArgument);
}
