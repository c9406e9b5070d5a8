/** Narrow bars of many lanes, drawn as one picture: thousands of rectangles would be slow to draw one by one. */

export class Strip {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.pixels = new Uint32Array(0);
    this.places = [];
  }

  /** Begin anew, for a width in pixels of the page, each of them ratio pixels of the screen, and at most so many lanes. */
  begin(width, ratio, most) {
    this.ratio = ratio;
    this.width = width;
    this.across = Math.ceil(width * ratio);
    this.places.length = 0;
    const size = this.across * most;
    if (this.canvas.width !== this.across || this.canvas.height !== most) [this.canvas.width, this.canvas.height, this.pixels] = [this.across, most, new Uint32Array(size)];
    else this.pixels.fill(0);
  }

  /** The next bars are of a lane whose upper edge is here. */
  lane(y) {
    this.at = this.across * this.places.length;
    this.places.push(y);
  }

  /** A bar of one colour (RGBA as one number). */
  bar(left, right, colour) {
    const { at, ratio } = this;
    this.pixels.fill(colour, at + Math.max(0, Math.round(left * ratio)), at + Math.min(this.across, Math.round(right * ratio)));
  }

  /** Draw all lanes, this high. */
  draw(context, height) {
    const { canvas, pixels, across, places } = this;
    if (!places.length) return;
    this.context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), across, canvas.height), 0, 0);
    context.imageSmoothingEnabled = false;
    places.forEach((y, i) => context.drawImage(canvas, 0, i, across, 1, 0, y, across / this.ratio, height));
  }
}
