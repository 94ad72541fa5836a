/** What goes first on the air; the first is the most urgent. */
export const PRIORITIES = ["sos", "check-in", "direct", "room", "background"] as const;

export type Priority = (typeof PRIORITIES)[number];

/** 0 for the most urgent. */
export const rankOf = (priority: Priority): number => PRIORITIES.indexOf(priority);
