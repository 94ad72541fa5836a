import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import type { OperatedCompute } from "../vm/operator/index.ts";

/** An id, or its first digits where they are enough. */
const id = z.string().regex(/^[0-9a-f]{4,32}$/, "4 to 32 hex digits, as the lists show them");
const who = z.string().regex(/^[0-9a-f]{4,64}$/, "a public key, or an id as the lists show it");

/** What an operator may ask for, by the forms of the page and by the command line. */
export const COMPUTE_REQUESTS = {
  allow: z.strictObject({ id }),
  refuse: z.strictObject({ id }),
  end: z.strictObject({ id }),
  block: z.strictObject({ who }),
  unblock: z.strictObject({ who }),
};

export const COMPUTE_ACTIONS = ["allow", "refuse", "end", "block", "unblock"] as const;
export type ComputeAction = (typeof COMPUTE_ACTIONS)[number];

/** What the command line sends. */
export type ComputeRequest = { [K in ComputeAction]: z.input<(typeof COMPUTE_REQUESTS)[K]> };

/** What it gets for a change that was not made. */
export interface NotChanged {
  refused: "form" | "state";
  detail: string;
}

/** @returns why it was not done, or undefined */
export const changeCompute = (
  compute: OperatedCompute,
  action: ComputeAction,
  asked: { id: string } | { who: string },
): Promise<string | undefined> => compute[action]("id" in asked ? asked.id : asked.who);

/** The operator's side of what the box lends, for the command line; the page has its own forms. */
export function operatorComputeApi(compute: OperatedCompute) {
  const app = new Hono().get("/", (c) => c.json(compute.view()));
  for (const action of COMPUTE_ACTIONS)
    app.post(
      `/${action}`,
      zValidator("json", COMPUTE_REQUESTS[action], (result, c) => {
        if (result.success) return;
        const issues = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
        return c.json({ refused: "form", detail: issues.join("; ") } satisfies NotChanged, 400);
      }),
      async (c) => {
        const detail = await changeCompute(compute, action, c.req.valid("json"));
        if (detail === undefined) return c.json({});
        return c.json({ refused: "state", detail } satisfies NotChanged, 409);
      },
    );
  return app;
}
