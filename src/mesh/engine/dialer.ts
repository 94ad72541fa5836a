import type { Connection } from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { Timers } from "../../host/timers.ts";
import { forbiddenAddress } from "./address-rules.ts";
import { EngineError } from "./engine-error.ts";
import type { PeerId } from "./engine-interface.ts";
import type { NodeComponents } from "./libp2p-node.ts";
import { resolveNames } from "./resolve-names.ts";
import type { SharedKeyChoice } from "./shared-key-choice.ts";

/** The next address is tried beside those that have not answered after this (RFC 8305, section 5). */
const NEXT_AFTER_MS = 250;
/** Addresses of one dial; what is over is not tried. */
const MAX_ADDRESSES = 16;

export interface DialerOptions {
  transports: NodeComponents["transportManager"];
  keys: SharedKeyChoice;
  loopbackOnly: boolean;
  timers: Timers;
}

/**
 * Connects to a peer by the first of several addresses that answers, always with a new connection. libp2p's own queue is
 * passed by: it makes one dial of two to the same peer, and tries addresses one after the other.
 * @throws {EngineError} with the reason of each address
 */
export async function dialAny(
  peer: PeerId,
  addresses: readonly string[],
  timeoutMs: number,
  options: DialerOptions,
): Promise<Connection> {
  const over = new AbortController();
  const callOff = options.timers.after(timeoutMs, () =>
    over.abort(new EngineError("nobody answered in time")),
  );
  try {
    const known = (await resolveNames(addresses.slice(0, MAX_ADDRESSES))).slice(0, MAX_ADDRESSES);
    if (known.length === 0) throw new EngineError(`no address of ${peer} to dial`);
    return await firstOf(
      known.map((address) => () => dialOne(peer, address, over.signal, options)),
      over,
      options.timers,
    );
  } finally {
    callOff();
    // Whoever has not answered yet is no longer wanted.
    over.abort(new EngineError("another address was faster"));
  }
}

/** Starts one after the other; those that come second are closed. */
function firstOf(
  dials: readonly (() => Promise<Connection>)[],
  over: AbortController,
  timers: Timers,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const failures: unknown[] = [];
    let started = 0;
    let isDone = false;
    let callOffNext = (): void => {};
    const done = (): void => {
      isDone = true;
      callOffNext();
      over.signal.removeEventListener("abort", giveUp);
    };
    const giveUp = (): void => {
      if (isDone) return;
      done();
      reject(new EngineError([over.signal.reason, ...failures].map(messageOf).join("; ")));
    };
    const startNext = (): void => {
      callOffNext();
      const dial = dials[started];
      if (isDone || dial === undefined) return;
      started += 1;
      callOffNext = timers.after(NEXT_AFTER_MS, startNext);
      dial().then(
        (connection) => {
          if (isDone) return connection.abort(new Error("another address was faster"));
          done();
          resolve(connection);
        },
        (error) => {
          failures.push(error);
          if (isDone) return;
          if (failures.length === dials.length) {
            done();
            reject(new EngineError(failures.map(messageOf).join("; ")));
          } else startNext();
        },
      );
    };
    over.signal.addEventListener("abort", giveUp, { once: true });
    startNext();
  });
}

async function dialOne(
  peer: PeerId,
  address: string,
  signal: AbortSignal,
  { transports, keys, loopbackOnly }: DialerOptions,
): Promise<Connection> {
  const whole = parsed(address, peer);
  const why = forbiddenAddress(whole, loopbackOnly);
  if (why !== undefined) throw new EngineError(`${address} is not dialled: ${why}`);
  for (let left = keys.all().length; ; left -= 1) {
    const key = keys.pick(peer);
    try {
      return await transports.dial(whole, { signal });
    } catch (error) {
      // While a shared key is being replaced, some peers still have the older one.
      if (left > 1 && !signal.aborted && keys.pick(peer) !== key) continue;
      throw new EngineError(`${address}: ${messageOf(error)}`);
    }
  }
}

function parsed(address: string, peer: PeerId): Multiaddr {
  try {
    return multiaddr(address.endsWith(`/p2p/${peer}`) ? address : `${address}/p2p/${peer}`);
  } catch {
    throw new EngineError(`${JSON.stringify(address.slice(0, 200))} is no multiaddr`);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
