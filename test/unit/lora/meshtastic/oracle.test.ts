import { describe, expect, test } from "bun:test";
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { BROADCAST } from "../../../../src/lora/meshtastic/node-id.ts";
import * as own from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import {
  admin,
  disconnect,
  heartbeat,
  sendPacket,
  wantConfig,
} from "../../../../src/lora/meshtastic/to-radio.ts";
import { PRIORITIES } from "../../../../src/lora/priority.ts";
import { officialEnum, officialMessage, officialNumber } from "./official.ts";

/** What the official package of this version does not have yet. */
const NEWER = new Set(["Data.signature"]);

/** Every message that is a frame or a payload of its own; those inside them are compared with them. */
const PAIRS: readonly [string, DescMessage, DescMessage][] = [
  own.ToRadioSchema,
  own.FromRadioSchema,
  own.DataSchema,
  own.RoutingSchema,
  own.UserSchema,
  own.PositionSchema,
  own.TelemetrySchema,
  own.AdminMessageSchema,
].map((schema) => [schema.name, schema, officialMessage(schema.name)]);

const isCommon = (field: DescField): boolean => !NEWER.has(`${field.parent.name}.${field.name}`);

const scalar = (type: ScalarType): fc.Arbitrary<unknown> => {
  switch (type) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return fc.string({ unit: "grapheme", maxLength: 20 });
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 40 });
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true });
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.integer({ min: 0, max: 0xffffffff });
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    default:
      throw new Error(`no such field is in use: ${ScalarType[type]}`);
  }
};

const numberIn = ({ values }: DescEnum): fc.Arbitrary<number> =>
  fc.constantFrom(...values.map(({ number }) => number));

/** @param field one whose content is not looked into holds a message that may be empty */
function anyOf(field: DescField): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "scalar":
      return isOpaque(field) ? fc.constant(new Uint8Array()) : scalar(field.scalar);
    case "enum":
      return numberIn(field.enum);
    case "message":
      return message(field.message);
    case "list":
      return fc.array(itemOf(field), { maxLength: 3 });
    case "map":
      throw new Error("no map is in use");
  }
}

function itemOf(field: DescField & { fieldKind: "list" }): fc.Arbitrary<unknown> {
  switch (field.listKind) {
    case "scalar":
      return scalar(field.scalar);
    case "enum":
      return numberIn(field.enum);
    case "message":
      return message(field.message);
  }
}

const isOpaque = (field: DescField): boolean =>
  (field.parent.name === "Config" || field.parent.name === "FromRadio") &&
  field.fieldKind === "scalar" &&
  field.scalar === ScalarType.BYTES;

/** Any message of a kind, with any of its fields set. */
function message(desc: DescMessage): fc.Arbitrary<Message> {
  const fields = desc.fields.filter((field) => isCommon(field) && !field.oneof);
  const plain = fc.record(Object.fromEntries(fields.map((field) => [field.localName, anyOf(field)])), {
    requiredKeys: [],
  });
  const oneofs = desc.oneofs.map(({ localName, fields: cases }) =>
    fc
      .option(
        fc.oneof(...cases.map((field) => anyOf(field).map((value) => ({ case: field.localName, value })))),
      )
      .map((chosen) => (chosen ? { [localName]: chosen } : {})),
  );
  return fc.tuple(plain, ...oneofs).map((parts) => create(desc, Object.assign({}, ...parts)));
}

/** A message as a tree of field numbers, so that names do not matter; what only one of the schemas knows is left out. */
function valuesOf(desc: DescMessage, other: DescMessage, value: Message): Record<number, unknown> {
  const reflected = reflect(desc, value);
  const values: Record<number, unknown> = {};
  for (const field of desc.fields) {
    const twin = other.fields.find(({ number }) => number === field.number);
    if (!twin || !isCommon(field) || !reflected.isSet(field)) continue;
    values[field.number] = plainOf(field, twin, reflected);
  }
  return values;
}

function plainOf(field: DescField, twin: DescField, parent: ReflectMessage): unknown {
  if (field.fieldKind === "list") return [...parent.get(field)];
  if (field.fieldKind !== "message") return parent.get(field);
  const { message: held } = parent.get(field);
  // Bytes that the other schema does not look into.
  if (twin.fieldKind !== "message") return toBinary(field.message, held);
  return valuesOf(field.message, twin.message, held);
}

describe("Meshtastic's official package", () => {
  test.each(PAIRS)(
    "reads every %s that we write as we mean it, and writes it in the same bytes",
    (_, ours, theirs) => {
      fc.assert(
        fc.property(message(ours), (meant) => {
          const bytes = toBinary(ours, meant);
          const read = fromBinary(theirs, bytes);
          expect(valuesOf(theirs, ours, read)).toEqual(valuesOf(ours, theirs, meant));
          expect(toBinary(theirs, read)).toEqual(bytes);
        }),
        { numRuns: 300 },
      );
    },
  );

  test.each(PAIRS)("writes no %s that we do not read as it is meant", (_, ours, theirs) => {
    fc.assert(
      // With all that we do not know, too.
      fc.property(message(theirs), (meant) => {
        const read = fromBinary(ours, toBinary(theirs, meant));
        expect(valuesOf(ours, theirs, read)).toEqual(valuesOf(theirs, ours, meant));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ["RoutingError", own.RoutingErrorSchema, officialEnum("Routing.Error")],
    ["PacketPriority", own.PacketPrioritySchema, officialEnum("MeshPacket.Priority")],
    ["ModemPreset", own.ModemPresetSchema, officialEnum("Config.LoRaConfig.ModemPreset")],
    ["Region", own.RegionSchema, officialEnum("Config.LoRaConfig.RegionCode")],
    ["ChannelRole", own.ChannelRoleSchema, officialEnum("Channel.Role")],
  ] as const)("calls each %s by the same name", (_, ours, theirs) => {
    const known = ours.values.filter(({ number }) => theirs.value[number]);
    expect(known.length).toBeGreaterThanOrEqual(Math.min(ours.values.length, theirs.values.length));
    expect(known.map(({ number, localName }) => [number, localName])).toEqual(
      known.map(({ number }) => [number, theirs.value[number]?.localName ?? ""]),
    );
  });

  test("calls the ports that we use so", () => {
    const { Port } = own;
    const named: [Port: number, name: string][] = [
      [Port.TEXT, "TEXT_MESSAGE_APP"],
      [Port.POSITION, "POSITION_APP"],
      [Port.NODE_INFO, "NODEINFO_APP"],
      [Port.ROUTING, "ROUTING_APP"],
      [Port.ADMIN, "ADMIN_APP"],
      [Port.TELEMETRY, "TELEMETRY_APP"],
      [Port.PRIVATE, "PRIVATE_APP"],
    ];
    for (const [port, name] of named) expect(port).toBe(officialNumber("PortNum", name));
    expect(own.ConfigKind.LORA as number).toBe(officialNumber("AdminMessage.ConfigType", "LORA_CONFIG"));
  });
});

describe("what we say to the firmware", () => {
  const read = (frame: Uint8Array) => fromBinary(officialMessage("ToRadio"), frame.subarray(4));

  test("is a frame with its length in front", () => {
    expect([...heartbeat()]).toEqual([0x94, 0xc3, 0, 2, 0x3a, 0]);
  });

  test("is what the official package takes it for", () => {
    expect(read(wantConfig(69_420))).toMatchObject({
      payloadVariant: { case: "wantConfigId", value: 69_420 },
    });
    expect(read(disconnect())).toMatchObject({ payloadVariant: { case: "disconnect", value: true } });
    expect(read(heartbeat())).toMatchObject({ payloadVariant: { case: "heartbeat", value: { nonce: 0 } } });
  });

  test("sends a packet by its port, with its priority, to one node or all", () => {
    const expected = ["ALERT", "HIGH", "RELIABLE", "DEFAULT", "BACKGROUND"];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: BROADCAST }),
        fc.integer({ min: 1, max: BROADCAST }),
        fc.uint8Array({ maxLength: 233 }),
        fc.nat(PRIORITIES.length - 1),
        fc.boolean(),
        (id, to, payload, rank, wantAck) => {
          const priority = PRIORITIES[rank] ?? "sos";
          expect(read(sendPacket({ id, to, payload, priority, wantAck }))).toMatchObject({
            payloadVariant: {
              case: "packet",
              value: {
                id,
                to,
                wantAck,
                priority: officialNumber("MeshPacket.Priority", expected[rank] ?? ""),
                payloadVariant: {
                  case: "decoded",
                  value: { portnum: officialNumber("PortNum", "PRIVATE_APP"), payload },
                },
              },
            },
          });
        },
      ),
    );
  });

  test("sets a channel by admin messages to the radio itself", () => {
    const lora = create(own.LoraConfigSchema, {
      usePreset: true,
      modemPreset: own.ModemPreset.SHORT_TURBO,
      txPower: 14,
    });
    const setConfig = create(own.ConfigSchema, { content: { case: "lora", value: lora } });
    const frame = admin(5, 77, { case: "setConfig", value: setConfig });
    expect(read(frame)).toMatchObject({
      payloadVariant: {
        case: "packet",
        value: {
          to: 77,
          payloadVariant: { case: "decoded", value: { portnum: officialNumber("PortNum", "ADMIN_APP") } },
        },
      },
    });
    const { content } = fromBinary(own.ToRadioSchema, frame.subarray(4));
    const data =
      content.case === "packet" && content.value.content.case === "decoded" && content.value.content.value;
    expect(fromBinary(officialMessage("AdminMessage"), data ? data.payload : new Uint8Array())).toMatchObject(
      {
        payloadVariant: {
          case: "setConfig",
          value: {
            payloadVariant: {
              case: "lora",
              value: {
                usePreset: true,
                modemPreset: officialNumber("Config.LoRaConfig.ModemPreset", "SHORT_TURBO"),
                txPower: 14,
              },
            },
          },
        },
      },
    );
  });
});
