import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { signingKey } from "../../../src/identity/index.ts";
import { meshApi } from "../../../src/mesh/api/mesh-api.ts";
import { type PeerStatus, peerIdOf } from "../../../src/mesh/index.ts";
import { LeaseHttp, memberWays, ProviderError, RequesterNetworks } from "../../../src/requester/index.ts";
import { LeaseOverMesh } from "../../../src/requester/lease-over-mesh.ts";
import { LeaseSealed } from "../../../src/requester/lease-sealed.ts";
import { LeaseServer } from "../../../src/vm/wire/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { inviteBy } from "../identity/network.ts";
import { FakeControl } from "../mesh/api/fake-control.ts";
import { scratchFolders } from "../scratch.ts";
import { lendingToMembers, quietLog, random } from "../vm/wire/members.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const NETWORK = "0123456789abcdef";
const CAPABLE = { cpus: 4, memoryMiB: 2_048, freeMemoryMiB: 1_024, leases: 0, maxLeases: 4 };
const WISH = {
  resources: { cpus: 1, memoryMiB: 256, diskMiB: 0, upKbit: undefined, downKbit: undefined },
  ...{ durationS: 600, image: "small" },
};
const peer = (number: number, name: string, rest: Partial<PeerStatus> = {}): PeerStatus => ({
  ...{ network: NETWORK, peer: peerIdOf(signingKey(new Uint8Array(32).fill(number)).publicKey), name },
  ...{ role: "box", words: `words of box ${number}`, connected: true, streams: [], paths: [], nat: "open" },
  ...{ relays: false, services: [], load: 10, capability: CAPABLE },
  ...rest,
});

/** @param known what the mesh of this machine's box knows; undefined: no box runs here */
function stand(known: PeerStatus[] | undefined) {
  const folder = scratch();
  const meshSocket = join(folder, "mesh.sock");
  if (known) {
    const mesh = new FakeControl();
    mesh.peersKnown = known;
    const app = meshApi(mesh);
    const server = serveSocket(meshSocket, (request) => app.fetch(request), undefined, 0);
    ends.push(() => server.stop(true));
  }
  const networks = RequesterNetworks.open(folder, new FakeClock(), () => {});
  const ways = memberWays({ networks: () => networks, meshSocket, randomBytes: random, log: quietLog });
  const choose = (named?: string, wish = WISH) =>
    ways.choose(named, wish).then(
      (chosen) => chosen.map(({ name }) => name),
      (error: unknown) => {
        if (error instanceof ProviderError) return error.message;
        throw error;
      },
    );
  return { networks, ways, choose };
}

/** A box that is asked by HTTP. */
async function lendingBox() {
  const box = lendingToMembers(scratch());
  const server = new LeaseServer({
    ...{ desk: box.desk, log: quietLog },
    listen: [{ address: "127.0.0.1", port: 0 }],
  });
  server.start();
  ends.push(
    () => server.stop(),
    () => box.store.close(),
    () => box.journal.close(),
  );
  return { ...box, address: `127.0.0.1:${server.ports[0]}` };
}

describe("the ways to boxes", () => {
  test("lead by the mesh to who is called by name, with the key that the request is to name", async () => {
    const { ways } = stand([peer(1, "quay"), peer(2, "mill")]);
    const [chosen, ...others] = await ways.choose("mill", WISH);
    expect(others).toEqual([]);
    expect(chosen).toMatchObject({ name: `mesh:${NETWORK}/${peer(2, "").peer}`, network: NETWORK });
    expect(chosen.key).toHaveLength(64);
    expect(ways.transportTo(chosen.name)).toBeInstanceOf(LeaseOverMesh);
  });

  test("are said not to be clear where two are called alike, and are by their words", async () => {
    const { choose } = stand([peer(1, "quay"), peer(2, "quay")]);
    expect(await choose("quay")).toBe(
      "several boxes are called quay: quay (words of box 1), quay (words of box 2); say the words of one",
    );
    expect(await choose("words-of-box-2")).toEqual([`mesh:${NETWORK}/${peer(2, "").peer}`]);
  });

  test("lead to an address though a member calls its box by it", async () => {
    const { address } = await lendingBox();
    const { choose } = stand([peer(1, address), peer(2, "box.example")]);
    expect(await choose(address)).toEqual([address]);
    expect(await choose("box.example")).not.toContain(`mesh:${NETWORK}/${peer(2, "").peer}`);
  });

  test("lead to whoever has room where none is named, the best first, and say why to none", async () => {
    const full = { ...CAPABLE, leases: 4 };
    const { choose } = stand([peer(1, "full", { capability: full }), peer(2, "roomy")]);
    expect(await choose()).toEqual([2, 1].map((number) => `mesh:${NETWORK}/${peer(number, "").peer}`));
    const large = { ...WISH, resources: { ...WISH.resources, cpus: 8 } };
    expect(await choose(undefined, large)).toBe(
      "no box is known that could lend it (full: it has 4 processors to lend in all; roomy: it has 4 processors to lend in all)",
    );
    expect(await stand(undefined).choose()).toStartWith("no box is named, and none runs on this machine");
  });

  test("to an address are a member's where the box is in a network of the requester's, a stranger's elsewhere", async () => {
    const [box, other] = [await lendingBox(), await lendingBox()];
    const { networks, choose, ways } = stand(undefined);
    networks.join(inviteBy(other.network));
    expect(await choose(box.address)).toEqual([box.address]);
    networks.join(inviteBy(box.network));
    const [name = ""] = await choose(box.address);
    expect(name).toBe(`${box.network.id}@${box.address}`);
    expect(ways.transportTo(name)).toBeInstanceOf(LeaseSealed);
    expect(ways.transportTo(box.address)).toBeInstanceOf(LeaseHttp);
    networks.leave(box.network.id);
    expect(() => ways.transportTo(name)).toThrow(ProviderError);
  });

  test("to a box that knows nothing of members are a stranger's; to one that does not answer there are none", async () => {
    const old = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("", { status: 404 }) });
    const { networks, choose } = stand(undefined);
    networks.join(inviteBy((await lendingBox()).network));
    expect(await choose(`127.0.0.1:${old.port}`)).toEqual([`127.0.0.1:${old.port}`]);
    await old.stop(true);
    expect(await choose(`127.0.0.1:${old.port}`)).toContain("does not answer");
    expect(await choose("no address/")).toContain("is no address and no name");
  });
});
