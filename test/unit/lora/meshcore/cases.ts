import { Air } from "../../../../src/bench/air/air.ts";
import { MeshCoreFirmware, type MeshCoreFirmwareOptions } from "../../../../src/bench/firmware/meshcore.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { MeshCoreRadio } from "../../../../src/lora/meshcore/index.ts";
import type { Fate, Outgoing, Received } from "../../../../src/lora/radio.ts";
import { capturedLog } from "../../captured-log.ts";
import { MemoryPort } from "./memory-port.ts";

export interface Case {
  port: MemoryPort<MeshCoreFirmware>;
  firmware: MeshCoreFirmware;
  radio: MeshCoreRadio;
  received: Received[];
  closed: string[];
  send(outgoing: Partial<Outgoing> & { payload: Uint8Array }): Fate[];
}

export interface World {
  time: VirtualTime;
  air: Air;
  log: ReturnType<typeof capturedLog>;
  /** A new case with its radio, not opened yet. */
  plugIn(name: string, x: number, more?: Partial<MeshCoreFirmwareOptions>): Case;
  /** Opened. */
  open(name: string, x: number, more?: Partial<MeshCoreFirmwareOptions>): Promise<Case>;
}

export function world({ frameLoss = 0 } = {}): World {
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed: 7, frameLoss });
  const log = capturedLog();
  const plugIn: World["plugIn"] = (name, x, more = {}) => {
    const modem = air.modem({ name, position: { x, y: 0 } });
    const random = seededRandom(name.length * 1_000 + x + name.charCodeAt(0));
    const port = new MemoryPort({
      timers: time,
      pieceBytes: () => 1 + Math.floor(random() * 40),
      create: (toHost) => new MeshCoreFirmware({ modem, timers: time, random, toHost, name, ...more }),
    });
    const radio = new MeshCoreRadio(port, { timers: time, random, log: log.log });
    const received: Received[] = [];
    const closed: string[] = [];
    radio.on("received", (packet) => received.push(packet));
    radio.on("closed", (reason) => closed.push(reason));
    const send: Case["send"] = (outgoing) => {
      const fates: Fate[] = [];
      radio.send({ priority: "direct", ...outgoing }, (fate) => fates.push(fate));
      return fates;
    };
    return { port, firmware: port.firmware, radio, received, closed, send };
  };
  const open: World["open"] = async (name, x, more) => {
    const made = plugIn(name, x, more);
    time.advance(600);
    const opened = made.radio.open();
    time.advance(1_000);
    await opened;
    return made;
  };
  return { time, air, log, plugIn, open };
}

/** Two cases that know each other. */
export async function pair(more: Parameters<typeof world>[0] & { distanceM?: number } = {}) {
  const made = world(more);
  const a = await made.open("alpha", 0);
  const b = await made.open("bravo", more.distanceM ?? 200);
  a.firmware.advertise("neighbours");
  made.time.advance(5_000);
  b.firmware.advertise("neighbours");
  made.time.advance(5_000);
  return { ...made, a, b };
}

export const idOf = ({ radio }: Case): string => radio.status().self ?? "";
