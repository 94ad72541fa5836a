import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KeyringError, keyringOf, type Signer } from "../../../image-build/rauc/signing.ts";
import { BadSourceError, type BundleSource, fetchBundle } from "../../../src/update/bundle/fetch-bundle.ts";
import { BundleError, readLayout } from "../../../src/update/bundle/layout.ts";
import { PartialBundle } from "../../../src/update/bundle/partial-bundle.ts";
import { bundleFacts, checkFits, RefusedError } from "../../../src/update/bundle/rauc-bundle.ts";
import { httpSource } from "../../../src/update/http-source.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";
import { confWith, Signers, smallBundle } from "./bundles.ts";

const folderOf = scratchFolders();
// Keys and bundles are made.
setDefaultTimeout(60_000);
const RUNNING = { compatible: "omerta-box-pc-amd64", version: "1.0.0" };

/** What a box says to a bundle: "takes it", or why not. */
async function said(path: string, keyring: string, mayBeOlder = false): Promise<string> {
  try {
    checkFits(await bundleFacts(path, { conf: confWith(folderOf(), keyring) }), RUNNING, mayBeOlder);
    return "takes it";
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return `${error.why}: ${error.message}`;
  }
}

function changed(path: string, at: (bytes: number) => number): string {
  const bytes = readFileSync(path);
  const offset = at(bytes.length);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  const other = join(folderOf(), "changed.raucb");
  writeFileSync(other, bytes);
  return other;
}

describeNeeding(["program:rauc", "program:openssl", "program:mksquashfs"], "a bundle", () => {
  let folder: string;
  let signers: Signers;
  let ours: { authority: string; signer: Signer };
  let keyring: string;
  let path: string;
  let bytes: number;

  beforeAll(async () => {
    folder = folderOf();
    signers = new Signers(folder);
    ours = await signers.make("community");
    keyring = join(folder, "keyring.pem");
    writeFileSync(keyring, keyringOf([ours.authority]));
    path = await smallBundle(folder, "good", ours.signer);
    bytes = statSync(path).size;
  });

  test("that the community has signed for this board is taken", async () => {
    expect(await said(path, keyring)).toBe("takes it");
  });

  test("that somebody else has signed is refused", async () => {
    const stranger = await signers.make("stranger");
    const other = await smallBundle(folder, "strange", stranger.signer);
    expect(await said(other, keyring)).toStartWith(
      "signature: it is signed by nobody whom this box believes",
    );
  });

  test("whose signer's certificate had expired is refused", async () => {
    const expired = await signers.make("expired", "-1");
    const other = await smallBundle(folder, "expired", expired.signer);
    const ring = join(folder, "expired-ring.pem");
    writeFileSync(ring, keyringOf([expired.authority]));
    expect(await said(other, ring)).toStartWith(
      "signature: it was signed with a certificate that had expired then",
    );
  });

  test("whose signature was changed is refused", async () => {
    const { signedAt } = readLayout(readFileSync(path), bytes);
    const manifestAt = readFileSync(path).indexOf("version=1.1.0", signedAt);
    const answer = await said(
      changed(path, () => manifestAt + "version=".length),
      keyring,
    );
    expect(answer).toStartWith("signature: its signature does not hold");
  });

  test("that is cut off, or none at all, is refused", async () => {
    const cut = join(folder, "cut.raucb");
    writeFileSync(cut, readFileSync(path).subarray(0, -100));
    expect(await said(cut, keyring)).toMatch(/^(damaged|signature): /);
    writeFileSync(cut, "no bundle at all");
    expect(await said(cut, keyring)).toMatch(/^damaged: /);
  });

  test("for another board is refused", async () => {
    const other = await smallBundle(folder, "pi", ours.signer, { board: "rpi-arm64" });
    expect(await said(other, keyring)).toBe(
      "board: it is for omerta-box-rpi-arm64, and this box is omerta-box-pc-amd64",
    );
  });

  test("that is older is refused unless it is asked for", async () => {
    const older = await smallBundle(folder, "older", ours.signer, { version: "0.9.0" });
    expect(await said(older, keyring)).toStartWith("downgrade: version 0.9.0 is older than 1.0.0");
    expect(await said(older, keyring, true)).toBe("takes it");
  });

  test("is believed by the old and the new certificate while one takes the other's place", async () => {
    const next = await signers.make("successor");
    const byNext = await smallBundle(folder, "next", next.signer);
    const both = join(folder, "both.pem");
    writeFileSync(both, keyringOf([ours.authority, next.authority]));
    const nextAlone = join(folder, "next-alone.pem");
    writeFileSync(nextAlone, keyringOf([next.authority]));
    expect(await said(path, both)).toBe("takes it");
    expect(await said(byNext, both)).toBe("takes it");
    expect(await said(byNext, keyring)).toStartWith("signature:");
    expect(await said(path, nextAlone)).toStartWith("signature:");
  });

  test("has a tree of hashes that leads from its signature to every block", async () => {
    for (const size of [8_000, 300_000, 4_096 * 129, 2_500_000]) {
      const one = await smallBundle(folder, `tree-${size}`, ours.signer, { bytes: size });
      const content = readFileSync(one);
      const copy = join(folderOf(), "copy");
      cpSync(one, copy);
      const whole = await PartialBundle.open(copy, content, content.length);
      expect(whole.isWhole).toBe(true);
      expect(whole.goodBytes).toBe(content.length);
      await whole.close();
    }
  });

  test("of which a single byte was changed is known by it, wherever that is", async () => {
    const { signedAt } = readLayout(readFileSync(path), bytes);
    for (const at of [0, 4_095, 4_096, Math.floor(signedAt / 2), signedAt - 4_097, signedAt - 4_000]) {
      const other = changed(path, () => at);
      const partial = await PartialBundle.open(other, readFileSync(other), bytes);
      // Behind the last hash of a block of hashes there are zeros, which are hashed as well.
      expect({ at, isWhole: partial.isWhole }).toEqual({ at, isWhole: false });
      await partial.close();
    }
  });

  /** From memory, with what a source may do wrong. */
  function source(
    wrong: (offset: number, piece: Uint8Array) => Uint8Array = (_, piece) => piece,
  ): BundleSource {
    const content = readFileSync(path);
    return {
      name: "a neighbour",
      bytes,
      read: async (offset, length) =>
        wrong(offset, Uint8Array.from(content.subarray(offset, offset + length))),
    };
  }

  function fetching(into: string, from: BundleSource) {
    return fetchBundle({
      source: from,
      partFor: (id) => join(into, `${id}.part`),
      placeFor: (id) => join(into, `${id}.raucb`),
      checkSignature: async (tail) => {
        checkFits(await bundleFacts(tail, { conf: confWith(into, keyring) }), RUNNING, false);
      },
      room: async () => {},
      progress: () => {},
    });
  }

  test("is fetched piece by piece, and is the same in the end", async () => {
    const into = folderOf();
    const id = await fetching(into, source());
    expect(readFileSync(join(into, `${id}.raucb`)).equals(readFileSync(path))).toBe(true);
  });

  test("is fetched on where it was cut off, however often that is", async () => {
    const into = folderOf();
    let read = 0;
    let cuts = 0;
    let id: string | undefined;
    while (id === undefined) {
      let left = 3;
      const cutting = source((_, piece) => {
        left -= 1;
        if (left < 0) throw new Error("cut");
        read += piece.length;
        return piece;
      });
      id = await fetching(into, cutting).catch((error: Error) => {
        expect(error.message).toBe("cut");
        cuts += 1;
        return undefined;
      });
    }
    expect(cuts).toBeGreaterThan(5);
    expect(readFileSync(join(into, `${id}.raucb`)).equals(readFileSync(path))).toBe(true);
    // The end comes anew each time, the rest once.
    expect(read).toBeLessThan(bytes + (cuts + 1) * 20_000);
  });

  test("is not fetched on where what is on the medium was torn by a power cut: that comes again", async () => {
    const into = folderOf();
    let left = 12;
    const cut = await fetching(
      into,
      source((_, piece) => {
        left -= 1;
        if (left < 0) throw new Error("cut");
        return piece;
      }),
    ).catch((error: Error) => error.message);
    expect(cut).toBe("cut");
    const [name = ""] = Array.from(new Bun.Glob("*.part").scanSync(into));
    const part = readFileSync(join(into, name));
    part.fill(0x55, 10_000, 90_000);
    writeFileSync(join(into, name), part);
    const id = await fetching(into, source());
    expect(readFileSync(join(into, `${id}.raucb`)).equals(readFileSync(path))).toBe(true);
  });

  test("of which a neighbour gives something else is not kept, and not a byte of it gets in", async () => {
    const into = folderOf();
    const lying = source((offset, piece) => (offset === 0 ? piece.map((byte) => byte ^ 1) : piece));
    await expect(fetching(into, lying)).rejects.toThrow(BadSourceError);
    const id = await fetching(into, source());
    expect(readFileSync(join(into, `${id}.raucb`)).equals(readFileSync(path))).toBe(true);
  });

  test("that would be refused is not fetched beyond its end", async () => {
    const stranger = await signers.make("stranger-2");
    const other = readFileSync(await smallBundle(folder, "strange-2", stranger.signer));
    let read = 0;
    const from: BundleSource = {
      name: "a neighbour",
      bytes: other.length,
      read: async (offset, length) => {
        read += length;
        return other.subarray(offset, offset + length);
      },
    };
    expect(await fetching(folderOf(), from).catch((error: RefusedError) => error.why)).toBe("signature");
    expect(read).toBeLessThan(20_000);
  });

  test("is fetched from any web server that knows ranges, and from no other", async () => {
    const content = readFileSync(path);
    let knowsRanges = true;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "") ?? [];
        if (!knowsRanges || from === undefined) return new Response(content);
        const piece = content.subarray(Number(from), Number(to) + 1);
        const range = `bytes ${from}-${Number(from) + piece.length - 1}/${content.length}`;
        return new Response(piece, { status: 206, headers: { "content-range": range } });
      },
    });
    try {
      const into = folderOf();
      const id = await fetching(into, await httpSource(`http://127.0.0.1:${server.port}/box.raucb`));
      expect(readFileSync(join(into, `${id}.raucb`)).equals(content)).toBe(true);
      knowsRanges = false;
      await expect(httpSource(`http://127.0.0.1:${server.port}/box.raucb`)).rejects.toThrow(
        "knows no ranges",
      );
    } finally {
      await server.stop(true);
    }
  });

  test("with an end that says nonsense is refused before anything is made of it", () => {
    const content = readFileSync(path);
    const withLength = (length: bigint) => {
      const copy = Buffer.from(content);
      copy.writeBigUInt64BE(length, copy.length - 8);
      return () => readLayout(copy, copy.length);
    };
    for (const length of [0n, 1n, 65_537n, 2n ** 63n]) expect(withLength(length)).toThrow(BundleError);
    expect(() => readLayout(content.subarray(-4), 4)).toThrow(BundleError);
  });

  test("is not believed by a keyring that has a private key in it", () => {
    expect(() => keyringOf([ours.signer.key])).toThrow(KeyringError);
    expect(() => keyringOf([])).toThrow(KeyringError);
  });
});
