// The page's few icons, as strokes on a 24 by 24 grid.

import { svg } from "./dom.js";

const PATHS = {
  sun: ["M12 4V2M12 22v-2M4 12H2M22 12h-2M6.3 6.3 4.9 4.9M19.1 19.1l-1.4-1.4M17.7 6.3l1.4-1.4M4.9 19.1l1.4-1.4", "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z"],
  moon: ["M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5Z"],
  send: ["M12 19V5M5.5 11.5 12 5l6.5 6.5"],
  close: ["M6 6l12 12M18 6 6 18"],
  back: ["M15 5l-7 7 7 7"],
  key: ["M11 13 20 4M16.5 7.5l3 3M8 20a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Z"],
  book: ["M5 5.5A2.5 2.5 0 0 1 7.5 3H19v15H7.5A2.5 2.5 0 0 0 5 20.5ZM5 20.5A2.5 2.5 0 0 0 7.5 21H19v-3"],
  upload: ["M12 16V4M6.5 9.5 12 4l5.5 5.5M4 16v3a1.5 1.5 0 0 0 1.5 1.5h13A1.5 1.5 0 0 0 20 19v-3"],
  download: ["M12 4v12M6.5 10.5 12 16l5.5-5.5M4 20h16"],
  copy: ["M9 9h11v11H9Z", "M15 9V4H4v11h5"],
  plus: ["M12 5v14M5 12h14"],
  track: ["M7 3v18M17 3v18M7 7h10M7 12h10M7 17h10"],
};

/** An icon that says nothing by itself: its button has the label. */
export function icon(name) {
  return svg("svg", { class: "glyph", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    PATHS[name].map((d) => svg("path", { d })));
}
