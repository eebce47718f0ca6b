//! Death between two statements, or a long stop, for tests.

use tokio::sync::watch;

/// How many statements a store still sends. Before the next one it stands still, and nothing of it goes on until it is
/// given more: to drop it then is what the end of its process would be there. Clones share what is left.
#[derive(Clone, Debug)]
pub struct Lifetime(watch::Sender<i64>);

impl Default for Lifetime {
    /// Without end.
    fn default() -> Self {
        Self(watch::Sender::new(i64::MAX))
    }
}

impl Lifetime {
    /// From here on it sends so many statements, and those before which it stands.
    pub fn ends_after(&self, statements: u32) {
        self.0.send_replace(statements.into());
    }

    /// Waits until it stands still before a statement.
    pub async fn ended(&self) {
        let _ = self.0.subscribe().wait_for(|left| *left < 0).await;
    }

    /// Takes one statement from what is left.
    pub(super) async fn spend(&self) {
        self.0.send_modify(|left| *left = left.saturating_sub(1).max(-1));
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|left| *left >= 0).await;
    }
}
