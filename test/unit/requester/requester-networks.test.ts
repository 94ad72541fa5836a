import { describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { InviteError } from "../../../src/identity/index.ts";
import { RequesterNetworks } from "../../../src/requester/requester-networks.ts";
import { FakeClock } from "../fake-clock.ts";
import { DAY_S, inviteBy, openBox } from "../identity/network.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");

/** A box with two networks, and a requester's folder. */
function harbour() {
  const box = openBox(scratch());
  const [network, other] = [box.memberships.found("Harbour"), box.memberships.found("Mill")];
  const folder = scratch();
  const told: string[] = [];
  const clock = new FakeClock();
  const open = () => RequesterNetworks.open(folder, clock, (message) => told.push(message));
  return { network, other, folder, told, clock, open };
}

describe("a requester's networks", () => {
  test("are joined by an invite alone, and are the same after a restart", () => {
    const { network, open, told } = harbour();
    const { network: joined, outcome } = open().join(inviteBy(network, { role: "requester" }), "laptop");
    expect(outcome).toBe("joined");
    expect(joined).toMatchObject({ id: network.id, name: "Harbour", role: "requester", problem: undefined });
    const again = open();
    expect(again.list()).toEqual([joined]);
    const [passport, key] = [again.passport(network.id), again.keyIn(network.id)];
    if (!passport || !key) throw new Error("is in it");
    // A box of the network takes what it shows, for the key that it signs with.
    expect(network.check(passport.chain(), key.publicKey)).toMatchObject({
      role: "requester",
      name: "laptop",
    });
    expect(hex(passport.sharedKeys()[0])).toBe(hex(network.sharedKeys()[0]));
    expect(told).toEqual([]);
  });

  test("know it by another key each", () => {
    const { network, other, open } = harbour();
    const networks = open();
    for (const one of [network, other]) networks.join(inviteBy(one, { role: "requester" }));
    expect(hex(networks.keyIn(network.id)?.publicKey)).not.toBe(hex(networks.keyIn(other.id)?.publicKey));
  });

  test("are kept where their owner alone can read them", () => {
    const { network, folder, open } = harbour();
    open().join(inviteBy(network));
    expect(statSync(join(folder, "networks")).mode & 0o777).toBe(0o700);
    const files = readdirSync(join(folder, "networks")).map((name) => join(folder, "networks", name));
    for (const file of [...files, join(folder, "device-key.json")])
      expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(files.length).toBeGreaterThan(0);
  });

  test("are found by id or name, and by neither of two that are called alike", () => {
    const { network, open } = harbour();
    const namesake = openBox(scratch()).memberships.found("Harbour");
    const networks = open();
    networks.join(inviteBy(network));
    expect(networks.find("Harbour")?.id).toBe(network.id);
    networks.join(inviteBy(namesake));
    expect(networks.find("Harbour")).toBeUndefined();
    expect(networks.find(namesake.id)?.id).toBe(namesake.id);
  });

  test("say when a certificate has expired, and are left with nothing of them", () => {
    const { network, open, clock, folder } = harbour();
    const networks = open();
    networks.join(inviteBy(network, { expiresS: DAY_S }));
    clock.pass(2 * DAY_S * 1_000);
    expect(networks.list()[0]?.problem).toContain("expired");
    expect(networks.leave(network.id)).toBe(true);
    expect(networks.leave(network.id)).toBe(false);
    expect([networks.passport(network.id), networks.keyIn(network.id)]).toEqual([undefined, undefined]);
    expect(readdirSync(join(folder, "networks"))).toEqual([]);
  });

  test("are not joined by what is no invite", () => {
    const { open } = harbour();
    expect(() => open().join("omerta://invite/none")).toThrow(InviteError);
  });
});
