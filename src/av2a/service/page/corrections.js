/** Corrections: a layer over the answer, replayed here as the server replays it (src/av2a/service/corrections.py). */

import { MODALITIES } from "./core.js";

export const plainEvent = (event) => ({ label: event.label, modality: MODALITIES[event.stream], start: event.start, stop: event.stop, confidence: Math.min(1, Math.max(0, event.score ?? 1)) });

const overlap = (one, other) => Math.max(0, Math.min(one.stop, other.stop) - Math.max(one.start, other.start)) / (Math.max(one.stop, other.stop) - Math.min(one.start, other.start));

const inOrder = (a, b) => a.start - b.start || a.stop - b.stop || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0) || a.stream - b.stream;

/** The events after the operations, each with its state, and the operations that found no event. */
export function replay(events, operations) {
  if (!operations.length) return { events: events.every((event, i) => !i || inOrder(events[i - 1], event) <= 0) ? events : events.toSorted(inOrder), unmatched: [], gone: [] };
  const current = events.map((event) => ({ ...event })), unmatched = [], gone = [];
  for (const operation of operations) {
    const stream = (plain) => MODALITIES.indexOf(plain.modality);
    if (operation.kind === "added") {
      const { label, start, stop, confidence } = operation.after;
      current.push({ label, start, stop, stream: stream(operation.after), score: confidence ?? 1, touched: "added", operation: operation.id });
      continue;
    }
    const { before } = operation;
    let best = 0, index = -1;
    current.forEach((event, i) => {
      if (event.label !== before.label || event.stream !== stream(before)) return;
      const share = overlap(event, before);
      if (share >= 0.5 && share > best) (best = share), (index = i);
    });
    if (index < 0) unmatched.push(operation);
    else if (operation.kind === "removed" || operation.kind === "rejected") gone.push({ ...current.splice(index, 1)[0], touched: operation.kind });
    else if (operation.kind === "changed") {
      const { label, start, stop } = operation.after;
      Object.assign(current[index], { label, start, stop, stream: stream(operation.after), touched: "changed", derived: false });
    } else current[index].touched = current[index].touched ?? "confirmed";
  }
  current.sort(inOrder);
  return { events: current, unmatched, gone };
}

/** The operations about one video, with undo and redo; saved by the function that is given, whole or not at all. */
export class Corrections {
  constructor(save, changed) {
    this.save = save;
    this.changed = changed;
    this.load({ revision: 0, operations: [] });
  }

  load({ revision, operations }) {
    this.revision = revision;
    this.operations = operations;
    this.past = [];
    this.future = [];
    this.state = "saved";
    this.writing = null;
  }

  add(kind, before, after) {
    this.replace([...this.operations, { id: crypto.randomUUID(), kind, before: before ? plainEvent(before) : null, after: after ? plainEvent(after) : null }]);
  }

  replace(operations) {
    this.past.push(this.operations);
    this.future = [];
    this.operations = operations;
    this.write();
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(this.operations);
    this.operations = this.past.pop();
    this.write();
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(this.operations);
    this.operations = this.future.pop();
    this.write();
    return true;
  }

  /** Save what is there now; what changes meanwhile is saved after. Over another tab's nothing is saved: `load` what it saved first. */
  async write() {
    if (this.state !== "stale") this.state = "saving";
    this.changed();
    if (this.writing || this.state === "stale") return;
    while (this.state === "saving") {
      const written = this.operations;
      this.writing = this.save({ revision: this.revision, operations: written });
      try {
        this.revision = (await this.writing).revision;
        if (this.operations === written) this.state = "saved";
      } catch (refusal) {
        this.state = refusal.code === "E_STALE" ? "stale" : "failed";
        this.why = refusal.message;
      }
      this.writing = null;
    }
    this.changed();
  }
}
