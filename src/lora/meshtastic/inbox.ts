import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { Received } from "../radio.ts";
import type { Facts } from "./facts.ts";
import { hopsOf, type NodeBook } from "./node-book.ts";
import { BROADCAST, nodeIdOf } from "./node-id.ts";
import type { OwnClock } from "./own-clock.ts";
import {
  type Data,
  type MeshPacket,
  Port,
  PositionSchema,
  RoutingError,
  RoutingSchema,
  TelemetrySchema,
  UserSchema,
} from "./proto/meshtastic_pb.ts";

export interface InboxOptions {
  book: NodeBook;
  facts: Facts;
  clock: OwnClock;
  received: (packet: Received) => void;
  /** An acknowledgement or a refusal of a packet of ours. */
  routing: (id: number, error: RoutingError, by: number | "radio") => void;
  changed: () => void;
}

/** What a stranger has sent may be anything. */
function decoded<Desc extends DescMessage>(
  schema: Desc,
  payload: Uint8Array,
): MessageShape<Desc> | undefined {
  try {
    return fromBinary(schema, payload);
  } catch {
    return undefined;
  }
}

/** Packets that the firmware hands over: from the air, or from itself. */
export class Inbox {
  constructor(private readonly options: InboxOptions) {}

  take(packet: MeshPacket): void {
    const { book, facts, changed } = this.options;
    const isOwn = packet.from === facts.self || packet.from === 0;
    // What is for keys that the radio does not have is not for us.
    if (packet.content.case !== "decoded") return;
    const data = packet.content.value;
    if (!isOwn) book.heard(packet);
    switch (data.port) {
      case Port.PRIVATE:
        if (!isOwn) this.options.received(this.received(packet, data.payload));
        break;
      case Port.ROUTING:
        this.takeRouting(data, isOwn ? "radio" : packet.from);
        break;
      case Port.POSITION: {
        const position = decoded(PositionSchema, data.payload);
        book.putPosition(packet.from, position);
        // With a signal it came from the air, whatever number it bears.
        if (isOwn && packet.rxRssi === 0) this.options.clock.inPosition(position);
        break;
      }
      case Port.NODE_INFO: {
        const user = decoded(UserSchema, data.payload);
        if (user) book.putUser(packet.from, user);
        break;
      }
      case Port.TELEMETRY:
        this.takeTelemetry(packet.from, isOwn, data.payload);
        break;
    }
    changed();
  }

  private received(packet: MeshPacket, payload: Uint8Array): Received {
    const self = this.options.facts.self;
    // Neither of the two is told for what came over the internet.
    const isHeard = packet.rxRssi !== 0 && !packet.viaMqtt && Number.isFinite(packet.rxSnr);
    return {
      payload,
      from: nodeIdOf(packet.from),
      to: packet.to === BROADCAST ? undefined : nodeIdOf(self ?? packet.to),
      rssiDbm: isHeard ? packet.rxRssi : undefined,
      snrDb: isHeard ? packet.rxSnr : undefined,
      hops: hopsOf(packet),
    };
  }

  private takeRouting({ requestId, payload }: Data, by: number | "radio"): void {
    const routing = decoded(RoutingSchema, payload);
    if (!routing || requestId === 0) return;
    // A routing message without an error acknowledges.
    const error = routing.content.case === "error" ? routing.content.value : RoutingError.NONE;
    this.options.routing(requestId, error, by);
  }

  private takeTelemetry(from: number, isOwn: boolean, payload: Uint8Array): void {
    const { book, facts } = this.options;
    const content = decoded(TelemetrySchema, payload)?.content;
    if (isOwn) facts.takeMetrics(content?.value);
    else if (content?.case === "device") book.putMetrics(from, content.value);
  }
}
