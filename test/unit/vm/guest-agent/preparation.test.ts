import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GuestAgentError } from "../../../../src/vm/guest-agent/guest-agent-error.ts";
import { hostKeyFrom } from "../../../../src/vm/guest-agent/host-key.ts";
import { type GuestPreparation, preparationRequests } from "../../../../src/vm/guest-agent/preparation.ts";
import { GUEST_LINK } from "../../../../src/vm/guest-link.ts";

const PREPARATION: GuestPreparation = {
  seed: new Uint8Array(32).fill(7),
  timeMs: 1_800_000_000_123.4,
  dns: "10.9.8.7",
  sshKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
  hostKey: undefined,
};

describe("what makes a machine one requester's", () => {
  test("its randomness comes first, before the key that it makes", () => {
    expect(preparationRequests(PREPARATION)).toEqual([
      { command: "seed", arguments: [Buffer.from(PREPARATION.seed).toString("base64")] },
      { command: "time", arguments: ["1800000000123"] },
      { command: "dns", arguments: ["10.9.8.7"] },
      { command: "key", arguments: ["ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5"] },
      { command: "hostkey", arguments: [] },
    ]);
  });

  test("a key that the host has made is handed in", () => {
    const hostKey = hostKeyFrom(new Uint8Array(32).fill(3));
    expect(preparationRequests({ ...PREPARATION, hostKey }).at(-1)).toEqual({
      command: "hostkey",
      arguments: [Buffer.from(hostKey.dropbear).toString("base64")],
    });
  });

  test("nobody to ask for names is said", () => {
    expect(preparationRequests({ ...PREPARATION, dns: undefined })).toContainEqual({
      command: "dns",
      arguments: ["-"],
    });
  });

  test("what would be something else in the guest is refused by its name", () => {
    const wrong: [string, Partial<GuestPreparation>][] = [
      ["seed", { seed: new Uint8Array(31) }],
      ["time", { timeMs: Number.NaN }],
      ["time", { timeMs: 0 }],
      ["time", { timeMs: 1e15 }],
      ["dns", { dns: "names.example" }],
      ["dns", { dns: "10.0.0.1\noptions rotate" }],
      ["dns", { dns: "" }],
      ["key", { sshKey: 'command="sh" ssh-ed25519 AAAA' }],
      ["key", { sshKey: "ssh-ed25519 AAAA comment" }],
      ["key", { sshKey: "ssh-ed25519 AAAA\nssh-ed25519 BBBB" }],
      ["key", { sshKey: "" }],
    ];
    for (const [step, fields] of wrong) {
      let error: unknown;
      try {
        preparationRequests({ ...PREPARATION, ...fields });
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(GuestAgentError);
      expect(error).toMatchObject({ step });
    }
  });
});

test("the guest takes the address and the gateway of its link", () => {
  const file = join(import.meta.dir, "../../../../image-build/guest/files/link.conf");
  const lines = readFileSync(file, "utf8").split("\n");
  expect(lines).toContain(`address=${GUEST_LINK.guestAddress}/${GUEST_LINK.prefixLength}`);
  expect(lines).toContain(`gateway=${GUEST_LINK.gatewayAddress}`);
});
