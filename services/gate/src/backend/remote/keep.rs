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

/// `HealthCheckRequest` of `grpc.health.v1` about the whole server, with the prefix of a gRPC message.
const ASKED: &[u8] = &[0, 0, 0, 0, 0];
/// `HealthCheckResponse` with the status (field 1) `SERVING` (1).
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

/// Keeps `endpoint` for ever.
pub(super) async fn keep(endpoint: Arc<Endpoint>, balancer: Arc<Balancer>) {
    let (mut pause, mut rest) = (PAUSE, Rest { next: REST, until: Instant::now() });
    loop {
        let why = match connection::connect(endpoint.address).await {
            Ok((sender, closed)) => {
                let why = serve(&endpoint, &balancer, sender, closed, &mut rest).await;
                pause = if endpoint.standing() == Standing::In { PAUSE } else { pause };
                why
            }
            Err(error) => format!("{error:#}"),
        };
        endpoint.connected(None);
        endpoint.stand(Standing::Away, &why);
        // Not all gates at once.
        sleep(pause.mul_f32(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Asks by one connection until that is of no use any more; says why.
async fn serve(
    endpoint: &Endpoint,
    balancer: &Balancer,
    mut sender: Sender,
    mut closed: JoinHandle<()>,
    rest: &mut Rest,
) -> String {
    let mut silences = 0;
    loop {
        tokio::select! {
            _ = &mut closed => return "the connection is closed".to_owned(),
            () = sleep_until(rest.until) => {}
        }
        let health = timeout(WITHIN, ask(endpoint, &mut sender)).await;
        match health.unwrap_or_else(|_| Health::Silent("it is silent".to_owned())) {
            Health::Serving => {
                silences = 0;
                endpoint.connected(Some(sender.clone()));
                endpoint.stand(Standing::In, "");
                balancer.up.notify_waiters();
            }
            Health::NotServing => {
                silences = 0;
                endpoint.connected(Some(sender.clone()));
                endpoint.stand(Standing::Out, "it says that it does not serve");
                balancer.up.notify_waiters();
            }
            Health::Silent(why) => {
                silences += 1;
                if silences == SILENCES || sender.is_closed() || endpoint.standing() == Standing::Away {
                    return why;
                }
                endpoint.stand(Standing::Out, &why);
            }
        }
        tokio::select! {
            _ = &mut closed => return "the connection is closed".to_owned(),
            () = endpoint.suspicion.notified() => rest.begin(),
            () = sleep(EVERY) => {}
        }
    }
}

enum Health {
    Serving,
    NotServing,
    Silent(String),
}

/// Asks its health service.
async fn ask(endpoint: &Endpoint, sender: &mut Sender) -> Health {
    let mut request =
        endpoint.request(&PathAndQuery::from_static("/grpc.health.v1.Health/Check"), Bytes::from_static(ASKED));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    match exchange(sender, request).await {
        Ok(answer) => {
            if answer.into_body().to_bytes() == SERVING {
                Health::Serving
            } else {
                Health::NotServing
            }
        }
        Err(Fault::Unsent) => Health::Silent("the connection is closed".to_owned()),
        Err(Fault::Broken(error)) => Health::Silent(format!("{error:#}")),
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
