import { RNodeFirmware, type RNodeFirmwareOptions } from "../../../../src/bench/firmware/rnode.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";
import { rnodeDriver } from "../../../../src/lora/rnode/index.ts";
import { MemoryWorld, type Station } from "../compliance/world.ts";

export const longFast: ChannelSettings = {
  frequencyHz: 869_525_000,
  modulation: PRESETS.LongFast,
  powerDbm: 14,
};
export const shortTurbo: ChannelSettings = { ...longFast, modulation: PRESETS.ShortTurbo };

export type RnodeStation = Station & { firmware: RNodeFirmware };

/** Cases with RNode firmware on one air, in virtual time. */
export class RnodeWorld extends MemoryWorld {
  async rnode(
    channel: ChannelSettings = longFast,
    more: Partial<RNodeFirmwareOptions> = {},
  ): Promise<RnodeStation> {
    let firmware: RNodeFirmware | undefined;
    const station = await this.station({
      driver: rnodeDriver({ channel }),
      powerOn: (board) => {
        firmware = new RNodeFirmware({ ...board, ...more });
        return firmware;
      },
    });
    if (!firmware) throw new Error("no firmware");
    return { ...station, firmware };
  }

  async opened(
    channel: ChannelSettings = longFast,
    more: Partial<RNodeFirmwareOptions> = {},
  ): Promise<RnodeStation> {
    const station = await this.rnode(channel, more);
    await this.settled(station.radio.open(), 20_000);
    return station;
  }
}
