use super::*;

const WRITERS: usize = 8;
const WRITES: usize = 10;

async fn all_of<F: Future<Output: Send + 'static> + Send + 'static>(writer: impl Fn(usize) -> F) -> Vec<F::Output> {
    let writers: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(writer(number))).collect();
    let mut results = Vec::new();
    for writer in writers {
        results.push(writer.await.expect("a writer"));
    }
    results
}

pub async fn conditional_increments_count_exactly(house: House) {
    house.upsert("count", r#"{"n":0}"#, "").await.unwrap();
    all_of(|_| {
        let house = house.clone();
        async move {
            let mut done = 0;
            while done < WRITES {
                let read = house.get("count").await.expect("the counter");
                let n: usize =
                    text(&read).trim_start_matches(r#"{"n":"#).trim_end_matches('}').parse().expect("a number");
                match house.upsert("count", &format!(r#"{{"n":{}}}"#, n + 1), &read.etag).await {
                    Ok(_) => done += 1,
                    Err(code) => assert_eq!(code, Code::PreconditionFailed),
                }
            }
        }
    })
    .await;
    let counted = house.get("count").await.unwrap();
    assert_eq!(text(&counted), format!(r#"{{"n":{}}}"#, WRITERS * WRITES));
    assert_eq!(counted.version, i64::try_from(WRITERS * WRITES + 1).unwrap());
}

pub async fn unconditional_patches_all_apply(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    all_of(|writer| {
        let house = house.clone();
        async move {
            for write in 0..WRITES {
                house.merge("bee", &format!(r#"{{"w{writer}-{write}":1}}"#), "").await.expect("a patch");
            }
        }
    })
    .await;
    let patched = house.get("bee").await.unwrap();
    assert_eq!(text(&patched).matches('w').count(), WRITERS * WRITES);
}

pub async fn one_of_many_creators_wins(house: House) {
    for round in 0..WRITES {
        let results = all_of(|writer| {
            let house = house.clone();
            async move {
                let data = format!(r#"{{"by":{writer}}}"#);
                let record_id = format!("r{round}");
                house.ask_create(CreateRecordRequest { record_id, record: body(&data), ..Default::default() }).await
            }
        })
        .await;
        let winner = results.iter().find_map(|result| result.as_ref().ok()).expect("a winner");
        assert_eq!(results.iter().filter(|result| **result == Err(Code::RecordExists)).count(), WRITERS - 1);
        assert_eq!(&house.get(&format!("r{round}")).await.unwrap(), winner);
    }
}

pub async fn a_crowd_on_one_record_is_served(house: House) {
    house.upsert("bee", "{}", "").await.unwrap();
    let crowd: Vec<_> = (0..150)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.upsert("bee", "{}", "").await })
        })
        .collect();
    for writer in crowd {
        writer.await.unwrap().expect("a write");
    }
    assert_eq!(house.get("bee").await.unwrap().version, 151);
}
