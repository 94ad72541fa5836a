import { describe, expect, test } from "bun:test";
import { InboxChallenges } from "../../../../src/identity/index.ts";
import { Deliveries } from "../../../../src/messages/desk/deliveries.ts";
import { PeopleDesk } from "../../../../src/messages/desk/people-desk.ts";
import { Trust } from "../../../../src/messages/desk/trust.ts";
import { WorkChallenges } from "../../../../src/messages/desk/work-challenges.ts";
import { WritingGate } from "../../../../src/messages/desk/writing-gate.ts";
import { WritingLimits } from "../../../../src/messages/desk/writing-limits.ts";
import { openStand } from "../custody/store-stand.ts";
import { Writer, type Written } from "../custody/writers.ts";

function open() {
  const { store, clocks } = openStand();
  const monotonicMs = () => clocks.time.monotonicMs();
  const trust = new Trust({
    membership: () => undefined,
    ownKeys: () => [],
    met: () => undefined,
    monotonicMs,
  });
  const secret = new Uint8Array(32);
  const randomBytes = (count: number) => new Uint8Array(count);
  const limits = new WritingLimits(monotonicMs);
  const desk = new PeopleDesk({
    store,
    deliveries: new Deliveries({ store, trust, boxName: "", onLora: () => undefined }),
    gate: new WritingGate(limits, new WorkChallenges({ secret, randomBytes, monotonicMs }), monotonicMs),
    boxKey: () => new Uint8Array(32),
    challenges: new InboxChallenges(secret),
    trust,
    isHere: () => {},
  });
  /** Each hands over from a device of its own, 10 ms apart. @returns how many were taken */
  const handOver = async (device: string, all: readonly Written[]): Promise<number> => {
    let taken = 0;
    for (const [index, { encoded }] of all.entries()) {
      const submitted = desk.submit({ station: `${device} ${index}` }, encoded);
      store.flush();
      if ("state" in (await submitted)) taken += 1;
      clocks.time.advance(10);
    }
    return taken;
  };
  /** All from one device, at once. @returns how many were taken */
  const handOverAtOnce = async (all: readonly Written[]): Promise<number> => {
    const submitted = all.map(({ encoded }) => desk.submit({ station: "phone" }, encoded));
    store.flush();
    return (await Promise.all(submitted)).filter((taken) => "state" in taken).length;
  };
  return { handOver, handOverAtOnce };
}

const several = (count: number, write: (index: number) => Written) =>
  Array.from({ length: count }, (_, index) => write(index));

describe("one person", () => {
  const [ana, bo] = [new Writer(1), new Writer(2)];

  test("writes no more from many devices than one person does", async () => {
    const { handOver } = open();
    expect(
      await handOver(
        "phone",
        several(150, (index) => ana.receipt("read", [bo.post(`${index}`).id])),
      ),
    ).toBe(100);
  });

  test("checks in however much else they have written from their device", async () => {
    const { handOverAtOnce } = open();
    const receipts = several(70, (index) => ana.receipt("read", [bo.post(`${index}`).id]));
    expect(await handOverAtOnce(receipts)).toBe(60);
    expect(await handOverAtOnce([ana.checkIn("Ana")])).toBe(1);
  });

  test("may call for help however much they have written", async () => {
    const { handOver } = open();
    await handOver(
      "phone",
      several(110, (index) => ana.receipt("read", [bo.post(`${index}`).id])),
    );
    expect(await handOver("another phone", [ana.receipt("read", [bo.post("late").id])])).toBe(0);
    expect(await handOver("another phone", [ana.sos("Water is rising")])).toBe(1);
  });

  test("pays for nothing to which others put their name without a signature, or with a wrong one", async () => {
    const { handOver } = open();
    const unsigned = several(150, (index) => ana.direct(bo, `${index}`, { isSigned: false }));
    expect(await handOver("forger", unsigned)).toBeGreaterThan(100);
    const wrong = several(150, (index) => {
      const { id, encoded } = ana.post(`${index}`);
      encoded[encoded.length - 1] = (encoded.at(-1) ?? 0) ^ 1;
      return { id, encoded };
    });
    expect(await handOver("liar", wrong)).toBe(0);
    expect(
      await handOver(
        "phone",
        several(50, (index) => ana.receipt("read", [bo.post(`${index}`).id])),
      ),
    ).toBe(50);
  });
});
