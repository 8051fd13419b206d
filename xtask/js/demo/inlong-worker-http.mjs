// InLong from a Worker in workerd, over HTTP.

import { sendBy } from "./inlong-worker.mjs";

export const send = sendBy("http");
