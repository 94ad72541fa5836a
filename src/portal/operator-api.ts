import { Hono } from "hono";
import type { OperatorDesk } from "../first-boot/claim/operator-desk.ts";

/** What the box's own screen and command line learn about its operator; never what the page says. */
export interface OperatorView {
  /** What to claim the box by; null once it has been claimed. */
  claimCode: string | null;
  /** false: everybody who reaches the page sees it. */
  signIn: boolean;
  /** Where the operator's page is. */
  consoleUrls: string[];
  /** The operator has asked for a reset on the page: whoever can write to the card does it. */
  resetAsked: boolean;
}

/** A wish of the operator's page that the daemon cannot fulfil by itself. */
export class ResetWish {
  private asked = false;

  ask(): void {
    this.asked = true;
  }

  get isAsked(): boolean {
    return this.asked;
  }
}

/** For the control socket alone, which is root's. */
export function operatorApi(urls: () => string[], desk: OperatorDesk | undefined, wish: ResetWish) {
  const view = (): OperatorView => ({
    claimCode: desk?.claimCode ?? null,
    signIn: desk !== undefined,
    consoleUrls: urls(),
    resetAsked: wish.isAsked,
  });
  return new Hono()
    .get("/", (c) => c.json(view()))
    .post("/release", (c) => {
      if (desk === undefined)
        return c.json({ error: "this box asks for no password (management.sign_in)" }, 409);
      desk.release();
      return c.json(view());
    })
    .post("/reset", (c) => {
      wish.ask();
      return c.json(view());
    });
}
