import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  decodeSaveHeader,
  encodeSaveHeader,
  readSaveHeader,
  rewriteSaveFile,
  SaveFileError,
  type SaveHeader,
} from "../../../../src/vm/libvirt/save-file.ts";

const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 200 })
  .map((value) => value.replaceAll("\0", "-"));
const header: fc.Arbitrary<SaveHeader> = fc.record({
  version: fc.constantFrom(1, 2),
  wasRunning: fc.boolean(),
  format: fc.integer({ min: 0, max: 6 }),
  xml: text,
  cookie: fc.option(text, { nil: undefined }),
  paddingBytes: fc.integer({ min: 0, max: 5_000 }),
});

const EXAMPLE: SaveHeader = {
  version: 2,
  wasRunning: true,
  format: 0,
  xml: "<domain type='qemu'><name>a</name></domain>",
  cookie: "<cookie/>",
  paddingBytes: 65_536,
};

const folder = mkdtempSync(join(tmpdir(), "omb-save-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Laid out by hand after libvirt's struct virQEMUSaveHeader. */
function byHand(): Buffer {
  const bytes = Buffer.alloc(92 + 7 + 4 + 3);
  bytes.write("LibvirtQemudSave", 0, "latin1");
  bytes.writeUInt32LE(2, 16);
  bytes.writeUInt32LE(7 + 4 + 3, 20);
  bytes.writeUInt32LE(1, 24);
  bytes.writeUInt32LE(0, 28);
  bytes.writeUInt32LE(7, 32);
  bytes.write("<dom/>\0", 92, "latin1");
  bytes.write("<c>\0", 99, "latin1");
  return bytes;
}

describe("the header of a saved machine", () => {
  test("is what libvirt's source says", () => {
    const expected = {
      version: 2,
      wasRunning: true,
      format: 0,
      xml: "<dom/>",
      cookie: "<c>",
      paddingBytes: 3,
    };
    expect(decodeSaveHeader(byHand())).toEqual(expected);
    expect([...encodeSaveHeader(expected)]).toEqual([...byHand()]);
  });

  test("is the same after writing and reading, and after reading and writing", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 50 }), (value, state) => {
        const bytes = encodeSaveHeader(value);
        const read = decodeSaveHeader(Buffer.concat([bytes, state]));
        expect(read).toEqual(value);
        expect(encodeSaveHeader(read)).toEqual(bytes);
      }),
    );
  });

  test("is refused or read as exactly what it is, whatever its bytes are", () => {
    const changed = fc
      .tuple(
        header.map((value) => encodeSaveHeader(value)),
        fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.option(fc.nat(200), { nil: undefined }),
      )
      .map(([bytes, changes, cut]) => {
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        return cut === undefined ? bytes : bytes.slice(0, cut);
      });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 400 })), (bytes) => {
        let read: SaveHeader;
        try {
          read = decodeSaveHeader(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(SaveFileError);
          return;
        }
        const again = encodeSaveHeader(read);
        expect(again).toEqual(bytes.slice(0, again.length));
      }),
      { numRuns: 2_000 },
    );
  });

  test("of a file that was not saved to the end is told apart", () => {
    const bytes = encodeSaveHeader(EXAMPLE);
    bytes.set(new TextEncoder().encode("LibvirtQemudPart"));
    expect(() => decodeSaveHeader(bytes)).toThrow("it was not saved to the end");
  });

  test("may not be longer than any that libvirt writes", () => {
    const bytes = encodeSaveHeader(EXAMPLE);
    new DataView(bytes.buffer).setUint32(20, 0xffff_ffff, true);
    expect(() => decodeSaveHeader(bytes)).toThrow(SaveFileError);
  });
});

describe("a saved machine that gets another header", () => {
  const state = Buffer.alloc(3 * 1024 * 1024 + 17);
  for (let at = 0; at < state.length; at += 4_099) state[at] = at % 251;
  const source = join(folder, "source");
  writeFileSync(source, Buffer.concat([encodeSaveHeader(EXAMPLE), state]));

  test("keeps its state to the byte", async () => {
    const target = join(folder, "target");
    const xml = `<domain>${"longer".repeat(100)}</domain>`;
    await rewriteSaveFile(source, target, (old) => ({ ...old, wasRunning: false, xml, paddingBytes: 0 }));
    expect(await readSaveHeader(target)).toEqual({ ...EXAMPLE, wasRunning: false, xml, paddingBytes: 0 });
    const expected = encodeSaveHeader({ ...EXAMPLE, wasRunning: false, xml, paddingBytes: 0 });
    expect(readFileSync(target).equals(Buffer.concat([expected, state]))).toBe(true);
    expect(statSync(target).mode & 0o777).toBe(0o600);
  });

  test("leaves nothing when it fails, and takes no file that is there", async () => {
    const target = join(folder, "taken");
    writeFileSync(target, "mine");
    await expect(rewriteSaveFile(source, target, (old) => old)).rejects.toThrow("EEXIST");
    expect(readFileSync(target, "utf8")).toBe("mine");
    const none = join(folder, "none");
    await expect(rewriteSaveFile(source, none, (old) => ({ ...old, xml: "" }))).rejects.toThrow(
      SaveFileError,
    );
    await expect(rewriteSaveFile(target, none, (old) => old)).rejects.toThrow(SaveFileError);
    expect(existsSync(none)).toBe(false);
  });
});
