import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "../../src/host/run.ts";
import { encryptionProblem, mapperPath, mappings } from "../../src/vm/overlay/encrypted-volume.ts";
import {
  createOverlay,
  OverlayError,
  OverlayStore,
  type OverlayStoreOptions,
} from "../../src/vm/overlay/index.ts";
import { isMounted, readMounts } from "../../src/vm/overlay/mounts.ts";
import { describeNeeding } from "../needs.ts";
import { capturedLog } from "../unit/captured-log.ts";
import { Lab } from "./lab.ts";
import { holdsText, RawMedium, writeThrough } from "./vm-overlay-medium.ts";

const cannotEncrypt = process.getuid?.() === 0 ? await encryptionProblem() : "it needs root";
/** The kernel of a container may have no device mapper at all. */
const encrypting = (title: string, body: () => Promise<void>) =>
  cannotEncrypt ? test.skip(`${title} [skipped: ${cannotEncrypt}]`, body) : test(title, body, 120_000);

/** A lease's id that begins as no other's of this run, for names have but its beginning. */
const newLease = () => randomBytes(16).toString("hex");
const newCanary = () => `canary ${randomBytes(16).toString("hex")}`;

describeNeeding(
  ["root", "program:qemu-img", "program:qemu-io", "program:mkfs.ext4"],
  "a lease's disk",
  () => {
    const lab = new Lab("vmoverlay");
    const medium = new RawMedium(lab.folder, 192);
    const folder = join(medium.at, "run");
    const base = { path: join(lab.folder, "base.qcow2"), format: "qcow2" as const };
    const { log, lines } = capturedLog();

    const storeWith = (over: Partial<OverlayStoreOptions> = {}) =>
      new OverlayStore({
        folder,
        mediumFolder: undefined,
        memoryShareMiB: 64,
        keptMemoryMiB: 16,
        keptMediumMiB: 1,
        swapPolicy: "refuse",
        owner: undefined,
        randomBytes,
        log,
        // Whether this machine swaps is no matter of these tests.
        swapAreas: () => [],
        ...over,
      });
    const onMedium = () => storeWith({ mediumFolder: join(medium.at, "volumes"), memoryShareMiB: 0 });
    /** What a crashed run has left lies beneath another process's folder. */
    const leftOver = async () => {
      for (const { at } of readMounts().toReversed())
        if (at.startsWith("/tmp/omb-vmoverlay-")) await tryRun(["umount", "-n", "--lazy", at]);
    };

    beforeAll(async () => {
      await leftOver();
      await lab.open();
      await medium.make();
      await run(["qemu-img", "create", "-q", "-f", "qcow2", base.path, "8M"], { timeoutMs: 60_000 });
    }, 120_000);
    afterEach(async () => {
      await storeWith().sweep(new Set());
      await onMedium().sweep(new Set());
    });
    afterAll(async () => {
      await medium.remove();
      await leftOver();
      await lab.close();
    }, 60_000);

    test("can be read on the medium long after it was deleted, were it an ordinary file", async () => {
      const canary = newCanary();
      const plain = join(medium.at, "plain.qcow2");
      await createOverlay(plain, base, 8);
      await writeThrough(plain, canary, lab.folder);
      expect(await medium.holds(canary)).toBe(true);
      rmSync(plain);
      expect(await medium.holds(canary)).toBe(true);
    });

    test("is in memory where there is room: nothing of it is ever on the medium that it is mounted over", async () => {
      const [store, lease, canary] = [storeWith(), newLease(), newCanary()];
      const overlay = await store.create(lease, 8, base);
      expect(overlay).toEqual({
        lease,
        path: join(folder, lease, "disk.qcow2"),
        medium: "memory",
        sizeMiB: 8,
      });
      await writeThrough(overlay.path, canary, lab.folder);
      expect(await holdsText(overlay.path, canary)).toBe(true);
      expect(await holdsText(base.path, canary)).toBe(false);
      expect(await medium.holds(canary)).toBe(false);
      await store.destroy(lease);
      expect(existsSync(join(folder, lease))).toBe(false);
      expect(isMounted(join(folder, lease))).toBe(false);
      expect(await medium.holds(canary)).toBe(false);
      await store.destroy(lease);
    });

    test("is never swapped where the kernel can see to that", async () => {
      const lease = newLease();
      await storeWith().create(lease, 8, base);
      const mount = readMounts().find(({ at }) => at === join(folder, lease));
      const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "utf8")
        .split(".")
        .map(Number);
      expect(mount?.options.includes("noswap")).toBe(major > 6 || (major === 6 && minor >= 4));
    });

    test("holds all that a guest can write to it, and no more than that", async () => {
      const { path } = await storeWith().create(newLease(), 16, base);
      const io = (command: string) => tryRun(["qemu-io", "-f", "qcow2", "-c", command, path]);
      expect((await io("write -P 7 0 16M")).stdout).toContain("wrote 16777216/16777216");
      expect((await io("write -P 7 16M 64k")).exitCode).not.toBe(0);
      expect(statSync(path).blocks * 512).toBeLessThan(20 * 1_048_576);
      // The folder is no larger: what is no disk finds no room either.
      const filled = await tryRun(["dd", "if=/dev/zero", `of=${path}.more`, "bs=1M", "count=32"]);
      expect(filled.stderr).toContain("No space left on device");
    });

    test("goes although somebody has it open still", async () => {
      const [store, lease] = [storeWith(), newLease()];
      const { path } = await store.create(lease, 8, base);
      const holder = lab.spawn(["tail", "-f", path]);
      while (!(await tryRun(["ls", "-l", `/proc/${holder.pid}/fd`])).stdout.includes(path))
        await Bun.sleep(20);
      await store.destroy(lease);
      expect(isMounted(join(folder, lease))).toBe(false);
      await holder.stop();
    });

    test.each<[string, string, () => Promise<unknown>]>([
      [
        "is larger than what memory has for disks",
        "more than the 64 MiB",
        () => storeWith().create(newLease(), 65, base),
      ],
      [
        "would leave too little memory",
        "more than the 0 MiB",
        () => storeWith({ keptMemoryMiB: 2 ** 30 }).create(newLease(), 8, base),
      ],
      [
        "is smaller than its image",
        "less than the image's own 8",
        () => storeWith().create(newLease(), 7, base),
      ],
      ["is of no size", "no size", () => storeWith().create(newLease(), 0.5, base)],
      ["is no lease's", "no id", () => storeWith().create("../../etc", 8, base)],
      [
        "lies upon something else than is said",
        "it is no qcow2 image",
        () => storeWith().create(newLease(), 8, { ...base, path: "/etc/os-release" }),
      ],
      [
        "lies upon nothing",
        "is not there",
        () => storeWith().create(newLease(), 8, { ...base, path: "/nowhere" }),
      ],
      [
        "lies upon a path that depends on where one is",
        "no absolute path",
        () => storeWith().create(newLease(), 8, { ...base, path: "base.qcow2" }),
      ],
      [
        "would be swapped to a medium",
        "swap is on: /dev/sda2 (plain)",
        () =>
          storeWith({ swapAreas: () => [{ path: "/dev/sda2", kind: "plain" }] }).create(newLease(), 8, base),
      ],
    ])("is refused, and nothing is left of it, when it %s", async (_, reason, create) => {
      const refused = create();
      await expect(refused).rejects.toBeInstanceOf(OverlayError);
      await expect(refused).rejects.toThrow(reason);
      await refused.catch(() => undefined);
      expect(storeWith().leases()).toEqual([]);
      expect(readMounts().some(({ at }) => at.startsWith(`${folder}/`))).toBe(false);
    });

    test("does not lie upon an image that itself lies upon another, which a guest may have made", async () => {
      const upper = join(lab.folder, "upper.qcow2");
      await createOverlay(upper, base, 8);
      const refused = storeWith().create(newLease(), 8, { path: upper, format: "qcow2" });
      await expect(refused).rejects.toThrow("lies upon another image");
      await refused.catch(() => undefined);
    });

    test("is made once a lease, and for one of two that ask at once where there is room for one", async () => {
      const [store, lease] = [storeWith({ memoryShareMiB: 24 }), newLease()];
      const both = await Promise.allSettled([
        store.create(lease, 12, base),
        store.create(newLease(), 12, base),
      ]);
      expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
      await expect(store.create(lease, 8, base)).rejects.toThrow("has a disk already");
      await store.create(newLease(), 8, base).catch(() => undefined);
      expect(store.leases()).toEqual([lease]);
    });

    test("of a lease that is over goes at the next start, that of a live one stays", async () => {
      const [live, over] = [newLease(), newLease()];
      const killed = storeWith();
      const { path } = await killed.create(live, 8, base);
      await killed.create(over, 8, base);
      const next = storeWith();
      expect(await next.sweep(new Set([live]))).toEqual([over]);
      expect(existsSync(path)).toBe(true);
      expect(next.leases()).toEqual([live]);
      expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
    });

    test("on a medium is encrypted, or there is none", async () => {
      const created = onMedium().create(newLease(), 32, base);
      if (cannotEncrypt) await expect(created).rejects.toThrow("more than the 0 MiB that memory has");
      else expect((await created).medium).toBe("encrypted");
    });

    encrypting("on a medium cannot be read there while it is in use, nor afterwards", async () => {
      const [store, lease, canary] = [onMedium(), newLease(), newCanary()];
      const { path } = await store.create(lease, 32, base);
      await writeThrough(path, canary, lab.folder);
      expect(await holdsText(path, canary)).toBe(true);
      expect(await holdsText(mapperPath(`omvm-${lease.slice(0, 10)}`), canary)).toBe(true);
      expect(await medium.holds(canary)).toBe(false);
      await store.destroy(lease);
      expect(await medium.holds(canary)).toBe(false);
      expect(await mappings("omvm-")).toEqual([]);
      expect((await run(["losetup", "--list", "--noheadings"])).includes(lease)).toBe(false);
      expect(store.leases()).toEqual([]);
      expect(await medium.holds(canary)).toBe(false);
    });

    encrypting("on a medium loses its key although somebody has it open", async () => {
      const [store, lease] = [onMedium(), newLease()];
      const { path } = await store.create(lease, 32, base);
      const holder = lab.spawn(["tail", "-f", path]);
      while (!(await tryRun(["ls", "-l", `/proc/${holder.pid}/fd`])).stdout.includes(path))
        await Bun.sleep(20);
      await store.destroy(lease);
      const { stdout } = await tryRun(["dmsetup", "table", "--showkeys", `omvm-${lease.slice(0, 10)}`]);
      expect(stdout).not.toContain("crypt");
      expect(store.leases()).toEqual([]);
      await holder.stop();
    });

    encrypting("on a medium goes when somebody has deleted its file, with its key", async () => {
      const [store, lease] = [onMedium(), newLease()];
      await store.create(lease, 32, base);
      await run(["umount", join(folder, lease)]);
      rmSync(join(medium.at, "volumes", `${lease}.volume`));
      await store.sweep(new Set());
      expect(await mappings("omvm-")).toEqual([]);
      expect((await run(["losetup", "--list", "--noheadings"])).includes("deleted")).toBe(false);
    });
  },
);
