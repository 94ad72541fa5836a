import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ProcessEntry } from "../../../../src/host/process-table.ts";
import { guestName, leaseProcesses, type ProcessHints } from "../../../../src/vm/reaper/lease-processes.ts";

const NO_HINTS: ProcessHints = { namespaces: new Map(), pidFiles: new Map() };
const NOBODY = new Set<number>();

const entry = (argv: readonly string[], more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  ...{ pid: 100, startTicks: "7", argv, cgroups: ["/"], netns: 1 },
  ...more,
});
const leasesOf = (one: ProcessEntry, hints = NO_HINTS) =>
  leaseProcesses([one], hints, NOBODY).map(({ lease }) => lease);

describe("the processes of leases", () => {
  const qemu = "/usr/bin/qemu-system-x86_64";

  test("are QEMU with the name of a lease's domain, and no other QEMU", () => {
    expect(leasesOf(entry([qemu, "-name", "guest=omvm-0123456789,debug-threads=on", "-S"]))).toEqual([
      "0123456789",
    ]);
    expect(leasesOf(entry(["qemu-system-aarch64", "-name", "omvm-0123456789"]))).toEqual(["0123456789"]);
    for (const name of ["guest=omvm-0123456789a", "guest=work,process=omvm-0123456789", "omvm-012345678", ""])
      expect(leasesOf(entry([qemu, "-name", name]))).toEqual([]);
    // An editor that has such a file open is none.
    expect(leasesOf(entry(["vi", "-name", "guest=omvm-0123456789"]))).toEqual([]);
    expect(leasesOf(entry([qemu, "-drive", "file=/tmp/omvm-0123456789"]))).toEqual([]);
  });

  test("are a QEMU without a name whose number stands in a lease's file", () => {
    const hints = { ...NO_HINTS, pidFiles: new Map([[100, "0123456789"]]) };
    expect(leasesOf(entry([qemu, "-S"]), hints)).toEqual(["0123456789"]);
    // The number is another process' by now.
    expect(leasesOf(entry([qemu, "-name", "work"]), hints)).toEqual([]);
    expect(leasesOf(entry(["sshd"]), hints)).toEqual([]);
  });

  test("are wireguard-go of a lease's tunnel, not of the mesh's", () => {
    expect(leasesOf(entry(["wireguard-go", "-f", "omw0123456789"]))).toEqual(["0123456789"]);
    expect(leasesOf(entry(["/usr/bin/wireguard-go", "omw0123456789"]))).toEqual(["0123456789"]);
    for (const name of ["omt-0123456789", "omt0123456789", "wg0"])
      expect(leasesOf(entry(["wireguard-go", "-f", name]))).toEqual([]);
  });

  test("are all in a lease's cgroup, and all in its network namespace", () => {
    expect(
      leasesOf(entry(["swtpm"], { cgroups: ["/", "/machine/qemu-1-omvm-0123456789.libvirt-qemu"] })),
    ).toEqual(["0123456789"]);
    const hints = { ...NO_HINTS, namespaces: new Map([[42, "0123456789"]]) };
    expect(leasesOf(entry(["tcpdump"], { netns: 42 }), hints)).toEqual(["0123456789"]);
    expect(leasesOf(entry(["tcpdump"], { netns: 43 }), hints)).toEqual([]);
    expect(leasesOf(entry(["tcpdump"], { netns: undefined }), hints)).toEqual([]);
  });

  test("are never the first process, nor who asks", () => {
    const argv = ["wireguard-go", "-f", "omw0123456789"];
    const table = [entry(argv, { pid: 1 }), entry(argv, { pid: 5 }), entry(argv, { pid: 6 })];
    expect(leaseProcesses(table, NO_HINTS, new Set([5])).map(({ pid }) => pid)).toEqual([6]);
  });

  test("are told from any words on a command line without an error", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom("-name", "guest=", qemu, "kvm"))),
        (argv) => {
          guestName(argv);
          for (const { lease } of leaseProcesses([entry(argv)], NO_HINTS, NOBODY))
            expect(lease).toHaveLength(10);
        },
      ),
    );
  });
});
