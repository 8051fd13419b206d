// What the demo does in every runtime; a page and a Worker load it too.

/** How long the last events may take, with every fault of the plan in the way, ms. */
export const PATIENCE = 120_000;

/** How a tracker of the demo is made: about a hundred events a request, also where a flush sends more at once, so that a
 * small file, too, makes requests for every fault to meet. */
export const options = (url) => ({
  productId: "demo-project",
  dataSourceId: "demo-source",
  serverHost: url,
  consumer: { type: "buffered", maxSize: 100 },
  maxRequestBytes: 36_000,
  maxInFlight: 8,
});

/** Records a line as an application does; false when the queue is full. */
export function record(tracker, line) {
  const { track, user: loginUserId, time: eventTime, attributes } = JSON.parse(line);
  const event = { loginUserId, eventTime, attributes };
  return track === undefined ? tracker.setLoginUserAttributes(event) : tracker.trackCustomEvent(track, event);
}

/** Records every line, waits for room where there is none, and ends when every event has its outcome. */
export async function sendAll(tracker, lines) {
  const start = performance.now();
  for (const [place, line] of lines.entries()) {
    while (!record(tracker, line)) await tracker.flush({ timeout: 1000 });
    // An application has other things to do too.
    if (place % 500 == 499) await new Promise((done) => setTimeout(done));
  }
  await tracker.flush({ timeout: PATIENCE });
  const seconds = (performance.now() - start) / 1000;
  return { stats: tracker.stats(), seconds };
}
