import { afterEach, expect, test } from "bun:test";
import type { Libp2pEngine } from "../../../../src/mesh/engine/engine.ts";
import { GossipConduct } from "../../../../src/mesh/engine/gossip-conduct.ts";
import { scratchFolders } from "../../scratch.ts";
import { startEngine, stopEngines, TestNetwork, tcpAddress, until } from "./engine-network.ts";

const folder = scratchFolders();
const TOPIC = "notices/1";

afterEach(stopEngines);

/** Engines in a row, each connected to the next, all subscribed. */
async function chainOf(
  length: number,
  listen: (index: number, data: string, from: string) => "accept" | "ignore" | "reject",
) {
  const network = new TestNetwork("town", folder);
  const passports = [network.founder, ...Array.from({ length: length - 1 }, () => network.member())];
  const engines = await Promise.all(passports.map((passport) => startEngine(passport)));
  for (const [index, engine] of engines.entries()) {
    engine.subscribe(TOPIC, (data, from) => listen(index, Buffer.from(data).toString(), from));
    const next = engines[index + 1];
    if (next !== undefined) await engine.dial(next.peer, [tcpAddress(next)], 5_000);
  }
  return engines;
}

/** Publishes until the first message is there: neighbours learn of subscriptions a little after they connect. */
async function publishUntil(engine: Libp2pEngine, arrived: () => boolean): Promise<void> {
  for (let i = 0; i < 50 && !arrived(); i += 1) {
    await engine.publish(TOPIC, Buffer.from(`warm-up ${i}`));
    await Bun.sleep(100);
  }
  expect(arrived()).toBe(true);
}

test("gossip reaches every one of five boxes in a row, signed by who sent it", async () => {
  const heard: string[][] = Array.from({ length: 5 }, () => []);
  const engines = await chainOf(5, (index, data, from) => {
    heard[index]?.push(`${from} ${data}`);
    return "accept";
  });
  const [first] = engines;
  if (first === undefined) throw new Error("no engine");
  await publishUntil(first, () => (heard[4]?.length ?? 0) > 0);
  for (let i = 0; i < 20; i += 1) await first.publish(TOPIC, Buffer.from(`notice ${i}`));
  await until(() =>
    heard.slice(1).every((all) => all.filter((text) => text.includes("notice")).length === 20),
  );
  expect(heard[4]?.at(-1)).toBe(`${first.peer} notice 19`);
});

test("what a box ignores or rejects goes no further", async () => {
  const heard: string[][] = Array.from({ length: 3 }, () => []);
  const engines = await chainOf(3, (index, data) => {
    heard[index]?.push(data);
    if (index === 1 && data === "ignored") return "ignore";
    return index === 1 && data === "rejected" ? "reject" : "accept";
  });
  const [first] = engines;
  if (first === undefined) throw new Error("no engine");
  await publishUntil(first, () => (heard[2]?.length ?? 0) > 0);
  for (const text of ["ignored", "rejected", "last"]) await first.publish(TOPIC, Buffer.from(text));
  await until(() => heard[2]?.includes("last") === true);
  expect(heard[1]).toContain("ignored");
  expect(heard[1]).toContain("rejected");
  expect(heard[2]).not.toContain("ignored");
  expect(heard[2]).not.toContain("rejected");
});

test("gossip of more than 32 KiB is refused where it is sent", async () => {
  const engine = await startEngine(new TestNetwork("town", folder).founder);
  await engine.publish(TOPIC, Buffer.alloc(32_768));
  await expect(engine.publish(TOPIC, Buffer.alloc(32_769))).rejects.toThrow(/32769 bytes/);
});

test("a peer's score falls with each rejected message and is back after some minutes", () => {
  let nowMs = 0;
  const conduct = new GossipConduct({ monotonicMs: () => nowMs, after: () => () => {} });
  for (let i = 0; i < 9; i += 1) conduct.rejected("liar");
  expect(conduct.score("liar")).toBe(-9);
  expect(conduct.score("other")).toBe(0);
  nowMs = 60_000;
  expect(conduct.score("liar")).toBe(-4.5);
  nowMs = 600_000;
  expect(conduct.score("liar")).toBeGreaterThan(-0.01);
});
