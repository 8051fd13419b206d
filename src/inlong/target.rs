//! Groups and streams: each known once, so that a message names them by a pointer.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codec::fnv::fnv;

/// A stream of a group: what messages are sent to.
pub struct Target {
    group: Arc<Group>,
    stream: Box<str>,
}

/// A group: its streams share the nodes that the Manager names.
pub struct Group {
    name: Box<str>,
    number: u32,
    /// The most bytes of a frame.
    max_frame: AtomicUsize,
    is_listed: AtomicBool,
}

/// The targets that messages were sent to.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    groups: Vec<Arc<Group>>,
    /// In the order of a hash of both names.
    targets: Vec<(u64, Arc<Target>)>,
    /// From so many targets on, those that nothing refers to are forgotten.
    sweep_at: usize,
}

const SWEEP_AT: usize = 1_024;

impl Target {
    /// The group id.
    pub fn group(&self) -> &str {
        &self.group.name
    }

    /// The stream id.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    pub(crate) fn of(&self) -> &Group {
        &self.group
    }
}

impl Group {
    /// Its number among the groups of its client, from 0.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The most bytes of a frame to its nodes.
    pub fn max_frame(&self) -> usize {
        self.max_frame.load(Ordering::Relaxed)
    }

    /// Whether its nodes have been named, and with them the bound of frames.
    pub fn is_listed(&self) -> bool {
        self.is_listed.load(Ordering::Acquire)
    }

    /// Its nodes have been named.
    pub(crate) fn listed(&self) {
        self.is_listed.store(true, Ordering::Release);
    }
}

impl Targets {
    /// The target of these names, which were checked; `None` when that would be one group more than `max_groups`.
    pub(crate) fn get(
        &self,
        group: &str,
        stream: &str,
        max_groups: usize,
        max_frame: usize,
    ) -> Option<Arc<Target>> {
        let mut known = self.lock();
        let (hash, place) = match known.find(group, stream) {
            Ok(target) => return Some(target.clone()),
            Err(place) => place,
        };
        let group = known.group(group, max_groups, max_frame)?;
        let target = Arc::new(Target { group, stream: stream.into() });
        known.targets.insert(place, (hash, target.clone()));
        known.sweep();
        Some(target)
    }

    /// The target of these names if it is known, and so was checked.
    pub(crate) fn find(&self, group: &str, stream: &str) -> Option<Arc<Target>> {
        self.lock().find(group, stream).ok().cloned()
    }

    /// The number of a group, as [`get`](Self::get) would give it.
    pub(crate) fn group(&self, name: &str, max_groups: usize, max_frame: usize) -> Option<u32> {
        self.lock().group(name, max_groups, max_frame).map(|group| group.number)
    }

    /// The groups from this number on.
    pub(crate) fn groups(&self, from: usize) -> Vec<Arc<Group>> {
        self.lock().groups.get(from..).unwrap_or_default().to_vec()
    }

    /// Bounds the frames of a group.
    pub(crate) fn bound(&self, group: u32, max_frame: usize) {
        if let Some(group) = self.lock().groups.get(group as usize) {
            group.max_frame.store(max_frame, Ordering::Relaxed);
            group.listed();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The target, or its hash and where it would be.
    fn find(&self, group: &str, stream: &str) -> Result<&Arc<Target>, (u64, usize)> {
        let hash = fnv(group.as_bytes()).rotate_left(32) ^ fnv(stream.as_bytes());
        let place = self.targets.partition_point(|&(other, _)| other < hash);
        let same_hash = self.targets[place..].iter().take_while(|&&(other, _)| other == hash);
        let same = |target: &&Arc<Target>| target.group() == group && target.stream() == stream;
        same_hash.map(|(_, target)| target).find(same).ok_or((hash, place))
    }

    fn group(&mut self, name: &str, max_groups: usize, max_frame: usize) -> Option<Arc<Group>> {
        if let Some(group) = self.groups.iter().find(|group| *group.name == *name) {
            return Some(group.clone());
        }
        if self.groups.len() >= max_groups {
            return None;
        }
        let number = self.groups.len() as u32;
        let (max_frame, is_listed) = (AtomicUsize::new(max_frame), AtomicBool::new(false));
        let group = Arc::new(Group { name: name.into(), number, max_frame, is_listed });
        self.groups.push(group.clone());
        Some(group)
    }

    /// Forgets targets without messages, now and then.
    fn sweep(&mut self) {
        if self.targets.len() >= self.sweep_at.max(SWEEP_AT) {
            self.targets.retain(|(_, target)| Arc::strong_count(target) > 1);
            self.sweep_at = self.targets.len() * 2;
        }
    }
}

impl Group {
    /// The group id.
    pub fn name(&self) -> &str {
        &self.name
    }
}

// Each is known once, so two are the same if they are the same in memory; those that were forgotten in between are
// still equal by name.
impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.stream == other.stream && self.group.name == other.group.name)
    }
}

impl Eq for Target {}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.group.number.hash(state);
        self.stream.hash(state);
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group(), self.stream())
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
