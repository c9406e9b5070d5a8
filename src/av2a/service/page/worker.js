/** Owns the scores and follows the thresholds, so that the page's own thread never waits for the method. */

import { Parser, unpack } from "./core.js";

let parser = null;

onmessage = ({ data: message }) => {
  if (message.scores) {
    parser = new Parser(unpack(message.scores), message.labels, message.segmentSeconds);
    return;
  }
  const result = parser.parse(message.settings, message.open);
  const transfer = result.opened.flatMap((each) => [each.scores.buffer, ...(each.thresholds ? [each.thresholds.buffer] : [])]);
  const flat = (rows, width) => Float64Array.from(rows.flatMap((row) => row.slice(0, width)));
  const events = flat(result.events, 5), rejected = flat(result.rejected, 5), derived = flat(result.derived, 4);
  postMessage({ number: message.number, events, rejected, derived, opened: result.opened }, [events.buffer, rejected.buffer, derived.buffer, ...transfer]);
};
