import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { signingKey } from "../../../src/identity/index.ts";
import { meshApi } from "../../../src/mesh/api/mesh-api.ts";
import type { PeerStatus } from "../../../src/mesh/index.ts";
import { peerIdOf } from "../../../src/mesh/index.ts";
import { meant, meshProviders } from "../../../src/requester/provider-mesh.ts";
import { parseProviderName, providerName } from "../../../src/requester/provider-names.ts";
import { FakeControl } from "../mesh/api/fake-control.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const NETWORK = "0123456789abcdef";
const keyOf = (number: number) => signingKey(new Uint8Array(32).fill(number)).publicKey;
const peer = (number: number, rest: Partial<PeerStatus> = {}): PeerStatus => ({
  ...{ network: NETWORK, peer: peerIdOf(keyOf(number)), name: `box ${number}`, role: "box" },
  ...{ words: `word ${number} of it`, connected: true, streams: [], paths: [], nat: "open", relays: false },
  ...{ services: [], load: 10 },
  ...rest,
});

/** The mesh's own API on a real socket, with these members. */
function served(peersKnown: PeerStatus[]): string {
  const mesh = new FakeControl();
  mesh.peersKnown = peersKnown;
  const socket = join(scratch(), "mesh.sock");
  const app = meshApi(mesh);
  const server = serveSocket(socket, (request) => app.fetch(request), undefined, 0);
  ends.push(() => void server.stop(true));
  return socket;
}

describe("boxes that the mesh knows", () => {
  test("are those that lend, with what they say of themselves and the key that a request can name", async () => {
    const capability = { cpus: 4, memoryMiB: 1_024, freeMemoryMiB: 512, leases: 0, maxLeases: 2 };
    const socket = served([
      peer(1, { capability }),
      peer(2, { role: "person" }),
      peer(3, { role: "requester" }),
      peer(4, { role: "operator", name: "" }),
    ]);
    const providers = await meshProviders(socket);
    expect(providers?.map(({ title }) => title)).toEqual(["box 1", peerIdOf(keyOf(4))]);
    expect(providers?.[0]).toMatchObject({
      name: `mesh:${NETWORK}/${peerIdOf(keyOf(1))}`,
      ...{ standing: "network", isConnected: true, capability, load: 10, network: NETWORK },
      key: Buffer.from(keyOf(1)).toString("hex"),
    });
    expect(providers?.[1]?.capability).toBeUndefined();
  });

  test("are not known where no box runs", async () => {
    expect(await meshProviders(join(scratch(), "mesh.sock"))).toBeUndefined();
  });

  test("are meant by name, by words with spaces or hyphens, by peer id or its beginning", async () => {
    const all = (await meshProviders(served([peer(1), peer(2), peer(3, { name: "box 2" })]))) ?? [];
    const [first, second, third] = all;
    if (!first || !second || !third) throw new Error("three boxes");
    const start = first.peer.slice("12D3KooW".length, "12D3KooW".length + 6);
    for (const named of [first.title, "word 1 of it", "Word-1-of-it", first.peer, start, `12D3KooW${start}`])
      expect(meant(all, named)).toEqual([first]);
    expect(meant(all, "box 2")).toEqual([second, third]);
    for (const named of ["", "12D3KooW", "box", "192.0.2.1", "word"]) expect(meant(all, named)).toEqual([]);
  });
});

describe("the name by which a lease keeps its provider", () => {
  test("says by which way, and is read as it was written", () => {
    const network = fc.stringMatching(/^[0-9a-f]{16}$/);
    const address = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]:24700`),
    );
    const names = fc.oneof(
      fc.record({ by: fc.constant("stranger" as const), address }),
      fc.record({ by: fc.constant("member" as const), network, address }),
      fc.record({
        by: fc.constant("mesh" as const),
        network,
        peer: fc.integer({ min: 0, max: 255 }).map((number) => peerIdOf(keyOf(number))),
      }),
    );
    fc.assert(
      fc.property(names, (name) => {
        expect(parseProviderName(providerName(name))).toEqual(name);
      }),
    );
  });

  test("of whatever text is an address where it is neither of the others", () => {
    for (const address of ["192.0.2.1", "mesh:", `mesh:${NETWORK}/0`, `${NETWORK}@`, "box.example:80"])
      expect(parseProviderName(address)).toEqual({ by: "stranger", address });
  });
});
