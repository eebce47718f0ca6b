//! The lists of owners: in windows of several lengths, with entries too many, and of a collection that is dropped.

use std::time::Instant;

use skep_proto::{Contract, Local, mutation, v1::*};
use storage::store::cassandra::{Cassandra, Lifetime};
use tonic::Request;
use uuid::Uuid;

use crate::{
    dividing::{ENOUGH, MONTH, SECOND, another, defined, named_at, patiently},
    opened::{ALONE, replica, serving, sweep},
    tables::Tables,
};

async fn create(replica: &dyn Contract, parent: &str, time: i64, caller: &str) -> String {
    let record = Some(Record { data: "{}".into(), ..Default::default() });
    let (parent, caller, mutation_id) = (parent.to_owned(), caller.to_owned(), named_at(time).to_string());
    let asked = CreateRecordRequest { parent, caller, record, mutation_id, ..Default::default() };
    patiently(async || replica.create_record(Request::new(asked.clone())).await).await.record.unwrap().name
}

async fn delete(replica: &dyn Contract, name: &str) {
    let mutation_id = mutation::new().to_string();
    let asked = DeleteRecordRequest { name: name.to_owned(), mutation_id, ..Default::default() };
    patiently(async || replica.delete_record(Request::new(asked.clone())).await).await;
}

/// The names of what `owner` owns.
async fn list(replica: &dyn Contract, parent: &str, owner: &str, page_size: i32) -> Vec<String> {
    let (mut names, mut page_token, parent) = (Vec::new(), String::new(), parent.to_owned());
    let filter = format!("owner = \"{owner}\"");
    loop {
        let asked = ListRecordsRequest {
            parent: parent.clone(),
            filter: filter.clone(),
            page_size,
            page_token,
            ..Default::default()
        };
        let page = patiently(async || replica.list_records(Request::new(asked.clone())).await).await;
        names.extend(page.records.into_iter().map(|record| record.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

fn id(name: &str) -> &str {
    name.rsplit('/').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_an_owner_goes_through_windows_of_every_length() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, now) = ("collections/owned", mutation::now());
    let (settings, _, tables) = defined("owned").await;
    let regimes = [
        (i64::MIN, MONTH, 4),
        (now - 180 * SECOND, 10 * SECOND, 4),
        (now - 120 * SECOND, SECOND, 1),
        (now - 30 * SECOND, 60 * SECOND, 2),
    ];
    tables.divide("owned", &regimes).await?;
    let replica = another(&settings).await;
    let mut made = Vec::new();
    for number in 0..240 {
        let owner = ["ann", "bob", ""][number % 3];
        made.push(create(&replica, parent, now - (240 - i64::try_from(number)?) * SECOND, owner).await);
    }
    for name in made.iter().skip(9).step_by(9) {
        delete(&replica, name).await;
    }
    let stays = |number: &usize| *number == 0 || !number.is_multiple_of(9);
    let anns: Vec<_> = (0..240).step_by(3).rev().filter(stays).map(|number| made[number].clone()).collect();
    let bobs: Vec<_> = made.iter().skip(1).step_by(3).cloned().rev().collect();
    for size in [7, 30, 1000] {
        assert_eq!(list(&replica, parent, "ann", size).await, anns, "pages of {size}");
        assert_eq!(list(&another(&settings).await, parent, "bob", size).await, bobs, "pages of {size}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emptied_windows_of_an_owner_are_no_wall() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, now) = ("collections/taken", mutation::now());
    let (settings, _, tables) = defined("taken").await;
    tables.divide("taken", &[(i64::MIN, SECOND, 4)]).await?;
    let replica = another(&settings).await;
    let kept = create(&replica, parent, now - 200 * SECOND, "ann").await;
    let noted = tables.windows().await?;
    let [(_, anns)] = tables.lists().await?[..] else { panic!("one list") };
    tables.note(anns, (0..1_000).map(|number| (now / SECOND - 2_000 + number) * SECOND)).await?;
    let begun = Instant::now();
    let (names, pages) = (list(&replica, parent, "ann", 30).await, list(&replica, parent, "bob", 30).await);
    assert!(begun.elapsed() < 10 * ENOUGH, "{:?}", begun.elapsed());
    assert_eq!((names, pages), (vec![kept], vec![]));
    assert_eq!(tables.windows().await?, noted, "the emptied windows are not walked again");
    Ok(())
}

/// Puts an entry into a list, as who died has left it there.
async fn stray(tables: &Tables, list: Uuid, created_at: i64, id: &str) -> anyhow::Result<()> {
    let window = created_at - created_at.rem_euclid(MONTH);
    tables.note(list, [window].into_iter()).await?;
    let values = format!("({list}, {window}, {created_at}, '{id}') USING TIMESTAMP {}", created_at - MONTH);
    tables.run(&format!("INSERT INTO owned (list, window, created_at, id) VALUES {values}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_is_shown_nothing_but_what_the_row_says() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, now) = ("collections/strays", mutation::now());
    let (_, replica, tables) = defined("strays").await;
    let anns = create(&replica, parent, now - SECOND, "ann").await;
    let bobs = create(&replica, parent, now, "bob").await;
    let [(bobs_list, _)] = tables.owned(id(&bobs)).await?[..] else { panic!("one entry") };
    let [(_, created_at)] = tables.owned(id(&anns)).await?[..] else { panic!("one entry") };
    // Another's; one whose record is to follow; more than a page holds of those that nobody will ever make.
    stray(&tables, bobs_list, created_at, id(&anns)).await?;
    stray(&tables, bobs_list, now - 2 * SECOND, "to-follow").await?;
    for number in 0..40 {
        stray(&tables, bobs_list, now - 90_000 * SECOND - number, "never").await?;
    }
    for size in [1, 30] {
        assert_eq!(list(&replica, parent, "bob", size).await, [bobs.as_str()], "pages of {size}");
    }
    assert_eq!(tables.owned("never").await?, []);
    assert_eq!((tables.owned("to-follow").await?.len(), tables.owned(id(&anns)).await?.len()), (1, 2));
    assert_eq!(list(&replica, parent, "ann", 1).await, [anns]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_arrives_late_stays_out_of_the_list() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, (settings, other, tables)) = ("collections/late", defined("late").await);
    // After the definition and the window: before the list, its window, its entry, the record's entry.
    for statements in 3..7 {
        let lifetime = Lifetime::default();
        let slow = Local::new(serving(Cassandra::open_for(settings.clone(), lifetime.clone())?).await?);
        let mutation_id = mutation::new().to_string();
        let name = format!("{parent}/records/{mutation_id}");
        let (record, caller) = (Some(Record { data: "{}".into(), ..Default::default() }), "ann".to_owned());
        let asked = CreateRecordRequest { parent: parent.into(), record, caller, mutation_id, ..Default::default() };
        lifetime.ends_after(statements);
        let meanwhile = async {
            lifetime.ended().await;
            let asked = CreateRecordRequest { attempt: 1, ..asked.clone() };
            patiently(async || other.create_record(Request::new(asked.clone())).await).await;
            assert_eq!(list(&other, parent, "ann", 0).await, [name.as_str()]);
            delete(&other, &name).await;
            lifetime.ends_after(u32::MAX);
        };
        let mut late = slow.create_record(Request::new(asked.clone()));
        tokio::select! {
            biased;
            () = meanwhile => {}
            answer = &mut late => panic!("made in {statements} statements: {answer:?}"),
        }
        late.await?;
        assert_eq!(tables.owned(id(&name)).await?, [], "before statement {statements}");
        assert_eq!(list(&other, parent, "ann", 0).await, [""; 0]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_the_lists_of_a_dropped_collection() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (parent, now) = ("collections/left", mutation::now());
    let (settings, _, tables) = defined("left").await;
    tables.divide("left", &[(i64::MIN, SECOND, 4)]).await?;
    let engine = replica(settings).await?;
    let replica = Local::new(engine.clone());
    // More windows than are read at once; and somebody who has nothing any more.
    for number in 0..80 {
        create(&replica, parent, now - number * 2 * SECOND, "ann").await;
        create(&replica, parent, now, &format!("one-{number}")).await;
    }
    delete(&replica, &create(&replica, parent, now, "gone").await).await;
    assert_eq!((tables.count("owned").await?, tables.count("owners").await?), (160, 82));
    let asked = DeleteCollectionRequest { name: parent.into(), force: true };
    replica.delete_collection(Request::new(asked)).await?;
    tables.age(tables.dropped().await?["left"]).await?;
    while sweep(&engine).await? {}
    for table in ["windows", "owned", "owners"] {
        assert_eq!(tables.count(table).await?, 0, "{table}");
    }
    Ok(())
}
