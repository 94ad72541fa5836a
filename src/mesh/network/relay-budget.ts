import type { MeshConfig } from "../../config/index.ts";

/** What a box relays in one network, in kbit/s, for each of the three ways in which it does: each keeps its own count. */
export interface RelayBudget {
  streams: { totalKbit: number; eachKbit: number };
  messages: { totalKbit: number; eachKbit: number };
  tunnels: { totalKbit: number; eachKbit: number };
}

const FIFTHS = { streams: 2, messages: 1, tunnels: 2 } as const;

/** Divides what the operator allows, so that the three together do not exceed it. */
export function relayBudget({ total_kbit, each_kbit }: MeshConfig["relay"]): RelayBudget {
  const part = (fifths: number) => {
    const totalKbit = Math.floor((total_kbit * fifths) / 5);
    return { totalKbit, eachKbit: Math.min(each_kbit, totalKbit) };
  };
  return { streams: part(FIFTHS.streams), messages: part(FIFTHS.messages), tunnels: part(FIFTHS.tunnels) };
}
