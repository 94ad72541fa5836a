import { createHash, createPrivateKey, randomBytes, sign, verify } from "node:crypto";
import pino from "pino";
import { systemTimers } from "../../../../src/host/timers.ts";
import type { Member, Passport, Role } from "../../../../src/identity/member.ts";
import { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import type { Libp2pEngineOptions } from "../../../../src/mesh/engine/engine-options.ts";
import { publicKeyOfSeed } from "../../../../src/mesh/engine/peer-id.ts";

const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** Why a chain of a {@link TestNetwork} does not hold. */
export class TestCertificateError extends Error {
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A network whose certificates are no more than its signature of the member's key: enough for the transports, which do
 * not look inside.
 */
export class TestNetwork {
  readonly revoked = new Set<string>();
  private readonly signing: Buffer;

  constructor(
    readonly name: string,
    public sharedKeys: readonly Uint8Array[] = [digest(`${name} shared`)],
  ) {
    this.signing = digest(`${name} signing`);
  }

  /** @param seed by default another one each time */
  passport(options: { seed?: Uint8Array; certified?: boolean; role?: Role } = {}): Passport {
    const { seed = randomBytes(32), certified = true, role = "box" } = options;
    const publicKey = publicKeyOfSeed(seed);
    const key = createPrivateKey({ key: Buffer.concat([PKCS8, this.signing]), format: "der", type: "pkcs8" });
    const chain = certified ? sign(null, publicKey, key) : Buffer.alloc(0);
    return {
      seed,
      chain: () => chain,
      check: (shown, of) => this.check(shown, of, role),
      isStillMember: (of) => !this.revoked.has(hex(of)),
      sharedKeys: () => this.sharedKeys,
    };
  }

  private check(chain: Uint8Array, publicKey: Uint8Array, role: Role): Member {
    const spki = Buffer.concat([SPKI, publicKeyOfSeed(this.signing)]);
    const isOurs = verify(null, publicKey, { key: spki, format: "der", type: "spki" }, chain);
    if (!isOurs) throw new TestCertificateError("network", "certificates of another network");
    if (this.revoked.has(hex(publicKey))) throw new TestCertificateError("revoked", "revoked");
    return { publicKey, role, name: "", grants: [], expiresAt: 0 };
  }
}

const started: Libp2pEngine[] = [];

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
  started.push(engine);
  await engine.start();
  return engine;
}

export async function stopEngines(): Promise<void> {
  await Promise.all(started.splice(0).map((engine) => engine.stop()));
}

export const tcpAddress = (engine: Libp2pEngine): string => `/ip4/127.0.0.1/tcp/${engine.ports().tcp}`;
export const wsAddress = (engine: Libp2pEngine): string => `/ip4/127.0.0.1/tcp/${engine.ports().ws}/ws`;

export function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
