import { describe, expect, test } from "bun:test";
import { tryRun } from "../../../../src/host/run.ts";
import { WireGuardDevice, whyNotEntered } from "../../../../src/mesh/tunnels/wireguard-device.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const hasIp = Bun.which("ip") !== null;

/** A tunnel's end that is to be in a namespace which is not there. */
const device = (netns: string) => {
  const wish = { netns, addresses: ["10.66.0.1/24"], allowedIps: ["10.66.0.2/32"] };
  return new WireGuardDevice("omt-unit", "leader", wish, scratch(), capturedLog().log);
};

describe("an end of a tunnel in a network namespace", () => {
  test.skipIf(!hasIp)("says that it cannot be entered before anything is made", async () => {
    await expect(device("omt-none").ensure()).rejects.toThrow(
      'device.netns: omt-none cannot be entered: Cannot open network namespace "omt-none"',
    );
    expect((await tryRun(["ip", "link", "show", "omt-unit"])).exitCode).not.toBe(0);
  });

  test("says what rights are missing, and where they are given", () => {
    // As ip of iproute2 6.1 without CAP_SYS_ADMIN.
    const stderr = 'setting the network namespace "vm7" failed: Operation not permitted\n';
    expect(whyNotEntered("vm7", stderr)).toBe(
      "device.netns: vm7 cannot be entered: the daemon lacks the rights for it (CAP_SYS_ADMIN; see namespaces.conf in /usr/share/omerta-box)",
    );
  });
});
