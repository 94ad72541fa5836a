import { describe, expect, test } from "bun:test";
import type { KeptEnd } from "../../../../src/mesh/tunnels/kept-end.ts";
import type { LenderNews } from "../../../../src/vm/lending/index.ts";
import { LeasePaths, type LeaseTunnels, type PathNetwork } from "../../../../src/vm/wire/index.ts";
import { capturedLog } from "../../captured-log.ts";

const END = { name: "omw0", publicKey: "ours", listenPort: 24_700, peerKey: "theirs" } as KeptEnd;

/** A network's tunnels, a lender with one lease, and what leads between them. */
function served() {
  const closed: string[] = [];
  let offer: Parameters<LeaseTunnels["serveLeases"]>[0] | undefined;
  const tunnels: LeaseTunnels = {
    serveLeases(ends) {
      offer = ends;
      return () => {
        offer = undefined;
      };
    },
    close: async (id, reason) => void closed.push(`${id}: ${reason}`),
  };
  const listeners = new Set<(news: LenderNews) => void>();
  let soFar: LenderNews | undefined;
  const paths = new LeasePaths({
    lender: {
      tunnelEnd: async (lease, key) => (lease === "one" && key === "theirs" ? END : undefined),
      events(_, told) {
        listeners.add(told);
        if (soFar) told(soFar);
        return () => void listeners.delete(told);
      },
    },
    networks: {
      onNetworks(listener) {
        const network: PathNetwork = { tunnels };
        listener.began(network);
        listener.began({ tunnels: undefined });
        return () => undefined;
      },
    },
    log: capturedLog().log,
  });
  const tell = (news: LenderNews) => {
    for (const told of [...listeners]) told(news);
  };
  return {
    ...{ paths, closed, listeners, tell },
    offer: (lease: string, id: string, key = "theirs") => offer?.(lease, { id, key }),
    isServed: () => offer !== undefined,
    hasEnded: () => {
      soFar = ENDED;
    },
  };
}
const ENDED: LenderNews = { is: "ended", outcome: "released", why: "", hasCheckpoint: false };

describe("The ways of leases", () => {
  test("are found for a lease's own requester alone, and let go when the lease is over", async () => {
    const { paths, offer, closed, tell, listeners } = served();
    await paths.start();
    expect(await offer("one", "t1", "another's")).toBeUndefined();
    expect(await offer("two", "t1")).toBeUndefined();
    expect(await offer("one", "t1")).toBe(END);
    expect(paths.detail()).toContain("of 1 lease");
    tell({ is: "running" });
    expect(closed).toEqual([]);
    tell(ENDED);
    expect(closed).toEqual(["t1: the lease is over"]);
    expect(listeners.size).toBe(0);
    expect(paths.detail()).toContain("of 0 leases");
  });

  test("are not looked after by two at once: who begins anew takes the place of the one before", async () => {
    const { paths, offer, closed, tell, listeners } = served();
    await paths.start();
    await offer("one", "t1");
    expect(await offer("one", "t2")).toBe(END);
    expect(closed).toEqual(["t1: another has taken its place"]);
    expect(listeners.size).toBe(1);
    tell(ENDED);
    expect(closed.at(-1)).toBe("t2: the lease is over");
  });

  test("are none of a lease that has ended meanwhile", async () => {
    const { paths, offer, closed, hasEnded, listeners } = served();
    await paths.start();
    hasEnded();
    expect(await offer("one", "t1")).toBeUndefined();
    expect(closed).toEqual(["t1: the lease is over"]);
    expect(listeners.size).toBe(0);
  });

  test("are let go when the box stops to lend, and offered to nobody from then on", async () => {
    const { paths, offer, closed, isServed, listeners } = served();
    await paths.start();
    await offer("one", "t1");
    await paths.stop();
    expect(closed).toEqual(["t1: the box lends nothing any more"]);
    expect([isServed(), listeners.size]).toEqual([false, 0]);
  });
});
