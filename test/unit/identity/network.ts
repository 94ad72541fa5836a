import { randomBytes } from "node:crypto";
import type { Clock } from "../../../src/host/clock.ts";
import { openDeviceKey } from "../../../src/identity/device-key.ts";
import { type InviteRequest, type Membership, Memberships } from "../../../src/identity/index.ts";
import { FakeClock } from "../fake-clock.ts";

export const DAY_S = 86_400;

/** A box with its folder of state. */
export interface TestBox {
  folder: string;
  memberships: Memberships;
  told: string[];
}

/** A box in a folder, anew or after a restart. */
export function openBox(folder: string, clock: Clock = new FakeClock()): TestBox {
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const memberships = new Memberships(folder, openDeviceKey(folder, tell), clock, tell, {
    random: (bytes) => Uint8Array.from(randomBytes(bytes)),
    scryptWorkFactor: 10,
  });
  return { folder, memberships: memberships.open(), told };
}

/** An invite with what most tests don't care about. */
export const inviteBy = (membership: Membership, request: Partial<InviteRequest> = {}): string =>
  membership.invite({ role: "box", uses: 0, expiresS: 7 * DAY_S, peers: [], ...request });

/** Tells each all that the others know. */
export function syncAll(...memberships: Membership[]): void {
  for (const to of memberships) {
    for (const from of memberships) {
      if (from !== to) for (const statement of from.statements()) to.accept(statement);
    }
  }
}

/** Two boxes meet: each checks the other and notes that it came. @throws {CertificateError} */
export function meet(a: Membership, b: Membership): void {
  a.check(b.chain(), b.publicKey);
  b.check(a.chain(), a.publicKey);
  a.noteAdmission(b.chain());
  b.noteAdmission(a.chain());
  syncAll(a, b);
}
