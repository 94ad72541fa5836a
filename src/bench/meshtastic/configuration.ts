import { ChannelRole, type Metadata } from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import { WITHOUT_NODES } from "../../lora/meshtastic/to-radio.ts";
import type { NodeDatabase } from "./node-database.ts";
import type { NodeSettings } from "./node-settings.ts";
import type { FromRadioContent } from "./phone-link.ts";

const CHANNELS = 8;
/** The parts of the configuration beside LoRa's, each without content. */
const OTHER_CONFIGS = [
  "device",
  "position",
  "power",
  "network",
  "display",
  "bluetooth",
  "security",
  "sessionKey",
  "screen",
] as const;
const MODULES = 13;
/** What a host's program must be at least; ours does not look at it. */
const MIN_APP_VERSION = 30_200;

/** All that is told to a host that asks for it, in the order of PhoneAPI.cpp. @param nonce the number that it asked by */
export function configuration(
  settings: NodeSettings,
  nodes: NodeDatabase,
  metadata: Metadata,
  nonce: number,
): FromRadioContent[] {
  const { number, rebootCount, lora } = settings;
  const { others } = nodes;
  return [
    {
      case: "ownInfo",
      value: { number, rebootCount, minAppVersion: MIN_APP_VERSION, nodeCount: others.length + 1 },
    },
    { case: "screenConfig", value: new Uint8Array() },
    { case: "nodeInfo", value: nodes.own() },
    { case: "metadata", value: metadata },
    ...Array.from({ length: CHANNELS }, (_, index) => channel(settings, index)),
    { case: "config", value: { content: { case: "lora", value: lora } } },
    ...OTHER_CONFIGS.map(
      (part): FromRadioContent => ({
        case: "config",
        value: { content: { case: part, value: new Uint8Array() } },
      }),
    ),
    ...Array.from({ length: MODULES }, (_, module) => emptyModule(module + 1)),
    ...(nonce === WITHOUT_NODES ? [] : others).map(
      (value): FromRadioContent => ({ case: "nodeInfo", value }),
    ),
    { case: "configCompleteId", value: nonce },
  ];
}

function channel({ channelName: name, channelPsk: psk }: NodeSettings, index: number): FromRadioContent {
  if (index > 0) return { case: "channel", value: { index, role: ChannelRole.DISABLED } };
  return { case: "channel", value: { index, role: ChannelRole.PRIMARY, settings: { name, psk } } };
}

/** A module's configuration: a field of that number that holds a message without fields. */
const emptyModule = (field: number): FromRadioContent => ({
  case: "moduleConfig",
  value: Uint8Array.of((field << 3) | 2, 0),
});
