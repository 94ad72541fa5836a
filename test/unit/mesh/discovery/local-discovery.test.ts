import { describe, expect, test } from "bun:test";
import { createRequire } from "node:module";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import {
  ANNOUNCEMENT_TTL_S,
  decodeMdns,
  encodeInstance,
  encodeQuery,
  SERVICE,
} from "../../../../src/mesh/discovery/mdns-message.ts";
import { announcementKey, sealAnnouncement } from "../../../../src/mesh/discovery/sealed-announcement.ts";
import {
  ethernet,
  type Frame,
  network,
  peer,
  publicKey,
  sharedKey,
  VirtualLinks,
  virtualBox,
} from "./virtual-link.ts";

const dnsPacket = createRequire(import.meta.url)("dns-packet") as { encode(message: object): Buffer };

const world = () => {
  const time = new VirtualTime();
  return { time, links: new VirtualLinks(time) };
};
const HOUR = 3_600_000;
/** Bytes on the wire: Ethernet, IP and UDP headers too. */
const wireBytes = (frames: readonly Frame[]) =>
  frames.reduce((sum, { bytes, family }) => sum + bytes.length + 14 + 8 + (family === 4 ? 20 : 40), 0);
const instancesOf = (frames: readonly Frame[]) =>
  frames.flatMap(({ bytes, atMs, family }) => {
    const message = decodeMdns(bytes);
    return message?.kind === "answer" ? message.instances.map((entry) => ({ ...entry, atMs, family })) : [];
  });

describe("local discovery", () => {
  test("finds the boxes of its network on the link within half a second, link-local address first", () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    one.discovery.start();
    two.discovery.start();
    time.advance(500);
    expect(one.discovery.sightings("red")).toEqual([
      {
        peer: peer(2),
        addresses: [
          "/ip6zone/eth0/ip6/fe80::2/tcp/4000",
          "/ip4/192.0.2.2/tcp/4000",
          "/ip4/192.0.2.2/tcp/4001/ws",
        ],
        udpPort: 4002,
        interface: "eth0",
      },
    ]);
    expect(two.seen()).toEqual([peer(1)]);
    expect(one.events.length).toBe(1);
  });

  test("lets a box that comes late hear of the others at once, not at their next announcement", () => {
    const { time, links } = world();
    const early = [virtualBox(links, 1), virtualBox(links, 2), virtualBox(links, 3)];
    for (const { discovery } of early) discovery.start();
    time.advance(HOUR);
    const late = virtualBox(links, 4);
    late.discovery.start();
    time.advance(500);
    expect(new Set(late.seen())).toEqual(new Set([1, 2, 3].map(peer)));
    for (const box of early) expect(box.seen()).toContain(peer(4));
  });

  test("lets a box that comes late to forty others hear of some at once and of all soon, ten a second", () => {
    const { time, links } = world();
    const early = Array.from({ length: 40 }, (_, index) => virtualBox(links, index + 1));
    for (const { discovery } of early) discovery.start();
    time.advance(40_000);
    links.frames.length = 0;
    const late = virtualBox(links, 41);
    late.discovery.start();
    time.advance(1_000);
    const atOnce = late.seen().length;
    expect(atOnce).toBeGreaterThan(2);
    expect(atOnce).toBeLessThan(25);
    time.advance(8_000);
    expect(late.seen()).toHaveLength(40);
    // It asks three times within three seconds. What was to be announced by itself is among them.
    const answers = links.frames.filter(({ family, from }) => family === 4 && from !== "192.0.2.41");
    expect(answers.length).toBeLessThan(2.5 * 40);
  });

  test("works on a link without IPv4, and on one without IPv6", () => {
    for (const text of ["fe80::", "192.0.2."]) {
      const { time, links } = world();
      const [one, two] = [1, 2].map((number) =>
        virtualBox(links, number, { interfaces: [ethernet("eth0", [`${text}${number}/24`])] }),
      );
      one?.discovery.start();
      two?.discovery.start();
      time.advance(500);
      expect(one?.seen()).toEqual([peer(2)]);
    }
  });

  test("tells which interface each box is on, and nothing of a box that is on another link", () => {
    const { time, links } = world();
    const middle = virtualBox(links, 1, {
      interfaces: [
        ethernet("eth0", ["192.0.2.1/24", "fe80::1/64"]),
        ethernet("eth1", ["198.51.100.1/24", "fe80::1/64"], 3),
      ],
      cables: { eth0: "lan", eth1: "cable" },
    });
    const onLan = virtualBox(links, 2);
    const onCable = virtualBox(links, 3, {
      interfaces: [ethernet("eth0", ["198.51.100.3/24", "fe80::3/64"])],
      cables: { eth0: "cable" },
    });
    for (const { discovery } of [middle, onLan, onCable]) discovery.start();
    time.advance(2_000);
    const where = middle.discovery.sightings("red").map(({ peer: id, interface: name }) => `${name} ${id}`);
    expect(new Set(where)).toEqual(new Set([`eth0 ${peer(2)}`, `eth1 ${peer(3)}`]));
    expect([onLan.seen(), onCable.seen()]).toEqual([[peer(1)], [peer(1)]]);
    for (const { sighting } of [...onLan.events, ...onCable.events]) {
      expect(sighting.addresses.every((address) => !address.includes("eth1"))).toBe(true);
    }
  });

  test("costs an idle box about 10 kB an hour on each interface and in each network", () => {
    const { time, links } = world();
    const box = virtualBox(links, 1);
    box.discovery.start();
    time.advance(HOUR);
    links.frames.length = 0;
    time.advance(10 * HOUR);
    expect(wireBytes(links.frames) / 10).toBeLessThan(11_000);
    expect(wireBytes(links.frames) / 10).toBeGreaterThan(8_000);
  });

  test("says goodbye when it stops, and the others forget it at once", async () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    one.discovery.start();
    two.discovery.start();
    time.advance(1_000);
    await two.discovery.stop();
    expect(one.events.at(-1)).toMatchObject({ event: "gone", network: "red", sighting: { peer: peer(2) } });
    expect(one.seen()).toEqual([]);
    expect(instancesOf(links.frames).at(-1)?.ttlS).toBe(0);
    await one.discovery.stop();
    expect(time.waiting).toBe(0);
  });

  test("forgets a box that has been silent for eighteen minutes, and not one whose announcements come", () => {
    const { time, links } = world();
    const cables: Record<string, string> = { eth0: "lan" };
    const [one, two, three] = [virtualBox(links, 1), virtualBox(links, 2, { cables }), virtualBox(links, 3)];
    for (const { discovery } of [one, two, three]) discovery.start();
    time.advance(10_000);
    // Its cable is cut where nobody notices.
    two.interfaces.splice(0);
    two.discovery.refresh();
    time.advance(1_200_000);
    expect(one.seen()).toEqual([peer(3)]);
    expect(one.events.filter(({ event }) => event === "gone").map(({ sighting }) => sighting.peer)).toEqual([
      peer(2),
    ]);
  });

  test("forgets those on an interface that goes, and finds them again when it is back with another number", () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    one.discovery.start();
    two.discovery.start();
    time.advance(5_000);
    const [cable] = one.interfaces.splice(0);
    one.discovery.refresh();
    expect([one.seen(), one.events.at(-1)?.event]).toEqual([[], "gone"]);
    if (cable) one.interfaces.push({ ...cable, index: 9 });
    one.discovery.refresh();
    time.advance(1_500);
    expect(one.seen()).toEqual([peer(2)]);
  });

  test("tells another address or port at once, and a box that started anew as sighted again", async () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    one.discovery.start();
    two.discovery.start();
    time.advance(100_000);
    two.interfaces.splice(0, 1, ethernet("eth0", ["192.0.2.200/24", "fe80::2/64"]));
    two.discovery.refresh();
    time.advance(300);
    expect(one.events.at(-1)?.sighting.addresses).toContain("/ip4/192.0.2.200/tcp/4000");
    const before = one.events.length;
    two.interfaces.splice(0);
    two.discovery.refresh();
    const again = virtualBox(links, 2, {
      seed: 222,
      interfaces: [ethernet("eth0", ["192.0.2.200/24", "fe80::2/64"])],
    });
    again.discovery.start();
    time.advance(1_000);
    expect(one.events.slice(before).map(({ event }) => event)).toEqual(["sighted"]);
  });

  test("opens with any key that holds and seals with the newest", () => {
    const { time, links } = world();
    const oldKeys = [sharedKey(1)];
    const one = virtualBox(links, 1, { networks: [network("red", 1, oldKeys)] });
    const two = virtualBox(links, 2, { networks: [network("red", 2, [sharedKey(2), sharedKey(1)])] });
    const three = virtualBox(links, 3, { networks: [network("red", 3, [sharedKey(2)])] });
    for (const { discovery } of [one, two, three]) discovery.start();
    time.advance(2_000);
    // One has not heard of the new key yet; two hears both.
    expect(new Set(two.seen())).toEqual(new Set([peer(1), peer(3)]));
    expect(one.seen()).toEqual([]);
    expect(three.seen()).toEqual([peer(2)]);
    oldKeys.unshift(sharedKey(2));
    one.discovery.refresh();
    time.advance(2_000);
    expect(three.seen()).toContain(peer(1));
  });

  test("keeps networks apart: other names, other times, nothing in clear, and goodbye to the one that is left", () => {
    const { time, links } = world();
    const two = virtualBox(links, 1, {
      networks: [network("red", 1, [sharedKey(1)]), network("blue", 11, [sharedKey(2)], 5_000)],
    });
    const red = virtualBox(links, 2);
    const blue = virtualBox(links, 3, { networks: [network("blue", 3, [sharedKey(2)])] });
    for (const { discovery } of [two, red, blue]) discovery.start();
    time.advance(30 * 60_000);
    expect([red.seen("red"), blue.seen("blue")]).toEqual([[peer(1)], [peer(11)]]);
    expect([red.seen("blue"), blue.seen("red")]).toEqual([[], []]);
    const mine = instancesOf(links.frames.filter(({ from, family }) => family === 4 && from === "192.0.2.1"));
    const names = new Set(mine.map(({ instance }) => instance));
    expect(names.size).toBe(2);
    const [first = [], second = []] = [...names].map((name) =>
      mine.filter(({ instance }) => instance === name).map(({ atMs }) => atMs),
    );
    expect(first.filter((atMs) => second.includes(atMs))).toEqual([]);
    expect(
      new Set(links.frames.filter(({ bytes }) => bytes.length > 40).map(({ bytes }) => bytes.length)).size,
    ).toBe(1);
    for (const { bytes } of links.frames) {
      const text = Buffer.from(bytes).toString("latin1");
      for (const secret of [publicKey(1), publicKey(11), sharedKey(1), sharedKey(2)]) {
        expect(text).not.toContain(Buffer.from(secret).toString("latin1").slice(0, 8));
      }
    }
    two.networks.pop();
    two.discovery.refresh();
    time.advance(1_000);
    expect([blue.seen("blue"), red.seen("red")]).toEqual([[], [peer(1)]]);
  });

  test("changes its names every hour, without its neighbours losing it", () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    one.discovery.start();
    two.discovery.start();
    time.advance(5 * HOUR);
    const names = new Set(
      instancesOf(links.frames.filter(({ from }) => from === "192.0.2.1")).map(({ instance }) => instance),
    );
    expect(names.size).toBeGreaterThanOrEqual(4);
    expect(two.events.filter(({ event }) => event === "gone")).toEqual([]);
    expect(two.seen()).toEqual([peer(1)]);
  });

  test("does not see itself, nor another box that has its key by mistake", () => {
    const { time, links } = world();
    const [one, twin] = [
      virtualBox(links, 1),
      virtualBox(links, 2, { networks: [network("red", 1, [sharedKey(1)])] }),
    ];
    one.discovery.start();
    twin.discovery.start();
    time.advance(10_000);
    expect([one.events, twin.events]).toEqual([[], []]);
  });

  test("lets boxes on one machine find each other by loopback when it is told to", () => {
    const { time, links } = world();
    const lo = { ...ethernet("lo", ["127.0.0.1/8", "::1/128"], 1), kind: "loopback" as const };
    const boxes = [1, 2].map((number) =>
      virtualBox(links, number, {
        interfaces: [lo],
        loopback: true,
        networks: [network("red", number, [sharedKey(1)], number * 1_000)],
      }),
    );
    const quiet = virtualBox(links, 3, { interfaces: [lo] });
    for (const { discovery } of [...boxes, quiet]) discovery.start();
    time.advance(1_000);
    expect(boxes[0]?.discovery.sightings("red").map(({ addresses }) => addresses)).toEqual([
      ["/ip4/127.0.0.1/tcp/2000", "/ip4/127.0.0.1/tcp/2001/ws"],
    ]);
    expect(quiet.events).toEqual([]);
  });

  test("says nothing to the provider at a line's other end", () => {
    const { time, links } = world();
    const line = { ...ethernet("ppp0", ["100.64.0.9/32"]), isLine: true };
    virtualBox(links, 1, { interfaces: [line], cables: { ppp0: "provider" } }).discovery.start();
    time.advance(HOUR);
    expect(links.frames).toEqual([]);
  });

  test("tries again when the port cannot be had, until it can", () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    links.failure = new Error("address in use");
    one.discovery.start();
    time.advance(20_000);
    links.failure = undefined;
    two.discovery.start();
    time.advance(20_000);
    expect([one.seen(), two.seen()]).toEqual([[peer(2)], [peer(1)]]);
  });
});

describe("local discovery under attack", () => {
  const announcement = (
    number: number,
    addresses: string[],
    instance: string,
    isGoodbye = false,
    key = sharedKey(1),
  ) =>
    encodeInstance({
      instance,
      ttlS: 120,
      sealed: sealAnnouncement(
        { publicKey: publicKey(number), tcpPort: 4_000, wsPort: 4_001, udpPort: 4_002, addresses, isGoodbye },
        announcementKey(key),
        instance,
        new Uint8Array(24).fill(number),
      ),
    });

  test("reads what comes by IPv6 and IPv4 once, and by one of them as often as it comes", () => {
    const { time, links } = world();
    let read = 0;
    const box = virtualBox(links, 1, {
      decode: (datagram) => {
        read += 1;
        return decodeMdns(datagram);
      },
    });
    box.discovery.start();
    time.advance(10_000);
    const said = announcement(77, ["192.0.2.77"], "00000000000000cc", false, sharedKey(1));
    const hear = (family: 4 | 6) => {
      read = 0;
      links.inject("lan", family, family === 4 ? "192.0.2.77" : "fe80::77", said);
      return read;
    };
    expect([hear(4), hear(6), hear(6), hear(6), hear(4)]).toEqual([1, 0, 1, 1, 0]);
    expect(hear(4)).toBe(1);
    time.advance(1_500);
    expect(hear(6)).toBe(1);
    expect(box.seen()).toEqual([peer(77)]);
  });

  test("believes no announcement that was recorded on another link beyond addresses of its own, and no old goodbye", async () => {
    const { time, links } = world();
    const [one, two] = [virtualBox(links, 1), virtualBox(links, 2)];
    one.discovery.start();
    two.discovery.start();
    time.advance(1_000);
    const recorded = links.frames.filter(({ from }) => from === "192.0.2.2").map(({ bytes }) => bytes);
    await two.discovery.stop();
    const goodbye = links.frames.at(-1)?.bytes ?? new Uint8Array();
    // The same box again, under a new name; its old goodbye is played.
    virtualBox(links, 2, { seed: 222 }).discovery.start();
    time.advance(5_000);
    links.inject("lan", 4, "192.0.2.66", goodbye);
    expect(one.seen()).toEqual([peer(2)]);
    const far = virtualBox(links, 9, {
      interfaces: [ethernet("eth0", ["198.51.100.9/24"])],
      cables: { eth0: "elsewhere" },
    });
    far.discovery.start();
    time.advance(1_000);
    for (const bytes of recorded) links.inject("elsewhere", 4, "198.51.100.66", bytes);
    for (const { sighting } of far.events) {
      expect(sighting.addresses.every((address) => address.startsWith("/ip6zone/eth0/ip6/fe80::2/"))).toBe(
        true,
      );
    }
  });

  test("takes from a member that lies no address beyond the link, none of its own, and eight peers at a time", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(1_000);
    const lies = [
      "198.51.100.7",
      "8.8.8.8",
      "127.0.0.1",
      "192.0.2.1",
      "fe80::1",
      "224.0.0.1",
      "::1",
      "0.0.0.0",
    ];
    links.inject("lan", 4, "192.0.2.66", announcement(50, lies, "00000000000000aa"));
    expect(one.events).toEqual([]);
    for (let number = 60; number < 100; number += 1) {
      links.inject("lan", 4, "192.0.2.66", announcement(number, ["192.0.2.80"], "00000000000000bb"));
      time.advance(1_000);
    }
    expect(one.seen().length).toBe(8);
  });

  test("reads of one source twenty announcements at once and four a second, also of a member's", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(1_000);
    for (let count = 0; count < 1_000; count += 1) {
      const instance = count.toString(16).padStart(16, "0");
      links.inject("lan", 4, "192.0.2.66", announcement(5, ["192.0.2.5"], instance));
      time.advance(10);
    }
    expect(one.events.length).toBeLessThanOrEqual(20 + 40);
    expect(one.events.length).toBeGreaterThan(40);
  });

  test("reads no more of a flood than its limit, whatever the flood says, and nothing of other services", () => {
    const { time, links } = world();
    let read = 0;
    const one = virtualBox(links, 1, {
      decode: (datagram) => {
        read += 1;
        return decodeMdns(datagram);
      },
    });
    one.discovery.start();
    time.advance(HOUR);
    const unreadable = Buffer.concat([Buffer.alloc(12), Buffer.from("\x0b_omerta-box\xc0\xff", "latin1")]);
    const printer = dnsPacket.encode({
      type: "query",
      questions: [{ name: "_ipp._tcp.local", type: "PTR" }],
    });
    read = 0;
    for (let count = 0; count < 1_000; count += 1) {
      links.inject("lan", 4, "192.0.2.66", unreadable);
      links.inject("lan", 4, "192.0.2.67", printer);
    }
    expect(read).toBe(20);
  });

  test("a flood on one wire, from whatever number of senders, silences no other link", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1, {
      interfaces: [ethernet("eth0", ["192.0.2.1/24"]), ethernet("eth1", ["198.51.100.1/24"], 3)],
      cables: { eth0: "lan", eth1: "other" },
    });
    one.discovery.start();
    time.advance(HOUR);
    for (let count = 0; count < 1_000; count += 1) {
      links.inject("lan", 4, `192.0.2.${2 + (count % 250)}`, encodeQuery());
    }
    const here = announcement(5, ["198.51.100.5"], "00000000000000ab");
    links.inject("other", 4, "198.51.100.5", here);
    expect(one.seen()).toEqual([peer(5)]);
  });

  test("does not answer a question whose asker knows the box already", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(60_000);
    const name = instancesOf(links.frames).at(-1)?.instance;
    const answersTo = (question: Uint8Array) => {
      links.frames.length = 0;
      links.inject("lan", 4, "192.0.2.9", question);
      time.advance(2_000);
      return links.frames.length;
    };
    const known = dnsPacket.encode({
      type: "query",
      questions: [{ name: SERVICE, type: "PTR" }],
      answers: [{ name: SERVICE, type: "PTR", ttl: ANNOUNCEMENT_TTL_S, data: `${name}.${SERVICE}` }],
    });
    expect([answersTo(known), answersTo(encodeQuery())]).toEqual([0, 2]);
  });

  test("answers a flood of questions once a second", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(HOUR);
    links.frames.length = 0;
    for (let ms = 0; ms < 10_000; ms += 1) {
      links.inject("lan", 4, `192.0.2.${2 + (ms % 200)}`, encodeQuery());
      time.advance(1);
    }
    expect(links.frames.filter(({ family }) => family === 4).length).toBeLessThanOrEqual(12);
  });

  test("still finds a box while another source floods with what looks right", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(10_000);
    const junk = announcement(77, ["192.0.2.77"], "00000000000000cc", false, sharedKey(9));
    for (let ms = 0; ms < 3_000; ms += 1) {
      for (let count = 0; count < 5; count += 1) links.inject("lan", 4, "192.0.2.66", junk);
      if (ms === 1_000) virtualBox(links, 2).discovery.start();
      time.advance(1);
    }
    expect(one.seen()).toEqual([peer(2)]);
  });

  test("passes over questions and answers from other ports and from senders that are not on the link", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(HOUR);
    links.frames.length = 0;
    links.inject("lan", 4, "192.0.2.9", encodeQuery(), 40_000);
    links.inject("lan", 4, "203.0.113.9", encodeQuery());
    links.inject("lan", 6, "2001:db8::9", encodeQuery());
    links.inject("lan", 4, "203.0.113.9", announcement(5, ["192.0.2.5"], "00000000000000dd"));
    time.advance(2_000);
    expect([links.frames, one.events]).toEqual([[], []]);
    // The control.
    links.inject("lan", 4, "192.0.2.5", announcement(5, ["192.0.2.5"], "00000000000000dd"));
    expect(one.seen()).toEqual([peer(5)]);
  });

  test("survives any datagram, also those that begin as its own do", () => {
    const { time, links } = world();
    const one = virtualBox(links, 1);
    one.discovery.start();
    time.advance(1_000);
    const real = announcement(5, ["192.0.2.5"], "00000000000000ee");
    const bent = fc
      .tuple(fc.nat(real.length - 1), fc.nat(255), fc.nat(real.length))
      .map(([at, byte, end]) => {
        const datagram = real.slice(0, Math.max(end, at + 1));
        datagram[at] = byte;
        return datagram;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 2_000 }), bent), (datagram) => {
        links.inject("lan", 4, "192.0.2.66", datagram);
        links.inject("lan", 6, "fe80::66", datagram);
        time.advance(300);
        // What was bent opens only where the bend changed nothing.
        for (const { sighting } of one.events) expect(sighting.peer).toBe(peer(5));
      }),
      { numRuns: 2_000 },
    );
  });
});
