import { expect, test } from "bun:test";
import { KvmAsked } from "../../../../src/vm/compose/kvm-asked.ts";
import type { KvmVerdict } from "../../../../src/vm/libvirt/index.ts";
import { capturedLog } from "../../captured-log.ts";

const NONE: KvmVerdict = { works: false, reason: "no KVM here" };
const MINUTE_MS = 60_000;

function asked(...verdicts: KvmVerdict[]) {
  const state = { nowMs: 10_000, probes: 0 };
  const kvm = new KvmAsked({
    probe: async () => {
      state.probes += 1;
      return verdicts.shift() ?? NONE;
    },
    bootClock: { bootId: "one", nowMs: () => state.nowMs },
    log: capturedLog().log,
  });
  return { kvm, state };
}

test("KVM is waited for where it may still come, and asked for as soon as it is there", async () => {
  const { kvm, state } = asked({ works: true });
  expect(await kvm.how(true)).toBe("wait");
  expect(state.probes).toBe(0);
  expect(await kvm.how(false)).toBe("kvm");
  state.nowMs += 60 * MINUTE_MS;
  expect(await kvm.how(false)).toBe("kvm");
  expect(state.probes).toBe(1);
});

test("a module that has not come within five minutes of the start is waited for no longer", async () => {
  const { kvm, state } = asked();
  state.nowMs = 5 * MINUTE_MS - 1;
  expect(await kvm.how(true)).toBe("wait");
  state.nowMs += 1;
  expect(await kvm.how(true)).toBe("emulation");
});

test("where it does not work it is asked again after minutes, not at every look", async () => {
  const { kvm, state } = asked({ works: false, reason: "no guest ran within 60000 ms" }, { works: true });
  expect(await kvm.how(false)).toBe("emulation");
  state.nowMs += 5 * MINUTE_MS - 1;
  expect(await kvm.how(false)).toBe("emulation");
  expect(state.probes).toBe(1);
  state.nowMs += 1;
  expect(await kvm.how(false)).toBe("kvm");
  expect(state.probes).toBe(2);
});
