import { randomBytes } from "node:crypto";
import type { SigningKey } from "../../identity/index.ts";
import type { LeaseRestore } from "../../vm/request/lease-request.ts";
import { CheckpointHttp } from "../checkpoint-http.ts";
import type { LeaseClient } from "../lease-client.ts";
import { LeaseHttp } from "../lease-http.ts";
import { LeaseSealed } from "../lease-sealed.ts";
import type { LeaseTransport } from "../lease-transport.ts";

/** A machine cannot be saved, brought home or brought to a box. */
export class CheckpointWayError extends Error {
  override readonly name = "CheckpointWayError";
}

const LOOK_EVERY_MS = 50;

/** @throws {CheckpointWayError} for a box that is reached by the mesh: its streams carry no files of that size yet */
export function checkpointsAt(transport: LeaseTransport, key: SigningKey): CheckpointHttp {
  if (transport instanceof LeaseHttp || transport instanceof LeaseSealed)
    return new CheckpointHttp(transport.base, key, (count) => randomBytes(count));
  throw new CheckpointWayError("saved machines go to boxes by their addresses, not by the mesh");
}

/** Has a machine saved where it is. Kept when it is. @throws {CheckpointWayError} when it is not */
export async function saveThere(client: LeaseClient): Promise<void> {
  const failures = () => client.status.steps.filter(({ name }) => name === "not saved").length;
  const before = failures();
  const isSaved = () => client.status.phase === "checkpointed";
  if (isSaved()) return;
  await client.checkpoint();
  while (!isSaved()) {
    const { phase, why } = client.status;
    if (failures() > before || phase === "releasing" || phase === "ended")
      throw new CheckpointWayError(`it is not saved: ${why || phase}`);
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

/** Brings a saved machine to a box. @returns what a request for it is to say */
export const bringThere = (transport: LeaseTransport, key: SigningKey, path: string): Promise<LeaseRestore> =>
  checkpointsAt(transport, key).bring(path);
