//! A collector on a thread of its own.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{Collector, CollectorError, Faults, Options};

/// A running collector; it stops when this is dropped.
#[derive(Debug)]
pub struct Handle {
    url: String,
    inlong_addrs: Vec<SocketAddr>,
    inlong_http_addr: SocketAddr,
    faults: Faults,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Its address, e.g. `http://127.0.0.1:39087`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its InLong nodes take frames, in the order of their numbers; empty without
    /// [`Options::inlong_listen`].
    pub fn inlong_addrs(&self) -> &[SocketAddr] {
        &self.inlong_addrs
    }

    /// Where InLong's forms are taken: [`Options::inlong_http_listen`], else where everything is.
    pub fn inlong_http_addr(&self) -> SocketAddr {
        self.inlong_http_addr
    }

    /// The plan of faults, to change it without a request.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Stops it and waits until its thread has ended.
    pub fn stop(self) {}
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the collector's thread panicked");
        }
    }
}

pub(super) fn spawn(options: Options) -> Result<Handle, CollectorError> {
    let (shutdown, stopped) = oneshot::channel::<()>();
    let (ready, started) = mpsc::sync_channel(1);
    let run = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(CollectorError::Runtime(error)))),
        };
        runtime.block_on(async {
            let collector = match Collector::bind(options).await {
                Ok(collector) => collector,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let url = format!("http://{}", collector.local_addr());
            let addresses = (collector.inlong_addrs().to_vec(), collector.inlong_http_addr());
            let _ = ready.send(Ok((url, addresses, collector.faults())));
            let _ = collector.serve(async move { drop(stopped.await) }).await;
        });
    };
    let thread = std::thread::Builder::new()
        .name("trackwire-collect".into())
        .spawn(run)
        .map_err(CollectorError::Runtime)?;
    let (url, (inlong_addrs, inlong_http_addr), faults) = started.recv().unwrap_or_else(|_| {
        Err(CollectorError::Runtime(std::io::Error::other("its thread ended at once")))
    })?;
    let (shutdown, thread) = (Some(shutdown), Some(thread));
    Ok(Handle { url, inlong_addrs, inlong_http_addr, faults, shutdown, thread })
}
