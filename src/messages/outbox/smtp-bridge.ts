import { readFile } from "node:fs/promises";
import { BundleError, type BundleId } from "../bundle/bundle.ts";
import type { Bridge, BridgeOutcome, OutsideItem } from "./bridge.ts";
import { mailAddress } from "./mail-address.ts";
import { type OutsideMail, outsideMail } from "./outside-mail.ts";

export interface SmtpOptions {
  /** The mail server that takes mail from this box, by name or address. */
  host: string;
  port: number;
  /** `tls`: from the first byte. `starttls`: or nothing. `none`: for a server on this very box alone. */
  security: "starttls" | "tls" | "none";
  /** Who the box is to it; "": it asks for no name. */
  user: string;
  /** The password is its first line; read at each mail. */
  passwordFile: string;
  /** The address that mail comes from. */
  from: string;
  /** For those who read the mail; "": not said. */
  boxName: string;
  /** PEM of who certifies the server; default: those whom the system trusts. */
  caFile?: string;
}

/** Options by which no mail can be sent. */
export class SmtpOptionsError extends Error {
  override readonly name = "SmtpOptionsError";
  constructor(
    readonly field: keyof SmtpOptions,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

const CONNECT_TIMEOUT_MS = 20_000;
const SILENCE_TIMEOUT_MS = 60_000;
/** The server refuses the box itself: a person has to do something about it. */
const REFUSED_RETRY_MS = 1_800_000;
/** A rule of the server's: it may be a matter of its settings. */
const POLICY_RETRY_MS = 6 * 3_600_000;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/**
 * Sends by SMTP (RFC 5321, 6409), plain text, one mail a connection. The Message-ID is made of the bundle's id alone, so that
 * the same bundle sent twice, by this box or another, is one message to whoever looks for it.
 * @throws {SmtpOptionsError}
 */
export function smtpBridge(options: SmtpOptions): Bridge {
  const { host, security, from, boxName } = options;
  if (security === "none" && !LOOPBACK.test(host))
    throw new SmtpOptionsError("security", `${host} is another machine: the way to it must be encrypted`);
  const sender = mailAddress(`mailto:${from}`);
  if (sender === undefined) throw new SmtpOptionsError("from", "is no mail address");
  return {
    name: `mail by ${host}`,
    schemes: ["mailto"],
    send: async (item, signal) => {
      const address = mailAddress(item.uri);
      if (address === undefined) return { failed: "is no mail address that can be sent to" };
      const mail = mailOf(item, boxName);
      if ("failed" in mail) return mail;
      try {
        await deliver(options, { ...mail, id: item.id, from: sender, to: address }, signal);
        return "sent";
      } catch (error) {
        return outcomeOf(error);
      }
    },
  };
}

/** RFC 2606, section 2: no such host will ever be. */
export const messageIdOf = (id: BundleId): string => `<${id}@omerta-box.invalid>`;

function mailOf(item: OutsideItem, boxName: string): OutsideMail | { failed: string } {
  try {
    return outsideMail(item, boxName) ?? { failed: `a ${item.bundle.kind} is not for people outside` };
  } catch (error) {
    if (error instanceof BundleError) return { failed: error.message };
    throw error;
  }
}

interface Delivery extends OutsideMail {
  id: BundleId;
  from: string;
  to: string;
}

async function deliver(options: SmtpOptions, mail: Delivery, signal: AbortSignal): Promise<void> {
  const { host, port, security, user, caFile } = options;
  // Only where mail is sent: few boxes have a server for it.
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    host,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    ...(user === "" ? {} : { auth: { user, pass: await passwordOf(options.passwordFile) } }),
    ...(caFile === undefined ? {} : { tls: { ca: await readFile(caFile) } }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      signal,
      envelope: { from: mail.from, to: [mail.to] },
      from: { name: "Omerta Box", address: mail.from },
      to: { name: "", address: mail.to },
      subject: mail.subject,
      text: mail.text,
      messageId: messageIdOf(mail.id),
      // RFC 3834: nobody's holiday notice shall answer it.
      headers: { "Auto-Submitted": "auto-generated", "X-Omerta-Bundle": mail.id },
    });
  } finally {
    transport.close();
  }
}

async function passwordOf(file: string): Promise<string> {
  const [first = ""] = (await readFile(file, "utf8")).split(/\r?\n/);
  return first;
}

/** By the reply's code (RFC 5321, section 4.2) and what it answered. */
function outcomeOf(error: unknown): BridgeOutcome {
  const why = error instanceof Error ? error.message : String(error);
  const { responseCode, command, response } = smtpFacts(error);
  const isOfItem = command === "RCPT TO" || command === "DATA";
  if (responseCode === undefined || responseCode === 421) return { retryAfterMs: 0, of: "bridge", why };
  if (!isOfItem) return { retryAfterMs: responseCode >= 500 ? REFUSED_RETRY_MS : 0, of: "bridge", why };
  if (responseCode < 500) return { retryAfterMs: 0, of: "item", why };
  // RFC 3463, section 3.8: security or policy.
  const isPolicy = /^5\d\d[ -]5\.7\./.test(response);
  return isPolicy ? { retryAfterMs: POLICY_RETRY_MS, of: "item", why } : { failed: why };
}

function smtpFacts(error: unknown): { responseCode: number | undefined; command: string; response: string } {
  const facts: object = error instanceof Error ? error : {};
  return {
    responseCode:
      "responseCode" in facts && typeof facts.responseCode === "number" ? facts.responseCode : undefined,
    command: "command" in facts && typeof facts.command === "string" ? facts.command : "",
    response: "response" in facts && typeof facts.response === "string" ? facts.response : "",
  };
}
