import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Timers } from "../../host/timers.ts";
import { BROADCAST, nodeIdOf } from "../../lora/meshtastic/node-id.ts";
import {
  type DataSchema,
  type LoraConfigSchema,
  type MeshPacket,
  MeshPacketSchema,
  type Metadata,
  MetadataSchema,
  PacketPriority,
  Port,
  type QueueStatus,
  QueueStatusSchema,
  RoutingError,
  TelemetrySchema,
} from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import { signsBroadcasts } from "../../lora/meshtastic/wire-sizes.ts";
import type { Position } from "../../lora/radio.ts";
import type { Modem } from "../air/modem.ts";
import type { Firmware, ToHost } from "../firmware.ts";
import { Admin } from "../meshtastic/admin.ts";
import { AirUse } from "../meshtastic/air-use.ts";
import { debugText, romText, startText } from "../meshtastic/boot-text.ts";
import { configuration } from "../meshtastic/configuration.ts";
import { Mesh, RESULT } from "../meshtastic/mesh.ts";
import { NodeDatabase } from "../meshtastic/node-database.ts";
import { chipSettings, loraConfig, type NodeSettings } from "../meshtastic/node-settings.ts";
import { PhoneLink } from "../meshtastic/phone-link.ts";
import { Transmitter } from "../meshtastic/transmitter.ts";
import { TX_QUEUE_LENGTH } from "../meshtastic/tx-queue.ts";

/** How often the host is told the node's own telemetry (DeviceTelemetry.h). */
const TELEMETRY_MS = 60_000;
/** A text is taken from the host no sooner after another (PhoneAPI.cpp). */
const TEXT_PAUSE_MS = 2_000;
/** A board in the shape of a Heltec V3. */
const HARDWARE_MODEL = 43;
/** What is answered to a packet for the node itself before 2.8: it was not sent. */
const NOTHING_TO_SEND = 35;

export interface MeshtasticFirmwareOptions {
  modem: Modem;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** A serial line from the start; without it a host comes and goes by {@link MeshtasticFirmware.connect}. */
  toHost?: ToHost;
  /** 1 to 0xfffffffe. */
  number: number;
  longName?: string;
  /** Changes to what a new radio in Europe has: region, preset, power and so on. */
  lora?: MessageInitShape<typeof LoraConfigSchema>;
  channelName?: string;
  channelPsk?: Uint8Array;
  role?: NodeSettings["role"];
  isManaged?: boolean;
  position?: Position;
  /** Percent, or 101: powered from outside. */
  batteryLevel?: number;
  /** From 2.8 on it signs what goes to everyone. Default: 2.7. */
  version?: string;
  /** Default 1.5 s; nothing that comes before is heard. */
  bootMs?: number;
  /** Default true; firmware of 2.8 does not say that it was started anew. */
  tellsRestart?: boolean;
  /** `always`: even between the frames to a host. Default: until the host speaks the protocol. */
  debugText?: "always" | "until-spoken-to";
  /** How often it tells others its name, position and telemetry, in ms; default: never. */
  announceEveryMs?: number;
  /** Seconds since 1970; default: it does not know. */
  nowSeconds?: () => number;
}

/**
 * Meshtastic's firmware on a virtual modem: the stream API of a serial line or TCP, and the mesh behind it. Written
 * after firmware 2.7's observable behaviour; it learns no next hops, has no keys of single nodes, and no modules but
 * those that a node cannot be without.
 */
export class MeshtasticFirmware implements Firmware {
  /** In flash: it outlives {@link restart}. */
  readonly settings: NodeSettings;
  private readonly version: string;
  private toHost: ToHost | undefined;
  private link: PhoneLink | undefined;
  private running: ReturnType<MeshtasticFirmware["start"]> | undefined;
  private isSpokenTo = false;
  private isStopped = false;
  private bootedMs = 0;
  private lastTextMs = Number.NEGATIVE_INFINITY;
  private readonly callOffs = new Set<() => void>();
  private readonly restartListeners = new Set<() => void>();

  constructor(private readonly options: MeshtasticFirmwareOptions) {
    const { number, position } = options;
    if (!(Number.isInteger(number) && number > 0 && number < BROADCAST))
      throw new RangeError(`number: ${number} is not 1 to 4294967294`);
    this.toHost = options.toHost;
    this.version = options.version ?? "2.7.15.567b8ea";
    this.settings = {
      number,
      longName: options.longName ?? `Meshtastic ${nodeIdOf(number).slice(-4)}`,
      shortName: nodeIdOf(number).slice(-4),
      lora: loraConfig(options.lora),
      channelName: options.channelName ?? "",
      channelPsk: options.channelPsk ?? Uint8Array.of(1),
      role: options.role ?? "client",
      isManaged: options.isManaged ?? false,
      position,
      batteryLevel: options.batteryLevel ?? 101,
      rebootCount: 0,
    };
    this.boot();
  }

  receive(bytes: Uint8Array): void {
    this.link?.receive(bytes);
  }

  stop(): void {
    this.isStopped = true;
    this.halt();
    this.restartListeners.clear();
  }

  /** A host on the network takes the place of the one before. @returns ends it */
  connect(toHost: ToHost): () => void {
    this.toHost = toHost;
    this.isSpokenTo = true;
    this.link?.stop();
    this.link = this.running && this.newLink(toHost);
    return () => {
      if (this.toHost !== toHost) return;
      this.toHost = undefined;
      this.link?.stop();
      this.link = undefined;
    };
  }

  /** It loses all but its settings. */
  restart(): void {
    if (this.isStopped) return;
    this.halt();
    this.settings.rebootCount += 1;
    for (const listener of [...this.restartListeners]) listener();
    this.boot();
  }

  /** A host on the network loses its connection with it. @returns ends it */
  onRestart(listener: () => void): () => void {
    this.restartListeners.add(listener);
    return () => this.restartListeners.delete(listener);
  }

  private get isOnNetwork(): boolean {
    return this.options.toHost === undefined;
  }

  private halt(): void {
    for (const callOff of this.callOffs) callOff();
    this.callOffs.clear();
    this.running?.mesh.stop();
    this.running?.transmitter.stop();
    this.running = undefined;
    this.link?.stop();
    this.link = undefined;
  }

  private after(delayMs: number, task: () => void): void {
    const callOff = this.options.timers.after(delayMs, () => {
      this.callOffs.delete(callOff);
      task();
    });
    this.callOffs.add(callOff);
  }

  private boot(): void {
    const { timers, bootMs = 1_500, tellsRestart = true, announceEveryMs } = this.options;
    this.isSpokenTo = this.isOnNetwork;
    this.bootedMs = timers.monotonicMs();
    this.after(0, () => this.print(romText()));
    this.after(bootMs / 2, () => this.print(startText(this.version)));
    this.after(bootMs, () => {
      this.running = this.start();
      if (this.toHost) this.link = this.newLink(this.toHost);
      if (tellsRestart && !this.isOnNetwork) this.link?.writeNow({ case: "rebooted", value: true });
      this.every(TELEMETRY_MS, () => this.tellTelemetry());
      if (announceEveryMs !== undefined) {
        this.announce();
        this.every(announceEveryMs, () => this.announce());
      }
    });
  }

  private every(ms: number, task: () => void): void {
    this.after(ms, () => {
      task();
      this.every(ms, task);
    });
  }

  /** Everything that lives in RAM. */
  private start() {
    const { modem, timers, random, nowSeconds = () => 0 } = this.options;
    const { settings } = this;
    const airUse = new AirUse(timers);
    const debug = (line: string) => this.debug(line);
    const transmitter = new Transmitter({
      modem,
      timers,
      random,
      airUse,
      debug,
      heard: (heard) => this.running?.mesh.receive(heard),
    });
    transmitter.configure(chipSettings(settings));
    const nodes = new NodeDatabase({
      settings,
      hardwareModel: HARDWARE_MODEL,
      nowSeconds,
      metrics: () => ({
        batteryLevel: settings.batteryLevel,
        channelUtilization: airUse.channelPercent(),
        airUtilTx: airUse.ownPercent(),
        uptimeSeconds: Math.floor(this.uptimeMs / 1_000),
      }),
    });
    const mesh = new Mesh({
      settings,
      timers,
      random,
      transmitter,
      airUse,
      debug,
      signs: signsBroadcasts(this.version),
      toPhone: (packet) => this.toPhone(packet),
      understood: (packet) => this.understood(packet),
      notify: (message, replyId) =>
        this.link?.notify({ case: "notification", value: { message, replyId, level: 30 } }),
    });
    const admin = new Admin({
      settings,
      metadata: () => this.metadata(),
      restart: (seconds) => this.after(seconds * 1_000, () => this.restart()),
      reply: (payload, requestId) => this.toPhone(this.ownPacket({ port: Port.ADMIN, payload, requestId })),
    });
    return { transmitter, mesh, nodes, admin };
  }

  private newLink(write: ToHost): PhoneLink {
    return new PhoneLink({
      timers: this.options.timers,
      write,
      configuration: (nonce) =>
        this.running ? configuration(this.settings, this.running.nodes, this.metadata(), nonce) : [],
      queueStatus: () => this.queueStatus(RESULT.ok, 0),
      packet: (packet) => this.takeFromPhone(packet),
      spokenTo: () => {
        this.isSpokenTo = true;
      },
    });
  }

  private get uptimeMs(): number {
    return this.options.timers.monotonicMs() - this.bootedMs;
  }

  private print(text: Uint8Array): void {
    if (!this.isOnNetwork) this.toHost?.(text);
  }

  private debug(line: string): void {
    if (!this.isSpokenTo || this.options.debugText === "always")
      this.print(debugText(this.uptimeMs / 1_000, line));
  }

  private metadata(): Metadata {
    return create(MetadataSchema, {
      firmwareVersion: this.version,
      stateVersion: 24,
      hardwareModel: HARDWARE_MODEL,
      hasPkc: true,
    });
  }

  private queueStatus(result: number, packetId: number): QueueStatus {
    const free = this.running?.transmitter.queue.free ?? 0;
    return create(QueueStatusSchema, { result, packetId, free, length: TX_QUEUE_LENGTH });
  }

  private takeFromPhone(packet: MeshPacket): void {
    const { running } = this;
    if (!running) return;
    const { content, id } = packet;
    const data = content.case === "decoded" ? content.value : undefined;
    if (data?.port === Port.TEXT && !this.mayTakeText()) {
      this.link?.queueStatus(this.queueStatus(RESULT.ok, id));
      running.mesh.tellPhone(RoutingError.RATE_LIMIT_EXCEEDED, id);
      return;
    }
    if (packet.to !== this.settings.number) {
      this.link?.queueStatus(this.queueStatus(running.mesh.send(packet), id));
      return;
    }
    const isOld = !signsBroadcasts(this.version);
    this.link?.queueStatus(this.queueStatus(isOld ? NOTHING_TO_SEND : RESULT.ok, id));
    if (data?.port !== Port.ADMIN) return;
    const error = running.admin.take(data, id);
    if (packet.wantAck || data.wantResponse) running.mesh.tellPhone(error, id);
  }

  private mayTakeText(): boolean {
    const nowMs = this.options.timers.monotonicMs();
    if (nowMs - this.lastTextMs < TEXT_PAUSE_MS) return false;
    this.lastTextMs = nowMs;
    return true;
  }

  private toPhone(packet: MeshPacket): void {
    this.link?.queuePacket(packet);
  }

  private understood(packet: MeshPacket): void {
    this.debug(`[Router] handled packet of ${nodeIdOf(packet.from)}`);
    const isNew = this.running?.nodes.learn(packet) === true;
    // Whoever is new is told who this is.
    if (isNew && this.options.announceEveryMs !== undefined) this.after(TEXT_PAUSE_MS, () => this.announce());
  }

  private tellTelemetry(): void {
    const metrics = this.running?.nodes.metrics();
    // What others have sent is not to be lost for it.
    if (!metrics || this.link?.isEmpty !== true) return;
    const payload = toBinary(
      TelemetrySchema,
      create(TelemetrySchema, { content: { case: "device", value: metrics } }),
    );
    this.toPhone(this.ownPacket({ port: Port.TELEMETRY, payload }));
  }

  private announce(): void {
    const { running } = this;
    for (const data of running?.nodes.announcements() ?? []) {
      running?.mesh.send(
        create(MeshPacketSchema, {
          to: BROADCAST,
          priority: PacketPriority.BACKGROUND,
          content: { case: "decoded", value: data },
        }),
      );
    }
  }

  /** Of the node itself, for its host. */
  private ownPacket(data: MessageInitShape<typeof DataSchema>): MeshPacket {
    const { number } = this.settings;
    return create(MeshPacketSchema, {
      from: number,
      to: number,
      id: 1 + Math.floor(this.options.random() * 0xffff_fffe),
      content: { case: "decoded", value: data },
    });
  }
}
