import { createServer, type Socket } from "node:net";

/**
 * A mail server that takes everything on (RFC 5321, no more of it than a client needs), and whose connections can be cut at any
 * moment. It has a mail once it has said so, and also where nobody heard that.
 */
export class KillMailServer {
  /** The Message-ID of each mail that it has taken on, as often as it did. */
  readonly has: string[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((socket) => this.serve(socket));

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  cutAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    this.cutAll();
    this.server.close();
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.sockets.delete(socket));
    let text = "";
    let isData = false;
    const say = (line: string) => void socket.write(`${line}\r\n`);
    say("220 kill.example");
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (;;) {
        const ending = isData ? "\r\n.\r\n" : "\r\n";
        const end = text.indexOf(ending);
        if (end < 0) return;
        const said = text.slice(0, end);
        text = text.slice(end + ending.length);
        if (isData) {
          this.has.push(/^Message-ID: <([^@>]+)/im.exec(said)?.[1] ?? "");
          isData = false;
          say("250 taken on");
        } else if (/^DATA/i.test(said)) {
          isData = true;
          say("354 go on");
        } else if (/^QUIT/i.test(said)) socket.end("221 bye\r\n");
        else say("250 kill.example");
      }
    });
  }
}
