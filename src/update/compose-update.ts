import type { PartStatus } from "../host/part.ts";
import type { Vitals } from "./health.ts";
import { openMachine } from "./machine.ts";
import { type PortalDoors, portalAnswers } from "./portal-answers.ts";
import { UpdatePart, type UpdatePartOptions } from "./update-part.ts";

export interface ComposeUpdateOptions
  extends Pick<
    UpdatePartOptions,
    "config" | "stateFolder" | "networks" | "power" | "isClockKnown" | "clock" | "timers" | "log"
  > {
  journal: UpdatePartOptions["journal"];
  /** Whether what the journal takes is kept through a restart. */
  isJournalKept: boolean;
  portal: PortalDoors;
  parts: () => readonly ({ name: string } & PartStatus)[];
  /** Calls for help that are not closed. */
  openSos: () => number;
}

/** The part that updates the whole system; undefined on a machine that was not made from an image. */
export function composeUpdate(options: ComposeUpdateOptions): UpdatePart | undefined {
  const { parts, portal, journal, isJournalKept, ...rest } = options;
  const machine = openMachine(options.stateFolder);
  if (!machine) return undefined;
  let hasWritten = false;
  /** Once is enough: a card is not worn out by asking whether it can be written. */
  const storeWrites = async () => {
    hasWritten ||= await journal.append("update", "looked-after", "", {}).then(
      () => true,
      () => false,
    );
    return hasWritten && isJournalKept;
  };
  const vitals = async (): Promise<Vitals> => ({
    parts: parts().map(({ name, state, detail }) => ({ name, isWell: state === "running", detail })),
    portalAnswers: await portalAnswers(portal),
    storeWrites: await storeWrites(),
  });
  return new UpdatePart({ ...rest, journal, machine, vitals });
}
