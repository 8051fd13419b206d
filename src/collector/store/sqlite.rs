//! The SQLite file. One thread writes: it takes whatever requests are waiting and commits them in one
//! transaction; a request is answered when its records are committed. Readers have a connection of their own.

mod read;
mod schema;
mod write;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Arrival, Rows, Stats, StoreError, Tip};
use crate::collector::query::Query;
use write::Command;

/// How many requests may wait for the writer.
const QUEUE: usize = 256;

pub(in super::super) struct Sqlite {
    /// `None` only while this is dropped.
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    reader: Arc<Mutex<Connection>>,
    tip: watch::Receiver<Tip>,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open(path)?;
        let reader = schema::connect(path)?;
        reader.pragma_update(None, "query_only", true)?;
        let (tip, watched) = watch::channel(Tip { last_id: schema::last_id(&connection)?, ..Tip::default() });
        let (commands, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("trackwire-store".into())
            .spawn(move || write::run(connection, queue, &tip))
            .map_err(|error| StoreError(format!("no thread for the store can be started: {error}")))?;
        Ok(Self {
            commands: Some(commands),
            writer: Some(writer),
            reader: Arc::new(Mutex::new(reader)),
            tip: watched,
        })
    }

    pub(super) async fn append(&self, arrival: Arrival) -> Result<(), StoreError> {
        self.send(|done| Command::Append(Box::new(arrival), done)).await
    }

    pub(super) async fn append_all(&self, arrivals: Vec<Arrival>) -> Vec<Result<(), StoreError>> {
        // All of them are in the queue before the first is waited for, so that they share a transaction.
        let mut waiting = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            waiting.push(self.start(|done| Command::Append(Box::new(arrival), done)).await);
        }
        let mut results = Vec::with_capacity(waiting.len());
        for started in waiting {
            results.push(match started {
                Ok(committed) => Self::end(committed).await,
                Err(error) => Err(error),
            });
        }
        results
    }

    pub(super) async fn count(&self, system: &'static str, bytes: u64) -> Result<(), StoreError> {
        self.send(|done| Command::Count(system, bytes, done)).await
    }

    pub(super) async fn reset(&self) -> Result<(), StoreError> {
        self.send(Command::Reset).await
    }

    pub(super) async fn read(&self, query: Query) -> Result<Rows, StoreError> {
        self.on_reader(move |connection| read::rows(connection, &query)).await
    }

    pub(super) async fn stats(&self) -> Result<Stats, StoreError> {
        self.on_reader(read::stats).await
    }

    pub(super) fn tip(&self) -> watch::Receiver<Tip> {
        self.tip.clone()
    }

    async fn send(&self, command: impl FnOnce(write::Done) -> Command) -> Result<(), StoreError> {
        Self::end(self.start(command).await?).await
    }

    async fn start(
        &self,
        command: impl FnOnce(write::Done) -> Command,
    ) -> Result<oneshot::Receiver<Result<(), String>>, StoreError> {
        let (done, committed) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or_else(gone)?;
        commands.send(command(done)).await.map_err(|_| gone())?;
        Ok(committed)
    }

    async fn end(committed: oneshot::Receiver<Result<(), String>>) -> Result<(), StoreError> {
        committed.await.map_err(|_| gone())?.map_err(StoreError)
    }

    async fn on_reader<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = self.reader.clone();
        let task = move || read(&reader.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(task).await;
        done.map_err(|error| StoreError(format!("reading the store failed: {error}")))?
    }
}

fn gone() -> StoreError {
    StoreError("the store's thread has ended".into())
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The writer ends when it has committed what is queued.
        drop(self.commands.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            log::error!("the store's thread panicked");
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}
