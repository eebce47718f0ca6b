//! Keeps an address: connects to it, asks how it is, leaves it out and takes it back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue,
    header::{CONTENT_TYPE, TE},
    uri::PathAndQuery,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    balancer::Balancer,
    connection::{self, Fault, exchange},
    endpoint::{Endpoint, Sender, Standing},
};

/// How often an address is asked how it is, and how long it may take to say.
const EVERY: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(1);
/// So many silences end a connection.
const SILENCES: u32 = 3;
/// Between attempts to connect; it doubles up to that.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long an address rests whose calls broke; it doubles with each time up to that, and begins anew after as long.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

const CLOSED: &str = "the connection is closed";

/// `HealthCheckRequest` of `grpc.health.v1` about the whole server, with the prefix of a gRPC message.
const ASKED: &[u8] = &[0, 0, 0, 0, 0];
/// `HealthCheckResponse` with the status (field 1) `SERVING` (1).
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

/// Keeps `endpoint` for ever. One that closes a connection and takes the next at once was not away.
pub(super) async fn keep(endpoint: Arc<Endpoint>, balancer: Arc<Balancer>) {
    let (mut pause, mut rest) = (PAUSE, Rest { next: REST, until: Instant::now() });
    loop {
        let begun = Instant::now();
        let ended = match connection::connect(endpoint.address, &endpoint.host, balancer.tls.as_deref()).await {
            Ok((sender, closed)) => serve(&endpoint, &balancer, sender, closed, &mut rest).await,
            Err(error) => Err(format!("{error:#}")),
        };
        endpoint.connected(None);
        match ended {
            Ok(()) => pause = PAUSE,
            Err(why) => endpoint.stand(Standing::Away, &why),
        }
        if begun.elapsed() < LONGEST_PAUSE || endpoint.standing() == Standing::Away {
            // Not all gates at once.
            sleep(pause.mul_f32(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Asks by one connection until that is closed.
///
/// # Errors
///
/// Why it is of no use any more, or never was.
async fn serve(
    endpoint: &Endpoint,
    balancer: &Balancer,
    mut sender: Sender,
    mut closed: JoinHandle<()>,
    rest: &mut Rest,
) -> Result<(), String> {
    let (mut answered, mut silences) = (false, 0);
    loop {
        tokio::select! {
            _ = &mut closed => return if answered { Ok(()) } else { Err(CLOSED.to_owned()) },
            () = sleep_until(rest.until) => {}
        }
        let health = timeout(WITHIN, ask(endpoint, &mut sender)).await;
        match health.unwrap_or_else(|_| Err("it is silent".to_owned())) {
            Ok(standing) => {
                (answered, silences) = (true, 0);
                endpoint.connected(Some(sender.clone()));
                endpoint.stand(standing, "it says that it does not serve");
                balancer.up.notify_waiters();
            }
            Err(_) if answered && sender.is_closed() => return Ok(()),
            Err(why) => {
                silences += 1;
                if !answered || silences == SILENCES {
                    return Err(why);
                }
                endpoint.stand(Standing::Out, &why);
            }
        }
        tokio::select! {
            _ = &mut closed => return Ok(()),
            () = endpoint.suspicion.notified() => rest.begin(),
            () = sleep(EVERY) => {}
        }
    }
}

/// How it stands by its health service.
///
/// # Errors
///
/// Why that says nothing.
async fn ask(endpoint: &Endpoint, sender: &mut Sender) -> Result<Standing, String> {
    let mut request =
        endpoint.request(&PathAndQuery::from_static("/grpc.health.v1.Health/Check"), Bytes::from_static(ASKED));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    match exchange(sender, request).await {
        Ok(answer) => {
            let is_serving = answer.into_body().to_bytes() == SERVING;
            Ok(if is_serving { Standing::In } else { Standing::Out })
        }
        Err(Fault::Unsent) => Err(CLOSED.to_owned()),
        Err(Fault::Broken(error)) => Err(format!("{error:#}")),
    }
}

/// When an address may be asked again whose calls broke.
struct Rest {
    next: Duration,
    until: Instant,
}

impl Rest {
    fn begin(&mut self) {
        let now = Instant::now();
        if now > self.until + LONGEST_REST {
            self.next = REST;
        }
        self.until = now + self.next;
        self.next = (self.next * 2).min(LONGEST_REST);
    }
}
