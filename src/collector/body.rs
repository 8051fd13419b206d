//! Reading bodies: bounded in length, time and, over all requests, in memory.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much of a body that is too long is read and thrown away, so that a client which sends first and reads
/// then gets to see its answer.
const MAX_DISCARDED: u64 = 64 << 20;

/// How much of it is kept to show.
const KEPT: usize = 64 << 10;

/// The memory that all bodies which are being read and decoded may take together, in KiB.
const BUDGET_KIB: usize = 256 << 10;

/// A body, and its share of the memory for as long as this lives.
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

/// Why there is none.
pub(super) enum Failure {
    /// It is longer than allowed; its length as far as it was declared or seen, and its beginning.
    TooLong(u64, Vec<u8>),
    /// It did not arrive in time; what did.
    TooSlow(Vec<u8>),
    /// The connection broke or the framing is invalid.
    Broken,
}

/// Gives out the shares.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

impl Budget {
    /// A share without waiting, for bytes that are there already; `None` when there is no room.
    pub(super) fn share(&self, kib: usize) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_many_owned(u32::try_from(kib).ok()?).ok()
    }

    pub(super) async fn read(
        &self,
        mut body: Incoming,
        max: usize,
        timeout: Duration,
    ) -> Result<Received, Failure> {
        let declared = body.size_hint().exact();
        if let Some(len) = declared.filter(|len| *len > max as u64) {
            // What is claimed and not sent is not to fill the counters.
            let len = len.min(MAX_CLAIMED);
            return Err(Failure::TooLong(len, discard(&mut body, Vec::new(), len, timeout).await));
        }
        let expected = declared.map_or(max, |len| len as usize);
        let kib = u32::try_from(expected.div_ceil(1024)).unwrap_or(u32::MAX).min(BUDGET_KIB as u32);
        let share = self.0.clone().acquire_many_owned(kib).await.expect("the semaphore is never closed");

        let mut bytes = Vec::with_capacity(declared.map_or(0, |len| len as usize));
        let read = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return Err(Failure::Broken) };
                let Some(data) = frame.data_ref() else { continue };
                if bytes.len() + data.len() > max {
                    return Err(Failure::TooLong((bytes.len() + data.len()) as u64, Vec::new()));
                }
                bytes.extend_from_slice(data);
            }
            Ok(())
        };
        match tokio::time::timeout(timeout, read).await {
            Ok(Ok(())) => Ok(Received { bytes, _share: share }),
            Ok(Err(Failure::TooLong(len, _))) => {
                Err(Failure::TooLong(len, discard(&mut body, bytes, len, timeout).await))
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::TooSlow(beginning(bytes))),
        }
    }
}

/// The longest body that is counted as it is declared, bytes.
const MAX_CLAIMED: u64 = 1 << 40;

/// Reads on without keeping, within limits; returns the body's beginning. What is declared longer than the
/// limits is not read at all.
async fn discard(body: &mut Incoming, mut kept: Vec<u8>, declared: u64, timeout: Duration) -> Vec<u8> {
    kept.truncate(KEPT);
    if declared > MAX_DISCARDED {
        return kept;
    }
    let mut left = MAX_DISCARDED;
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            let wanted = data.len().min(KEPT.saturating_sub(kept.len()));
            kept.extend_from_slice(&data[..wanted]);
            left = left.saturating_sub(data.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(timeout.min(Duration::from_secs(10)), read).await;
    kept
}

fn beginning(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(KEPT);
    bytes
}
