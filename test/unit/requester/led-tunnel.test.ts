import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { meshApi } from "../../../src/mesh/api/mesh-api.ts";
import { leadTunnel } from "../../../src/requester/led-tunnel.ts";
import type { LedEnd, SeenPeer } from "../../../src/requester/vpn-peer.ts";
import { capturedLog } from "../captured-log.ts";
import { FakeControl } from "../mesh/api/fake-control.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const OURS = Buffer.alloc(32, 7).toString("base64");
const THEIRS = Buffer.alloc(32, 8).toString("base64");
const LEASE = "0123456789abcdef".repeat(2);
const SEEN: SeenPeer = { handshakeAt: 5, receivedBytes: 6, sentBytes: 7 };

describe("A lease's tunnel that the mesh leads", () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  /** A mesh that answers on its socket as the box's does, and a requester's end that writes down what it is told. */
  async function led() {
    const mesh = new FakeControl();
    const socket = join(scratch(), "mesh.sock");
    const api = meshApi(mesh);
    const server = serveSocket(socket, (request) => api.fetch(request), undefined, 0);
    ends.push(() => server.stop(true));
    const done: string[] = [];
    let fails = false;
    const end: LedEnd = {
      ...{ interface: "omq0badcafe", publicKey: OURS, peerKey: THEIRS, listenPort: 4_000 },
      async point(endpoint, fresh) {
        if (fails) throw new Error("it has gone");
        done.push(`point ${endpoint?.address}:${endpoint?.port}${fresh ? " fresh" : ""}`);
      },
      async stir() {
        done.push("stir");
        return SEEN;
      },
      async look() {
        return fails ? undefined : SEEN;
      },
    };
    const about = { socket, network: "x", peer: "mill", lease: LEASE };
    const stop = leadTunnel({ ...about, end, log: capturedLog().log });
    ends.push(stop);
    await until(() => mesh.led.length === 1);
    const [first] = mesh.led;
    if (!first) throw new Error("it was not asked for");
    const fail = () => {
      fails = true;
    };
    return { mesh, done, fail, stop, first };
  }

  test("is pointed and stirred as the mesh says, and tells what it sees", async () => {
    const { first, done } = await led();
    const { end, ...request } = first.request;
    expect(request).toEqual({ network: "x", peer: "mill", lease: LEASE });
    expect([end.name, end.publicKey, end.listenPort]).toEqual(["omq0badcafe", OURS, 4_000]);
    await end.setPeer({ publicKey: THEIRS, fresh: true, endpoint: { address: "2001:db8::1", port: 5_000 } });
    const peer = { ...SEEN, publicKey: THEIRS };
    expect(await end.stir()).toEqual({ listenPort: 4_000, peer });
    expect(await end.status()).toEqual({ listenPort: 4_000, peer });
    expect(done).toEqual(["point 2001:db8::1:5000 fresh", "stir"]);
  });

  test("says that its interface has gone, and that something could not be done by not answering", async () => {
    const { first, fail } = await led();
    const { end } = first.request;
    fail();
    expect(await end.status()).toBeUndefined();
    await expect(end.setPeer({ publicKey: THEIRS, fresh: true })).rejects.toThrow("no answer");
  }, 15_000);

  test("is let go when its lease is over, and asked for anew when the mesh has ended it", async () => {
    const { mesh, first, stop } = await led();
    first.end("the box stops");
    await until(() => mesh.led.length === 2);
    stop();
    await until(() => mesh.led[1]?.over.aborted === true);
  }, 15_000);
});

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error("never");
    await Bun.sleep(5);
  }
}
