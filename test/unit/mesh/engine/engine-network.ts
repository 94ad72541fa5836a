import { randomBytes } from "node:crypto";
import pino from "pino";
import { systemTimers, type Timers } from "../../../../src/host/timers.ts";
import {
  type Membership,
  Memberships,
  openDeviceKey,
  type Passport,
} from "../../../../src/identity/index.ts";
import { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import type { PeerId } from "../../../../src/mesh/engine/engine-interface.ts";
import type { Libp2pEngineOptions } from "../../../../src/mesh/engine/engine-options.ts";
import { FakeClock } from "../../fake-clock.ts";

/** A network of real memberships, each with the device key of a box of its own. */
export class TestNetwork {
  readonly founder: Membership;
  readonly clock = new FakeClock();
  private readonly link: string;

  /** @param folder makes folders of their own */
  constructor(
    name: string,
    private readonly folder: () => string,
  ) {
    this.founder = this.box().found(name);
    this.link = this.founder.invite({ role: "box", uses: 0, expiresS: 7 * 86_400, peers: [] });
  }

  /** One more box, which has joined by an invite. */
  member(): Membership {
    return this.box().join(this.link).membership;
  }

  private box(): Memberships {
    const folder = this.folder();
    const random = (bytes: number): Uint8Array => Uint8Array.from(randomBytes(bytes));
    return new Memberships(folder, openDeviceKey(folder), this.clock, () => {}, { random }).open();
  }
}

/** One who has come by a network's shared key, and shows other certificates. */
export function intruder(network: TestNetwork, stranger: Passport, chain = stranger.chain()): Passport {
  return {
    seed: stranger.seed,
    chain: () => chain,
    // It would take anybody.
    check: (_, publicKey) => ({ publicKey, role: "box", name: "", grants: [], expiresAt: 0 }),
    isStillMember: () => true,
    sharedKeys: () => network.founder.sharedKeys(),
  };
}

/** Waits a twentieth of what it should. */
export const HURRIED: Timers = {
  monotonicMs: () => systemTimers.monotonicMs() * 20,
  after: (delayMs, task) => systemTimers.after(delayMs / 20, task),
};

const running: Libp2pEngine[] = [];

/** An engine on loopback, started; {@link stopEngines} stops it. */
export async function startEngine(
  passport: Passport,
  options: Partial<Libp2pEngineOptions> = {},
): Promise<Libp2pEngine> {
  const engine = new Libp2pEngine({
    passport,
    listen: { hosts: ["127.0.0.1"], tcpPort: 0, wsPort: 0 },
    stunServers: () => [],
    relay: { serve: false, maxReservations: 0, maxCircuitKbit: 0, maxTotalKbit: 0 },
    // All of a test's nodes come from one address.
    limits: { maxInboundPerSecond: 1_000, maxPending: 100, maxPendingOfAddress: 100 },
    timers: systemTimers,
    log: pino({ level: "silent" }),
    ...options,
  });
  running.push(engine);
  await engine.start();
  return engine;
}

export async function stopEngines(): Promise<void> {
  await Promise.all(running.splice(0).map((engine) => engine.stop()));
}

export const SERVING = { serve: true, maxReservations: 8, maxCircuitKbit: 0, maxTotalKbit: 0 };

export const tcpAddress = (engine: Libp2pEngine): string => `/ip4/127.0.0.1/tcp/${engine.ports().tcp}`;
export const wsAddress = (engine: Libp2pEngine): string => `/ip4/127.0.0.1/tcp/${engine.ports().ws}/ws`;
export const circuitAddress = (relay: Libp2pEngine): string => `/p2p/${relay.peer}/p2p-circuit`;

/** Sends back every frame that comes. */
export function serveEcho(engine: Libp2pEngine): void {
  engine.handle("/echo/1", async (stream) => {
    for await (const frame of stream.frames()) await stream.send(frame);
  });
}

/** What comes back for frames that were sent to somebody who echoes. */
export async function echoed(
  engine: Libp2pEngine,
  peer: PeerId,
  frames: readonly Uint8Array[],
  connectionId?: string,
): Promise<Buffer[]> {
  const stream = await engine.open(peer, "/echo/1", connectionId === undefined ? {} : { connectionId });
  const got: Buffer[] = [];
  const reading = (async () => {
    for await (const frame of stream.frames()) got.push(Buffer.from(frame));
  })();
  for (const frame of frames) await stream.send(frame);
  await stream.close();
  await reading;
  return got;
}

/** Resolves as soon as something holds, and fails when it does not in time. */
export async function until(holds: () => boolean, timeoutMs = 5_000): Promise<void> {
  const endsMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > endsMs) throw new Error(`still not: ${holds}`);
    await Bun.sleep(5);
  }
}
