import { afterEach, describe, expect, test } from "bun:test";
import type { Fate } from "../../../src/lora/index.ts";
import { scratchFolders } from "../scratch.ts";
import { type RealBox, twoBoxes, untilWorking } from "./two-boxes.ts";

const scratch = scratchFolders();
/** Pairs of boxes, each on an air of its own, at the same time: all of them wait for their radios most of the time. */
const PAIRS = 10;
const ROUNDS = 10;
const boxes: RealBox[] = [];

afterEach(async () => {
  await Promise.all(boxes.splice(0).map((box) => box.stop()));
});

const messageOf = (round: number): string => `message ${round}: ${"x".repeat(300 + (round % 5) * 40)}`;

/** Pulls a case out in the middle of each transfer. @returns what became of each message, and what was heard */
async function pulls(): Promise<{ fates: Fate[][]; heard: string[] }> {
  const [sender, receiver] = await twoBoxes({ folder: scratch(), bootMs: 50 });
  boxes.push(sender, receiver);
  await Promise.all([sender, receiver].map(untilWorking));
  const heard: string[] = [];
  receiver.part.on("message", ({ payload }) => heard.push(new TextDecoder().decode(payload)));
  const fates: Fate[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const told: Fate[] = [];
    fates.push(told);
    const payload = new TextEncoder().encode(messageOf(round));
    const message = { payload, priority: "direct", to: 2, lifetimeMs: 600_000 } as const;
    expect(sender.part.submit(message, (fate) => told.push(fate)).accepted).toBe(true);
    // Some pieces are on the air, others with the radio, others in the queue.
    await Bun.sleep(20 + (round % 10) * 30);
    const pulled = round % 4 === 3 ? receiver : sender;
    pulled.unplug();
    await Bun.sleep(10 + (round % 3) * 20);
    pulled.plug();
    await untilWorking(pulled);
  }
  const isOver = (told: readonly Fate[]) => ["acknowledged", "failed"].includes(told.at(-1)?.state ?? "");
  while (!fates.every(isOver)) await Bun.sleep(50);
  return { fates, heard };
}

describe("a LoRa case that is pulled out and plugged in again", () => {
  test(`loses nothing that was taken on, ${PAIRS * ROUNDS} times in the middle of a transfer`, async () => {
    const pairs = await Promise.all(Array.from({ length: PAIRS }, pulls));
    for (const { fates, heard } of pairs) {
      expect(fates.map((told) => told.at(-1))).toEqual(fates.map(() => ({ state: "acknowledged" })));
      expect(heard.toSorted()).toEqual(fates.map((_, round) => messageOf(round)).toSorted());
    }
  }, 240_000);
});
