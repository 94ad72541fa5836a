/**
 * A program for the guest: it has the box tell everybody something, again and again, and says on the serial line what the box
 * has acknowledged: from then on it has to be there, whatever happens. Run by the box's own Bun.
 * @param from the number of the first
 */
export const writer = (from: number): string => `
import { writeSync, openSync } from "node:fs";
const line = openSync("/dev/ttyS0", "w");
for (let n = ${from}; ; n += 1) {
  const body = JSON.stringify({ level: "information", text: "cut-" + n, hours: 700 });
  const headers = { "content-type": "application/json" };
  try {
    const answer = await fetch("http://box/api/messages/notify", { unix: "/run/omerta-box/control.sock", method: "POST", headers, body });
    if (answer.ok) writeSync(line, "\\nACK " + n + " END\\n");
  } catch {}
  await Bun.sleep(Math.random() * 300);
}
`;

/** The numbers that were acknowledged, by what the serial line said. */
export const acknowledgedIn = (serial: string): number[] =>
  [...serial.matchAll(/ACK (\d+) END/g)].map(([, number]) => Number(number));

/** Prints the numbers of those that the box has. */
export const reader = `
const answer = await fetch("http://box/api/messages/notices", { unix: "/run/omerta-box/control.sock" });
if (!answer.ok) throw new Error("the box answers " + answer.status);
console.log("HAS " + (await answer.json()).map(({ text }) => /^cut-(\\d+)$/.exec(text)?.[1]).filter(Boolean).join(" ") + " END");
`;

/** Bun is in the program of an image, and runs what else it is given when it is asked so. */
export const BUN = "env BUN_BE_BUN=1 /opt/omerta-box/src/cli/omerta-box";

/** A line of shell that runs a program of ours. @param behind where its output goes */
export const runIn = (program: string, behind = ""): string =>
  `echo ${Buffer.from(program).toString("base64")} | base64 -d >/tmp/omb.mjs && ${BUN} /tmp/omb.mjs ${behind}`;
