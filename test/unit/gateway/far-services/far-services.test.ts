import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { defaultConfig } from "../../../../src/config/index.ts";
import type { FarNetwork, FarRecord } from "../../../../src/gateway/far-services/far-network.ts";
import { FarServices } from "../../../../src/gateway/far-services/far-services.ts";
import { encodeServiceFrame, SERVICE_PROTOCOL } from "../../../../src/gateway/far-services/service-frames.ts";
import { Gateway, SessionStore } from "../../../../src/gateway/index.ts";
import type { Role } from "../../../../src/identity/index.ts";
import { Journal } from "../../../../src/store/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { connectionOf, type FakeEngine, FakeEngines } from "../../mesh/fake-engine.ts";
import { scratchFolders } from "../../scratch.ts";
import { FakeBackend } from "../fake-backend.ts";
import { connectedTo, portOf, readAll } from "./tcp-pairs.ts";

const scratch = scratchFolders();
const GUEST = "127.0.0.1";
const MAC = "02:00:00:00:00:01";
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listening(take: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, take);
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  closing.push(() => server.close());
  return server;
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = await listening(() => {});
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Boxes with far services, each with a real gateway; the streams between them and the time are made up. */
class World {
  readonly time = new VirtualTime();
  readonly engines = new FakeEngines();
  /** Boxes that answer when they are called. */
  readonly answering = new Set<string>();
  readonly members: { peer: string; member: { role: Role }; record: FarRecord }[] = [];

  async box(name: string, services: FarRecord["services"] = [], role: Role = "box") {
    const { log } = capturedLog();
    const folder = scratch();
    const journal = new Journal(join(folder, "journal.sqlite"), this.time, 1_000);
    journal.open();
    const backend = new FakeBackend();
    backend.stations.set(GUEST, { mac: MAC, ipv4: GUEST });
    const gateway = new Gateway({
      config: defaultConfig().gateway,
      backend,
      store: new SessionStore(join(folder, "sessions.sqlite")),
      journal,
      clock: this.time,
      log,
    });
    await gateway.start();
    const engine = this.engines.engine(name);
    this.members.push({ peer: name, member: { role }, record: { name, services } });
    const calls: string[] = [];
    const network: FarNetwork = {
      membership: { id: "one" },
      engine,
      directory: { all: () => this.members.filter(({ peer }) => peer !== name) },
      connect: async (peer) => {
        calls.push(peer);
        const other = this.engines.byPeer.get(peer);
        if (!other || !this.answering.has(peer)) return false;
        this.engines.connect(engine, other);
        return true;
      },
    };
    const port = await freePort();
    const far = new FarServices({
      gateway,
      networks: {
        onNetworks: ({ began }) => {
          began(network);
          return () => {};
        },
      },
      addresses: ["127.0.0.1"],
      ownPorts: () => services.map((one) => one.port),
      ports: { first: port, last: port },
      timers: this.time,
      log,
    });
    await far.start();
    closing.push(async () => {
      await far.stop();
      await gateway.stop();
      journal.close();
    });
    return { gateway, engine, far, port, calls };
  }

  connect(a: { engine: FakeEngine }, b: { engine: FakeEngine }): void {
    this.engines.connect(a.engine, b.engine);
  }

  /** Until every box has looked at who is connected. */
  async look(box: { far: FarServices }, services: number): Promise<void> {
    const seen = () => box.far.list().length === services;
    for (let turn = 0; turn < 200 && !seen(); turn += 1) await this.time.advanceAsync(2_000);
    expect(box.far.list()).toHaveLength(services);
  }
}

/** Two connected boxes: the first has an echo, the second a guest who has agreed. */
async function neighbours() {
  const world = new World();
  const echo = await listening((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  const service = { name: "Echo", port: portOf(echo), path: "/echo/" };
  const harbour = await world.box("Harbour", [service]);
  const school = await world.box("School");
  world.connect(harbour, school);
  await world.look(school, 1);
  return { world, harbour, school, service };
}

describe("a service of another box", () => {
  test("is listed while that box is connected, at a port of this one", async () => {
    const { world, harbour, school } = await neighbours();
    let told = 0;
    school.far.onChange(() => {
      told += 1;
    });
    expect(school.far.list()).toEqual([{ box: "Harbour", name: "Echo", path: "/echo/", port: school.port }]);
    expect(school.far.detail()).toContain(`Echo at Harbour (port ${school.port})`);
    expect(harbour.far.list()).toEqual([]);
    const [connection] = school.engine.connections("Harbour");
    await school.engine.close(connection?.id ?? "");
    await world.look(school, 0);
    expect(told).toBe(1);
    expect(connectedTo(school.port)).rejects.toThrow();
    world.connect(harbour, school);
    await world.look(school, 1);
    expect(school.far.list()[0]?.port).toBe(school.port);
  });

  test("answers a guest who has agreed", async () => {
    const { school } = await neighbours();
    await school.gateway.agree(GUEST, "en");
    const socket = await connectedTo(school.port);
    const answer = readAll(socket);
    socket.end("Is anybody there?");
    expect((await answer).toString()).toBe("Is anybody there?");
  });

  test("does not answer one who has not, nor one who has left, not even by a connection that there is", async () => {
    const { school } = await neighbours();
    const before = await connectedTo(school.port);
    await expect(readAll(before)).rejects.toThrow("broken off");
    await school.gateway.agree(GUEST, "en");
    const socket = await connectedTo(school.port);
    const first = new Promise((resolve) => socket.once("data", resolve));
    socket.write("hello");
    await first;
    const rest = readAll(socket);
    await school.gateway.leave(GUEST);
    await expect(rest).rejects.toThrow("broken off");
    await rest.catch(() => {});
    const after = await connectedTo(school.port);
    await expect(readAll(after)).rejects.toThrow("broken off");
  });

  test("loses its connections when its box is out of reach", async () => {
    const { world, school } = await neighbours();
    await school.gateway.agree(GUEST, "en");
    const socket = await connectedTo(school.port);
    const first = new Promise((resolve) => socket.once("data", resolve));
    socket.write("hello");
    await first;
    const rest = readAll(socket);
    rest.catch(() => {});
    await school.engine.close(school.engine.connections("Harbour")[0]?.id ?? "");
    await world.look(school, 0);
    await expect(rest).rejects.toThrow("broken off");
  });

  test("takes 16 connections of one guest and no more", async () => {
    const { school } = await neighbours();
    await school.gateway.agree(GUEST, "en");
    const heard = async () => {
      const socket = await connectedTo(school.port);
      const answer = new Promise<boolean>((resolve) => {
        socket.once("data", () => resolve(true));
        socket.once("close", () => resolve(false));
      });
      socket.write("hello");
      return answer;
    };
    const answers: boolean[] = [];
    for (let count = 0; count < 17; count += 1) answers.push(await heard());
    expect(answers.filter((one) => one)).toHaveLength(16);
    expect(answers.at(-1)).toBe(false);
  });

  test("is left out where it has no page, is a person's, or there is no port for it any more", async () => {
    const { world, school } = await neighbours();
    const radio = await world.box("Radio", [{ name: "Voice", port: 5060 }]);
    const laptop = await world.box("Laptop", [{ name: "Mine", port: 8081, path: "/" }], "person");
    const mill = await world.box("Mill", [{ name: "Late", port: 8081, path: "/" }]);
    for (const other of [radio, laptop, mill]) world.connect(other, school);
    await world.time.advanceAsync(10_000);
    expect(school.far.list().map(({ name }) => name)).toEqual(["Echo"]);
  });

  test("of a box that is not connected makes this one call it, later and later", async () => {
    const world = new World();
    await world.box("Harbour", [{ name: "Echo", port: 8081, path: "/" }]);
    const school = await world.box("School");
    await world.time.advanceAsync(14_000);
    expect(school.calls).toEqual(["Harbour"]);
    await world.time.advanceAsync(3_600_000);
    expect(school.calls.length).toBeGreaterThan(5);
    expect(school.calls.length).toBeLessThan(20);
  });
});

test("a service of a box that is no neighbour is in reach once that answers", async () => {
  const world = new World();
  await world.box("Harbour", [{ name: "Echo", port: 8081, path: "/" }]);
  const school = await world.box("School");
  await world.time.advanceAsync(4_000);
  expect(school.far.list()).toEqual([]);
  world.answering.add("Harbour");
  await world.look(school, 1);
  expect(school.engine.connections("Harbour")).toHaveLength(1);
});

describe("a box that asks for what is no service", () => {
  test.each([
    ["another port of this box", "box"],
    ["a service for a person's device", "person"],
  ] as const)("gets nothing: %s", async (_, role) => {
    const world = new World();
    let taken = 0;
    const secret = await listening(() => {
      taken += 1;
    });
    const offered = role === "person" ? [{ name: "Echo", port: portOf(secret), path: "/" }] : [];
    const harbour = await world.box("Harbour", offered);
    const liar = world.engines.engine("Liar");
    const { member } = connectionOf("Liar");
    harbour.engine.opened(connectionOf("Liar", { member: { ...member, role } }));
    liar.opened(connectionOf("Harbour"));
    const stream = await liar.open("Harbour", SERVICE_PROTOCOL);
    await stream.send(encodeServiceFrame({ kind: "ask", port: portOf(secret) }));
    const ended = (async () => {
      for await (const _frame of stream.frames()) throw new Error("an answer");
    })();
    expect(ended).rejects.toThrow(role === "box" ? "is no service of this box" : "only boxes have guests");
    await ended.catch(() => {});
    expect(taken).toBe(0);
  });

  test("and one that never says for what is not waited for", async () => {
    const { world, harbour } = await neighbours();
    const idle = world.engines.engine("Idle");
    harbour.engine.opened(connectionOf("Idle"));
    idle.opened(connectionOf("Harbour"));
    const stream = await idle.open("Harbour", SERVICE_PROTOCOL);
    const ended = (async () => {
      for await (const _frame of stream.frames()) throw new Error("an answer");
    })();
    ended.catch(() => {});
    await world.time.advanceAsync(10_000);
    expect(ended).rejects.toThrow("nothing was asked for");
  });
});
