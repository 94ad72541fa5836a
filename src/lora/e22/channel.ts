import { fittingPreset } from "../fitting-preset.ts";
import type { ChannelSettings } from "../modulation.ts";
import { RadioError } from "../radio.ts";
import {
  AIR_RATE_NAMES,
  airRateOf,
  frequencyOf,
  type ModuleKind,
  modulationOf,
  type Registers,
} from "./registers.ts";

export function channelOf(registers: Registers, kind: ModuleKind): ChannelSettings & { name: string } {
  return {
    frequencyHz: frequencyOf(kind, registers.channel),
    modulation: modulationOf(registers.airRate),
    powerDbm: kind.powersDbm[registers.power] ?? 0,
    name: `${AIR_RATE_NAMES[registers.airRate]} kbit/s, network ${registers.networkId}`,
  };
}

/**
 * Registers with another channel.
 * @throws {RadioError} `unsupported` for a modulation that none of the module's air data rates has; `refused`, with
 *   the field named, for a frequency or a power between its steps
 */
export function withChannel(registers: Registers, settings: ChannelSettings, kind: ModuleKind): Registers {
  const { frequencyHz, modulation, powerDbm } = settings;
  const airRate = airRateOf(modulation);
  if (airRate === undefined) {
    const { spreadingFactor, bandwidthHz, codingRate } = modulation;
    const asked = `SF${spreadingFactor} at ${bandwidthHz} Hz, 4/${codingRate}`;
    const hint = fittingPreset((other) => airRateOf(other) !== undefined);
    throw new RadioError("unsupported", `modulation: no air data rate of the module is ${asked}${hint}`);
  }
  const channel = (frequencyHz - kind.baseHz) / kind.stepHz;
  if (!Number.isInteger(channel) || channel < 0 || channel >= kind.channels) {
    const last = frequencyOf(kind, kind.channels - 1);
    const steps = `${kind.baseHz} to ${last} in steps of ${kind.stepHz}`;
    const near = nearChannels(channel, kind).map((one) => frequencyOf(kind, one) / 1_000);
    const hint = `set lora.frequency_khz = ${near.join(" or ")}`;
    throw new RadioError("refused", `frequencyHz: ${frequencyHz} is not one of ${steps}: ${hint}`);
  }
  const power = kind.powersDbm.indexOf(powerDbm);
  if (power < 0) {
    const { powersDbm } = kind;
    // No more than the operator has allowed, as far as there is so little.
    const most = powersDbm.find((dbm) => dbm <= powerDbm) ?? Math.min(...powersDbm);
    const hint = `set lora.power_dbm = ${most}`;
    throw new RadioError("refused", `powerDbm: ${powerDbm} is not one of ${powersDbm.join(", ")}: ${hint}`);
  }
  return { ...registers, airRate, channel, power };
}

/** The module's channels on both sides of where one would be. */
function nearChannels(channel: number, { channels }: ModuleKind): number[] {
  const last = channels - 1;
  const within = (at: number): number => Math.min(last, Math.max(0, at));
  return [...new Set([within(Math.floor(channel)), within(Math.ceil(channel))])];
}
