import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "bun";
import { type Gateway, PORTS, type PortalCertificate } from "../gateway/index.ts";
import type { Logger } from "../host/log.ts";
import { OMERTA_BOX, PROGRAM_FILE } from "../host/own-program.ts";
import type { Part } from "../host/part.ts";
import { serveSocket } from "../host/socket-server.ts";
import { Supervised } from "../host/supervise.ts";
import { unprivilegedUser } from "../host/unprivileged.ts";
import type { GuestMessages } from "../messages/index.ts";
import { deskApi, type PortalFacts } from "./desk-api.ts";
import { DESK_IDLE_S } from "./desk-socket.ts";
import type { GuestDemos } from "./guest-demos.ts";

export interface PortalPartOptions {
  gateway: Gateway;
  facts: () => PortalFacts;
  /** What guests may do with messages; undefined where the box has none. */
  messages?: GuestMessages;
  /** Machines that guests may try; undefined where the box lends none to them. */
  demos?: GuestDemos;
  /** Told what a guest's phone says of the time. @param station its MAC address @param wallMs ms since 1970 */
  phoneSays?: (station: string, wallMs: number) => void;
  /** Told when there are other facts for a reason of its own. @returns ends it */
  onFactsChange?: (listener: () => void) => () => void;
  certificate: PortalCertificate | undefined;
  runFolder: string;
  log: Logger;
}

/** The first of these users that exists runs what faces guests. */
const USERS = ["omerta-portal", "nobody"];

/** The guests' web server: the desk that it asks, and its processes, kept running. */
export class PortalPart implements Part {
  readonly name = "portal";
  private desk: Server<undefined> | undefined;
  private processes: Supervised[] = [];

  constructor(private readonly options: PortalPartOptions) {}

  async start(): Promise<void> {
    const { gateway, facts, messages, demos, onFactsChange, phoneSays, certificate, runFolder, log } =
      this.options;
    const user = unprivilegedUser(USERS, PROGRAM_FILE, runFolder);
    const deskSocket = join(runFolder, "desk.sock");
    const desk = deskApi(gateway, facts, log, messages, onFactsChange, demos, phoneSays);
    this.desk = serveSocket(deskSocket, desk.fetch, user.ids, DESK_IDLE_S);
    const listens = gateway.backend.portalListens.map(listenText);
    const tlsFolder = join(runFolder, "portal");
    const tlsSocket = join(tlsFolder, "tls.sock");
    const supervised = (name: string, args: readonly string[], input?: () => string) =>
      new Supervised({
        name,
        command: [...user.prefix, ...OMERTA_BOX, name, ...args],
        runFolder,
        log,
        ...(input ? { input } : {}),
      });
    const listening = (texts: readonly string[]) => texts.flatMap((listen) => ["--listen", listen]);
    const toTls = certificate ? ["--tls-socket", tlsSocket] : [];
    this.processes = [supervised("portal", ["--desk", deskSocket, ...listening(listens), ...toTls])];
    if (certificate) {
      makeSocketFolder(tlsFolder, user.ids);
      const tlsListens = gateway.backend.portalListens.map(({ address }) =>
        listenText({ address, port: PORTS.portalHttps }),
      );
      const material = () =>
        JSON.stringify({
          cert: readFileSync(certificate.certificateFile, "utf8"),
          key: readFileSync(certificate.keyFile, "utf8"),
        });
      const args = ["--portal-socket", tlsSocket, ...listening(tlsListens)];
      this.processes.push(supervised("tls-front", args, material));
    }
    for (const child of this.processes) await child.start();
  }

  async stop(): Promise<void> {
    for (const child of this.processes) await child.stop();
    this.processes = [];
    await this.desk?.stop(true);
    this.desk = undefined;
  }

  trouble(): string | undefined {
    return this.processes.map((child) => child.trouble).find((trouble) => trouble !== undefined);
  }

  detail(): string {
    const { gateway, certificate } = this.options;
    return `${gateway.backend.portalUrl}${certificate ? `, and https://${certificate.host}` : ""}`;
  }
}

const listenText = ({ address, port }: { address: string; port: number }): string =>
  `${address.includes(":") ? `[${address}]` : address}:${port}`;

/** The portal makes its socket here, for the TLS front, which runs as the same user, and for nobody else. */
function makeSocketFolder(folder: string, ids: { uid: number; gid: number } | undefined): void {
  mkdirSync(folder, { recursive: true });
  if (ids) chownSync(folder, ids.uid, ids.gid);
  chmodSync(folder, 0o700);
}
