import { E22Firmware } from "../../../../src/bench/firmware/e22.ts";
import { MeshCoreFirmware } from "../../../../src/bench/firmware/meshcore.ts";
import { MeshtasticFirmware } from "../../../../src/bench/firmware/meshtastic.ts";
import { RNodeFirmware } from "../../../../src/bench/firmware/rnode.ts";
import { Rylr998Firmware } from "../../../../src/bench/firmware/rylr998.ts";
import type { Firmware } from "../../../../src/bench/firmware.ts";
import { driverOf, type FirmwareName } from "../../../../src/lora/drivers.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { rnodeDriver } from "../../../../src/lora/rnode/index.ts";
import type { ComplianceSubject, ComplianceTraits } from "./radio-compliance.ts";

/** A firmware that is emulated, for whatever is to hold of all of them. */
export interface Subject<F extends Firmware> {
  traits: ComplianceTraits;
  /** The speed of its line. */
  baudRate: number;
  setup: () => Promise<ComplianceSubject<F>>;
}

const subject = <F extends Firmware>(
  firmware: FirmwareName,
  baudRate: number,
  traits: ComplianceTraits,
  more: Omit<ComplianceSubject<F>, "driver">,
): Subject<F> => ({ traits, baudRate, setup: async () => ({ driver: await driverOf(firmware), ...more }) });

export const meshcore = subject(
  "meshcore",
  115_200,
  { addresses: true, acknowledges: true, setsChannel: true },
  {
    powerOn: (board) => new MeshCoreFirmware(board),
    meet: async (stations, world) => {
      for (const { firmware } of stations) {
        firmware?.advertise("neighbours");
        await world.until(() => false, 4_000);
      }
    },
  },
);

export const meshtastic = subject(
  "meshtastic",
  115_200,
  { addresses: true, acknowledges: true, setsChannel: true },
  { powerOn: (board) => new MeshtasticFirmware({ ...board, number: 0x0a0b_0c00 + board.number }) },
);

/** On a channel that is faster than where it starts by itself. */
export const rnode: Subject<RNodeFirmware> = {
  baudRate: 115_200,
  traits: { addresses: false, acknowledges: false, setsChannel: true },
  setup: async () => ({
    driver: rnodeDriver({
      channel: { frequencyHz: 869_525_000, modulation: PRESETS.MediumFast, powerDbm: 14 },
    }),
    powerOn: (board) => new RNodeFirmware(board),
  }),
};

export const rylr998 = subject(
  "rylr998",
  115_200,
  { addresses: true, acknowledges: false, setsChannel: true },
  {
    powerOn: (board) =>
      new Rylr998Firmware({
        ...board,
        address: board.number + 1,
        answers: board.number % 2 ? "at-once" : "when-sent",
      }),
  },
);

/** As a module comes, but for a faster rate on the air and for telling the RSSI of each packet. */
const E22_REGISTERS = Uint8Array.of(0, 0, 0, 0x65, 0, 18, 0x80);

export const e22 = subject(
  "e22",
  9_600,
  { addresses: false, acknowledges: false, setsChannel: false },
  { powerOn: (board) => new E22Firmware({ ...board, hasSoftwareSwitch: true, registers: E22_REGISTERS }) },
);
