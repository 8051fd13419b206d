//! The connections to InLong's nodes, rule by rule, in virtual time. The simulation tests them all together.
#![cfg(feature = "inlong")]

#[path = "inlong_connections/acks.rs"]
mod acks;
#[path = "inlong_connections/alone.rs"]
mod alone;
#[path = "inlong_connections/any.rs"]
mod any;
#[path = "inlong_connections/desk.rs"]
mod desk;
#[path = "inlong_connections/feed.rs"]
mod feed;
#[allow(dead_code, reason = "shared with the simulation")]
#[path = "inlong_sim/frame.rs"]
mod frame;
#[path = "inlong_connections/frames.rs"]
mod frames;
#[path = "inlong_connections/life.rs"]
mod life;
#[path = "inlong_connections/nodes.rs"]
mod nodes;
