import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CHALLENGE_BYTES, InboxChallenges } from "../../../../src/identity/person/inbox-challenges.ts";
import { checkInboxProof, makeInboxProof, PROOF_BYTES } from "../../../../src/identity/person/inbox-proof.ts";
import { personKey } from "../../../../src/identity/person/person-key.ts";

const anna = personKey(new Uint8Array(32).fill(1));
const ben = personKey(new Uint8Array(32).fill(2));
const box = new Uint8Array(32).fill(3);
const request = { box, key: anna.publicKey, after: 7 };
const challengesOf = (fill: number) => new InboxChallenges(new Uint8Array(32).fill(fill));

describe("a proof for an inbox", () => {
  test("is taken once", () => {
    const challenges = challengesOf(4);
    const proof = makeInboxProof(request, challenges.give(), anna.sign);
    expect(proof.length).toBe(PROOF_BYTES);
    expect(checkInboxProof(request, proof, challenges)).toBe(true);
    expect(checkInboxProof(request, proof, challenges)).toBe(false);
  });

  test("is none for another person, another box or another place in the inbox", () => {
    const challenges = challengesOf(4);
    const challenge = challenges.give();
    const proof = makeInboxProof(request, challenge, anna.sign);
    for (const other of [
      { ...request, key: ben.publicKey },
      { ...request, box: new Uint8Array(32) },
      { ...request, after: 8 },
      { ...request, key: new Uint8Array(0) },
    ]) {
      expect(checkInboxProof(other, proof, challenges)).toBe(false);
    }
    expect(checkInboxProof(request, makeInboxProof(request, challenge, ben.sign), challenges)).toBe(false);
    // None of these has used the challenge up.
    expect(checkInboxProof(request, proof, challenges)).toBe(true);
  });

  test("costs no signature where the challenge is not good, or is used up", () => {
    const challenges = challengesOf(4);
    let looks = 0;
    // What is signed names the box: it is put together for the signature alone.
    const watched = {
      ...{ key: anna.publicKey, after: 7 },
      get box() {
        looks += 1;
        return box;
      },
    };
    const proof = makeInboxProof(request, challenges.give(), anna.sign);
    const foreign = makeInboxProof(request, challengesOf(5).give(), anna.sign);
    expect(checkInboxProof(watched, foreign, challenges)).toBe(false);
    expect(looks).toBe(0);
    expect(checkInboxProof(watched, proof, challenges)).toBe(true);
    expect(looks).toBe(1);
    expect(checkInboxProof(watched, proof, challenges)).toBe(false);
    expect(looks).toBe(1);
  });

  test("of garbage is none", () => {
    const good = { isGood: () => true, takeBack: () => true };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (proof) => {
        expect(checkInboxProof(request, proof, good)).toBe(false);
      }),
    );
  });
});

describe("challenges", () => {
  test("come back once each, in any order", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(60).keys()]), (order) => {
        const challenges = challengesOf(4);
        const given = Array.from({ length: 60 }, () => challenges.give());
        for (const index of order) {
          const challenge = given[index] ?? new Uint8Array(0);
          expect([challenges.takeBack(challenge), challenges.takeBack(challenge)]).toEqual([true, false]);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("of another box, of before its restart, or of nobody are not taken", () => {
    const challenges = challengesOf(4);
    challenges.give();
    expect(challenges.takeBack(challengesOf(5).give())).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: CHALLENGE_BYTES + 1 }), (challenge) => {
        expect(challenges.takeBack(challenge)).toBe(false);
      }),
    );
  });

  test("end when very many came after them, used or not", () => {
    const challenges = challengesOf(4);
    const [used, unused] = [challenges.give(), challenges.give()];
    expect(challenges.takeBack(used)).toBe(true);
    for (let n = 0; n < 16_384; n += 1) challenges.give();
    expect([challenges.takeBack(used), challenges.takeBack(unused)]).toEqual([false, false]);
  });
});
