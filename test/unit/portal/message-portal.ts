import { Hono } from "hono";
import { deskMessagesApi } from "../../../src/portal/desk-messages-api.ts";
import { DeskMessagesClient } from "../../../src/portal/desk-messages-client.ts";
import { guestApp, type Peer } from "../../../src/portal/guest-app.ts";
import type { PortalFacts } from "../../../src/portal/index.ts";
import { capturedLog } from "../captured-log.ts";
import { FACTS } from "./facts.ts";
import { FakeDesk, followingDirectory, NEW, RELEASED } from "./fake-desk.ts";
import { MemoryMessages } from "./memory-messages.ts";

export const ADDRESS = "10.20.0.16";
export const OTHER = "10.20.0.17";

/** The MAC address of the device at an address. */
export const stationAt = (address: string): string => `02:00:00:00:00:${address.split(".").at(-1)}`;

export interface Ask {
  method?: string;
  from?: string;
  headers?: Record<string, string>;
  body?: RequestInit["body"];
}

/** A portal with messages in memory: its pages, and the desk's own checks, without the socket between them. */
export async function messagePortal(facts: Partial<PortalFacts> = {}) {
  const time = { nowMs: 1_000 };
  const memory = new MemoryMessages();
  const desk = new FakeDesk();
  /** The daemon does not answer. */
  const away = { is: false };
  const agreed = (address: string) => (desk.guests.get(address) ?? NEW).state === "released";
  const deviceAt = async (address: string) => ({ station: stationAt(address), agreed: agreed(address) });
  const api = new Hono().route("/messages", deskMessagesApi(memory, deviceAt, capturedLog().log));
  const client = new DeskMessagesClient(async (input, init) => {
    if (away.is) throw new Error("nobody there");
    return api.fetch(new Request(input, init));
  });
  const directory = await followingDirectory(desk, { ...FACTS, messages: true, ...facts }, () => time.nowMs);
  const app = guestApp(directory, desk, client, () => time.nowMs);
  memory.onPublicChange(() => void desk.tell({ kind: "public" }));

  const ask = async (path: string, { method = "GET", from = ADDRESS, headers, body }: Ask = {}) => {
    const peer: Peer = { address: from, secure: false };
    const request = new Request(`http://portal${path}`, {
      method,
      headers: { host: "omerta.internal", ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return app.fetch(request, peer);
  };
  const text = async (path: string, more: Ask = {}) => (await ask(path, more)).text();
  const send = (path: string, fields: Record<string, string>, more: Ask = {}) =>
    ask(path, {
      method: "POST",
      body: new URLSearchParams(fields).toString(),
      ...more,
      headers: { "content-type": "application/x-www-form-urlencoded", ...more.headers },
    });
  /** Opens a page with a form, fills it in, sends it, and says what came. */
  const fillIn = async (path: string, fields: Record<string, string>, more: Ask = {}) => {
    const form = formOn(await text(path, more));
    return send(form.action, { ...form.hidden, ...fields }, more);
  };
  const agrees = (address = ADDRESS) => {
    desk.guests.set(address, RELEASED);
    directory.forget(address);
  };
  return { time, memory, desk, directory, away, ask, text, send, fillIn, agrees };
}

export interface ShownForm {
  action: string;
  hidden: Record<string, string>;
  /** What the fields hold. */
  values: Record<string, string>;
}

/** The form on a page as a browser reads it. */
export function formOn(html: string): ShownForm {
  const form: ShownForm = { action: "", hidden: {}, values: {} };
  let area = "";
  new HTMLRewriter()
    .on("form", {
      element(element) {
        form.action = element.getAttribute("action") ?? "";
      },
    })
    .on("input", {
      element(element) {
        const [name, value] = [element.getAttribute("name") ?? "", element.getAttribute("value") ?? ""];
        const type = element.getAttribute("type");
        if (type === "hidden") form.hidden[name] = unescaped(value);
        else if (type !== "radio" || element.hasAttribute("checked")) form.values[name] = unescaped(value);
      },
    })
    .on("textarea", {
      element(element) {
        area = element.getAttribute("name") ?? "";
        form.values[area] = "";
      },
      text(chunk) {
        form.values[area] += chunk.text;
      },
    })
    .transform(html);
  for (const [name, value] of Object.entries(form.values))
    form.values[name] = unescaped(value).replace(/^\n/, "");
  return form;
}

const SIGNS: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
export const unescaped = (html: string): string =>
  html.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => SIGNS[name] ?? "");

/** What somebody reads on a page. */
export function wordsOn(html: string): string {
  const main = html.replace(/<style>.*?<\/style>/s, "").replace(/<[^>]*>/g, " ");
  return unescaped(main)
    .replace(/[\u2066-\u2069]/g, "")
    .replace(/\s+/g, " ");
}
