import { zValidator } from "@hono/zod-validator";
import type { z } from "zod";

/** Refuses what does not have the form with the names of the fields. */
export const checked = <S extends z.ZodType>(from: "json" | "query", schema: S) =>
  zValidator(from, schema, (result, c) => {
    if (result.success) return;
    const problems = result.error.issues.map(
      ({ path, message }) => `${path.join(".") || "request"}: ${message}`,
    );
    return c.json({ error: problems.join("; ") }, 400);
  });
