import { z } from "zod";
import { publicKeyOf } from "../mesh/index.ts";
import type { Provider } from "./provider-choice.ts";
import { providerName } from "./provider-names.ts";

/** A box of a network that this machine's box belongs to. */
export interface MeshProvider extends Provider {
  network: string;
  peer: string;
  /** Its Ed25519 key in that network, 64 hexadecimal digits. */
  key: string;
  /** Of that key, to compare by voice. */
  words: string;
}

/** What of the mesh's peers is needed; another version may tell more. */
const peers = z.array(
  z.object({
    network: z.string(),
    peer: z.string(),
    name: z.string(),
    role: z.string(),
    words: z.string(),
    connected: z.boolean(),
    paths: z.array(z.object({ chosen: z.boolean(), rttMs: z.number().optional() })),
    capability: z
      .object({
        ...{ cpus: z.number(), memoryMiB: z.number(), freeMemoryMiB: z.number() },
        ...{ leases: z.number(), maxLeases: z.number() },
      })
      .optional(),
    load: z.number(),
  }),
);

const TIMEOUT_MS = 5_000;
/** Every peer id of an Ed25519 key begins so. */
const COMMON_START = "12D3KooW";
/** Shorter beginnings of a peer id could mean any. */
const LEAST_ID_CHARS = 4;

/**
 * The boxes that the mesh of this machine's box knows, as they say of themselves.
 * @param socket of that mesh
 * @returns undefined where no box runs here, or this user may not ask it
 */
export async function meshProviders(socket: string): Promise<MeshProvider[] | undefined> {
  let said: unknown;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("http://box/v1/peers", { unix: socket, signal });
    if (!response.ok) return undefined;
    said = await response.json();
  } catch {
    return undefined;
  }
  const parsed = peers.safeParse(said);
  if (!parsed.success) return undefined;
  // People's devices and requesters lend nothing.
  const boxes = parsed.data.filter(({ role }) => role === "box" || role === "operator");
  return boxes.map(({ network, peer, name, words, connected, paths, capability, load }) => ({
    name: providerName({ by: "mesh", network, peer }),
    title: name || peer,
    standing: "network",
    isConnected: connected,
    rttMs: paths.find(({ chosen }) => chosen)?.rttMs,
    capability,
    ...{ load, network, peer, words },
    key: Buffer.from(publicKeyOf(peer)).toString("hex"),
  }));
}

/**
 * Which of them are meant: by name, by the words of their key (with spaces or hyphens), by peer id or the beginning of it.
 * @returns more than one where it is not clear
 */
export function meant(providers: readonly MeshProvider[], named: string): MeshProvider[] {
  const words = named.trim().toLowerCase().replaceAll("-", " ");
  const id = named.startsWith(COMMON_START) ? named.slice(COMMON_START.length) : named;
  const exact = providers.filter(
    (one) => one.title === named || one.words === words || one.peer === named || one.name === named,
  );
  if (exact.length > 0 || id.length < LEAST_ID_CHARS) return exact;
  return providers.filter(({ peer }) => peer.slice(COMMON_START.length).startsWith(id));
}
