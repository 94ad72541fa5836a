import type { Config } from "../config/index.ts";

/** Whether who goes first on every link is the mesh's business, the guests' uplink among them. */
export const sharesLinks = ({ mesh }: Config, onBoard: boolean): boolean => onBoard && mesh.enabled;
