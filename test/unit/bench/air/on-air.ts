import { Air, type AirOptions } from "../../../../src/bench/air/air.ts";
import type { AirModem } from "../../../../src/bench/air/air-modem.ts";
import type { HeardFrame } from "../../../../src/bench/air/modem.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { type ChannelSettings, type Modulation, PRESETS } from "../../../../src/lora/modulation.ts";

export const channel = (
  modulation: Modulation = PRESETS.LongFast,
  more: Partial<ChannelSettings> = {},
): ChannelSettings => ({ frequencyHz: 869_525_000, modulation, powerDbm: 14, ...more });

/** An air with some modems that listen, and what each has heard. */
export function onAir<Name extends string>(
  places: Record<Name, number | { x: number; y: number }>,
  { settings = channel(), ...more }: Partial<AirOptions> & { settings?: ChannelSettings } = {},
) {
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed: 1, ...more });
  const heard = {} as Record<Name, HeardFrame[]>;
  const modems = {} as Record<Name, AirModem>;
  for (const name of Object.keys(places) as Name[]) {
    const place = places[name];
    const modem = air.modem({ name, position: typeof place === "number" ? { x: place, y: 0 } : place });
    const frames: HeardFrame[] = [];
    modem.configure(settings);
    modem.onFrame((frame) => frames.push(frame));
    modems[name] = modem;
    heard[name] = frames;
  }
  return { time, air, modems, heard };
}

export const bytes = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);

export const ignore = (): void => {};
