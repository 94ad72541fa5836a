/** Stands in a rendered page where the guest's own token goes; made anew for each process, so that no text can hold it. */
const PLACE = `token-${crypto.randomUUID()}`;
const MAX_PAGES = 200;

const encoder = new TextEncoder();

/** A page rendered once, as bytes, cut where the guest's token goes. */
interface CutPage {
  before: Uint8Array;
  after: Uint8Array;
}

/**
 * Pages that differ between guests only by the form token, each rendered once per language and state of the box. They
 * are kept as bytes: to encode a page in most scripts costs more than all the rest of an answer.
 */
export class PageCache {
  private readonly pages = new Map<string, CutPage>();
  private version = -1;

  /**
   * @param version when it changes, every page is rendered anew
   * @param token letters, digits, "-" and "_"
   * @returns the page in UTF-8
   */
  page(
    key: string,
    version: number,
    token: string,
    render: (token: string) => string,
  ): Uint8Array<ArrayBuffer> {
    if (version !== this.version || this.pages.size > MAX_PAGES) {
      this.pages.clear();
      this.version = version;
    }
    let cut = this.pages.get(key);
    if (!cut) {
      const [before = "", after = ""] = render(PLACE).split(PLACE);
      cut = { before: encoder.encode(before), after: encoder.encode(after) };
      this.pages.set(key, cut);
    }
    const { before, after } = cut;
    const page = new Uint8Array(before.length + token.length + after.length);
    page.set(before);
    encoder.encodeInto(token, page.subarray(before.length));
    page.set(after, before.length + token.length);
    return page;
  }
}
