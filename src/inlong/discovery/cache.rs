//! The vendor's cache file of node lists: an INI file with a section for each group.

use std::sync::Arc;

use super::Discovery;
use crate::inlong::check;
use crate::inlong::config::{Notice, NoticeKind};
use crate::inlong::manager::NodeList;

/// The largest cache file that is read, bytes: some kilobytes a group are usual.
const MOST: usize = 4 << 20;

impl Discovery {
    /// The lists in the form of the vendor's cache file: `[groupidN]` with `groupid` and `proxy_cfg`, and `[main]` with
    /// `groupid_count`. Empty when there is nothing to keep. The driver writes it, best to another file that it renames.
    pub fn cache_text(&self) -> String {
        let Some(call) = &self.call else { return String::new() };
        let known = self.groups.iter().filter_map(|group| Some((&group.name, group.list.as_deref()?)));
        let lists = known.chain(self.cached.iter().map(|(name, list)| (name, &**list)));
        let (mut out, mut count) = (String::new(), 0);
        for (name, list) in lists {
            let json = list.to_json(call.protocol);
            out.push_str(&format!("[groupid{count}]\ngroupid={name}\nproxy_cfg={json}\n"));
            count += 1;
        }
        if count > 0 {
            out.push_str(&format!("[main]\ngroupid_count={count}\n"));
        }
        out
    }

    /// Takes the lists of a cache file, for groups that have none yet. What cannot be used is left out and named; nothing
    /// in a file can do harm.
    pub fn load_cache(&mut self, text: &str) -> Vec<Notice> {
        let Some(protocol) = self.call.as_ref().map(|call| call.protocol) else { return Vec::new() };
        if text.len() > MOST {
            let text = format!("is not read: the file has {} bytes, more than {MOST}", text.len());
            return vec![Notice::new("cache_file", NoticeKind::Unusable, text)];
        }
        let mut notices = Vec::new();
        let sections = sections(text);
        for (at, section) in sections.iter().enumerate() {
            let mut ignored =
                |text: String| notices.push(Notice::new(section.name, NoticeKind::Unusable, text));
            if at >= self.max_groups {
                ignored(format!("and what follows is not read: more than {} groups", self.max_groups));
                break;
            }
            let (Some(group), Some(json)) = (section.group, section.json) else {
                ignored("is not read: it lacks `groupid` or `proxy_cfg`".into());
                continue;
            };
            match (check::group_id(group), NodeList::read(json, protocol)) {
                (Ok(()), Ok(list)) => self.remember(group, list),
                (Err(invalid), _) => ignored(format!("is not read: {invalid}")),
                (_, Err(error)) => ignored(format!("is not read: {error}")),
            }
        }
        if sections.is_empty() && !text.trim().is_empty() {
            notices.push(Notice::new(
                "cache_file",
                NoticeKind::Unusable,
                "is not read: no group stands in the file",
            ));
        }
        notices
    }

    /// Takes a list of a cache file, unless the group has one.
    pub(crate) fn remember(&mut self, group: &str, list: NodeList) {
        if let Some(at) = self.find(group) {
            let group = &mut self.groups[at];
            if group.list.is_none() {
                (group.list, group.changed) = (Some(Arc::new(list)), true);
            }
        } else if !self.cached.iter().any(|(name, _)| name == group) {
            self.cached.push((group.into(), Arc::new(list)));
        }
    }
}

/// A section of a group.
struct Section<'a> {
    name: &'a str,
    group: Option<&'a str>,
    json: Option<&'a str>,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            within = name.starts_with("groupid");
            if within {
                sections.push(Section { name, group: None, json: None });
            }
        } else if let (true, Some(section), Some((key, value))) =
            (within, sections.last_mut(), line.split_once('='))
        {
            match key.trim() {
                "groupid" => section.group = Some(value.trim()),
                "proxy_cfg" => section.json = Some(value.trim()),
                _ => {}
            }
        }
    }
    sections
}
