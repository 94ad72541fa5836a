import { dlopen } from "bun:ffi";
import { afterEach, describe, expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { type Port, type PortClosed, PortError } from "../../../src/lora/port.ts";
import { openTcpPort } from "../../../src/lora/tcp-port.ts";

const servers: Server[] = [];
const ports: Port[] = [];

afterEach(async () => {
  for (const port of ports.splice(0)) await port.close();
  for (const server of servers.splice(0)) server.close();
});

interface Radio {
  host: string;
  port: number;
  /** The far end of the first connection. */
  socket: Promise<Socket>;
}

async function radio(host = "127.0.0.1"): Promise<Radio> {
  const server = createServer();
  servers.push(server);
  const socket = new Promise<Socket>((resolve) =>
    server.once("connection", (accepted) => {
      accepted.on("error", () => {});
      resolve(accepted);
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return { host, port: address.port, socket };
}

async function opened({ host, port }: Pick<Radio, "host" | "port">): Promise<Port> {
  const made = await openTcpPort(host, port, { timeoutMs: 2_000 });
  ports.push(made);
  return made;
}

const closedOf = (port: Port): Promise<PortClosed> => new Promise((resolve) => port.once("closed", resolve));

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

function heard(listen: (take: (bytes: Uint8Array) => void) => void, count: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let all = Buffer.alloc(0);
    listen((bytes) => {
      all = Buffer.concat([all, bytes]);
      if (all.length >= count) resolve(all);
    });
  });
}

/** Listens and never accepts. */
function deafListener(): Disposable & { port: number } {
  const { socket, bind, listen, getsockname } = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  }).symbols;
  // struct sockaddr_in (ip(7)): AF_INET, any port, 127.0.0.1.
  const address = Uint8Array.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const descriptor = socket(2, 1, 0);
  if (bind(descriptor, address, address.length) !== 0 || listen(descriptor, 0) !== 0)
    throw new Error("no listener");
  if (getsockname(descriptor, address, Uint32Array.of(address.length)) !== 0) throw new Error("no name");
  const port = new DataView(address.buffer).getUint16(2);
  return { port, [Symbol.dispose]: () => closeSync(descriptor) };
}

describe("a TCP port", () => {
  test("brings bytes both ways and is named after the address", async () => {
    const far = await radio();
    const port = await opened(far);
    expect(port.name).toBe(`tcp://127.0.0.1:${far.port}`);
    const socket = await far.socket;
    const atRadio = heard((take) => socket.on("data", take), 200_000);
    const atHost = heard((take) => port.on("data", take), 5);
    const sent = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 13) >> 2));
    await port.write(sent);
    socket.write("hello");
    expect(Buffer.compare(await atRadio, sent)).toBe(0);
    expect((await atHost).toString()).toBe("hello");
  });

  test("writes in the order of the calls what was given, though the caller uses the bytes again", async () => {
    const far = await radio();
    const port = await opened(far);
    const socket = await far.socket;
    const atRadio = heard((take) => socket.on("data", take), 2_600);
    const bytes = new Uint8Array(100);
    const writes: Promise<void>[] = [];
    for (let letter = 0; letter < 26; letter++) {
      bytes.fill(0x61 + letter);
      writes.push(port.write(bytes));
    }
    await Promise.all(writes);
    expect((await atRadio).toString()).toBe(
      Array.from({ length: 26 }, (_, letter) => String.fromCharCode(0x61 + letter).repeat(100)).join(""),
    );
  });

  test("is named in brackets with an IPv6 address", async () => {
    const far = await radio("::1");
    expect((await opened(far)).name).toBe(`tcp://[::1]:${far.port}`);
  });

  test("sends what was written before it closes, and closes once", async () => {
    const far = await radio();
    const port = await opened(far);
    const events: PortClosed[] = [];
    port.on("closed", (closed) => events.push(closed));
    const socket = await far.socket;
    const goodbye = heard((take) => socket.on("data", take), 7);
    void port.write(Buffer.from("goodbye"));
    await Promise.all([port.close(), port.close()]);
    expect((await goodbye).toString()).toBe("goodbye");
    expect(events).toEqual([{ reason: "asked", detail: "closed" }]);
    expect(await rejection(port.write(Uint8Array.of(1)))).toEqual(new PortError(port.name, "closed"));
  });

  test("says once that the radio has closed it", async () => {
    const far = await radio();
    const port = await opened(far);
    const events: PortClosed[] = [];
    port.on("closed", (closed) => events.push(closed));
    const closed = closedOf(port);
    (await far.socket).end();
    expect(await closed).toEqual({ reason: "gone", detail: "the other end has closed the connection" });
    await port.close();
    expect(events.length).toBe(1);
  });

  test("says that the radio was reset, and fails what waits to be written", async () => {
    const far = await radio();
    const port = await opened(far);
    const socket = await far.socket;
    socket.pause();
    const closed = closedOf(port);
    const writes: Promise<unknown>[] = [];
    for (let i = 0; i < 16; i++) writes.push(rejection(port.write(Buffer.alloc(60_000))));
    await Bun.sleep(5);
    socket.resetAndDestroy();
    expect((await closed).reason).toBe("gone");
    // Those that the kernel had taken are written; of the others each is told.
    for (const error of await Promise.all(writes))
      if (error !== undefined) expect(error).toBeInstanceOf(PortError);
    expect(await rejection(port.write(Uint8Array.of(1)))).toBeInstanceOf(PortError);
  });

  test("refuses what is beyond its bound while the radio takes nothing", async () => {
    const far = await radio();
    const port = await opened(far);
    (await far.socket).pause();
    const writes: Promise<unknown>[] = [];
    let refused: unknown;
    for (let i = 0; i < 400 && refused === undefined; i++) {
      const writing = rejection(port.write(Buffer.alloc(100_000)));
      writes.push(writing);
      refused = await Promise.race([writing, Bun.sleep(1)]);
    }
    expect(String(refused)).toContain("more than 1048576 bytes wait to be written");
    (await far.socket).destroy();
    await Promise.all(writes);
  });

  test("says why it cannot be opened", async () => {
    const far = await radio();
    servers.splice(0).map((server) => server.close());
    await Bun.sleep(1);
    const error = await rejection(openTcpPort(far.host, far.port));
    expect(error).toEqual(
      new PortError(`tcp://127.0.0.1:${far.port}`, "nothing listens there (ECONNREFUSED)"),
    );
    expect(await rejection(openTcpPort("127.0.0.1", 0))).toBeInstanceOf(PortError);
    expect(await rejection(openTcpPort("127.0.0.1", 65_536))).toBeInstanceOf(PortError);
  });

  test("gives up on a host that does not answer in time", async () => {
    using deaf = deafListener();
    // Its queue has room for one; after that the kernel drops whoever comes.
    await opened({ host: "127.0.0.1", port: deaf.port });
    const error = await rejection(openTcpPort("127.0.0.1", deaf.port, { timeoutMs: 50 }));
    expect(error).toEqual(new PortError(`tcp://127.0.0.1:${deaf.port}`, "no answer within 50 ms"));
  });
});
