// What a client in Node, Deno and Bun knows of its machine: an address, and a file.

/** The first IPv4 address that leads out of the machine, where it may be known. */
export function ownAddress(): string | undefined {
  try {
    permit("sys", { kind: "networkInterfaces" });
    const addresses = Object.values(process.getBuiltinModule("node:os").networkInterfaces()).flat();
    return addresses.find((it) => it!.family == "IPv4" && !it!.internal)?.address;
  } catch {
    // A machine that does not tell, a Node before 20.16, or something else.
  }
}

/** The text of a file; empty where there is none that may be read. */
export function readText(path: string): string {
  try {
    return files(path).readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

let written = 0;

/** Writes a file as a whole or not at all. */
export async function writeText(path: string, text: string) {
  const { writeFile, rename } = files(path).promises;
  // Others may write the same file at the same time.
  const beside = `${path}.${process.pid}-${written++}.tmp`;
  await writeFile(beside, text);
  await rename(beside, path);
}

function files(path: string) {
  const folder = path.replace(/[^/\\]*$/, "") || ".";
  permit("read", { path: folder });
  permit("write", { path: folder });
  return process.getBuiltinModule("node:fs");
}

/** Throws where Deno does not permit something. Without that question it would ask whoever sits at the terminal. */
function permit(name: string, what: { kind?: string; path?: string }) {
  const { Deno } = globalThis as { Deno?: { permissions: { querySync(what: object): { state: string } } } };
  if (Deno && Deno.permissions.querySync({ name, ...what }).state != "granted") {
    throw new Error(`--allow-${name} is missing for ${what.path ?? what.kind}`);
  }
}
