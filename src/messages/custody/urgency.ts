import { type Bundle, type Kind, PRIORITIES, PRIORITY_OF } from "../bundle/bundle.ts";

/** What is more urgent than usual only where an operator says so. */
const BY_OPERATORS: readonly Kind[] = ["notice", "receipt", "removal"];

/**
 * Whether a bundle is as urgent as only an operator may make it. Anybody can make a key: by such bundles they would crowd out
 * calls for help, in the store and on the air.
 */
export const needsOperator = ({ kind, priority }: Pick<Bundle, "kind" | "priority">): boolean =>
  BY_OPERATORS.includes(kind) && PRIORITIES.indexOf(priority) < PRIORITIES.indexOf(PRIORITY_OF[kind].usual);
