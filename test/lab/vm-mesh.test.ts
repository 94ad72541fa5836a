import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeInviteLink } from "../../src/identity/index.ts";
import { MESH_SOCKET } from "../../src/mesh/index.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, until } from "./lab.ts";
import { foundTogether, MeshBox } from "./mesh-box.ts";
import { flatLan } from "./mesh-shapes.ts";
import { MeshTopology } from "./mesh-topology.ts";
import type { LendingOrder } from "./vm-mesh-box-process.ts";
import type { AskOrder, AskReport } from "./vm-mesh-requester.ts";
import { foundIn, keyNeedle, textNeedle, Wire } from "./wire.ts";

const NEEDS = ["root", "program:ip", "program:tcpdump"] as const;
const CAPABLE = { cpus: 4, memoryMiB: 2_048, freeMemoryMiB: 1_024, leases: 0, maxLeases: 4 };
/** On a machine that may do much else. */
const PATIENCE_MS = 150_000;

/** Quay and Mill are in one network with Home, which lends nothing; Island is in another. Nobody's is a laptop without a box. */
describeNeeding(NEEDS, "Boxes that lend to members, asked by the mesh and by HTTP", () => {
  const HOSTS = ["quay", "mill", "home", "island", "laptop"];
  const lab = new Lab("vmmesh");
  let lan: MeshTopology;
  let invite = "";
  const boxes = new Map<string, MeshBox>();
  const box = (name: string): MeshBox => {
    const found = boxes.get(name);
    if (!found) throw new Error(`${name}: no such box`);
    return found;
  };
  const addressOf = (name: string) => lan.address(HOSTS.indexOf(name));

  beforeAll(async () => {
    await lab.open();
    lan = await MeshTopology.build(lab, flatLan(HOSTS.length), "v");
    const orders: Record<string, Omit<LendingOrder, "address">> = {
      quay: { accept: "members", capability: CAPABLE },
      // It says that it has more, and lends to nobody.
      mill: { accept: "nobody", capability: { ...CAPABLE, freeMemoryMiB: 2_048 } },
      home: { accept: "nobody", capability: null },
      island: { accept: "members", capability: CAPABLE },
    };
    const script = join(import.meta.dir, "vm-mesh-box-process.ts");
    for (const [name, order] of Object.entries(orders)) {
      const one = new MeshBox(lab, lan.host(HOSTS.indexOf(name)), name, { script });
      mkdirSync(one.folder, { recursive: true });
      writeFileSync(join(one.folder, "lending.json"), JSON.stringify({ ...order, address: addressOf(name) }));
      boxes.set(name, one);
    }
    await Promise.all([...boxes.values()].map((one) => one.start(PATIENCE_MS)));
    await foundTogether(["quay", "mill", "home"].map(box), "Harbour");
    await box("island").found("Island");
    await box("home").connected(2, PATIENCE_MS);
    await until(
      "home to know what the others can lend",
      async () => (await box("home").peers()).filter(({ capability }) => capability).length === 2,
      PATIENCE_MS,
    );
    invite = await box("quay").invite({ role: "requester", hours: 24 });
  }, 500_000);
  afterAll(() => lab.close(), 120_000);

  /** Asks from a host, where a box may run or not. */
  async function ask(from: string, order: Partial<AskOrder> & { folder: string }): Promise<AskReport> {
    const folder = join(lab.folder, order.folder);
    mkdirSync(folder, { recursive: true });
    const own = boxes.get(from);
    const meshSocket = own ? join(own.folder, "run", MESH_SOCKET) : join(folder, "none.sock");
    const plan: AskOrder = { invites: [], named: null, meshSocket, ...order, folder };
    const command = [process.execPath, join(import.meta.dir, "vm-mesh-requester.ts"), JSON.stringify(plan)];
    const host = lan.host(HOSTS.indexOf(from));
    return JSON.parse(await host.run(command, { timeoutMs: PATIENCE_MS })) as AskReport;
  }
  /** What a box has decided last, as its journal has it. */
  const lastDecision = (name: string): Record<string, unknown> => {
    const lines =
      box(name)
        .output()
        .match(/^decision .*$/gm) ?? [];
    const decisions = lines.map((line) => JSON.parse(line.slice(9)) as { kind: string });
    return { ...decisions.findLast(({ kind }) => kind === "lease-allowed" || kind === "lease-denied") };
  };
  /** Until a box's last decision is what it should be: what it writes comes here a little later. */
  const decided = async (name: string, expected: Record<string, unknown>) => {
    await until("the decision", () => Bun.deepMatch(expected, lastDecision(name))).catch(() => {});
    expect(lastDecision(name)).toMatchObject(expected);
  };
  const STEPS = "admitted,network,start,verify,resume,guest,running";
  /** What a requester was told up to there: who begins to listen a moment later hears the same from where it stands. */
  const hasRun = ({ news }: AskReport) =>
    expect(STEPS).toEndWith(news.join().replace(/^.*admitted/, "admitted"));

  test("a member's box carries a request to a box that is called by name, by its words or by its peer id", async () => {
    const network = await box("quay").network();
    const names = ["quay", network.self.words.replaceAll(" ", "-"), network.self.peer];
    for (const [index, named] of names.entries()) {
      const report = await ask("home", { folder: `carried-${index}`, named });
      expect(report).toMatchObject({
        chosen: [`mesh:${network.id}/${network.self.peer}`],
        by: `mesh:${network.id}/${network.self.peer}`,
        ...{ refused: [], released: "done", error: null },
      });
      hasRun(report);
      await decided("quay", {
        kind: "lease-allowed",
        ...{ priority: 50, source: { networks: [network.id], local: false } },
      });
    }
  }, 500_000);

  test("who names no box is lent one by the next, when the first that seemed best refuses", async () => {
    const { id, self } = await box("quay").network();
    const mill = await box("mill").peer();
    const report = await ask("home", { folder: "unnamed" });
    expect(report).toMatchObject({
      chosen: [`mesh:${id}/${mill}`, `mesh:${id}/${self.peer}`],
      by: `mesh:${id}/${self.peer}`,
      refused: ["This box lends to nobody."],
      released: "done",
    });
  }, 300_000);

  test("a member without a box is lent one by HTTP, and nobody on the wire learns of what network it is", async () => {
    const { id, self } = await box("quay").network();
    const { networkKey } = decodeInviteLink(invite);
    const wire = await Wire.listen(lan.host(HOSTS.indexOf("laptop")), "eth0");
    const report = await ask("laptop", { folder: "member", invites: [invite], named: addressOf("quay") });
    const frames = await wire.stop();
    expect(report).toMatchObject({
      chosen: [`${id}@${addressOf("quay")}`],
      by: `${id}@${addressOf("quay")}`,
      ...{ refused: [], released: "done", error: null },
    });
    hasRun(report);
    await decided("quay", {
      kind: "lease-allowed",
      ...{ priority: 50, source: { networks: [id], address: addressOf("laptop") } },
    });
    // That the wire was heard.
    expect(foundIn(frames, [textNeedle("the way", "/v1/sealed")])).toEqual(["the way"]);
    const secrets = [
      keyNeedle("the network's id", Buffer.from(id, "hex")),
      keyNeedle("the network's key", networkKey),
      keyNeedle("the requester", Buffer.from(String(lastDecision("quay").requester), "hex")),
      textNeedle("what it is for", "a lab that asks by the mesh"),
      textNeedle("the answer", "admitted"),
      textNeedle("the network's name", "Harbour"),
      textNeedle("the box", self.peer),
    ];
    expect(foundIn(frames, secrets)).toEqual([]);
  }, 300_000);

  test("a stranger is refused, and so is a member of another network, by whatever way", async () => {
    const words = "This box lends to members of its networks.";
    const stranger = await ask("laptop", { folder: "stranger", named: addressOf("quay") });
    expect(stranger).toMatchObject({ chosen: [addressOf("quay")], by: null, refused: [words] });
    const island = await box("island").invite({ role: "requester", hours: 24 });
    const other = { folder: "islander", invites: [island], named: addressOf("quay") };
    expect(await ask("laptop", other)).toMatchObject({
      chosen: [addressOf("quay")],
      by: null,
      refused: [words],
    });
    // The island's own box takes it for a member.
    const at = await ask("laptop", { ...other, invites: [], named: addressOf("island") });
    expect(at).toMatchObject({ by: expect.stringContaining("@"), refused: [], released: "done" });
    // And by name nobody reaches a box of another network.
    const { error } = await ask("island", { folder: "by-name", named: "quay" });
    expect(error).toContain("quay");
  }, 300_000);

  test("an operator's request is one of the box's own", async () => {
    const link = await box("quay").invite({ role: "operator", hours: 24 });
    const report = await ask("laptop", { folder: "operator", invites: [link], named: addressOf("quay") });
    expect(report).toMatchObject({ refused: [], released: "done" });
    await decided("quay", { kind: "lease-allowed", priority: 100, source: { local: true } });
  }, 300_000);

  test("who came by an invite that was revoked is refused from then on, with the reason", async () => {
    const before = await ask("laptop", { folder: "revoked", invites: [invite], named: addressOf("quay") });
    expect(before).toMatchObject({ refused: [], released: "done" });
    await box("quay").ask("/v1/networks/-/revocations", { invite, why: "the laptop was lost" });
    const after = await ask("laptop", { folder: "revoked", named: addressOf("quay") });
    expect(after).toMatchObject({
      by: null,
      refused: [expect.stringContaining("You count as a stranger here: chain: revoked: the laptop was lost")],
    });
  }, 300_000);
});
