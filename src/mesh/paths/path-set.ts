import { Path, type PathHost, pathId } from "./path.ts";
import type { PathOffer, PathTarget } from "./paths-interface.ts";

/** Paths to one peer, and those among them that were only learned from where its datagrams came. */
const MAX_PATHS = 24;
const MAX_LEARNED = 8;
const MAX_NUMBER = 0xffff;

/** The paths to one peer: bounded, whatever is offered and wherever datagrams come from. */
export class PathSet {
  private readonly paths = new Map<string, Path>();
  private readonly byNumber = new Map<number, Path>();
  private lastNumber = 0;

  constructor(private readonly host: PathHost) {}

  get all(): Path[] {
    return [...this.paths.values()];
  }

  get(id: string | undefined): Path | undefined {
    return id === undefined ? undefined : this.paths.get(id);
  }

  numbered(number: number): Path | undefined {
    return this.byNumber.get(number);
  }

  to(target: PathTarget): Path | undefined {
    return this.get(pathId(target));
  }

  /** @returns the path where it is new; undefined where it was there, leads nowhere or there are too many */
  offer(offer: PathOffer): Path | undefined {
    const id = pathId(offer.target);
    if (id === undefined) return undefined;
    const known = this.paths.get(id);
    if (known && (known.offer.kind !== "lora") === (offer.kind !== "lora")) {
      known.offer = offer;
      known.isLearned = false;
      return undefined;
    }
    if (known) this.remove(id);
    if (this.paths.size >= MAX_PATHS && !this.removeWorst(this.all)) return undefined;
    return this.add(id, offer, false);
  }

  /** A path that datagrams of the peer have come by. @returns undefined where there are better ones enough */
  learn(offer: PathOffer): Path | undefined {
    const id = pathId(offer.target);
    if (id === undefined) return undefined;
    const learned = this.all.filter(({ isLearned }) => isLearned);
    if (learned.length >= MAX_LEARNED && !this.removeWorst(learned)) return undefined;
    if (this.paths.size >= MAX_PATHS) return undefined;
    return this.add(id, offer, true);
  }

  remove(id: string): Path | undefined {
    const path = this.paths.get(id);
    if (!path) return undefined;
    path.stop();
    this.paths.delete(id);
    this.byNumber.delete(path.number);
    return path;
  }

  private add(id: string, offer: PathOffer, isLearned: boolean): Path {
    do this.lastNumber = (this.lastNumber + 1) & MAX_NUMBER;
    while (this.byNumber.has(this.lastNumber));
    const path = new Path(id, this.lastNumber, offer, isLearned, this.host);
    this.paths.set(id, path);
    this.byNumber.set(path.number, path);
    return path;
  }

  /** The longest there of those that do not work. @returns whether there was one */
  private removeWorst(paths: readonly Path[]): boolean {
    const worst =
      paths.find(({ prover }) => prover.state === "dead") ??
      paths.find(({ prover }) => prover.state === "untried");
    if (worst) this.remove(worst.id);
    return worst !== undefined;
  }
}
