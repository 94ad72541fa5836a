import type { ChannelSettings, Modulation } from "../modulation.ts";
import type { RadioStatus } from "../radio.ts";
import { channelNameOf, frequencyHzOf, modulationOf, powerDbmOf } from "./channel-settings.ts";
import { boardOf } from "./hardware.ts";
import { batteryPercentOf, type NodeBook } from "./node-book.ts";
import { nodeIdOf } from "./node-id.ts";
import type { OwnClock } from "./own-clock.ts";
import {
  ChannelRole,
  type DeviceMetrics,
  type FromRadio,
  type LocalStats,
  type LoraConfig,
  type Metadata,
  Region,
} from "./proto/meshtastic_pb.ts";
import { REGION_BANDS } from "./regions.ts";

/** A share in percent, as the firmware tells it. */
const shareOf = (percent: number | undefined): number | undefined =>
  percent === undefined || !Number.isFinite(percent) ? undefined : Math.min(1, Math.max(0, percent / 100));

/** What is known of the radio itself. */
export class Facts {
  self: number | undefined;
  lora: LoraConfig | undefined;
  /** As it is set; empty where the preset's name stands for it. */
  channelName = "";
  /** How often it was started, where the firmware counts. */
  rebootCount = 0;
  private metadata: Metadata | undefined;
  private airtimeShare: number | undefined;
  private channelUse: number | undefined;
  private batteryPercent: number | undefined;

  constructor(
    private readonly book: NodeBook,
    private readonly clock: OwnClock,
  ) {}

  get version(): string | undefined {
    return this.metadata?.firmwareVersion;
  }

  get modulation(): Modulation | undefined {
    return this.lora && modulationOf(this.lora);
  }

  /** What the handshake tells. @returns whether it was something of this */
  take({ content }: FromRadio): boolean {
    switch (content.case) {
      case "ownInfo":
        this.self = content.value.number;
        this.rebootCount = content.value.rebootCount;
        return true;
      case "metadata":
        this.metadata = content.value;
        return true;
      case "config":
        if (content.value.content.case === "lora") this.lora = content.value.content.value;
        return true;
      case "channel":
        if (content.value.role === ChannelRole.PRIMARY) this.channelName = content.value.settings?.name ?? "";
        return true;
      case "nodeInfo": {
        const isSelf = content.value.number === this.self;
        this.book.put(content.value, isSelf);
        if (isSelf) {
          this.clock.atHandshake(content.value.lastHeard);
          this.takeMetrics(content.value.metrics);
        }
        return true;
      }
      default:
        return false;
    }
  }

  /** The radio's own readings. */
  takeMetrics(metrics: DeviceMetrics | LocalStats | undefined): void {
    if (!metrics) return;
    this.airtimeShare = shareOf(metrics.airUtilTx) ?? this.airtimeShare;
    this.channelUse = shareOf(metrics.channelUtilization) ?? this.channelUse;
    if (metrics.$typeName === "omerta.meshtastic.DeviceMetrics" && metrics.batteryLevel !== undefined)
      this.batteryPercent = batteryPercentOf(metrics);
  }

  status(): RadioStatus {
    const { self, metadata } = this;
    const own = self === undefined ? undefined : this.book.get(self);
    return {
      firmware: metadata ? `Meshtastic ${metadata.firmwareVersion}` : "Meshtastic",
      hardware: metadata && boardOf(metadata.hardwareModel),
      self: self === undefined ? undefined : nodeIdOf(self),
      name: own?.name,
      channel: this.channel(),
      airtimeShare: this.airtimeShare,
      channelUse: this.channelUse,
      batteryPercent: this.batteryPercent,
      position: own?.position,
      clock: this.clock.get(),
    };
  }

  private channel(): RadioStatus["channel"] {
    const { lora, channelName } = this;
    if (!lora) return {};
    const frequencyHz = frequencyHzOf(lora, channelName);
    const known: Partial<ChannelSettings> = {
      modulation: modulationOf(lora),
      powerDbm: powerDbmOf(lora),
      ...(frequencyHz === undefined ? {} : { frequencyHz }),
    };
    const region =
      lora.region === Region.UNSET
        ? {}
        : { region: REGION_BANDS[lora.region]?.name ?? Region[lora.region] ?? `region ${lora.region}` };
    return { ...known, name: channelNameOf(lora, channelName), ...region };
  }
}
