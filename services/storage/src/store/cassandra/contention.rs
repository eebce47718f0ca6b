//! Writers of one Paxos partition end each other's rounds, and a round that was ended answers as a time-out. So they
//! step aside for a while before they try again.

use std::time::Duration;

/// The longest pause before the second attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(20);
const DOUBLED: u32 = 5;

/// Steps aside before attempt `number`, counted from 0, for a random while.
pub(super) async fn step_aside(number: u32) {
    if number > 0 {
        let longest = PAUSE * 2_u32.pow(number.min(DOUBLED) - 1);
        tokio::time::sleep(longest.mul_f64(rand::random())).await;
    }
}
