import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  countsByClass,
  parseClasses,
  parseCounters,
  parseMtus,
  parseRoot,
  parseRootLinks,
} from "../../../../src/mesh/traffic/standing-queues.ts";

/** `tc -s class show` of iproute2 6.1, cut. */
const CLASSES = `class htb 1:206 parent 1:1 leaf 206: prio 0 rate 190Kbit ceil 1900Kbit burst 12112b cburst 3028b
 Sent 72600 bytes 300 pkt (dropped 2, overlimits 7 requeues 0)
 backlog 4Kb 3p requeues 0
 lended: 300 borrowed: 0 giants: 0
 tokens: 7968421 ctokens: 199211

class htb 1:1 root rate 1900Kbit ceil 1900Kbit burst 3028b cburst 3028b
 Sent 9999 bytes 99 pkt (dropped 0, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0

class htb 1:209 parent 1:300 leaf 209: prio 2 rate 1Kbit ceil 1900Kbit burst 3028b cburst 3028b
 Sent 100 bytes 1 pkt (dropped 0, overlimits 0 requeues 0)
 backlog 0b 0p requeues 0

class htb 1:11 parent 1:300 leaf 11: prio 2 rate 1Kbit ceil 1900Kbit burst 3028b cburst 3028b
 Sent 2000 bytes 2 pkt (dropped 5, overlimits 0 requeues 0)
 backlog 1514b 1p requeues 0

class tbf 206:1 parent 206:
`;

describe("What tc tells", () => {
  test("is read class by class, and HTB's alone", () => {
    const classes = parseClasses(CLASSES);
    expect([...classes.keys()]).toEqual(["1:206", "1:1", "1:209", "1:11"]);
    expect(classes.get("1:206")).toEqual({ bytes: 72_600, packets: 300, dropped: 2, backlog: 4_096 });
  });

  test("is summed by traffic class, guests with all of their own", () => {
    const counts = countsByClass(parseClasses(CLASSES), ["1:11", "1:12"]);
    expect(counts.guests).toEqual({ bytes: 2_100, packets: 3, dropped: 5, backlog: 1_514 });
    expect(counts.bulk).toBeUndefined();
  });

  test("names the root, and says which one the kernel chose by itself", () => {
    const own =
      '[{"kind":"htb","handle":"1:","root":true,"options":{}},{"kind":"tbf","handle":"206:","parent":"1:206"}]';
    expect(parseRoot(own)).toEqual({ kind: "htb", handle: "1:" });
    expect(parseRoot('[{"kind":"noqueue","handle":"0:","root":true}]')?.handle).toBe("0:");
    expect(parseRoot("[]")).toBeUndefined();
  });

  test("is nothing, and no error, whatever else it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseRoot(text)).toBeUndefined();
        expect(parseMtus(text).size).toBe(0);
        expect(parseClasses(text).size).toBe(0);
        expect(parseCounters(text).control).toBe(0);
      }),
    );
  });
});

test("nft's counters are found by class", () => {
  const json = '{"nftables":[{"metainfo":{}},{"counter":{"name":"vm","packets":2,"bytes":300}}]}';
  expect(parseCounters(json)).toEqual({ control: 0, messages: 0, services: 0, guests: 0, vm: 300, bulk: 0 });
});

test("the links that have a root of somebody's are told from those that have the kernel's own", () => {
  const shown = [
    { dev: "eth0", kind: "htb", handle: "1:", root: true },
    { dev: "eth0", kind: "tbf", handle: "206:", parent: "1:206" },
    { dev: "eth1", kind: "mq", handle: "0:", root: true },
    { dev: "eth2", kind: "fq_codel", handle: "2:", root: true },
  ];
  expect(parseRootLinks(JSON.stringify(shown))).toEqual(["eth0", "eth2"]);
});
