import { Command } from "commander";
import { serveGuests, serveTlsFront, splitListen, tlsMaterial } from "../portal/index.ts";
import { untilSignal } from "./signals.ts";

const collect = (value: string, before: string[]) => [...before, value];

/** The guests' web server as a process of its own; started by `run`. */
export function portalCommand(): Command {
  return new Command("portal")
    .description("serve guests; started by run")
    .requiredOption("--desk <socket>", "the daemon's socket for the portal")
    .option("--listen <address:port>", "where to listen", collect, [])
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

interface TlsFrontArguments {
  portalSocket: string;
  listen: string[];
}

/** The process that holds the portal's TLS key; started by `run`. */
export function tlsFrontCommand(): Command {
  return new Command("tls-front")
    .description("decrypt for the portal, with certificate and key from standard input; started by run")
    .requiredOption("--portal-socket <socket>", "the portal's private socket")
    .option("--listen <address:port>", "where to listen", collect, [])
    .action(async ({ portalSocket, listen }: TlsFrontArguments) => {
      const server = serveTlsFront({
        listens: listen.map(splitListen),
        tls: tlsMaterial.parse(await Bun.stdin.json()),
        portalSocket,
      });
      await untilSignal();
      await server.stop();
      process.exit(0);
    });
}
