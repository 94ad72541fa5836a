import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseEstablishedPeers, parsePeerEvent } from "../../../../src/wifi/batman/peer-events.ts";

const PEER = "02:00:00:00:01:00";

test("a peer that the kernel removes is read from iw's line, with its radio", () => {
  expect(parsePeerEvent(`mesh0: del station ${PEER}`)).toEqual({
    interface: "mesh0",
    peer: PEER,
    what: "gone",
  });
});

test("a line with the radio's number says the same", () => {
  expect(parsePeerEvent(`mesh0 (phy #12): new station ${PEER}`)).toEqual({
    interface: "mesh0",
    peer: PEER,
    what: "new",
  });
});

test("other lines tell of no peer", () => {
  for (const line of [
    `mesh0 (phy #0): new peer candidate ${PEER} -20 dBm`,
    "mesh0 (phy #0): mgmt TX status (cookie 15): acked",
    "phy #0: regulatory domain change: set to US by a user request",
    `mesh0: del station ${PEER} and more`,
    "",
  ])
    expect(parsePeerEvent(line)).toBeUndefined();
});

/** What iw 5.19 prints, shortened. */
const DUMP = `Station ${PEER} (on mesh0)
	inactive time:	32 ms
	rx bytes:	120934
	mesh llid:	0
	mesh plink:	ESTAB
	mesh airtime link metric: 171
	authorized:	yes
Station 02:00:00:00:02:00 (on mesh0)
	inactive time:	8 ms
	mesh plink:	LISTEN
	authorized:	no
`;

test("only peers whose link stands are peers", () => {
  expect(parseEstablishedPeers(DUMP)).toEqual([PEER]);
});

test("no text makes the readers throw or call a peer what is no address", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(fc.string(), fc.constantFrom("Station ", PEER, "\n", "\tmesh plink:\tESTAB", "mesh0: ")),
      ),
      (parts) => {
        const text = parts.join("");
        for (const peer of parseEstablishedPeers(text)) expect(peer).toMatch(/^[0-9a-f:]{17}$/);
        parsePeerEvent(text);
      },
    ),
  );
});
