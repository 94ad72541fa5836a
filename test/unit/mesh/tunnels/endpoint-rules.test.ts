import { describe, expect, test } from "bun:test";
import { mayPointAt, withoutForbidden } from "../../../../src/mesh/tunnels/endpoint-rules.ts";
import type { TunnelMessage } from "../../../../src/mesh/tunnels/tunnel-messages.ts";

const rules = { forbidden: ["10.99.0.0/16", "fd00:99::/32"], own: ["192.168.9.10", "2001:db8::1"] };
const at = (address: string, port = 40_000) => ({ address, port });
const good = at("198.51.100.9");
const guest = at("10.99.3.4");
const id = new Uint8Array(16);
const key = new Uint8Array(32);

describe("Where a tunnel may be pointed at", () => {
  test("is no guest, not this box, nobody's service, and no place that means nothing", () => {
    for (const end of [good, at("192.168.9.11"), at("2001:db8::2")])
      expect(mayPointAt(end, rules)).toBe(true);
    const bad = [
      ...[guest, at("fd00:99::5"), at("192.168.9.10"), at("2001:0db8:0::0001")],
      ...[at("198.51.100.9", 53), at("127.0.0.1"), at("169.254.1.1"), at("224.0.0.251"), at("fe80::1")],
    ];
    for (const end of bad) expect(mayPointAt(end, rules)).toBe(false);
  });

  test("is taken out of whatever others say, and the rest is kept", () => {
    const whereabouts = { nat: "cone", endpoints: [guest, good], metered: false } as const;
    const kept = { ...whereabouts, endpoints: [good] };
    const said: [TunnelMessage, TunnelMessage | undefined][] = [
      [
        { type: "offer", id, key, purpose: "", at: whereabouts },
        { type: "offer", id, key, purpose: "", at: kept },
      ],
      [
        { type: "accept", id, key, at: whereabouts },
        { type: "accept", id, key, at: kept },
      ],
      [
        { type: "candidates", id, sequence: 1, at: whereabouts },
        { type: "candidates", id, sequence: 1, at: kept },
      ],
      [
        { type: "relayed", id, relay: "r", endpoints: [guest, good] },
        { type: "relayed", id, relay: "r", endpoints: [good] },
      ],
      [{ type: "relayed", id, relay: "r", endpoints: [guest] }, undefined],
      [
        { type: "relayed", id, relay: "r", endpoints: [] },
        { type: "relayed", id, relay: "r", endpoints: [] },
      ],
      [
        { type: "grant", id, yours: [guest, good], theirs: [good], lifetimeS: 1 },
        { type: "grant", id, yours: [good], theirs: [good], lifetimeS: 1 },
      ],
      [{ type: "grant", id, yours: [guest], theirs: [good], lifetimeS: 1 }, undefined],
      [
        { type: "observed", id, other: good },
        { type: "observed", id, other: good },
      ],
      [{ type: "observed", id, other: guest }, undefined],
    ];
    for (const [message, left] of said) expect(withoutForbidden(message, rules)).toEqual(left);
  });
});
