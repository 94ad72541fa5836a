import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { defaultConfig } from "../../../src/config/index.ts";
import { systemTimers } from "../../../src/host/timers.ts";
import type { NetworkStatus, PeerStatus, TraceStep } from "../../../src/mesh/index.ts";
import { scratchFolders } from "../scratch.ts";
import { freshPorts, type MeshBox, type MeshBoxOptions, meshBox } from "./mesh-box.ts";

const scratch = scratchFolders();
const started: MeshBox[] = [];

/** A box whose mesh has started; stopped at the end at the latest. */
async function startBox(options: MeshBoxOptions = {}, folder = scratch()): Promise<MeshBox> {
  const box = meshBox(folder, options);
  started.push(box);
  await box.mesh.start();
  return box;
}
afterAll(async () => {
  await Promise.all(started.map(({ mesh }) => mesh.stop()));
});

/** Waits until an answer is there. */
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const endsMs = performance.now() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endsMs) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(15);
  }
}

const networks = (box: MeshBox) => box.ask<NetworkStatus[]>("GET", "/v1/networks");
const found = (box: MeshBox, name: string) => box.ask<NetworkStatus>("POST", "/v1/networks", { name });
const inviteBy = async (box: MeshBox, network = "-") =>
  (await box.ask<{ link: string }>("POST", `/v1/networks/${network}/invites`, {})).link;
const join_ = (box: MeshBox, link: string) => box.ask<NetworkStatus>("POST", "/v1/join", { link });
const peer = async (box: MeshBox, name: string) =>
  (await box.ask<PeerStatus[]>("GET", "/v1/peers")).find((one) => one.name === name);

/** Holds ports of other programs' until it is closed. */
async function occupy(kind: "udp" | "tcp", ports: readonly number[]): Promise<() => void> {
  const held: (Socket | Server)[] = [];
  for (const port of ports) {
    const one =
      kind === "udp"
        ? createSocket("udp4").bind(port, "127.0.0.1")
        : createServer().listen(port, "127.0.0.1");
    await once(one, "listening");
    held.push(one);
  }
  return () => {
    for (const one of held) one.close();
  };
}

/** Fifty times as fast. */
const HASTY = {
  monotonicMs: () => systemTimers.monotonicMs() * 50,
  after: (delayMs: number, task: () => void) => systemTimers.after(delayMs / 50, task),
};

describe("two boxes on one machine", () => {
  let a: MeshBox;
  let b: MeshBox;

  beforeAll(async () => {
    a = await startBox();
    const ways = { ...defaultConfig().mesh.ways, costs: [{ kind: "" as const, interface: "*", per_mb: 3 }] };
    b = await startBox({ name: "mill", config: { ways } });
    await found(a, "Harbour");
    await join_(b, await inviteBy(a));
    await until("both to know each other", async () => (await peer(a, "mill")) && (await peer(b, "quay")));
  });

  test("find each other by themselves, and find a way for datagrams", async () => {
    const ofB = await until("a way that is proven", async () => {
      const known = await peer(a, "mill");
      return known?.paths.some(({ chosen, state }) => chosen && state === "good") ? known : undefined;
    });
    expect(ofB).toMatchObject({ connected: true, role: "box" });
    expect((await networks(a))[0]).toMatchObject({ known: 1, connected: 1, canInvite: true });
    expect((await networks(b))[0]).toMatchObject({ known: 1, connected: 1, canInvite: false });
    expect(a.mesh.detail()).toBe("Harbour: 1 of 1 other box connected");
    expect(a.mesh.trouble()).toBeUndefined();
    expect(b.journal).toEqual(["network-joined Harbour"]);
    const steps = await a.ask<TraceStep[]>("GET", "/v1/trace?peer=mill");
    expect(steps.filter(({ chosen }) => chosen)).toMatchObject([{ kind: "ethernet", result: "good" }]);
    // Only one of them has said what its ways cost.
    const costs = async (box: MeshBox, name: string) =>
      new Set((await peer(box, name))?.paths.map(({ cost }) => cost));
    expect([await costs(a, "mill"), await costs(b, "quay")]).toEqual([new Set([0]), new Set([3])]);
  });

  test("hand over messages and gossip between their programs", async () => {
    const listen = async (box: MeshBox, query: string) => {
      const response = await fetch(`http://box/v1/listen?${query}`, { unix: box.socket });
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      await reader?.read();
      return async () =>
        JSON.parse((await reader?.read())?.value ?? "null") as { from: string; body: string };
    };
    const [mail, news] = [await listen(b, "channel=mail"), await listen(b, "topic=news")];
    const body = Buffer.from("Water at the school").toString("base64");
    const sent = await a.ask<{ peer: string }>("POST", "/v1/send", { peer: "mill", channel: "mail", body });
    const [own] = await networks(a);
    expect(await mail()).toEqual({ from: own?.self.peer ?? "", body });
    expect(sent.peer).toBe((await networks(b))[0]?.self.peer ?? "");
    // Neighbours learn of each other's topics a little later.
    let isThere = false;
    const heard = news().then((message) => {
      isThere = true;
      return message;
    });
    await until("gossip", async () => {
      await a.ask("POST", "/v1/publish", { topic: "news", body });
      return isThere || undefined;
    });
    expect(await heard).toEqual({ from: own?.self.peer ?? "", body });
    await expect(
      a.ask("POST", "/v1/send", { peer: "mill", channel: "none", body, timeoutMs: 300 }),
    ).rejects.toThrow("502");
  });

  test("part when one is put out, and meet again when it is invited anew", async () => {
    const [before] = await networks(b);
    await a.ask("POST", "/v1/networks/-/revocations", { peer: "mill", why: "sold" });
    await until("it to be told", async () => (await networks(b))[0]?.trouble);
    expect((await networks(b))[0]?.trouble).toBe("revoked: sold");
    await until("it to be gone", async () => (await peer(a, "mill")) === undefined || undefined);
    expect((await networks(a))[0]).toMatchObject({ connected: 0 });
    const [after] = [await join_(b, await inviteBy(a))];
    expect(after.trouble).toBeUndefined();
    expect(after.self.peer).not.toBe(before?.self.peer ?? "");
    await until("it to be back", async () => (await peer(a, "mill"))?.connected || undefined);
    expect((await peer(a, "mill"))?.peer).toBe(after.self.peer);
  });

  test("find each other again when one of them was away, and takes up its old record's place", async () => {
    const { folder } = b;
    await b.mesh.stop();
    // As after a restore, or on a medium that cannot be written: it does not know how often it has started.
    writeFileSync(join(folder, "mesh.json"), JSON.stringify({ starts: 0, ports: {} }));
    b = await startBox({ name: "mill by the river" }, folder);
    await until("its new word", () => peer(a, "mill by the river"));
  }, 20_000);
});

describe("a box in several networks", () => {
  test("has other ports and another key in each, and keeps them through a restart", async () => {
    const folder = scratch();
    const port = freshPorts();
    freshPorts();
    const box = await startBox({ port }, folder);
    for (const name of ["Harbour", "Valley", "Mountain"]) await found(box, name);
    const before = await networks(box);
    expect(before.map(({ ports }) => ports?.udp)).toEqual([port, port + 2, port + 4]);
    expect(before.map(({ ports }) => ports?.ws)).toEqual([port + 1, port + 3, port + 5]);
    expect(new Set(before.map(({ self }) => self.peer)).size).toBe(3);
    await box.mesh.stop();
    const kept = readFileSync(join(folder, "mesh.json"), "utf8");
    // Whatever the order is in which they begin: the second may have the first's port, and the first the next free one.
    const ids = before.map(({ id }) => id).sort();
    const ports = { [ids[1] ?? ""]: port, [ids[2] ?? ""]: port + 8 };
    writeFileSync(join(folder, "mesh.json"), JSON.stringify({ starts: 1, ports }));
    const mixed = await startBox({ port }, folder);
    expect(Object.fromEntries((await networks(mixed)).map(({ id, ports: own }) => [id, own?.udp]))).toEqual({
      ...ports,
      [ids[0] ?? ""]: port + 2,
    });
    await mixed.mesh.stop();
    writeFileSync(join(folder, "mesh.json"), kept);
    const again = await startBox({ port }, folder);
    const byName = (all: NetworkStatus[]) =>
      Object.fromEntries(all.map(({ name, ports, self }) => [name, [ports?.udp, self.peer]]));
    expect(byName(await networks(again))).toEqual(byName(before));
    await again.ask("DELETE", "/v1/networks/Harbour");
    expect(await again.ask<NetworkStatus>("POST", "/v1/networks", { name: "Island" })).toMatchObject({
      ports: { udp: port },
    });
  });
});

describe("a port that another program has", () => {
  test.each([
    ["udp", 0],
    ["tcp", 0],
    ["tcp", 1],
  ] as const)(
    "is left to it, and the next are taken: %s, the one of a network with number %d",
    async (kind, number) => {
      const port = freshPorts();
      const release = await occupy(kind, [port + number]);
      const box = await startBox({ port });
      expect(await found(box, "Harbour")).toMatchObject({
        ports: { tcp: port + 2, ws: port + 3, udp: port + 2 },
      });
      await box.mesh.stop();
      release();
    },
  );

  test("and the forty next too keep the network from running, until they are free", async () => {
    const port = 65_000 - 2 * 60;
    const release = await occupy(
      "udp",
      Array.from({ length: 40 }, (_, index) => port + index * 2),
    );
    const box = await startBox({ port, part: { timers: HASTY } });
    const status = await found(box, "Harbour");
    expect(status.trouble).toContain("Harbour does not run: bind EADDRINUSE");
    expect(status).not.toHaveProperty("ports");
    expect(box.mesh.trouble()).toBe(status.trouble as string);
    expect(box.mesh.detail()).toBe("Harbour: 0 of 0 other boxes connected");
    await expect(box.ask("GET", "/v1/trace?peer=mill")).rejects.toThrow("502: Harbour does not run");
    await found(box, "Valley");
    // What was left while it waited for the next try does not begin any more.
    await box.ask("DELETE", "/v1/networks/Valley");
    release();
    await until("it to run", async () => (await networks(box))[0]?.ports);
    expect((await networks(box)).map(({ name }) => name)).toEqual(["Harbour"]);
    await Bun.sleep(250);
    (await occupy("udp", [port + 2]))();
    expect((await networks(box)).map(({ name, trouble }) => [name, trouble])).toEqual([
      ["Harbour", undefined],
    ]);
    expect(box.mesh.trouble()).toBeUndefined();
    expect(box.memberships.list()).toHaveLength(1);
    await box.mesh.stop();
  });
});

describe("a box", () => {
  test("that is asked for one network many times at once runs it once", async () => {
    const port = freshPorts();
    for (let more = 0; more < 4; more += 1) freshPorts();
    const box = await startBox({ port });
    const founder = await startBox({ name: "mill" });
    await found(founder, "Harbour");
    const link = await inviteBy(founder);
    const all = await Promise.all(Array.from({ length: 5 }, () => box.mesh.desk.join(link)));
    expect(new Set(all.map(({ ports }) => ports?.udp)).size).toBe(1);
    expect(await networks(box)).toHaveLength(1);
    await founder.mesh.stop();
    await box.mesh.stop();
    (
      await occupy(
        "udp",
        [0, 2, 4, 6, 8].map((more) => port + more),
      )
    )();
  });

  test("leaves nothing behind when it stops, even while a network begins, and can be started again", async () => {
    const port = freshPorts();
    const box = await startBox({ port });
    const founding = box.mesh.desk.found("Harbour");
    await box.mesh.stop();
    await founding;
    // All of its ports are free.
    for (const kind of ["udp", "tcp"] as const) (await occupy(kind, [port, port + 1]))();
    await expect(box.ask("GET", "/v1/networks")).rejects.toThrow();
    await box.mesh.start();
    await until("its network", async () => (await networks(box))[0]?.ports);
    expect((await networks(box))[0]).toMatchObject({ name: "Harbour", ports: { udp: port } });
    await box.mesh.stop();
    await box.mesh.stop();
  });

  test("tells other parts of its networks: those that run, and those that begin and end", async () => {
    const box = await startBox();
    const harbour = await found(box, "Harbour");
    const told: string[] = [];
    const end = box.mesh.onNetworks({
      began: (network) => told.push(`began ${network.membership.name}`),
      ended: (id) => told.push(`ended ${id}`),
    });
    expect(told).toEqual(["began Harbour"]);
    await found(box, "Valley");
    await box.ask("DELETE", "/v1/networks/Harbour");
    expect(told.slice(1)).toEqual(["began Valley", `ended ${harbour.id}`]);
    end();
    await box.mesh.stop();
    expect(told).toHaveLength(3);
  });

  test("that has left a network does not come back to it", async () => {
    const folder = scratch();
    const founder = await startBox();
    const box = await startBox({ name: "mill" }, folder);
    await found(founder, "Harbour");
    await join_(box, await inviteBy(founder));
    await until("it to be there", () => peer(founder, "mill"));
    await box.ask("DELETE", "/v1/networks/Harbour");
    expect(await networks(box)).toEqual([]);
    expect(box.mesh.detail()).toBe("in no network yet");
    await until("it to be gone", async () => (await peer(founder, "mill"))?.connected === false || undefined);
    await box.mesh.stop();
    const again = await startBox({ name: "mill" }, folder);
    expect(await networks(again)).toEqual([]);
    await again.mesh.stop();
    await founder.mesh.stop();
  });

  test("joins by its configuration, and starts although an invite there is none", async () => {
    const founder = await startBox();
    await found(founder, "Harbour");
    const invites = ["omerta://invite/nonsense", await inviteBy(founder)];
    const box = await startBox({ config: { invites }, name: "mill" });
    expect((await networks(box)).map(({ name }) => name)).toEqual(["Harbour"]);
    expect([box.journal, box.lines.map(({ msg }) => msg).filter((msg) => msg === "mesh.invites")]).toEqual([
      ["network-joined Harbour"],
      ["mesh.invites"],
    ]);
    await box.mesh.stop();
    await founder.mesh.stop();
  });

  test("whose state cannot be written runs all the same, and says so", async () => {
    const folder = scratch();
    const file = join(folder, "a file");
    writeFileSync(file, "");
    const box = await startBox({ part: { stateFolder: file } }, folder);
    expect(await found(box, "Harbour")).toMatchObject({ name: "Harbour", known: 0 });
    expect((await networks(box))[0]?.ports).toBeDefined();
    expect(box.lines.map(({ msg }) => msg)).toContain("what the mesh knows of itself could not be kept");
    await box.mesh.stop();
  });

  test("counts its starts, also where what was kept is torn", async () => {
    const folder = scratch();
    const starts = () => JSON.parse(readFileSync(join(folder, "mesh.json"), "utf8")).starts;
    for (const expected of [1, 2]) {
      const box = await startBox({}, folder);
      expect(starts()).toBe(expected);
      await box.mesh.stop();
    }
    writeFileSync(join(folder, "mesh.json"), '{"starts":');
    const box = await startBox({}, folder);
    expect(starts()).toBe(2);
    await box.mesh.stop();
  });

  test("whose operator has switched the mesh off runs none", async () => {
    const box = await startBox({ config: { enabled: false } });
    expect([box.mesh.detail(), existsSync(box.socket)]).toEqual(["switched off", false]);
    await box.mesh.desk.found("Harbour");
    expect(box.mesh.desk.networks()[0]).not.toHaveProperty("ports");
    await box.mesh.stop();
  });
});
