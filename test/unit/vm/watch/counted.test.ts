import { expect, test } from "bun:test";
import fc from "fast-check";
import { CountedError, parseCounters, parseEvidence } from "../../../../src/vm/watch/counted.ts";

/** As nft 1.0.6 prints them. */
const COUNTERS = `{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
  {"counter": {"family": "inet", "name": "up", "table": "omerta_vm", "handle": 1, "packets": 3, "bytes": 252}},
  {"counter": {"family": "netdev", "name": "destination", "table": "omerta_vm", "handle": 9, "packets": 1, "bytes": 84}}]}`;
const SETS = `{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
  {"set": {"family": "netdev", "name": "jail", "table": "omerta_vm", "type": "iface_index", "handle": 3, "size": 4, "elem": ["lo"]}},
  {"set": {"family": "netdev", "name": "flows", "table": "omerta_vm", "type": ["mark", "ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"], "handle": 2, "size": 512, "flags": ["timeout"], "timeout": 600, "elem": [{"elem": {"val": {"concat": [7, "10.0.2.15", "192.0.2.1", "udp", 53]}, "expires": 599, "counter": {"packets": 2, "bytes": 168}}}]}}]}`;

test("counters are read by their names", () => {
  const { up, down, rogue, noise } = parseCounters(COUNTERS);
  expect(up).toEqual({ packets: 3, bytes: 252 });
  expect(down).toEqual({ packets: 0, bytes: 0 });
  expect(rogue.destination).toBe(1);
  expect(rogue.flood).toBe(0);
  expect(noise).toBe(0);
});

test("evidence is read from the sets that keep it, and from no other", () => {
  expect(parseEvidence(SETS)).toEqual([
    {
      offence: "destination",
      packets: 2,
      evidence: { proto: "udp", src: "10.0.2.15", dst: "192.0.2.1", port: 53 },
    },
  ]);
});

test("what is not as nft prints it is an error, and nothing else", () => {
  const parsers = [parseCounters, parseEvidence];
  const onlyItsOwn = (text: string) => {
    for (const parse of parsers) {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(CountedError);
      }
    }
  };
  fc.assert(fc.property(fc.string(), onlyItsOwn));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => onlyItsOwn(JSON.stringify({ nftables: [value, { set: value }] }))),
  );
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (elem) =>
      onlyItsOwn(
        JSON.stringify({
          nftables: [
            { set: { name: "flows", elem: elem.map((val) => ({ elem: { val, counter: { packets: 1 } } })) } },
          ],
        }),
      ),
    ),
  );
  expect(() => parseCounters("")).toThrow(CountedError);
});
