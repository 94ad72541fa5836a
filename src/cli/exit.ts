/** Exit statuses of `omerta-box`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, badConfig: 3, notRunning: 4 } as const;
