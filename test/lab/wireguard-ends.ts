import { createLog } from "../../src/host/log.ts";
import { type DeviceWish, WireGuardDevice } from "../../src/mesh/tunnels/wireguard-device.ts";
import { clearWireGuardLeftovers } from "../../src/mesh/tunnels/wireguard-process.ts";

/*
 * Makes WireGuard interfaces in a lab's namespace, or removes what another run has left:
 * bun test/lab/wireguard-ends.ts RUN-FOLDER make NAME [NETNS] | clear
 */

const [runFolder = "", what, name = "", netns] = process.argv.slice(2);
if (what === "clear") await clearWireGuardLeftovers(runFolder);
else {
  const wish: DeviceWish = { addresses: ["10.66.0.1/24"], allowedIps: [], ...(netns ? { netns } : {}) };
  const device = new WireGuardDevice(name, "leader", wish, runFolder, createLog({ level: "error" }));
  try {
    await device.ensure();
    console.log("made");
    // As killed.
    process.exit(0);
  } catch (error) {
    console.log(error instanceof Error ? error.message : String(error));
    process.exit(0);
  }
}
