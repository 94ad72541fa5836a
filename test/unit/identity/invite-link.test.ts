import { describe, expect, test } from "bun:test";
import { decode, encode } from "cborg";
import fc from "fast-check";
import { encodeChain, issueCertificate } from "../../../src/identity/certificate.ts";
import {
  type BootstrapPeer,
  decodeInviteLink,
  INVITE_PREFIX,
  InviteError,
} from "../../../src/identity/index.ts";
import { encodeInviteLink, MAX_LINK_CHARS } from "../../../src/identity/invite-link.ts";
import {
  claims,
  fixedKey,
  founder,
  founderChain,
  invite,
  inviteKey,
  NOW_S,
  network,
} from "./fixed-network.ts";

const peers: BootstrapPeer[] = [
  {
    publicKey: fixedKey(21).publicKey,
    addresses: ["/ip4/203.0.113.7/tcp/4001", "/ip6/2001:db8::7/tcp/4001", "/dns4/box.example/tcp/443/ws"],
  },
  {
    publicKey: fixedKey(22).publicKey,
    addresses: ["/ip4/198.51.100.9/tcp/4001", "/ip4/192.168.7.1/tcp/4001"],
  },
];
const parts = {
  networkName: "Harbour",
  sharedKey: { epoch: 3, key: new Uint8Array(32).fill(6) },
  key: inviteKey,
  chain: invite(),
  peers,
};
const link = encodeInviteLink(parts, founder);
const signature = linkFields(link)[4];

function linkFields(text: string): unknown[] {
  const fields: unknown = decode(Buffer.from(text.slice(INVITE_PREFIX.length), "base64url"));
  return Array.isArray(fields) ? fields : [];
}

/** A link with other fields, for what the encoder would not make. */
const forged = (change: Record<number, unknown>) => {
  const { epoch, key } = parts.sharedKey;
  const fields: unknown[] = [2, "Harbour", epoch, key, signature, inviteKey.seed, encodeChain(invite()), []];
  for (const [index, value] of Object.entries(change)) fields[Number(index)] = value;
  return `${INVITE_PREFIX}${Buffer.from(encode(fields)).toString("base64url")}`;
};

describe("an invite link", () => {
  test("is read as it was written, with white space around it", () => {
    expect(decodeInviteLink(`\n  ${link} `)).toMatchObject({
      networkKey: network.publicKey,
      networkName: "Harbour",
      role: "box",
      grants: [],
      uses: 1,
      expiresAt: NOW_S + 3_600,
      sharedKey: parts.sharedKey,
      chain: parts.chain,
      peers,
    });
    expect(decodeInviteLink(link).key.seed).toEqual(inviteKey.seed);
  });

  test("with two boxes in it fits into a QR code that a cracked screen can show", () => {
    const byNetworkKey = encodeInviteLink({ ...parts, chain: shortChain() }, network);
    console.log(
      `invite with 2 boxes: ${link.length} characters, ${byNetworkKey.length} by the founder's own box`,
    );
    expect(link.length).toBeLessThan(900);
    expect(byNetworkKey.length).toBeLessThan(750);
  });

  test.each<[string, string, string]>([
    ["another scheme", "https://box.example/", `link: does not begin with ${INVITE_PREFIX}`],
    ["a letter that is none of base64url", link.replace(/.$/, "!"), "link: is cut short or mistyped"],
    ["its end cut off", link.slice(0, -40), "link: "],
    ["more than a link has", `${INVITE_PREFIX}${"A".repeat(MAX_LINK_CHARS)}`, "link: 5016 characters"],
    ["a version of the future", forged({ 0: 3 }), "link.version: is another"],
    ["a name that is too long", forged({ 1: "x".repeat(61) }), "link.networkName: 61 characters"],
    ["a shared key that is none", forged({ 3: new Uint8Array(31) }), "link.sharedKey: 31 bytes"],
    [
      "another shared key",
      forged({ 3: new Uint8Array(32) }),
      "link.sharedKey: is not what the invite's issuer",
    ],
    ["another epoch", forged({ 2: 2 ** 32 }), "link.sharedKey: is not what the invite's issuer"],
    ["another invite's key", forged({ 5: new Uint8Array(32) }), "link.inviteKey: is not the invite's"],
    ["a chain that is a member's", forged({ 6: encodeChain(founderChain) }), "link.chain: is no invite's"],
    ["a chain that is none", forged({ 6: new Uint8Array(9) }), "link.chain: "],
    ["nine boxes", forged({ 7: Array(9).fill([new Uint8Array(32), []]) }), "link.peers: 9 elements"],
    ["a box's key that is none", forged({ 7: [[new Uint8Array(3), []]] }), "link.peers.0.publicKey: 3 bytes"],
    [
      "an address that is none",
      forged({ 7: [[new Uint8Array(32), [Uint8Array.of(4, 1, 2)]]] }),
      "link.peers.0.addresses.0: ",
    ],
    ["a field too many", forged({ 8: 1 }), "link: has 1 elements too many"],
  ])("is refused with %s, by name", (_, text, why) => {
    expect(() => decodeInviteLink(text)).toThrow(InviteError);
    expect(() => decodeInviteLink(text)).toThrow(why);
  });

  test("cannot be given another shared key by whoever has the link, and so the invite's key", () => {
    const other = { ...parts, sharedKey: { epoch: 2 ** 32, key: new Uint8Array(32) } };
    expect(() => encodeInviteLink(other, inviteKey)).toThrow("is not what the invite's issuer has signed");
  });

  test("of which a letter was mistyped is never taken for another invite", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const genuine = decodeInviteLink(link);
    fc.assert(
      fc.property(
        fc.integer({ min: INVITE_PREFIX.length, max: link.length - 1 }),
        fc.constantFrom(...alphabet),
        (at, letter) => {
          const typed = link.slice(0, at) + letter + link.slice(at + 1);
          try {
            const read = decodeInviteLink(typed);
            // What nobody has signed (names, boxes) may be read otherwise, never who invites to what.
            expect([read.chain, read.sharedKey]).toEqual([genuine.chain, genuine.sharedKey]);
          } catch (error) {
            expect(error).toBeInstanceOf(InviteError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of garbage throws its own error", () => {
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(),
      fc.string(),
      fc.constant([[]]),
      fc.constant(null),
    );
    const anything = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc
        .uint8Array({ maxLength: 3_000 })
        .map((bytes) => INVITE_PREFIX + Buffer.from(bytes).toString("base64url")),
      fc.tuple(fc.integer({ min: 0, max: 7 }), value).map(([index, odd]) => forged({ [index]: odd })),
      fc
        .array(fc.uint8Array({ maxLength: 130 }), { minLength: 1, maxLength: 9 })
        .map((addresses) => forged({ 7: [[new Uint8Array(32), addresses]] })),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          decodeInviteLink(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InviteError);
        }
      }),
      { numRuns: 600 },
    );
  });
});

function shortChain() {
  return [
    issueCertificate(
      network,
      claims(inviteKey.publicKey, { role: "invite", admits: "box", uses: 1, expiresAt: NOW_S }),
    ),
  ] as const;
}
