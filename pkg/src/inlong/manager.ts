// What the Manager is asked, and what its answer says, as `src/inlong/manager.rs` does it for Rust.

declare const VERSION: string;

/** Who asks. */
export interface Asking {
  url_: string;
  auth_: [id: string, key: string] | undefined;
  ip_: string;
  isTcp_: boolean;
}

/** The body and the headers of the question for a group's nodes. */
export function question({ auth_: auth, ip_: ip, isTcp_: isTcp }: Asking): [string, Record<string, string>] {
  const headers: Record<string, string> = { "content-type": "application/x-www-form-urlencoded" };
  if (auth) headers.authorization = "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(auth.join(":"))));
  return [
    `ip=${encodeURIComponent(ip)}&version=trackwire-${VERSION}&protocolType=${isTcp ? "TCP" : "HTTP"}`,
    headers,
  ];
}

/** The numbers and the texts of a node list, as `tw_nodes` takes them; text that says why there is none. */
export function readNodes(text: string, isTcp: boolean): [numbers: number[], texts: unknown[]] | string {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    return `the answer is not the Manager's: ${error}; look at \`managerUrl\``;
  }
  if (answer?.success !== true) return "the Manager refuses: " + (answer?.errMsg ?? "it gives no reason").slice?.(0, 200);
  const { data } = answer;
  const texts: unknown[] = [];
  for (const node of Array.isArray(data?.nodeList) ? data.nodeList : []) {
    const host = String(node?.ip ?? "").trim().replace(/^\[(.*)\]$/, "$1");
    const port = +node?.port;
    const other = { tcp: !isTcp, http: isTcp }[String(node?.protocolType).toLowerCase()];
    if (/^[\w.:%-]{1,255}$/.test(host) && port > 0 && port < 65536 && port % 1 == 0 && !other) {
      texts.push(host, port, node.nodeLoad >= 0 ? node.nodeLoad : "");
    }
  }
  const number = (value: unknown, otherwise: number) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 ? (value as number) : otherwise;
  return texts[0]
    ? [[number(data.clusterId, 0), number(data.load, 20), number(data.maxPacketLength, 0)], texts]
    : "the Manager knows no node that can be used: look at the group's cluster";
}

/** What a status other than 200 says. */
export function statusSays(status: number): string {
  if (status == 403) return "the Manager answered 403: it wants `needAuth` with another `authId` or `authKey`";
  if (status == 404) return "the Manager answered 404: look at the path of `managerUrl`";
  return "the Manager answered " + status;
}
