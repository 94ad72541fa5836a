import { describe, expect, test } from "bun:test";
import { encodeChain } from "../../../../src/identity/certificate.ts";
import { CertificateError, type Membership, signingKey } from "../../../../src/identity/index.ts";
import {
  DirectoryFullError,
  FORGET_AFTER_MS,
  MAX_ENTRIES,
  RENEW_EVERY_MS,
} from "../../../../src/mesh/directory/directory.ts";
import { RecordError } from "../../../../src/mesh/directory/peer-record.ts";
import { tagOf } from "../../../../src/mesh/directory/set-sync.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { fixedKey, founderChain } from "../../identity/fixed-network.ts";
import { inviteBy, openBox } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";
import { anybody, directoryAt, keyNumber, recordOf } from "./described.ts";

const scratch = scratchFolders();
const idOf = (number: number) => peerIdOf(keyNumber(number).publicKey);

describe("the directory", () => {
  test("takes what is newer than what it knows, and that alone", () => {
    const directory = directoryAt({ nowMs: 0 });
    const key = keyNumber(1);
    expect(directory.accept(recordOf(key, 5, { name: "quay" }))?.record.name).toBe("quay");
    expect(directory.accept(recordOf(key, 5, { name: "other" }))).toBeUndefined();
    expect(directory.accept(recordOf(key, 4, { name: "older" }))).toBeUndefined();
    expect(directory.get(idOf(1))?.record.name).toBe("quay");
    const newer = recordOf(key, 6, { name: "mill" });
    expect(directory.accept(newer)?.record.name).toBe("mill");
    expect(directory.all()).toHaveLength(1);
    expect(directory.get(idOf(1))).toMatchObject({ encoded: newer, tag: tagOf(newer) });
  });

  test("never takes what others hand over as this box's own word, and tells of what they hold", () => {
    const came: number[] = [];
    const directory = directoryAt(
      { nowMs: 0 },
      { ownCame: (_encoded, sequence) => void came.push(sequence) },
    );
    expect(directory.accept(recordOf(fixedKey(9), 77))).toBeUndefined();
    expect([directory.size, came]).toEqual([0, [77]]);
    const own = recordOf(fixedKey(9), 99);
    own[own.length - 1] = (own.at(-1) ?? 0) ^ 1;
    expect(() => directory.accept(own)).toThrow(RecordError);
    expect(came).toEqual([77]);
  });

  test("holds 2,000 members, and lets one in for another only where that has not renewed its record", () => {
    const time = { nowMs: 0 };
    const directory = directoryAt(time);
    for (let number = 0; number < MAX_ENTRIES; number += 1) {
      directory.accept(recordOf(keyNumber(number), 1));
      time.nowMs += 10;
    }
    expect(directory.size).toBe(MAX_ENTRIES);
    const next = recordOf(keyNumber(MAX_ENTRIES), 1);
    expect(() => directory.accept(next)).toThrow(DirectoryFullError);
    expect(directory.accept(recordOf(keyNumber(1), 2))).toBeDefined();
    time.nowMs += RENEW_EVERY_MS * 1.5 - 40_000;
    expect(() => directory.accept(next)).toThrow(DirectoryFullError);
    time.nowMs += 20_000 + 15;
    expect(directory.accept(next)?.peer).toBe(idOf(MAX_ENTRIES));
    expect(directory.size).toBe(MAX_ENTRIES);
    // 1 had spoken again; 0 had not.
    expect([directory.get(idOf(0)), directory.get(idOf(1))?.record.sequence]).toEqual([undefined, 2]);
  }, 20_000);

  test("follows a member that describes itself every five seconds, and cuts a flood short", () => {
    const time = { nowMs: 0 };
    const directory = directoryAt(time);
    let sequence = 0;
    const taken = (number: number) => {
      sequence += 1;
      return directory.accept(recordOf(keyNumber(number), sequence)) !== undefined;
    };
    for (let count = 0; count < 30; count += 1) {
      expect(taken(1)).toBe(true);
      time.nowMs += 5_000;
    }
    let passed = 0;
    for (let count = 0; count < 300; count += 1) {
      if (taken(1)) passed += 1;
      time.nowMs += 100;
    }
    expect(passed).toBeGreaterThan(6);
    expect(passed).toBeLessThan(15);
    // It is nobody else's loss, and when it has calmed down it is heard again.
    expect(taken(2)).toBe(true);
    time.nowMs += 4_000;
    expect(taken(1)).toBe(true);
  });

  test("forgets who was silent for long, unless it is connected, and who is a member no more", () => {
    const time = { nowMs: 0 };
    const out = new Set<string>();
    const isStillMember = (publicKey: Uint8Array) => !out.has(peerIdOf(publicKey));
    const check = (_chain: Uint8Array, publicKey: Uint8Array) => {
      if (!isStillMember(publicKey)) throw new Error("revoked");
      return anybody(publicKey);
    };
    const directory = directoryAt(time, { check, isStillMember });
    for (const number of [1, 2, 3]) directory.accept(recordOf(keyNumber(number), 1));
    expect(directory.sweep(() => false)).toEqual([]);
    time.nowMs = FORGET_AFTER_MS + 1;
    directory.accept(recordOf(keyNumber(3), 2));
    expect(directory.sweep((peer) => peer === idOf(1))).toEqual([idOf(2)]);
    out.add(idOf(1));
    expect(directory.sweep(() => true)).toEqual([idOf(1)]);
    expect(directory.all().map(({ peer }) => peer)).toEqual([idOf(3)]);
    // Back again: it is known anew.
    out.clear();
    expect(directory.accept(recordOf(keyNumber(2), 1))).toBeDefined();
  });
});

describe("checking certificates", () => {
  test("is not done for one that there is no room for, so that nobody wears out who checks them", () => {
    let checked = 0;
    const check = (_chain: Uint8Array, publicKey: Uint8Array) => {
      checked += 1;
      return anybody(publicKey);
    };
    const directory = directoryAt({ nowMs: 0 }, { check });
    for (let number = 0; number < MAX_ENTRIES + 100; number += 1) {
      const record = recordOf(keyNumber(number), 1);
      if (number < MAX_ENTRIES) directory.accept(record);
      else expect(() => directory.accept(record)).toThrow(DirectoryFullError);
    }
    expect(checked).toBe(MAX_ENTRIES);
  }, 20_000);

  test("is done anew for one that was merely forgotten for others, and costs it nothing", () => {
    let isForgotten = false;
    const directory = directoryAt({ nowMs: 0 }, { isStillMember: () => !isForgotten });
    directory.accept(recordOf(keyNumber(1), 1));
    isForgotten = true;
    expect(directory.sweep(() => false)).toEqual([]);
    expect(directory.size).toBe(1);
  });

  test("that do not hold lets nobody push another out", () => {
    const time = { nowMs: 0 };
    let isBad = false;
    const check = (_chain: Uint8Array, publicKey: Uint8Array) => {
      if (isBad) throw new Error("bad");
      return anybody(publicKey);
    };
    const directory = directoryAt(time, { check });
    for (let number = 0; number < MAX_ENTRIES; number += 1) directory.accept(recordOf(keyNumber(number), 1));
    time.nowMs = RENEW_EVERY_MS * 2;
    isBad = true;
    expect(() => directory.accept(recordOf(keyNumber(MAX_ENTRIES), 1))).toThrow("bad");
    expect(directory.size).toBe(MAX_ENTRIES);
  }, 20_000);
});

describe("a member is found", () => {
  const directory = directoryAt(
    { nowMs: 0 },
    {
      check: (_chain, publicKey) => ({
        ...anybody(publicKey),
        name: peerIdOf(publicKey) === idOf(3) ? "certified" : "",
      }),
    },
  );
  for (const [number, name] of [
    [1, "quay"],
    [2, "mill"],
    [3, "mill"],
    [4, ""],
  ] as const) {
    directory.accept(recordOf(keyNumber(number), 1, { name }));
  }

  test.each([
    ["its id", idOf(1), idOf(1)],
    ["the beginning of its id", idOf(1).slice(0, 20), idOf(1)],
    ["the beginning of what is its own in the id", idOf(1).slice(8, 16), idOf(1)],
    ["its name", "quay", idOf(1)],
    ["the name in its certificate", "certified", idOf(3)],
    ["a name that two have", "mill", undefined],
    ["what all ids have in common", "12D3KooW", undefined],
    ["three letters of it", idOf(1).slice(8, 11), undefined],
    ["a name that nobody has", "tower", undefined],
    ["no name", "", undefined],
    ["somebody else's id", idOf(5), undefined],
  ])("by %s", (_by, text, peer) => {
    expect(directory.find(text)?.peer).toBe(peer as string);
  });

  test("and nobody else who has taken somebody's id for a name", () => {
    const liars = directoryAt({ nowMs: 0 });
    liars.accept(recordOf(keyNumber(1), 1, { name: idOf(2) }));
    expect(liars.find(idOf(2))).toBeUndefined();
  });
});

describe("with real memberships, a record", () => {
  /** Two boxes of one network, and what the first has in its directory. */
  function pair() {
    const founder = openBox(scratch()).memberships.found("Harbour");
    const link = inviteBy(founder);
    const member = openBox(scratch()).memberships.join(link).membership;
    const directory = directoryAt(
      { nowMs: 0 },
      {
        self: peerIdOf(founder.publicKey),
        check: (chain, publicKey) => founder.check(chain, publicKey),
        isStillMember: (publicKey) => founder.isStillMember(publicKey),
      },
    );
    const describes = (membership: Membership, sequence: number, chain = membership.chain()) =>
      recordOf(signingKey(membership.seed), sequence, { chain });
    return { founder, member, directory, describes };
  }

  test("of a member is taken, with its role; of another network's member it is not", () => {
    const { member, directory, describes } = pair();
    expect(directory.accept(describes(member, 1))?.member.role).toBe("box");
    const stranger = openBox(scratch()).memberships.found("Elsewhere");
    expect(() => directory.accept(describes(stranger, 1))).toThrow(CertificateError);
    expect(() => directory.accept(describes(stranger, 1, encodeChain(founderChain)))).toThrow(
      CertificateError,
    );
    expect(directory.size).toBe(1);
  });

  test("with somebody else's certificates is refused", () => {
    const { founder, member, directory, describes } = pair();
    const chain = founder.chain();
    expect(() => directory.accept(describes(member, 1, chain))).toThrow(CertificateError);
  });

  test("of one who was put out is forgotten, and a newer one of its is refused", () => {
    const { founder, member, directory, describes } = pair();
    directory.accept(describes(member, 1));
    founder.revoke(member.publicKey, "out");
    expect(() => directory.accept(describes(member, 2))).toThrow("revoked");
    expect(directory.sweep(() => true)).toEqual([peerIdOf(member.publicKey)]);
    expect(directory.size).toBe(0);
  });
});
