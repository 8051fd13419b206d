// The examples of the documentation: fenced blocks of JavaScript, TypeScript and HTML, and how each is to be run.
//
// A comment above the fence says it:
//   <!-- run: node; arrives: 3 -->        node, worker or page; how many records the collector then holds
//   <!-- run: node; serves; arrives: 1 --> prints its address, is asked once, and told to end by SIGTERM
//   <!-- file: app.js -->                  a file of the example that comes next

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The documents whose examples are run, by their path below the root. Those of the guide for Rust are run in `../rust`. */
export function documents(root) {
  const guides = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md") && name != "rust-wasm.md");
  return ["README.md", "pkg/README.md", ...guides.map((name) => `docs/${name}`)];
}

/** A document's examples, each with the files that belong to it. Throws where a block does not say how it is to be run. */
export function examples(root, path) {
  return read(path, readFileSync(join(root, path), "utf8"));
}

/** The examples in a text. */
export function read(path, text) {
  const found = [];
  let files = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(`{3,})(\w*)/.exec(lines[at]);
    if (!fence) continue;
    const end = lines.indexOf(fence[1], at + 1);
    const language = fence[2].toLowerCase();
    if (/^(js|mjs|cjs|javascript|jsx|ts|typescript|tsx|html)$/.test(language)) {
      const name = `${path}:${at + 1}`;
      const said = /^<!-- (.+) -->$/.exec(lines[at - 1] || lines[at - 2] || "");
      if (!said || !/^(run|file): /.test(said[1])) throw new Error(`${name}: a comment above it has to say how it is run`);
      const how = Object.fromEntries(said[1].split("; ").map((part) => part.split(": ")));
      const block = { ...how, name, language, code: lines.slice(at + 1, end).join("\n") };
      if (how.file) files.push(block);
      else found.push({ ...block, arrives: Number(how.arrives), serves: "serves" in how, files: files.splice(0) });
    }
    at = end;
  }
  if (files.length) throw new Error(`${files[0].name}: no example uses it`);
  return found;
}
