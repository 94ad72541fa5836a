import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Decrypter, Encrypter } from "age-encryption";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import { AgeFileError, openAgeFile, sealAgeFile } from "../../../../src/identity/person/age-file.ts";
import {
  ExportError,
  MAX_STATE_BYTES,
  openExport,
  sealExport,
} from "../../../../src/identity/person/export-file.ts";

const PASSPHRASE = "grid duck problem valid";
const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const SECRET = new Uint8Array(32).fill(7);
/** Where chunks begin and end. */
const LENGTHS = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000];

async function sealedByAge(bytes: Uint8Array, workFactor = 10): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(PASSPHRASE);
  encrypter.setScryptWorkFactor(workFactor);
  return encrypter.encrypt(bytes);
}

describe("a file sealed with a passphrase", () => {
  test.each(LENGTHS)(
    "of %p bytes is opened by another implementation of age, and the other way round",
    async (length) => {
      const plain = random(length);
      const decrypter = new Decrypter();
      decrypter.addPassphrase(PASSPHRASE);
      const file = await sealAgeFile(plain, PASSPHRASE, 10, random);
      expect(await decrypter.decrypt(file)).toEqual(plain);
      expect(await openAgeFile(await sealedByAge(plain), PASSPHRASE, 18)).toEqual(plain);
    },
  );

  test("is not opened by another passphrase", async () => {
    const file = await sealAgeFile(random(10), PASSPHRASE, 10, random);
    expect(openAgeFile(file, `${PASSPHRASE}.`, 18)).rejects.toThrow("the passphrase is wrong");
  });

  test("that asks for more work than allowed is refused before any is done", async () => {
    const file = Buffer.from(await sealedByAge(random(10))).toString("latin1");
    const greedy = Buffer.from(file.replace(/^(-> scrypt \S+) 10$/m, "$1 24"), "latin1");
    expect(openAgeFile(greedy, PASSPHRASE, 18)).rejects.toThrow("its scrypt work factor is 24, more than 18");
  });

  test("that was cut off or changed anywhere is refused", async () => {
    const file = await sealAgeFile(random(70_000), PASSPHRASE, 1, random);
    const cut = fc.nat(file.length - 1).map((at) => file.subarray(0, at));
    const changed = fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
      const copy = Uint8Array.from(file);
      copy[at] = (copy[at] ?? 0) ^ bits;
      return copy;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, changed, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
        expect(openAgeFile(bytes, PASSPHRASE, 12)).rejects.toBeInstanceOf(AgeFileError);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a person's export", () => {
  test("brings back the key and the state", async () => {
    const state = random(300_000);
    const file = await sealExport({ secret: SECRET, state }, PASSPHRASE, random, 10);
    expect(await openExport(file, PASSPHRASE)).toEqual({ secret: SECRET, state });
  });

  test("takes 32 MiB of memory to open, unless the one who makes it says otherwise", async () => {
    const file = await sealExport({ secret: SECRET, state: new Uint8Array(0) }, PASSPHRASE, random);
    expect(Buffer.from(file).toString("latin1")).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 15\n/);
  });

  test("is not made with a short passphrase, nor of too much", () => {
    const empty = { secret: SECRET, state: new Uint8Array(0) };
    expect(sealExport(empty, "too short", random, 1)).rejects.toThrow("passphrase: 9 characters");
    const large = { secret: SECRET, state: new Uint8Array(MAX_STATE_BYTES + 1) };
    expect(sealExport(large, PASSPHRASE, random, 1)).rejects.toThrow("state:");
  });

  test.each<[string, Uint8Array, string]>([
    ["no CBOR in it", Uint8Array.of(255), "export: "],
    ["another version", encodeCbor([2, SECRET, SECRET]), "export.version: is not 1"],
    ["a short key", encodeCbor([1, SECRET.subarray(1), SECRET]), "export.secret: 31 bytes"],
    ["something more", encodeCbor([1, SECRET, SECRET, 1]), "has 1 elements too many"],
  ])("with %s is refused", async (_, content, why) => {
    const file = await sealedByAge(content);
    const opened = openExport(file, PASSPHRASE);
    expect(opened).rejects.toBeInstanceOf(ExportError);
    expect(opened).rejects.toThrow(why);
  });
});
