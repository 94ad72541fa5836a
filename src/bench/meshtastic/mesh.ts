import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Timers } from "../../host/timers.ts";
import { channelNameOf, modulationOf } from "../../lora/meshtastic/channel-settings.ts";
import { BROADCAST } from "../../lora/meshtastic/node-id.ts";
import { PacketIds } from "../../lora/meshtastic/packet-ids.ts";
import {
  type Data,
  DataSchema,
  type MeshPacket,
  MeshPacketSchema,
  PacketPriority,
  Port,
  Region,
  RoutingError,
  RoutingSchema,
} from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import { REGION_BANDS } from "../../lora/meshtastic/regions.ts";
import { AIR_HEADER_BYTES } from "../../lora/meshtastic/wire-sizes.ts";
import { type AirPacket, keyOf } from "./air-packet.ts";
import type { AirUse } from "./air-use.ts";
import { channelHash, channelKey, crypt } from "./channel-key.ts";
import { DEFAULT_HOP_LIMIT, type NodeSettings } from "./node-settings.ts";
import { Recent } from "./recent.ts";
import { Retransmissions } from "./retransmissions.ts";
import { retransmissionMs } from "./timing.ts";
import type { HeardPacket, Transmitter } from "./transmitter.ts";

const MAX_AIR_BYTES = 255;
/** Packets that are known again, on the smallest boards (PacketHistory.cpp). */
const HISTORY = 100;
const SIGNATURE_BYTES = 64;

/** The firmware's own results beside routing errors (MeshTypes.h). */
export const RESULT = { ok: 0, unknown: 32, disabled: 34 } as const;

export interface MeshOptions {
  settings: NodeSettings;
  timers: Timers;
  random: () => number;
  transmitter: Transmitter;
  airUse: AirUse;
  /** Whether this version signs what goes to everyone. */
  signs: boolean;
  /** For the host; from ourselves where we acknowledge or refuse. */
  toPhone: (packet: MeshPacket) => void;
  /** Understood, whoever it is for. */
  understood: (packet: MeshPacket) => void;
  notify: (message: string, replyId: number) => void;
  debug: (line: string) => void;
}

/**
 * Managed flooding with acknowledgements (FloodingRouter, ReliableRouter and what NextHopRouter does without a learned
 * next hop): everyone repeats a packet once while its hop limit lasts, unless another was faster. Encrypted with the
 * channel's key; keys of single nodes are not emulated.
 */
export class Mesh {
  private readonly history = new Recent<string>(HISTORY);
  private readonly pending: Retransmissions;
  private readonly ids: PacketIds;

  constructor(private readonly options: MeshOptions) {
    this.ids = new PacketIds(options.random);
    this.pending = new Retransmissions({
      timers: options.timers,
      again: (packet) => this.transmit(packet),
      givenUp: ({ id }) => this.tellPhone(RoutingError.MAX_RETRANSMIT, id),
    });
  }

  /** A packet of this node's own for others. @returns a result for the host */
  send(packet: MeshPacket): number {
    const { settings } = this.options;
    if (settings.lora.region === Region.UNSET || !settings.lora.txEnabled) return RESULT.disabled;
    packet.from = settings.number;
    if (packet.id === 0) packet.id = this.ids.next();
    if (packet.hopLimit === 0) packet.hopLimit = settings.lora.hopLimit || DEFAULT_HOP_LIMIT;
    packet.hopStart = packet.hopLimit;
    if (packet.priority === PacketPriority.UNSET) packet.priority = priorityOf(packet);
    if (packet.wantAck) this.await(packet);
    this.pending.delayAll(this.airtimeMs(packet), packet);
    return this.transmit(packet);
  }

  /** An answer of this node to another. */
  answer(port: Port, payload: Uint8Array, to: { from: number; id: number; hopLimit: number }): void {
    const packet = create(MeshPacketSchema, {
      to: to.from,
      hopLimit: to.hopLimit,
      content: { case: "decoded", value: { port, payload, requestId: to.id } },
    });
    this.send(packet);
  }

  receive({ packet, rssiDbm, snrDb, airtimeMs }: HeardPacket): void {
    const { settings } = this.options;
    const isOwn = packet.from === settings.number;
    if (isOwn && this.pending.stop(packet)) {
      // A neighbour has repeated it: that counts as an acknowledgement, for the host as well.
      this.options.transmitter.queue.remove(packet.from, packet.id);
      this.tellPhone(RoutingError.NONE, packet.id);
    }
    this.pending.delayAll(airtimeMs);
    if (isOwn) return;
    if (this.history.note(keyOf(packet))) this.takeAgain(packet, snrDb);
    else this.takeNew(packet, this.decode(packet, rssiDbm, snrDb), snrDb);
  }

  stop(): void {
    this.pending.clear();
  }

  /** Tells the host what has become of a packet of its own. */
  tellPhone(error: RoutingError, requestId: number): void {
    const { number } = this.options.settings;
    this.options.toPhone(
      create(MeshPacketSchema, {
        from: number,
        to: number,
        id: this.ids.next(),
        priority: PacketPriority.ACK,
        content: { case: "decoded", value: routing(error, requestId) },
      }),
    );
  }

  /** The primary channel, as the air knows it. */
  private get channel(): { key: Uint8Array; hash: number } {
    const { lora, channelName, channelPsk } = this.options.settings;
    const key = channelKey(channelPsk);
    return { key, hash: channelHash(channelNameOf(lora, channelName), key) };
  }

  private await(packet: MeshPacket): void {
    const modulation = modulationOf(this.options.settings.lora);
    const waitMs = () =>
      retransmissionMs(modulation, this.airtimeMs(packet), this.options.airUse.channelPercent());
    this.pending.start(packet, waitMs);
  }

  private airtimeMs({ content }: MeshPacket): number {
    const body = content.case === "decoded" ? toBinary(DataSchema, content.value) : new Uint8Array();
    return this.options.transmitter.airtimeMs({ body });
  }

  private transmit(packet: MeshPacket): number {
    const { settings, airUse, transmitter, notify } = this.options;
    const limit = settings.lora.overrideDutyCycle
      ? 100
      : (REGION_BANDS[settings.lora.region]?.dutyCyclePercent ?? 100);
    if (limit < 100 && airUse.ownPercent() > limit) {
      notify("Duty cycle limit exceeded. You can send again later", packet.id);
      return this.refuse(packet, RoutingError.DUTY_CYCLE_LIMIT);
    }
    if (packet.content.case !== "decoded") return this.refuse(packet, RoutingError.BAD_REQUEST);
    const body = this.encode(packet, packet.content.value);
    if (AIR_HEADER_BYTES + body.length > MAX_AIR_BYTES) return this.refuse(packet, RoutingError.TOO_LARGE);
    const { key, hash } = this.channel;
    this.history.note(keyOf(packet));
    const isTaken = transmitter.send({
      packet: {
        to: packet.to,
        from: packet.from,
        id: packet.id,
        hopLimit: packet.hopLimit,
        hopStart: packet.hopStart,
        wantAck: packet.wantAck && packet.to !== BROADCAST,
        viaMqtt: false,
        channel: hash,
        nextHop: 0,
        relay: settings.number & 0xff,
        body: crypt(key, packet, body),
      },
      priority: packet.priority,
      isOwn: true,
      snrDb: undefined,
    });
    return isTaken ? RESULT.ok : RESULT.unknown;
  }

  private refuse(packet: MeshPacket, error: RoutingError): number {
    this.pending.stop(packet);
    this.tellPhone(error, packet.id);
    return error;
  }

  private encode(packet: MeshPacket, data: Data): Uint8Array {
    const sent = create(DataSchema, { ...data, flags: data.flags ?? 0 });
    const plain = toBinary(DataSchema, sent);
    const isSigned =
      this.options.signs &&
      packet.to === BROADCAST &&
      AIR_HEADER_BYTES + plain.length + 2 + SIGNATURE_BYTES <= MAX_AIR_BYTES;
    if (!isSigned) return plain;
    // Nobody here checks it; what counts is its length.
    return toBinary(DataSchema, { ...sent, signature: new Uint8Array(SIGNATURE_BYTES).fill(0x5a) });
  }

  /** @returns undefined for what is of another channel, or no message */
  private decode(packet: AirPacket, rssiDbm: number, snrDb: number): MeshPacket | undefined {
    const { key, hash } = this.channel;
    if (packet.channel !== hash) return undefined;
    let data: Data;
    try {
      data = fromBinary(DataSchema, crypt(key, packet, packet.body));
    } catch {
      return undefined;
    }
    if (data.port === Port.UNKNOWN) return undefined;
    return create(MeshPacketSchema, {
      from: packet.from,
      to: packet.to,
      id: packet.id,
      rxSnr: snrDb,
      rxRssi: Math.round(rssiDbm),
      hopLimit: packet.hopLimit,
      hopStart: packet.hopStart,
      wantAck: packet.wantAck,
      viaMqtt: packet.viaMqtt,
      relayNode: packet.relay,
      content: { case: "decoded", value: data },
    });
  }

  private takeNew(packet: AirPacket, message: MeshPacket | undefined, snrDb: number): void {
    const { settings, toPhone, understood, debug } = this.options;
    debug(`[Router] Received packet (id=0x${packet.id.toString(16)} fr=0x${packet.from.toString(16)})`);
    const isToUs = packet.to === settings.number;
    const data = message?.content.case === "decoded" ? message.content.value : undefined;
    if (isToUs && packet.wantAck) {
      // An answer is acknowledged only where no repeating does it, and then no farther than the neighbour.
      if (data === undefined) this.acknowledge(packet, RoutingError.NO_CHANNEL);
      else if (data.requestId === 0 && data.replyId === 0) this.acknowledge(packet, RoutingError.NONE);
      else if (packet.hopStart === packet.hopLimit) this.acknowledge(packet, RoutingError.NONE, 0);
    }
    if (data?.requestId) {
      // What it answers has arrived: that need not be repeated any more, nor sent again.
      this.pending.stop({ from: packet.to, id: data.requestId });
      this.options.transmitter.queue.remove(packet.to, data.requestId);
    }
    this.repeat(packet, message, snrDb);
    if (!message) return;
    understood(message);
    if (isToUs || packet.to === BROADCAST) toPhone(message);
  }

  /** A packet that was here before. */
  private takeAgain(packet: AirPacket, snrDb: number): void {
    const { settings, transmitter } = this.options;
    const isFirstHand = packet.hopStart > 0 && packet.hopStart === packet.hopLimit;
    if (!isFirstHand) {
      // Another was faster.
      transmitter.queue.remove(packet.from, packet.id);
      return;
    }
    // The sender tries again, for want of an acknowledgement.
    if (transmitter.queue.has(packet.from, packet.id)) return;
    if (packet.to === settings.number) {
      if (packet.wantAck) this.acknowledge(packet, RoutingError.NONE, 0);
    } else this.repeat(packet, undefined, snrDb);
  }

  private acknowledge(packet: AirPacket, error: RoutingError, hopLimit?: number): void {
    const hops = packet.hopStart - packet.hopLimit;
    const own = this.options.settings.lora.hopLimit || DEFAULT_HOP_LIMIT;
    // As far as it came, with two hops to spare.
    const limit = hopLimit ?? (hops + 2 < own ? hops + 2 : Math.max(own, hops));
    const message = create(MeshPacketSchema, {
      to: packet.from,
      from: this.options.settings.number,
      id: this.ids.next(),
      hopLimit: limit,
      hopStart: limit,
      priority: PacketPriority.ACK,
      content: { case: "decoded", value: routing(error, packet.id) },
    });
    this.pending.delayAll(this.airtimeMs(message));
    this.transmit(message);
  }

  private repeat(packet: AirPacket, message: MeshPacket | undefined, snrDb: number): void {
    const { settings, transmitter } = this.options;
    if (packet.to === settings.number || packet.hopLimit === 0 || packet.id === 0) return;
    if (settings.role === "client-mute" || settings.lora.region === Region.UNSET) return;
    transmitter.send({
      packet: { ...packet, hopLimit: packet.hopLimit - 1, relay: settings.number & 0xff },
      priority: message
        ? priorityOf(message)
        : packet.wantAck
          ? PacketPriority.RELIABLE
          : PacketPriority.DEFAULT,
      isOwn: false,
      snrDb,
    });
  }
}

const routing = (error: RoutingError, requestId: number): Data =>
  create(DataSchema, {
    port: Port.ROUTING,
    payload: toBinary(RoutingSchema, create(RoutingSchema, { content: { case: "error", value: error } })),
    requestId,
  });

/** What the firmware gives to a packet whose sender has asked for none (MeshPacketQueue.cpp, fixPriority). */
function priorityOf({ wantAck, content }: MeshPacket): PacketPriority {
  const data = content.case === "decoded" ? content.value : undefined;
  if (data?.port === Port.ROUTING) return PacketPriority.ACK;
  if (data?.port === Port.TEXT || data?.port === Port.ADMIN) return PacketPriority.HIGH;
  if (data?.requestId) return PacketPriority.RESPONSE;
  if (data?.wantResponse || wantAck) return PacketPriority.RELIABLE;
  return PacketPriority.DEFAULT;
}
