import type { RadioDriver } from "../driver.ts";
import { type ChannelSettings, PRESETS } from "../modulation.ts";
import { isRnode } from "./probe.ts";
import { RnodeRadio } from "./rnode-radio.ts";

export interface RnodeOptions {
  /** The channel that a radio is opened on. */
  channel: ChannelSettings;
}

/**
 * A driver whose radios start on a given channel. The firmware keeps none that the host could find: it is told at every
 * start. The preamble's length is the firmware's own choice; {@link Radio.status} tells it.
 *
 * @example
 * const driver = rnodeDriver({ channel: { frequencyHz: 914_875_000, modulation: PRESETS.MediumFast, powerDbm: 17 } });
 */
export const rnodeDriver = ({ channel }: RnodeOptions): RadioDriver => ({
  firmware: "rnode",
  baudRates: [115_200],
  settleMs: 2_000,
  probe: isRnode,
  create: (port, { timers, log }) => new RnodeRadio({ port, timers, log, channel }),
});

/** Starts in the middle of EU868's sub-band with the most airtime, where an operator has said nothing else. */
export const rnode: RadioDriver = rnodeDriver({
  channel: { frequencyHz: 869_525_000, modulation: PRESETS.LongFast, powerDbm: 14 },
});
