// One box's batman-adv as a process of its own, over the interfaces that it is given: what the guest tests start.
import { createHash } from "node:crypto";
import { defaultConfig } from "../../src/config/index.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { MeshInterface } from "../../src/wifi/air/mesh-interfaces.ts";
import { BatmanPart } from "../../src/wifi/batman/index.ts";

const [box = "", radios = "[]", wires = "[]"] = process.argv.slice(2);
const part = new BatmanPart({
  config: { ...defaultConfig().wifi.mesh, wires: JSON.parse(wires) as string[] },
  keyHash: createHash("sha256").update(box).digest(),
  meshInterfaces: { current: JSON.parse(radios) as MeshInterface[], onChange: () => () => undefined },
  guestPorts: [],
  runFolder: `/run/mesh-node-${box}`,
  timers: systemTimers,
  log: createLog({ level: "debug" }),
});
await part.start();
console.log(`up: ${part.detail()} ${part.trouble() ?? ""}`);
setInterval(() => console.log(`${part.detail()} ${part.trouble() ?? ""}`), 2_000);
process.on("SIGTERM", () => void part.stop().then(() => process.exit(0)));
