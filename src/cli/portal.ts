import { Command } from "commander";
import { serveGuests, splitListen } from "../portal/index.ts";
import { listenOption } from "./listen-option.ts";
import { untilSignal } from "./signals.ts";

/** The guests' web server as a process of its own; started by `run`. */
export function portalCommand(): Command {
  return new Command("portal")
    .description("serve guests; started by run")
    .requiredOption("--desk <socket>", "the daemon's socket for the portal")
    .addOption(listenOption())
    .option("--tls-socket <socket>", "where the TLS front hands on")
    .action(async ({ desk, listen, tlsSocket }: { desk: string; listen: string[]; tlsSocket?: string }) => {
      const server = serveGuests({
        desk,
        listens: listen.map(splitListen),
        ...(tlsSocket ? { tlsSocket } : {}),
      });
      await untilSignal();
      await server.stop();
      process.exit(0);
    });
}
