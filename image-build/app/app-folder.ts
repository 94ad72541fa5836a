/** Where the program is in the image, without `/` before it: where its unit and the README's Debian have it too. */
export const APP_FOLDER = "opt/omerta-box";
