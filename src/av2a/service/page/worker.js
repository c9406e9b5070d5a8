/** Owns the scores and follows the thresholds, so that the page's own thread never waits for the method. */

import { packed, Parser, unpack } from "./core.js";

let parser = null;

onmessage = ({ data: message }) => {
  if (message.scores) {
    parser = new Parser(unpack(message.scores), message.labels, message.segmentSeconds);
    return;
  }
  const { events, rejected, opened } = parser.parse(message.settings, message.open), labels = parser.labels.length;
  const found = packed(events, labels), refused = packed(rejected, labels);
  const arrays = [found.numbers, found.begins, refused.numbers, refused.begins, ...opened.flatMap(({ scores, thresholds }) => [scores, ...(thresholds ? [thresholds] : [])])];
  postMessage({ key: message.key, found, rejected: refused, opened }, arrays.map((each) => each.buffer));
};
