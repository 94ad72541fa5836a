import { describe, expect, test } from "bun:test";
import { defaultConfig } from "../../../../src/config/index.ts";
import type { Member, Role } from "../../../../src/identity/index.ts";
import { isFellowBox } from "../../../../src/vm/compose/lending-checkpoints.ts";
import { usualShapes } from "../../../../src/vm/compose/lending-pool.ts";
import { originOf } from "../../../../src/vm/compose/lending-pressure.ts";
import { punishmentOf } from "../../../../src/vm/watch/index.ts";

const { vm } = defaultConfig();
const image = (name: string, base?: string) => ({
  ...{ name, version: "1", architecture: "amd64", digest: "0".repeat(64) },
  ...{ kernel: "/kernel", initrd: "/initrd", base, kernelCommandLine: "" },
});

describe("the pool that a configuration means", () => {
  test("has the usual machine of the first image without a disk", () => {
    const images = [image("debian", "/base.raw"), image("small")];
    expect(usualShapes(vm, images)).toEqual([{ image: "small", cpus: 1, memoryMiB: 256, diskMiB: 0 }]);
  });

  test("has none larger than anybody may have one", () => {
    const limits = { ...vm.limits, memory_mib: 128 };
    expect(usualShapes({ ...vm, limits }, [image("small")])[0]?.memoryMiB).toBe(128);
  });

  test("has none where none are to wait, or every image has a disk", () => {
    expect(usualShapes({ ...vm, pool: { ...vm.pool, machines: 0 } }, [image("small")])).toEqual([]);
    expect(usualShapes(vm, [image("debian", "/base.raw")])).toEqual([]);
  });
});

describe("whose saved machines go on here", () => {
  const network = (role: Role) => ({
    knownMember: (key: Uint8Array): Member | undefined =>
      key[0] === 1 ? { publicKey: key, role, name: "", grants: [], expiresAt: 0 } : undefined,
  });
  const known = "01".repeat(32);

  test("are those of boxes of a network of ours alone", () => {
    expect(isFellowBox([network("box")], known)).toBe(true);
    expect(isFellowBox([network("box")], "02".repeat(32))).toBe(false);
    for (const role of ["person", "operator", "requester"] as const)
      expect(isFellowBox([network(role)], known)).toBe(false);
    expect(isFellowBox([], known)).toBe(false);
  });
});

describe("who gives way first", () => {
  test("are strangers, then members, then the box's own people", () => {
    expect(originOf({ local: false, networks: [] })).toBe("stranger");
    expect(originOf({ local: false, networks: ["0123456789abcdef"] })).toBe("network");
    expect(originOf({ local: true, networks: [] })).toBe("local");
  });
});

describe("the punishment that a configuration means", () => {
  test("is what the watch does by default where nothing is said", () => {
    expect(punishmentOf(vm.punishment)).toEqual({
      usually: "log",
      offences: { mac: "cut", source: "cut" },
      escalation: [
        { packets: 20, withinS: 60, to: "cut" },
        { packets: 200, withinS: 600, to: "destroy" },
      ],
    });
  });
});
