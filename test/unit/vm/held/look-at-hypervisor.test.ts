import { expect, test } from "bun:test";
import { lookAtHypervisor, lookThroughBinding, lookThroughLibrary } from "../../../../src/vm/held/index.ts";
import { LibvirtError } from "../../../../src/vm/libvirt/index.ts";
import { describeNeeding } from "../../../needs.ts";

/** What libvirt's built-in driver for tests holds in every process anew. */
const TEST_DRIVER = {
  host: { model: "i686", memoryKiB: 3_145_728, cpus: 16 },
  machines: [
    {
      ...{ name: "test", uuid: "6695eb01-f6a4-8304-79aa-97f2502e193f", state: "running" as const },
      ...{ cpus: 2, memoryKiB: 2_097_152 },
    },
  ],
};

describeNeeding(["program:virsh"], "a look at what libvirt holds", () => {
  test("has the computer and each machine with what it has, through libvirt's own library", async () => {
    expect(await lookThroughLibrary("test:///default")).toEqual(TEST_DRIVER);
  }, 60_000);

  test("that cannot be had is refused in libvirt's words", async () => {
    const refused = await lookThroughLibrary("qemu+unix:///system?socket=/nowhere").catch((error) => error);
    expect(refused).toBeInstanceOf(LibvirtError);
    expect(refused.message).toContain("/nowhere");
  }, 60_000);
});

describeNeeding(["program:virsh", "libvirt-binding"], "a look through the binding for Node", () => {
  test("sees the same, and comes first where it is built", async () => {
    expect(await lookThroughBinding("test:///default")).toEqual(TEST_DRIVER);
    expect(await lookAtHypervisor("test:///default")).toEqual({ ...TEST_DRIVER, through: "@unraid/libvirt" });
  }, 60_000);

  test("that cannot be had is refused in libvirt's words", async () => {
    const refused = lookThroughBinding("qemu+unix:///system?socket=/nowhere");
    await expect(refused).rejects.toThrow("/nowhere");
  }, 60_000);
});
