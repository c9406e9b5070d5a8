/** Owns the scores and follows the thresholds, so that the page's own thread never waits for the method. */

import { packed, Parser, unpack } from "./core.js";

let parser = null;

onmessage = ({ data: message }) => {
  if (message.scores) {
    parser = new Parser(unpack(message.scores), message.labels, message.segmentSeconds);
    return;
  }
  const { events, rejected, opened } = parser.parse(message.settings, message.open), { labels, data } = parser;
  const found = packed(events, labels, data.segments), refused = packed(rejected, labels, data.segments);
  const transfer = opened.flatMap((each) => [each.scores.buffer, ...(each.thresholds ? [each.thresholds.buffer] : [])]);
  postMessage({ number: message.number, events: found, rejected: refused, opened }, [found.buffer, refused.buffer, ...transfer]);
};
