const DAY_MS = 86_400_000;

/** The longest that a message may be on its way. */
export const MAX_LIFETIME_MS = 7 * DAY_MS;
/** After so long a message cannot be a repetition, but only another one by the same number. */
export const REMEMBERED_MS = MAX_LIFETIME_MS + DAY_MS;
