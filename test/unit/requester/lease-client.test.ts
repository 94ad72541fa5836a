import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../../src/host/wireguard-key.ts";
import { LeaseClient } from "../../../src/requester/lease-client.ts";
import { type KeptLease, RequesterState } from "../../../src/requester/requester-state.ts";
import type { LedEnd, VpnPeer } from "../../../src/requester/vpn-peer.ts";
import { signLeaseRequest } from "../../../src/vm/request/index.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";
import { PlayedProvider } from "./played-provider.ts";

const scratch = scratchFolders();
const LED_END: LedEnd = {
  ...{ interface: "omq0badcafe", publicKey: "", peerKey: "", listenPort: 40_001 },
  point: async () => undefined,
  stir: async () => undefined,
  look: async () => undefined,
};
const ADDRESS = "10.66.7.2";
const SSH_KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString("base64")}`;

function newLease(state: RequesterState, nowMs: number, id = "0123456789abcdef".repeat(2)): KeptLease {
  const request = signLeaseRequest(
    {
      id,
      requester: state.requester,
      network: undefined,
      resources: { cpus: 1, memoryMiB: 256, diskMiB: 0, upKbit: undefined, downKbit: undefined },
      durationS: 600,
      image: "small",
      activity: "to try it",
      sshKey: SSH_KEY,
      tunnel: {
        publicKey: wireGuardPublicKey(state.vpn.privateKey),
        endpoint: undefined,
        address: ADDRESS,
        dns: "10.66.7.1",
      },
      acceptsInspection: true,
      createdAt: state.nextSerial(nowMs),
    },
    state.key,
  );
  return {
    ...{ id, provider: "box", address: ADDRESS, askedAt: nowMs, durationS: 600, phase: "asking" },
    request: Buffer.from(request).toString("base64"),
  };
}

/** A requester's lease with everything around it in memory but its state file. */
function desk(path = join(scratch(), "requester.json"), provider = new PlayedProvider(TUNNEL_KEY)) {
  const time = new VirtualTime();
  const state = RequesterState.open(path);
  const peers = new Map<string, VpnPeer>();
  /** In which order things were done that have one. */
  const order: string[] = [];
  const ssh = {
    banner: undefined as string | undefined,
    asked: 0,
    /** In place of an answer at once. */
    answer: undefined as (() => Promise<string | undefined>) | undefined,
  };
  const client = (lease = newLease(state, time.wallMs())) =>
    new LeaseClient(lease, {
      ...{ transport: provider, state, clock: time, timers: time, log: capturedLog().log },
      vpn: {
        addPeer: async (peer) => {
          order.push("peer");
          peers.set(peer.publicKey, peer);
        },
        knock: async () => void order.push("knock"),
        removePeer: async (publicKey) => void peers.delete(publicKey),
        ledEnd: (peerKey) => ({ ...LED_END, peerKey }),
      },
      askSsh: async (address) => {
        order.push("ssh");
        ssh.asked += 1;
        if (ssh.answer) return ssh.answer();
        return address === ADDRESS ? ssh.banner : undefined;
      },
    });
  const names = (of: LeaseClient) => of.status.steps.map(({ name }) => name);
  return { time, state, peers, order, ssh, provider, client, names, path };
}
const TUNNEL_KEY = wireGuardPublicKey(makeWireGuardKey());

describe("A requester's lease by the mesh", () => {
  /** A provider to which the mesh finds the way: which ends it was given, and what of it stands. */
  function led() {
    const ends: LedEnd[] = [];
    let standing = 0;
    class Led extends PlayedProvider {
      lead(_lease: string, end: LedEnd): () => void {
        ends.push(end);
        standing += 1;
        let isOver = false;
        return () => {
          if (!isOver) standing -= 1;
          isOver = true;
        };
      }
    }
    return { provider: new Led(TUNNEL_KEY), ends, standing: () => standing };
  }

  test("has its tunnel's way found from when it is let in until it is over", async () => {
    const { provider, ends, standing } = led();
    const { time, client, peers } = desk(undefined, provider);
    const lease = client();
    lease.start();
    await time.advanceAsync(200);
    expect(ends.map(({ peerKey }) => peerKey)).toEqual([TUNNEL_KEY]);
    expect(peers.has(TUNNEL_KEY)).toBe(true);
    expect(standing()).toBe(1);
    void lease.release();
    await time.advanceAsync(1_000);
    expect((await lease.ended()).phase).toBe("ended");
    expect(standing()).toBe(0);
  });

  test("is led by nobody when it is left for the next start, which leads it anew", async () => {
    const { provider, ends, standing } = led();
    const { time, state, client } = desk(undefined, provider);
    const first = client();
    first.start();
    await time.advanceAsync(200);
    await first.leave();
    expect(standing()).toBe(0);
    const [kept] = state.leases;
    if (!kept) throw new Error("it was not kept");
    const next = client(kept);
    next.start();
    await time.advanceAsync(200);
    expect([ends.length, standing()]).toEqual([2, 1]);
    await next.leave();
  });
});

describe("A requester's lease", () => {
  test("goes from its request over each step to SSH, and tells when each was done", async () => {
    const { time, provider, peers, order, ssh, client, names } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(200);
    expect(provider.requests).toHaveLength(1);
    expect(peers.get(TUNNEL_KEY)).toEqual({
      publicKey: TUNNEL_KEY,
      address: ADDRESS,
      endpoint: { address: "198.51.100.2", port: 51_820 },
    });
    provider.tell(lease.id, { is: "preparing", step: "network" });
    provider.tell(lease.id, { is: "preparing", step: "start" });
    provider.tell(lease.id, { is: "running" });
    await time.advanceAsync(300);
    expect(lease.status.phase).toBe("preparing");
    ssh.banner = "SSH-2.0-dropbear";
    await time.advanceAsync(200);
    expect((await lease.ready()).phase).toBe("ready");
    expect(lease.status.banner).toBe("SSH-2.0-dropbear");
    expect(names(lease)).toEqual(["asked", "admitted", "network", "start", "running", "ssh"]);
    // Its end of the tunnel was not there when it was let in.
    expect(order.filter((what) => what !== "ssh")).toEqual(["peer", "knock"]);
    const times = lease.status.steps.map(({ afterMs }) => afterMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.at(-1)).toBeGreaterThanOrEqual(500);
  });

  test("is ready after a crowd of tries when one that comes alone gets in", async () => {
    const { time, ssh, client } = desk();
    const waiting: ((banner: string | undefined) => void)[] = [];
    ssh.answer = () => new Promise((resolve) => waiting.push(resolve));
    const lease = client();
    lease.start();
    await time.advanceAsync(1_000);
    expect(waiting.length).toBeGreaterThan(4);
    // One of the crowd gets in; the next is turned away, as the others stand at the door yet.
    ssh.answer = async () => undefined;
    for (const answer of waiting.splice(0)) answer("SSH-2.0-dropbear");
    await time.advanceAsync(600);
    expect(lease.status.phase).toBe("preparing");
    ssh.answer = async () => "SSH-2.0-dropbear";
    await time.advanceAsync(300);
    expect(lease.status.phase).toBe("ready");
  });

  test("keeps itself alive while it waits, and is over when its provider has forgotten it", async () => {
    const { time, provider, client } = desk();
    provider.answer = { is: "queued", why: "All is lent." };
    const lease = client();
    lease.start();
    await time.advanceAsync(12_000);
    provider.tell(lease.id, { is: "waiting", why: "All is lent.", place: 3 });
    expect(lease.status).toMatchObject({
      ...{ phase: "queued", why: "All is lent. Place 3 of those who wait for it." },
    });
    expect(provider.kinds()).toContain("keep-alive");
    // As after a restart of the box, over which nobody's place is kept.
    provider.leases.clear();
    await time.advanceAsync(6_000);
    expect(await lease.ended()).toMatchObject({ phase: "ended", outcome: "swept" });
  });

  test("keeps no more steps than somebody could read of a provider that tells of new ones for ever", async () => {
    const { time, provider, client } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(200);
    for (let round = 0; round < 600; round += 1)
      provider.tell(lease.id, { is: "notSaved", why: `round ${round}` });
    expect(lease.status.steps).toHaveLength(500);
    expect(lease.status.steps.at(-1)?.why).toBe("round 599");
  });

  test("keeps itself alive each 5 s, and no more once it is released", async () => {
    const { time, provider, client } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(20_000);
    const said = provider.kinds().filter((kind) => kind === "keep-alive");
    expect(said.length).toBeGreaterThanOrEqual(3);
    const released = lease.release();
    await time.advanceAsync(100);
    expect(await released).toMatchObject({ phase: "ended", outcome: "released" });
    await time.advanceAsync(20_000);
    expect(provider.kinds().at(-1)).toBe("release");
    expect(time.waiting).toBe(0);
  });

  test("is released once, however often that is asked for, and then nothing of it is left", async () => {
    const { time, provider, peers, state, client } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(500);
    expect(state.leases).toHaveLength(1);
    const all = Promise.all([lease.release(), lease.release()]);
    await time.advanceAsync(1_000);
    await all;
    await lease.release();
    expect(provider.kinds().filter((kind) => kind === "release")).toHaveLength(1);
    expect(peers.size).toBe(0);
    expect(state.leases).toHaveLength(0);
    expect(provider.isListenedTo(lease.id)).toBe(false);
  });

  test("a wire that breaks is tried again: a keep-alive ends nothing, a release is said until it is heard", async () => {
    const { time, provider, ssh, client } = desk();
    ssh.banner = "SSH-2.0-x";
    const lease = client();
    lease.start();
    await time.advanceAsync(500);
    provider.broken = "there";
    await time.advanceAsync(12_000);
    expect(lease.status.phase).toBe("ready");
    const released = lease.release();
    await time.advanceAsync(3_000);
    expect(lease.status.phase).toBe("releasing");
    // It arrives, and its answer does not: the next one is told that there is no such lease.
    provider.broken = "back";
    await time.advanceAsync(3_000);
    provider.broken = "no";
    await time.advanceAsync(10_000);
    expect(await released).toMatchObject({ outcome: "released" });
    expect(provider.leases.size).toBe(0);
  });

  test("asks again with the same bytes when no answer came, and gives up what is never answered", async () => {
    const { time, provider, client } = desk();
    provider.broken = "back";
    const lease = client();
    lease.start();
    await time.advanceAsync(1_000);
    provider.broken = "no";
    await time.advanceAsync(5_000);
    expect(new Set(provider.requests.map((request) => JSON.stringify(request))).size).toBe(1);
    expect(provider.requests.length).toBeGreaterThan(1);
    expect(lease.status.phase).toBe("preparing");

    const other = desk();
    other.provider.broken = "there";
    const lost = other.client();
    lost.start();
    await other.time.advanceAsync(60_000);
    expect((await lost.ended()).outcome).toBe("given up");
    expect(other.state.leases).toHaveLength(0);
  });

  test("one without SSH three minutes after it runs is released", async () => {
    const { time, provider, client } = desk();
    const lease = client();
    lease.start();
    // However long it is made.
    await time.advanceAsync(600_000);
    provider.tell(lease.id, { is: "running" });
    await time.advanceAsync(179_000);
    expect(provider.leases.size).toBe(1);
    await time.advanceAsync(2_000);
    expect(await lease.ended()).toMatchObject({ outcome: "given up", why: "no SSH within 180 s" });
    expect(provider.leases.size).toBe(0);
  });

  test("a provider that has heard a higher serial is answered with one that is higher still", async () => {
    const { time, provider, client } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(500);
    provider.hearSerial(time.wallMs() + 3_600_000);
    const released = lease.release();
    await time.advanceAsync(100);
    expect(await released).toMatchObject({ outcome: "released" });
  });

  test("ends by what the provider says, with its reason", async () => {
    const { time, provider, peers, client } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(500);
    provider.tell(lease.id, {
      is: "ended",
      outcome: "punished",
      why: "it asked others",
      hasCheckpoint: false,
    });
    await time.advanceAsync(10);
    expect(await lease.ended()).toMatchObject({ outcome: "punished", why: "it asked others" });
    expect(peers.size).toBe(0);
  });

  test("goes on after a restart: the machine is let in before SSH is sought, and nothing is asked anew", async () => {
    const first = desk();
    first.ssh.banner = "SSH-2.0-x";
    const lease = first.client();
    lease.start();
    await first.time.advanceAsync(1_000);
    expect(lease.status.phase).toBe("ready");
    // As killed: nobody says anything.
    const second = desk(first.path, first.provider);
    await second.time.advanceAsync(5_000);
    second.ssh.banner = "SSH-2.0-x";
    const [kept] = second.state.leases;
    expect(kept).toBeDefined();
    if (!kept) return;
    const again = second.client(kept);
    again.start();
    await second.time.advanceAsync(1_000);
    expect(second.order[0]).toBe("peer");
    expect(again.status.phase).toBe("ready");
    expect(first.provider.requests).toHaveLength(1);
    const released = again.release();
    await second.time.advanceAsync(100);
    expect(await released).toMatchObject({ outcome: "released" });
    expect(first.provider.leases.size).toBe(0);
  });

  test("goes on releasing after a restart, and releases what was asked for and refused the second time", async () => {
    const first = desk();
    first.provider.broken = "there";
    const lease = first.client();
    lease.start();
    await first.time.advanceAsync(100);
    const second = desk(first.path, first.provider);
    first.provider.broken = "no";
    first.provider.answer = { is: "refused", why: "replay" };
    await second.time.advanceAsync(1_000);
    const [kept] = second.state.leases;
    if (!kept) throw new Error("nothing was kept");
    const again = second.client(kept);
    again.start();
    await second.time.advanceAsync(1_000);
    expect(await again.ended()).toMatchObject({ outcome: "released" });
    expect(first.provider.kinds()).toContain("release");
  });

  test("that is left is not released, and nothing of it goes on", async () => {
    const { time, provider, state, client } = desk();
    const lease = client();
    lease.start();
    await time.advanceAsync(500);
    await lease.leave();
    await time.advanceAsync(200_000);
    expect(provider.kinds()).not.toContain("release");
    expect(state.leases).toHaveLength(1);
    expect(time.waiting).toBe(0);
  });
});

describe("The requester's state", () => {
  test("is its owner's alone, with the same keys after a restart", () => {
    const path = join(scratch(), "requester.json");
    const state = RequesterState.open(path);
    state.keepPort(40_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = RequesterState.open(path);
    expect(again.requester).toBe(state.requester);
    expect(again.vpn).toEqual({ ...state.vpn, listenPort: 40_000 });
  });

  test("that is torn is set aside and said, and the one before it is taken", () => {
    const path = join(scratch(), "requester.json");
    const state = RequesterState.open(path);
    state.keepPort(40_000);
    writeFileSync(path, readFileSync(path, "utf8").slice(0, 20));
    const told: string[] = [];
    const again = RequesterState.open(path, undefined, (message) => told.push(message));
    expect(again.requester).toBe(state.requester);
    expect(told).toHaveLength(1);
  });

  test("gives serials that rise, whatever the clock does", () => {
    const state = RequesterState.open(join(scratch(), "requester.json"));
    const serials = [
      state.nextSerial(1_000),
      state.nextSerial(1_000),
      state.nextSerial(500),
      state.nextSerial(2_000),
    ];
    expect(serials).toEqual([1_000, 1_001, 1_002, 2_000]);
    expect(state.nextSerial(2_000, 9_000)).toBe(9_001);
  });

  test("takes a key that is somebody's already", () => {
    const path = join(scratch(), "requester.json");
    const [own, given] = [RequesterState.open(path), RequesterState.open(path, new Uint8Array(32).fill(3))];
    expect(given.requester).not.toBe(own.requester);
    expect(RequesterState.open(path, new Uint8Array(32).fill(3)).requester).toBe(given.requester);
  });
});
