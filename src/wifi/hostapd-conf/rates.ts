import { integers, type ValueCodec } from "../hostap-syntax/index.ts";

/** Of 802.11b, in 100 kbit/s; they are for 2.4 GHz alone. */
export const SLOW_RATES: readonly number[] = [10, 20, 55, 110];
const RATES = [...SLOW_RATES, 60, 90, 120, 180, 240, 360, 480, 540];
const numbers = integers(10, 540, RATES.length);

/** Values of supported_rates and basic_rates. */
export const rates: ValueCodec<readonly number[]> = {
  ...numbers,
  form: `different ones of ${RATES.join(", ")}`,
  fits: (values) => numbers.fits(values) && values.every((value) => RATES.includes(value)),
};
