import { Command } from "commander";
import { serveTlsFront, splitListen, tlsMaterial } from "../portal/index.ts";
import { listenOption } from "./listen-option.ts";
import { untilSignal } from "./signals.ts";

interface TlsFrontArguments {
  portalSocket: string;
  listen: string[];
}

/** The process that holds the portal's TLS key; started by `run`. Apart from the portal, whose code it need not load. */
export function tlsFrontCommand(): Command {
  return new Command("tls-front")
    .description("decrypt for the portal, with certificate and key from standard input; started by run")
    .requiredOption("--portal-socket <socket>", "the portal's private socket")
    .addOption(listenOption())
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
