import { afterEach, describe, expect, test } from "bun:test";
import { encodeLeaseAsk, sealLeaseAsk } from "../../../../src/vm/request/index.ts";
import type { AskWay } from "../../../../src/vm/wire/index.ts";
import { DAY_S } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf, policy } from "../admission/fixed-case.ts";

import { eventually } from "../lending/played-ground.ts";
import { hex } from "../request/fixed-request.ts";
import { joined, lendingToMembers, random, releaseOf, requestOf } from "./members.ts";

const scratch = scratchFolders();

describe("a box that lends to members of its networks", () => {
  let stand: ReturnType<typeof lendingToMembers>;
  let folder = "";
  async function start(more: Parameters<typeof lendingToMembers>[1] = {}) {
    folder = scratch();
    stand = lendingToMembers(folder, more);
    await stand.lender.start();
    return stand;
  }
  afterEach(async () => {
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });
  const way = (rest: Partial<AskWay> = {}): AskWay => ({
    ...{ address: "192.0.2.9", membership: stand.network, carrier: undefined },
    ...rest,
  });
  const lastDecision = () =>
    stand.journal.tail(20).find(({ kind }) => ["lease-allowed", "lease-denied"].includes(kind));

  test("lends to who shows the network's certificates with the request, as a member", async () => {
    const { desk, network } = await start();
    const { member } = joined(folder, network);
    const answer = await desk.request(requestOf(member, 1), member.chain(), way());
    expect(answer).toMatchObject({ is: "admitted" });
    expect(lastDecision()?.detail).toMatchObject({
      priority: 50,
      source: { networks: [network.id], local: false },
    });
  });

  test("refuses who shows none, or shows somebody else's, and says why", async () => {
    const { desk, network } = await start();
    const { member } = joined(folder, network);
    const { member: other } = joined(folder, network);
    expect(await desk.request(requestOf(member, 1), undefined, way())).toMatchObject({
      is: "refused",
      why: expect.stringContaining("you show no certificates"),
    });
    expect(await desk.request(requestOf(member, 2), other.chain(), way())).toMatchObject({
      is: "refused",
      why: expect.stringContaining("chain.0.subject: is somebody else"),
    });
    expect(stand.lender.live()).toEqual([]);
  });

  test("takes nobody for a member at its open counter, whatever they say", async () => {
    const { desk, network } = await start();
    const { member } = joined(folder, network);
    const open = way({ membership: undefined });
    const asMember = await desk.request(requestOf(member, 1), member.chain(), open);
    expect(asMember).toMatchObject({
      is: "refused",
      why: `You have not shown that you are a member of ${network.id}.`,
    });
    const asStranger = await desk.request(requestOf(member, 2, { network: undefined }), undefined, open);
    expect(asStranger).toMatchObject({ is: "refused", why: "This box lends to members of its networks." });
  });

  test("refuses who was put out, and who came by an invite that was, with the reason", async () => {
    const { desk, network } = await start();
    const { member } = joined(folder, network);
    network.revoke(member.publicKey, "out", "lost its laptop");
    expect(await desk.request(requestOf(member, 1), member.chain(), way())).toMatchObject({
      is: "refused",
      why: expect.stringContaining("chain: revoked: lost its laptop"),
    });
    // Its key alone is enough, where another member carries what it says.
    expect(await desk.request(requestOf(member, 2), undefined, way({ carrier: "box" }))).toMatchObject({
      is: "refused",
      why: expect.stringContaining("your key was put out"),
    });
  });

  test("refuses certificates that have expired", async () => {
    const { desk, network } = await start();
    const { member } = joined(folder, network, "requester", { expiresS: DAY_S });
    stand.clock.pass(2 * DAY_S * 1_000);
    expect(await desk.request(requestOf(member, 1), member.chain(), way())).toMatchObject({
      is: "refused",
      why: expect.stringContaining("chain: expired at "),
    });
  });

  test("refuses certificates of another network, though this box is in both", async () => {
    const { desk, box } = await start();
    const mill = box.memberships.found("Mill");
    const { member } = joined(folder, mill);
    expect(await desk.request(requestOf(member, 1), member.chain(), way())).toMatchObject({
      is: "refused",
      why: expect.stringContaining("chain: is of another network"),
    });
    expect(await desk.request(requestOf(member, 2), member.chain(), way({ membership: mill }))).toMatchObject(
      { is: "admitted" },
    );
    expect(lastDecision()?.detail).toMatchObject({ source: { networks: [mill.id] } });
  });

  test("takes an operator's request for one of its own, and no other's", async () => {
    const { desk, network } = await start();
    const { member: operator } = joined(folder, network, "operator");
    await desk.request(requestOf(operator, 1), operator.chain(), way());
    expect(lastDecision()?.detail).toMatchObject({ priority: 100, source: { local: true } });
    for (const [number, role] of [
      [2, "box"],
      [3, "person"],
    ] as const) {
      const { member } = joined(folder, network, role);
      await desk.request(requestOf(member, number), member.chain(), way());
      expect(lastDecision()?.detail).toMatchObject({ priority: 50, source: { local: false } });
    }
  });

  test("believes the member that carries a request, and certificates that do not hold no more for that", async () => {
    const { desk, network } = await start();
    const { member: carried } = joined(folder, network);
    const by = way({ carrier: "box" });
    // Signed with a key that no certificate names.
    const { member: strange } = joined(folder, stand.box.memberships.found("Mill"));
    const asked = requestOf(strange, 1, { network: network.id });
    expect(await desk.request(asked, undefined, by)).toMatchObject({ is: "admitted" });
    expect(
      await desk.request(requestOf(strange, 2, { network: network.id }), strange.chain(), by),
    ).toMatchObject({
      is: "refused",
    });
    expect(await desk.request(requestOf(carried, 3), carried.chain(), by)).toMatchObject({ is: "admitted" });
  });

  test("takes a request that names it by its key in the very network that it came by, and no other", async () => {
    const { desk, network, box } = await start();
    const mill = box.memberships.found("Mill");
    const { member } = joined(folder, network);
    const named = (key: Uint8Array, number: number) =>
      desk.request(requestOf(member, number, {}, hex(key)), member.chain(), way());
    expect(await named(network.publicKey, 1)).toMatchObject({ is: "admitted" });
    // Else anybody could find out that two members of two networks are one box.
    expect(await named(mill.publicKey, 2)).toEqual({
      is: "refused",
      why: "request.provider: is another box",
    });
  });

  test("gives who came by an invite certificates that outlast it, once", async () => {
    const { desk, network } = await start();
    const { member } = joined(folder, network, "requester", { expiresS: DAY_S });
    const answer = await desk.request(requestOf(member, 1), member.chain(), way());
    const better = Uint8Array.from(Buffer.from(answer.certificates ?? "", "base64"));
    expect(member.self.expiresAt).not.toBe(0);
    expect(member.take(better)).toBe(true);
    expect(member.self).toMatchObject({ role: "requester", expiresAt: 0 });
    const again = await desk.request(requestOf(member, 2), member.chain(), way());
    expect(again.is).toBe("admitted");
    expect(again.certificates).toBeUndefined();
  });

  test("counts an invite for one as used by who was seen first", async () => {
    const { desk, network } = await start();
    const link = network.invite({ role: "requester", uses: 1, expiresS: 0, peers: [] });
    const [first, second] = [joined(folder, network), joined(folder, network)].map(({ of }) => {
      of.memberships.leave(network.id);
      return of.memberships.join(link).membership;
    });
    if (!first || !second) throw new Error("two have joined");
    expect(await desk.request(requestOf(first, 1), first.chain(), way())).toMatchObject({ is: "admitted" });
    expect(await desk.request(requestOf(second, 2), second.chain(), way())).toMatchObject({
      is: "refused",
      why: expect.stringContaining("somebody else came by it before"),
    });
  });

  test("opens what members of any of its networks have sealed, by a shared key before the last too, and nothing else", async () => {
    const { desk, network, box } = await start();
    const mill = box.memberships.found("Mill");
    const ask = encodeLeaseAsk({ kind: "events", lease: idOf(1) });
    const [old = new Uint8Array(32)] = network.sharedKeys();
    network.rotate();
    for (const [membership, key] of [
      [network, old],
      [network, network.sharedKeys()[0]],
      [mill, mill.sharedKeys()[0]],
    ] as const) {
      const opened = desk.open(sealLeaseAsk(ask, key ?? old, random).sealed);
      expect(opened?.membership.publicKey).toEqual(membership.publicKey);
      expect(opened?.ask).toEqual({ kind: "events", lease: idOf(1) });
    }
    expect(desk.open(sealLeaseAsk(ask, new Uint8Array(32).fill(5), random).sealed)).toBeUndefined();
    expect(() =>
      desk.open(sealLeaseAsk(new Uint8Array(9), network.sharedKeys()[0] ?? old, random).sealed),
    ).toThrow("ask");
  });

  test("lets members be displaced by nobody below them: a stranger's lease goes for a member's", async () => {
    const counts = { atOnce: 1, perRequester: 4, perSource: 4, waiting: 4 };
    const { desk, network, lender } = await start({ policy: policy({ accept: "all", counts }) });
    const { member } = joined(folder, network);
    const { member: nobody } = joined(folder, stand.box.memberships.found("Mill"));
    const strange = requestOf(nobody, 1, { network: undefined });
    expect(await desk.request(strange, undefined, way({ membership: undefined }))).toMatchObject({
      is: "admitted",
    });
    expect(await desk.request(requestOf(member, 2), member.chain(), way())).toMatchObject({
      is: "admitted",
    });
    expect(lender.live().map(({ id }) => id)).toEqual([idOf(2)]);
    await desk.command(releaseOf(member, 2));
    await eventually("it is over", () => lender.live().length === 0);
  });
});
