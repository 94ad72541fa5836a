import { z } from "zod";

/** Table `[time]`. */
export const time = z
  .strictObject({
    phones: z
      .int()
      .min(0)
      .max(100)
      .default(5)
      .describe(
        "while the box does not know what time it is, its first page asks the phones for theirs, and it takes over what at least so many agree on; 0: it does not ask",
      ),
  })
  .prefault({})
  .describe(
    "What time it is where no network tells: in the flashable image the box sets its clock by satellites (a LoRa case with a receiver), other boxes, its LoRa case, or phones.",
  );
