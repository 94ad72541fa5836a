import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { FormTokens } from "./form-token.ts";
import { postedFields } from "./posted-fields.ts";

/** What became of a form. */
export interface Said {
  ok: boolean;
  text: string;
}

export interface OperatorForms<Action extends string> {
  /** Where the page is, for coming back to it. */
  path: string;
  maxFormBytes: number;
  actions: readonly Action[];
  /** The page as it is now. @param token for its forms */
  page(token: string, said?: Said): string;
  /** @returns why it was not done, or undefined */
  act(action: Action, fields: Record<string, string>): Promise<string | undefined>;
}

/** The page has one operator: its forms have one token. */
const WHO = "operator";

/** A page of the operator's with forms, each of which posts an action: done, it leads back to the page; else the page says why not. */
export function operatorForms<Action extends string>(forms: OperatorForms<Action>) {
  const { path, maxFormBytes, actions, act } = forms;
  const tokens = new FormTokens();
  const page = (said?: Said) => forms.page(tokens.of(WHO), said);
  return new Hono()
    .get("/", (c) => {
      const done = c.req.query("done");
      return c.html(page(done === undefined ? undefined : { ok: true, text: "Done." }));
    })
    .post("/:action", bodyLimit({ maxSize: maxFormBytes }), async (c) => {
      const action = actions.find((known) => known === c.req.param("action"));
      if (action === undefined) return c.notFound();
      const { token, ...fields } = await postedFields(c.req.raw);
      if (!tokens.matches(WHO, token ?? ""))
        return c.html(
          page({ ok: false, text: "This page had been open for a while. Please send it once more." }),
          403,
        );
      const problem = await act(action, fields);
      if (problem === undefined) return c.redirect(`${path}?done`, 303);
      return c.html(page({ ok: false, text: problem }), 409);
    });
}
