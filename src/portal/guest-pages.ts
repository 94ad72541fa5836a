import type { Draft } from "../../portal/guest/messages/draft.ts";
import {
  leavePage,
  leftPage,
  type NextPage,
  onPage,
  type PageContext,
  type ProblemKey,
  problemPage,
  refreshPage,
  risksPage,
  welcomePage,
} from "../../portal/guest/pages.tsx";
import { PHONE_TIME_SCRIPT } from "../../portal/guest/phone-time.tsx";
import { qrSvg } from "../../portal/guest/qr-svg.ts";
import { guestStyle } from "../../portal/guest/style.ts";
import { durationText } from "../../portal/guest/words.ts";
import type { Language } from "../../portal/locales/index.ts";
import type { GuestView } from "../gateway/index.ts";
import type { PortalFacts } from "./desk-api.ts";
import { DeskError } from "./desk-client.ts";
import type { FormTokens } from "./form-token.ts";
import type { GuestDirectory } from "./guest-directory.ts";
import { PageCache } from "./page-cache.ts";
import type { PublicBoard } from "./public-board.ts";

/** Before the daemon has told anything: the least that a page needs. */
const STARTING: PortalFacts = {
  name: "Omerta Box",
  operator: "",
  contact: "",
  welcome: "",
  notices: [],
  accent: "#0b6b57",
  services: [],
  portalUrl: "",
  portalHosts: [],
  internet: false,
  toldOnline: false,
  guestToGuest: false,
  configBroken: false,
};

/** No page says how old something is more exactly. */
const MINUTE_MS = 60_000;

/** The guests' pages as answers, each rendered once for as long as what the daemon told holds. */
export class GuestPages {
  private readonly cache = new PageCache();
  /** Counts the states that the cached pages were rendered in. */
  private states = 0;
  private state = "";
  private kept: { facts: PortalFacts; headers: Headers; hosts: Set<string>; qr: string } | undefined;

  constructor(
    private readonly directory: GuestDirectory,
    private readonly tokens: FormTokens,
    /** What everybody may read; undefined where there is no way to messages. */
    private readonly board: PublicBoard | undefined,
    private readonly nowMs: () => number,
  ) {}

  get facts(): PortalFacts {
    return this.directory.facts ?? STARTING;
  }

  /** Whether guests may call the portal by this host name or address. */
  isOurHost(host: string): boolean {
    return this.derived().hosts.has(host);
  }

  /**
   * @param again the form came back too late, or from elsewhere: the guest is asked to tap once more
   * @param next where the guest goes on to
   */
  welcome(address: string, language: Language, again = false, next?: NextPage): Response {
    return this.cached(`welcome ${language.code} ${again} ${next}`, this.tokens.of(address), (token) =>
      welcomePage(this.context(language), token, again, next),
    );
  }

  risks(language: Language): Response {
    return this.cached(`risks ${language.code}`, "", () => risksPage(this.context(language)));
  }

  leave(address: string, language: Language): Response {
    return this.cached(`leave ${language.code}`, this.tokens.of(address), (token) =>
      leavePage(this.context(language), token),
    );
  }

  left(language: Language): Response {
    return this.html(leftPage(this.context(language)));
  }

  on(view: GuestView, language: Language): Response {
    const timeLeft = durationText(language, view.secondsLeft);
    return this.cached(`on ${language.code} ${timeLeft}`, "", () =>
      onPage(this.context(language), timeLeft, this.derived().qr),
    );
  }

  /** A page that leads on by itself, for clients that ignore a redirect. */
  refresh(language: Language): Response {
    return this.html(refreshPage(this.context(language), `${this.facts.portalUrl}/`));
  }

  /** What a request that the desk could not answer gets. @throws what is no {@link DeskError} */
  problem(error: unknown, language: Language, retryPath: string): Response {
    if (!(error instanceof DeskError)) throw error;
    const keys: Record<DeskError["reason"], ProblemKey> = {
      "unknown-station": "problem.unknown",
      full: "problem.full",
      unreachable: "problem.starting",
    };
    return this.inTheWay(keys[error.reason], language, retryPath, 503);
  }

  /** Somebody asks for more than is their share. */
  tooMuch(language: Language, retryPath: string): Response {
    return this.inTheWay("error.slow", language, retryPath, 429);
  }

  private inTheWay(key: ProblemKey, language: Language, retryPath: string, status: number): Response {
    const retryUrl = `${retryPath}${retryPath.includes("?") ? "&" : "?"}lang=${language.code}`;
    return this.html(problemPage(this.context(language), key, retryUrl), status);
  }

  context(language: Language): PageContext {
    const { facts, board } = this;
    return facts.messages && board ? { facts, language, notices: board.notices } : { facts, language };
  }

  /**
   * A page as it was rendered for the last guest, with this one's token in it.
   * @param key names the page among all, with all that it was made from but the state of the box
   */
  cached(key: string, token: string, render: (token: string) => string): Response {
    const page = this.cache.page(key, this.version(), token, render);
    return new Response(page, { headers: this.derived().headers });
  }

  html(page: string | Uint8Array<ArrayBuffer>, status = 200): Response {
    return new Response(page, { status, headers: this.derived().headers });
  }

  /** A page with a form that came back; where work would help, its script may run. */
  again(page: string, { work }: Draft): Response {
    if (work === undefined) return this.html(page);
    const headers = new Headers(this.derived().headers);
    const policy = headers.get("Content-Security-Policy") ?? "";
    const withOurs = policy.includes("script-src ")
      ? policy.replace("script-src ", "script-src 'self' ")
      : `${policy};script-src 'self'`;
    headers.set("Content-Security-Policy", withOurs);
    return new Response(page, { headers });
  }

  /** Changes with all that pages are made from: what the daemon told, the notices, and each minute that these grow older by. */
  version(): number {
    const notices = this.facts.messages ? (this.board?.noticesVersion ?? 0) : 0;
    const minute = this.board?.hasNotices ? Math.floor(this.nowMs() / MINUTE_MS) : 0;
    const state = `${this.directory.version} ${notices} ${minute}`;
    if (state !== this.state) {
      this.state = state;
      this.states += 1;
    }
    return this.states;
  }

  /** What follows from the facts, worked out when they change. */
  private derived() {
    const { facts } = this;
    if (this.kept?.facts !== facts) {
      this.kept = {
        facts,
        headers: pageHeaders(facts),
        hosts: new Set(facts.portalHosts),
        qr: qrSvg(`${facts.portalUrl}/`),
      };
    }
    return this.kept;
  }
}

/**
 * The style in the page is the only thing that a browser may take from it besides its words; and the line that tells the phone's time,
 * while the box asks for that.
 */
function pageHeaders({ accent, asksTime }: PortalFacts): Headers {
  const scripts = asksTime ? `script-src '${digestOf(PHONE_TIME_SCRIPT)}';` : "";
  return new Headers({
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": `default-src 'none';style-src '${digestOf(guestStyle(accent))}';${scripts}form-action 'self';base-uri 'none';frame-ancestors 'none'`,
  });
}

/** As a policy names what may stand in a page (CSP level 2, section 4.2.5). */
const digestOf = (text: string): string =>
  `sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}`;
