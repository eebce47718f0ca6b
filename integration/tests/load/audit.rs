use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use skep_proto::Code;

use super::{
    COUNT, Load,
    client::Client,
    door::{Door, Seen},
    figures::Figures,
    history::out_of_order,
};

const AT_ONCE: usize = 8;

impl<D: Door> Load<'_, D> {
    /// Compares what the store holds, by list and by get, with what was acknowledged.
    pub(crate) async fn audit(&self) -> Figures {
        let millis = |micros: u64| Duration::from_millis(micros / 1000);
        let mut figures = Figures {
            fault: self.fault.clone(),
            requests: self.requests.load(SeqCst),
            repeated: self.repeated.load(SeqCst),
            failed: self.failed.lock().unwrap().clone(),
            stale: self.stale.lock().unwrap().clone(),
            promised: self.promised,
            slowest: millis(self.slowest_micros.load(SeqCst)),
            lost: Vec::new(),
            doubled: Vec::new(),
        };
        figures.stale.extend(out_of_order(&self.history.lock().unwrap()));
        let client = Client::new(self, 0);
        self.audit_count(&client, &mut figures).await;
        let listed = self.listed(&client, &mut figures).await;
        self.audit_records(&client, &listed, &mut figures).await;
        figures
    }

    async fn audit_count(&self, client: &Client<'_, D>, figures: &mut Figures) {
        let count = client.ask(async |door, _| door.get(&self.collection, COUNT).await).await.unwrap();
        let (made, unknown) = (self.increments.load(SeqCst), self.unknown_increments.load(SeqCst));
        if count.n < made {
            figures.lost.push(format!("{made} increments, and the count is {}", count.n));
        }
        if count.n > made + unknown {
            figures.doubled.push(format!("{made} increments ({unknown} unknown), and the count is {}", count.n));
        }
        if u64::try_from(count.version).unwrap() != count.n + 1 {
            figures.doubled.push(format!("the count is {} at version {}", count.n, count.version));
        }
    }

    async fn listed(&self, client: &Client<'_, D>, figures: &mut Figures) -> BTreeMap<String, Seen> {
        let (mut listed, mut lives, mut token) = (BTreeMap::new(), BTreeSet::new(), String::new());
        loop {
            let page = async |door: &D, _| door.page(&self.collection, &token).await;
            let (records, next) = client.ask(page).await.unwrap();
            for record in records {
                if !lives.insert(record.of.clone()) {
                    figures.doubled.push(format!("{} is there twice", record.of));
                }
                if listed.insert(record.id.clone(), record.clone()).is_some() {
                    figures.doubled.push(format!("{} is listed twice", record.id));
                }
            }
            if next.is_empty() {
                return listed;
            }
            token = next;
        }
    }

    async fn audit_records(&self, client: &Client<'_, D>, listed: &BTreeMap<String, Seen>, figures: &mut Figures) {
        let (known, unknown) = (self.known.lock().unwrap().clone(), self.unknown.lock().unwrap().clone());
        for (id, record) in listed {
            if id != COUNT && !known.contains_key(id) && !unknown.contains(&record.of) {
                figures.doubled.push(format!("{id} of {}: nobody was told of it", record.of));
            }
        }
        let got = stream::iter(&known).map(async |(id, expected)| {
            let got = client.ask(async |door, _| door.get(&self.collection, id).await).await;
            let of = got.as_ref().map_or_else(|_| String::new(), |got| got.of.clone());
            let got = match got {
                Ok(got) => Some(got.version),
                Err(code) => {
                    assert_eq!(code, Code::RecordNotFound, "{id}");
                    None
                }
            };
            (id, *expected, got, of)
        });
        let mut got = std::pin::pin!(got.buffer_unordered(AT_ONCE));
        while let Some((id, expected, got, of)) = got.next().await {
            let shown = listed.get(id).map(|record| record.version);
            if shown != got {
                figures.lost.push(format!("{id}: got {got:?}, listed {shown:?}"));
            }
            if got != expected && !unknown.contains(&of) {
                figures.lost.push(format!("{id}: {got:?}, and {expected:?} was acknowledged"));
            }
        }
    }
}
