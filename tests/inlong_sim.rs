//! The engine, the connections and the node lists together against a seeded network of three nodes and a Manager, and a
//! model of them that knows nothing of the client. Every rule is asserted at every step.
//!
//! `SIM_SEEDS=100000` runs that many seeds; `SIM_SEED=7` runs one and tells what happens, which is how a failing seed is
//! replayed. Run it with `cargo test --features inlong,__planted-bugs --test inlong_sim -- --nocapture`.
#![cfg(feature = "inlong")]

#[allow(dead_code, reason = "shared with the tests of single rules")]
#[path = "inlong_sim/frame.rs"]
mod frame;
#[path = "inlong_sim/model.rs"]
mod model;
#[path = "inlong_sim/network.rs"]
mod network;
#[path = "inlong_sim/node.rs"]
mod node;
#[path = "inlong_sim/plan.rs"]
mod plan;
#[path = "simulation/rng.rs"]
mod rng;
#[path = "inlong_sim/rules.rs"]
mod rules;
#[path = "inlong_sim/tally.rs"]
mod tally;
#[path = "inlong_sim/weather.rs"]
mod weather;
#[path = "inlong_sim/world.rs"]
mod world;

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tally::Tally;
use world::{Planted, World};

/// How a seed failed.
#[derive(Debug, Clone)]
enum Failure {
    Broken(rules::Broken),
    Panicked,
}

#[test]
fn the_rules_hold() {
    if let Some(seed) = number("SIM_SEED") {
        let mut world = World::new(seed, None);
        world.telling = true;
        println!("{:#?}", world.plan);
        world.run().unwrap_or_else(|broken| panic!("seed {seed}: {broken}")).print();
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(600);
    let began = Instant::now();
    let (tally, failed) = run(seeds, None);
    tally.print();
    println!("{seeds} seeds in {:.1?}", began.elapsed());
    match failed {
        Some((seed, Failure::Broken(broken))) => {
            panic!("seed {seed} (replay it with SIM_SEED={seed}): {broken}")
        }
        Some((seed, Failure::Panicked)) => panic!("seed {seed} (replay it with SIM_SEED={seed}) panicked"),
        None => {}
    }
    let rare = tally.too_rare(seeds);
    assert!(rare.is_empty(), "seen too rarely: {rare:#?}");
}

#[test]
#[cfg(feature = "__planted-bugs")]
fn every_planted_bug_is_seen() {
    use trackwire::engine::Bug;
    let mut unseen = Vec::new();
    let of_connections = trackwire::inlong::ConnectionBug::ALL.map(Planted::Connections);
    // Those of the engine that show here as well.
    let of_engine = [
        Bug::AckedRequeued,
        Bug::SplitLosesOne,
        Bug::ResealedOnRetry,
        Bug::LateAckIgnored,
        Bug::DuplicateUncounted,
        Bug::PossiblyUnsaid,
        Bug::InFlightOneMore,
    ];
    for bug in of_connections.into_iter().chain(of_engine.map(Planted::Engine)) {
        match run(1_000, Some(bug)).1 {
            Some((seed, Failure::Broken(broken))) => {
                println!("{:>32}: seed {seed:>4}, {:?}", format!("{bug:?}"), broken.rule);
            }
            other => unseen.push((bug, other)),
        }
    }
    assert!(unseen.is_empty(), "no rule was seen to be broken by {unseen:?}");
}

/// Runs this many seeds, on all cores; stops at the first that fails. With a bug, only a broken rule ends the run.
fn run(seeds: u64, bug: Option<Planted>) -> (Tally, Option<(u64, Failure)>) {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let work = || {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            let failure = match catch_unwind(|| World::new(seed, bug).run()) {
                Ok(Ok(seen)) => {
                    tally.add(&seen);
                    continue;
                }
                Ok(Err(broken)) => Failure::Broken(broken),
                Err(_) if bug.is_some() => continue,
                Err(_) => Failure::Panicked,
            };
            stop.store(true, Ordering::Relaxed);
            return (tally, Some((seed, failure)));
        }
        (tally, None)
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut all = (Tally::default(), None);
        for worker in workers {
            let (tally, failed) = worker.join().expect("seeds are run behind catch_unwind");
            all.0.add(&tally);
            all.1 = all.1.into_iter().chain(failed).min_by_key(|(seed, _): &(u64, Failure)| *seed);
        }
        all
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
