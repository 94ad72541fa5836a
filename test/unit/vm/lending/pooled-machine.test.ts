import { describe, expect, test } from "bun:test";
import { leaseNames } from "../../../../src/vm/guest-link.ts";
import { LentMachine, type MachineGround } from "../../../../src/vm/lending/index.ts";
import type { PooledMachine } from "../../../../src/vm/pool/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { fixedRequest } from "../request/fixed-request.ts";
import { IMAGE, PlayedGround } from "./played-ground.ts";

const scratch = scratchFolders();
const LEASE = "0000112233445566778899aabbccddee";
const WAITED = "1111112233445566778899aabbccddee";
const ORDER = {
  request: fixedRequest({ id: LEASE, image: "small" }),
  limits: {
    ...{ cpus: 1, memoryMiB: 256, diskMiB: 0, durationS: 600 },
    ...{ upKbit: undefined, downKbit: undefined, connectionsPerS: 50 },
  },
  image: IMAGE,
  tunnel: { privateKey: `${"A".repeat(43)}=`, listenPort: 24_700 },
};

/** A lease for which a machine waits. */
function withPool(more: Partial<MachineGround> = {}) {
  const played = new PlayedGround();
  const discarded: string[] = [];
  /** What the lease's machine is called while the other one is taken away. */
  const meanwhile: string[] = [];
  const waiting: PooledMachine = {
    ...{ id: WAITED, names: leaseNames(WAITED), key: "" },
    shape: { image: "small", cpus: 1, memoryMiB: 256, diskMiB: 0 },
  };
  const pool = {
    claim: async () => waiting,
    discard: async ({ id }: PooledMachine) => {
      discarded.push(id);
      meanwhile.push(machine.names.domain);
    },
  };
  const machine: LentMachine = new LentMachine(LEASE, { ...played.ground(scratch()), pool, ...more });
  const steps = [
    () => machine.prepareNetwork(ORDER),
    () => machine.startPaused(ORDER),
    () => machine.verify(),
    () => machine.resume(),
    () => machine.prepareGuest(ORDER),
  ] as const;
  /** Fails once. */
  const breakOnce = (call: string) => {
    played.failing.set(call, "broken");
    const list = played.calls;
    const push = list.push.bind(list);
    list.push = (name: string) => {
      if (list.includes(call)) played.failing.delete(call);
      return push(name);
    };
  };
  return { played, discarded, meanwhile, machine, steps, breakOnce };
}

describe("the machine of a lease for which one waited", () => {
  test("is that one, under its own names, and is not started", async () => {
    const { played, machine, steps, discarded } = withPool();
    for (const step of steps) await step();
    expect(played.calls).toEqual(["up", "attach", "resume", "hello", "prepare"]);
    expect(played.networks).toEqual([leaseNames(WAITED).namespace]);
    expect(machine.names).toEqual(leaseNames(WAITED));
    expect(discarded).toEqual([]);
    await machine.tearDown();
    expect(played.calls).toContain(`destroy ${leaseNames(WAITED).domain}`);
  });

  test.each([
    ["its network", "up", ["up", "up", "create", "attach", "resume", "hello", "prepare"]],
    ["its link", "attach", ["up", "attach", "up", "create", "attach", "resume", "hello", "prepare"]],
    [
      "its start",
      "resume",
      ["up", "attach", "resume", "up", "create", "attach", "resume", "hello", "prepare"],
    ],
    [
      "its guest",
      "prepare",
      [
        ...["up", "attach", "resume", "hello", "prepare"],
        ...["up", "create", "attach", "resume", "hello", "prepare"],
      ],
    ],
  ])("is one of the lease's own that boots when %s fails, verified before it runs", async (_, call, done) => {
    const { played, machine, steps, discarded, meanwhile, breakOnce } = withPool();
    breakOnce(call);
    for (const step of steps) await step();
    expect(played.calls).toEqual(done);
    expect(discarded).toEqual([WAITED]);
    // What libvirt tells of the end of the other one ends no lease.
    expect(meanwhile).toEqual([leaseNames(LEASE).domain]);
    expect(machine.names).toEqual(leaseNames(LEASE));
    expect(played.networks.at(-1)).toBe(leaseNames(LEASE).namespace);
  });

  test("is not replaced when the lease is over, or its guest's preparation was broken off", async () => {
    const over = withPool();
    for (const step of over.steps.slice(0, 3)) await step();
    await over.machine.destroy();
    over.played.failing.set("resume", "gone");
    expect(over.steps[3]()).rejects.toThrow("gone");
    const off = withPool();
    for (const step of off.steps.slice(0, 4)) await step();
    const held = Promise.withResolvers<void>();
    off.played.held.set("prepare", held.promise);
    off.played.failing.set("prepare", "it was closed");
    const told = off.steps[4]();
    off.machine.breakOffGuest();
    held.resolve();
    expect(told).rejects.toThrow("it was closed");
    await told.catch(() => undefined);
    for (const { discarded, played } of [over, off]) {
      expect(discarded).toEqual([]);
      expect(played.calls).not.toContain("create");
    }
  });

  test("is one of the lease's own where nobody would end the one that waited, did the box's program die", async () => {
    const { played, machine, steps } = withPool({ isSupervised: () => false });
    for (const step of steps.slice(0, 2)) await step();
    expect(machine.names).toEqual(leaseNames(LEASE));
    expect(played.calls).toContain("create");
  });

  test("is never replaced once its requester has it: what they have in it would be gone", async () => {
    const { played, machine, steps, discarded } = withPool();
    for (const step of steps) await step();
    await machine.suspend();
    played.failing.set("attach", "it has another route");
    expect(steps[2]()).rejects.toThrow("it has another route");
    expect(discarded).toEqual([]);
    expect(played.calls).not.toContain("create");
    expect(machine.names).toEqual(leaseNames(WAITED));
  });

  test("gets no processor in its place when that was taken away meanwhile", async () => {
    const { played, machine, steps, breakOnce } = withPool();
    for (const step of steps.slice(0, 4)) await step();
    breakOnce("prepare");
    const making = Promise.withResolvers<void>();
    played.held.set("create", making.promise);
    const told = steps[4]();
    while (!played.calls.includes("create")) await Bun.sleep(1);
    machine.breakOffGuest();
    making.resolve();
    expect(told).rejects.toThrow("broken");
    await told.catch(() => undefined);
    expect(played.calls.slice(played.calls.indexOf("create"))).toEqual(["create", "attach"]);
  });
});
