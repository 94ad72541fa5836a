import { MeshError } from "./mesh-control.ts";

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What identity refuses is what whoever asked did wrong. @throws {MeshError} */
export function refused<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new MeshError(messageOf(error), "wrong");
  }
}

/** The same of what takes its time. */
export async function refusedLater<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    throw new MeshError(messageOf(error), "wrong");
  }
}
