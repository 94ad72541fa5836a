import { describe, expect, test } from "bun:test";
import type { CheckpointHeader } from "../../../../src/vm/checkpoint/index.ts";
import { CheckpointError, machineKind } from "../../../../src/vm/checkpoint/index.ts";
import {
  checkAskedFor,
  checkGoesOnHere,
  type RestoringBox,
} from "../../../../src/vm/checkpoint/why-not-here.ts";
import { fixedRequest, hex, stranger } from "../request/fixed-request.ts";
import { fixedHeader } from "./fixed-checkpoint.ts";

function problemOf(check: () => void): string {
  try {
    check();
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  }
  return "it goes on";
}

const header = fixedHeader();
const box: RestoringBox = { image: header.image, machine: header.machine, trusts: () => true };
const here = (rest: Partial<RestoringBox>, saved: Partial<CheckpointHeader> = {}) =>
  problemOf(() => checkGoesOnHere({ ...header, ...saved }, { ...box, ...rest }));
const machine = (rest: Partial<RestoringBox["machine"]>) => here({ machine: { ...header.machine, ...rest } });

describe("a saved machine", () => {
  test("goes on where all that it needs is the same, or QEMU is a later one", () => {
    expect(here({})).toBe("it goes on");
    expect(machine({ qemu: 10_000_002 })).toBe("it goes on");
    expect(machine({ qemu: 7_002_001 })).toBe("it goes on");
  });

  test("goes on nowhere else, and says why", () => {
    expect(here({ trusts: () => false })).toBe("checkpoint.savedBy: is no box that this one believes");
    expect(machine({ architecture: "arm64" })).toBe(
      "checkpoint.machine.architecture: is x64, and this box has arm64",
    );
    expect(machine({ accelerator: "kvm" })).toBe(
      "checkpoint.machine.accelerator: is emulation, and this box has kvm",
    );
    expect(machine({ type: "pc-q35-8.2" })).toBe(
      "checkpoint.machine.type: is pc-q35-7.2, and this box has pc-q35-8.2",
    );
    expect(machine({ cpu: "Westmere" })).toBe(
      "checkpoint.machine.cpu: is Nehalem, and this box has Westmere",
    );
    expect(machine({ qemu: 7_001_999 })).toBe("checkpoint.machine.qemu: is 7.2, and this box has 7.1");
    expect(here({ image: undefined })).toBe("checkpoint.image: small is not on this box");
    const other = { name: "small", digest: "00".repeat(32) };
    expect(here({ image: other })).toBe("checkpoint.image: small is another one on this box");
    const link = { ...header.link, gatewayAddress: "10.0.2.3" };
    expect(here({}, { link })).toBe("checkpoint.link.gatewayAddress: is 10.0.2.3, and this box has 10.0.2.2");
  });

  test("goes on for its requester alone, as it was", () => {
    const asked = fixedRequest({
      image: "small",
      resources: { ...fixedRequest().resources, diskMiB: 0 },
    });
    const problem = (rest: Partial<typeof asked>) =>
      problemOf(() => checkAskedFor(header, { ...asked, ...rest }));
    expect(problem({})).toBe("it goes on");
    expect(problem({ requester: hex(stranger.publicKey) })).toBe("request.restoreFrom: is somebody else's");
    expect(problem({ image: "debian" })).toBe("request.image: is not small, which was saved");
    expect(problem({ resources: { ...asked.resources, memoryMiB: 512 } })).toBe(
      "request.resources.memoryMiB: is not 256, as it was saved",
    );
  });

  test("needs the processor that its box gives to all", () => {
    const none = () => "";
    expect(machineKind("x64", "emulation", 1, none)).toMatchObject({ type: "pc-q35-7.2", cpu: "Nehalem" });
    expect(machineKind("x64", "kvm", 1, none)).toMatchObject({ cpu: "Westmere" });
    const pi4 = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd08\n";
    expect(machineKind("arm64", "kvm", 1, () => pi4)).toMatchObject({
      ...{ type: "virt-7.2", cpu: "host-passthrough-0x41-0xd08" },
    });
  });
});
