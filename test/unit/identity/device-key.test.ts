import { describe, expect, test } from "bun:test";
import { createPublicKey, sign, verify } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDeviceKey } from "../../../src/identity/index.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

describe("the key of the device", () => {
  test("is made once and is the same after every restart", () => {
    const folder = scratch();
    const first = openDeviceKey(folder);
    const again = openDeviceKey(folder);
    expect(Buffer.from(again.publicKey)).toEqual(Buffer.from(first.publicKey));
    expect(Buffer.from(again.hash)).toEqual(Buffer.from(first.hash));
  });

  test("is another one on every device", () => {
    expect(Buffer.from(openDeviceKey(scratch()).hash)).not.toEqual(
      Buffer.from(openDeviceKey(scratch()).hash),
    );
  });

  test("is an Ed25519 key of which the raw public half and its hash are given", () => {
    const { privateKey, publicKey, hash } = openDeviceKey(scratch());
    expect([privateKey.asymmetricKeyType, publicKey.length, hash.length]).toEqual(["ed25519", 32, 32]);
    const signature = sign(null, Buffer.from("omerta"), privateKey);
    expect(verify(null, Buffer.from("omerta"), createPublicKey(privateKey), signature)).toBe(true);
    expect(Buffer.from(hash).toString("hex")).toBe(
      new Bun.CryptoHasher("sha256").update(publicKey).digest("hex"),
    );
  });

  test("can be read by the daemon alone, also after somebody opened it up", () => {
    const folder = scratch();
    openDeviceKey(folder);
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644);
    openDeviceKey(folder);
    expect(statSync(join(folder, "device-key.json")).mode & 0o777).toBe(0o600);
  });

  test("that was torn by a power cut is set aside, not written over", () => {
    const folder = scratch();
    openDeviceKey(folder);
    const path = join(folder, "device-key.json");
    const torn = readFileSync(path, "utf8").slice(0, 40);
    writeFileSync(path, torn);
    openDeviceKey(folder);
    expect(readFileSync(`${path}.torn.1`, "utf8")).toBe(torn);
  });

  test("that was torn by a power cut is the same still: another copy of it was kept", () => {
    const folder = scratch();
    const { hash } = openDeviceKey(folder);
    writeFileSync(join(folder, "device-key.json"), "");
    expect(Buffer.from(openDeviceKey(folder).hash).toString("hex")).toBe(Buffer.from(hash).toString("hex"));
  });

  test("that is whole in form but no key is not taken for one", () => {
    const folder = scratch();
    const path = join(folder, "device-key.json");
    const broken = "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n";
    writeFileSync(path, JSON.stringify({ privateKey: broken }));
    expect(openDeviceKey(folder).publicKey.length).toBe(32);
  });

  test("that cannot be written is used all the same, and the operator is told", () => {
    const told: string[] = [];
    const { publicKey } = openDeviceKey("/proc/no-such-folder", (message) => void told.push(message));
    expect(publicKey.length).toBe(32);
    expect(told).toEqual([expect.stringContaining("the device key is not kept: ")]);
  });

  test("that was torn is told to the operator, and a new one only where every copy was", () => {
    const folder = scratch();
    const told: string[] = [];
    const open = () => openDeviceKey(folder, (message) => void told.push(message));
    open();
    expect(told).toEqual([]);
    writeFileSync(join(folder, "device-key.json"), "");
    open();
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("the device key was torn");
    told.length = 0;
    for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "");
    open();
    expect(told.at(-1)).toBe("this box has a new device key");
  });
});
