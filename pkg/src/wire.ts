// Where a request goes and what its head says, as `src/growingio/address.rs` does it for Rust. One conformance holds both
// to the same vectors.

/** The URL and the headers of a batch of the events, items or mappings (`lane` 0, 1, 2). */
export interface Head {
  url_: string;
  headers_: Record<string, string>;
}

/** Makes the heads of requests in a format, by its number. */
export function createWire(serverHost: string, productId: string, format: number, more?: Record<string, string>) {
  // What `encodeURIComponent` leaves alone and a path segment of the vendor's does not.
  const project = encodeURIComponent(productId).replace(/[!'()*]/g, (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase());
  const host = serverHost.replace(/\/$/, "");
  const protobuf = format > 3;
  const headers: Record<string, string> = {
    "content-type": format ? "application/" + (protobuf ? "protobuf" : "json") : "text/plain;charset=UTF-8",
  };
  if (format == 2 || format == 3 || format == 5) headers["x-compress-codec"] = "2";
  if (format == 3 || format == 5) headers["x-crypt-codec"] = "1";
  // What the vendor's Go client sends with codecs.
  if (format == 5) headers.accept = "application/json";
  return (lane: number, stm: number): Head => ({
    url_: `${host}${lane ? "" : "/v3"}/projects/${project}/collect${["", "/item", "/user-mapping"][lane]}?stm=${stm}${format ? "" : "&compress=0"}`,
    headers_: { ...headers, ...(format == 5 && { "x-timestamp": "" + stm }), ...more },
  });
}
