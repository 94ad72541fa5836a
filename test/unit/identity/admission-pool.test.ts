import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AdmissionPool } from "../../../src/identity/admission-pool.ts";
import { type Chain, encodeChain, issueCertificate } from "../../../src/identity/certificate.ts";
import type { Admitted } from "../../../src/identity/hearing.ts";
import { type SigningKey, signingKey } from "../../../src/identity/signing-key.ts";
import { openStatement, signStatement } from "../../../src/identity/statement.ts";
import { claims, NOW_S, network } from "./fixed-network.ts";

const key = (number: number): SigningKey => {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(4, number + 1);
  return signingKey(seed);
};

/** A box that came by an invite of the network's own. */
const cameBy = (invite: SigningKey, box: SigningKey): Chain => [
  issueCertificate(invite, claims(box.publicKey)),
  issueCertificate(network, claims(invite.publicKey, { role: "invite", admits: "box" })),
];
const direct = (box: SigningKey): Chain => [issueCertificate(network, claims(box.publicKey))];

function admission(subject: SigningKey, invite: SigningKey, signer: SigningKey, chain: Chain): Admitted {
  const certificate = issueCertificate(invite, claims(subject.publicKey));
  const fact = { what: "admission" as const, invite: invite.publicKey, certificate };
  const bytes = signStatement(network.publicKey, fact, NOW_S, { key: signer, chain: encodeChain(chain) });
  const opened = openStatement(bytes, network.publicKey);
  if (opened.what !== "admission") throw new Error("no admission");
  return opened;
}

const [real, madeUp] = [key(1), key(2)];
const [box, liar] = [key(3), key(4)];
const honest = Array.from({ length: 10 }, (_, n) => admission(key(100 + n), real, box, direct(box)));
const lies = Array.from({ length: 30 }, (_, n) => admission(key(200 + n), madeUp, liar, cameBy(real, liar)));

describe("admissions for which there is no room", () => {
  test("go first where nobody who has signed anything came by their invite, whatever the order", () => {
    for (const order of [
      [...honest, ...lies],
      [...lies, ...honest],
    ]) {
      const pool = new AdmissionPool(12);
      for (const one of order) {
        pool.add(one);
        pool.learn(one.chain);
      }
      expect(pool.size).toBe(12);
      expect(new Set(pool).isSupersetOf(new Set(honest))).toBe(true);
    }
  });

  test("go by who has signed most where no invite is known", () => {
    const pool = new AdmissionPool(12);
    for (const one of [...honest, ...lies]) pool.add(one);
    // Both branches have signed by one key each: the room is shared.
    expect([...pool].filter((one) => honest.includes(one))).toHaveLength(6);
  });
});

test("admissions are found by their invite, as long as they are there", () => {
  const pool = new AdmissionPool(100);
  for (const one of [...honest, ...lies]) pool.add(one);
  pool.learn(cameBy(real, liar));
  expect(new Set(pool.of(real.publicKey))).toEqual(new Set(honest));
  pool.remove(({ invite }) => Buffer.from(invite).equals(real.publicKey));
  expect(pool.of(real.publicKey)).toEqual([]);
  expect(pool.of(madeUp.publicKey)).toHaveLength(30);
});

test("a pool of admissions is within bounds and finds what it holds, whatever comes and goes", () => {
  const all = [...honest, ...lies];
  const step = fc.oneof(
    fc.record({ add: fc.nat(all.length - 1) }),
    fc.record({ learn: fc.constantFrom(real, madeUp) }),
    fc.record({ remove: fc.nat(all.length - 1) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const pool = new AdmissionPool(8);
      const kept = new Set<Admitted>();
      for (const one of steps) {
        if ("learn" in one) pool.learn(cameBy(one.learn, liar));
        else if ("remove" in one) {
          for (const gone of pool.remove((known) => known === all[one.remove])) kept.delete(gone);
        } else {
          const added = all[one.add] as Admitted;
          const { isKept, dropped } = pool.add(added);
          if (isKept) kept.add(added);
          for (const gone of dropped) kept.delete(gone);
          if (isKept) kept.add(added);
        }
        expect(new Set(pool)).toEqual(kept);
        expect(pool.size).toBe(kept.size);
        expect(kept.size).toBeLessThanOrEqual(8);
        for (const invite of [real, madeUp]) {
          const its = [...kept].filter((known) => Buffer.from(known.invite).equals(invite.publicKey));
          expect(new Set(pool.of(invite.publicKey))).toEqual(new Set(its));
        }
      }
    }),
    { numRuns: 60 },
  );
});
