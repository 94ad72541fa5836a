import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Config, defaultConfig } from "../../../src/config/index.ts";
import { planGuestNetwork } from "../../../src/gateway/guest-network.ts";

type GatewayConfig = Config["gateway"];

const defaults = defaultConfig().gateway;
const keyHash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const HASH = new Uint8Array(32).map((_, index) => index * 7 + 1);

const ipv4Number = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const numberOf = (network: string) => ipv4Number(network.split("/")[0] ?? "");
const overlap = (a: string, b: string) => {
  const size = 2 ** (32 - Math.min(Number(a.split("/")[1]), Number(b.split("/")[1])));
  return Math.floor(numberOf(a) / size) === Math.floor(numberOf(b) / size);
};

describe("a guest network that is derived from the device key", () => {
  test("lies in 10/8, away from both of its ends, as a /20", () => {
    fc.assert(
      fc.property(keyHash, (hash) => {
        const { network, prefix } = planGuestNetwork(defaults, hash).ipv4;
        const [a, b] = network.split(".").map(Number);
        expect(a).toBe(10);
        expect(b).toBeGreaterThanOrEqual(16);
        expect(b).toBeLessThanOrEqual(247);
        expect(prefix).toBe(20);
        expect(ipv4Number(network) % 4096).toBe(0);
      }),
    );
  });

  test("is the same for the same key always", () => {
    fc.assert(
      fc.property(keyHash, (hash) => {
        expect(planGuestNetwork(defaults, Uint8Array.from(hash))).toEqual(planGuestNetwork(defaults, hash));
      }),
    );
  });

  test("does not depend on where in memory the key's hash lies", () => {
    const bytes = new Uint8Array(64);
    bytes.set(HASH, 17);
    expect(planGuestNetwork(defaults, bytes.subarray(17, 49))).toEqual(planGuestNetwork(defaults, HASH));
  });

  test("rarely collides with another box's", () => {
    const boxes = 200;
    const networks = new Set(
      Array.from({ length: boxes }, (_, box) => {
        const hash = new Bun.CryptoHasher("sha256").update(`box ${box}`).digest();
        return planGuestNetwork(defaults, hash).ipv4.network;
      }),
    );
    // Of 3,712 networks 200 boxes share one in 5 cases on average.
    expect(networks.size).toBeGreaterThan(boxes - 15);
  });

  test("avoids every network that is in use on this box", () => {
    const taken = fc.array(
      fc
        .tuple(
          fc.integer({ min: 0, max: 255 }),
          fc.integer({ min: 0, max: 255 }),
          fc.integer({ min: 12, max: 30 }),
        )
        .map(([b, c, prefix]) => {
          const size = 2 ** (32 - prefix);
          const network = Math.floor((10 * 2 ** 24 + b * 65_536 + c * 256) / size) * size;
          return `${[24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join(".")}/${prefix}`;
        }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(keyHash, taken, (hash, networks) => {
        const { network, prefix } = planGuestNetwork(defaults, hash, networks).ipv4;
        expect(networks.filter((other) => overlap(`${network}/${prefix}`, other))).toEqual([]);
      }),
    );
  });

  test("steps over the network that it would have had, to the one behind it", () => {
    const wanted = planGuestNetwork(defaults, HASH).ipv4;
    const next = planGuestNetwork(defaults, HASH, [`${wanted.network}/24`]).ipv4;
    expect(ipv4Number(next.network)).toBe(ipv4Number(wanted.network) + 4096);
  });

  test("says what to do where all of 10/8 is in use", () => {
    expect(() => planGuestNetwork(defaults, HASH, ["10.0.0.0/8"])).toThrow("gateway.subnet");
  });
});

describe("a guest network of the operator's", () => {
  test("is taken as it is", () => {
    const plan = planGuestNetwork({ ...defaults, subnet: "192.168.4.0/24" }, HASH, ["192.168.4.0/24"]);
    expect(plan.ipv4).toEqual({
      network: "192.168.4.0",
      prefix: 24,
      address: "192.168.4.1",
      first: "192.168.4.16",
      last: "192.168.4.254",
      poolSize: 239,
    });
  });
});

describe("the IPv6 guest network", () => {
  test("is a unique local one from the key, and the box is the first in it", () => {
    fc.assert(
      fc.property(keyHash, (hash) => {
        const { network, prefix, address } = planGuestNetwork(defaults, hash).ipv6;
        expect(network).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:1::$/);
        expect(prefix).toBe(64);
        expect(address).toBe(`${network}1`);
      }),
    );
  });

  // What ip(8) prints is compared with it: a key whose digits begin with a zero once made a bridge that never stood.
  test("is written as the kernel's tools write it, whatever the key (RFC 5952)", () => {
    const hashWith = (...bytes: number[]) =>
      Uint8Array.from([...new Array(8).fill(0), ...bytes, ...new Array(19).fill(0)]);
    expect(planGuestNetwork(defaults, hashWith(5, 0xeb, 0x1f, 0x06, 0x06)).ipv6.address).toBe(
      "fd05:eb1f:606:1::1",
    );
    expect(planGuestNetwork(defaults, hashWith(0, 0, 0, 0, 0)).ipv6.address).toBe("fd00:0:0:1::1");
    fc.assert(
      fc.property(keyHash, (hash) => {
        const { address } = planGuestNetwork(defaults, hash).ipv6;
        expect(new URL(`http://[${address}]/`).hostname).toBe(`[${address}]`);
      }),
    );
  });
});

describe("the address pool", () => {
  const config: fc.Arbitrary<GatewayConfig> = fc
    .record({
      prefix: fc.integer({ min: 16, max: 26 }),
      lease_minutes: fc.integer({ min: 2, max: 1440 }),
      newcomers_per_second: fc.integer({ min: 1, max: 1000 }),
    })
    .map(({ prefix, lease_minutes, newcomers_per_second }) => ({
      ...defaults,
      subnet: `10.64.0.0/${prefix}`,
      lease_minutes,
      limits: { ...defaults.limits, newcomers_per_second },
    }));

  test("lies within the network, behind the box and before the broadcast address", () => {
    fc.assert(
      fc.property(config, (gateway) => {
        const { network, prefix, address, first, last, poolSize } = planGuestNetwork(gateway, HASH).ipv4;
        expect(ipv4Number(address)).toBe(ipv4Number(network) + 1);
        expect(ipv4Number(first)).toBeGreaterThan(ipv4Number(address));
        expect(ipv4Number(last)).toBe(ipv4Number(network) + 2 ** (32 - prefix) - 2);
        expect(ipv4Number(last) - ipv4Number(first) + 1).toBe(poolSize);
      }),
    );
  });

  test("cannot be used up within one lease time by newcomers, however many there are", () => {
    fc.assert(
      fc.property(config, (gateway) => {
        const { newcomersPerHour, newcomersBurst, leaseSeconds, ipv4 } = planGuestNetwork(gateway, HASH);
        expect((newcomersPerHour * leaseSeconds) / 3600 + newcomersBurst).toBeLessThanOrEqual(ipv4.poolSize);
      }),
    );
  });

  test("lets in as many at a time as the operator says, where it is large enough", () => {
    const { newcomersPerHour, newcomersBurst } = planGuestNetwork(defaults, HASH);
    expect({ newcomersPerHour, newcomersBurst }).toEqual({ newcomersPerHour: 18_000, newcomersBurst: 300 });
  });

  test("always lets somebody in", () => {
    fc.assert(
      fc.property(config, (gateway) => {
        const { newcomersPerHour, newcomersBurst } = planGuestNetwork(gateway, HASH);
        expect(newcomersPerHour).toBeGreaterThan(0);
        expect(newcomersBurst).toBeGreaterThan(0);
      }),
    );
  });
});
