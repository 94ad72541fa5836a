import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sodium } from "../../../../src/mesh/engine/sodium.ts";
import {
  DATAGRAM_OVERHEAD,
  MAX_DATAGRAM_BYTES,
  readHeader,
  seal,
  unseal,
} from "../../../../src/mesh/paths/datagram.ts";
import { Session } from "../../../../src/mesh/paths/session.ts";

const key = new Uint8Array(32).fill(7);
const bytes = (max = 1_200) => fc.uint8Array({ minLength: 1, maxLength: max });
const counters = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const indexes = fc.nat({ max: 0xffff_ffff });

function pair(): [Session, Session] {
  const [one, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  return [
    new Session({ localIndex: 10, remoteIndex: 20, sendKey: one, receiveKey: other }, true, 0),
    new Session({ localIndex: 20, remoteIndex: 10, sendKey: other, receiveKey: one }, true, 0),
  ];
}

describe("a sealed datagram", () => {
  test("gives its header and its body back, and is 29 bytes longer", () => {
    fc.assert(
      fc.property(indexes, counters, bytes(), (receiverIndex, counter, body) => {
        const datagram = seal(key, receiverIndex, counter, body);
        const header = readHeader(datagram);
        expect(header).toEqual({ receiverIndex, counter });
        expect(datagram.length).toBe(body.length + DATAGRAM_OVERHEAD);
        expect(DATAGRAM_OVERHEAD).toBe(29);
        expect(header && unseal(key, header, datagram)).toEqual(body);
      }),
    );
  });

  test("does not open once any bit of it is another", () => {
    const datagram = seal(key, 5, 77, Uint8Array.of(1, 2, 3, 4));
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const altered = datagram.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const header = readHeader(altered);
      expect(header && unseal(key, header, altered)).toBeUndefined();
    }
  });

  test("does not open under another key", () => {
    const datagram = seal(key, 5, 77, Uint8Array.of(1, 2, 3, 4));
    expect(unseal(new Uint8Array(32), { receiverIndex: 5, counter: 77 }, datagram)).toBeUndefined();
  });

  test("never looks like STUN or WireGuard: its two top bits are set", () => {
    expect((seal(key, 1, 1, Uint8Array.of(1))[0] ?? 0) >> 6).toBe(0b11);
  });

  test("is sealed as RFC 8439 section 2.8.2 seals its example", () => {
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const sealed = new Uint8Array(text.length + 16);
    sodium().crypto_aead_chacha20poly1305_ietf_encrypt(
      sealed,
      new TextEncoder().encode(text),
      Uint8Array.from(Buffer.from("50515253c0c1c2c3c4c5c6c7", "hex")),
      null,
      Uint8Array.from(Buffer.from("070000004041424344454647", "hex")),
      Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i),
    );
    expect(Buffer.from(sealed.subarray(-16)).toString("hex")).toBe("1ae10b594f09e26a7e902ecbd0600691");
  });
});

describe("anything else", () => {
  test("is no datagram, or one that does not open, and never throws", () => {
    const [session] = pair();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: MAX_DATAGRAM_BYTES + 100 }), fc.boolean(), (garbage, marked) => {
        if (marked && garbage.length > 0) garbage[0] = 0xc1;
        const opened = session.open(garbage, 0);
        expect(["malformed", "replayed", "forged"]).toContain(String(opened));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a session", () => {
  test("opens each datagram once, in any order, and none that is forged", () => {
    const [a, b] = pair();
    const datagrams = Array.from({ length: 500 }, (_, i) => a.seal(Uint8Array.of(1, i & 255)));
    const shuffled = datagrams.toReversed();
    for (const datagram of shuffled) expect(b.open(datagram, 0)).toBeInstanceOf(Uint8Array);
    for (const datagram of datagrams) expect(b.open(datagram, 0)).toBe("replayed");
    const forged = a.seal(Uint8Array.of(1));
    const altered = forged.with(forged.length - 1, (forged.at(-1) ?? 0) ^ 1);
    expect(b.open(altered, 0)).toBe("forged");
    // What was forged has not used up the number of the genuine one.
    expect(b.open(forged, 0)).toBeInstanceOf(Uint8Array);
  });

  test("does not open what it has sealed itself", () => {
    const [a] = pair();
    expect(a.open(a.seal(Uint8Array.of(1)), 0)).toBe("forged");
  });
});
