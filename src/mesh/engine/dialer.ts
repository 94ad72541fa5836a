import type { Connection } from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { Timers } from "../../host/timers.ts";
import { forbiddenAddress } from "./address-rules.ts";
import { EngineError } from "./engine-error.ts";
import type { PeerId } from "./engine-interface.ts";
import type { NodeComponents } from "./libp2p-node.ts";
import { isNamed, type Lookup, resolveName } from "./resolve-names.ts";
import type { SharedKeyChoice } from "./shared-key-choice.ts";

/** The next address is tried beside those that have not answered after this (RFC 8305, section 5). */
const NEXT_AFTER_MS = 250;
/**
 * And where one has: a busy peer takes its time for the handshakes, which are what costs; to begin others with it at its
 * further addresses would make it busier.
 */
const NEXT_AFTER_ANSWER_MS = 3_000;
/** Whoever has answered has so long for the handshakes, from then on; as in membership-encrypter.ts. */
const HANDSHAKES_WITHIN_MS = 8_000;
/** Addresses of one dial; what is over is not tried. */
const MAX_ADDRESSES = 16;

export interface DialerOptions {
  transports: NodeComponents["transportManager"];
  keys: SharedKeyChoice;
  loopbackOnly: boolean;
  timers: Timers;
  lookup: Lookup;
  /** Called once, when somebody takes a connection at one of the addresses: the handshakes begin. */
  answered?: (() => void) | undefined;
}

type Dial = (answered: () => void) => Promise<Connection>;

/**
 * Connects to a peer by the first of several addresses that answers, always with a new connection. libp2p's own queue is
 * passed by: it makes one dial of two to the same peer, and tries addresses one after the other. Names are looked up
 * meanwhile: where nobody answers for them, the addresses beside them are dialled all the same.
 * @throws {EngineError} with the reason of each address
 */
export async function dialAny(
  peer: PeerId,
  addresses: readonly string[],
  timeoutMs: number,
  options: DialerOptions,
): Promise<Connection> {
  const over = new AbortController();
  const giveUpAfter = (delayMs: number, why: string) =>
    options.timers.after(delayMs, () => over.abort(new EngineError(why)));
  let callOff = giveUpAfter(timeoutMs, "nobody answered in time");
  let isAnswered = false;
  const answered = (): void => {
    if (isAnswered || over.signal.aborted) return;
    isAnswered = true;
    callOff();
    callOff = giveUpAfter(HANDSHAKES_WITHIN_MS, "who answered did not end the handshakes in time");
    options.answered?.();
  };
  try {
    const given = [...new Set(addresses.slice(0, MAX_ADDRESSES))];
    const seen = new Set<string>();
    const dials = (found: readonly string[]): Dial[] => {
      const more = found.filter((address) => !seen.has(address)).slice(0, MAX_ADDRESSES - seen.size);
      for (const address of more) seen.add(address);
      return more.map(
        (address): Dial =>
          (opened) => {
            const told = (): void => {
              opened();
              answered();
            };
            return dialOne(peer, address, over.signal, told, options);
          },
      );
    };
    const straight = dials(given.filter((address) => !isNamed(address)));
    const named = given.filter(isNamed).map(async (name) => dials(await resolveName(name, options.lookup)));
    return await firstOf(straight, named, over, options.timers, `no address of ${peer} to dial`);
  } finally {
    callOff();
    // Whoever has not answered yet is no longer wanted.
    over.abort(new EngineError("another address was faster"));
  }
}

/** Starts one after the other, those that come later when they come; connections that come second are closed. */
function firstOf(
  first: readonly Dial[],
  later: readonly Promise<readonly Dial[]>[],
  over: AbortController,
  timers: Timers,
  none: string,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const dials = [...first];
    const failures: unknown[] = [];
    let awaited = later.length;
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
    /** Gives up when all have failed and no more can come. */
    const isHopeless = (): boolean => {
      if (awaited > 0 || failures.length < dials.length) return false;
      done();
      reject(new EngineError(failures.map(messageOf).join("; ") || none));
      return true;
    };
    const startNext = (): void => {
      callOffNext();
      const dial = dials[started];
      if (isDone || dial === undefined) return;
      started += 1;
      callOffNext = timers.after(NEXT_AFTER_MS, startNext);
      const answered = (): void => {
        if (isDone) return;
        callOffNext();
        callOffNext = timers.after(NEXT_AFTER_ANSWER_MS, startNext);
      };
      dial(answered).then(
        (connection) => {
          if (isDone) return connection.abort(new Error("another address was faster"));
          done();
          resolve(connection);
        },
        (error) => {
          failures.push(error);
          if (!isDone && !isHopeless()) startNext();
        },
      );
    };
    over.signal.addEventListener("abort", giveUp, { once: true });
    for (const found of later) {
      void found.then((more) => {
        awaited -= 1;
        const isWaiting = started === dials.length;
        dials.push(...more);
        if (!isDone && !isHopeless() && isWaiting) startNext();
      });
    }
    if (!isHopeless()) startNext();
  });
}

async function dialOne(
  peer: PeerId,
  address: string,
  signal: AbortSignal,
  answered: () => void,
  { transports, keys, loopbackOnly }: DialerOptions,
): Promise<Connection> {
  const whole = parsed(address, peer);
  const why = forbiddenAddress(whole, loopbackOnly);
  if (why !== undefined) throw new EngineError(`${address} is not dialled: ${why}`);
  for (let left = keys.all().length; ; left -= 1) {
    const key = keys.pick(peer);
    try {
      return await transports.dial(whole, {
        signal,
        // The upgrader tells of its steps too, by names that the type here leaves out.
        onProgress: ({ type }: { type: string }) => {
          if (type === "upgrader:encrypt-outbound-connection") answered();
        },
      });
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
