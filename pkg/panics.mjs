// A panic of the module is a trap: the shell ends the instance and accounts for its events. What the standard library would
// say before that goes nowhere, so it is taken out.

import binaryen from "binaryen";

/** Functions that only run on the way from a panic to its trap. */
const PANICS = /panicking|rust_panic|begin_unwind|panic_|capacity_overflow|handle_alloc_error|handle_error|(unwrap|expect|index|error|mismatch)_fail/;

/** The module, which has names, with those functions made to trap at once. */
export function silencePanics(bytes) {
  const module = binaryen.readBinary(bytes);
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
