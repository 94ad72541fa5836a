import type { PathKind, PathOffer } from "./paths-interface.ts";

/** What a megabyte costs on some ways, as the operator has said. */
export interface PathCost {
  /** "": all kinds. */
  kind: PathKind | "";
  /** The name of the interface that a way leaves by, or its beginning and "*"; "*" alone fits those too where none is known. */
  interface: string;
  /** In the operator's own unit. */
  per_mb: number;
}

/** What a megabyte costs on a way by the first entry that fits it; 0 where none does. Pure. */
export function costOf(offer: Pick<PathOffer, "kind" | "interface">, costs: readonly PathCost[]): number {
  const fitting = costs.find(
    ({ kind, interface: pattern }) =>
      (kind === "" || kind === offer.kind) && fits(offer.interface ?? "", pattern),
  );
  return fitting?.per_mb ?? 0;
}

const fits = (name: string, pattern: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
