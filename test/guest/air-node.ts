// The radios' part of a box as a process of its own, with a bridge for guests: what the guest tests start where they need no
// portal. Its first argument is a folder for what is generated, the second its part of the configuration as JSON.
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Journal } from "../../src/store/index.ts";
import { WifiPart } from "../../src/wifi/air/index.ts";

const [folder = "/run/air-node", config = "{}"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const journal = new Journal(join(folder, "journal.sqlite"), systemClock, 1_000);
journal.open();
const part = new WifiPart({
  config: { ...defaultConfig().wifi, ...JSON.parse(config) },
  bridge: "br-guest",
  runFolder: join(folder, "wifi"),
  deviceHash: createHash("sha256").update(folder).digest(),
  sharedKey: () => new Uint8Array(32).fill(1),
  timers: systemTimers,
  journal,
  log: createLog({ level: "debug" }),
});
part.onChange((meshes) => console.log(`meshes: ${meshes.map(({ name }) => name).join(" ")}`));
await part.start();
let before = "";
setInterval(() => {
  const now = `${part.detail()}${part.trouble() === undefined ? "" : ` TROUBLE ${part.trouble()}`}`;
  if (now !== before) console.log(now);
  before = now;
}, 50);
process.on("SIGTERM", async () => {
  await part.stop();
  console.log("stopped");
  process.exit(0);
});
