//! A statement is made and its answer is lost, each in turn: what was asked for is done once, whoever asks again.

use std::sync::Arc;

use skep_proto::{Code, Contract, Local};
use storage::store::cassandra::{Cassandra, Lifetime};

use crate::{
    load::door::{Door, Told, Wanted, Write},
    opened::{self, ALONE, serving},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Create,
    CreateKeyed,
    Replace,
    ReplaceKeyed,
    Delete,
    DeleteKeyed,
}

const ASKS: [Ask; 6] = [Ask::Create, Ask::CreateKeyed, Ask::Replace, Ask::ReplaceKeyed, Ask::Delete, Ask::DeleteKeyed];
const NEVER: u32 = u32::MAX;
const COLLECTION: &str = "lost-answers";

impl Ask {
    /// The version that it leaves of what is at 1, or is not; 0 for no record.
    fn leaves(self) -> i64 {
        match self {
            Self::Create | Self::CreateKeyed => 1,
            Self::Replace | Self::ReplaceKeyed => 2,
            Self::Delete | Self::DeleteKeyed => 0,
        }
    }

    async fn ask(self, replica: &Arc<dyn Contract>, id: &str, write: Write) -> Told<i64> {
        let wanted = Wanted { id, of: "", n: 2, etag: "" };
        match self {
            Self::Create => replica.create(COLLECTION, wanted, write).await.map(|record| record.version),
            Self::CreateKeyed => {
                replica.create(COLLECTION, Wanted { id: "", ..wanted }, write).await.map(|record| record.version)
            }
            Self::Replace | Self::ReplaceKeyed => {
                replica.replace(COLLECTION, wanted, write).await.map(|record| record.version)
            }
            Self::Delete | Self::DeleteKeyed => replica.delete(COLLECTION, id, write).await.map(|()| 0),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_loses_an_answer_is_made_once() {
    let _guard = ALONE.read().await;
    let (settings, lifetime) = (opened::shared_settings().await, Lifetime::default());
    let engine = serving(Cassandra::open_for(settings, lifetime.clone()).unwrap()).await.unwrap();
    let replica: Arc<dyn Contract> = Arc::new(Local::new(engine));
    replica.define(COLLECTION).await.unwrap();
    for ask in ASKS {
        let mut settled = 0;
        for answers in 0.. {
            let (what, id) = (format!("{ask:?}, lost after {answers}"), format!("{ask:?}-{answers}"));
            if !matches!(ask, Ask::Create | Ask::CreateKeyed) {
                let wanted = Wanted { id: &id, of: "", n: 1, etag: "" };
                replica.create(COLLECTION, wanted, Write::new(false)).await.unwrap();
            }
            let keyed = matches!(ask, Ask::CreateKeyed | Ask::ReplaceKeyed | Ask::DeleteKeyed);
            let write = Write::new(keyed);
            lifetime.loses_an_answer_after(answers);
            let told = ask.ask(&replica, &id, write).await;
            let lost = lifetime.has_lost();
            lifetime.loses_an_answer_after(NEVER);
            match told {
                Ok(version) => assert_eq!(version, ask.leaves(), "{what}"),
                Err(code) => assert_eq!(code, Code::Unavailable, "{what}"),
            }
            settled += u32::from(lost && told.is_ok());
            let again = ask.ask(&replica, &id, Write { attempt: 1, ..write }).await;
            assert_eq!(again, Ok(ask.leaves()), "{what}, again");
            if ask != Ask::CreateKeyed {
                let shown = replica.get(COLLECTION, &id).await.map_or(0, |record| record.version);
                assert_eq!(shown, ask.leaves(), "{what}");
            }
            if !lost {
                break;
            }
        }
        // Of a lightweight transaction it is found out what became of it.
        assert!(settled > 0, "{ask:?}");
    }
}
