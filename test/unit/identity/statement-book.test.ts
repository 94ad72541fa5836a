import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Chain, encodeChain, issueCertificate } from "../../../src/identity/certificate.ts";
import { keyText } from "../../../src/identity/chain-check.ts";
import { type SigningKey, signingKey } from "../../../src/identity/signing-key.ts";
import { type Fact, type Signer, signStatement } from "../../../src/identity/statement.ts";
import { StatementBook } from "../../../src/identity/statement-book.ts";
import { claims, fixedKey, NOW_S, network } from "./fixed-network.ts";

const byNetwork: Signer = { key: network, chain: new Uint8Array(0) };
const direct = (key: SigningKey, role: "box" | "operator"): Chain => [
  issueCertificate(network, claims(key.publicKey, { role, grants: ["box", "operator"] })),
];
const as = (key: SigningKey, chain: Chain): Signer => ({ key, chain: encodeChain(chain) });
const below = (key: SigningKey, parent: SigningKey, parents: Chain): Chain => [
  issueCertificate(parent, claims(key.publicKey, { role: "operator" })),
  ...parents,
];

const said = (fact: Fact, signer: Signer, at = NOW_S) => signStatement(network.publicKey, fact, at, signer);
const out = (key: SigningKey, signer: Signer, at = NOW_S) =>
  said({ what: "revocation", key: key.publicKey, kind: "out", why: "" }, signer, at);
const closed = (key: SigningKey, signer: Signer) =>
  said({ what: "revocation", key: key.publicKey, kind: "no-more", why: "" }, signer);
const came = (subject: SigningKey, invite: SigningKey, signer: Signer, at = NOW_S) => {
  const certificate = issueCertificate(invite, claims(subject.publicKey));
  return said({ what: "admission", invite: invite.publicKey, certificate }, signer, at);
};
const rotated = (epoch: number, signer: Signer) =>
  said({ what: "shared-key", epoch, key: new Uint8Array(32).fill(epoch) }, signer);

function bookOf(statements: readonly Uint8Array[]): StatementBook {
  const book = new StatementBook(network.publicKey, () => 0);
  for (const statement of statements) book.accept(statement);
  return book;
}

const idsOf = (book: StatementBook) =>
  book
    .all()
    .map(({ id }) => id)
    .sort();

/** What one book has and another has not. */
const onlyIn = (book: StatementBook, other: StatementBook) => {
  const theirs = new Set(idsOf(other));
  return book.all().filter(({ id }) => !theirs.has(id));
};

/** What counts, as plain data. */
function stateOf(book: StatementBook, wallS = NOW_S) {
  const { out, closed, admitted, sharedKeys, floorS } = book.standingAt(wallS);
  return {
    ids: idsOf(book),
    out: [...out].map(([key, { id }]) => `${key} ${id}`).sort(),
    closed: [...closed.keys()].sort(),
    admitted: [...admitted].map(([invite, subjects]) => [invite, [...subjects].sort()]).sort(),
    epochs: sharedKeys.map(({ epoch }) => epoch),
    floorS,
  };
}

const box = fixedKey(10);
const operator = fixedKey(11);
const peer = fixedKey(12);
const junior = fixedKey(13);
const invite = fixedKey(14);
const first = fixedKey(15);
const second = fixedKey(16);
const operatorChain = direct(operator, "operator");
const byBox = as(box, direct(box, "box"));
const byOperator = as(operator, operatorChain);
const byPeer = as(peer, direct(peer, "operator"));
const byJunior = as(junior, below(junior, operator, operatorChain));

const everything = [
  out(first, byOperator),
  out(peer, byOperator),
  out(operator, byPeer),
  out(operator, byJunior),
  out(second, byJunior, NOW_S + 5),
  out(peer, byNetwork, NOW_S + 9),
  closed(invite, byOperator),
  came(first, invite, byBox, NOW_S + 2),
  came(second, invite, byOperator, NOW_S + 1),
  came(second, invite, byPeer, NOW_S),
  rotated(2, byOperator),
  rotated(3, byNetwork),
  rotated(3, byOperator),
  rotated(9, byPeer),
];

describe("what is known of a network", () => {
  test("is the same in whatever order and however often it was heard", () => {
    const expected = stateOf(bookOf(everything));
    fc.assert(
      fc.property(
        fc.shuffledSubarray(everything, { minLength: everything.length }),
        fc.array(fc.constantFrom(...everything), { maxLength: 10 }),
        (order, again) => {
          expect(stateOf(bookOf([...again, ...order]))).toEqual(expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("is the same on two boxes once they have told each other, whatever each knew", () => {
    fc.assert(
      fc.property(fc.subarray(everything), fc.subarray(everything), (mine, theirs) => {
        const [a, b] = [bookOf(mine), bookOf(theirs)];
        const [forA, forB] = [onlyIn(b, a), onlyIn(a, b)];
        for (const { bytes } of forA) a.accept(bytes);
        for (const { bytes } of forB) b.accept(bytes);
        expect(stateOf(a)).toEqual(stateOf(b));
      }),
      { numRuns: 60 },
    );
  });
});

describe("who has the last word", () => {
  const outIn = (...statements: Uint8Array[]) => bookOf(statements).standingAt(NOW_S).out;

  test("has the network's key: what somebody said whom it put out counts no longer", () => {
    expect(outIn(out(first, byPeer)).has(keyText(first.publicKey))).toBe(true);
    expect(outIn(out(first, byPeer), out(peer, byNetwork)).has(keyText(first.publicKey))).toBe(false);
  });

  test("has an operator whose chain is shorter, not one who was put out by it and puts it out in turn", () => {
    const state = outIn(out(junior, byOperator), out(operator, byJunior));
    expect([...state.keys()]).toEqual([keyText(junior.publicKey)]);
  });

  test("has neither of two equals: both are out until the network's key decides", () => {
    expect(outIn(out(peer, byOperator), out(operator, byPeer)).size).toBe(2);
    const decided = outIn(out(peer, byOperator), out(operator, byPeer), out(peer, byNetwork));
    expect([...decided.keys()]).toEqual([keyText(peer.publicKey)]);
  });

  test("has nobody over shared keys of somebody who is out", () => {
    const { sharedKeys } = bookOf([
      rotated(2, byOperator),
      rotated(9, byPeer),
      out(peer, byNetwork),
    ]).standingAt(NOW_S);
    expect(sharedKeys.map(({ epoch }) => epoch)).toEqual([2]);
  });
});

describe("the time that statements prove", () => {
  test("is that of the network's key, never of an operator, or of a box that has seen somebody come", () => {
    const floorOf = (...statements: Uint8Array[]) => bookOf(statements).standingAt(0).floorS;
    expect(floorOf(out(first, byNetwork, NOW_S + 7), out(second, byNetwork, NOW_S + 3))).toBe(NOW_S + 7);
    expect(floorOf(out(first, byOperator, 2 ** 39), rotated(2, byOperator))).toBe(0);
    expect(floorOf(came(first, invite, byBox, 2 ** 39))).toBe(0);
    expect(floorOf(out(first, byPeer, 2 ** 39), out(peer, byNetwork, NOW_S))).toBe(NOW_S);
  });
});

describe("who came by an invite that has ended", () => {
  const end = NOW_S + 100;
  const invited: Chain = [
    issueCertificate(
      network,
      claims(invite.publicKey, { role: "invite", admits: "operator", expiresAt: end }),
    ),
  ];
  const late: Chain = [
    issueCertificate(invite, claims(first.publicKey, { role: "operator", expiresAt: end })),
    ...invited,
  ];
  const byLate = as(first, late);
  const admitted = said({ what: "admission", invite: invite.publicKey, certificate: late[0] }, byBox, NOW_S);
  const isOut = (statements: Uint8Array[], wallS: number) =>
    bookOf(statements).standingAt(wallS).out.has(keyText(second.publicKey));

  test("is heard only where somebody saw it come: it could have dated its words back", () => {
    expect(isOut([out(second, byLate)], end - 1)).toBe(true);
    expect(isOut([out(second, byLate)], end)).toBe(false);
    expect(isOut([out(second, byLate), admitted], end)).toBe(true);
  });

  test("is not heard once the invite was closed, though it vouches for a friend who vouches for it", () => {
    const [a, b] = [fixedKey(30), fixedKey(31)];
    const chainBy = (inviteKey: SigningKey, subject: SigningKey): Chain => [
      issueCertificate(inviteKey, claims(subject.publicKey)),
      issueCertificate(network, claims(inviteKey.publicKey, { role: "invite", admits: "box" })),
    ];
    const [inviteA, inviteB] = [fixedKey(32), fixedKey(33)];
    const [byA, byB] = [as(a, chainBy(inviteA, a)), as(b, chainBy(inviteB, b))];
    const vouched = [came(a, inviteA, byB), came(b, inviteB, byA)];
    expect(bookOf(vouched).standingAt(NOW_S).admitted.size).toBe(2);
    const state = bookOf([...vouched, closed(inviteA, byNetwork), closed(inviteB, byNetwork)]).standingAt(
      NOW_S,
    );
    expect(state.admitted.size).toBe(0);
  });
});

describe("admissions that one box makes up", () => {
  test("of the same who came count once, whatever older dates come after", () => {
    const many = Array.from({ length: 200 }, (_, n) => came(first, invite, byBox, NOW_S - n));
    const book = new StatementBook(network.publicKey, () => 0);
    const taken = many.filter((statement) => book.accept(statement) !== undefined);
    expect(book.size).toBe(1);
    // Expected: the harmonic number of 200, 5.9.
    expect(taken.length).toBeLessThan(20);
    expect(stateOf(bookOf(many.reverse()))).toEqual(stateOf(book));
  });

  test("by signers without number below one invite push out none that another has made", () => {
    const key = (n: number) => {
      const seed = new Uint8Array(32);
      new DataView(seed.buffer).setUint32(4, n + 1);
      return signingKey(seed);
    };
    const link: Chain = [
      issueCertificate(network, claims(invite.publicKey, { role: "invite", admits: "box" })),
    ];
    const other = fixedKey(40);
    const flood = Array.from({ length: 3_000 }, (_, n) => {
      const chain: Chain = [issueCertificate(invite, claims(key(n).publicKey)), ...link];
      return came(key(n + 5_000), other, as(key(n), chain), 1);
    });
    const honest = Array.from({ length: 20 }, (_, n) => came(key(n), fixedKey(41), byBox));
    const book = bookOf([...honest, ...flood]);
    expect(book.size).toBe(2_950);
    expect(onlyIn(bookOf(honest), book)).toEqual([]);
  }, 60_000);
});

describe("a flood", () => {
  const subjects = Array.from({ length: 3_400 }, (_, index) => {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, index + 1);
    return signingKey(seed);
  });

  test("of one member's statements stays within bounds and pushes out nobody else's", () => {
    const ours = [
      out(first, byNetwork),
      out(second, byPeer, NOW_S + 1_000),
      closed(invite, byPeer),
      came(first, invite, byOperator, NOW_S + 1_000),
      rotated(2, byPeer),
    ];
    const flood = [
      ...subjects.map((subject) => out(subject, byOperator, 1)),
      ...subjects.slice(0, 3_000).map((subject) => came(subject, invite, byBox, 1)),
      ...Array.from({ length: 60 }, (_, epoch) => rotated(100 + epoch, byOperator)),
    ];
    for (const order of [
      [...ours, ...flood],
      [...flood, ...ours],
    ]) {
      const book = bookOf(order);
      expect(book.size).toBeLessThanOrEqual(10_000);
      expect(onlyIn(bookOf(ours), book)).toEqual([]);
      // Once its author is out for good, nothing of it is kept.
      book.accept(out(operator, byNetwork));
      book.accept(out(box, byNetwork));
      expect(book.size).toBe(ours.length + 2 - 1);
    }
  }, 60_000);
});
