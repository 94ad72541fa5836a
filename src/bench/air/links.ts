import type { AirModem } from "./air-modem.ts";
import { type AirPosition, distanceM, type PathLoss, pairShadowingDb, pathLossDb } from "./path-loss.ts";

interface Link {
  from: AirPosition;
  to: AirPosition;
  frequencyHz: number;
  shadowingDb: number;
  lossDb: number;
}

/** What lies between any two modems, worked out again only when one has moved or changed its frequency. */
export class Links {
  /** By the places of sender and receiver. */
  private readonly known: Link[][] = [];

  constructor(
    private readonly pathLoss: PathLoss,
    private readonly seed: number,
  ) {}

  lossDb(from: AirModem, to: AirModem, frequencyHz: number): number {
    let row = this.known[from.place];
    if (!row) {
      row = [];
      this.known[from.place] = row;
    }
    const link = row[to.place];
    if (link && link.from === from.position && link.to === to.position && link.frequencyHz === frequencyHz) {
      return link.lossDb;
    }
    const shadowingDb = link?.shadowingDb ?? pairShadowingDb(this.pathLoss, this.seed, from.name, to.name);
    const lossDb = pathLossDb(this.pathLoss, distanceM(from.position, to.position), frequencyHz, shadowingDb);
    row[to.place] = { from: from.position, to: to.position, frequencyHz, shadowingDb, lossDb };
    return lossDb;
  }
}
