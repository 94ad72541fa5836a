import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Passport } from "../../../../src/identity/index.ts";
import type { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import { scratchFolders } from "../../scratch.ts";
import {
  circuitAddress,
  HURRIED,
  intruder,
  SERVING,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  until,
  wsAddress,
} from "./engine-network.ts";

const folder = scratchFolders();

afterEach(stopEngines);

/** What an engine tells of somebody it turned away. */
function refusals(engine: Libp2pEngine): string[] {
  const told: string[] = [];
  engine.on("refused", (_, why) => told.push(why));
  return told;
}

interface Case {
  who: string;
  passport(town: TestNetwork): Passport;
  why: RegExp;
}

const STRANGERS: Case[] = [
  {
    who: "a member of another network",
    passport: () => new TestNetwork("village", folder).founder,
    why: /does not know the network's shared key/,
  },
  {
    who: "one who knows the shared key and is a member elsewhere",
    passport: (town) => intruder(town, new TestNetwork("village", folder).founder),
    why: /is of another network/,
  },
  {
    who: "one who knows the shared key and shows a member's certificates",
    passport: (town) => intruder(town, new TestNetwork("village", folder).founder, town.member().chain()),
    why: /is somebody else/,
  },
  {
    who: "one who knows the shared key and shows no certificates",
    passport: (town) => intruder(town, new TestNetwork("village", folder).founder, new Uint8Array()),
    why: /chain/,
  },
  {
    who: "one who was put out",
    passport(town) {
      const outcast = town.member();
      town.founder.revoke(outcast.publicKey, "out", "sold");
      return outcast;
    },
    why: /revoked: sold/,
  },
];

describe.each(STRANGERS)("$who", ({ passport, why }) => {
  test.each([["TCP", tcpAddress] as const, ["WebSockets", wsAddress] as const])(
    "gets nothing by %s, and the box says why",
    async (_, address) => {
      const town = new TestNetwork("town", folder);
      const stranger = await startEngine(passport(town));
      const box = await startEngine(town.founder);
      const told = refusals(box);
      const seen: string[] = [];
      for (const engine of [box, stranger]) {
        engine.on("joined", (peer) => seen.push(peer));
        engine.on("opened", ({ peer }) => seen.push(peer));
      }
      await expect(stranger.dial(box.peer, [address(box)], 5_000)).rejects.toThrow();
      await until(() => told.length > 0);
      expect(told[0]).toMatch(why);
      expect(seen).toEqual([]);
      expect([box.connections(), stranger.connections()]).toEqual([[], []]);
    },
  );

  test("gets nothing when the box dials it", async () => {
    const town = new TestNetwork("town", folder);
    const stranger = await startEngine(passport(town));
    const box = await startEngine(town.founder);
    await expect(box.dial(stranger.peer, [tcpAddress(stranger)], 5_000)).rejects.toThrow();
    expect(box.connections()).toEqual([]);
    await until(() => stranger.connections().length === 0);
  });
});

test("one who was put out is told so, and a stranger is told nothing", async () => {
  const town = new TestNetwork("town", folder);
  const box = await startEngine(town.founder);
  const outcast = town.member();
  town.founder.revoke(outcast.publicKey, "out", "sold");
  const out = await startEngine(outcast);
  const toldToOutcast = refusals(out);
  await expect(out.dial(box.peer, [tcpAddress(box)], 5_000)).rejects.toThrow(/refused by it/);
  expect(toldToOutcast[0]).toMatch(/refused by it: .*revoked: sold/);
  const stranger = await startEngine(intruder(town, new TestNetwork("village", folder).founder));
  const toldToStranger = refusals(stranger);
  await expect(stranger.dial(box.peer, [tcpAddress(box)], 5_000)).rejects.toThrow();
  expect(toldToStranger.join()).not.toMatch(/refused by it/);
});

test("one who was put out while it was away learns it for good from the first who refuses it, whoever dials", async () => {
  for (const dialler of ["outcast", "box"]) {
    const town = new TestNetwork("town", folder);
    const box = await startEngine(town.founder);
    const outcast = town.member();
    const out = await startEngine(outcast);
    town.founder.revoke(outcast.publicKey, "out", "sold");
    expect(outcast.problem).toBeUndefined();
    const [from, to] = dialler === "box" ? [box, out] : [out, box];
    await expect(from.dial(to.peer, [tcpAddress(to)], 5_000)).rejects.toThrow();
    await until(() => outcast.problem !== undefined);
    expect(outcast.problem).toBe("revoked: sold");
  }
});

test("somebody's mere word does not put a box out", async () => {
  const town = new TestNetwork("town", folder);
  const liar = town.member();
  const forged = town.founder.revoke(town.member().publicKey, "out", "lie");
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const box = await startEngine({
    seed: liar.seed,
    chain: () => liar.chain(),
    check: () => {
      throw new Error("revoked: a lie");
    },
    proofAgainst: () => forged,
    isStillMember: () => false,
    sharedKeys: () => liar.sharedKeys(),
  });
  const victim = town.member();
  const engine = await startEngine(victim);
  const told = refusals(engine);
  await expect(engine.dial(box.peer, [tcpAddress(box)], 5_000)).rejects.toThrow("refused by it");
  expect(told[0]).toContain("a lie");
  expect([victim.problem, victim.statements().length]).toEqual([undefined, 0]);
});

test("not one byte comes back to somebody without the shared key", async () => {
  const box = await startEngine(new TestNetwork("town", folder).founder, { timers: HURRIED });
  for (const sent of [
    Buffer.alloc(44, 1),
    Buffer.from("GET / HTTP/1.1\r\nHost: box\r\n\r\n"),
    Buffer.alloc(0),
  ]) {
    expect(await answerTo(box, sent)).toEqual(Buffer.alloc(0));
  }
});

test("a peer that is put out while connected is closed on every transport", async () => {
  const town = new TestNetwork("town", folder);
  const member = town.member();
  const [box, other, relay] = await Promise.all([
    startEngine(town.founder),
    startEngine(member),
    startEngine(town.member(), { relay: SERVING }),
  ]);
  await Promise.all([box, other].map((engine) => engine.dial(relay.peer, [tcpAddress(relay)], 5_000)));
  await box.reserveRelay(relay.peer);
  for (const address of [tcpAddress(box), wsAddress(box), circuitAddress(relay)]) {
    await other.dial(box.peer, [address], 5_000);
  }
  await other.dial(box.peer, [`${circuitAddress(relay)}/webrtc`], 10_000);
  await until(() => box.connections(other.peer).length === 4);
  town.founder.revoke(member.publicKey, "out");
  const left: string[] = [];
  box.on("left", (peer) => left.push(peer));
  box.expelFormerMembers();
  await until(() => box.connections(other.peer).length === 0 && other.connections(box.peer).length === 0);
  expect(left).toEqual([other.peer]);
  for (const address of [tcpAddress(box), circuitAddress(relay), `${circuitAddress(relay)}/webrtc`]) {
    await expect(other.dial(box.peer, [address], 5_000)).rejects.toThrow();
  }
});

/** What comes back on a plain connection until the box closes it. */
function answerTo(box: Libp2pEngine, sent: Uint8Array): Promise<Buffer> {
  return new Promise((resolve) => {
    const got: Buffer[] = [];
    const socket = connect(box.ports().tcp, "127.0.0.1", () => socket.write(sent));
    socket.on("data", (bytes) => got.push(Buffer.from(bytes)));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(got)));
  });
}
