use std::collections::HashSet;

use super::*;

fn of(owner: &str) -> ListRecordsRequest {
    ListRecordsRequest { filter: format!("owner = \"{owner}\""), ..Default::default() }
}

impl House {
    /// A record of that owner, made by each way in turn.
    async fn make(&self, owner: &str, number: usize) -> Record {
        let asked = CreateRecordRequest { caller: owner.into(), record: body("{}"), ..Default::default() };
        let (key, chosen) = (format!("k{number}"), format!("r{number}"));
        match number % 4 {
            0 => self.ask_create(CreateRecordRequest { idempotency_key: key, ..asked }).await.unwrap(),
            1 => self.ask_create(CreateRecordRequest { record_id: chosen, ..asked }).await.unwrap(),
            2 => self.put_by(owner, &chosen).await,
            _ => self.ask_create(asked).await.unwrap(),
        }
    }

    async fn put_by(&self, caller: &str, id: &str) -> Record {
        let asked = UpdateRecordRequest { allow_missing: true, caller: caller.into(), ..Default::default() };
        self.put(id, "{}", "", asked).await.unwrap().0
    }

    async fn owned(&self, owner: &str, page_size: i32) -> Vec<Record> {
        self.every(ListRecordsRequest { page_size, ..of(owner) }).await
    }
}

pub async fn shows_what_an_account_made(house: House) {
    let (mut anns, mut bobs) = (Vec::new(), Vec::new());
    for number in 0..30 {
        match number % 5 {
            0 | 3 => anns.push(house.make("ann", number).await),
            1 => bobs.push(house.make("bob", number).await),
            2 => bobs.push(house.make("b\"\\é", number).await),
            _ => drop(house.make("", number).await),
        }
    }
    bobs.retain(|record| record.owner == "bob");
    // A record stays its maker's, whoever changes it.
    for (number, record) in anns.iter_mut().enumerate().step_by(2) {
        *record = house.put_by(["bob", ""][number % 4 / 2], id(record)).await;
    }
    let gone: Vec<_> = anns.iter().step_by(3).map(|record| id(record).to_owned()).collect();
    for id in &gone {
        house.delete(id, "").await.unwrap();
    }
    anns.retain(|record| !gone.contains(&id(record).to_owned()));
    anns.reverse();
    bobs.reverse();
    for size in [1, 3, 0] {
        assert_eq!(house.owned("ann", size).await, anns, "{size}");
        assert_eq!(house.owned("bob", size).await, bobs, "{size}");
    }
    assert_eq!(house.owned(r#"b\"\\\u00e9"#, 2).await.len(), 6);
    assert_eq!(house.owned("an", 2).await, []);
    let all = house.all(0).await;
    for record in anns.iter().chain(&bobs) {
        assert_eq!(&house.get(id(record)).await.unwrap(), record);
        assert!(all.contains(record));
    }
}

pub async fn follows_who_made_a_record_again(house: House) {
    let fresh = house.make("ann", 3).await;
    // Named by a clock that is ahead: all its lives begin in the same microsecond.
    let mut ahead = *skep_proto::mutation::new().as_bytes();
    ahead[..6].copy_from_slice(&(skep_proto::mutation::now() / 1000 + 50_000).to_be_bytes()[2..]);
    let mutation_id = Uuid::from_bytes(ahead).to_string();
    let asked = CreateRecordRequest { caller: "ann".into(), mutation_id, record: body("{}"), ..Default::default() };
    let ahead = house.ask_create(asked).await.unwrap();
    for name in [id(&ahead), id(&fresh), "bee"] {
        for (owner, other) in [("ann", "bob"), ("bob", "ann"), ("bob", "ann"), ("ann", "bob"), ("", "ann")] {
            let made = match house.get(name).await {
                Ok(made) if made.owner == owner => made,
                _ => house.put_by(owner, name).await,
            };
            assert_eq!(made.owner, owner);
            assert!(name != id(&ahead) || made.create_time == ahead.create_time);
            let listed = |listed: Vec<Record>| listed.iter().any(|record| id(record) == name);
            assert_eq!(listed(house.owned("ann", 1).await), owner == "ann", "{name} of {owner}");
            assert_eq!(listed(house.owned(if owner.is_empty() { "bob" } else { owner }, 1).await), !owner.is_empty());
            assert!(!listed(house.owned(other, 1).await), "{name} of {owner}");
            house.delete(name, "").await.unwrap();
            assert!(!listed(house.owned("ann", 1).await) && !listed(house.owned("bob", 1).await), "{name}");
        }
    }
    house.put_by("ann", "bee").await;
    house.delete_collection(&house.name, true).await.unwrap();
    house.define(&house.name).await.unwrap();
    assert_eq!(house.owned("ann", 1).await, []);
}

pub async fn neither_repeats_nor_skips_what_stays(house: House) {
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    for number in 0..24 {
        let record = house.make("ann", number).await;
        if number % 3 == 0 { go.push(record) } else { stay.push(id(&record).to_owned()) }
    }
    let (mut seen, mut asked, mut come) = (Vec::new(), ListRecordsRequest { page_size: 3, ..of("ann") }, 100);
    loop {
        let page = house.ask_page(asked.clone()).await.unwrap();
        seen.extend(page.records.iter().map(|record| id(record).to_owned()));
        if page.next_page_token.is_empty() {
            break;
        }
        asked.page_token = page.next_page_token;
        house.make("ann", come).await;
        house.merge(&stay[come % stay.len()], r#"{"changed":1}"#, "").await.unwrap();
        // The one where the listing stands goes, and comes as another's.
        if let Some(last) = seen.last().filter(|last| !stay.contains(last)) {
            house.delete(last, "").await.unwrap();
            house.put_by("bob", last).await;
        } else if let Some(gone) = go.pop() {
            let _ = house.delete(id(&gone), "").await;
        }
        come += 1;
    }
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "nothing is repeated");
    assert!(stay.iter().all(|stays| unique.contains(stays)), "nothing that stays is skipped");
}

pub async fn bounds_the_pages_of_an_owner(house: House) {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(900_000));
    for _ in 0..6 {
        let asked = CreateRecordRequest { caller: "ann".into(), record: body(&large), ..Default::default() };
        house.ask_create(asked).await.unwrap();
    }
    let page = house.ask_page(ListRecordsRequest { page_size: 1000, ..of("ann") }).await.unwrap();
    assert!(page.records.len() <= 4 && !page.next_page_token.is_empty(), "a page ends at 4 MiB");
    assert_eq!(house.owned("ann", 1000).await.len(), 6);
}

pub async fn binds_its_tokens_to_the_filter(house: House) {
    for number in 0..6 {
        house.make(["ann", "bob"][number % 2], number).await;
    }
    let token = |asked| async { house.ask_page(asked).await.unwrap().next_page_token };
    let one = |owner| ListRecordsRequest { page_size: 1, ..of(owner) };
    let (anns, alls) =
        (token(one("ann")).await, token(ListRecordsRequest { page_size: 1, ..Default::default() }).await);
    let spaced = ListRecordsRequest { filter: "\towner=\"ann\" ".into(), page_token: anns.clone(), ..one("ann") };
    assert_eq!(house.ask_page(spaced).await.unwrap().records.len(), 1, "the same filter, however it is written");
    for (filter, page_token) in [("bob", &anns), ("ann", &alls)] {
        let asked = ListRecordsRequest { page_token: page_token.clone(), ..of(filter) };
        assert_eq!(house.ask_page(asked).await.unwrap_err(), Code::InvalidPageToken);
    }
    assert_eq!(house.page(1, &anns).await.unwrap_err(), Code::InvalidPageToken);
}
