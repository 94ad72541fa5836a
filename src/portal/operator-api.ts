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
}

/** For the control socket alone, which is root's. */
export function operatorApi(urls: () => string[], desk: OperatorDesk | undefined) {
  const view = (): OperatorView => ({
    claimCode: desk?.claimCode ?? null,
    signIn: desk !== undefined,
    consoleUrls: urls(),
  });
  return new Hono()
    .get("/", (c) => c.json(view()))
    .post("/release", (c) => {
      if (desk === undefined)
        return c.json({ error: "this box asks for no password (management.sign_in)" }, 409);
      desk.release();
      return c.json(view());
    });
}
