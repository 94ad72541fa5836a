import type { Timers } from "../host/timers.ts";
import {
  type AirtimeLedger,
  PacedCarrier,
  type RegionName,
  type SubBand,
  subBandOf,
} from "./airtime/index.ts";
import type { FirmwareName } from "./drivers.ts";
import type { Link } from "./link/index.ts";
import type { ChannelSettings } from "./modulation.ts";
import type { Radio } from "./radio.ts";

export interface RadioTieOptions {
  radio: Radio;
  firmware: FirmwareName;
  link: Link;
  /** Whose limits hold; undefined: nothing is sent. */
  region: RegionName | undefined;
  /** What the radio was set to, where the firmware leaves that to the host. */
  channel: ChannelSettings;
  sosReserve: number;
  ledgerOf: (subBand: SubBand) => AirtimeLedger;
  timers: Timers;
  random: () => number;
}

/** Firmware that keeps a channel of its own, which its owner sets and other nodes share. */
const KEEPS_ITS_CHANNEL: readonly FirmwareName[] = ["meshtastic", "meshcore"];
/** Smaller frames are all header. */
const LEAST_FRAME_BYTES = 40;

/**
 * A radio that is open, tied to its link as far as the law lets it send as it is set, and tied anew when its owner sets
 * it differently.
 */
export class RadioTie {
  private carrier: PacedCarrier | undefined;
  private band: SubBand | undefined;
  private why = "";
  /** How the radio was set when it was tied. */
  private tiedAs: string | undefined;

  constructor(private readonly options: RadioTieOptions) {}

  /** Why nothing is sent, in words; "" when it is. */
  get reason(): string {
    return this.why;
  }

  /** What it sends in; undefined while it sends nothing. */
  get subBand(): SubBand | undefined {
    return this.band;
  }

  /** To be called at the start, and when something of the radio has changed. */
  refresh(): void {
    const { radio } = this.options;
    const settings = JSON.stringify([radio.status().channel, isSwitchedOff(radio)]);
    if (settings === this.tiedAs) return;
    this.untie();
    this.tiedAs = settings;
    try {
      this.tie();
      this.why = "";
    } catch (error) {
      this.why = error instanceof Error ? error.message : String(error);
    }
  }

  untie(): void {
    if (this.carrier) this.options.link.detach();
    this.carrier?.close("the radio is not used as it was");
    this.carrier = undefined;
    this.band = undefined;
    this.tiedAs = undefined;
  }

  /** @throws Error why nothing may be sent */
  private tie(): void {
    const { radio, region, link, ledgerOf, timers, random, sosReserve } = this.options;
    if (region === undefined) throw new Error("lora.region is not set: it sends nothing");
    if (isSwitchedOff(radio)) throw new Error("sending is switched off on the case, in its own app");
    const channel = this.channel();
    const subBand = subBandOf(region, channel);
    if (subBand.listensFirst && !radio.capabilities.listensBeforeTalk)
      throw new Error(`in ${region} a radio must listen before it talks, and this one cannot`);
    const isBusy = busySignOf(radio);
    const ledger = ledgerOf(subBand);
    const carrier = new PacedCarrier({
      ...{ radio, channel, ledger, timers, random, sosReserve },
      ...(isBusy ? { isBusy } : {}),
    });
    if (carrier.maxFrameBytes < LEAST_FRAME_BYTES) {
      carrier.close("not used");
      throw new Error(
        `${region} leaves frames of ${carrier.maxFrameBytes} bytes at this speed, which carry nothing: set lora.preset = "ShortTurbo"`,
      );
    }
    this.band = subBand;
    this.carrier = carrier;
    link.attach(carrier);
  }

  /** How the radio is set: by its own word, and where it has none and the host has set it, by that. */
  private channel(): ChannelSettings {
    const { radio, firmware, channel } = this.options;
    const { frequencyHz, modulation, powerDbm } = radio.status().channel;
    if (KEEPS_ITS_CHANNEL.includes(firmware) && (frequencyHz === undefined || modulation === undefined))
      throw new Error("the case does not know its channel: set its region in its own app");
    return {
      frequencyHz: frequencyHz ?? channel.frequencyHz,
      modulation: modulation ?? channel.modulation,
      powerDbm: powerDbm ?? channel.powerDbm,
    };
  }
}

/** Some firmware can be told by its owner to send nothing. */
const isSwitchedOff = (radio: Radio): boolean => "sendingIsOff" in radio && radio.sendingIsOff === true;

/** Some radios can say whether others are on the channel. */
function busySignOf(radio: Radio): (() => boolean) | undefined {
  if (!("isBusy" in radio) || typeof radio.isBusy !== "function") return undefined;
  const ask = radio.isBusy.bind(radio);
  return () => ask() === true;
}
