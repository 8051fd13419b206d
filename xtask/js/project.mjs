// The project that has the package installed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The package as a module of the project imports it: its own map of entries decides which file that is. */
export function enter(project, system = "growingio") {
  const entry = join(project, `${system}.mjs`);
  writeFileSync(entry, `export * from "trackwire/${system}";\n`);
  return import(pathToFileURL(entry));
}

/** The package's built files. */
export const dist = (project) => join(project, "node_modules/trackwire/dist");
