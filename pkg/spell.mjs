// Writes the wasm module as text for the inline bundle: printable ASCII without quote and backslash, in an order that
// brotli makes less of than of the module's own.
//
// Opcodes compress better beside opcodes, locals beside locals, and so on. So code is taken apart: a stream of symbols,
// nearly always one character for an instruction, and a stream for each kind of operand. A table in front says what
// every symbol stands for, so that the decoder, `src/load/decode.wat`, need know nothing of wasm's instructions.

/** Where each stream stands in the text; `decode.wat` knows the numbers. From `local` on they are operands by kind. */
const STREAMS = "table head tail declarations symbols local large load store small long call branch".split(" ");
/** Kinds of symbols without an operand; `end` ends a function. */
const KINDS = { none: 0, end: 1 };

/** What a byte may be as one character; another in front stands for 90 or 180 more. */
const BASE = 90;

/** The module as text that `unspell` makes [`normal`] of. Throws on instructions it does not know. */
export function spell(module) {
  const { head, functions, tail } = parse(module);
  const streams = Object.fromEntries(STREAMS.map((name) => [name, []]));
  const symbols = [];
  for (const { declarations, body } of functions) {
    if (declarations[0] > 127) throw new Error("a function declares more than 127 groups of locals");
    streams.declarations.push(...declarations);
    const recent = Array.from({ length: 128 }, (_, local) => local);
    for (const { bytes, kind, operand } of body) {
      symbols.push([KINDS[kind] ?? STREAMS.indexOf(kind), ...bytes].join());
      if (kind == "local") streams.local.push(place(recent, operand));
      else if (kind == "large") streams.large.push(operand[2], operand[1] & 127, operand[0] & 127);
      else if (operand) streams[kind].push(...operand);
    }
  }
  const table = tabulate(symbols);
  const numbers = new Map(table.map((symbol, number) => [symbol, number]));
  streams.symbols = symbols.map((symbol) => numbers.get(symbol));
  let before = 0;
  for (const [kind, ...bytes] of table.map((symbol) => symbol.split(",").map(Number))) {
    const [first = before, second = 0] = bytes;
    streams.table.push(4 * kind + bytes.length, first - before, second);
    before = first;
  }
  // Names and messages are text themselves.
  const shifted = (bytes) => bytes.map((byte) => (byte - 32) & 255);
  streams.head = shifted(head);
  streams.tail = shifted(tail);
  return "~" + STREAMS.map((name) => characters(streams[name]) + "~").join("");
}

/** The module with the sizes of its functions and of their section in three bytes each, as the decoder writes them. */
export function normal(module) {
  const { head, functions, tail } = parse(module);
  return Uint8Array.from([...head, ...functions.flatMap(({ whole }) => [...wide(whole.length), ...whole]), ...tail]);
}

/** What `src/load/inline.ts` does with the text; `decoder` is the assembled `decode.wat`. */
export function unspell(text, decoder) {
  const { m: memory, d: undo } = new WebAssembly.Instance(new WebAssembly.Module(decoder)).exports;
  memory.grow(text.length >> 14);
  const places = new Uint32Array(memory.buffer);
  for (let at = 0, n = 0; (at = text.indexOf("~", at) + 1); n++) places[n] = 4096 + at;
  new TextEncoder().encodeInto(text, new Uint8Array(memory.buffer, 4096));
  return new Uint8Array(memory.buffer).slice(4096 + text.length, undo(text.length));
}

/** The decoder itself as text, which `src/load/inline.ts` undoes in JavaScript: 88 bytes are one character. */
export function spellDecoder(bytes) {
  const char = (value) => String.fromCharCode(value + (value < 57 ? 35 : 36));
  return Array.from(bytes, (byte) => ["", "|", "}"][Math.floor(byte / 88)] + char(byte % 88)).join("");
}

/** How far in front the local stands, which comes to the front. */
function place(recent, [local, more]) {
  if (more !== undefined) throw new Error("a function has more than 128 locals");
  const at = recent.indexOf(local);
  recent.unshift(...recent.splice(at, 1));
  return at;
}

/** The different symbols: those that become one character are the commonest; in each part by opcode. */
function tabulate(symbols) {
  const counts = new Map();
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  const byCount = [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
  if (byCount.length > 256) throw new Error("more than 256 different symbols");
  const opcode = (symbol) => Number(symbol.split(",")[1] ?? 0);
  const kind = (symbol) => Number(symbol.split(",")[0]);
  const sorted = (part) => part.sort((one, other) => opcode(one) - opcode(other) || kind(one) - kind(other));
  return [...sorted(byCount.slice(0, BASE)), ...sorted(byCount.slice(BASE))];
}

function characters(bytes) {
  const one = (byte) => {
    const char = (byte % BASE) + 32;
    const prefix = ["", "|", "}"][Math.floor(byte / BASE)];
    return prefix + (char == 34 ? "z" : char == 92 ? "{" : String.fromCharCode(char));
  };
  return bytes.map((byte) => one(byte & 255)).join("");
}

/** The module in three parts: what is before its functions, these, and what is behind. */
function parse(module) {
  for (let at = 8; at < module.length; ) {
    const section = { at, id: module[at++] };
    const reader = new Reader(module, at);
    const end = reader.value() + reader.at;
    if (section.id == 10) {
      const count = reader.leb();
      const functions = Array.from({ length: valueOf(count) }, () => readFunction(reader));
      const size = functions.reduce((sum, { whole }) => sum + 3 + whole.length, count.length);
      const head = [...module.subarray(0, section.at), section.id, ...wide(size), ...count];
      return { head, functions, tail: [...module.subarray(end)] };
    }
    at = end;
  }
  throw new Error("the module has no code");
}

function readFunction(reader) {
  const length = reader.value();
  const start = reader.at;
  const groups = reader.leb();
  const declarations = [...groups];
  for (let n = valueOf(groups); n > 0; n--) declarations.push(...reader.leb(), ...reader.take(1));
  const body = [];
  while (reader.at < start + length) body.push(...readInstruction(reader));
  // An `end` of its own, so that the decoder need not count blocks.
  body[body.length - 1].kind = "end";
  return { whole: reader.module.subarray(start, start + length), declarations, body };
}

/** The symbols for one instruction: bytes, at most two, and the kind of the operand behind them. */
function readInstruction(reader) {
  const [code] = reader.take(1);
  const one = (kind, bytes = [code], operand = reader.leb()) => ({ bytes, kind, operand });
  const plain = (...bytes) => {
    const symbols = [];
    for (bytes.unshift(code); bytes.length; ) symbols.push({ bytes: bytes.splice(0, 2), kind: "none" });
    return symbols;
  };
  const within = (first, last) => first <= code && code <= last;
  if (within(0x00, 0x01) || code == 0x05 || code == 0x0b || code == 0x0f) return plain();
  if (within(0x1a, 0x1b) || within(0x45, 0xc4)) return plain();
  // Types of blocks, and globals.
  if (within(0x02, 0x04) || within(0x23, 0x24)) return plain(...reader.leb());
  if (within(0x0c, 0x0d)) return [one("branch")];
  if (code == 0x0e) {
    const first = one("branch");
    const rest = Array.from({ length: valueOf(first.operand) + 1 }, () => one("branch", []));
    return [first, ...rest];
  }
  if (code == 0x10) return [one("call")];
  if (code == 0x11) return plain(...reader.leb(), ...reader.leb());
  if (within(0x20, 0x22)) return [one("local")];
  if (within(0x28, 0x3e)) return [one(code < 0x36 ? "load" : "store", [code, ...reader.take(1)])];
  if (within(0x3f, 0x40)) return plain(...reader.take(1));
  if (code == 0x41) {
    const operand = reader.leb();
    // Mostly addresses.
    return [one(operand.length == 3 ? "large" : "small", [code], operand)];
  }
  if (code == 0x42) return [one("long")];
  if (within(0x43, 0x44)) return plain(...reader.take(code == 0x43 ? 4 : 8));
  if (code == 0xfc) {
    const [more] = reader.take(1);
    // Conversions that saturate; copying and filling memory.
    if (more <= 7) return plain(more);
    if (more == 10 || more == 11) return plain(more, ...reader.take(12 - more));
  }
  const hex = [...reader.module.subarray(reader.at - 2, reader.at + 4)].map((byte) => byte.toString(16).padStart(2, "0"));
  throw new Error(`no spelling for an instruction (opcode ${code.toString(16)}, around ${hex.join(" ")})`);
}

class Reader {
  constructor(module, at) {
    this.module = module;
    this.at = at;
  }

  take(count) {
    this.at += count;
    return [...this.module.subarray(this.at - count, this.at)];
  }

  /** The bytes of a LEB128. */
  leb() {
    const start = this.at;
    while (this.module[this.at++] > 127);
    return [...this.module.subarray(start, this.at)];
  }

  value() {
    return valueOf(this.leb());
  }
}

function valueOf(leb) {
  return leb.reduceRight((value, byte) => value * 128 + (byte & 127), 0);
}

/** A size as a LEB128 of three bytes. */
function wide(size) {
  if (size >= 1 << 21) throw new Error(`${size} bytes do not fit three bytes of LEB128`);
  return [(size & 127) | 128, ((size >> 7) & 127) | 128, size >> 14];
}
