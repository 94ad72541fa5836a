import { join } from "node:path";
import type { MessagesConfig } from "../config/index.ts";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import { type Journal, tellFromNewer } from "../store/index.ts";
import type { BundleId } from "./bundle/bundle.ts";
import { encodeBundle } from "./bundle/bundle-codec.ts";
import type { BundleStore } from "./custody/bundle-store.ts";
import type { BundleMaker } from "./desk/bundle-maker.ts";
import type { MessagesStatus, OutboxEntry } from "./desk/operator-messages.ts";
import type { Bridge } from "./outbox/bridge.ts";
import { Outbox } from "./outbox/outbox.ts";
import { SmtpOptionsError, smtpBridge } from "./outbox/smtp-bridge.ts";

export interface MailCarrierOptions {
  config: MessagesConfig["mail"];
  boxName: string;
  stateFolder: string;
  store: BundleStore;
  maker: BundleMaker;
  timers: Timers;
  random: () => number;
  journal?: Pick<Journal, "append">;
  log: Logger;
}

/** What is for people who have no box: by mail, where the operator has named a server. */
export class MailCarrier {
  private readonly outbox: Outbox;
  private readonly problem: string | undefined;
  private unkept: string | undefined;

  constructor(private readonly options: MailCarrierOptions) {
    const { config, stateFolder, store, timers, random, log } = options;
    const { bridges, problem } = bridgesOf(options);
    this.problem = problem;
    this.outbox = new Outbox({
      path: join(stateFolder, "outbox.sqlite"),
      custody: store,
      outside: (after, limit) => store.queries.outside(after, limit),
      isSent: (id) => store.queries.receipts(id).some(({ state }) => state === "delivered"),
      bridges,
      perHour: config.per_hour,
      timers,
      random,
      log,
      sent: (id) => this.tellSent(id),
    });
  }

  async start(): Promise<void> {
    const { journal, log } = this.options;
    const found = await this.outbox.start();
    const { setAside, volatile } = found;
    tellFromNewer(found, { part: "messages", what: "what was to go by mail", journal, log });
    if (setAside) log.error(`what was sent by mail could not be read; it is in ${setAside}`);
    if (volatile) log.error(`what is sent by mail is not kept through a restart: ${volatile}`);
    if (this.problem !== undefined) log.error(`no mail is sent: ${this.problem}`);
    this.unkept = volatile;
  }

  stop(): Promise<void> {
    return this.outbox.stop();
  }

  tryNow(): void {
    this.outbox.tryNow();
  }

  /** Another box says that it has sent these. */
  sentElsewhere(ids: readonly BundleId[]): void {
    for (const id of ids)
      void this.outbox.sentElsewhere(id).catch((error) => this.options.log.error({ error }, "outbox"));
  }

  entries(): OutboxEntry[] {
    return this.outbox.entries();
  }

  status(): MessagesStatus["outbox"] {
    const { bridge, ...counts } = this.outbox.status();
    return { ...counts, bridge: bridge === "" ? "this box sends no mail" : bridge };
  }

  trouble(): string | undefined {
    if (this.problem !== undefined) return `no mail is sent: ${this.problem}`;
    return this.unkept === undefined ? undefined : `what is sent by mail is not kept: ${this.unkept}`;
  }

  /** So that whoever wrote it sees it, and no other box sends it too. */
  private async tellSent(id: BundleId): Promise<void> {
    const { store, maker } = this.options;
    const body = { state: "delivered", of: [id], note: "" } as const;
    const receipt = maker.make("receipt", body, { as: "box", to: { kind: "everyone" } });
    await store.take(encodeBundle(receipt), 0, { by: "self" });
  }
}

/** A server that was named wrongly costs the mail, and nothing else. */
function bridgesOf({ config, boxName }: MailCarrierOptions): { bridges: Bridge[]; problem?: string } {
  const { host, port, security, user, password_file: passwordFile, from } = config;
  if (host === "") return { bridges: [] };
  try {
    return { bridges: [smtpBridge({ host, port, security, user, passwordFile, from, boxName })] };
  } catch (error) {
    if (error instanceof SmtpOptionsError) return { bridges: [], problem: `messages.mail.${error.message}` };
    throw error;
  }
}
