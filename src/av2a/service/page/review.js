/** The review deck: judge the events of one label one after another, then learn the score at which 90 % are right. */

import { $, clock, el, name, plural, swatch } from "./dom.js";
import { WORDS } from "./core.js";

export const LEAST_OF_EACH = 2;

/** Logistic regression of right (1) and wrong (0) over scores; null unless there are two answers of each kind.
 *
 * Scores are standardised first. A ridge of 0.05 keeps the slope finite where a score divides right from wrong perfectly.
 */
export function logistic(scores, rights) {
  const wrongs = rights.filter((right) => !right).length;
  if (wrongs < LEAST_OF_EACH || rights.length - wrongs < LEAST_OF_EACH) return null;
  const n = scores.length, mean = scores.reduce((a, b) => a + b, 0) / n;
  const spread = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / n) || 1;
  const x = scores.map((score) => (score - mean) / spread), ridge = 0.05;
  let a = 0, b = 0, covariance = null;
  for (let step = 0; step < 100; step++) {
    let ga = 0, gb = -ridge * b, haa = 0, hab = 0, hbb = ridge;
    for (let i = 0; i < n; i++) {
      const p = 1 / (1 + Math.exp(-(a + b * x[i]))), w = Math.max(p * (1 - p), 1e-9), off = (rights[i] ? 1 : 0) - p;
      ga += off;
      gb += off * x[i];
      haa += w;
      hab += w * x[i];
      hbb += w * x[i] * x[i];
    }
    const det = haa * hbb - hab * hab, da = (hbb * ga - hab * gb) / det, db = (haa * gb - hab * ga) / det;
    const damp = Math.min(1, 4 / Math.max(Math.abs(da), Math.abs(db), 1e-12));
    a += damp * da;
    b += damp * db;
    covariance = [hbb / det, -hab / det, haa / det];
    if (Math.abs(da) + Math.abs(db) < 1e-10) break;
  }
  return { a, b, mean, spread, covariance, n };
}

/** The score at which a share is right, with a 95 % interval by the delta method; null where higher scores are not more right. */
export function scoreAt(model, share) {
  if (!model || model.b <= 1e-6) return null;
  const logit = Math.log(share / (1 - share)), x = (logit - model.a) / model.b;
  const da = -1 / model.b, db = -x / model.b, [vaa, vab, vbb] = model.covariance;
  const error = Math.sqrt(Math.max(0, da * da * vaa + 2 * da * db * vab + db * db * vbb));
  const score = (value) => model.mean + model.spread * value;
  return { score: score(x), low: score(x - 1.96 * error), high: score(x + 1.96 * error) };
}

export class Deck {
  /** watch: what plays, corrects and moves thresholds. */
  constructor(watch) {
    this.watch = watch;
    this.label = null;
    this.history = [];
    $("deck-label").addEventListener("change", () => this.begin($("deck-label").value));
    for (const [id, act] of [["deck-right", () => this.judge(true)], ["deck-wrong", () => this.judge(false)], ["deck-back", () => this.back()], ["deck-skip", () => this.skip()]]) $(id).addEventListener("click", act);
    $("deck-take").addEventListener("click", () => this.take());
  }

  get isOpen() {
    return !$("panel-review").hidden;
  }

  /** Labels to choose from: each label and stream that has events. */
  offer(events) {
    const byLabel = new Map();
    for (const { label, stream } of events) {
      if (!byLabel.has(label)) byLabel.set(label, [0, 0, 0]);
      byLabel.get(label)[stream] += 1;
    }
    const counts = [...byLabel].flatMap(([label, each]) => each.map((count, stream) => ({ label, stream, count, key: JSON.stringify([label, stream]) }))).filter(({ count }) => count);
    const options = counts.sort((a, b) => b.count - a.count).map(({ label, stream, count, key }) => el("option", { value: key }, `${label} (${WORDS[stream]}): ${count}`));
    const chosen = $("deck-label").value;
    $("deck-label").replaceChildren(el("option", { value: "" }, "choose a label"), ...options);
    if (counts.some(({ key }) => key === chosen)) $("deck-label").value = chosen;
    else if (this.label) this.begin("");
  }

  begin(key) {
    [this.label, this.stream] = key ? JSON.parse(key) : [null, 0];
    this.history = [];
    this.cards = this.label === null ? [] : this.watch.machineEvents().filter((event) => event.label === this.label && event.stream === this.stream).sort((a, b) => b.score - a.score);
    const judged = this.watch.judged();
    this.answers = new Map();
    for (const card of this.cards) {
      const known = judged(card);
      if (known !== null) this.answers.set(card, known);
    }
    this.at = this.cards.findIndex((card) => !this.answers.has(card));
    this.show(true);
  }

  get card() {
    return this.at >= 0 ? this.cards[this.at] : null;
  }

  judge(right) {
    if (!this.card) return;
    this.history.push(this.card);
    this.answers.set(this.card, right);
    this.watch.judge(this.card, right);
    this.next();
  }

  skip() {
    if (this.card) this.next();
  }

  back() {
    const card = this.history.pop();
    if (!card) return;
    this.answers.delete(card);
    this.watch.corrections.undo();
    this.at = this.cards.indexOf(card);
    this.show(true);
  }

  next() {
    let at = this.cards.findIndex((card, i) => i > this.at && !this.answers.has(card));
    if (at < 0 && this.at < this.cards.length - 1) at = -1;
    this.at = at;
    this.show(true);
  }

  show(play) {
    const has = this.label !== null, card = this.card, rights = [...this.answers.values()].filter(Boolean).length, wrongs = this.answers.size - rights;
    $("deck-body").hidden = !has;
    if (!has) return;
    $("deck-counts").textContent = `${plural(this.cards.length - this.answers.size, "event")} to judge · ${rights} right · ${wrongs} wrong`;
    $("deck-card").replaceChildren(...(card ? [swatch(card.stream), name(card.label), el("span", {}, ` ${WORDS[card.stream]} ${clock(card.start, 1)}–${clock(card.stop, 1)} · score ${card.score.toFixed(3)}`)] : [this.cards.length ? "All judged." : "No events."]));
    for (const id of ["deck-right", "deck-wrong", "deck-skip"]) $(id).disabled = !card;
    $("deck-back").disabled = !this.history.length;
    if (card && play) this.watch.playEvent(card);
    this.learn();
  }

  learn() {
    const judged = [...this.answers].filter(([card]) => Number.isFinite(card.score));
    const model = logistic(judged.map(([card]) => card.score), judged.map(([, right]) => right)), at = scoreAt(model, 0.9);
    this.learned = at;
    $("deck-take").hidden = !at || at.score >= 1;
    if (!model) {
      $("deck-learned").textContent = `Two right and two wrong answers are needed before a threshold can be learned.`;
      return;
    }
    if (!at) {
      $("deck-learned").textContent = "Among these answers a higher score is not more often right, so no threshold helps.";
      return;
    }
    const kept = this.cards.filter((card) => card.score > at.score).length, bounds = [at.low, at.high].map((each) => Math.min(1, Math.max(0, each)).toFixed(3));
    $("deck-learned").textContent =
      at.score >= 1
        ? "No score below 1 is right nine times in ten."
        : `90 % right from a score of ${at.score.toFixed(3)} on (95 % interval ${bounds[0]} to ${bounds[1]}, from ${plural(model.n, "answer")}); ${kept} of ${this.cards.length} events have more.`;
  }

  take() {
    if (this.learned) this.watch.requireScore(this.label, this.stream, this.learned.score);
  }
}
