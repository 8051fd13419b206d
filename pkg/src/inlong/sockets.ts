// TCP where there is any: `node:net` in Node, Deno and Bun, `cloudflare:sockets` in Workers.

declare const WORKER: boolean;

/** What happens to a connection. */
export interface Events {
  open_(): void;
  data_(bytes: Uint8Array): void;
  /** So many writes are done, since it is there. */
  written_(count: number): void;
  close_(why: string): void;
}

/** A connection, or one to be. */
export interface Socket {
  write_(bytes: Uint8Array): void;
  close_(): void;
}

/** Connects. Nothing happens before the call returns, nor after the connection was closed. */
export function connect(host: string, port: number, events: Events): Socket {
  let closed = false;
  let writes = 0;
  const opened = () => closed || events.open_();
  const arrived = (bytes: Uint8Array) => closed || events.data_(bytes);
  const written = () => closed || events.written_(++writes);
  const end = (why: unknown) => {
    if (!closed) events.close_(String(why));
    closed = true;
  };
  const made: Promise<Socket> = (WORKER ? openInWorker() : openInNode()).catch((error) => {
    end(error);
    return { write_() {}, close_() {} };
  });
  let socket: Socket | undefined;
  return {
    // It is there when there is something to be written.
    write_: (bytes) => socket!.write_(bytes),
    close_() {
      closed = true;
      void made.then((socket) => socket.close_());
    },
  };

  async function openInNode(): Promise<Socket> {
    const net = await import("node:net");
    const made = net.connect({ host, port, noDelay: true });
    let why: unknown = "the other side closed it";
    socket = {
      write_: (bytes) => void made.write(bytes, (error) => error || written()),
      close_: () => void made.destroy(),
    };
    // What waits for the client keeps the process alive, not its connections.
    made.unref();
    made.on("connect", opened);
    made.on("data", arrived);
    made.on("error", (error) => (why = error));
    made.on("end", () => made.destroy());
    made.on("close", () => end(why));
    return socket;
  }

  async function openInWorker(): Promise<Socket> {
    // Put together, for bundlers that would look for it: other edge runtimes have none, and HTTP works there.
    const sockets = await import(["cloudflare", "sockets"].join(":"));
    const made = sockets.connect({ hostname: host, port });
    const writer = made.writable.getWriter();
    socket = {
      write_: (bytes) => void writer.write(bytes).then(written, () => {}),
      close_: () => void made.close().catch(() => {}),
    };
    made.closed.catch(end);
    await made.opened;
    opened();
    void read(made.readable.getReader());
    return socket;
  }

  async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return end("the other side closed it");
        arrived(value);
      }
    } catch (error) {
      end(error);
    }
  }
}
