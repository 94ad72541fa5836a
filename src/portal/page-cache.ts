/** Stands in a rendered page where the guest's own token goes; no text of ours or the operator's can hold it. */
const PLACE = "\u{f8ff}token\u{f8ff}";
const MAX_PAGES = 200;

/** A page rendered once, cut where the guest's token goes. */
export interface CutPage {
  before: string;
  after: string;
}

/**
 * Pages that differ between guests only by the form token, each rendered once per language and state of the box.
 */
export class PageCache {
  private readonly pages = new Map<string, CutPage>();
  private version = -1;

  /** @param version when it changes, every page is rendered anew */
  page(key: string, version: number, token: string, render: (token: string) => string): string {
    if (version !== this.version || this.pages.size > MAX_PAGES) {
      this.pages.clear();
      this.version = version;
    }
    let cut = this.pages.get(key);
    if (!cut) {
      const [before = "", after = ""] = render(PLACE).split(PLACE);
      cut = { before, after };
      this.pages.set(key, cut);
    }
    return cut.before + token + cut.after;
  }
}
