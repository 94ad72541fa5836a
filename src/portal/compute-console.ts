import { computePage } from "../../portal/console/compute-page.tsx";
import type { OperatedCompute } from "../vm/operator/index.ts";
import { COMPUTE_ACTIONS, COMPUTE_REQUESTS, changeCompute } from "./operator-compute-api.ts";
import { operatorForms } from "./operator-forms.ts";

/** The operator's page of what the box lends, and its forms. */
export const computeConsole = (compute: OperatedCompute, boxName: string) =>
  operatorForms({
    path: "/compute",
    maxFormBytes: 4_096,
    actions: COMPUTE_ACTIONS,
    page: (token, said) => computePage(boxName, compute.view(), token, said),
    async act(action, fields) {
      const asked = COMPUTE_REQUESTS[action].safeParse(fields);
      if (asked.success) return changeCompute(compute, action, asked.data);
      return asked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
    },
  });
