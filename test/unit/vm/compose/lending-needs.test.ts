import { describe, expect, test } from "bun:test";
import { type LendingGround, lendingNeeds } from "../../../../src/vm/compose/lending-needs.ts";

const whole: LendingGround = {
  isRoot: true,
  has: (program) => program !== "wireguard-go",
  emulator: "/usr/bin/qemu-system-x86_64",
  emulatorPackage: "qemu-system-x86",
  hasKernelWireGuard: true,
  mayKvmCome: false,
  owner: { uid: 64_055, gid: 64_055 },
  images: ["small"],
  imagesFolder: "/images",
};

describe("what a machine needs to lend", () => {
  test("is nothing more where all is there", () => {
    expect(lendingNeeds(whole)).toEqual([]);
  });

  test.each<[string, Partial<LendingGround>, string]>([
    ["root", { isRoot: false }, "it does not run as root"],
    ["a program", { has: (name) => name !== "nft" }, "nft is missing (package nftables)"],
    [
      "QEMU",
      { has: (name) => !name.includes("qemu") },
      "/usr/bin/qemu-system-x86_64 is missing (package qemu-system-x86)",
    ],
    [
      "WireGuard of either kind",
      { hasKernelWireGuard: false },
      "the kernel has no WireGuard, and wireguard-go is missing (package wireguard-go)",
    ],
    ["QEMU's user", { owner: undefined }, "there is no user libvirt-qemu (package libvirt-daemon-system)"],
    ["an image", { images: [] }, "there is no image for virtual machines in /images"],
  ])("is %s where that is missing, and said in words", (_, lack, words) => {
    expect(lendingNeeds({ ...whole, ...lack })).toEqual([words]);
  });

  test("is said of everything at once, so that one looks once", () => {
    expect(lendingNeeds({ ...whole, isRoot: false, images: [], has: () => false })).toHaveLength(8);
  });

  test("does without the kernel's WireGuard where there is wireguard-go", () => {
    expect(lendingNeeds({ ...whole, hasKernelWireGuard: false, has: () => true })).toEqual([]);
  });
});
