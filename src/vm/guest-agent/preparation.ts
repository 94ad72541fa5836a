import { isIP } from "node:net";
import type { AgentRequest } from "./agent-line.ts";
import { GuestAgentError } from "./guest-agent-error.ts";
import type { HostKey } from "./host-key.ts";

/** RFC 8032 keys need 32 bytes of randomness; the kernel's generator has a key of as many. */
const SEED_BYTES = 32;
/** The agent takes 14 digits: to the year 5138. */
const LAST_TIME_MS = 99_999_999_999_999;

/** What makes a machine that was started ahead of its request one machine of one requester. */
export interface GuestPreparation {
  /** 32 random bytes or more, never used before. */
  seed: Uint8Array;
  /** Milliseconds since 1970, now. The guest's clock has whole seconds. */
  timeMs: number;
  /** The address that the guest asks for names, if any. */
  dns: string | undefined;
  /** Who may log in: one public key of OpenSSH, its type and base64. */
  sshKey: string;
  /** The machine's own key; made in the guest where there is none. */
  hostKey: HostKey | undefined;
}

/** All that comes before SSH, in its order: the guest makes its key with the new randomness. @throws {GuestAgentError} */
export function preparationRequests(preparation: GuestPreparation): AgentRequest[] {
  const { hostKey } = preparation;
  return [
    ...renewalRequests(preparation),
    { command: "hostkey", arguments: hostKey === undefined ? [] : [base64(hostKey.dropbear)] },
  ];
}

/** For a machine that goes on from a file, at another tunnel perhaps: SSH runs in it, with the key that it has. @throws {GuestAgentError} */
export function renewalRequests(renewal: Omit<GuestPreparation, "hostKey">): AgentRequest[] {
  const { dns, sshKey } = renewal;
  if (dns !== undefined && isIP(dns) === 0) throw new GuestAgentError("dns", "not an address");
  const key = /^([a-z0-9@.-]{1,64}) ([A-Za-z0-9+/]+=*)$/.exec(sshKey);
  if (key === null) throw new GuestAgentError("key", "not one public key of OpenSSH without a comment");
  return [
    ...freshnessRequests(renewal),
    { command: "dns", arguments: [dns ?? "-"] },
    { command: "key", arguments: key.slice(1) },
  ];
}

/** What a machine needs anew each time that it goes on from a file. @throws {GuestAgentError} */
export function freshnessRequests({
  seed,
  timeMs,
}: Pick<GuestPreparation, "seed" | "timeMs">): AgentRequest[] {
  if (seed.length < SEED_BYTES) throw new GuestAgentError("seed", `fewer than ${SEED_BYTES} bytes`);
  const wholeMs = Math.round(timeMs);
  if (!(wholeMs > 0 && wholeMs <= LAST_TIME_MS)) throw new GuestAgentError("time", `not a time: ${timeMs}`);
  return [
    { command: "seed", arguments: [base64(seed)] },
    { command: "time", arguments: [String(wholeMs)] },
  ];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
