import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { hopsOf } from "../../lora/meshtastic/node-book.ts";
import { nodeIdOf } from "../../lora/meshtastic/node-id.ts";
import {
  type DeviceMetrics,
  DeviceMetricsSchema,
  type MeshPacket,
  type NodeInfo,
  NodeInfoSchema,
  Port,
  type Position,
  PositionSchema,
  TelemetrySchema,
  type User,
  UserSchema,
} from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import type { NodeSettings } from "./node-settings.ts";

/** The smallest boards keep no more. */
const MAX_NODES = 100;

export interface NodeDatabaseOptions {
  settings: NodeSettings;
  hardwareModel: number;
  /** Seconds since 1970; 0: unknown. */
  nowSeconds: () => number;
  metrics: () => MessageInitShape<typeof DeviceMetricsSchema>;
}

/** The nodes that this one has heard of, and what it says of itself. */
export class NodeDatabase {
  private readonly nodes = new Map<number, NodeInfo>();

  constructor(private readonly options: NodeDatabaseOptions) {}

  get others(): NodeInfo[] {
    return [...this.nodes.values()];
  }

  own(): NodeInfo {
    const { settings, nowSeconds } = this.options;
    const position = this.position();
    return create(NodeInfoSchema, {
      number: settings.number,
      user: this.user(),
      lastHeard: nowSeconds(),
      metrics: this.metrics(),
      ...(position ? { position } : {}),
    });
  }

  user(): User {
    const { settings, hardwareModel } = this.options;
    const { longName, shortName, number } = settings;
    return create(UserSchema, { id: nodeIdOf(number), longName, shortName, hardwareModel });
  }

  metrics(): DeviceMetrics {
    return create(DeviceMetricsSchema, this.options.metrics());
  }

  position(): Position | undefined {
    const { position } = this.options.settings;
    if (!position) return undefined;
    const { latitude, longitude, altitudeM } = position;
    return create(PositionSchema, {
      latitude: Math.round(latitude * 1e7),
      longitude: Math.round(longitude * 1e7),
      ...(altitudeM === undefined ? {} : { altitude: Math.round(altitudeM) }),
    });
  }

  /** What this node tells all others of itself now and then. */
  announcements(): { port: Port; payload: Uint8Array }[] {
    const position = this.position();
    const telemetry = create(TelemetrySchema, { content: { case: "device", value: this.metrics() } });
    return [
      { port: Port.NODE_INFO, payload: toBinary(UserSchema, this.user()) },
      ...(position ? [{ port: Port.POSITION, payload: toBinary(PositionSchema, position) }] : []),
      { port: Port.TELEMETRY, payload: toBinary(TelemetrySchema, telemetry) },
    ];
  }

  /** @returns whether the sender was unknown */
  learn(packet: MeshPacket): boolean {
    const isNew = !this.nodes.has(packet.from);
    const node = this.nodes.get(packet.from) ?? create(NodeInfoSchema, { number: packet.from });
    if (isNew && this.nodes.size >= MAX_NODES) return false;
    this.nodes.set(packet.from, node);
    node.lastHeard = this.options.nowSeconds();
    node.snr = packet.rxSnr;
    const hops = hopsOf(packet);
    if (hops !== undefined) node.hopsAway = hops;
    if (packet.content.case === "decoded")
      learnFrom(node, packet.content.value.port, packet.content.value.payload);
    return isNew;
  }
}

function learnFrom(node: NodeInfo, port: Port, payload: Uint8Array): void {
  try {
    if (port === Port.NODE_INFO) node.user = fromBinary(UserSchema, payload);
    if (port === Port.POSITION) node.position = fromBinary(PositionSchema, payload);
    if (port === Port.TELEMETRY) {
      const { content } = fromBinary(TelemetrySchema, payload);
      if (content.case === "device") node.metrics = content.value;
    }
  } catch {
    // A stranger's packet may say anything; what cannot be read tells nothing.
  }
}
