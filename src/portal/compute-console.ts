import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { computePage } from "../../portal/console/compute-page.tsx";
import type { OperatedCompute } from "../vm/operator/index.ts";
import { FormTokens } from "./form-token.ts";
import { COMPUTE_ACTIONS, COMPUTE_REQUESTS, changeCompute } from "./operator-compute-api.ts";
import { postedFields } from "./posted-fields.ts";

const MAX_FORM_BYTES = 4_096;
/** The page has one operator: its forms have one token. */
const WHO = "operator";

/** The operator's page of what the box lends, and its forms. */
export function computeConsole(compute: OperatedCompute, boxName: string) {
  const tokens = new FormTokens();
  const page = (said?: { ok: boolean; text: string }) =>
    computePage(boxName, compute.view(), tokens.of(WHO), said);
  return new Hono()
    .get("/", (c) => {
      const done = c.req.query("done");
      return c.html(page(done === undefined ? undefined : { ok: true, text: "Done." }));
    })
    .post("/:action", bodyLimit({ maxSize: MAX_FORM_BYTES }), async (c) => {
      const action = COMPUTE_ACTIONS.find((known) => known === c.req.param("action"));
      if (action === undefined) return c.notFound();
      const { token, ...fields } = await postedFields(c.req.raw);
      if (!tokens.matches(WHO, token ?? ""))
        return c.html(
          page({ ok: false, text: "This page had been open for a while. Please send it once more." }),
          403,
        );
      const asked = COMPUTE_REQUESTS[action].safeParse(fields);
      const problem = asked.success
        ? await changeCompute(compute, action, asked.data)
        : asked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
      if (problem === undefined) return c.redirect("/compute?done", 303);
      return c.html(page({ ok: false, text: problem }), 409);
    });
}
