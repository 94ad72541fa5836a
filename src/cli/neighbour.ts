import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { VirtualAir, VirtualFirmware } from "../bench/virtual-air.ts";
import type { Logger } from "../host/log.ts";
import { systemTimers } from "../host/timers.ts";
import { type Box, composeBox } from "../main.ts";

const ADDRESS = "127.0.0.1";
/** Ports from which on free ones are looked for. */
const PORTAL_PORT = 8180;
const CONSOLE_PORT = 8190;
const NAME = "Neighbour’s Box";

export interface NeighbourOptions {
  /** Of the box beside which it is. */
  stateFolder: string;
  runFolder: string;
  /** The serial line of its LoRa case. */
  loraPort: string;
  /** To the network of both: what an operator says is believed within it. */
  invite: string;
  log: Logger;
  /** A free port, this one or above. */
  portFrom: (port: number) => number;
}

/** Two virtual LoRa cases, loaded only where there are any. */
export async function virtualAir(firmware: VirtualFirmware, runFolder: string): Promise<VirtualAir> {
  const { VirtualAir } = await import("../bench/virtual-air.ts");
  return new VirtualAir({ firmware, runFolder, timers: systemTimers, random: Math.random });
}

/** Another box in this process, as real as the first one, that LoRa alone connects with it. */
export async function startNeighbour(options: NeighbourOptions): Promise<Box> {
  const { Greeter } = await import("../bench/greeter.ts");
  const { loraPort, invite, portFrom } = options;
  const log = options.log.child({}, { level: "error" });
  const stateFolder = join(options.stateFolder, "neighbour");
  const runFolder = join(options.runFolder, "neighbour");
  for (const folder of [stateFolder, runFolder]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  const box = await composeBox({
    mode: "bench",
    configFile: undefined,
    stateFolder,
    runFolder,
    log,
    giveUp: () => log.error("the neighbour’s box has too many errors"),
    name: NAME,
    invites: [invite],
    bench: {
      address: ADDRESS,
      portalPort: portFrom(PORTAL_PORT),
      consolePort: portFrom(CONSOLE_PORT),
      loraPort,
      isByLoraAlone: true,
      after: (lora) => [new Greeter({ lora, timers: systemTimers, log })],
    },
  });
  await box.start();
  return box;
}
