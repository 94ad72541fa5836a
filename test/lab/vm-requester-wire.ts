import type { CommandAnswer, LeaseAnswer, LeaseTransport, ProviderNews } from "../../src/requester/index.ts";

/** A lab's way to its provider: one Unix socket, whatever namespaces the two are in; one line there, one back. */
export interface WireLine {
  kind: "request" | "command" | "events";
  /** Base64; of "events" the lease. */
  body: string;
}

const ask = <T>(path: string, line: WireLine): Promise<T> =>
  new Promise((resolve, reject) => {
    let text = "";
    Bun.connect({
      unix: path,
      socket: {
        open: (socket) => void socket.write(`${JSON.stringify(line)}\n`),
        data: (_, chunk) => {
          text += chunk.toString();
        },
        close: () => (text === "" ? reject(new Error("no answer")) : resolve(JSON.parse(text) as T)),
        error: (_, error) => reject(error),
      },
    }).catch(reject);
  });

export class ProviderWire implements LeaseTransport {
  constructor(private readonly path: string) {}

  request(bytes: Uint8Array): Promise<LeaseAnswer> {
    return ask(this.path, { kind: "request", body: Buffer.from(bytes).toString("base64") });
  }

  command(bytes: Uint8Array): Promise<CommandAnswer> {
    return ask(this.path, { kind: "command", body: Buffer.from(bytes).toString("base64") });
  }

  /** This provider tells nothing by itself: SSH is enough to see that a machine is there. */
  events(_lease: string, _told: (news: ProviderNews) => void): () => void {
    return () => {};
  }
}
