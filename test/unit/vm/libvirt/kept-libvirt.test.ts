import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { createLog } from "../../../../src/host/log.ts";
import {
  type DomainInfo,
  KeptLibvirt,
  LibvirtTimeoutError,
  LibvirtUnavailableError,
} from "../../../../src/vm/libvirt/index.ts";

const log = createLog({ level: "error", destination: { write: () => undefined } });
const DOMAIN: DomainInfo = { name: "omvm-0123456789", uuid: "", state: "running" };

/** A libvirt that can be away. */
function machine() {
  const time = new VirtualTime();
  const seen = {
    isThere: true,
    isHanging: false,
    connections: 0,
    closed: 0,
    back: [] as string[][],
    lose: (_: string): void => undefined,
  };
  const nothing = async () => undefined;
  const kept = new KeptLibvirt({
    connect: async (closed) => {
      if (!seen.isThere) throw new LibvirtUnavailableError("no socket");
      seen.connections += 1;
      seen.lose = closed;
      return {
        ...{ suspend: nothing, resume: nothing, save: nothing, restore: nothing },
        create: async () => DOMAIN,
        destroy: async () => true,
        list: async () => {
          if (seen.isHanging) throw new LibvirtTimeoutError("list", 10_000);
          return [DOMAIN];
        },
        stats: async () => [],
        host: async () => ({
          ...{ libvirtVersion: 1, hypervisorVersion: 1, model: "", memoryKiB: 1, cpus: 1 },
        }),
        close: async () => {
          seen.closed += 1;
        },
      };
    },
    onBack: (domains) => seen.back.push(domains.map(({ name }) => name)),
    timers: time,
    log,
  });
  return { kept, seen, time };
}

/** Lets what awaits something that is there already go on. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

describe("a connection to libvirt that is kept", () => {
  test("hands on what is asked of it", async () => {
    const { kept } = machine();
    await kept.start();
    expect(await kept.list()).toEqual([DOMAIN]);
    expect(kept.trouble()).toBeUndefined();
  });

  test("is not there where libvirt is not, and does not try on by itself", async () => {
    const { kept, seen, time } = machine();
    seen.isThere = false;
    expect(kept.start()).rejects.toThrow("no socket");
    await settle();
    seen.isThere = true;
    time.advance(60_000);
    await settle();
    expect(seen.connections).toBe(0);
  });

  test("comes back when libvirt does, and says what is there then; what is asked meanwhile fails at once", async () => {
    const { kept, seen, time } = machine();
    await kept.start();
    seen.isThere = false;
    seen.lose("end of file");
    expect(kept.trouble()).toBe("libvirt is gone: end of file");
    expect(kept.destroy(DOMAIN.name)).rejects.toBeInstanceOf(LibvirtUnavailableError);
    for (let round = 0; round < 5; round += 1) {
      time.advance(10_000);
      await settle();
    }
    expect(seen.back).toEqual([]);
    seen.isThere = true;
    time.advance(10_000);
    await settle();
    expect(seen.back).toEqual([[DOMAIN.name]]);
    expect(kept.trouble()).toBeUndefined();
    expect(seen.closed).toBe(1);
  });

  test("says what is there also where libvirt is too busy at first to tell", async () => {
    const { kept, seen, time } = machine();
    await kept.start();
    seen.isHanging = true;
    seen.lose("end of file");
    for (let round = 0; round < 3; round += 1) {
      time.advance(10_000);
      await settle();
    }
    expect(seen.connections).toBe(2);
    expect(seen.back).toEqual([]);
    seen.isHanging = false;
    time.advance(10_000);
    await settle();
    expect(seen.back).toEqual([[DOMAIN.name]]);
    time.advance(60_000);
    await settle();
    expect(seen.back).toHaveLength(1);
    expect(seen.connections).toBe(2);
  });

  test("is one connection, also where it is lost again while it is asked what is there", async () => {
    const { kept, seen, time } = machine();
    await kept.start();
    seen.lose("end of file");
    time.advance(250);
    seen.lose("end of file");
    await settle();
    time.advance(60_000);
    await settle();
    expect(seen.back.length).toBeLessThanOrEqual(1);
    expect(kept.trouble()).toBeUndefined();
    expect(seen.connections - seen.closed).toBe(1);
  });

  test("is not made anew once it was stopped", async () => {
    const { kept, seen, time } = machine();
    await kept.start();
    seen.lose("error");
    await kept.stop();
    time.advance(60_000);
    await settle();
    expect(seen.connections).toBe(1);
  });
});
