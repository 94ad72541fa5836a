import type { Band } from "../radio-inventory.ts";

/** One interface of the radio mesh (802.11s, protected by SAE) that is up: the supplicant has joined the mesh. */
export interface MeshInterface {
  /** `mesh0` */
  name: string;
  /** Locally administered, the same after a reboot. */
  macAddress: string;
  frequencyMhz: number;
  band: Band;
  meshId: string;
  /** Whether an access point is on the same radio, and takes its share of the time. */
  shared: boolean;
}

/** Which interfaces of the radio mesh are up now, for what routes over them. */
export interface MeshInterfaces {
  /** In the plan's order. Another array whenever something has changed. */
  readonly current: readonly MeshInterface[];
  /**
   * Calls with the new list after each change: an interface that came or went, or one of the same name that was made
   * anew, whose index is another one.
   * @returns ends it
   */
  onChange(listener: (current: readonly MeshInterface[]) => void): () => void;
}
