import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Timers } from "../../host/timers.ts";
import { encodeFrame } from "../../lora/meshtastic/frame.ts";
import {
  FromRadioSchema,
  type MeshPacket,
  type QueueStatus,
  type ToRadio,
  ToRadioSchema,
} from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import type { ToHost } from "../firmware.ts";
import { Recent } from "./recent.ts";
import { StreamParser } from "./stream-parser.ts";

/** How often the firmware looks at its line while there is something on it (StreamAPI.cpp). */
const LOOK_MS = 5;
/** Without a word from the host for so long its session ends (SerialConsole.cpp). */
const SILENCE_MS = 15 * 60_000;
/** What waits for the host (mesh-pb-constants.h). */
const MAX_PACKETS = 32;
const MAX_STATUSES = 2;
const MAX_NOTIFICATIONS = 2;
/** Numbers of the host's packets that are known again (PhoneAPI.h). */
const RECENT_PACKETS = 20;

export type FromRadioContent = NonNullable<MessageInitShape<typeof FromRadioSchema>["content"]>;

export interface PhoneLinkOptions {
  timers: Timers;
  write: ToHost;
  /** Everything that is answered to a question of this number, in order, its end included. */
  configuration: (nonce: number) => FromRadioContent[];
  queueStatus: () => QueueStatus;
  /** A packet that is none of the last ones. */
  packet: (packet: MeshPacket) => void;
  /** The host speaks the protocol: text on the line would only disturb. */
  spokenTo: () => void;
}

/** The firmware's side of the stream to the host (PhoneAPI.cpp). */
export class PhoneLink {
  private readonly parser: StreamParser;
  private readonly recent = new Recent<number>(RECENT_PACKETS);
  private received: Uint8Array[] = [];
  private packets: MeshPacket[] = [];
  private statuses: QueueStatus[] = [];
  private notifications: FromRadioContent[] = [];
  /** What the question for the configuration is still to be answered by. */
  private answers: FromRadioContent[] = [];
  private hasSession = false;
  private wasAskedToAnswer = false;
  private heardMs = Number.NEGATIVE_INFINITY;
  private callOff: (() => void) | undefined;

  constructor(private readonly options: PhoneLinkOptions) {
    this.parser = new StreamParser((payload) => this.onPayload(payload));
  }

  receive(bytes: Uint8Array): void {
    this.received.push(bytes.slice());
    this.plan();
  }

  queuePacket(packet: MeshPacket): void {
    if (this.packets.length < MAX_PACKETS) this.packets.push(packet);
    this.plan();
  }

  /** Of those that the host does not fetch in time only the last are kept. */
  queueStatus(status: QueueStatus): void {
    this.statuses.push(status);
    if (this.statuses.length > MAX_STATUSES) this.statuses.shift();
    this.plan();
  }

  notify(content: FromRadioContent): void {
    this.notifications.push(content);
    if (this.notifications.length > MAX_NOTIFICATIONS) this.notifications.shift();
    this.plan();
  }

  /** Written at once, whether anybody listens or not. */
  writeNow(content: FromRadioContent): void {
    this.options.write(encodeFrame(toBinary(FromRadioSchema, create(FromRadioSchema, { content }))));
  }

  /** Whether nothing waits for the host. */
  get isEmpty(): boolean {
    return this.packets.length === 0;
  }

  stop(): void {
    this.callOff?.();
    this.callOff = undefined;
    this.received = [];
  }

  private plan(): void {
    this.callOff ??= this.options.timers.after(LOOK_MS, () => {
      this.callOff = undefined;
      this.look();
    });
  }

  private look(): void {
    for (const bytes of this.received.splice(0)) this.parser.push(bytes);
    if (this.options.timers.monotonicMs() - this.heardMs >= SILENCE_MS) this.hasSession = false;
    if (this.wasAskedToAnswer) this.writeNow({ case: "queueStatus", value: this.options.queueStatus() });
    this.wasAskedToAnswer = false;
    if (!this.hasSession) return;
    for (const content of this.answers.splice(0)) this.writeNow(content);
    for (const value of this.statuses.splice(0)) this.writeNow({ case: "queueStatus", value });
    for (const content of this.notifications.splice(0)) this.writeNow(content);
    for (const value of this.packets.splice(0)) this.writeNow({ case: "packet", value });
  }

  private onPayload(payload: Uint8Array): void {
    let message: ToRadio;
    try {
      message = fromBinary(ToRadioSchema, payload);
    } catch {
      return;
    }
    this.heardMs = this.options.timers.monotonicMs();
    this.options.spokenTo();
    const { content } = message;
    switch (content.case) {
      case "wantConfigId":
        this.hasSession = true;
        this.answers = this.options.configuration(content.value);
        break;
      case "heartbeat":
        this.wasAskedToAnswer = true;
        break;
      case "disconnect":
        this.hasSession = false;
        break;
      case "packet":
        if (content.value.id !== 0 && this.recent.note(content.value.id)) return;
        this.options.packet(content.value);
        break;
    }
  }
}
