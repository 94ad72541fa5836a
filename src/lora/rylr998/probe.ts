import type { DriverContext } from "../driver.ts";
import type { Port } from "../port.ts";
import { ASK_VERSION } from "./at-commands.ts";
import { LineParser } from "./line-parser.ts";

const TRIES = 2;
const ANSWER_MS = 500;
const MODULE = /^\+VER=RYLR[49]98/;

/** Asks for the version. The first try may end a line that another probe has begun. */
export function probeRylr998(port: Port, { timers }: DriverContext): Promise<boolean> {
  return new Promise((resolve) => {
    let callOff = () => {};
    const parser = new LineParser({
      onLine: (line) => {
        if (MODULE.test(line)) end(true);
      },
      onReceived: () => {},
    });
    const onData = (bytes: Uint8Array) => parser.push(bytes);
    const onClosed = () => end(false);
    const end = (isOne: boolean) => {
      callOff();
      port.off("data", onData);
      port.off("closed", onClosed);
      resolve(isOne);
    };
    const ask = (tries: number) => {
      parser.giveUp();
      if (tries === 0) {
        end(false);
        return;
      }
      callOff = timers.after(ANSWER_MS, () => ask(tries - 1));
      port.write(new TextEncoder().encode(`${ASK_VERSION.text}\r\n`)).catch(() => end(false));
    };
    port.on("data", onData);
    port.on("closed", onClosed);
    ask(TRIES);
  });
}
