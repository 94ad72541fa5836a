import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlockedRequesters, lendsNothing } from "../../../../src/vm/operator/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf, local, member, NETWORK, policy, rule, stranger } from "../admission/fixed-case.ts";
import { endsIn } from "../leases/store-stand.ts";
import { Asker } from "../lending/asker.ts";
import { eventually } from "../lending/played-ground.ts";
import { counted, operated } from "./played-lending.ts";

const scratch = scratchFolders();
const [ana, bo, cy] = [1, 2, 3].map((number) => new Asker(number)) as [Asker, Asker, Asker];
const counts = { atOnce: 1, perRequester: 4, perSource: 16, waiting: 4 };
const asksOfBo = [rule({ requester: bo.publicKey, verdict: "ask" as const })];

describe("the operator of a box that lends", () => {
  let stand: ReturnType<typeof operated>;
  async function start(more: Parameters<typeof operated>[1] = {}) {
    stand = operated(scratch(), { policy: policy({ accept: "all", counts, rules: asksOfBo }), ...more });
    await stand.lender.start();
    return stand;
  }
  afterEach(async () => {
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });
  const runs = () => stand.lender.leases()[0]?.lease.state.phase === "running";

  test("sees who has what and what for, what it uses, and what it has tried", async () => {
    const names = {
      requester: (key: string, network: string | undefined) =>
        key === ana.publicKey && network === NETWORK ? "School" : undefined,
      network: () => "Valley",
    };
    const { operator, lender, traffic, statistics, clocks } = await start({ names });
    await lender.request(ana.asks(1, { activity: "Render a map", durationS: 600 }), member);
    await eventually("it runs", runs);
    traffic.set(idOf(1), counted(2_048, 5_000_000, 3));
    statistics.set(idOf(1), { cpuMs: 12_300, energyMj: 4_500 });
    for (let second = 0; second < 5; second += 1) {
      clocks.time.advance(1_000);
      await Bun.sleep(0);
    }
    const view = operator.view();
    expect(view.lendsNothing).toBeUndefined();
    expect(view.leases).toEqual([
      {
        ...{ id: idOf(1), network: "Valley", from: "192.0.2.9", reputation: 50, priority: 50 },
        who: { key: ana.publicKey, words: expect.stringMatching(/^([a-z]+ ){3}[a-z]+$/), name: "School" },
        ...{ activity: "Render a map", image: "small", cpus: 1, memoryMiB: 256, diskMiB: 0 },
        ...{ acceptsInspection: true, phase: "running", why: "", secondsLeft: 595 },
        ...{ upBytes: 2_048, downBytes: 5_000_000, rogueAttempts: 3, cpuSeconds: 12.3, energyJoules: 4.5 },
      },
    ]);
    expect(view.room).toMatchObject({ leases: 1, maxLeases: 1, lent: { cpus: 1, memoryMiB: 256 } });
    expect(view.terms).toEqual({ accept: "all", operatorsInspect: false, quietHours: "" });
  });

  test("sees who waits, for what, where and since when; a network that is only claimed is none", async () => {
    const { operator, lender, state } = await start();
    await lender.request(ana.asks(1), local);
    await lender.request(cy.asks(3, { network: undefined, durationS: 90 }), stranger);
    await lender.request(bo.asks(2), member);
    state.laterMs = 4_000;
    expect(operator.view().leases[0]).toMatchObject({ from: "this box", priority: 100 });
    expect(operator.view().waiting).toMatchObject([
      ...[{ id: idOf(2), waitsFor: "operator", place: 1, priority: 50, network: NETWORK }],
      ...[{ id: idOf(3), waitsFor: "room", place: 1, priority: 10, network: "", seconds: 90 }],
    ]);
    expect(operator.view().waiting[1]?.waitedSeconds).toBeWithin(4, 8);
  });

  test("answers by the first digits of an id, and is told what there is not", async () => {
    const { operator, lender } = await start({
      policy: policy({ accept: "ask", counts: { ...counts, atOnce: 4 } }),
    });
    await lender.request(ana.asks(1), member);
    await lender.request(bo.asks(2), member);
    expect(await operator.allow("0000")).toContain("more than one");
    expect(await operator.allow("ffff")).toContain("no such request that waits");
    expect(await operator.allow("../..")).toContain("no such request");
    expect(await operator.allow("00000001")).toBeUndefined();
    expect(await operator.refuse(idOf(2))).toBeUndefined();
    await eventually("it runs", runs);
    expect(operator.view().waiting).toEqual([]);
    // What runs waits for no answer.
    expect(await operator.allow(idOf(1))).toContain("no such request");
    expect(await operator.end(idOf(1))).toBeUndefined();
    await eventually("it is over", () => lender.live().length === 0);
    expect(operator.view().ended[0]).toMatchObject({
      ...{ id: idOf(1), outcome: "host", why: "the operator of the box has ended it" },
      activity: "Count the herons of the delta",
    });
    expect(await operator.end(idOf(1))).toContain("no such lease");
  });

  test("blocks by the id of what somebody has, had or waits for, or by key; it is kept and journalled", async () => {
    const { operator, lender, blocked, journal } = await start();
    await lender.request(ana.asks(1), member);
    await lender.request(ana.asks(4), member);
    await eventually("it runs", runs);
    expect(await operator.block("abcd")).toContain("abcd");
    expect(await operator.block("00000001")).toBeUndefined();
    await eventually("all of theirs is over", () => lender.live().length === 0);
    expect(operator.view().waiting).toEqual([]);
    expect(await lender.request(ana.asks(5), member)).toMatchObject({ is: "refused" });
    expect(await operator.unblock(ana.publicKey.slice(0, 8))).toBeUndefined();
    expect(blocked.list()).toEqual([]);
    // Of a lease that is over as well.
    expect(await operator.block(idOf(1))).toBeUndefined();
    expect(await operator.block(cy.publicKey)).toBeUndefined();
    expect(operator.view().blocked.map(({ key }) => key)).toEqual([ana.publicKey, cy.publicKey]);
    const notes = journal.tail(50).filter(({ kind }) => /^requester-/.test(kind));
    expect(notes.map(({ kind, subject }) => `${kind} ${subject.slice(0, 4)}`).toReversed()).toEqual([
      `requester-blocked ${ana.publicKey.slice(0, 4)}`,
      `requester-unblocked ${ana.publicKey.slice(0, 4)}`,
      `requester-blocked ${ana.publicKey.slice(0, 4)}`,
      `requester-blocked ${cy.publicKey.slice(0, 4)}`,
    ]);
    expect(endsIn(journal).map(({ detail }) => detail.outcome)).toEqual(["host", "refused"]);
  });

  test("ends what somebody has who is blocked, also where that cannot be written down", async () => {
    const { operator, lender, journal } = await start();
    await lender.request(ana.asks(1), member);
    await eventually("it runs", runs);
    const append = journal.append.bind(journal);
    journal.append = async (part, kind, ...more) => {
      if (kind === "requester-blocked") throw new Error("the medium is full");
      return append(part, kind, ...more);
    };
    expect(operator.block(ana.publicKey)).rejects.toThrow("full");
    await eventually("it has ended", () => lender.leases().length === 0);
  });

  test("is told that what the configuration blocks is unblocked there", async () => {
    const { operator } = await start({ policy: policy({ blocked: [ana.publicKey] }) });
    expect(operator.view().blocked).toMatchObject([{ key: ana.publicKey, byConfiguration: true }]);
    expect(await operator.unblock(ana.publicKey)).toContain("vm.blocked");
    expect(await operator.unblock(bo.publicKey)).toContain("nobody");
  });

  test("is told what is missing where the box lends nothing, and can still block", async () => {
    const { operator, state, blocked } = await start();
    state.lendsNothing = "/usr/bin/qemu-system-x86_64 is missing (package qemu-system-x86)";
    expect(operator.view()).toMatchObject({ lendsNothing: state.lendsNothing, leases: [], waiting: [] });
    expect(operator.view().room).toBeUndefined();
    expect(await operator.end("00000001")).toBe(`this box lends nothing: ${state.lendsNothing}`);
    expect(await operator.block(ana.publicKey)).toBeUndefined();
    expect(blocked.list()).toEqual([ana.publicKey]);
  });
});

test("a box that is to lend nothing says why, and does nothing", async () => {
  const nothing = lendsNothing("it is switched off (vm.enabled)", policy());
  expect(nothing.view().lendsNothing).toBe("it is switched off (vm.enabled)");
  for (const action of ["allow", "refuse", "end", "block", "unblock"] as const)
    expect(await nothing[action]("00000001")).toContain("it is switched off");
});

describe("who is blocked", () => {
  test("stays blocked in a next life of the box", () => {
    const path = join(scratch(), "blocked.json");
    const first = BlockedRequesters.open(path);
    expect(first.block(ana.publicKey)).toBe(true);
    expect(first.block(ana.publicKey)).toBe(true);
    expect(first.block(bo.publicKey)).toBe(true);
    expect(first.unblock(ana.publicKey)).toBe(true);
    expect(first.unblock(ana.publicKey)).toBe(false);
    expect(BlockedRequesters.open(path).list()).toEqual([bo.publicKey]);
  });

  test("is no more than a thousand, and nobody where the file is torn", () => {
    const path = join(scratch(), "blocked.json");
    const blocked = Array.from({ length: 1_000 }, (_, number) => idOf(number).repeat(2));
    writeFileSync(path, JSON.stringify({ blocked }));
    const full = BlockedRequesters.open(path);
    expect(full.list()).toHaveLength(1_000);
    expect(full.block(ana.publicKey)).toBe(false);
    expect(full.block(idOf(7).repeat(2))).toBe(true);
    const torn = join(scratch(), "blocked.json");
    writeFileSync(torn, '{"blocked":["x');
    expect(BlockedRequesters.open(torn).list()).toEqual([]);
  });
});
