import { z } from "zod";

/** A network interface name as the kernel allows it (15 bytes, no slash or white space; net/core/dev.c, dev_valid_name). */
export const interfaceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/)
  .meta({ format: "the name of a network interface, at most 15 letters, digits, '.', '_' or '-'" });

/** A text of at most `max` UTF-16 code units. */
export const text = (max: number) => z.string().max(max);
