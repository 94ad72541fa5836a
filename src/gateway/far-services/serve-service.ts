import { connect, type Socket } from "node:net";
import type { Timers } from "../../host/timers.ts";
import { type FarMember, type FarStream, isBox } from "./far-network.ts";
import { decodeServiceFrame } from "./service-frames.ts";
import { pump } from "./service-pump.ts";

export interface ServeServiceOptions {
  /** Ports of this box's own services; no other is ever connected to. */
  ports: () => readonly number[];
  /** Where they listen for this box's guests; the first that answers is taken. */
  addresses: readonly string[];
  timers: Timers;
  idleMs: number;
}

const ASK_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Serves another box that wants a connection to a service of this one for a guest of its own.
 * @throws when it may not have that, or it was broken off
 */
export async function serveService(
  stream: FarStream,
  member: FarMember,
  { ports, addresses, timers, idleMs }: ServeServiceOptions,
): Promise<void> {
  if (!isBox(member)) throw new Error("service: only boxes have guests");
  const callOff = timers.after(ASK_TIMEOUT_MS, () =>
    stream.abort(new Error("service: nothing was asked for")),
  );
  const port = await askedFor(stream).finally(callOff);
  if (!ports().includes(port)) throw new Error(`service: port ${port} is no service of this box`);
  await pump(await connectTo(port, addresses, timers), stream, { timers, idleMs });
}

async function askedFor(stream: FarStream): Promise<number> {
  for await (const encoded of stream.frames()) {
    const frame = decodeServiceFrame(encoded);
    if (frame.kind !== "ask") break;
    return frame.port;
  }
  throw new Error("service: nothing was asked for");
}

async function connectTo(port: number, addresses: readonly string[], timers: Timers): Promise<Socket> {
  let why: unknown;
  for (const host of addresses) {
    try {
      return await connected(host, port, timers);
    } catch (error) {
      why = error;
    }
  }
  throw new Error(`service: nobody answers at port ${port}`, { cause: why });
}

function connected(host: string, port: number, timers: Timers): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    const callOff = timers.after(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error("no answer")));
    const failed = (error: Error) => {
      callOff();
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      callOff();
      socket.off("error", failed);
      resolve(socket);
    });
  });
}
