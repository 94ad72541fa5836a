import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CheckpointError,
  CheckpointShelf,
  encodeCheckpointHead,
  type ShelfLimits,
} from "../../../../src/vm/checkpoint/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { fixedHeader, sealed, someBytes } from "./fixed-checkpoint.ts";

const scratch = scratchFolders();
const LIMITS: ShelfLimits = {
  keptMs: 1_000,
  mostBytes: 10_000,
  keptFreeBytes: 500,
  mostEach: 2,
  idleMs: 100,
};
const idOf = (number: number) => number.toString(16).padStart(32, "0");
const OWNER = fixedHeader().requester;

async function* pieces(...all: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

function stand(folder = scratch(), limits: Partial<ShelfLimits> = {}) {
  const time = { nowMs: 0, freeBytes: 1_000_000 };
  const shelf = new CheckpointShelf({
    ...{ folder, limits: { ...LIMITS, ...limits }, log: capturedLog().log },
    clock: { monotonicMs: () => time.nowMs },
    freeBytes: () => time.freeBytes,
  });
  return { folder, shelf, time };
}

/** A whole one as bytes. */
async function file(number: number, length = 1_000, requester = OWNER) {
  const { path, head } = await sealed(
    scratch(),
    fixedHeader({ id: idOf(number), requester }),
    someBytes(length),
  );
  return { head, bytes: new Uint8Array(readFileSync(path)) };
}

async function arrive(shelf: CheckpointShelf, number: number, length?: number, requester?: string) {
  const { head, bytes } = await file(number, length, requester);
  const have = await shelf.beginArriving(head);
  await shelf.append(head.header.id, have, pieces(bytes.subarray(have)));
}

const problem = (task: Promise<unknown>) =>
  task.then(
    () => "it was done",
    (error: unknown) => (error instanceof CheckpointError ? error.message : Promise.reject(error)),
  );

describe("the shelf of checkpoints", () => {
  test("takes one in pieces, goes on where it was cut off, and has it only as a whole", async () => {
    const { shelf, folder } = stand();
    await shelf.start();
    const { head, bytes } = await file(1);
    const { id } = head.header;
    expect(await shelf.beginArriving(head)).toBe(head.bytes.length);
    const broken = (async function* () {
      yield bytes.subarray(head.bytes.length, 700);
      throw new Error("the line is cut");
    })();
    await expect(shelf.append(id, head.bytes.length, broken)).rejects.toThrow("the line is cut");
    expect(shelf.find(id)).toBeUndefined();
    expect(await shelf.beginArriving(head)).toBe(700);
    expect(await problem(shelf.append(id, 800, pieces(bytes.subarray(800))))).toContain("700 bytes are here");
    expect(await shelf.append(id, 700, pieces(bytes.subarray(700, 800), bytes.subarray(800)))).toBe(
      bytes.length,
    );
    const found = shelf.find(id);
    expect(new Uint8Array(readFileSync(found?.path ?? ""))).toEqual(bytes);
    expect(readdirSync(folder)).toEqual([`${id}.checkpoint`]);
    expect(await shelf.beginArriving(head)).toBe(bytes.length);
  });

  test("takes no more than was offered, nothing that was not, and no other by the same name", async () => {
    const { shelf } = stand();
    await shelf.start();
    const { head, bytes } = await file(1);
    await shelf.beginArriving(head);
    const more = pieces(bytes.subarray(head.bytes.length), Uint8Array.of(1));
    expect(await problem(shelf.append(idOf(1), head.bytes.length, more))).toContain(
      "longer than its header says",
    );
    expect(await problem(shelf.append(idOf(2), 0, pieces(bytes)))).toContain("is not awaited here");
    const other = encodeCheckpointHead({ ...head.header, leftS: 1 });
    expect(await problem(shelf.beginArriving(other))).toContain("another one that is here");
  });

  test("finds what an earlier daemon kept, and removes what it had only begun or what is none", async () => {
    const { shelf, folder } = stand();
    await shelf.start();
    await arrive(shelf, 1);
    await shelf.beginArriving((await file(2)).head);
    const whole = readFileSync(join(folder, `${idOf(1)}.checkpoint`));
    writeFileSync(join(folder, `${idOf(3)}.checkpoint`), whole);
    writeFileSync(join(folder, `${idOf(4)}.checkpoint`), whole.subarray(1));
    writeFileSync(join(folder, "something"), "else");
    const next = stand(folder).shelf;
    await next.start();
    expect(readdirSync(folder)).toEqual([`${idOf(1)}.checkpoint`]);
    expect(next.find(idOf(1))?.head.header.requester).toBe(OWNER);
  });

  test("keeps each for its time alone, but none away from who uses it", async () => {
    const { shelf, time } = stand();
    await shelf.start();
    await arrive(shelf, 1);
    await arrive(shelf, 2);
    const leave = shelf.use(idOf(2));
    time.nowMs = LIMITS.keptMs;
    expect(shelf.find(idOf(1))).toBeUndefined();
    expect(shelf.find(idOf(2))).toBeDefined();
    leave();
    expect(shelf.find(idOf(2))).toBeUndefined();
    await shelf.beginArriving((await file(3)).head);
    time.nowMs += LIMITS.idleMs;
    shelf.find(idOf(3));
    expect(await problem(shelf.append(idOf(3), 0, pieces()))).toContain("is not awaited here");
  });

  test("has a requester's oldest give way, and refuses what does not fit beside the others or onto the medium", async () => {
    const { shelf, time } = stand();
    await shelf.start();
    for (const number of [1, 2, 3]) {
      time.nowMs += 1;
      await arrive(shelf, number);
    }
    expect([1, 2, 3].map((number) => shelf.find(idOf(number)) !== undefined)).toEqual([false, true, true]);
    const other = "ab".repeat(32);
    expect(await problem(arrive(shelf, 4, 9_000, other))).toContain("there is no room");
    time.freeBytes = 1_200;
    expect(await problem(arrive(shelf, 5, 1_000, other))).toContain("the medium has no room");
    // What somebody else was promised is not free.
    time.freeBytes = 6_000;
    shelf.beginSaving(idOf(6), other, 4_000);
    expect(() => shelf.beginSaving(idOf(7), other, 2_000)).toThrow("the medium has no room");
    shelf.remove(idOf(6));
    shelf.beginSaving(idOf(7), other, 2_000);
  });
});
