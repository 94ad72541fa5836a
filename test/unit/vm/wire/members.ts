import { randomBytes } from "node:crypto";
import { createLog } from "../../../../src/host/log.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { type Membership, type Role, signingKey } from "../../../../src/identity/index.ts";
import {
  type LeaseCommand,
  type LeaseRequest,
  signLeaseCommand,
  signLeaseRequest,
} from "../../../../src/vm/request/index.ts";
import { LeaseDesk } from "../../../../src/vm/wire/index.ts";
import { FakeClock } from "../../fake-clock.ts";
import { inviteBy, openBox, type TestBox } from "../../identity/network.ts";
import { idOf, policy } from "../admission/fixed-case.ts";
import { lending } from "../lending/played-ground.ts";
import { fixedRequest, hex } from "../request/fixed-request.ts";

export const quietLog = createLog({ level: "error", destination: { write: () => undefined } });
export const random = (count: number) => Uint8Array.from(randomBytes(count));

/** A lender in a network of its own, which lends to members alone; and who asks it. */
export function lendingToMembers(folder: string, more: Parameters<typeof lending>[1] = {}) {
  const clock = new FakeClock();
  const box = openBox(`${folder}/box`, clock);
  const network = box.memberships.found("Harbour", "quay");
  const stand = lending(folder, { policy: policy({ accept: "members" }), ...more });
  const desk = new LeaseDesk({
    lender: stand.lender,
    memberships: box.memberships,
    timers: systemTimers,
    randomBytes: random,
  });
  return { clock, box, network, desk, ...stand };
}

let count = 0;

/** Somebody who has joined by an invite, with a folder of their own. */
export function joined(
  folder: string,
  network: Membership,
  role: Role = "requester",
  invite: Parameters<typeof inviteBy>[1] = {},
): { member: Membership; of: TestBox } {
  count += 1;
  const of = openBox(`${folder}/member-${count}`);
  return { member: of.memberships.join(inviteBy(network, { role, ...invite }), "laptop").membership, of };
}

/** What a member asks for, signed by the key that it has in its network. */
export function requestOf(
  member: Membership,
  number: number,
  rest: Partial<LeaseRequest> = {},
  provider?: string,
): Uint8Array {
  const key = signingKey(member.seed);
  const asked = fixedRequest({
    id: idOf(number),
    requester: hex(key.publicKey),
    network: member.id,
    image: "small",
    resources: { ...fixedRequest().resources, diskMiB: 0 },
    createdAt: fixedRequest().createdAt + number,
    ...rest,
  });
  return signLeaseRequest(asked, key, provider);
}

export function releaseOf(member: Membership, number: number): Uint8Array {
  const key = signingKey(member.seed);
  const command: LeaseCommand = {
    kind: "release",
    requester: hex(key.publicKey),
    serial: fixedRequest().createdAt + 1_000 + number,
    lease: idOf(number),
  };
  return signLeaseCommand(command, key);
}
