//! Death between two statements, a long stop, or an answer that is lost, for tests.

use std::time::Duration;

use tokio::sync::watch;

use super::watched::Pace;

/// How many statements a store still sends. Before the next one it stands still, and nothing of it goes on until it is
/// given more: to drop it then is what the end of its process would be there. Clones share what is left.
#[derive(Clone, Debug)]
pub struct Lifetime {
    left: watch::Sender<i64>,
    /// Answers that still come before one is lost; below 0 it was.
    answers: watch::Sender<i64>,
    /// How its indexes change.
    pub(super) pace: Pace,
}

impl Default for Lifetime {
    /// Without end; and what is to be done for indexes is left to others, so that their statements do not come between.
    fn default() -> Self {
        let pace = Pace { idle: Duration::MAX, ..Pace::default() };
        Self { left: watch::Sender::new(i64::MAX), answers: watch::Sender::new(i64::MAX), pace }
    }
}

impl Lifetime {
    /// Without end, of a store whose indexes change at this pace.
    pub fn at(pace: Pace) -> Self {
        Self { pace, ..Self::default() }
    }

    /// From here on it sends so many statements, and those before which it stands.
    pub fn ends_after(&self, statements: u32) {
        self.left.send_replace(statements.into());
    }

    /// Waits until it stands still before a statement.
    pub async fn ended(&self) {
        let _ = self.left.subscribe().wait_for(|left| *left < 0).await;
    }

    /// From here on so many answers come, and then one is lost: its statement was made, and fails as a time-out does.
    pub fn loses_an_answer_after(&self, answers: u32) {
        self.answers.send_replace(answers.into());
    }

    /// Whether it lost that answer.
    pub fn has_lost(&self) -> bool {
        *self.answers.borrow() < 0
    }

    /// Whether this answer is the one.
    pub(super) fn loses(&self) -> bool {
        self.answers.send_if_modified(|answers| {
            *answers = answers.saturating_sub(1).max(-2);
            *answers == -1
        })
    }

    /// Takes one statement from what is left.
    pub(super) async fn spend(&self) {
        self.left.send_modify(|left| *left = left.saturating_sub(1).max(-1));
        // The sender lives as long as this.
        let _ = self.left.subscribe().wait_for(|left| *left >= 0).await;
    }
}
