import { afterEach, describe, expect, test } from "bun:test";
import type { LenderNews } from "../../../../src/vm/lending/index.ts";
import {
  type LeaseCommand,
  type LeaseRequest,
  signLeaseCommand,
  signLeaseRequest,
} from "../../../../src/vm/request/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf, member, policy } from "../admission/fixed-case.ts";
import { endsIn, leaseId } from "../leases/store-stand.ts";
import { fixedRequest, hex, requester, stranger } from "../request/fixed-request.ts";
import { eventually, lending } from "./played-ground.ts";

const scratch = scratchFolders();
const ID = leaseId(1);
const asked = (rest: Partial<LeaseRequest> = {}): LeaseRequest =>
  fixedRequest({ id: ID, image: "small", resources: { ...fixedRequest().resources, diskMiB: 0 }, ...rest });
const signed = (rest: Partial<LeaseRequest> = {}) => signLeaseRequest(asked(rest), requester);
const PREPARED = ["up", "create", "attach", "resume", "hello", "prepare"];

let serial = fixedRequest().createdAt;
const command = (
  what: { kind: "release"; lease: string } | { kind: "keep-alive"; leases: string[] },
  by = requester,
) => {
  serial += 1;
  return signLeaseCommand({ requester: hex(by.publicKey), serial, ...what } as LeaseCommand, by);
};

describe("a box that lends", () => {
  let stand: ReturnType<typeof lending>;
  async function start(more: Parameters<typeof lending>[1] = {}) {
    stand = lending(scratch(), more);
    await stand.lender.start();
    stand.played.calls.length = 0;
    return stand;
  }
  afterEach(async () => {
    stand.played.failing.clear();
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });

  /** What is told of the lease. */
  function listen(id = ID): LenderNews[] {
    const told: LenderNews[] = [];
    stand.lender.events(id, (news) => told.push(news));
    return told;
  }
  const isRunning = (told: readonly LenderNews[]) => () => told.some(({ is }) => is === "running");
  const isOver = () => endsIn(stand.journal).length > 0 && stand.lender.live().length === 0;

  test("makes a machine step by step, verified before it runs and with its keys before it is told to run", async () => {
    const { lender, played } = await start();
    const told = listen();
    const answer = await lender.request(signed(), member);
    expect(answer).toMatchObject({
      is: "admitted",
      tunnel: { endpoint: { address: "192.0.2.1", port: 24_700 } },
    });
    await eventually("it runs", isRunning(told));
    expect(played.calls).toEqual(PREPARED);
    const steps = told.map((news) => (news.is === "preparing" ? news.step : news.is));
    expect(steps.join()).toBe("admitted,network,start,verify,resume,guest,running");
  });

  test("answers the same request as before, and makes nothing twice", async () => {
    const { lender, played } = await start();
    const told = listen();
    const bytes = signed();
    const [first, second] = await Promise.all([lender.request(bytes, member), lender.request(bytes, member)]);
    expect(second).toEqual(first);
    await eventually("it runs", isRunning(told));
    expect(played.calls).toEqual(PREPARED);
  });

  test("refuses a request that was heard before and is over", async () => {
    const { lender } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    await lender.command(command({ kind: "release", lease: ID }));
    await eventually("it is over", isOver);
    expect(await lender.request(signed(), member)).toMatchObject({ is: "refused" });
    expect(stand.lender.live()).toEqual([]);
  });

  test("obeys its requester alone", async () => {
    const { lender } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    expect(await lender.command(command({ kind: "release", lease: ID }, stranger))).toEqual({
      is: "unknown",
    });
    expect(lender.live()).toHaveLength(1);
    const release = command({ kind: "release", lease: ID });
    expect(await lender.command(release)).toEqual({ is: "done" });
    expect(await lender.command(release)).toMatchObject({ is: "refused", beyond: serial });
    await eventually("it is over", isOver);
    expect(endsIn(stand.journal)[0]?.detail).toMatchObject({
      outcome: "released",
      statistics: { upBytes: 300 },
    });
  });

  test("ends what could not be made, says why, and takes away what there is of it", async () => {
    const { lender, played } = await start();
    played.failing.set("attach", "tap: stays up");
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it is over", isOver);
    expect(played.calls.slice(0, 3)).toEqual(["up", "create", "attach"]);
    expect(played.calls).not.toContain("resume");
    expect(played.calls).toContain("down");
    expect(told.at(-1)).toMatchObject({ is: "ended", outcome: "failed", why: "tap: stays up" });
  });

  test("tries again to take away what would not go", async () => {
    const { lender, played, clocks } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    played.failing.set("down", "namespace: cannot be removed");
    await lender.command(command({ kind: "release", lease: ID }));
    await eventually("a try", () => played.calls.includes("down"));
    const tries = () => played.calls.filter((call) => call === "down").length;
    await eventually("another try", () => {
      clocks.time.advance(1_000);
      return tries() > 2;
    });
    expect(lender.live()).toHaveLength(1);
    played.failing.clear();
    await eventually("it is gone", () => {
      clocks.time.advance(1_000);
      return isOver();
    });
  });

  test("ends a lease whose requester is silent, and not one that is kept alive", async () => {
    const { lender, clocks } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    const second = async () => {
      clocks.time.advance(1_000);
      await Bun.sleep(0);
    };
    for (let count = 0; count < 30; count += 1) {
      await second();
      if (count % 5 === 0) await lender.command(command({ kind: "keep-alive", leases: [ID] }));
    }
    expect(endsIn(stand.journal)).toEqual([]);
    for (let count = 0; count < 16; count += 1) await second();
    await eventually("it is over", isOver);
    expect(endsIn(stand.journal)[0]?.detail).toMatchObject({ outcome: "silent" });
  });

  test("gives two requests that come at once no more than there is for one", async () => {
    const { lender } = await start({
      policy: policy({ accept: "all", counts: { atOnce: 1, perRequester: 4, perSource: 4, waiting: 4 } }),
    });
    const [first, second] = await Promise.all([
      lender.request(signed(), member),
      lender.request(signed({ id: idOf(2), createdAt: fixedRequest().createdAt + 1 }), member),
    ]);
    expect([first.is, second.is]).toEqual(["admitted", "queued"]);
  });

  test("punishes what was tried past the tunnel, and writes it down", async () => {
    const { lender, played, journal } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    const evidence = { proto: "udp", src: "10.0.2.15", dst: "192.0.2.9", port: 53 };
    const event = { lease: ID, kind: "rogue", offence: "destination", evidence, atMs: 1_000 } as const;
    await lender.onRogue({ ...event, packets: 1 });
    expect(played.calls).not.toContain("cut");
    await lender.onRogue({ ...event, packets: 30 });
    expect(played.calls).toContain("cut");
    await lender.onRogue({ ...event, packets: 300 });
    await eventually("it is over", isOver);
    expect(endsIn(journal)[0]?.detail).toMatchObject({ outcome: "punished" });
    const noted = journal
      .tail(20)
      .filter(({ kind }) => kind === "lease-rogue")
      .toReversed();
    expect(noted.map(({ detail }) => detail.punishment)).toEqual(["log", "cut", "destroy"]);
  });

  test("ends a lease whose machine has gone, and tells who turned it off", async () => {
    const { lender } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    lender.onDomain({ name: "omvm-another", uuid: "", kind: "stopped", detail: "shutdown" });
    expect(lender.live()).toHaveLength(1);
    lender.onDomain({ name: `omvm-${ID.slice(0, 10)}`, uuid: "", kind: "stopped", detail: "crashed" });
    await eventually("it is over", isOver);
    expect(endsIn(stand.journal)[0]?.detail).toMatchObject({ outcome: "failed" });
  });

  test("ends a lease whose tunnel is gone, and no other", async () => {
    const { lender } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    lender.onTunnelLost({ tunnel: "omwanother" });
    expect(lender.live()).toHaveLength(1);
    lender.onTunnelLost({ tunnel: `omw${ID.slice(0, 10)}` });
    await eventually("it is over", isOver);
    expect(endsIn(stand.journal)[0]?.detail).toMatchObject({ outcome: "failed", why: "its tunnel is gone" });
  });

  test("writes down the end of a lease that is released before it was kept", async () => {
    const { lender, played, journal } = await start();
    await lender.request(signed(), member);
    await lender.command(command({ kind: "release", lease: ID }));
    await eventually("it is over", isOver);
    expect(played.calls).not.toContain("resume");
    expect(endsIn(journal).map(({ detail }) => detail.outcome)).toEqual(["released"]);
    expect(await stand.store.recover()).toEqual([]);
  });

  test("cuts a machine off that libvirt does not end, and takes its disk only when it is gone", async () => {
    const { lender, played, clocks } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    played.failing.set("destroy", "libvirt does not answer");
    await lender.command(command({ kind: "release", lease: ID }));
    await eventually("it is cut off", () => played.calls.includes("down"));
    expect(played.calls).not.toContain("disk");
    played.failing.clear();
    await eventually("it is gone", () => {
      clocks.time.advance(1_000);
      return isOver();
    });
    expect(played.calls).toContain("disk");
  });

  test("goes on with a machine that it is asked to save and cannot", async () => {
    const { lender } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    serial += 1;
    const who = { requester: hex(requester.publicKey), serial };
    await lender.command(signLeaseCommand({ ...who, kind: "checkpoint", lease: ID }, requester));
    await eventually("it goes on", () => told.at(-1)?.is === "resumed");
    expect(told.map(({ is }) => is)).toContain("notSaved");
  });

  test("ends a machine that is to be cut off and cannot be", async () => {
    const { lender, played, journal } = await start();
    const told = listen();
    await lender.request(signed(), member);
    await eventually("it runs", isRunning(told));
    played.failing.set("cut", "tap: stays up");
    const evidence = { proto: "udp", src: "10.0.2.15", dst: "192.0.2.9", port: 53 };
    await lender.onRogue({
      lease: ID,
      kind: "rogue",
      offence: "destination",
      evidence,
      packets: 30,
      atMs: 1_000,
    });
    await eventually("it is over", isOver);
    expect(endsIn(journal)[0]?.detail).toMatchObject({ outcome: "punished" });
    expect(journal.tail(20).map(({ kind }) => kind)).toContain("lease-rogue");
  });

  test("goes on where who listens fails", async () => {
    const { lender, played } = await start();
    lender.events(ID, () => {
      throw new Error("the stream is gone");
    });
    await lender.request(signed(), member);
    await eventually("it is prepared", () => played.calls.includes("prepare"));
  });

  test("refuses bytes that are no request with the field that is wrong", async () => {
    const { lender } = await start();
    expect(await lender.request(new Uint8Array([1, 2, 3]), member)).toMatchObject({ is: "refused" });
    const other = signed({ image: "another" });
    expect(await lender.request(other, member)).toMatchObject({ is: "refused" });
    expect(lender.live()).toEqual([]);
  });
});

test("a next daemon takes away what a killed one lent, and writes down its end once", async () => {
  const folder = scratch();
  const first = lending(folder);
  await first.lender.start();
  await first.lender.request(signed(), member);
  await eventually("it is kept", () => first.played.calls.includes("prepare"));
  // As killed: nothing is said to anybody.
  first.store.close();
  first.journal.close();
  const next = lending(folder);
  // One that no row names any more, and one that is somebody else's.
  next.played.domains = ["omvm-abcdef0123", "somebody"];
  await next.lender.start();
  expect(next.played.calls).toEqual(["list", "destroy omvm-abcdef0123", "destroy", "down", "disk", "sweep"]);
  expect(endsIn(next.journal).map(({ detail }) => detail.outcome)).toEqual(["swept"]);
  await next.lender.stop();
  next.store.close();
  next.journal.close();
});
