import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { leaseNames } from "../../../../src/vm/guest-link.ts";
import {
  type Belonging,
  belongingKey,
  leaseTag,
  tagOfCgroup,
  tagOfDomain,
  tagOfFile,
  tagOfLink,
  tagOfNamespace,
  tagOfTunnel,
} from "../../../../src/vm/reaper/belongings.ts";
import { ipBatch, planReaping } from "../../../../src/vm/reaper/reap-plan.ts";

const LEASE = "0123456789abcdef0123456789abcdef";
const TAG = "0123456789";
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const leaseIds = hex(32);

describe("the names by which a lease's belongings are known", () => {
  test("are those that a lease gives to them", () => {
    fc.assert(
      fc.property(leaseIds, (lease) => {
        const { namespace, tap, tunnel, domain } = leaseNames(lease);
        const tag = leaseTag(lease);
        expect([tagOfNamespace(namespace), tagOfLink(tap), tagOfLink(tunnel)]).toEqual([tag, tag, tag]);
        expect([tagOfTunnel(tunnel), tagOfTunnel(tap), tagOfDomain(domain)]).toEqual([tag, undefined, tag]);
        for (const file of [
          `${domain}.qcow2`,
          `wireguard-go-${tunnel}.pid`,
          `${tunnel}.sock`,
          lease,
          `${lease}.img`,
        ])
          expect(tagOfFile(file)).toBe(tag);
      }),
    );
  });

  test("are no others, however like them", () => {
    const others = [
      ...[
        "omvm-",
        "omvm-012345678",
        "omvm-0123456789a",
        "omvm-012345678g",
        "xomvm-0123456789",
        "omvm-0123456789-x",
      ],
      ...["omt-aabbccdd", "omt-0123456789", "omw", "omb-tun-a", "OMVM-0123456789", "omvm-0123456789\n"],
    ];
    for (const name of others) {
      expect([tagOfNamespace(name), tagOfDomain(name), tagOfLink(name)]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
    for (const name of [
      "omvm-0123456789a.img",
      "xomvm-0123456789",
      "omvm-notes",
      `${LEASE}0`,
      `x${LEASE}`,
      "omt-0123456789",
    ])
      expect(tagOfFile(name)).toBeUndefined();
  });

  test("are read within the path of a cgroup as libvirt and systemd write it", () => {
    const paths = [
      "/machine/qemu-3-omvm-0123456789.libvirt-qemu/emulator",
      "/machine.slice/machine-qemu\\x2d3\\x2domvm\\x2d0123456789.scope/libvirt/vcpu0",
      "/box/omvm-0123456789",
    ];
    for (const path of paths) expect(tagOfCgroup(path)).toBe(TAG);
    for (const path of [
      "/",
      "/machine/qemu-3-omvm-0123456789a.libvirt-qemu",
      "/user.slice/omvm-x",
      "/omvm-0123456789.service",
    ])
      expect(tagOfCgroup(path)).toBeUndefined();
  });
});

const name = fc.string({ minLength: 1, maxLength: 12 });
const belongings: fc.Arbitrary<Belonging> = fc.oneof(
  fc.record({
    kind: fc.constant("process" as const),
    lease: fc.constantFrom("aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"),
    name,
    pid: fc.integer({ min: 2, max: 40 }),
    startTicks: fc.constantFrom("1", "2"),
  }),
  fc.record({
    kind: fc.constantFrom("namespace", "link", "cgroup", "mount", "volume", "file", "domain"),
    lease: fc.constantFrom("aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"),
    name,
  }),
);

describe("the plan of what is ended", () => {
  const rank = ["process", "namespace", "link", "cgroup", "mount", "volume", "file", "domain"];

  test("has each thing of a lease that nobody looks after once, and nothing of another", () => {
    fc.assert(
      fc.property(fc.array(belongings), fc.subarray(["a", "b", "c"]), (some, digits) => {
        const live = digits.map((digit) => digit.repeat(32));
        // One thing belongs to one lease.
        const found = [...new Map(some.map((one) => [belongingKey(one), one])).values()];
        const plan = planReaping([...found, ...found], live);
        const wanted = found.filter(({ lease }) => !live.some((id) => id.startsWith(lease)));
        expect(plan.map(belongingKey).sort()).toEqual(wanted.map(belongingKey).sort());
        const ranks = plan.map(({ kind }) => rank.indexOf(kind));
        expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      }),
    );
  });

  test("is one call for all namespaces and links, the namespaces first", () => {
    const link = { kind: "link" as const, lease: TAG, name: "omt0123456789" };
    const namespace = { kind: "namespace" as const, lease: TAG, name: "omvm-0123456789" };
    const file = { kind: "file" as const, lease: TAG, name: "/run/x/omvm-0123456789.sock" };
    expect(ipBatch(planReaping([link, file, namespace], []))).toBe(
      "netns del omvm-0123456789\nlink del omt0123456789\n",
    );
    expect(ipBatch([file])).toBe("");
  });
});
