import type { Timers } from "../../host/timers.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import type { Position } from "../../lora/radio.ts";
import type { HeardFrame, Modem } from "../air/modem.ts";
import type { Firmware, ToHost } from "../firmware.ts";
import { DATAGRAMS_FROM, MeshCoreCommands } from "./meshcore-commands.ts";
import { Identity } from "./meshcore-identity.ts";
import { CommandReader, wrapped } from "./meshcore-line.ts";
import { MeshCoreNode, type NodeContact, type NodeEvents } from "./meshcore-node.ts";
import * as replies from "./meshcore-replies.ts";

export interface MeshCoreFirmwareOptions {
  modem: Modem;
  timers: Timers;
  random: () => number;
  toHost: ToHost;
  name?: string;
  /** Default: MeshCore's preset for the EU, 869.618 MHz, SF8, 62.5 kHz, 4/8, 22 dBm. */
  settings?: ChannelSettings;
  position?: Position;
  batteryMilliVolts?: number;
  /** Of the companion protocol; default 13. Stats come with 8, datagrams with 11. */
  protocolVersion?: number;
  /** Until it listens, in ms; default 300. */
  bootMs?: number;
  /** What the chip says while it starts; default what an ESP32 says. */
  bootText?: string;
  maxContacts?: number;
  /** Repeats for others. */
  repeats?: boolean;
  maxPowerDbm?: number;
}

const EU_NARROW: ChannelSettings = {
  frequencyHz: 869_618_000,
  modulation: { spreadingFactor: 8, bandwidthHz: 62_500, codingRate: 8, preambleSymbols: 32 },
  powerDbm: 22,
};

const BOOT_TEXT =
  "ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\nrst:0x1 (POWERON),boot:0x2b -> SPI_FAST_FLASH_BOOT\r\n" +
  "load:0x3fce3808,len:0x4bc\r\nentry 0x403c98d0\r\nE (312) esp_core_dump_flash: no core dump partition found!\r\n";

/** Boards have no clock of their own: they start at 15 May 2024 (ESP32Board.h of MeshCore). */
const START_SECONDS = 1_715_770_351;
/** The firmware goes round its loop so often. */
const LOOP_MS = 1;
const WAITING_MESSAGES = 16;
const EXPECTED_ACKS = 8;

/** A companion radio's firmware, as the host sees it over serial and others see it on the air. */
export class MeshCoreFirmware implements Firmware {
  readonly identity: Identity;
  readonly node: MeshCoreNode;
  name: string;
  settings: ChannelSettings;
  repeats: boolean;
  readonly position: Position | undefined;
  readonly batteryMilliVolts: number;
  readonly protocolVersion: number;
  readonly maxPowerDbm: number;
  /** What the app said it understands. */
  appVersion = 0;
  readonly waitingMessages: Uint8Array[] = [];
  private readonly options: MeshCoreFirmwareOptions;
  private readonly startMs: number;
  private readonly reader = new CommandReader((command) => this.onCommand(command));
  private readonly commands: MeshCoreCommands;
  private expectedAcks: { ack: number; sentMs: number }[] = [];
  private stopped = false;
  private isUp = false;

  constructor(options: MeshCoreFirmwareOptions) {
    this.options = options;
    const { modem, timers, random } = options;
    this.identity = identityFrom(random);
    this.name =
      options.name ?? Buffer.from(this.identity.publicKey.subarray(0, 4)).toString("hex").toUpperCase();
    this.settings = options.settings ?? EU_NARROW;
    this.repeats = options.repeats ?? false;
    this.position = options.position;
    this.batteryMilliVolts = options.batteryMilliVolts ?? 3_900;
    this.protocolVersion = options.protocolVersion ?? 13;
    this.maxPowerDbm = options.maxPowerDbm ?? 22;
    this.startMs = timers.monotonicMs();
    this.node = new MeshCoreNode({
      modem,
      timers,
      random,
      modulation: () => this.settings.modulation,
      repeats: () => this.repeats,
      onRaw: (frame) => this.onRaw(frame),
      identity: this.identity,
      clockSeconds: () => this.clockSeconds(),
      maxContacts: options.maxContacts ?? 100,
      events: this.events(),
    });
    this.commands = new MeshCoreCommands(this);
    this.tune();
    timers.after(0, () => {
      if (!this.stopped) options.toHost(new TextEncoder().encode(options.bootText ?? BOOT_TEXT));
    });
    timers.after(options.bootMs ?? 300, () => {
      this.isUp = true;
    });
  }

  /** By its own clock. */
  clockSeconds(): number {
    return START_SECONDS + this.uptimeSeconds();
  }

  uptimeSeconds(): number {
    return Math.floor(this.uptimeMs() / 1_000);
  }

  receive(bytes: Uint8Array): void {
    // What comes before the serial line is set up is lost.
    if (this.isUp && !this.stopped) this.reader.push(bytes);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.node.mesh.stop();
    this.options.modem.configure(undefined);
  }

  /** As its button does. */
  advertise(reach: "neighbours" | "flood"): boolean {
    const place = {
      latitude: Math.round((this.position?.latitude ?? 0) * 1e6),
      longitude: Math.round((this.position?.longitude ?? 0) * 1e6),
    };
    return this.node.advertise(this.name, place, reach === "flood");
  }

  tune(): void {
    const { modulation } = this.settings;
    const preambleSymbols = modulation.spreadingFactor <= 8 ? 32 : 16;
    this.settings = { ...this.settings, modulation: { ...modulation, preambleSymbols } };
    this.options.modem.configure(this.settings);
  }

  /** Writes a frame to the host, one turn of the loop later. */
  reply(content: Uint8Array | undefined): void {
    if (content) this.later(() => this.options.toHost(wrapped(content)));
  }

  later(task: () => void): void {
    this.options.timers.after(LOOP_MS, () => {
      if (!this.stopped) task();
    });
  }

  expectAck(ack: number): void {
    this.expectedAcks.push({ ack, sentMs: this.uptimeMs() });
    if (this.expectedAcks.length > EXPECTED_ACKS) this.expectedAcks.shift();
  }

  private uptimeMs(): number {
    return this.options.timers.monotonicMs() - this.startMs;
  }

  private onCommand(command: Uint8Array): void {
    this.later(() => this.commands.handle(command));
  }

  private onRaw({ bytes, snrDb, rssiDbm }: HeardFrame): void {
    this.reply(replies.heard(snrDb, rssiDbm, bytes));
  }

  /** Of what is full, the oldest message on a channel goes; with none there, the new one is lost. */
  private keep(message: Uint8Array, isFromChannel: (message: Uint8Array) => boolean): void {
    const { waitingMessages } = this;
    if (waitingMessages.length >= WAITING_MESSAGES) {
      const at = waitingMessages.findIndex(isFromChannel);
      if (at < 0) return;
      waitingMessages.splice(at, 1);
    }
    waitingMessages.push(message);
    this.reply(replies.messageWaiting());
  }

  private events(): NodeEvents {
    const keep = (message: Uint8Array) => this.keep(message, replies.isFromChannel);
    return {
      onAdvert: (contact: NodeContact, isKept: boolean) => {
        this.reply(replies.advert(contact.publicKey));
        if (!isKept) this.reply(replies.contactsFull());
      },
      onPathUpdated: (contact) => this.reply(replies.pathUpdated(contact.publicKey)),
      onText: (from, packet, timestamp, text) =>
        keep(replies.contactMessage(this.appVersion, from.publicKey, packet, timestamp, text)),
      onGroupText: (packet, timestamp, text) =>
        keep(replies.channelMessage(this.appVersion, packet, timestamp, text)),
      onGroupData: (packet, dataType, data) => {
        const message = replies.channelData(packet, dataType, data);
        // Firmware that does not know datagrams does not tell of them either.
        if (message && this.protocolVersion >= DATAGRAMS_FROM) keep(message);
      },
      onRawData: ({ snrDb, rssiDbm, payload }) => this.reply(replies.rawData(snrDb, rssiDbm, payload)),
      onAck: (ack) => {
        const expected = this.expectedAcks.find((one) => one.ack === ack);
        if (!expected) return;
        this.expectedAcks = this.expectedAcks.filter((one) => one !== expected);
        this.reply(replies.sendConfirmed(ack, this.uptimeMs() - expected.sentMs));
      },
    };
  }
}

function identityFrom(random: () => number): Identity {
  for (;;) {
    const identity = new Identity(Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256)));
    // Reserved.
    if (identity.hash !== 0 && identity.hash !== 0xff) return identity;
  }
}
