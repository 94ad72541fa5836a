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
    throw new RadioError("unsupported", `modulation: no air data rate of the module is ${asked}`);
  }
  const channel = (frequencyHz - kind.baseHz) / kind.stepHz;
  if (!Number.isInteger(channel) || channel < 0 || channel >= kind.channels) {
    const last = frequencyOf(kind, kind.channels - 1);
    const steps = `${kind.baseHz} to ${last} in steps of ${kind.stepHz}`;
    throw new RadioError("refused", `frequencyHz: ${frequencyHz} is not one of ${steps}`);
  }
  const power = kind.powersDbm.indexOf(powerDbm);
  if (power < 0) {
    throw new RadioError("refused", `powerDbm: ${powerDbm} is not one of ${kind.powersDbm.join(", ")}`);
  }
  return { ...registers, airRate, channel, power };
}
