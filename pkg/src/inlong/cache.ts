// The vendor's cache file of node lists, as `src/inlong/discovery/cache.rs` keeps it for Rust: an INI file with a section for
// each group. Each reads what the other, or the vendor's client, wrote.

import { readText, writeText } from "./machine.js";
import { readNodes } from "./manager.js";

/** The largest file that is read, characters: some thousand a group are usual. */
const MOST = 4 << 20;

/** The last node list of each group, as the Manager gave it. */
export interface Cache {
  lists_: ReadonlyMap<string, string>;
  /** Keeps a list for the next start. */
  keep_(group: string, list: string): void;
}

/** Reads the file, if there is one, up to so many groups. What cannot be used is left out and named. */
export function openCache(path: string, groups: number, isTcp: boolean, warn: (text: string) => void): Cache {
  const lists = new Map<string, string>();
  const text = readText(path);
  const sections = text.length > MOST ? [] : sectionsOf(text);
  if (text && !sections[0]) warn(`${path} is not read: no group stands in it, or too much`);
  for (const { groupid: group = "", proxy_cfg: list = "" } of sections.slice(0, groups)) {
    const isId = /^[ -%'-<>-~]+$/.test(group);
    const found = isId ? readNodes(list, isTcp) : "it lacks `groupid`";
    if (typeof found == "string") warn(`a list in ${path} is not read: ${found}`);
    else if (!lists.has(group)) lists.set(group, list);
  }
  let last = Promise.resolve();
  return {
    lists_: lists,
    keep_(group, list) {
      list = list.replace(/[\r\n]+/g, " ").trim();
      if (lists.get(group) == list) return;
      lists.set(group, list);
      last = last
        .then(() => writeText(path, textOf(lists)))
        .catch((error) => warn(`the node lists cannot be kept in ${path}: ${error}`));
    },
  };
}

type Section = { groupid?: string; proxy_cfg?: string };

/** The sections of groups. */
function sectionsOf(text: string): Section[] {
  const sections: Section[] = [];
  let section: Section = {};
  for (const line of text.split("\n").map((line) => line.trim())) {
    const at = line.indexOf("=");
    if (line[0] == "[") {
      section = {};
      if (line.startsWith("[groupid")) sections.push(section);
    } else if (at > 0) {
      section[line.slice(0, at).trim() as keyof Section] = line.slice(at + 1).trim();
    }
  }
  return sections;
}

function textOf(lists: ReadonlyMap<string, string>): string {
  const sections = [...lists].map(([group, list], n) => `[groupid${n}]\ngroupid=${group}\nproxy_cfg=${list}\n`);
  return sections.join("") + `[main]\ngroupid_count=${lists.size}\n`;
}
