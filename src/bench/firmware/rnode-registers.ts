import type { ChannelSettings } from "../../lora/modulation.ts";
import { bigEndian, fromBigEndian } from "../../lora/rnode/big-endian.ts";
import { ASK, COMMAND } from "../../lora/rnode/commands.ts";
import { phyOf } from "./rnode-phy.ts";

interface Register {
  bytes: 1 | 2 | 4;
  initial: number;
  /** What asks for it without setting it; undefined: nothing does. */
  ask: number | undefined;
  /** What comes of a value that the radio cannot do. */
  settle: (value: number, maxPowerDbm: number) => number;
}

const clamped = (least: number, most: number) => (value: number) => Math.max(least, Math.min(value, most));
/** Hundredths of a percent; a whole or more is no limit. */
const lock = (value: number) => (value >= 10_000 ? 0 : value);

/** RNode_Firmware, serial_callback: nothing is refused, all is brought to the nearest that can be done. */
const REGISTERS: Readonly<Record<number, Register>> = {
  [COMMAND.FREQUENCY]: { bytes: 4, initial: 0, ask: 0, settle: (hz) => hz },
  [COMMAND.BANDWIDTH]: { bytes: 4, initial: 0, ask: 0, settle: (hz) => hz },
  [COMMAND.TX_POWER]: { bytes: 1, initial: ASK, ask: ASK, settle: (dbm, most) => Math.min(dbm, most) },
  [COMMAND.SPREADING_FACTOR]: { bytes: 1, initial: 0, ask: ASK, settle: clamped(5, 12) },
  [COMMAND.CODING_RATE]: { bytes: 1, initial: 5, ask: ASK, settle: clamped(5, 8) },
  [COMMAND.SHORT_AIRTIME_LOCK]: { bytes: 2, initial: 0, ask: undefined, settle: lock },
  [COMMAND.LONG_AIRTIME_LOCK]: { bytes: 2, initial: 0, ask: undefined, settle: lock },
};

/** What the host has set, lost with the power. */
export class RnodeRegisters {
  private readonly values = new Map<number, number>();

  constructor(private readonly maxPowerDbm: number) {}

  /**
   * @param online tells the chip, which may round
   * @returns what is told back; undefined when the command sets none of these
   */
  take(command: number, payload: Uint8Array, online: () => void): number[] | undefined {
    const register = REGISTERS[command];
    if (register?.bytes !== payload.length) return undefined;
    const value = fromBigEndian(payload);
    if (value !== register.ask) {
      this.values.set(command, register.settle(value, this.maxPowerDbm));
      online();
    }
    return bigEndian(this.get(command), register.bytes);
  }

  /** The radio starts only when all is set. */
  get isComplete(): boolean {
    const { FREQUENCY, BANDWIDTH, TX_POWER, SPREADING_FACTOR } = COMMAND;
    return (
      this.get(TX_POWER) !== ASK && [FREQUENCY, BANDWIDTH, SPREADING_FACTOR].every((one) => this.get(one) > 0)
    );
  }

  /** What the chip makes of it; from here on the host is told that. */
  roundedByChip(): ChannelSettings {
    this.values.set(COMMAND.BANDWIDTH, chipBandwidthHz(this.get(COMMAND.BANDWIDTH)));
    return this.channel;
  }

  get channel(): ChannelSettings {
    const modulation = {
      spreadingFactor: this.get(COMMAND.SPREADING_FACTOR),
      bandwidthHz: this.get(COMMAND.BANDWIDTH),
      codingRate: this.get(COMMAND.CODING_RATE),
      preambleSymbols: 0,
    };
    return {
      frequencyHz: this.get(COMMAND.FREQUENCY),
      modulation: { ...modulation, preambleSymbols: phyOf(modulation).preambleSymbols },
      powerDbm: this.get(COMMAND.TX_POWER),
    };
  }

  /** 0 to 1; 0: none. */
  get shortLock(): number {
    return this.get(COMMAND.SHORT_AIRTIME_LOCK) / 10_000;
  }

  get longLock(): number {
    return this.get(COMMAND.LONG_AIRTIME_LOCK) / 10_000;
  }

  private get(command: number): number {
    return this.values.get(command) ?? REGISTERS[command]?.initial ?? 0;
  }
}

/** The next one that the SX1262 has (sx126x.cpp, setSignalBandwidth). */
function chipBandwidthHz(asked: number): number {
  const steps = [7_800, 10_400, 15_600, 20_800, 31_250, 41_700, 62_500, 125_000, 250_000];
  return steps.find((step) => asked <= step) ?? 500_000;
}
