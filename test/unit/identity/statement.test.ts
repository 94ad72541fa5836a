import { describe, expect, test } from "bun:test";
import { encode } from "cborg";
import fc from "fast-check";
import { type Chain, encodeChain, issueCertificate } from "../../../src/identity/certificate.ts";
import {
  type Fact,
  MAX_STATEMENT_BYTES,
  openStatement,
  type Signer,
  StatementError,
  signStatement,
} from "../../../src/identity/statement.ts";
import {
  claims,
  fixedKey,
  founder,
  founderChain,
  inviteKey,
  member,
  memberChain,
  NOW_S,
  network,
} from "./fixed-network.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const byNetwork: Signer = { key: network, chain: new Uint8Array(0) };
const byFounder: Signer = { key: founder, chain: encodeChain(founderChain) };
const operator = fixedKey(5);
const operatorChain: Chain = [
  issueCertificate(founder, claims(operator.publicKey, { role: "operator", expiresAt: NOW_S + 60 })),
  ...founderChain,
];
const byOperator: Signer = { key: operator, chain: encodeChain(operatorChain) };

const revocation: Fact = { what: "revocation", key: member.publicKey, kind: "out", why: "stolen" };
const closing: Fact = { what: "revocation", key: inviteKey.publicKey, kind: "no-more", why: "" };
const admission: Fact = { what: "admission", invite: inviteKey.publicKey, certificate: memberChain()[0] };
const sharedKey: Fact = { what: "shared-key", epoch: 2, key: new Uint8Array(32).fill(6) };

const said = (fact: Fact, signer: Signer, issuedAt = NOW_S) =>
  signStatement(network.publicKey, fact, issuedAt, signer);
const opened = (bytes: Uint8Array) => openStatement(bytes, network.publicKey);

describe("a statement", () => {
  test("has bytes that must not change", () => {
    expect(hex(said(revocation, byNetwork))).toBe(
      "87011a6ab13b805820ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c006673746f6c656e40584019cdb023d5c47c570c10407dc88f715d1c43df9748794803d81c194972b04cef7a199ac209b33b7058b879279b73cdae1e6ed4f5ea55523156027cff4aab050c",
    );
    expect(hex(said(sharedKey, byNetwork))).toBe(
      "86031a6ab13b800258200606060606060606060606060606060606060606060606060606060606060606405840f0d961da61600881795b555fefa7c51bc7c4af77874466d6b0b0fe95c093ab1c26514a4fcf50603822db244241f99704ac796c069a1f38e07fde5c580efe8202",
    );
    expect(hex(said(closing, byOperator))).toBe(
      "87011a6ab13b805820ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1016059010c840158208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c8958206e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf102600000401a6ab13b801a6ab13bbc58405d297700530aff87b7556c0f1024fc1ebefd76f18fd7af4a6e1fdd9d01bd74d12fb86c2ab0ae435781893eb1071aca0c73b6204f8d5e783c940e79a9c3e0e60e8958208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3940064717561790f00401a6ab13b800058402113e26adc322de606de713a8d168291dff8c1d411d9807183e1c2ab64a76d3924490a3ad09f6cf3d23fd96cf7a3d3ea434917f3177dfa27594b504c1c35080c584045d7613af97a4a4ad3fbf41b6921e7c802e71c9f93f8b68ce44eda1f7e5378304a8a554d7dc68553915679a8a07fca5d690252764777a65c03363f323c19a309",
    );
    expect(hex(said(admission, byFounder))).toBe(
      "86021a6ab13b805820ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1895820ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c00664dc3bc686c650000401a6ab13b801a6ab14990584035aa4569e2bca3fae14c5ccbbbf6b06028e230c39a5de6218063df3f2fe2202c95bb42aeb616fbc5b98323da0357567ec50283fc3889e93b31aadb2c3df92e0c5898830158208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c8958208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3940064717561790f00401a6ab13b800058402113e26adc322de606de713a8d168291dff8c1d411d9807183e1c2ab64a76d3924490a3ad09f6cf3d23fd96cf7a3d3ea434917f3177dfa27594b504c1c35080c5840df59e662ac3ce54dd599c7efc334bbc7f30ce11ab65ccbbe02f35ff5ca42af5bfb42fe4ba0b162b163c6e9c556aa8d7ece0302a51fb319644c8006bc2a197c0f",
    );
  });

  test.each<[string, Fact, Signer]>([
    ["a revocation by the network's key", revocation, byNetwork],
    ["the closing of an invite by an operator", closing, byOperator],
    ["an admission by a box", admission, byFounder],
    ["a shared key by an operator", sharedKey, byOperator],
  ])("is read as it was said: %s", (_, fact, signer) => {
    const bytes = said(fact, signer);
    expect<object>(opened(bytes)).toMatchObject({ ...fact, issuedAt: NOW_S, signer: signer.key.publicKey });
  });

  test.each<[string, Fact, Signer, string]>([
    ["a revocation by a box that is no operator", revocation, byFounder, "a box may not say that"],
    ["a shared key by a box that is no operator", sharedKey, byFounder, "a box may not say that"],
    [
      "an operator's whose certificate had ended",
      revocation,
      {
        key: operator,
        chain: encodeChain([
          issueCertificate(founder, claims(operator.publicKey, { role: "operator", expiresAt: NOW_S })),
          ...founderChain,
        ]),
      },
      "had expired",
    ],
    [
      "one in an operator's name by somebody else",
      revocation,
      { key: member, chain: byOperator.chain },
      "is not its signer's",
    ],
    [
      "one in the network's name by somebody else",
      revocation,
      { key: founder, chain: new Uint8Array(0) },
      "is not its signer's",
    ],
    [
      "a box's admission by the invite that it came by itself",
      admission,
      { key: member, chain: encodeChain(memberChain()) },
      "is the one that its signer came by",
    ],
    [
      "the admission of somebody whom the invite has not signed for",
      { ...admission, certificate: { ...memberChain()[0], subject: fixedKey(9).publicKey } },
      byFounder,
      "is not the invite's",
    ],
    [
      "the revocation of the network's key",
      { ...revocation, key: network.publicKey },
      byNetwork,
      "which nobody can revoke",
    ],
    ["a key that is none", { ...revocation, key: new Uint8Array(31) }, byNetwork, "statement.key: 31 bytes"],
    [
      "words that are too long",
      { ...revocation, why: "x".repeat(121) },
      byNetwork,
      "statement.why: 121 characters",
    ],
    ["words that draw on the screen", { ...revocation, why: "\u001b[2J" }, byNetwork, "statement.why"],
    ["an epoch beyond all", { ...sharedKey, epoch: 2 ** 32 + 1 }, byNetwork, "statement.epoch"],
  ])("is refused: %s", (_, fact, signer, why) => {
    expect(() => opened(said(fact, signer))).toThrow(StatementError);
    expect(() => opened(said(fact, signer))).toThrow(why);
  });

  test("cannot be carried into another network", () => {
    expect(() => openStatement(said(revocation, byNetwork), fixedKey(9).publicKey)).toThrow(StatementError);
    expect(() => openStatement(said(admission, byFounder), fixedKey(9).publicKey)).toThrow(StatementError);
  });

  test("is refused when any of its bits is another one, and cut short", () => {
    for (const bytes of [
      said(revocation, byNetwork),
      said(admission, byFounder),
      said(sharedKey, byOperator),
    ]) {
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
          const changed = Uint8Array.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          expect(() => opened(changed)).toThrow(StatementError);
        }),
        { numRuns: 300 },
      );
      for (let length = 0; length < bytes.length; length += 1) {
        expect(() => opened(bytes.subarray(0, length))).toThrow(StatementError);
      }
      expect(() => opened(Buffer.concat([bytes, new Uint8Array(1)]))).toThrow(StatementError);
    }
  });

  test("of garbage throws its own error", () => {
    const field = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      fc.nat(),
      fc.string(),
      fc.constant(null),
      fc.constant([]),
      fc.double(),
    );
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: MAX_STATEMENT_BYTES + 10 }),
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.array(field, { maxLength: 8 }))
        .map(([kind, rest]) => encode([kind, ...rest])),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(() => opened(bytes)).toThrow(StatementError);
      }),
      { numRuns: 500 },
    );
  });

  test("fits into its bytes with the longest of chains", () => {
    const name = "😀".repeat(60);
    const grants = ["box", "operator"] as const;
    const chain: Chain = [
      issueCertificate(fixedKey(13), claims(fixedKey(14).publicKey, { name, grants })),
      issueCertificate(fixedKey(12), claims(fixedKey(13).publicKey, { name, grants })),
      issueCertificate(fixedKey(11), claims(fixedKey(12).publicKey, { name, grants })),
      issueCertificate(network, claims(fixedKey(11).publicKey, { name, grants })),
    ];
    const certificate = issueCertificate(inviteKey, claims(member.publicKey, { name }));
    const bytes = said(
      { what: "admission", invite: inviteKey.publicKey, certificate },
      { key: fixedKey(14), chain: encodeChain(chain) },
    );
    expect(opened(bytes).what).toBe("admission");
    expect(bytes.length).toBeLessThanOrEqual(MAX_STATEMENT_BYTES);
  });
});
