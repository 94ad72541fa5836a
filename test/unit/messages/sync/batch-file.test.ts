import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BundleError } from "../../../../src/messages/bundle/bundle.ts";
import {
  type Batch,
  decodeBatch,
  encodeBatchHead,
  encodeBatchRecord,
} from "../../../../src/messages/sync/batch-file.ts";

const anyBatch: fc.Arbitrary<Batch> = fc.record({
  writtenS: fc.nat({ max: 2 ** 31 }),
  records: fc.array(
    fc.record({ ageS: fc.nat({ max: 2 ** 31 }), encoded: fc.uint8Array({ minLength: 100, maxLength: 400 }) }),
    { maxLength: 6 },
  ),
  damaged: fc.constant(false),
});
const bytesOf = ({ writtenS, records }: Batch): Uint8Array =>
  Uint8Array.from(Buffer.concat([encodeBatchHead(writtenS), ...records.map(encodeBatchRecord)]));

function read(bytes: Uint8Array): Batch | undefined {
  try {
    return decodeBatch(bytes);
  } catch (error) {
    if (error instanceof BundleError) return undefined;
    throw error;
  }
}

describe("A file of bundles", () => {
  test("is read as it was written", () => {
    fc.assert(fc.property(anyBatch, (batch) => expect(decodeBatch(bytesOf(batch))).toEqual(batch)));
  });

  test("cut anywhere gives the bundles that are whole", () => {
    fc.assert(
      fc.property(anyBatch, fc.nat(), (batch, cut) => {
        const bytes = bytesOf(batch);
        const found = read(bytes.subarray(0, cut % (bytes.length + 1)));
        if (found === undefined) return;
        expect(found.writtenS).toBe(batch.writtenS);
        expect(found.records).toEqual(batch.records.slice(0, found.records.length));
      }),
      { numRuns: 500 },
    );
  });

  test("changed in one byte gives no record that was not written", () => {
    fc.assert(
      fc.property(anyBatch, fc.nat(), fc.integer({ min: 1, max: 255 }), (batch, at, by) => {
        const bytes = bytesOf(batch);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by;
        const written = batch.records.map((record) => Buffer.from(encodeBatchRecord(record)).toString("hex"));
        for (const record of read(bytes)?.records ?? [])
          expect(written).toContain(Buffer.from(encodeBatchRecord(record)).toString("hex"));
      }),
      { numRuns: 500 },
    );
  });

  test("of any bytes, or a million brackets, is no file, and no harm", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(bytes)),
      { numRuns: 1_000 },
    );
    for (const byte of [0x81, 0x9f, 0xa1, 0xff, 0x80])
      expect(read(new Uint8Array(2 ** 20).fill(byte))).toBeUndefined();
    const head = encodeBatchHead(0);
    const brackets = new Uint8Array(2 ** 20).fill(0x81);
    brackets.set(head);
    expect(read(brackets)).toEqual({ writtenS: 0, records: [], damaged: true });
    expect(read(new Uint8Array(2 ** 20 + 1))).toBeUndefined();
  });
});
