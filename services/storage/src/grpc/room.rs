//! Calls at once: what is more is refused before anything of it is read.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, FutureExt};
use skep_proto::{Code, Error};
use tokio::sync::Semaphore;
use tonic::{
    Status,
    body::Body,
    codegen::{
        Service,
        http::{Request, Response},
    },
    server::NamedService,
};

/// How many calls are served at once, over all services that share it.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new(calls: usize) -> Self {
        Self(Arc::new(Semaphore::new(calls)))
    }

    /// Serves calls as long as there is room.
    pub(super) fn bound<S>(&self, service: S) -> Bounded<S> {
        Bounded { service, room: self.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Bounded<S> {
    service: S,
    room: Room,
}

impl<S: NamedService> NamedService for Bounded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Ok(place) = self.room.0.clone().try_acquire_owned() else {
            metrics::counter!("skep_storage_calls_shed_total").increment(1);
            let refused = Error::new(Code::Overloaded, "storage has as much to do as it can; ask again");
            return std::future::ready(Ok(Status::from(refused).into_http())).boxed();
        };
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(place);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_finds_no_room_is_refused_and_who_leaves_makes_some() {
        let (room, go_on) = (Room::new(1), Arc::new(Notify::new()));
        let waits = go_on.clone();
        let mut service = room.bound(tower::service_fn(move |_| {
            let waits = waits.clone();
            async move {
                waits.notified().await;
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        }));
        let mut call = || service.call(Request::new(Body::empty()));
        let (first, second) = (call(), call());
        let refused = Status::from_header_map(second.await.unwrap().headers()).unwrap();
        assert_eq!(Error::from(refused).code, Code::Overloaded);
        go_on.notify_one();
        assert!(first.await.unwrap().headers().is_empty());
        go_on.notify_one();
        assert!(call().await.unwrap().headers().is_empty());
    }
}
