// The radios' part of a box as a process of its own, with a bridge for guests: what the guest tests start where they need no
// portal, with batman-adv over them. Its first argument is a folder for what is generated, the second its part of the
// configuration as JSON; with "radios" as the third it is the radios alone.
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Journal } from "../../src/store/index.ts";
import { WifiPart } from "../../src/wifi/air/index.ts";
import { BatmanPart } from "../../src/wifi/batman/index.ts";

const [folder = "/run/air-node", config = "{}", alone] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const journal = new Journal(join(folder, "journal.sqlite"), systemClock, 1_000);
journal.open();
const wifi = { ...defaultConfig().wifi, ...JSON.parse(config) };
const deviceHash = createHash("sha256").update(folder).digest();
const log = createLog({ level: "debug" });
const part = new WifiPart({
  config: wifi,
  bridge: "br-guest",
  runFolder: join(folder, "wifi"),
  deviceHash,
  sharedKey: () => new Uint8Array(32).fill(1),
  timers: systemTimers,
  journal,
  log,
});
const batman = new BatmanPart({
  config: wifi.mesh,
  keyHash: deviceHash,
  meshInterfaces: part,
  guestPorts: ["br-guest"],
  runFolder: folder,
  timers: systemTimers,
  log,
});
part.onChange((meshes) => console.log(`meshes: ${meshes.map(({ name }) => name).join(" ")}`));
await part.start();
if (alone === undefined) await batman.start();
let before = "";
setInterval(() => {
  const now = `${part.detail()}${part.trouble() === undefined ? "" : ` TROUBLE ${part.trouble()}`}`;
  // The time of this machine, for what is measured in it.
  if (now !== before) console.log(`${now}\nat ${Date.now()}`);
  before = now;
}, 50);
process.on("SIGTERM", async () => {
  if (alone === undefined) await batman.stop();
  await part.stop();
  console.log("stopped");
  process.exit(0);
});
