// What a client in Node, Deno and Bun knows of its machine: its address.

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

/** Throws where Deno does not permit something. Without that question it would ask whoever sits at the terminal. */
function permit(name: string, what: { kind: string }) {
  const { Deno } = globalThis as { Deno?: { permissions: { querySync(what: object): { state: string } } } };
  if (Deno && Deno.permissions.querySync({ name, ...what }).state != "granted") {
    throw new Error(`--allow-${name} is missing for ${what.kind}`);
  }
}
