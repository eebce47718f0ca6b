use std::time::{Duration, Instant};

use super::*;

/// Far beyond what it takes to index the few records of a test, and until all replicas know that.
const BUILT: Duration = Duration::from_mins(5);
const INDEXES: [&str; 4] = ["author", "rating", "tags", "at.place"];
const FILTERS: [&str; 24] = [
    r#"author = "Ann""#,
    r#"author = "Ann" AND rating >= 4"#,
    r#"author = "Ann" OR author = "Bob""#,
    r#"author = "Ann" OR rating = 2 OR tags:"b""#,
    "author = null",
    "author = 7",
    "rating > 3",
    "rating >= 3 AND rating < 5",
    "rating != 3",
    r#"rating < """#,
    "rating:3",
    "rating:*",
    r#"tags:"a""#,
    r#"tags:"a" AND tags:"b""#,
    r#"tags = "a""#,
    "tags:7",
    r#"at.place = "hive""#,
    r#"at.place:"x" AND NOT author = "Ann""#,
    r#"author = "Ann" AND other = 3"#,
    r#"id = "r7" OR id = "r9" OR id = "nobody""#,
    r#"owner = "ann" AND rating > 2"#,
    r#"created_at > "2020-01-01T00:00:00Z""#,
    r#"updated_at > "2020-01-01T00:00:00Z" AND rating = 1"#,
    r#"created_at < "2020-01-01T00:00:00Z""#,
];
const ORDERS: [&str; 8] =
    ["", "created_at", "updated_at desc", "updated_at", "rating", "rating desc", "author desc", "tags"];

fn asked(filter: &str, order_by: &str, page_size: i32) -> ListRecordsRequest {
    ListRecordsRequest { filter: filter.into(), order_by: order_by.into(), page_size, ..Default::default() }
}

impl House {
    async fn index(&self, indexes: &[&str]) -> Collection {
        let indexes = indexes.iter().map(|path| (*path).to_owned()).collect();
        let collection = Some(Collection { name: self.name.clone(), indexes, ..Default::default() });
        let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
        self.contract.update_collection(Request::new(asked)).await.unwrap().collection.unwrap()
    }

    /// Another collection, that had these indexes before it had records.
    pub(super) async fn beside(mut self, indexes: &[&str]) -> Self {
        self.name.push('i');
        assert!(self.index(indexes).await.index_states.iter().all(|index| index.ready));
        self
    }

    /// Waits until lists use every index.
    async fn indexed(&self) {
        let begun = Instant::now();
        loop {
            let asked = GetCollectionRequest { name: self.name.clone() };
            let known = self.contract.get_collection(Request::new(asked)).await.unwrap().collection.unwrap();
            if known.index_states.iter().all(|index| index.ready) {
                return;
            }
            assert!(begun.elapsed() < BUILT, "{known:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Records of many kinds, some of them written again, and some deleted.
    async fn furnish(&self) {
        for number in 0..60 {
            let author = ["\"Ann\"", "\"Bob\"", "null", "7", "[\"Ann\"]", "\"\"", "{\"Ann\":1}"][number % 7];
            let rating = ["1", "2", "3.0", "4", "5e0", "\"3\"", "null", "true", "9007199254740993"][number % 9];
            let tags = [r#"["a","b"]"#, r#""a""#, "[]", r#"["b",7,"b"]"#, r#"{"a":1}"#][number % 5];
            let rating = if number % 4 == 0 { String::new() } else { format!(r#","rating":{rating}"#) };
            let at = [r#","at":{"place":"hive"}"#, r#","at":{"place":["x"]}"#, ""][number % 3];
            let data = format!(r#"{{"author":{author},"tags":{tags},"other":{number}{rating}{at}}}"#);
            let caller = ["ann", "bob", ""][number % 3].into();
            self.put(
                &format!("r{number}"),
                &data,
                "",
                UpdateRecordRequest { caller, allow_missing: true, ..Default::default() },
            )
            .await
            .unwrap();
        }
        for number in (0..60).step_by(5) {
            let patch =
                [r#"{"author":"Ann"}"#, r#"{"rating":null}"#, r#"{"tags":["c","a"],"rating":4}"#][number / 5 % 3];
            self.merge(&format!("r{number}"), patch, "").await.unwrap();
        }
        for number in [3, 20, 21, 59] {
            self.delete(&format!("r{number}"), "").await.unwrap();
        }
    }

    /// What a walk through all records shows.
    async fn walked(&self, filter: &str, order_by: &str) -> Vec<Record> {
        walk::chosen(self.all(0).await, filter, order_by)
    }
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(id).collect()
}

pub async fn finds_what_a_walk_finds(house: House) {
    let house = house.beside(&INDEXES).await;
    house.furnish().await;
    let mut shown = 0;
    for filter in FILTERS.into_iter().chain([""]) {
        for order_by in ORDERS {
            let walked = house.walked(filter, order_by).await;
            for size in [1000, 7] {
                let found = house.every(asked(filter, order_by, size)).await;
                assert_eq!(ids(&found), ids(&walked), "{filter} by {order_by:?}, pages of {size}");
                assert_eq!(found, walked);
            }
            shown += walked.len();
        }
    }
    assert!(shown > 1_000, "{shown}");
}

pub async fn builds_an_index_of_what_is_there(house: House) {
    house.furnish().await;
    let first = house.index(&["author", "at.place"]).await;
    house.create(r#"{"author":"Ann"}"#).await;
    house.indexed().await;
    let found = async |filter: &str| house.every(asked(filter, "", 7)).await;
    for filter in [r#"author = "Ann""#, r#"at.place = "hive""#] {
        assert_eq!(found(filter).await, house.walked(filter, "").await, "{filter}");
    }
    // Another index is added, and one dropped and made again: of what was written meanwhile nothing is missing.
    house.index(&["rating", "at.place"]).await;
    house.merge("r1", r#"{"author":"Ann"}"#, "").await.unwrap();
    house.delete("r7", "").await.unwrap();
    let again = house.index(&["author", "rating"]).await;
    assert_ne!(again.etag, first.etag);
    house.indexed().await;
    for filter in [r#"author = "Ann""#, "rating >= 2"] {
        assert_eq!(found(filter).await, house.walked(filter, "").await, "{filter}");
    }
    assert_eq!(house.ask_page(asked(r#"at.place = "hive""#, "", 0)).await.unwrap_err(), Code::NotIndexed);
}

pub async fn refuses_what_no_index_serves(house: House) {
    let house = house.beside(&["author"]).await;
    let code = async |filter: &str, order_by: &str| house.ask_page(asked(filter, order_by, 0)).await.unwrap_err();
    for filter in
        ["rating = 3", r#"author = "Ann" OR rating = 3"#, r#"NOT author = "Ann""#, "version = 1", "owner = null"]
    {
        assert_eq!(code(filter, "").await, Code::NotIndexed, "{filter}");
    }
    for order_by in ["rating", "author.name desc", "id", "version"] {
        assert_eq!(code("", order_by).await, Code::NotIndexed, "{order_by}");
    }
    for (filter, order_by) in
        [("author", ""), ("author = Ann", ""), (" ", ""), ("", "author up"), (&"(".repeat(5_000), "")]
    {
        assert_eq!(code(filter, order_by).await, Code::InvalidArgument, "{filter:.20} {order_by}");
    }
}

pub async fn binds_its_tokens_to_the_query(house: House) {
    let house = house.beside(&["author", "rating"]).await;
    house.furnish().await;
    let queries = [
        ("", ""),
        ("", "rating"),
        ("", "rating desc"),
        (r#"author = "Ann""#, ""),
        (r#"author = "Bob""#, ""),
        ("", "updated_at"),
    ];
    for (filter, order_by) in queries {
        let token = house.ask_page(asked(filter, order_by, 2)).await.unwrap().next_page_token;
        for other in queries {
            let asked = ListRecordsRequest { page_token: token.clone(), ..asked(other.0, other.1, 2) };
            let answer = house.ask_page(asked).await;
            assert_eq!(answer.is_ok(), other == (filter, order_by), "{filter:?} {order_by:?}, {other:?}");
        }
    }
}

pub async fn counts_and_chooses_fields(house: House) {
    let house = house.beside(&["author"]).await;
    house.furnish().await;
    for filter in ["", r#"author = "Ann""#, "author > 7", r#"author = "nobody""#] {
        let page = house.ask_page(ListRecordsRequest { count: true, ..asked(filter, "", 1) }).await.unwrap();
        let walked = house.walked(filter, "").await;
        let count = page.count.unwrap();
        assert_eq!((count.records, count.more), (i64::try_from(walked.len()).unwrap(), false), "{filter}");
    }
    let shown = async |read_mask: &str| {
        let asked = ListRecordsRequest { read_mask: read_mask.into(), ..asked(r#"id = "r1""#, "", 0) };
        text(&house.ask_page(asked).await.unwrap().records[0]).to_owned()
    };
    assert_eq!(shown("at.place,other").await, r#"{"other":1,"at":{"place":["x"]}}"#);
    assert_eq!(shown("id").await, "");
    let explained = house.ask_page(ListRecordsRequest { explain: true, ..asked(r#"author = "Ann""#, "", 1) }).await;
    assert!(explained.unwrap().plan.contains("one value in an index"));
}

pub async fn follows_what_changes(house: House) {
    let house = house.beside(&["n"]).await;
    let of = async |n: u32| house.every(asked(&format!("n = {n}"), "", 3)).await;
    for _ in 0..3 {
        for (n, other) in [(1, 2), (2, 1), (1, 2)] {
            house.upsert("bee", &format!(r#"{{"n":{n}}}"#), "").await.unwrap();
            assert_eq!((ids(&of(n).await), of(other).await), (vec!["bee"], vec![]));
        }
        house.delete("bee", "").await.unwrap();
        assert_eq!((of(1).await, of(2).await), (vec![], vec![]));
    }
    // A value longer than what an index keeps of it.
    let long = "x".repeat(1_500);
    for end in ["a", "b"] {
        house.create(&format!(r#"{{"n":"{long}{end}"}}"#)).await;
    }
    for (filter, found) in
        [(format!(r#"n = "{long}a""#), 1), (format!(r#"n > "{long}a""#), 1), (format!(r#"n >= "{long}""#), 2)]
    {
        assert_eq!(house.every(asked(&filter, "n", 1)).await.len(), found, "{filter:.10}");
    }
}
