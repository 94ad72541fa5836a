import { describe, expect, test } from "bun:test";
import { encode } from "cborg";
import fc from "fast-check";
import {
  CertificateError,
  type Chain,
  type Claims,
  decodeChain,
  encodeChain,
  issueCertificate,
} from "../../../src/identity/certificate.ts";
import { earlierExpiry, openChain, verifyChain } from "../../../src/identity/chain-check.ts";
import { MAX_CHAIN_BYTES, ROLES } from "../../../src/identity/index.ts";
import {
  claims,
  fixedKey,
  founder,
  founderChain,
  invite,
  inviteKey,
  member,
  memberChain,
  NOW_S,
  network,
} from "./fixed-network.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const verified = (chain: Chain) => openChain(encodeChain(chain), network.publicKey);

describe("a chain of certificates", () => {
  test("has bytes that must not change: a member's, by an invite, by the founder's box", () => {
    expect(hex(encodeChain(memberChain()))).toBe(
      "850158208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c895820ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c00664dc3bc686c650000401a6ab13b801a6ab14990584035aa4569e2bca3fae14c5ccbbbf6b06028e230c39a5de6218063df3f2fe2202c95bb42aeb616fbc5b98323da0357567ec50283fc3889e93b31aadb2c3df92e0c895820ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d110600001401a6ab13b801a6ab1499058408e9c3a37f3147d4d24a91bd6575c93bea7f8553593c2e9554afa00ddd0f4dff3a76f4ae4665c314408b7274398ec443fcde1ad79fa55bb065f4a5549043184098958208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3940064717561790f00401a6ab13b800058402113e26adc322de606de713a8d168291dff8c1d411d9807183e1c2ab64a76d3924490a3ad09f6cf3d23fd96cf7a3d3ea434917f3177dfa27594b504c1c35080c",
    );
  });

  test("is read as it was written", () => {
    const subject = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const time = fc.nat(2 ** 33);
    const roles = fc
      .uniqueArray(fc.constantFrom(...ROLES))
      .map((set) => ROLES.filter((role) => set.includes(role)));
    const anyClaims: fc.Arbitrary<Claims> = fc
      .record({
        subject,
        name: fc
          .string({ unit: fc.constantFrom(..."aZ 9ß漢😀"), maxLength: 60 })
          .filter((name) => [...name].length <= 60),
        grants: roles,
        issuedAt: time,
        expiresAt: time,
        kind: fc.oneof(
          fc.record({ role: fc.constantFrom(...ROLES), uses: fc.constant<0>(0) }),
          fc.record({ role: fc.constantFrom(...ROLES), uses: fc.constantFrom<0 | 1>(0, 1), via: subject }),
          fc.record({
            role: fc.constant<"invite">("invite"),
            admits: fc.constantFrom(...ROLES),
            uses: fc.constantFrom<0 | 1>(0, 1),
          }),
        ),
      })
      .map(({ kind, ...rest }) => ({ network: network.publicKey, ...rest, ...kind }));
    fc.assert(
      fc.property(fc.array(anyClaims, { minLength: 1, maxLength: 4 }), (all) => {
        // The form alone: a decoder doesn't ask who may say what.
        const chain: ReturnType<typeof issueCertificate>[] = [];
        for (const one of all) {
          const issued = issueCertificate(network, one);
          chain.unshift({ ...issued, issuer: chain[0]?.subject ?? network.publicKey });
        }
        const [leaf, ...others] = chain;
        if (leaf === undefined) throw new Error("empty");
        const read: unknown = decodeChain(encodeChain([leaf, ...others]));
        expect(read).toEqual([leaf, ...others]);
      }),
      { numRuns: 60 },
    );
  });

  test("fits into its bytes with four of the longest names", () => {
    const name = "😀".repeat(60);
    const all = { name, grants: [...ROLES] };
    const chain: Chain = [
      issueCertificate(
        fixedKey(13),
        claims(fixedKey(14).publicKey, { ...all, expiresAt: 2 ** 39, via: member.publicKey, uses: 1 }),
      ),
      issueCertificate(fixedKey(12), claims(fixedKey(13).publicKey, { ...all, expiresAt: 2 ** 39 })),
      issueCertificate(fixedKey(11), claims(fixedKey(12).publicKey, all)),
      issueCertificate(network, claims(fixedKey(11).publicKey, all)),
    ];
    expect(encodeChain(chain).length).toBeLessThanOrEqual(MAX_CHAIN_BYTES);
    expect(verified(chain)).toHaveLength(4);
  });

  test("holds from the member down to the network's key", () => {
    expect(verified(memberChain())[0]).toMatchObject({ role: "box", name: "Mühle", grants: [] });
    expect(verified(founderChain)).toHaveLength(1);
  });

  test("doesn't mind that it was issued in the future: clocks are wrong", () => {
    expect(verified(memberChain({ issuedAt: 2 ** 39 }))).toHaveLength(3);
  });

  test.each<[string, Chain, string]>([
    ["a role that the invite is not for", memberChain({ role: "operator" }), "chain.0.role"],
    ["grants that the invite has not", memberChain({ grants: ["box"] }), "chain.0.grants"],
    ["no end where the invite has one", memberChain({ expiresAt: 0 }), "chain.0.expiresAt"],
    ["an end after the invite's", memberChain({ expiresAt: NOW_S + 3_601 }), "chain.0.expiresAt"],
    [
      "a role that its issuer may not give",
      [
        issueCertificate(member, claims(fixedKey(9).publicKey, { role: "person", expiresAt: NOW_S })),
        ...memberChain(),
      ],
      "chain.0.role",
    ],
    [
      "an invite to a role that its issuer may not give",
      [
        issueCertificate(
          member,
          claims(fixedKey(9).publicKey, { role: "invite", admits: "box", expiresAt: NOW_S }),
        ),
        ...memberChain(),
      ],
      "chain.0.role",
    ],
    [
      "an invite that was made by an invite",
      [
        issueCertificate(
          inviteKey,
          claims(fixedKey(9).publicKey, { role: "invite", admits: "box", expiresAt: NOW_S }),
        ),
        ...invite({ grants: ["box"] }),
      ],
      "chain.0.role",
    ],
    [
      "the same key twice",
      [issueCertificate(founder, claims(founder.publicKey)), ...founderChain],
      "is twice in the chain",
    ],
    [
      "the network's own key in it",
      [issueCertificate(network, claims(network.publicKey))],
      "chain.0.subject",
    ],
    ["no end at the network's key", [issueCertificate(founder, claims(member.publicKey))], "chain.0.issuer"],
  ])("is refused with %s", (_, chain, field) => {
    expect(() => verifyChain(chain)).toThrow(field);
  });

  test("is refused when any of its bits is another one", () => {
    const bytes = encodeChain(memberChain());
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(() => openChain(changed, network.publicKey)).toThrow(CertificateError);
      }),
      { numRuns: 400 },
    );
  });

  test("is refused cut short, with bytes behind it, or of another network", () => {
    const bytes = encodeChain(memberChain());
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeChain(bytes.subarray(0, length))).toThrow(CertificateError);
    }
    expect(() => decodeChain(Buffer.concat([bytes, new Uint8Array(1)]))).toThrow(CertificateError);
    expect(() => openChain(bytes, fixedKey(9).publicKey)).toThrow("is of another network");
  });

  test("has one encoding: longer numbers, floats, indefinite lengths and maps are refused", () => {
    const rest = encodeChain(founderChain).subarray(2);
    const head = (...bytes: number[]) => Buffer.concat([Uint8Array.from(bytes), rest]);
    expect(decodeChain(head(0x83, 0x01))).toHaveLength(1);
    for (const bytes of [
      head(0x83, 0x18, 0x01),
      head(0x83, 0xf9, 0x3c, 0x00),
      head(0x98, 0x03, 0x01),
      Buffer.concat([head(0x9f, 0x01), Uint8Array.of(0xff)]),
      Uint8Array.of(0xa2, 0x01, 0x01, 0x01, 0x02),
      Uint8Array.of(0x81, 0xf6),
      Uint8Array.of(0x9b, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff),
    ]) {
      expect(() => decodeChain(bytes)).toThrow(CertificateError);
    }
  });

  test("of more than four is refused", () => {
    const one = founderChain[0];
    const list = [one.subject, 0, "", 0, 0, new Uint8Array(0), 1, 0, one.signature];
    expect(() => decodeChain(encode([1, network.publicKey, list, list, list, list, list]))).toThrow(
      "has 5 certificates",
    );
    expect(() => decodeChain(encode([1, network.publicKey]))).toThrow("has 0 certificates");
  });

  test.each<[string, Partial<Claims>]>([
    ["name", { name: "x".repeat(61) }],
    ["name", { name: "red\u001b[31m" }],
    ["name", { name: "\u202etxet" }],
    ["name", { name: "\ud800" }],
    ["uses", { uses: 1 }],
    ["admits", { admits: "box" }],
    ["via", { role: "invite", admits: "box", via: new Uint8Array(32) }],
    ["expiresAt", { expiresAt: -1 }],
    ["subject", { subject: new Uint8Array(31) }],
  ])("is not made with a %s that no certificate may have", (field, rest) => {
    expect(() => issueCertificate(network, claims(member.publicKey, rest))).toThrow(`certificate.${field}`);
  });

  test("of garbage throws its own error, and in no time", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 3_000 }),
      fc
        .array(fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.nat(), fc.string(), fc.constant(null)), {
          maxLength: 10,
        })
        .map((fields) => encode([1, network.publicKey, fields])),
      fc.nat(4_000).map((depth) => new Uint8Array(depth).fill(0x81)),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(() => openChain(bytes, network.publicKey)).toThrow(CertificateError);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the earlier of two ends", () => {
  test.each([
    [0, 0, 0],
    [0, 5, 5],
    [5, 0, 5],
    [4, 5, 4],
  ])("of %p and %p is %p: 0 is never", (a, b, earlier) => {
    expect(earlierExpiry(a, b)).toBe(earlier);
  });
});
