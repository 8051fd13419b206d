// What InLong's rows do in every runtime; a Worker loads it too.

/** The group and the stream that the purchases go to. */
export const TARGET = ["demo_group", "purchases"];

/** How a client of the demo is made: packs so small that a small file, too, makes requests for every fault to meet, and an answer
 * that never comes is not waited for long. */
export const options = (url, protocol) => ({
  managerUrl: `${url}/inlong/manager/openapi/dataproxy/getIpList`,
  protocol,
  packSize: 2000,
  maxInFlight: 8,
  requestTimeout: 2000,
});

/** Sends a line as an application does; false when the queue is full (kRecvBufferFull). */
export function record(client, line) {
  try {
    return client.send(...TARGET, line);
  } catch (error) {
    if (error.sdkCode == 8) return false;
    throw error;
  }
}
