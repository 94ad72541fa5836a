import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Air } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import {
  MeshtasticFirmware,
  type MeshtasticFirmwareOptions,
} from "../../../../src/bench/firmware/meshtastic.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { encodeFrame } from "../../../../src/lora/meshtastic/frame.ts";
import { Framer } from "../../../../src/lora/meshtastic/framer.ts";
import { fromRadioRules } from "../../../../src/lora/meshtastic/from-radio-rules.ts";
import { BROADCAST } from "../../../../src/lora/meshtastic/node-id.ts";
import {
  type DataSchema,
  type FromRadio,
  type MeshPacket,
  type MeshPacketSchema,
  Port,
  type QueueStatus,
  RoutingError,
  RoutingSchema,
  ToRadioSchema,
} from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";

type ToRadioContent = NonNullable<MessageInitShape<typeof ToRadioSchema>["content"]>;

/** A node whose stream a test reads and writes itself. */
export class RawHost {
  readonly messages: FromRadio[] = [];
  /** All that came, text and frames. */
  text = "";
  readonly firmware: MeshtasticFirmware;
  private readonly framer = new Framer({
    rules: fromRadioRules,
    onMessage: (message) => this.messages.push(message),
  });

  constructor(options: Omit<MeshtasticFirmwareOptions, "toHost">) {
    this.firmware = new MeshtasticFirmware({
      ...options,
      toHost: (bytes) => {
        this.text += new TextDecoder("latin1").decode(bytes);
        this.framer.push(bytes);
      },
    });
  }

  say(content: ToRadioContent): void {
    this.firmware.receive(encodeFrame(toBinary(ToRadioSchema, create(ToRadioSchema, { content }))));
  }

  send(
    data: MessageInitShape<typeof DataSchema>,
    packet: MessageInitShape<typeof MeshPacketSchema> = {},
  ): void {
    this.say({
      case: "packet",
      value: { to: BROADCAST, content: { case: "decoded", value: data }, ...packet },
    });
  }

  get cases(): (string | undefined)[] {
    return this.messages.map(({ content }) => content.case);
  }

  get packets(): MeshPacket[] {
    return this.messages.flatMap(({ content }) => (content.case === "packet" ? [content.value] : []));
  }

  get statuses(): QueueStatus[] {
    return this.messages.flatMap(({ content }) => (content.case === "queueStatus" ? [content.value] : []));
  }

  /** Payloads on the private port. */
  get payloads(): number[][] {
    return this.packets.flatMap(({ content }) =>
      content.case === "decoded" && content.value.port === Port.PRIVATE ? [[...content.value.payload]] : [],
    );
  }

  /** What was told of packets of its own: the packet's id and the error. */
  get routing(): { id: number; error: RoutingError; from: number }[] {
    return this.packets.flatMap(({ content, from }) => {
      if (content.case !== "decoded" || content.value.port !== Port.ROUTING) return [];
      const { content: routing } = fromBinary(RoutingSchema, content.value.payload);
      const error = routing.case === "error" ? routing.value : RoutingError.NONE;
      return [{ id: content.value.requestId, error, from }];
    });
  }
}

/** Nodes on one air, by their places in metres. */
export function nodes(
  places: readonly number[],
  options: Partial<MeshtasticFirmwareOptions> & { seed?: number } = {},
) {
  const { seed = 1, ...more } = options;
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed, pathLoss: FREE_SPACE });
  const random = seededRandom(seed);
  const hosts = places.map(
    (x, i) =>
      new RawHost({
        modem: air.modem({ name: `node ${i}`, position: { x, y: 0 } }),
        timers: time,
        random,
        number: i + 1,
        ...more,
      }),
  );
  /** Until all have started, and have a session. */
  const start = () => {
    time.advance(2_000);
    for (const host of hosts) host.say({ case: "wantConfigId", value: 7 });
    time.advance(100);
    for (const host of hosts) host.messages.length = 0;
    return hosts;
  };
  return { time, air, hosts, start };
}
