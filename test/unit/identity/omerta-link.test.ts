import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeOmertaLink, InviteError, OMERTA_PREFIX, whyNotOmerta } from "../../../src/identity/index.ts";

const genuine = {
  networkKey: Buffer.from(new Uint8Array(32)).toString("base64"),
  networkName: "Old town",
  bootstrapPeers: ["0123456789abcdef@203.0.113.7:4001", "fedcba9876543210@[2001:db8::7]:4001"],
  createdAt: "2026-06-01T12:00:00Z",
};
const linkOf = (value: unknown) => OMERTA_PREFIX + Buffer.from(JSON.stringify(value)).toString("base64");

describe("a link of the Omerta program", () => {
  test("is read: the network, its id, its boxes, its age", () => {
    expect(decodeOmertaLink(linkOf(genuine))).toEqual({
      kind: "omerta",
      networkName: "Old town",
      // The first 8 bytes of `head -c 32 /dev/zero | sha256sum`.
      networkId: "66687aadf862bd77",
      bootstrapPeers: [
        { peerId: "0123456789abcdef", host: "203.0.113.7", port: 4001 },
        { peerId: "fedcba9876543210", host: "2001:db8::7", port: 4001 },
      ],
      createdAt: new Date(Date.UTC(2026, 5, 1, 12)),
    });
  });

  test("is read without padding, and with fields that are not known here", () => {
    expect(decodeOmertaLink(linkOf({ ...genuine, version: 3 }).replace(/=+$/, "")).networkName).toBe(
      "Old town",
    );
  });

  test("is explained: why a box does not join by it, and what would help", () => {
    const text = whyNotOmerta(decodeOmertaLink(linkOf(genuine)));
    for (const words of ["“Old town”", "cannot join", "omerta://invite/"]) expect(text).toContain(words);
  });

  test("has no name that draws on a screen", () => {
    const { networkName } = decodeOmertaLink(linkOf({ ...genuine, networkName: "a\u001b[2J\u202eb" }));
    expect(networkName).toBe("a [2J b");
  });

  test.each<[string, string, string]>([
    ["another scheme", "omerta://invite/AAAA", `link: does not begin with ${OMERTA_PREFIX}`],
    ["letters that are none of base64", `${OMERTA_PREFIX}????`, "link: is cut short or mistyped"],
    ["no JSON", `${OMERTA_PREFIX}AAAA`, "link: has no JSON in it"],
    ["no name", linkOf({ ...genuine, networkName: undefined }), "link.networkName: "],
    [
      "a short key",
      linkOf({ ...genuine, networkKey: "AAAA" }),
      "link.networkKey: is not the base64 of 32 bytes",
    ],
    [
      "a box without a port",
      linkOf({ ...genuine, bootstrapPeers: ["0123456789abcdef@box.example"] }),
      "link.bootstrapPeers.0: ",
    ],
    [
      "a port beyond all",
      linkOf({ ...genuine, bootstrapPeers: ["0123456789abcdef@a:65536"] }),
      "link.bootstrapPeers.0: ",
    ],
    ["a day that is none", linkOf({ ...genuine, createdAt: "yesterday" }), "link.createdAt: "],
    ["more than a link has", OMERTA_PREFIX + "A".repeat(9_000), "link: 9014 characters"],
  ])("is refused with %s, by name", (_, text, why) => {
    expect(() => decodeOmertaLink(text)).toThrow(InviteError);
    expect(() => decodeOmertaLink(text)).toThrow(why);
  });

  test("of garbage throws its own error", () => {
    const odd = fc.record(
      {
        networkKey: fc.oneof(fc.base64String(), fc.constant(genuine.networkKey)),
        networkName: fc.oneof(fc.string(), fc.jsonValue()),
        bootstrapPeers: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
        createdAt: fc.oneof(fc.constant(genuine.createdAt), fc.string()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          odd.map(linkOf),
          fc.jsonValue().map(linkOf),
          fc.base64String().map((text) => OMERTA_PREFIX + text),
        ),
        (text) => {
          try {
            decodeOmertaLink(text);
          } catch (error) {
            expect(error).toBeInstanceOf(InviteError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
