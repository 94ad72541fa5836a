import { create } from "@bufbuild/protobuf";
import { Air } from "../../../src/bench/air/air.ts";
import type { AirModem } from "../../../src/bench/air/air-modem.ts";
import { AirUse } from "../../../src/bench/meshtastic/air-use.ts";
import { Mesh } from "../../../src/bench/meshtastic/mesh.ts";
import { chipSettings, loraConfig, type NodeSettings } from "../../../src/bench/meshtastic/node-settings.ts";
import { Transmitter } from "../../../src/bench/meshtastic/transmitter.ts";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { BROADCAST } from "../../../src/lora/meshtastic/node-id.ts";
import {
  DataSchema,
  type MeshPacket,
  MeshPacketSchema,
  ModemPreset,
  Port,
} from "../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import {
  arrivalOf,
  isFor,
  type Outcome,
  POWER_DBM,
  positionsOf,
  recipientsOf,
  type Said,
  type Scenario,
  talkOf,
} from "./talk.ts";

const HOUR_MS = 3_600_000;
/** Nothing is on its way any more by then. */
const AFTERWARDS_MS = HOUR_MS;

/**
 * The same talk by managed flooding with a hop limit of 3, acknowledged where it is for one, as Meshtastic's firmware does it.
 * @param signs whether what is for everyone carries a signature, as from firmware 2.8 on
 */
export function floodingOverAir(scenario: Scenario, signs: boolean): Outcome {
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed: scenario.seed });
  const random = seededRandom(scenario.seed + 3_000);
  const talk = talkOf(scenario);
  const delaysMs = new Map<string, number>();
  let twice = 0;
  const names: string[] = [];
  const meshes = positionsOf(scenario).map((position, index) => {
    const name = `node ${index + 1}`;
    names.push(name);
    const settings = settingsOf(index + 1, scenario);
    const toPhone = (packet: MeshPacket) => {
      const said = talk[numberOf(packet) ?? -1];
      if (!said || packet.from !== said.from + 1 || !isFor(said, index)) return;
      const arrival = arrivalOf(said, index);
      if (delaysMs.has(arrival)) twice += 1;
      else delaysMs.set(arrival, time.monotonicMs() - said.atMs);
    };
    return node({ settings, modem: air.modem({ name, position }), time, random, signs, toPhone });
  });
  let sent = 0;
  for (const [number, said] of talk.entries()) {
    sent += recipientsOf(said);
    time.after(said.atMs, () => meshes[said.from]?.send(packetOf(number, said)));
  }
  time.advance(scenario.loadMs + AFTERWARDS_MS);
  const fullestMs = names.map((name) => air.airtime.mostInWindowMs(name, HOUR_MS));
  const { airtimeMs } = air.stats();
  return { sent, delaysMs, twice, airtimeMs, fullestHourMs: Math.max(...fullestMs) };
}

const settingsOf = (number: number, { preset }: Scenario): NodeSettings => ({
  number,
  longName: "",
  shortName: "",
  lora: loraConfig({
    modemPreset: preset === "LongFast" ? ModemPreset.LONG_FAST : ModemPreset.MEDIUM_FAST,
    txPower: POWER_DBM,
  }),
  channelName: "",
  channelPsk: Uint8Array.of(1),
  role: "client",
  isManaged: false,
  position: undefined,
  batteryLevel: 101,
  rebootCount: 0,
});

/** As long as its text; what is in it tells it from others. */
function packetOf(number: number, { to, text }: Said): MeshPacket {
  const payload = new Uint8Array(Buffer.byteLength(text)).fill(0xa5);
  new DataView(payload.buffer).setUint32(0, number);
  return create(MeshPacketSchema, {
    to: to === undefined ? BROADCAST : to + 1,
    wantAck: to !== undefined,
    content: { case: "decoded", value: create(DataSchema, { port: Port.PRIVATE, payload }) },
  });
}

function numberOf({ content }: MeshPacket): number | undefined {
  if (content.case !== "decoded" || content.value.port !== Port.PRIVATE) return undefined;
  const { payload } = content.value;
  return new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0);
}

interface NodeOptions {
  settings: NodeSettings;
  modem: AirModem;
  time: VirtualTime;
  random: () => number;
  signs: boolean;
  toPhone: (packet: MeshPacket) => void;
}

function node({ settings, modem, time, random, signs, toPhone }: NodeOptions): Mesh {
  const nothing = () => {};
  const airUse = new AirUse(time);
  const transmitter = new Transmitter({
    ...{ modem, random, airUse },
    timers: time,
    heard: (heard) => mesh.receive(heard),
    debug: nothing,
  });
  const mesh = new Mesh({
    ...{ settings, random, transmitter, airUse, signs, toPhone },
    timers: time,
    understood: nothing,
    notify: nothing,
    debug: nothing,
  });
  transmitter.configure(chipSettings(settings));
  return mesh;
}
