//! The engine's contracts, one by one, in plain words. The simulation tests them all together.

#[path = "engine/bounds.rs"]
mod bounds;
#[path = "engine/delivery.rs"]
mod delivery;
#[path = "engine/flush.rs"]
mod flush;
#[path = "engine/lanes.rs"]
mod lanes;
#[path = "engine/notes.rs"]
mod notes;
#[path = "engine/page.rs"]
mod page;
#[path = "engine/retry.rs"]
mod retry;
#[path = "engine/routed.rs"]
mod routed;
#[path = "engine/snapshot.rs"]
mod snapshot;
