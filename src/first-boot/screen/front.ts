import { problemLine } from "../../config/index.ts";
import type { BoxStatus, OperatorView } from "../../portal/index.ts";
import { updateNotes } from "../../update/index.ts";

/** What somebody who stands before the box should know of it: for its screen, its serial line and its card. */
export interface Front {
  name: string;
  version: string;
  uptimeSeconds: number;
  /** The open networks that are on the air, by name. */
  onAir: readonly string[];
  /** Why there is none, if there is none; "" while it is not known. */
  notOnAir: string;
  guests: number;
  /** Open calls for help that nobody has acknowledged. */
  callsForHelp: number;
  consoleUrls: readonly string[];
  /** What to claim the box by; undefined once it has been claimed, and where nobody has to. */
  claimCode: string | undefined;
  /** The operator has asked on the page that the box forgets everything. */
  resetAsked: boolean;
  /** The file that the box was configured by; undefined: none. */
  configFile: string | undefined;
  /** What is wrong with that file, a line each. */
  configProblems: readonly string[];
  /** What does not run, and what happened to the box before it ran, a line each. */
  troubles: readonly string[];
}

/**
 * @param notes what scripts left before the daemon ran, such as that a damaged disk was repaired
 */
export function frontOf(status: BoxStatus, operator: OperatorView, notes: readonly string[]): Front {
  const interfaces = status.wifi?.radios.flatMap((radio) => radio.interfaces) ?? [];
  const access = interfaces.filter(({ role }) => role === "open");
  const onAir = [...new Set(access.filter(({ state }) => state === "up").map(({ network }) => network))];
  const { shown, consented, released } = status.guestsByState;
  return {
    name: status.name,
    version: status.version,
    uptimeSeconds: status.uptimeSeconds,
    onAir,
    notOnAir: onAir.length > 0 ? "" : whyNot(status, access),
    guests: shown + consented + released,
    callsForHelp: status.messages?.sos.filter(({ state }) => state !== "acknowledged").length ?? 0,
    consoleUrls: operator.consoleUrls.filter((url) => !url.includes("//127.") && !url.includes("//[::1]")),
    claimCode: operator.claimCode ?? undefined,
    resetAsked: operator.resetAsked,
    configFile: status.config.file ?? undefined,
    configProblems: status.config.problems.map(problemLine),
    troubles: [
      ...notes,
      ...updateNotes(status.update),
      ...status.parts
        .filter(({ state }) => state === "failed" || state === "troubled")
        .map(({ name, detail }) => `${name}: ${detail}`),
    ],
  };
}

function whyNot({ wifi }: BoxStatus, access: readonly { why: string }[]): string {
  if (wifi === undefined) return "";
  if (!wifi.enabled) return "the configuration says wifi.enabled = false";
  if (wifi.present === 0) return "no Wi-Fi radio is there";
  const [reason] = [...access.map(({ why }) => why), ...wifi.notes].filter((text) => text !== "");
  return reason ?? "it is being started";
}
