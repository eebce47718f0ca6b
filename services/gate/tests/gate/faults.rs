//! What a client is told when storage does not do its part.

use std::{future::pending, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gate::{Limits, backend::Local};
use skep_proto::{Code, Error};

use crate::house::{Answer, Disturbed, Routes};

async fn told(
    before: impl Fn(&'static str) -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
) -> Answer {
    let limits = Limits { call: Duration::from_millis(100), ..Limits::default() };
    let routes = Routes::over(|engine| Arc::new(Disturbed { real: Local::new(engine), before }), limits).await;
    let ready = routes.get("/readyz").await;
    assert!(ready.status.as_u16() >= 500, "{ready:?}");
    assert_eq!(routes.get("/livez").await.status, 200);
    routes.get("/v1/collections/c/records/a").await
}

#[tokio::test]
async fn a_storage_that_never_answers_is_waited_for_so_long() {
    let answer = told(|_| Box::pin(pending())).await;
    assert_eq!(answer.problem(), (503, "deadline_exceeded".into()));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_storage_out_of_reach_is_told_as_such() {
    let answer = told(|_| Box::pin(async { Err(Error::new(Code::Unavailable, "no quorum")) })).await;
    assert_eq!(answer.problem(), (503, "unavailable".into()));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn faults_of_ours_keep_their_cause_to_themselves() {
    for code in [Code::Internal, Code::Unauthenticated] {
        let answer = told(move |_| Box::pin(async move { Err(Error::new(code, "table at 10.0.0.7 is gone")) })).await;
        assert_eq!(answer.problem(), (500, "internal".into()));
        assert!(!String::from_utf8_lossy(&answer.body).contains("10.0.0.7"));
    }
}

#[tokio::test]
async fn a_panic_is_a_fault_of_one_request() {
    let answer = told(|_| Box::pin(async { panic!("a fault that a test injects") })).await;
    assert_eq!(answer.problem(), (500, "internal".into()));
}
