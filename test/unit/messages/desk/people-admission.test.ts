import { describe, expect, test } from "bun:test";
import { type Membership, signingKey } from "../../../../src/identity/index.ts";
import type { Joined, NotSent } from "../../../../src/messages/desk/guest-messages.ts";
import {
  PeopleAdmission,
  type PeopleAdmissionOptions,
} from "../../../../src/messages/desk/people-admission.ts";
import { WritingLimits } from "../../../../src/messages/desk/writing-limits.ts";
import { FakeClock } from "../../fake-clock.ts";
import { openBox } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const ADA = signingKey(new Uint8Array(32).fill(3)).publicKey;
const phone = (number: number) => ({ station: `02:00:00:00:00:${String(number).padStart(2, "0")}` });

function stand(options: Partial<PeopleAdmissionOptions> = {}) {
  const clock = new FakeClock();
  const monotonicMs = () => clock.monotonicMs();
  const founder: Membership = openBox(scratch(), clock).memberships.found("Valley", "Market");
  const told: string[] = [];
  const admission = new PeopleAdmission({
    people: "open",
    perHour: 60,
    membership: () => founder,
    bootstrap: () => [],
    limits: new WritingLimits(monotonicMs),
    monotonicMs,
    told: (kind) => void told.push(kind),
    ...options,
  });
  return { admission, founder, clock, told };
}

function joined(answer: Joined | NotSent): Joined {
  if ("refused" in answer) throw new Error(`${answer.refused}: ${answer.detail}`);
  return answer;
}

describe("at the portal", () => {
  test("whoever asks becomes a person of the network, where the operator lets everybody in", async () => {
    const { admission, founder, told } = stand();
    expect(admission.offer()).toEqual({ network: "Valley", needsInvite: false });
    const { chain, network } = joined(await admission.join(phone(1), ADA, "Ada", ""));
    expect(network).toBe("Valley");
    expect(founder.check(chain, ADA)).toMatchObject({ role: "person", name: "Ada" });
    expect(told).toEqual(["person-joined"]);
  });

  test("an invite is needed where the operator says so, and one for a person of this network", async () => {
    const { admission, founder } = stand({ people: "invite" });
    expect(admission.offer()).toEqual({ network: "Valley", needsInvite: true });
    expect(await admission.join(phone(1), ADA, "Ada", "")).toMatchObject({ refused: "form" });
    const link = founder.invite({ role: "person", uses: 1, expiresS: 60, peers: [] });
    joined(await admission.join(phone(1), ADA, "Ada", link));
    const asBox = founder.invite({ role: "box", uses: 1, expiresS: 60, peers: [] });
    expect(await admission.join(phone(2), ADA, "Ada", asBox)).toMatchObject({
      refused: "form",
      detail: "join.link: is for a box",
    });
    expect(await admission.join(phone(3), ADA, "Ada", "omerta://invite/rubbish")).toMatchObject({
      refused: "form",
    });
    expect(await admission.takeAlong(phone(4))).toMatchObject({ refused: "blocked" });
  });

  test("nobody becomes one where it is closed, or the box belongs to no network", async () => {
    for (const { admission } of [stand({ people: "closed" }), stand({ membership: () => undefined })]) {
      expect(admission.offer()).toBeUndefined();
      expect(await admission.join(phone(1), ADA, "Ada", "")).toMatchObject({ refused: "blocked" });
      expect(await admission.takeAlong(phone(1))).toMatchObject({ refused: "blocked" });
    }
  });

  test("an invite for one is given to take along, and works once", async () => {
    const { admission, founder } = stand();
    const answer = await admission.takeAlong(phone(1));
    if ("refused" in answer) throw new Error(answer.detail);
    const other = openBox(scratch()).memberships.join(answer.link, "Ada's phone").membership;
    expect(founder.check(other.chain(), other.publicKey)).toMatchObject({ role: "person" });
  });

  test("a device is let in a few times, and all of them together so often in an hour", async () => {
    const { admission, clock } = stand({ perHour: 5 });
    let taken = 0;
    for (let count = 0; count < 10; count += 1)
      if (!("refused" in (await admission.join(phone(1), ADA, "", "")))) taken += 1;
    expect(taken).toBe(3);
    for (let count = 2; count < 10; count += 1)
      if (!("refused" in (await admission.join(phone(count), ADA, "", "")))) taken += 1;
    expect(taken).toBe(5);
    clock.pass(30 * 60_000);
    joined(await admission.join(phone(20), ADA, "", ""));
  });

  test("what is wrong with a key or a name is said", async () => {
    const { admission } = stand();
    expect(await admission.join(phone(1), new Uint8Array(31), "", "")).toMatchObject({
      detail: expect.stringContaining("join.key"),
    });
    expect(await admission.join(phone(2), ADA, "x".repeat(61), "")).toMatchObject({
      detail: expect.stringContaining("join.name"),
    });
  });
});
