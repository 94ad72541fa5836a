import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";

/** An interface of a box, a wire unless it is said otherwise. */
export const link = (
  name: string,
  addresses: readonly string[],
  more: Partial<LocalInterface> = {},
): LocalInterface => ({
  name,
  index: 1,
  kind: "ethernet",
  up: true,
  metered: false,
  addresses,
  hasWayOut: false,
  ...more,
});
