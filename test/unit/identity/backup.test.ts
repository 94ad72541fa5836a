import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Encrypter } from "age-encryption";
import fc from "fast-check";
import { openBackup, sealBackup } from "../../../src/identity/backup.ts";
import { openDeviceKey } from "../../../src/identity/device-key.ts";
import { BackupError } from "../../../src/identity/index.ts";
import { scratchFolders } from "../scratch.ts";
import { inviteBy, openBox, syncAll } from "./network.ts";

const scratch = scratchFolders();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const PASSPHRASE = "grid duck problem valid";

async function sealed(text: string, workFactor = 10): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(PASSPHRASE);
  encrypter.setScryptWorkFactor(workFactor);
  return encrypter.encrypt(text);
}

describe("an export", () => {
  test("brings a box back on another device: its networks, and its device key where that is asked for", async () => {
    const old = openBox(scratch());
    const founded = old.memberships.found("Harbour");
    founded.rotate();
    const joined = old.memberships.join(inviteBy(openBox(scratch()).memberships.found("Mill"))).membership;
    const file = await old.memberships.exportTo(PASSPHRASE);
    const fresh = openBox(scratch());
    const report = await fresh.memberships.importFrom(file, PASSPHRASE, { deviceKey: "replace" });
    expect(report).toEqual({
      added: [founded.id, joined.id],
      merged: [],
      refused: [],
      deviceKey: "replaced",
    });
    const again = openBox(fresh.folder).memberships;
    expect(openDeviceKey(fresh.folder).publicKey).toEqual(openDeviceKey(old.folder).publicKey);
    for (const membership of [founded, joined]) {
      const read = again.get(membership.id);
      expect([read?.publicKey, read?.chain(), read?.isFounder, read?.statements()]).toEqual([
        membership.publicKey,
        membership.chain(),
        membership.isFounder,
        membership.statements(),
      ]);
    }
  });

  test("leaves the device key alone where nothing else is asked for, and keeps a replaced one", async () => {
    const [old, fresh] = [openBox(scratch()), openBox(scratch())];
    const file = await old.memberships.exportTo(PASSPHRASE);
    const own = hex(openDeviceKey(fresh.folder).publicKey);
    const before = readFileSync(join(fresh.folder, "device-key.json"), "utf8");
    expect((await fresh.memberships.importFrom(file, PASSPHRASE)).deviceKey).toBe("kept");
    expect(hex(openDeviceKey(fresh.folder).publicKey)).toBe(own);
    expect((await old.memberships.importFrom(file, PASSPHRASE)).deviceKey).toBe("same");
    await fresh.memberships.importFrom(file, PASSPHRASE, { deviceKey: "replace" });
    const aside = join(fresh.folder, "device-key.json.replaced.1");
    expect(readFileSync(aside, "utf8")).toBe(before);
    for (const name of readdirSync(fresh.folder).filter((name) => name.startsWith("device-key"))) {
      expect(statSync(join(fresh.folder, name)).mode & 0o777).toBe(0o600);
    }
  });

  test("adds to a network that the box is in already, and takes nothing away", async () => {
    const founderBox = openBox(scratch());
    const founder = founderBox.memberships.found("Harbour");
    const file = await founderBox.memberships.exportTo(PASSPHRASE);
    const other = openBox(scratch());
    const { membership } = other.memberships.join(inviteBy(founder));
    syncAll(founder, membership);
    membership.accept(founder.rotate());
    const [seed, statements] = [hex(membership.seed), membership.statements()];
    const report = await other.memberships.importFrom(file, PASSPHRASE);
    expect(report.merged).toEqual([founder.id]);
    expect([hex(membership.seed), membership.statements()]).toEqual([seed, statements]);
    // The network's own key came with it.
    expect([membership.isFounder, membership.canRevoke]).toEqual([true, true]);
  });

  test("whose device key is none changes nothing", async () => {
    const founder = openBox(scratch()).memberships.found("Harbour");
    const file = await sealBackup({ deviceKey: "none", networks: [founder.data()] }, PASSPHRASE, 10);
    const box = openBox(scratch());
    await expect(box.memberships.importFrom(file, PASSPHRASE)).rejects.toThrow("export.deviceKey");
    expect(box.memberships.list()).toEqual([]);
  });

  test("has nothing in it that can be read without the passphrase", async () => {
    const box = openBox(scratch());
    const network = box.memberships.found("Harbour");
    const text = Buffer.from(await box.memberships.exportTo(PASSPHRASE)).toString("latin1");
    for (const secret of ["Harbour", "PRIVATE KEY", Buffer.from(network.seed).toString("base64")]) {
      expect(text).not.toContain(secret);
    }
  });

  test("is not made with a short passphrase, and says what one needs", () => {
    const { memberships } = openBox(scratch());
    expect(memberships.exportTo("too short")).rejects.toThrow(
      "passphrase: 9 characters; it needs at least 10",
    );
  });

  test.each<[string, () => Promise<Uint8Array>, string]>([
    [
      "another passphrase",
      () => sealed("{}").then((file) => flipped(file, -1)),
      "the passphrase is wrong, or the file is damaged",
    ],
    ["no age file", async () => Buffer.from("age"), "is no age file with a passphrase"],
    ["no JSON in it", () => sealed("hello"), "has no JSON in it"],
    ["other JSON in it", () => sealed('{"omertaBox":"export 2"}'), "export.omertaBox"],
    [
      "a scrypt that would take a gigabyte",
      async () => withWorkFactor(await sealed("{}"), 20),
      "its scrypt work factor is 20",
    ],
  ])("is refused with %s, and nothing is changed", async (_, make, why) => {
    const { memberships, folder } = openBox(scratch());
    const file = await make();
    expect(memberships.importFrom(file, PASSPHRASE, { deviceKey: "replace" })).rejects.toThrow(why);
    expect(readdirSync(folder).sort()).toEqual(["device-key.json", "device-key.json.previous"]);
  });

  test("with one bad network gives the others, and says which was refused and why", async () => {
    const box = openBox(scratch());
    const [a, b] = [box.memberships.found("Harbour"), box.memberships.found("Mill")];
    const { deviceKey, networks } = await openBackup(await box.memberships.exportTo(PASSPHRASE), PASSPHRASE);
    const bad = networks.map((data) =>
      data.name === "Mill" ? { ...data, memberSeed: Buffer.alloc(32).toString("base64") } : data,
    );
    const file = await sealed(JSON.stringify({ omertaBox: "export 1", deviceKey, networks: bad }));
    const report = await openBox(scratch()).memberships.importFrom(file, PASSPHRASE);
    expect(report.added).toEqual([a.id]);
    expect(report.refused).toEqual([{ network: b.id, why: "chain.0.subject: is not this box" }]);
  });

  test("of garbage throws its own error", async () => {
    const genuine = await sealed("{}");
    const damaged = fc
      .tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 }))
      // Not within the work factor: 2^18 is allowed, and slow.
      .filter(([at]) => at < 40 || at > 64)
      .map(([at, bits]) => flipped(genuine, at, bits));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged), async (bytes) => {
        expect(openBackup(bytes, PASSPHRASE)).rejects.toBeInstanceOf(BackupError);
      }),
      { numRuns: 60 },
    );
  });
});

function flipped(bytes: Uint8Array, at: number, bits = 1): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ bits;
  return copy;
}

const withWorkFactor = (file: Uint8Array, factor: number): Uint8Array =>
  Buffer.from(
    Buffer.from(file)
      .toString("latin1")
      .replace(/^(-> scrypt \S+) 10$/m, `$1 ${factor}`),
    "latin1",
  );
