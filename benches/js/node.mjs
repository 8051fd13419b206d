// A fresh process for one measurement: `node node.mjs track|memory EVENTS DIR CLIENT`, DIR being the project that holds
// trackwire. Prints one line of numbers, and fails unless every event has reached the stub.

import { setImmediate as turn } from "node:timers/promises";
import { BATCH, client } from "./clients.mjs";
import { purchases } from "./sample.mjs";

const [what, amount, dir, name] = process.argv.slice(2);
const events = Number(amount);
const sample = purchases();
const bodies = [];
/** Bodies that were looked into, and what was in them. */
let counted = 0;
let arrived = 0;
let wire = 0;
/** Events that were tracked. */
let expected = 0;

await { track, memory }[what]();
process.exit(0);

/** Prints: ns of a call of `track`, ns of CPU for an event until all are flushed. */
async function track() {
  const made = await client(name, { send: async (body) => void bodies.push(body), keep: 1e6, dir });
  made.prepare?.(sample);
  await feed(made, 1_000);
  await arrive(made, 1_000);
  const calls = await feed(made, events);
  const cpu = await arrive(made, events);
  console.log((calls.wall * 1e6) / events, ((calls.cpu + cpu) * 1e3) / events);
}

/** Prints, of events that are queued while nothing is answered: bytes on the wire, growth of the memory of wasm, of
 * JavaScript's heap with the buffers beside it, and of the resident set. All for one event. */
async function memory() {
  const seen = watchInstances();
  let answer;
  const answered = new Promise((done) => (answer = done));
  const made = await client(name, { send: (body) => (bodies.push(body), answered), keep: 1e6, dir });
  made.prepare?.(sample);
  if (name == "trackwire, held for consent") await feed(made, 1);
  const before = now(seen);
  await feed(made, events);
  const after = now(seen);
  answer();
  await arrive(made, name == "trackwire, held for consent" ? events + 1 : events);
  console.log(wire / events, ...after.map((size, place) => (size - before[place]) / events));
}

/** Tracks events, with a turn of the loop after every hundred, as a server has. */
async function feed(made, count) {
  const start = process.cpuUsage();
  let wall = 0;
  for (let at = 0; at < count; ) {
    const from = performance.now();
    const end = Math.min(at + BATCH, count);
    for (; at < end; at++) made.track(sample[at % sample.length]);
    wall += performance.now() - from;
    await turn();
  }
  return { wall, cpu: since(start) };
}

/** Flushes until all have arrived; µs of CPU. */
async function arrive(made, count) {
  expected += count;
  let cpu = 0;
  for (let tries = 0; arrived < expected; tries++) {
    if (tries == 100) throw new Error(`${name}: ${arrived} of ${expected} events arrived`);
    const start = process.cpuUsage();
    await made.flush();
    await turn();
    cpu += since(start);
    // Counting is no part of it.
    for (; counted < bodies.length; counted++) {
      const body = bodies[counted];
      bodies[counted] = undefined;
      arrived += made.count(body);
      wire += Buffer.byteLength(body);
    }
  }
  if (arrived > expected) throw new Error(`${name}: ${arrived} events arrived, ${expected} were tracked`);
  return cpu;
}

function since(start) {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

/** The memories of the wasm instances that are made from now on. */
function watchInstances() {
  const memories = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...given) {
      super(...given);
      memories.push(...Object.values(this.exports).filter((value) => value instanceof WebAssembly.Memory));
    }
  };
  return memories;
}

function now(memories) {
  for (let times = 0; times < 3; times++) gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  const wasm = memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  // What is external to the heap includes the memory of wasm.
  return [wasm, heapUsed + external - wasm, rss];
}
