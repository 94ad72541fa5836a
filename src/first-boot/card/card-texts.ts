import type { Front } from "../screen/front.ts";

/** Files on the control partition that the box itself writes. */
export const CARD_FILES = { problems: "omerta-problems.txt", claim: "claim.txt" } as const;

/** What is to stand in each of them, by name; undefined: there is to be no such file. */
export type CardTexts = Record<string, string | undefined>;

/** What whoever takes the card out of the box finds on it. Times are left out: a text that stays the same is not written again. */
export function cardTexts(front: Front): CardTexts {
  return { [CARD_FILES.problems]: problemsText(front), [CARD_FILES.claim]: claimText(front) };
}

function problemsText({ configFile, configProblems, troubles }: Front): string | undefined {
  if (configProblems.length === 0 && troubles.length === 0) return undefined;
  const name = configFile?.split("/").at(-1) ?? "omerta.toml";
  return windowsLines([
    ...(configProblems.length === 0
      ? []
      : [
          `Something is wrong with ${name}. Your file is as you left it; correct this,`,
          "put the card back, and start the box again:",
          "",
          ...configProblems.map((text) => `  - ${text}`),
          "",
        ]),
    ...(troubles.length === 0
      ? []
      : ["What did not work on the box:", "", ...troubles.map((text) => `  - ${text}`), ""]),
    "The box writes this file by itself, and removes it when all is well.",
  ]);
}

function claimText({ claimCode, consoleUrls }: Front): string | undefined {
  if (claimCode === undefined) return undefined;
  return windowsLines([
    "Nobody operates this box yet. Whoever types in this code does:",
    "",
    `    ${claimCode}`,
    "",
    "Connect a computer to the box's network socket, and open in its browser",
    "",
    ...[...new Set([...consoleUrls, FIXED_URL])].map((url) => `    ${url}`),
    "",
    "The box removes this file once it has been claimed.",
  ]);
}

/** Of every wired socket of an image's box (rootfs-overlay/usr/lib/systemd/network/89-omerta-uplink.network), whatever network it is in. */
export const FIXED_URL = "http://169.254.8.90:8090/";

/** Old Notepads show everything in one line otherwise. */
const windowsLines = (lines: readonly string[]): string => `${lines.join("\r\n")}\r\n`;
