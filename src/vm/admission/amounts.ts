/** What is limited of a lease, as people say it. */
const AMOUNTS = {
  "resources.cpus": (most: number) => (most === 1 ? "one processor" : `${most} processors`),
  "resources.memoryMiB": (most: number) => `${most} MiB of memory`,
  "resources.diskMiB": (most: number) => `${most} MiB of disk`,
  "resources.upKbit": (most: number) => `${most} kbit/s to send`,
  "resources.downKbit": (most: number) => `${most} kbit/s to receive`,
  durationS: (most: number) => `${most} seconds`,
} as const;

export type AmountField = keyof typeof AMOUNTS;

/** "512 MiB of memory" */
export const amountText = (field: AmountField, most: number): string => AMOUNTS[field](most);
