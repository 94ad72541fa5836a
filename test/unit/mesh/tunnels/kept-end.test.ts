import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { CountingProber } from "../../../../src/mesh/tunnels/counting-prober.ts";
import {
  deviceOf,
  isKept,
  type KeptEnd,
  leaseOfPurpose,
  leasePurpose,
} from "../../../../src/mesh/tunnels/kept-end.ts";
import type { PeerSettings } from "../../../../src/mesh/tunnels/wireguard-device.ts";

/** WireGuard that counts what the test says. */
function played() {
  const peer = { publicKey: "theirs", handshakeAt: 0, receivedBytes: 0, sentBytes: 0 };
  const pointed: PeerSettings[] = [];
  let stirred = 0;
  let fails = false;
  const end: KeptEnd = {
    ...{ name: "omw0", publicKey: "ours", listenPort: 24_700, peerKey: "theirs" },
    setPeer: async (settings) => void pointed.push(settings),
    status: async () => ({ listenPort: 24_700, peer: { ...peer } }),
    async stir() {
      stirred += 1;
      if (fails) throw new Error("it has gone");
      return { listenPort: 24_700, peer: { ...peer } };
    },
  };
  return {
    ...{ peer, pointed, end },
    stirred: () => stirred,
    fail: (value: boolean) => {
      fails = value;
    },
  };
}

describe("An end that is kept elsewhere", () => {
  test("has its own key and port, is pointed at its own peer, and is left where it is in the end", async () => {
    const { end, pointed, stirred } = played();
    expect([isKept(end), isKept({ addresses: [], allowedIps: [] })]).toEqual([true, false]);
    const device = deviceOf(end);
    expect(await device.ensure()).toEqual({ publicKey: "ours", listenPort: 24_700 });
    const endpoint = { address: "198.51.100.2", port: 4_000 };
    await device.setPeer({ publicKey: "theirs", fresh: true, endpoint });
    expect(pointed).toEqual([{ publicKey: "theirs", fresh: true, endpoint }]);
    await expect(device.setPeer({ publicKey: "another's", fresh: false, endpoint })).rejects.toThrow("key");
    expect(pointed).toHaveLength(1);
    await device.remove();
    expect(stirred()).toBe(1);
  });

  test("goes away without a word where its interface has gone", async () => {
    const { end, fail } = played();
    fail(true);
    await deviceOf(end).remove();
  });

  test("says by its purpose of which lease it is", () => {
    expect(leaseOfPurpose(leasePurpose("0123"))).toBe("0123");
    expect(leaseOfPurpose("a chat")).toBeUndefined();
  });
});

describe("A tunnel that is proven by what is counted", () => {
  function prober() {
    const time = new VirtualTime();
    const { peer, end, stirred, fail } = played();
    let [proofs, seen] = [0, 0];
    const one = new CountingProber({
      ...{ end, timers: time },
      onReply: () => {
        proofs += 1;
      },
      onSeen: () => {
        seen += 1;
      },
    });
    return { time, peer, one, stirred, fail, proofs: () => proofs, seen: () => seen };
  }

  test("is proven by bytes that come, once both have heard the other", async () => {
    const { time, peer, one, proofs } = prober();
    one.pace(200);
    await time.advanceAsync(1_000);
    expect(proofs()).toBe(0);
    // A handshake that was begun says that we are heard by nobody yet.
    peer.receivedBytes = 148;
    await time.advanceAsync(300);
    expect(proofs()).toBe(0);
    peer.handshakeAt = 1;
    peer.receivedBytes = 180;
    await time.advanceAsync(300);
    expect(proofs()).toBe(1);
    await time.advanceAsync(1_000);
    expect(proofs()).toBe(1);
    await one.stop();
  });

  test("counts a peer that was made anew from nothing", async () => {
    const { time, peer, one, proofs } = prober();
    Object.assign(peer, { handshakeAt: 1, receivedBytes: 90_000 });
    one.pace(200);
    await time.advanceAsync(500);
    // What it had received before anybody looked proves nothing.
    expect(proofs()).toBe(0);
    Object.assign(peer, { handshakeAt: 0, receivedBytes: 0 });
    await time.advanceAsync(300);
    Object.assign(peer, { handshakeAt: 2, receivedBytes: 92 });
    await time.advanceAsync(300);
    expect(proofs()).toBe(1);
    await one.stop();
  });

  test("is stirred at once when it is sped up, no more often than programs can be run, and not at all at rest", async () => {
    const { time, one, stirred, seen, fail } = prober();
    one.pace(10_000);
    await time.advanceAsync(1);
    expect(stirred()).toBe(1);
    await time.advanceAsync(20_000);
    const slow = stirred();
    // The other end hears two while it waits for one.
    expect(slow).toBeGreaterThanOrEqual(5);
    one.pace(100);
    await time.advanceAsync(1);
    expect(stirred()).toBe(slow + 1);
    await time.advanceAsync(1_500);
    expect(stirred() - slow).toBeLessThanOrEqual(11);
    // One that fails is no end of it.
    fail(true);
    const before = { stirred: stirred(), seen: seen() };
    await time.advanceAsync(1_000);
    expect(stirred()).toBeGreaterThan(before.stirred + 3);
    expect(seen()).toBe(before.seen);
    one.pace(0);
    const rest = stirred();
    await time.advanceAsync(10_000);
    expect(stirred()).toBe(rest);
    await one.stop();
    expect(time.waiting).toBe(0);
  });

  test("is stirred again at once when it was sped up while it was being stirred", async () => {
    const { time, one, stirred } = prober();
    one.pace(10_000);
    one.pace(100);
    await time.advanceAsync(1);
    expect(stirred()).toBe(2);
    await one.stop();
  });
});
