// A panic of the module is a trap: the shell ends the instance and accounts for its events. What the standard library would
// say before that goes nowhere, so it is taken out.

import binaryen from "binaryen";

/** Functions that only run on the way from a panic to its trap. */
const PANICS = /panicking|rust_panic|begin_unwind|panic_|capacity_overflow|handle_alloc_error|handle_error|(unwrap|expect|index|error|mismatch)_fail/;

/** What the standard library, and `expect`, would say: data that nothing refers to any more. */
const TEXTS = new RegExp(
  [
    /range (start|end) index | out of range for slice of length |slice index starts at | but ends at /,
    /index out of bounds: the len is | but the index is |(insertion|removal) index \(is |\) should be <=? len \(is /,
    /assertion `left | right` failed(: )?|\n  left: |\n right: |assertion failed: [ij] < self\.len\(\)|min > max\. min = |, max = |mid > len/,
    /called `Result::unwrap\(\)` on an `Err` value|attempt to join into collection with len > usize::MAX/,
    /attempt to (divide by zero|calculate the remainder with a divisor of zero)|cannot recursively acquire mutex|capacity overflow|LayoutError|<redacted>|\/rustc\/[\w/]+\.rs/,
    /a batch that is (sent|sealed|there)|it (has taken off|was put there)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

/** The module, which has names, with those functions made to trap at once. */
export function silencePanics(bytes) {
  const blank = bytes.toString("latin1").replace(TEXTS, (text) => " ".repeat(text.length));
  const module = binaryen.readBinary(Buffer.from(blank, "latin1"));
  const { MVP, BulkMemory, BulkMemoryOpt, NontrappingFPToInt, SignExt, MutableGlobals, ReferenceTypes, Multivalue } =
    binaryen.Features;
  const features = [BulkMemory, BulkMemoryOpt, NontrappingFPToInt, SignExt, MutableGlobals, ReferenceTypes, Multivalue];
  module.setFeatures(features.reduce((all, feature) => all | (feature ?? 0), MVP));
  let silenced = 0;
  for (let at = 0; at < module.getNumFunctions(); at++) {
    const { name, module: imported } = binaryen.getFunctionInfo(module.getFunctionByIndex(at));
    if (imported || !PANICS.test(name)) continue;
    binaryen.Function.setBody(module.getFunctionByIndex(at), module.unreachable());
    silenced++;
  }
  if (!silenced) throw new Error("no function of a panic was found in the module: has it lost its names?");
  return module.emitBinary();
}
