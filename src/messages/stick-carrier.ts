import { basename } from "node:path";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { Custody } from "./custody/custody.ts";
import { trustedSeconds } from "./desk/bundle-maker.ts";
import { exportFolder } from "./sync/folder-export.ts";
import { importFolder } from "./sync/folder-import.ts";
import { Sticks } from "./sync/sticks.ts";

export interface StickCarrierOptions {
  /** Where sticks are mounted; "": they are left alone. */
  beneath: string;
  custody: Custody;
  wallMs: () => number;
  timers: Timers;
  /** Something for the journal. */
  told: (kind: string, subject: string, detail: Record<string, unknown>) => void;
  log: Logger;
}

/** Bundles by foot: on a USB stick, or in a folder that an operator names. */
export class StickCarrier {
  private readonly sticks: Sticks | undefined;

  constructor(private readonly options: StickCarrierOptions) {
    const { beneath, timers, log } = options;
    if (beneath === "") return;
    this.sticks = new Sticks({
      beneath,
      timers,
      log,
      exchange: (folder, label) => this.exchange(folder, label),
    });
  }

  start(): void {
    this.sticks?.start();
  }

  async stop(): Promise<void> {
    await this.sticks?.stop();
  }

  /** @throws {FolderError} */
  async exportTo(folder: string): Promise<{ written: number; there: number; left: number }> {
    const { custody } = this.options;
    return await exportFolder({ custody, folder, nowS: () => this.nowS() });
  }

  /** @throws {FolderError} */
  async importFrom(folder: string): Promise<{ taken: number; known: number; refused: number }> {
    const { custody } = this.options;
    return await importFolder({ custody, folder, label: basename(folder), nowS: () => this.nowS() });
  }

  /** Takes first: what it brings may be more important than what it takes along. */
  private async exchange(folder: string, label: string): Promise<void> {
    const { custody, told } = this.options;
    const nowS = () => this.nowS();
    const taken = await importFolder({ custody, folder, label, nowS });
    const left = await exportFolder({ custody, folder, nowS });
    told("stick", label, {
      taken: taken.taken,
      refused: taken.refused,
      written: left.written,
      left: left.left,
    });
  }

  private nowS(): number {
    return trustedSeconds(this.options.wallMs());
  }
}
