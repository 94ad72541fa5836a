import { create } from "@bufbuild/protobuf";
import { Air } from "../../src/bench/air/air.ts";
import { type AirPosition, distanceM, pathLossDb, suburban } from "../../src/bench/air/path-loss.ts";
import { sensitivityDbm } from "../../src/bench/air/sensitivity.ts";
import { messagingBoxes } from "../../src/bench/lora/messaging-boxes.ts";
import { AirUse } from "../../src/bench/meshtastic/air-use.ts";
import { Mesh } from "../../src/bench/meshtastic/mesh.ts";
import { chipSettings, loraConfig, type NodeSettings } from "../../src/bench/meshtastic/node-settings.ts";
import { Transmitter } from "../../src/bench/meshtastic/transmitter.ts";
import { exponential, seededRandom } from "../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../src/bench/virtual-time.ts";
import { subBandOf } from "../../src/lora/airtime/index.ts";
import { BROADCAST } from "../../src/lora/meshtastic/node-id.ts";
import {
  DataSchema,
  MeshPacketSchema,
  ModemPreset,
  Port,
} from "../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import { type ChannelSettings, PRESETS, type PresetName } from "../../src/lora/modulation.ts";
import type { Bundle } from "../../src/messages/bundle/bundle.ts";
import { bundleId, encodeBundle } from "../../src/messages/bundle/bundle-codec.ts";

export const BOXES = 30;
const SIDE_M = 15_000;
const LEAST_APART_M = 10;
export const BODY_BYTES = 40;
const POWER_DBM = 27;
const FREQUENCY_HZ = 869_525_000;
export const LIFETIME_S = 24 * 3600;

export type AirPreset = Extract<PresetName, "LongFast" | "MediumFast">;

export interface Scenario {
  preset: AirPreset;
  /** `direct`: from one to another, by chance; `everyone`: to all. */
  to: "direct" | "everyone";
  /** Of each box, on average. */
  periodS: number;
  loadMs: number;
  seed: number;
  isSigned: boolean;
}

export interface Outcome {
  /** Messages to recipients: of one to everyone, as many as there are others. */
  sent: number;
  delivered: number;
  /** Of each that was delivered, by message and recipient. */
  delaysMs: Map<string, number>;
  airtimeMs: number;
  /** The most that any box had on the air in any hour. */
  fullestHourMs: number;
  twice: number;
  note: string;
}

export const channelOf = (preset: AirPreset): ChannelSettings => ({
  frequencyHz: FREQUENCY_HZ,
  modulation: PRESETS[preset],
  powerDbm: POWER_DBM,
});

/** At random, each in reach of one that is there already, as Meshtasticator has it. */
export function positionsOf({ seed, preset }: Pick<Scenario, "seed" | "preset">): AirPosition[] {
  const random = seededRandom(seed);
  const channel = channelOf(preset);
  const model = suburban();
  const reach = sensitivityDbm(channel.modulation, 6);
  const positions: AirPosition[] = [];
  while (positions.length < BOXES) {
    const position = { x: random() * SIDE_M, y: random() * SIDE_M };
    const distances = positions.map((other) => distanceM(position, other));
    const isReached = distances.some(
      (distance) => channel.powerDbm - pathLossDb(model, distance, FREQUENCY_HZ, 0) >= reach,
    );
    if (positions.length === 0 || (isReached && Math.min(...distances) >= LEAST_APART_M))
      positions.push(position);
  }
  return positions;
}

interface Said {
  atMs: number;
  from: number;
  /** undefined: everyone. */
  to: number | undefined;
}

/** Who says something to whom and when, in order. */
function talkOf({ seed, to, periodS, loadMs }: Scenario): Said[] {
  const random = seededRandom(seed + 1_000);
  const said: Said[] = [];
  for (let from = 0; from < BOXES; from += 1) {
    for (
      let atMs = exponential(random, periodS * 1000);
      atMs < loadMs;
      atMs += exponential(random, periodS * 1000)
    ) {
      const other = Math.floor(random() * (BOXES - 1));
      said.push({ atMs, from, to: to === "everyone" ? undefined : other < from ? other : other + 1 });
    }
  }
  return said.toSorted((a, b) => a.atMs - b.atMs);
}

const keyOf = (index: number): Uint8Array => new Uint8Array(32).map((_, at) => index * 7 + at * 13 + 1);

/** Bundles by the convergence layer. @param warmUpMs for hellos and cards, before anything is counted */
export async function bundlesOverAir(
  scenario: Scenario,
  warmUpMs: number,
  drainMs: number,
): Promise<Outcome> {
  const { preset, seed, isSigned } = scenario;
  const channel = channelOf(preset);
  const positions = positionsOf(scenario);
  const subBand = subBandOf("EU868", channel);
  const { time, air, boxes, run } = messagingBoxes({ count: BOXES, channel, subBand, seed, positions });
  const random = seededRandom(seed + 2_000);
  const bytes = (length: number) => new Uint8Array(length).map(() => 1 + Math.floor(random() * 255));
  const bundle = (from: number, what: Pick<Bundle, "kind" | "to" | "priority" | "body">): Bundle => ({
    ...what,
    sender: { as: "person", key: keyOf(from) },
    lifetimeS: LIFETIME_S,
    createdS: 0,
    sequence: Math.floor(random() * 2 ** 32),
    signature: isSigned ? bytes(64) : new Uint8Array(64),
  });
  const submit = (from: number, made: Bundle) =>
    void boxes[from]?.custody.take(encodeBundle(made), 0, { by: "guest", station: `${from}` });
  boxes.forEach((_, from) => {
    time.after(random() * (warmUpMs / 3), () =>
      submit(from, {
        ...bundle(from, { kind: "card", to: { kind: "everyone" }, priority: "room", body: bytes(60) }),
        signature: bytes(64),
      }),
    );
  });
  await run(warmUpMs);
  const cards = boxes.map(({ custody }) => custody.ids().length);
  const startMs = time.monotonicMs();
  const startAirMs = air.stats().airtimeMs;
  const delaysMs = new Map<string, number>();
  const sentAt = new Map<string, { atMs: number; to: number | undefined; from: number }>();
  let twice = 0;
  boxes.forEach(({ custody }, index) => {
    custody.onNew(({ id }) => {
      const said = sentAt.get(id);
      if (!said || said.from === index || (said.to !== undefined && said.to !== index)) return;
      const key = `${said.from} ${said.atMs} ${index}`;
      if (delaysMs.has(key)) twice += 1;
      delaysMs.set(key, time.monotonicMs() - startMs - said.atMs);
    });
  });
  const talk = talkOf(scenario);
  let sent = 0;
  for (const { atMs, from, to } of talk) {
    sent += to === undefined ? BOXES - 1 : 1;
    const made = bundle(from, {
      ...(to === undefined
        ? { kind: "check-in", to: { kind: "everyone" }, priority: "check-in" }
        : { kind: "direct", to: { kind: "person", key: keyOf(to) }, priority: "direct" }),
      body: bytes(BODY_BYTES),
    });
    sentAt.set(bundleId(made), { atMs, to, from });
    time.after(atMs, () => submit(from, made));
  }
  await run(scenario.loadMs);
  const loadedMs = time.monotonicMs();
  await run(drainMs, () => delaysMs.size === sent);
  const drainedMs = time.monotonicMs() - loadedMs;
  const { sent: frames, received, lost } = air.stats();
  for (const { messages } of boxes) messages.stop();
  return {
    sent,
    delivered: delaysMs.size,
    delaysMs,
    airtimeMs: air.stats().airtimeMs - startAirMs,
    fullestHourMs: Math.max(...boxes.map(({ name }) => air.airtime.mostInWindowMs(name, 3_600_000))),
    twice,
    note: `cards ${Math.min(...cards)}–${Math.max(...cards)}; warm-up ${Math.round(startAirMs / 1000)} s of air; drained in ${Math.round(drainedMs / 60_000)} min; ${frames} frames, heard ${received}, collisions ${lost.collision}`,
  };
}

/** The same by managed flooding, as Meshtastic's firmware does it. */
export function floodingOverAir(scenario: Scenario, drainMs: number): Outcome {
  const { preset, seed } = scenario;
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed });
  const random = seededRandom(seed + 3_000);
  const delaysMs = new Map<string, number>();
  let twice = 0;
  const talk = talkOf(scenario);
  const sentAt = new Map<number, Said>();
  const meshes = positionsOf(scenario).map((position, index) => {
    const settings: NodeSettings = {
      number: index + 1,
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
    };
    const airUse = new AirUse(time);
    const modem = air.modem({ name: `box ${index + 1}`, position });
    let mesh: Mesh;
    const transmitter = new Transmitter({
      modem,
      timers: time,
      random,
      airUse,
      heard: (heard) => mesh.receive(heard),
      debug: () => {},
    });
    mesh = new Mesh({
      settings,
      timers: time,
      random,
      transmitter,
      airUse,
      signs: false,
      toPhone: ({ from, content }) => {
        if (content.case !== "decoded" || content.value.port !== Port.PRIVATE) return;
        const { payload } = content.value;
        const said = sentAt.get(new DataView(payload.buffer, payload.byteOffset).getUint32(0));
        if (!said || from !== said.from + 1) return;
        const key = `${said.from} ${said.atMs} ${index}`;
        if (delaysMs.has(key)) twice += 1;
        else delaysMs.set(key, time.monotonicMs() - said.atMs);
      },
      understood: () => {},
      notify: () => {},
      debug: () => {},
    });
    transmitter.configure(chipSettings(settings));
    return mesh;
  });
  let sent = 0;
  talk.forEach((said, id) => {
    sent += said.to === undefined ? BOXES - 1 : 1;
    sentAt.set(id, said);
    time.after(said.atMs, () => {
      const payload = new Uint8Array(BODY_BYTES).fill(0xa5);
      new DataView(payload.buffer).setUint32(0, id);
      const packet = create(MeshPacketSchema, {
        to: said.to === undefined ? BROADCAST : said.to + 1,
        wantAck: said.to !== undefined,
        content: { case: "decoded", value: create(DataSchema, { port: Port.PRIVATE, payload }) },
      });
      meshes[said.from]?.send(packet);
    });
  });
  time.advance(scenario.loadMs + drainMs);
  const names = meshes.map((_, index) => `box ${index + 1}`);
  return {
    sent,
    delivered: delaysMs.size,
    delaysMs,
    airtimeMs: air.stats().airtimeMs,
    fullestHourMs: Math.max(...names.map((name) => air.airtime.mostInWindowMs(name, 3_600_000))),
    twice,
    note: `${JSON.stringify(air.stats())}`,
  };
}
