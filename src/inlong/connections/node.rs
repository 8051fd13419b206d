//! One node: where it is, how it fares.

use std::sync::Arc;

use super::NodeAddress;

#[derive(Debug)]
pub(super) struct Node {
    /// The cluster or the group whose connections to it are shared.
    pub(super) scope: u32,
    pub(super) address: Arc<NodeAddress>,
    /// Nodes with a low rank are used first.
    pub(super) rank: u64,
    /// Whether anything has to do with it; of meaning only while new ones are numbered.
    pub(super) is_taken: bool,
    /// Whether frames go to it.
    pub(super) is_used: bool,
    /// Whether there is to be a connection.
    pub(super) is_kept: bool,
    /// Whether there is a connection that has answered.
    pub(super) is_there: bool,
    /// Whether there is one that is still not there although there was time.
    pub(super) is_slow: bool,
    /// How often it was lost.
    pub(super) epoch: u64,
    /// When it was lost last.
    pub(super) lost_at: u64,
    /// How often in a row.
    pub(super) failures: u32,
    /// No connection before this time.
    pub(super) retry_at: u64,
    /// What it said last of its load, the newest last.
    pub(super) loads: Vec<u32>,
}

/// How many loads the mean is of.
const LOADS: usize = 30;

impl Node {
    pub(super) fn new(scope: u32, address: NodeAddress, rank: u64) -> Self {
        Self {
            scope,
            address: Arc::new(address),
            rank,
            is_taken: true,
            is_used: false,
            is_kept: false,
            is_there: false,
            is_slow: false,
            epoch: 0,
            lost_at: 0,
            failures: 0,
            retry_at: 0,
            loads: Vec::new(),
        }
    }

    pub(super) fn note_load(&mut self, load: u32) {
        if self.loads.len() == LOADS {
            self.loads.remove(0);
        }
        self.loads.push(load);
    }

    /// The mean, in which the newest weighs most.
    pub(super) fn load(&self) -> Option<u32> {
        let (mut sum, mut weights) = (0, 0);
        for (place, &load) in self.loads.iter().enumerate() {
            let weight = place as u64 + 1;
            sum += u64::from(load) * weight;
            weights += weight;
        }
        sum.checked_div(weights).map(|mean| mean as u32)
    }
}
