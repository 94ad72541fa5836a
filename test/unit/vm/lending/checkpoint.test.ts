import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  agreementKeyOf,
  CheckpointShelf,
  Checkpoints,
  machineKind,
  openSealedKey,
  sealKey,
  signCheckpointAsk,
  USUAL_SHELF,
} from "../../../../src/vm/checkpoint/index.ts";
import type { LenderNews } from "../../../../src/vm/lending/index.ts";
import { LibvirtError, LibvirtTimeoutError } from "../../../../src/vm/libvirt/index.ts";
import { saveHeaderLength } from "../../../../src/vm/libvirt/save-file.ts";
import { type LeaseRequest, signLeaseCommand, signLeaseRequest } from "../../../../src/vm/request/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { member, policy } from "../admission/fixed-case.ts";
import { box, countingBytes, otherBox } from "../checkpoint/fixed-checkpoint.ts";
import { endsIn, leaseId } from "../leases/store-stand.ts";
import { fixedRequest, hex, requester, stranger } from "../request/fixed-request.ts";
import { eventually, IMAGE, lending } from "./played-ground.ts";

// Each waits for what is brought onto a medium, several times.
setDefaultTimeout(60_000);
const scratch = scratchFolders();
const resources = { ...fixedRequest().resources, diskMiB: 0 };
let serial = fixedRequest().createdAt;

function asked(number: number, rest: Partial<LeaseRequest> = {}, by = requester): Uint8Array {
  serial += 1;
  const id = { id: leaseId(number), requester: hex(by.publicKey), createdAt: serial };
  return signLeaseRequest(fixedRequest({ ...id, image: "small", resources, ...rest }), by);
}

function says(kind: "checkpoint" | "release", number: number): Uint8Array {
  serial += 1;
  const lease = leaseId(number);
  return signLeaseCommand({ requester: hex(requester.publicKey), serial, kind, lease }, requester);
}

describe("a box that saves machines", () => {
  const stands: ReturnType<typeof made>[] = [];
  afterEach(async () => {
    for (const stand of stands.splice(0)) {
      stand.played.failing.clear();
      stand.played.held.clear();
      await stand.lender.stop();
      stand.store.close();
      stand.journal.close();
    }
  });

  function made(
    key = box,
    more: Parameters<typeof lending>[1] = {},
    ground: Parameters<typeof lending>[2] = {},
  ) {
    const folder = scratch();
    const shelf = join(folder, "shelf");
    const random = countingBytes(key === box ? 3 : 5);
    const checkpoints = new Checkpoints({
      shelf: new CheckpointShelf({
        ...{ folder: shelf, limits: { ...USUAL_SHELF, keptFreeBytes: 0 }, log: capturedLog().log },
        clock: { monotonicMs: () => 0 },
      }),
      ...{ key, randomBytes: random, images: () => [IMAGE] },
      trusts: (name) => name === hex(box.publicKey),
      machine: async () => machineKind("x64", "emulation", 7_002_022, () => ""),
      refusalOf: () => undefined,
    });
    const stand = lending(folder, more, { checkpoints, isSupervised: () => true, ...ground });
    return { ...stand, checkpoints, shelf };
  }

  async function start(...of: Parameters<typeof made>) {
    const stand = made(...of);
    stands.push(stand);
    await stand.checkpoints.start();
    await stand.lender.start();
    stand.played.calls.length = 0;
    return stand;
  }

  function listen({ lender }: ReturnType<typeof made>, number: number): LenderNews[] {
    const told: LenderNews[] = [];
    lender.events(leaseId(number), (news) => told.push(news));
    return told;
  }
  const has = (told: readonly LenderNews[], what: LenderNews["is"]) => () =>
    told.some(({ is }) => is === what);

  /** A machine that runs, and is saved. */
  async function saved(stand: ReturnType<typeof made>, number = 1) {
    const told = listen(stand, number);
    await stand.lender.request(asked(number), member);
    await eventually("it runs", has(told, "running"));
    await stand.lender.command(says("checkpoint", number));
    await eventually("it is saved", () => has(told, "checkpointed")() || has(told, "notSaved")());
    return told;
  }

  /** What a requester does to have it go on at another box. */
  async function brought(
    from: ReturnType<typeof made>,
    to: ReturnType<typeof made>,
    change = (_: Uint8Array) => {},
  ) {
    const fetching = { kind: "fetch", requester: hex(requester.publicKey), checkpoint: leaseId(1) } as const;
    const found = from.checkpoints.fetch(leaseId(1), signCheckpointAsk(fetching, requester));
    if (!found) throw new Error("there is none");
    const bytes = new Uint8Array(readFileSync(found.path));
    const offer = { kind: "offer", requester: hex(requester.publicKey), head: found.head } as const;
    const answer = await to.checkpoints.offer(signCheckpointAsk(offer, requester), member);
    if (answer.is === "refused") throw new Error(answer.why);
    change(bytes);
    const rest = bytes.subarray(answer.have);
    const pieces = (async function* () {
      if (rest.length > 0) yield rest;
    })();
    if (rest.length > 0) await to.checkpoints.append(leaseId(1), answer.token, answer.have, pieces);
    const fileKey = openSealedKey(found.head.header.sealedKey, agreementKeyOf(requester), "requester");
    const sealed = sealKey(fileKey, Buffer.from(answer.box, "base64"), "box", countingBytes(9));
    return { checkpoint: leaseId(1), key: hex(sealed) };
  }

  test("stops the machine, keeps QEMU's stream alone, sealed, and takes away the rest", async () => {
    const stand = await start();
    await saved(stand);
    const { calls, rooms } = stand.played;
    expect(calls.slice(calls.indexOf("suspend"))).toEqual(
      expect.arrayContaining(["suspend", "room", "save", "destroy", "down"]),
    );
    expect(rooms.size).toBe(0);
    expect(readdirSync(stand.shelf)).toEqual([`${leaseId(1)}.checkpoint`]);
    const file = readFileSync(join(stand.shelf, `${leaseId(1)}.checkpoint`));
    expect(file.includes("memory and devices")).toBe(false);
    await stand.lender.command(says("release", 1));
    await eventually("it is over", () => endsIn(stand.journal).length === 1);
    // Whoever was lent it may take it elsewhere for a time.
    expect(readdirSync(stand.shelf)).toHaveLength(1);
  });

  test("says that it could not save what it could not, and lets it go on", async () => {
    const stand = await start();
    stand.played.failing.set("room", "there is no room");
    const told = await saved(stand);
    expect(told.find(({ is }) => is === "notSaved")).toEqual({ is: "notSaved", why: "there is no room" });
    await eventually("it goes on", has(told, "resumed"));
    expect(stand.played.calls).not.toContain("save");
    expect(readdirSync(stand.shelf)).toEqual([]);
  });

  test("lets a machine that another has saved go on: isolated, its tunnel there, of its own domain's words, before it runs", async () => {
    const [one, two] = [await start(), await start(otherBox)];
    one.played.state = Buffer.from("a".repeat(100_000));
    await saved(one);
    const restoreFrom = await brought(one, two);
    const told = listen(two, 2);
    expect(await two.lender.request(asked(2, { restoreFrom }), member)).toMatchObject({ is: "admitted" });
    await eventually("it runs", has(told, "running"));
    expect(two.played.calls).toEqual([
      ...["up", "room", "restore", "attach", "handshake", "resume", "hello", "renew"],
    ]);
    const [file] = two.played.restored;
    const header = file?.subarray(0, saveHeaderLength(file)) ?? Buffer.alloc(0);
    // Nothing of what the first box called it.
    expect(header.toString()).toContain(leaseId(2).slice(0, 10));
    expect(header.toString()).not.toContain("<domain/>");
    expect(file?.subarray(header.length).equals(one.played.state)).toBe(true);
    expect(readdirSync(two.shelf)).toEqual([]);
    expect(two.played.rooms.size).toBe(0);
  });

  test("refuses at once whom it does not belong to, what is not there, and another's seal", async () => {
    const [one, two] = [await start(), await start(otherBox)];
    await saved(one);
    const restoreFrom = await brought(one, two);
    const refusal = async (number: number, rest: Partial<LeaseRequest>, by = requester) => {
      const answer = await two.lender.request(asked(number, rest, by), member);
      return answer.is === "refused" ? answer.why : answer.is;
    };
    const nothing = "request.restoreFrom: is nothing of yours that is here";
    expect(await refusal(3, { restoreFrom }, stranger)).toBe(nothing);
    expect(await refusal(4, { restoreFrom: { ...restoreFrom, checkpoint: leaseId(9) } })).toBe(nothing);
    const key = `${restoreFrom.key.slice(0, -2)}${restoreFrom.key.endsWith("00") ? "01" : "00"}`;
    expect(await refusal(5, { restoreFrom: { ...restoreFrom, key } })).toContain(
      "was not sealed for this one",
    );
    const larger = { ...resources, memoryMiB: 512 };
    expect(await refusal(6, { restoreFrom, resources: larger })).toContain("request.resources.memoryMiB");
    expect(two.played.calls).toEqual([]);
    expect(endsIn(two.journal)).toHaveLength(4);
  });

  test("starts nothing of a file that was changed, which is not kept", async () => {
    const [one, two] = [await start(), await start(otherBox)];
    await saved(one);
    const restoreFrom = await brought(one, two, (bytes) => {
      const at = bytes.length - 70;
      bytes[at] = (bytes[at] ?? 0) ^ 4;
    });
    const told = listen(two, 2);
    await two.lender.request(asked(2, { restoreFrom }), member);
    await eventually("it is over", () => endsIn(two.journal).length === 1);
    expect(told.at(-1)).toMatchObject({ is: "ended", outcome: "failed" });
    expect(two.played.calls).not.toContain("restore");
    expect(two.played.calls).not.toContain("resume");
    expect(readdirSync(two.shelf)).toEqual([]);
  });

  test("does not believe what a box has saved that it does not know", async () => {
    const [one, two] = [await start(otherBox), await start()];
    await saved(one);
    expect(await brought(one, two).catch((error: Error) => error.message)).toBe(
      "checkpoint.savedBy: is no box that this one believes",
    );
  });

  test("takes pieces from who has made the offer alone", async () => {
    const [one, two] = [await start(), await start(otherBox)];
    await saved(one);
    await brought(one, two);
    const none = (async function* () {
      yield Uint8Array.of(1);
    })();
    await expect(two.checkpoints.append(leaseId(1), "0".repeat(64), 0, none)).rejects.toThrow("token");
  });

  test("has nothing go on while nobody would end it, were the box's program to die", async () => {
    const one = await start();
    const two = await start(otherBox, {}, { isSupervised: () => false });
    await saved(one);
    const restoreFrom = await brought(one, two);
    await two.lender.request(asked(2, { restoreFrom }), member);
    await eventually("it is over", () => endsIn(two.journal).length === 1);
    expect(two.played.calls).not.toContain("restore");
    // It may be tried again.
    expect(readdirSync(two.shelf)).toHaveLength(1);
  });

  test("does not let a machine run whose tunnel cannot be looked at", async () => {
    const [one, two] = [await start(), await start(otherBox)];
    await saved(one);
    const restoreFrom = await brought(one, two);
    two.played.failing.set("handshake", "tunnel: is gone");
    const told = listen(two, 2);
    await two.lender.request(asked(2, { restoreFrom }), member);
    await eventually("it is over", () => endsIn(two.journal).length === 1);
    expect(told.at(-1)).toMatchObject({ is: "ended", outcome: "failed", why: "tunnel: is gone" });
    expect(two.played.calls).not.toContain("resume");
    expect(readdirSync(two.shelf)).toHaveLength(1);
  });

  test("saves who must make room for one that goes first", async () => {
    const first = { requester: hex(stranger.publicKey), network: undefined, source: undefined };
    const rule = { ...first, reputation: { least: 0, most: 100 }, verdict: "allow", priority: 99 } as const;
    const stand = await start(box, {
      policy: policy({ accept: "all", rules: [rule] }),
      capability: () => ({ cpus: 1, memoryMiB: 256, diskMiB: 0, images: ["small"] }),
    });
    const told = listen(stand, 1);
    await stand.lender.request(asked(1, { network: undefined }), member);
    await eventually("it runs", has(told, "running"));
    const answer = await stand.lender.request(
      asked(2, { id: "f".repeat(32), network: undefined }, stranger),
      member,
    );
    expect(answer).toMatchObject({ is: "admitted" });
    expect(told.at(-1)).toMatchObject({ is: "ended", outcome: "displaced", hasCheckpoint: true });
    expect(readdirSync(stand.shelf)).toEqual([`${leaseId(1)}.checkpoint`]);
  });

  test("suspends at once what is punished while its guest does not answer", async () => {
    const stand = await start();
    const never = Promise.withResolvers<void>();
    stand.played.held.set("hello", never.promise);
    const told = listen(stand, 1);
    await stand.lender.request(asked(1), member);
    await eventually("its guest is asked", () => stand.played.calls.includes("hello"));
    const [one] = stand.lender.leases();
    void one?.lease.on({ type: "punished", by: "suspension", why: "rogue" });
    await eventually("it stands still", () => stand.played.calls.includes("suspend"));
    await eventually("it is told", has(told, "suspended"));
    expect(endsIn(stand.journal)).toEqual([]);
    expect(one?.lease.state.phase).toBe("suspended");
    never.resolve();
  });

  test("looks on for a machine that libvirt was asked for in vain, until it has come and is gone", async () => {
    const folder = scratch();
    let comes = false;
    const { libvirt } = lending(folder).played.ground(folder);
    const stand = await start(
      box,
      {},
      {
        libvirt: {
          ...libvirt,
          create: async () => {
            throw new LibvirtTimeoutError("create", 30_000);
          },
          destroy: async () => comes,
        },
      },
    );
    const told = listen(stand, 1);
    await stand.lender.request(asked(1), member);
    await eventually("it begins to end", () => stand.lender.ending().length === 1);
    await Bun.sleep(20);
    // It could still come: it is not forgotten.
    expect(stand.lender.leases()).toHaveLength(1);
    comes = true;
    for (let second = 0; second < 4 && stand.lender.leases().length > 0; second += 1) {
      stand.clocks.time.advance(1_000);
      await Bun.sleep(20);
    }
    await eventually("it is gone", () => stand.lender.leases().length === 0);
    expect(told.at(-1)).toMatchObject({ is: "ended", outcome: "failed" });
  });

  test("starts no image that is for another processor", async () => {
    const stand = await start(box, { images: () => [{ ...IMAGE, architecture: "arm64" }] });
    expect(await stand.lender.request(asked(1), member)).toEqual({
      is: "refused",
      why: "the image small is for arm64, and this box is amd64",
    });
    expect(stand.played.calls).toEqual([]);
  });

  test("takes a refusal of libvirt for a machine that is there as before", async () => {
    const folder = scratch();
    const { libvirt } = lending(folder).played.ground(folder);
    const refuses = async () => {
      throw new LibvirtError("save", "no space", 38, 10);
    };
    const stand = await start(box, {}, { libvirt: { ...libvirt, save: refuses } });
    const told = await saved(stand);
    expect(told.find(({ is }) => is === "notSaved")).toMatchObject({
      why: expect.stringContaining("no space"),
    });
    await eventually("it goes on", has(told, "resumed"));
  });
});
