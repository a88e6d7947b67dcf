/** Which way a stream is played by: the first of several that works here. The page of a stream and the console's preview have it. */

/**
 * A way to play. It shows the stream in a video element until it fails, for which `failed` is called once, and takes itself back by
 * what start returns.
 *
 * @typedef {object} Way
 * @property {string} name as ?way= has it
 * @property {string} title for people
 * @property {() => boolean} can whether this browser can
 * @property {(stream: Stream, video: HTMLVideoElement, say: Says) => Running} start
 *
 * @typedef {object} Stream
 * @property {(form: string) => string} address of the stream by HTTP in a form: ".flv", "/index.m3u8"
 *
 * @typedef {object} Says
 * @property {() => void} nobody nobody publishes it: yet, or any more, which the page knows
 * @property {(text: string) => void} waiting it waits for something else
 * @property {(reason: string) => void} failed this way does not work here
 *
 * @typedef {object} Running
 * @property {() => void} stop
 * @property {() => Now} now
 *
 * @typedef {object} Now
 * @property {boolean} live
 * @property {number | undefined} behind seconds from what has come last
 * @property {string} [note] what it cannot show
 *
 * @typedef {object} Page what is told where a stream is played
 * @property {() => void} nobody
 * @property {(text: string) => void} waiting
 * @property {() => void} next another way is tried
 * @property {(reasons: string[]) => void} failed no way works: all is tried anew in a while
 */

/** How long, in milliseconds, until something is tried anew: pages that were opened together do not come together. */
export const between = () => 2000 + Math.random() * 2000;

/**
 * Milliseconds in which a browser is to show something of the FLV that comes, as it is or by RTMP: one that shows nothing of it plays by
 * another way, as one whose machine is busy may, too.
 */
export const patience = 8000;

/** Whether a server has no application of a stream's name: there is no publisher to be waited for then. */
export const notDefined = (answer) => answer.headers.get("Flashpod-Refused") === "no-application";

/**
 * Plays a stream by one way after another, until one does.
 *
 * @template {Stream} S
 * @param {Way[]} ways of which there is one
 * @param {S} stream
 * @param {HTMLVideoElement} video
 * @param {Page} page
 * @returns {{way: () => Way | undefined, now: () => Now | undefined, stop: () => void}} the way that is tried or plays; undefined: none does
 */
export function playBy(ways, stream, video, page) {
  let at = 0; // which of them
  /** @type {string[]} why those before it do not play */
  let reasons = [];
  /** @type {Running | undefined} */
  let running;
  let timer = 0;
  function start() {
    running = ways[at].start(stream, video, { nobody: page.nobody, waiting: page.waiting, failed });
  }
  function failed(reason) {
    running?.stop();
    running = undefined;
    if (reason !== "") reasons.push(reason);
    if (++at < ways.length) {
      page.next();
      start();
      return;
    }
    page.failed([...new Set(reasons)]);
    timer = setTimeout(() => {
      at = 0;
      reasons = [];
      start();
    }, 2 * between());
  }
  start();
  return {
    way: () => ways[at],
    now: () => running?.now(),
    stop() {
      clearTimeout(timer);
      running?.stop();
      running = undefined;
    },
  };
}

/**
 * What the server says against a request: a text, or JSON.
 *
 * @param {Response} answer
 * @returns {Promise<string>}
 */
export async function refusal(answer) {
  const text = (await answer.text()).trim();
  try {
    return JSON.parse(text).error;
  } catch {
    return text || "The server does not say why it refuses.";
  }
}
