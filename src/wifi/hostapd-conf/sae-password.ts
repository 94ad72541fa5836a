import { text } from "../hostap-syntax/index.ts";

/** sae_password goes on after these, so that a password with one of them would be cut short. */
const MARKS = /\|(?:mac|vlanid|pk|id)=/;

const plain = text("", /^.+$/s, 128);

export const saePassword = {
  ...plain,
  form: "a password of 1 to 128 bytes without control characters and without |mac=, |vlanid=, |pk= and |id=",
  fits: (value: string) => plain.fits(value) && !MARKS.test(value),
};
