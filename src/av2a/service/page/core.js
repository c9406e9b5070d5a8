/** The method as the page needs it while a threshold moves: Eq. 5 to 8 exactly, Eq. 9 from means of scores (exact for seen).
 *
 * Arrays of scores are name-major: the scores of label c are at [c * segments, (c + 1) * segments). Numbers are compared as the
 * server compares them: scores and the thresholds of selection and confidence in float32, moving thresholds in float64.
 */

export const HEARD = 0, SEEN = 1, BOTH = 2;
export const WORDS = ["heard", "seen", "both"];
export const MODALITIES = ["audio", "visual", "audio_visual"];

/** What the server packed: a line of JSON, then arrays. */
export function unpack(buffer) {
  const bytes = new Uint8Array(buffer);
  const stop = bytes.indexOf(10) + 1;
  const { segments, categories } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, stop)));
  let at = stop;
  const take = (type, length) => {
    const array = new type(buffer, at, length);
    at += array.byteLength;
    return array;
  };
  const similarity = [0, 1, 2].map(() => take(Float64Array, segments));
  const heard = take(Float32Array, segments * categories), seen = take(Float32Array, segments * categories);
  const windowOf = take(Int32Array, segments), isHeard = take(Uint8Array, segments), isSeen = take(Uint8Array, segments);
  return { segments, categories, similarity, heard, seen, windowOf, isHeard, isSeen };
}

/** σ(σ⁻¹(score) + deviations). */
export function shifted(score, deviations) {
  if (deviations === 0 || !(score > 0 && score < 1)) return score;
  return 1 / (1 + ((1 - score) / score) * Math.exp(-deviations));
}

/** How much more is required of each label in a stream, in standard deviations; 0 where nothing is. */
export function strictnessOf(labels, stream, strictness) {
  const word = WORDS[stream], all = strictness[word] ?? 0;
  return labels.map((label) => all + ((strictness[label] ?? 0) + (strictness[`${label} (${word})`] ?? 0)));
}

/** Thresholds of Eq. 7 and 8 for one stream.
 *
 * scores: rows of Float32Array or Float64Array, one a category; similarity: Float64Array or null; observed: Uint8Array;
 * allowed: rows of Uint8Array or null. Returns { thresholds: rows of Float64Array, present: rows of Uint8Array }.
 */
export function movingThresholds(scores, observed, similarity, allowed, { initial, decay, rule, ridge, timesScores }) {
  const K = scores.length, T = observed.length;
  const thresholds = scores.map(() => new Float64Array(T)), present = scores.map(() => new Uint8Array(T));
  const threshold = Float64Array.from(initial), times = new Float64Array(K), p = new Float64Array(K);
  const withRatio = rule === "ratio" || rule === "ratio-cosine", withCosine = rule === "cosine" || rule === "ratio-cosine";
  const slotOf = new Int32Array(K).fill(-1), categoryIn = new Int32Array(K);
  const columns = [], gram = new Float64Array(K * K), factor = new Float64Array(K * K);
  const product = new Float64Array(K), solution = new Float64Array(K), fresh = new Int32Array(K);
  let used = 0, undefinedScores = false, count = 0;

  for (let t = 0; t < T; t++) {
    if (observed[t]) {
      let finite = true;
      for (let c = 0; c < K; c++) {
        p[c] = scores[c][t];
        if (!Number.isFinite(p[c])) finite = false;
      }
      for (let a = 0; a < used; a++) {
        const column = columns[a];
        let sum = 0;
        for (let c = 0; c < K; c++) sum += p[c] * column[c];
        product[a] = sum;
      }
      if (count > 0 && rule !== "static") {
        const scale = withCosine && similarity ? similarity[t] : 1;
        if (!withRatio) {
          for (let c = 0; c < K; c++) threshold[c] -= initial[c] * scale * Math.exp(-decay * times[c]);
        } else if (undefinedScores || !finite) {
          threshold.fill(NaN);
        } else if (used) {
          solve(gram, product, used, K, count, ridge, factor, solution);
          for (let a = 0; a < used; a++) {
            const c = categoryIn[a];
            let offset = initial[c] * scale * Math.exp(-decay * times[c]) * solution[a];
            if (timesScores) offset *= p[c];
            threshold[c] -= offset;
          }
        }
      }
      let news = 0;
      for (let c = 0; c < K; c++) {
        if (p[c] > threshold[c] && (!allowed || allowed[c][t])) {
          present[c][t] = 1;
          times[c] += 1;
          fresh[news++] = c;
        }
      }
      count += 1;
      undefinedScores ||= !finite;
      if (withRatio && news && !undefinedScores) {
        let energy = 0;
        for (let c = 0; c < K; c++) energy += p[c] * p[c];
        for (let i = 0; i < news; i++) {
          const c = fresh[i];
          if (slotOf[c] < 0) {
            slotOf[c] = used;
            categoryIn[used] = c;
            columns[used] = new Float64Array(K);
            product[used] = 0;
            used += 1;
          }
        }
        for (let i = 0; i < news; i++) {
          const b = slotOf[fresh[i]];
          for (let a = 0; a < used; a++) {
            gram[a * K + b] += product[a];
            gram[b * K + a] += product[a];
          }
          for (let j = 0; j < news; j++) gram[b * K + slotOf[fresh[j]]] += energy;
        }
        for (let i = 0; i < news; i++) {
          const column = columns[slotOf[fresh[i]]];
          for (let c = 0; c < K; c++) column[c] += p[c];
        }
      }
    }
    for (let c = 0; c < K; c++) thresholds[c][t] = threshold[c];
  }
  return { thresholds, present };
}

/** (gram / n² + ridge · I) x = product / n, by Cholesky's factors. */
function solve(gram, product, size, stride, n, ridge, L, x) {
  const square = n * n;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[i * stride + j] / square;
      if (i === j) sum += ridge;
      for (let k = 0; k < j; k++) sum -= L[i * stride + k] * L[j * stride + k];
      L[i * stride + j] = i === j ? Math.sqrt(sum) : sum / L[j * stride + j];
    }
    let right = product[i] / n;
    for (let k = 0; k < i; k++) right -= L[i * stride + k] * x[k];
    x[i] = right / L[i * stride + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i];
    for (let k = i + 1; k < size; k++) sum -= L[k * stride + i] * x[k];
    x[i] = sum / L[i * stride + i];
  }
}

/** The maximal runs of a mask as [start, stop). */
export function runs(mask) {
  const found = [];
  let start = -1;
  for (let t = 0; t <= mask.length; t++) {
    if (t < mask.length && mask[t]) {
      if (start < 0) start = t;
    } else if (start >= 0) {
      found.push([start, t]);
      start = -1;
    }
  }
  return found;
}

/** Gaps filled and short runs dropped, in the order that the settings name. */
export function candidateRuns(mask, minimum, gap, mergeFirst) {
  const long = (list) => list.filter(([start, stop]) => stop - start >= minimum);
  const merged = (list) => {
    const kept = [];
    for (const [start, stop] of list) {
      const last = kept[kept.length - 1];
      if (last && start - last[1] <= gap) last[1] = stop;
      else kept.push([start, stop]);
    }
    return kept;
  };
  return mergeFirst ? long(merged(runs(mask))) : merged(long(runs(mask)));
}

/** Which labels are looked for in which windows (Eq. 5): also beside a window in which they stand out. */
function allowedRows(stream, data, settings, deviations) {
  const { segments: T, windowOf } = data;
  const windows = T ? windowOf[T - 1] + 1 : 0;
  const has = new Uint8Array(windows);
  for (let t = 0; t < T; t++) if (stream.observed[t]) has[windowOf[t]] = 1;
  return stream.rows.map((row, c) => {
    const threshold = Math.fround(shifted(settings.category_threshold, Math.min(0, deviations[c])));
    const peak = new Float32Array(windows);
    for (let t = 0; t < T; t++) if (stream.observed[t] && row[t] > peak[windowOf[t]]) peak[windowOf[t]] = row[t];
    const allowed = new Uint8Array(T);
    let any = false;
    for (let t = 0; t < T; t++) {
      const w = windowOf[t];
      const near = !settings.select_categories || peak[w] > threshold || (w > 0 && peak[w - 1] > threshold) || (w + 1 < windows && peak[w + 1] > threshold);
      if (near && has[w]) allowed[t] = 1, any = true;
    }
    return any ? allowed : null;
  });
}

/** Prefix sums of a stream's scores over what was observed, one row a label. */
function prefixSums(rows, observed) {
  const T = observed.length, counts = new Int32Array(T + 1);
  for (let t = 0; t < T; t++) counts[t + 1] = counts[t] + (observed[t] ? 1 : 0);
  return { counts, rows: rows.map((row) => {
    const sums = new Float64Array(T + 1);
    for (let t = 0; t < T; t++) sums[t + 1] = sums[t] + (observed[t] ? row[t] : 0);
    return sums;
  }) };
}

/** A clip's scores, ready to be parsed again and again. */
export class Parser {
  constructor(data, labels, segmentSeconds) {
    this.data = data;
    this.labels = labels;
    this.segmentSeconds = segmentSeconds;
    const { segments: T, categories: C } = data;
    const rowsOf = (flat) => Array.from({ length: C }, (_, c) => flat.subarray(c * T, (c + 1) * T));
    this.heard = rowsOf(data.heard);
    this.seen = rowsOf(data.seen);
    this.sums = [prefixSums(this.heard, data.isHeard), prefixSums(this.seen, data.isSeen)];
    this.isBoth = data.isHeard.map((heard, t) => heard & data.isSeen[t]);
    this.fused = { weight: NaN, rows: [] };
  }

  stream(number, settings) {
    if (number === HEARD) return { rows: this.heard, observed: this.data.isHeard };
    if (number === SEEN) return { rows: this.seen, observed: this.data.isSeen };
    if (this.fused.weight !== settings.audio_weight) {
      const a = Math.fround(settings.audio_weight), v = Math.fround(1 - settings.audio_weight), round = Math.fround;
      this.fused = { weight: settings.audio_weight, rows: this.heard.map((heard, c) => {
        const seen = this.seen[c], row = new Float32Array(heard.length);
        for (let t = 0; t < row.length; t++) row[t] = round(round(v * seen[t]) + round(a * heard[t]));
        return row;
      }) };
    }
    return { rows: this.fused.rows, observed: this.isBoth };
  }

  /** Every label's events, and what Eq. 9 rejects: rows of [label, stream, first segment, last segment + 1, score].
   *
   * With open, the scores and thresholds of that label in each stream.
   */
  parse(settings, open = -1) {
    const events = [[], [], []], rejected = [], opened = [];
    const minimum = Math.max(1, Math.ceil(settings.minimum_duration_seconds / this.segmentSeconds - 1e-6));
    const gap = Math.floor(settings.merge_gap_seconds / this.segmentSeconds + 1e-6);
    for (const number of [SEEN, HEARD, BOTH]) {
      const stream = this.stream(number, settings);
      const deviations = strictnessOf(this.labels, number, settings.strictness ?? {});
      const every = allowedRows(stream, this.data, settings, deviations);
      const kept = every.flatMap((allowed, c) => (allowed ? [c] : []));
      const rows = kept.map((c) => stream.rows[c]), allowed = kept.map((c) => every[c]);
      const cosine = number !== HEARD || settings.cosine_for_audio ? this.data.similarity[number] : null;
      const { thresholds, present } = movingThresholds(rows, stream.observed, cosine, allowed, {
        initial: kept.map((c) => shifted(settings.initial_threshold, Math.min(0, deviations[c]))),
        decay: settings.decay, rule: settings.threshold_rule, ridge: settings.ridge, timesScores: settings.ratio_times_scores,
      });
      kept.forEach((c, k) => {
        let mask = present[k];
        if (settings.hold_threshold !== null && number !== BOTH) mask = held(mask, rows[k], Math.fround(settings.hold_threshold), allowed[k], stream.observed);
        const required = Math.fround(shifted(settings.confidence_threshold, deviations[c]));
        for (const [start, stop] of candidateRuns(mask, minimum, gap, settings.merge_first)) {
          const score = settings.validate ? this.intervalScore(number, c, start, stop, settings) : this.meanScore(number, c, start, stop, settings);
          if (!settings.validate || score > required) events[number].push([c, number, start, stop, score]);
          else rejected.push([c, number, start, stop, score]);
        }
      });
      if (open >= 0) {
        const k = kept.indexOf(open);
        opened[number] = { scores: stream.rows[open].map((score, t) => (stream.observed[t] ? score : NaN)), thresholds: k < 0 ? null : Float32Array.from(thresholds[k]) };
      }
    }
    const result = settings.consistent ? consistent(events, this.data.segments) : { events: events.flat(), derived: [] };
    return { ...result, rejected, opened };
  }

  /** P′ of Eq. 9: the mean over the interval's segments; −∞ where a stream that it needs has none. */
  intervalScore(number, c, start, stop, settings) {
    const mean = (of) => {
      const { counts, rows } = this.sums[of], n = counts[stop] - counts[start];
      return n ? Math.fround((rows[c][stop] - rows[c][start]) / n) : -Infinity;
    };
    if (number !== BOTH) return mean(number);
    const a = Math.fround(settings.audio_weight), v = Math.fround(1 - settings.audio_weight);
    const heard = mean(HEARD), seen = mean(SEEN);
    return Number.isFinite(heard) && Number.isFinite(seen) ? Math.fround(Math.fround(v * seen) + Math.fround(a * heard)) : -Infinity;
  }

  /** The mean of a stream's own scores, where nothing is validated. */
  meanScore(number, c, start, stop, settings) {
    const { rows, observed } = this.stream(number, settings);
    let sum = 0, n = 0;
    for (let t = start; t < stop; t++) if (observed[t]) sum += rows[c][t], n += 1;
    return sum / n;
  }
}

/** Presence with hysteresis: one segment after a present one counts where its score is above the lower threshold. */
function held(present, row, hold, allowed, observed) {
  const mask = present.slice();
  for (let t = 1; t < mask.length; t++) if (present[t - 1] && row[t] > hold && allowed[t] && observed[t]) mask[t] = 1;
  return mask;
}

/** Streams of which none contradicts another: both is where heard and seen are, and nowhere else. */
function consistent(events, T) {
  const byLabel = new Map();
  for (const stream of events) for (const event of stream) {
    if (!byLabel.has(event[0])) byLabel.set(event[0], [[], [], []]);
    byLabel.get(event[0])[event[1]].push(event);
  }
  const out = [], derived = [];
  for (const [c, own] of byLabel) {
    const masks = own.map((list) => {
      const mask = new Uint8Array(T);
      for (const [, , start, stop] of list) mask.fill(1, start, stop);
      return mask;
    });
    const both = masks[BOTH].map((on, t) => on | (masks[HEARD][t] & masks[SEEN][t]));
    const wanted = [masks[HEARD].map((on, t) => on | both[t]), masks[SEEN].map((on, t) => on | both[t]), both];
    for (const stream of [HEARD, SEEN, BOTH]) {
      for (const [start, stop] of runs(wanted[stream])) {
        const same = own[stream].find((event) => event[2] === start && event[3] === stop);
        out.push(same ?? [c, stream, start, stop, grownScore(own, stream, start, stop)]);
      }
      for (const [start, stop] of runs(wanted[stream].map((on, t) => on & (masks[stream][t] ^ 1)))) derived.push([c, stream, start, stop]);
    }
  }
  return { events: out, derived };
}

function grownScore(own, stream, start, stop) {
  const highest = (list) => list.reduce((best, event) => (event[2] < stop && start < event[3] ? Math.max(best, event[4]) : best), -Infinity);
  const score = highest(own[stream]);
  if (score !== -Infinity) return score;
  return stream === BOTH ? Math.min(highest(own[HEARD]), highest(own[SEEN])) : highest(own[BOTH]);
}
