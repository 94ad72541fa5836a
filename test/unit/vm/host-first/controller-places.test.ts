import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { controllerPlaces, parseMounts } from "../../../../src/vm/host-first/controller-places.ts";

/** Half a character as well: fast-check's own such unit takes seconds to begin. */
const ANY_UNIT = fc.nat(0xff_ff).map((code) => String.fromCharCode(code));

/** As a Debian 12 with systemd has it. */
const UNIFIED = `22 28 0:21 / /proc rw,nosuid - proc proc rw
31 24 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
36 28 259:1 / /mnt/a\\040disk rw - ext4 /dev/sd\\0401 rw
`;
/** As a machine with both versions has it. */
const HYBRID = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

const places = (mountinfo: string, unified = ""): Record<string, unknown> =>
  Object.fromEntries(controllerPlaces(parseMounts(mountinfo), () => unified));

describe("where the controllers are", () => {
  test("is one hierarchy of version 2, as systemd makes it", () => {
    const at = { version: 2, mount: "/sys/fs/cgroup" };
    expect(places(UNIFIED, "cpuset cpu io memory hugetlb pids\n")).toEqual({
      cpuset: at,
      cpu: at,
      io: at,
      memory: at,
      pids: at,
      hugetlb: at,
      unified: at,
    });
  });

  test("is version 1 for those that it has, and version 2 for others", () => {
    const cpu = { version: 1, mount: "/sys/fs/cgroup/cpu,cpuacct" };
    expect(places(HYBRID, "io memory")).toEqual({
      cpu,
      cpuacct: cpu,
      memory: { version: 1, mount: "/sys/fs/cgroup/memory" },
      io: { version: 2, mount: "/sys/fs/cgroup/unified" },
      unified: { version: 2, mount: "/sys/fs/cgroup/unified" },
    });
  });

  test("is nowhere where only a part of a hierarchy is shown", () => {
    expect(places(HYBRID.replaceAll(" / /sys", " /docker/1 /sys"), "io")).toEqual({});
  });

  test("is none of version 2 where that cannot be read, as where something is mounted over it", () => {
    const unreadable = controllerPlaces(parseMounts(HYBRID), () => undefined);
    expect([...unreadable.keys()]).toEqual(["cpu", "cpuacct", "memory"]);
    expect(controllerPlaces(parseMounts(UNIFIED), () => undefined).size).toBe(0);
  });

  test("is nowhere without control groups", () => {
    expect(places("")).toEqual({});
  });
});

describe("a mount table", () => {
  test("gives paths as they are", () => {
    expect(parseMounts(UNIFIED)[2]).toMatchObject({ at: "/mnt/a disk", source: "/dev/sd 1", type: "ext4" });
  });

  test("may hold anything", () => {
    fc.assert(
      fc.property(fc.string({ unit: ANY_UNIT }), (text) => expect(() => parseMounts(text)).not.toThrow()),
    );
  });
});
