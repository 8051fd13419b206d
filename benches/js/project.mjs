// Makes a throwaway project with the packed package in it, and prints where it is.

import { project } from "../../tests/runtimes/node/setup.mjs";

console.log(project().dir);
