/** Events by label and stream, as the lanes show them: those of an answer, and those that the worker found, read where they are looked at. */

import { SEEN } from "./core.js";

const NONE = Object.freeze([]);

/** A list of events in the order of their starts. */
export class Found {
  constructor(events) {
    this.events = events;
    this.lists = new Map();
    for (const event of events) {
      if (!this.lists.has(event.label)) this.lists.set(event.label, [[], [], []]);
      this.lists.get(event.label)[event.stream].push(event);
    }
  }

  /** The events of one lane. */
  of(label, stream) {
    return this.lists.get(label)?.[stream] ?? NONE;
  }

  all() {
    return this.events;
  }

  labels() {
    return [...this.lists.keys()];
  }

  count(label) {
    return [0, 1, 2].reduce((sum, stream) => sum + this.of(label, stream).length, 0);
  }

  first(label) {
    return Math.min(Number.MAX_VALUE, ...[0, 1, 2].flatMap((stream) => this.of(label, stream).slice(0, 1)).map((event) => event.start));
  }

  best(label) {
    return [0, 1, 2].flatMap((stream) => this.of(label, stream)).reduce((best, { score }) => (score > best ? score : best), -1);
  }
}

/** What the worker found, as it sent it: an event is made only for a lane that is drawn, as a slider moves many times a second. */
export class Unread extends Found {
  /** numbers: rows of core.js's packed, with where each lane begins in them; answer: for labels and times. */
  constructor({ numbers, begins }, answer, isRejected) {
    super([]);
    Object.assign(this, { numbers, begins, answer, isRejected });
    this.indices = new Map(answer.labels.map((label, index) => [label, index]));
    this.read = [];
  }

  of(label, stream) {
    const index = this.indices.get(label);
    if (index === undefined) return NONE;
    const lane = 3 * index + stream, first = this.begins[lane];
    if (!this.read[lane]) {
      this.read[lane] = [];
      for (let i = first; i < this.begins[lane + 1]; i++) this.read[lane].push(this.event(label, stream, 6 * i));
    }
    return this.read[lane];
  }

  event(label, stream, at) {
    const { numbers, isRejected } = this, { segments, duration, segment_seconds: each } = this.answer, stop = numbers[at + 3];
    return {
      label, stream, start: numbers[at + 2] * each, stop: stop === segments ? duration : stop * each, score: numbers[at + 4],
      derived: numbers[at + 5] === 1, preview: !isRejected && stream !== SEEN, rejected: isRejected,
    };
  }

  all() {
    return this.answer.labels.flatMap((label) => [0, 1, 2].flatMap((stream) => this.of(label, stream)));
  }

  labels() {
    return this.answer.labels;
  }

  count(label) {
    const index = this.indices.get(label);
    return index === undefined ? 0 : this.begins[3 * index + 3] - this.begins[3 * index];
  }
}
