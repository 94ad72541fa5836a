import { Writer } from "../custody/writers.ts";

/** What a box that is to be killed is told, as JSON. */
export interface KillBoxArguments {
  /** On LoRa. */
  address: number;
  /** The box whose reader is written to. */
  to?: number;
  folder: string;
  /** Its case's serial line. */
  port: string;
  /** See `FasterTime`. */
  sinceMs: number;
  /** Writers of this number and those after it are this life's own. */
  seed: number;
  /** The order of what its reader has read last. */
  after: number;
  /** Else its guests write nothing. */
  isWriting: boolean;
}

/** Who reads at a box. */
export const readerAt = (address: number): Writer => new Writer(address);
