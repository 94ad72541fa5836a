import { Hono } from "hono";
import type { UpdatePart, UpdateView } from "../update/index.ts";

/** What the part that updates the system can be told. */
export type UpdateDesk = Pick<UpdatePart, "view" | "check" | "say">;

/** What the command line gets. */
export interface UpdateAnswer {
  /** undefined: this machine was not made from an image. */
  view?: UpdateView;
  /** What came of what was asked for, in words. */
  said?: string;
}

const WORDS = ["install", "hold", "release", "rollback"] as const;

/** For the control socket alone, which is root's. */
export function operatorUpdateApi(update: UpdateDesk | undefined) {
  const answer = (said?: string): UpdateAnswer => {
    const view = update?.view();
    return { ...(view ? { view } : {}), ...(said === undefined ? {} : { said }) };
  };
  const app = new Hono()
    .get("/", (c) => c.json(answer()))
    .post("/check", (c) => {
      update?.check();
      return c.json(answer());
    });
  for (const word of WORDS)
    app.post(`/${word}`, async (c) =>
      c.json(answer(update === undefined ? undefined : await update.say(word))),
    );
  return app;
}
