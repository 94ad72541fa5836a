import type { DriverContext } from "../driver.ts";
import type { Port } from "../port.ts";
import { Configuration } from "./configuration.ts";

/**
 * Whether a module answers in configuration mode, or switches to it by a command. One that is transparent and does not
 * switch is not found: it sends these nine bytes on the air.
 */
export function probeE22(port: Port, { timers }: DriverContext): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isOne: boolean) => {
      configuration.stop();
      port.off("data", onData);
      port.off("closed", onClosed);
      resolve(isOne);
    };
    const configuration = new Configuration({
      timers,
      write: (bytes) => void port.write(bytes).catch(() => end(false)),
    });
    const onData = (bytes: Uint8Array) => configuration.receive(bytes);
    const onClosed = () => end(false);
    port.on("data", onData);
    port.on("closed", onClosed);
    configuration.ask((found) => end(found !== undefined));
  });
}
