use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use integration::{House, Program, Rest, eventually};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    Outcome,
    crud::{NOTES, all, define},
};

const DRAIN: Duration = Duration::from_secs(20);

/// A request whose head the gate has read, and which waits for the body.
async fn begun(house: &House, body: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(house.gate.door("rest")?).await?;
    let length = body.len();
    let head = format!(
        "POST {NOTES} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut told = [0; 25];
    stream.read_exact(&mut told).await?;
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    Ok(stream)
}

async fn what_is_in_flight_finishes(mut house: House) -> Outcome {
    define(&house.rest()?, "notes").await?;
    let body = json!({"data": {"late": true}}).to_string();
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(begun(&house, &body).await?);
    }
    house.gate.signal(nix::sys::signal::Signal::SIGTERM)?;
    let door = house.gate.door("rest")?;
    eventually("the door is shut", DRAIN, async || TcpStream::connect(door).await.err()).await?;
    for stream in &mut streams {
        stream.write_all(body.as_bytes()).await?;
    }
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
    let begun = Instant::now();
    assert!(house.gate.ended().await?.success());
    assert!(begun.elapsed() < Duration::from_secs(5), "nothing was left to wait for");
    house.gate.restart().await?;
    assert_eq!(all(&house.rest()?, NOTES, 30).await?.len(), 8);
    Ok(())
}

#[tokio::test]
async fn who_asks_whether_it_is_ready_learns_that_it_stops() -> Outcome {
    let mut house = House::one().await?;
    let ready = async || Rest::new(house.gate.door("rest")?).get("/readyz").await;
    ready().await?.expect(200);
    house.gate.signal(nix::sys::signal::Signal::SIGTERM)?;
    let told = async || ready().await.ok().filter(|answer| answer.status != 200);
    let told = eventually("it says so by a connection that is new", DRAIN, told).await?.problem(503, "unavailable");
    assert_eq!(told.header("connection"), "close");
    let begun = Instant::now();
    assert!(house.gate.ended().await?.success());
    assert!(begun.elapsed() < Duration::from_secs(5), "then nothing is waited for");
    Ok(())
}

#[tokio::test]
async fn what_is_in_flight_finishes_in_one_process() -> Outcome {
    what_is_in_flight_finishes(House::one().await?).await
}

#[tokio::test]
async fn what_is_in_flight_finishes_in_a_gate() -> Outcome {
    what_is_in_flight_finishes(House::two().await?).await
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_hold_it_up() -> Outcome {
    let mut house = House { gate: Program::skep()?.env("DRAIN_SECONDS", "2").start().await?, storage: None };
    define(&house.rest()?, "notes").await?;
    let body = json!({"data": {}}).to_string();
    let _stuck = begun(&house, &body).await?;
    let _idle = TcpStream::connect(house.engine().door("grpc")?).await?;
    let begun = Instant::now();
    assert!(house.gate.terminate().await?.success());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    Ok(())
}

/// What clients that write without a pause were told.
#[derive(Default)]
struct Told {
    stopping: AtomicBool,
    acknowledged: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
}

async fn write_on(rest: Rest, told: Arc<Told>) -> Outcome {
    loop {
        match rest.post(NOTES).json(json!({"data": {}})).await {
            Ok(answer) => {
                let id = answer.expect(201).json()["id"].as_str().unwrap_or_default().to_owned();
                told.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                told.count.fetch_add(1, Relaxed);
            }
            Err(error) => {
                anyhow::ensure!(told.stopping.load(Relaxed), "before it was stopped: {error:#}");
                return Ok(());
            }
        }
    }
}

#[tokio::test]
async fn sigterm_under_load_ends_well() -> Outcome {
    for house in [House::one().await?, House::two().await?] {
        sigterm_under_load(house).await?;
    }
    Ok(())
}

async fn sigterm_under_load(mut house: House) -> Outcome {
    define(&house.rest()?, "notes").await?;
    let told = Arc::new(Told::default());
    let rest = house.rest()?;
    let clients: Vec<_> = (0..16).map(|_| tokio::spawn(write_on(rest.clone(), Arc::clone(&told)))).collect();
    eventually("a load", DRAIN, async || (told.count.load(Relaxed) > 200).then_some(())).await?;
    told.stopping.store(true, Relaxed);
    let begun = Instant::now();
    assert!(house.gate.terminate().await?.success());
    assert!(begun.elapsed() < DRAIN + Duration::from_secs(2), "{:?}", begun.elapsed());
    for client in clients {
        client.await??;
    }
    if let Some(storage) = &mut house.storage {
        assert!(storage.terminate().await?.success());
        storage.restart().await?;
    }
    house.gate.restart().await?;
    let kept = all(&house.rest()?, NOTES, 1000).await?;
    let kept: BTreeSet<_> = kept.iter().filter_map(|record| record["id"].as_str().map(str::to_owned)).collect();
    let acknowledged = told.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(acknowledged.is_subset(&kept), "{:?}", acknowledged.difference(&kept).collect::<Vec<_>>());
    Ok(())
}
