import { describe, expect, test } from "bun:test";
import { open, readFile, writeFile } from "node:fs/promises";
import fc from "fast-check";
import {
  CheckpointError,
  checkpointBytes,
  encodeCheckpointHead,
  openCheckpoint,
} from "../../../../src/vm/checkpoint/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { hex } from "../request/fixed-request.ts";
import { box, FILE_KEY, fixedHeader, otherBox, sealed, someBytes } from "./fixed-checkpoint.ts";

const scratch = scratchFolders();
const MIB = 1_048_576;
const withDisk = fixedHeader({ resources: { cpus: 1, memoryMiB: 256, diskMiB: 8 } });

/** Opens a file into two others. @returns what they have then, or what is wrong */
async function opened(
  path: string,
  key = FILE_KEY,
): Promise<{ state: Uint8Array; disk: Uint8Array } | string> {
  const [state, disk] = [await open(`${path}.state`, "w+"), await open(`${path}.disk`, "w+")];
  try {
    await openCheckpoint(path, key, { file: state, at: 0 }, { file: disk, at: 0 });
    return { state: await readFile(`${path}.state`), disk: await readFile(`${path}.disk`) };
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  } finally {
    await state.close();
    await disk.close();
  }
}

describe("a sealed checkpoint", () => {
  test.each([
    [1, 0],
    [65_536, 0],
    [65_537, 1],
    [MIB - 1, 1],
    [MIB, MIB],
    [MIB + 1, 2 * MIB + 70_000],
    [3, MIB],
  ])("with a state of %i bytes and a disk of %i is opened as it was", async (stateBytes, diskBytes) => {
    const folder = scratch();
    const [state, disk] = [someBytes(stateBytes), someBytes(diskBytes)];
    const { path, head } = await sealed(
      folder,
      diskBytes ? withDisk : fixedHeader(),
      state,
      diskBytes ? disk : undefined,
    );
    expect((await readFile(path)).length).toBe(checkpointBytes(head));
    const back = await opened(path);
    if (typeof back === "string") throw new Error(back);
    expect(Buffer.from(back.state).equals(state)).toBe(true);
    expect(Buffer.from(back.disk).equals(disk)).toBe(true);
  });

  test("has bytes that must not change", async () => {
    const { path } = await sealed(scratch(), fixedHeader(), Buffer.from("what QEMU has written"));
    expect(hex((await readFile(path)).subarray(-(21 + 16 + 64)))).toBe(
      "201fa3d36b19e8398b03f2b0bb51f4c8e7fbad06bcc51350908436a25bfc134858490777c35e832cb00708c81c7d22a29cfbee046c794c33395e210efd4c82321f7b5e24ae9a38065ee661eedf1a303afebfbf65c2bc54de2a493c16f5fce32a2710cecb0e",
    );
  });

  test("with any bit changed, any end cut off or anything behind it is refused", async () => {
    const { path } = await sealed(scratch(), withDisk, someBytes(200_000), someBytes(70_000));
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7) }).map(({ at, bit }) => {
            const changed = Buffer.from(whole);
            changed[at] = (changed[at] ?? 0) ^ (1 << bit);
            return changed;
          }),
          fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
          fc.uint8Array({ minLength: 1, maxLength: 9 }).map((more) => Buffer.concat([whole, more])),
        ),
        async (other) => {
          await writeFile(`${path}.other`, other);
          expect(await opened(`${path}.other`)).toStartWith("checkpoint");
        },
      ),
      { numRuns: 60 },
    );
  });

  test("with two pieces in the place of each other is refused", async () => {
    const { path, head } = await sealed(scratch(), fixedHeader(), someBytes(200_000));
    const whole = await readFile(path);
    const piece = 65_536 + 16;
    const at = (index: number) => whole.subarray(head.bytes.length + index * piece).subarray(0, piece);
    const [first, second] = [Buffer.from(at(0)), Buffer.from(at(1))];
    at(0).set(second);
    at(1).set(first);
    await writeFile(path, whole);
    expect(await opened(path)).toBe("checkpoint: was changed, or its key is another");
  });

  test("is closed to any other key", async () => {
    const { path } = await sealed(scratch(), fixedHeader(), someBytes(1_000));
    expect(await opened(path, new Uint8Array(32).fill(8))).toBe(
      "checkpoint: was changed, or its key is another",
    );
  });

  test("that another box made than the one that it names is refused, though its requester has made it with the right key", async () => {
    const { path } = await sealed(scratch(), fixedHeader(), someBytes(1_000), undefined, otherBox);
    expect(await opened(path)).toBe("checkpoint.signature: is not of the box that it names");
  });

  test("under another header than its own is refused", async () => {
    const { path, head } = await sealed(scratch(), fixedHeader(), someBytes(1_000));
    const rest = (await readFile(path)).subarray(head.bytes.length);
    const other = encodeCheckpointHead({ ...head.header, leftS: 9_999 });
    await writeFile(path, Buffer.concat([other.bytes, rest]));
    expect(await opened(path)).toStartWith("checkpoint");
  });

  test("is not left half written", async () => {
    const folder = scratch();
    const { path } = await sealed(folder, fixedHeader(), someBytes(1_000));
    const again = await sealed(folder, fixedHeader(), someBytes(1_000)).catch((error: unknown) => error);
    expect(String(again)).toContain("EEXIST");
    expect(typeof (await opened(path))).toBe("object");
    expect(hex(box.publicKey)).toBe(fixedHeader().savedBy);
  });
});
