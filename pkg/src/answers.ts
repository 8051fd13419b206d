// What comes of a request.

/** The status of an answer. */
export function statusOf({ type, status }: Response): number {
  // A page may see that there was a redirect, but not which.
  return type == "opaqueredirect" ? 302 : status;
}

/** What `Retry-After` asks for, ms; NaN where it asks for nothing. */
export function afterOf({ headers }: Response, wall: number): number {
  const asked = headers.get("retry-after") as string;
  return Math.max(/^ *\d+ *$/.test(asked) ? +asked * 1e3 : Date.parse(asked) - wall, 0);
}

/** Why there is no answer, as platforms but browsers say it. */
export function causeOf(error: unknown): string {
  const text = String(error);
  const cause = (error as { cause?: { code?: string } })?.cause;
  if (!cause) return text;
  // Of several addresses that refused, only the code says so.
  const { code = "" } = cause;
  return text + ": " + cause + (String(cause).includes(code) ? "" : " " + code);
}

/** Whether a request that has failed so may have arrived all the same. */
export function mayHaveArrived(cause: string): boolean {
  // Without a connection nothing has: Node says so by a code, Bun and Deno in words.
  return !/REFUSED|NOTFOUND|AI_AGAIN|CONNECT_TIMEOUT|\(Connect\)/.test(cause);
}
