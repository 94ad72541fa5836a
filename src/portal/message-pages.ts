import { checkInPage } from "../../portal/guest/messages/check-in-page.tsx";
import { type Draft, EMPTY_DRAFT } from "../../portal/guest/messages/draft.ts";
import { codePage, deliveryPage, takenBackPage } from "../../portal/guest/messages/mine-page.tsx";
import { noticesPage } from "../../portal/guest/messages/notices-page.tsx";
import { checkInItem, peoplePage } from "../../portal/guest/messages/people-page.tsx";
import { postItem } from "../../portal/guest/messages/post-item.tsx";
import { type Reported, reportedPage, reportPage } from "../../portal/guest/messages/report-page.tsx";
import { sosPage } from "../../portal/guest/messages/sos-page.tsx";
import { squarePage } from "../../portal/guest/messages/square-page.tsx";
import { writePage } from "../../portal/guest/messages/write-page.tsx";
import type { PageContext } from "../../portal/guest/page-context.tsx";
import type { Language } from "../../portal/locales/index.ts";
import type { Delivery, Page } from "../messages/index.ts";
import { isRefusal, type Outcome, type Refusal } from "./desk-messages-client.ts";
import type { FormTokens } from "./form-token.ts";
import type { GuestPages } from "./guest-pages.ts";
import type { PublicBoard } from "./public-board.ts";

/**
 * What the items of a list may take, so that with everything else the page fits into one round trip (10 segments, RFC 6928). The
 * first is shown however long it is.
 */
const MAX_LIST_BYTES = 6_500;
/** No page says how old something is more exactly. */
const MINUTE_MS = 60_000;

/** Which page of a list, and in what language. */
export interface ListAsked {
  language: Language;
  /** What the page before this one ended with; undefined for the first. */
  before: string | undefined;
}

/** Lists that are kept as they were rendered. */
const MAX_LISTS = 100;

/** The guests' pages of messages as answers. */
export class MessagePages {
  private readonly lists = new Map<string, Promise<Uint8Array<ArrayBuffer> | Refusal>>();
  /** What the kept lists were rendered from. */
  private state = "";

  constructor(
    private readonly pages: GuestPages,
    private readonly board: PublicBoard,
    private readonly tokens: FormTokens,
    private readonly nowMs: () => number,
  ) {}

  sos(address: string, language: Language): Response {
    return this.form("sos", address, language, (context, token) => sosPage(context, token, EMPTY_DRAFT));
  }

  checkIn(address: string, language: Language): Response {
    return this.form("check-in", address, language, (context, token) =>
      checkInPage(context, token, EMPTY_DRAFT),
    );
  }

  /** A form that could not be taken, with every word that was typed. @param token the form's own, so that it stays the same */
  sosAgain(language: Language, token: string, draft: Draft): Response {
    return this.pages.again(sosPage(this.pages.context(language), token, draft), draft);
  }

  checkInAgain(language: Language, token: string, draft: Draft): Response {
    return this.pages.again(checkInPage(this.pages.context(language), token, draft), draft);
  }

  /** @param draft of a form that comes back; a new one has none */
  async write(
    language: Language,
    token: string,
    room: string,
    reply: string,
    draft: Draft = EMPTY_DRAFT,
  ): Promise<Response> {
    const first = reply === "" ? undefined : await this.board.posts(room);
    const answered = first && !isRefusal(first) ? first.items.find(({ id }) => id === reply) : undefined;
    const options = { room, reply, draft, ...(answered?.removed ? {} : { answered }) };
    return this.pages.again(writePage(this.pages.context(language), token, options), draft);
  }

  report(language: Language, token: string, reported: Reported, draft: Draft = EMPTY_DRAFT): Response {
    return this.pages.again(reportPage(this.pages.context(language), token, reported, draft), draft);
  }

  reported(language: Language, room: string, gone: boolean): Response {
    return this.pages.html(reportedPage(this.pages.context(language), room, gone));
  }

  notices(language: Language): Response {
    return this.pages.cached(`notices ${language.code}`, "", () => noticesPage(this.pages.context(language)));
  }

  code(language: Language, draft: Draft = EMPTY_DRAFT): Response {
    return this.pages.html(codePage(this.pages.context(language), draft));
  }

  delivery(language: Language, token: string, code: string, delivery: Delivery): Response {
    return this.pages.html(deliveryPage(this.pages.context(language), token, code, delivery));
  }

  takenBack(language: Language): Response {
    return this.pages.html(takenBackPage(this.pages.context(language)));
  }

  /** @param code of what the reader has just written; undefined for everybody else */
  square({ language, before }: ListAsked, room: string, code?: string): Promise<Response | Refusal> {
    const context = this.pages.context(language);
    return this.list(["square", language.code, room, before, code], async () => {
      const [listed, rooms] = await Promise.all([
        fitting(
          (most) => this.board.posts(room, before, most),
          (post, all) => postItem({ context, post, answered: all.find(({ id }) => id === post.replyTo) }),
        ),
        this.board.rooms(),
      ]);
      if (isRefusal(listed)) return listed;
      return squarePage(context, { ...listed, room, rooms, further: before !== undefined, code });
    });
  }

  people({ language, before }: ListAsked, query: string): Promise<Response | Refusal> {
    const context = this.pages.context(language);
    return this.list(["people", language.code, query, before], async () => {
      const listed = await fitting(
        (most) => this.board.checkIns(query, before, most),
        (checkIn) => checkInItem(context, checkIn),
      );
      if (isRefusal(listed)) return listed;
      return peoplePage(context, { ...listed, query, further: before !== undefined });
    });
  }

  /** A list is rendered once for as long as nothing public has changed and nobody would be told another age. */
  private async list(
    key: readonly (string | undefined)[],
    render: () => Promise<string | Refusal>,
  ): Promise<Response | Refusal> {
    const state = `${this.pages.version()} ${this.board.version} ${Math.floor(this.nowMs() / MINUTE_MS)}`;
    if (state !== this.state || this.lists.size >= MAX_LISTS) this.lists.clear();
    this.state = state;
    const name = JSON.stringify(key);
    let kept = this.lists.get(name);
    if (!kept) {
      kept = render().then((page) => (typeof page === "string" ? new TextEncoder().encode(page) : page));
      this.lists.set(name, kept);
    }
    const page = await kept;
    if (!isRefusal(page)) return this.pages.html(page);
    if (this.lists.get(name) === kept) this.lists.delete(name);
    return page;
  }

  /** A page with a new form: everything but its token is the same for everybody. */
  private form(
    name: string,
    address: string,
    language: Language,
    render: (context: PageContext, token: string) => string,
  ): Response {
    return this.pages.cached(`${name} ${language.code}`, this.tokens.forForm(address), (token) =>
      render(this.pages.context(language), token),
    );
  }
}

interface Fitted {
  items: string[];
  next: string | undefined;
}

/**
 * As many items as there is room for: where not all that the board gave fit, the board is asked again for so many, because it
 * alone knows with what the next page begins.
 */
async function fitting<T>(
  read: (most?: number) => Promise<Outcome<Page<T>>>,
  render: (item: T, all: readonly T[]) => string,
): Promise<Fitted | Refusal> {
  let page = await read();
  if (isRefusal(page)) return page;
  const most = fittingCount(page.items, render);
  if (most < page.items.length) page = await read(most);
  if (isRefusal(page)) return page;
  const { items, next } = page;
  return { items: items.map((item) => render(item, items)), next };
}

function fittingCount<T>(items: readonly T[], render: (item: T, all: readonly T[]) => string): number {
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    bytes += Buffer.byteLength(render(item, items));
    if (bytes > MAX_LIST_BYTES && index > 0) return index;
  }
  return items.length;
}
