/** What goes out: a stream of the SDK's, published until it is told to end, however often the connection is lost. */
import { instanceURL, plain, stream } from "./base.js";
import { NetConnection, NetStream } from "../sdk/flashpod.js";

/** Milliseconds after which a name is asked for again that the connection before still has, and how often. */
const again = 1500;
const tries = 20;

/**
 * @typedef {object} Says what becomes of it
 * @property {() => void} live it is published, for the first time or again
 * @property {() => void} lost the connection is lost, and is made again
 * @property {(reason: string, code: string) => void} over it has ended, and not because it was told to
 * @property {(recording: boolean, note: string) => void} recording whether it is recorded, and why not
 * @property {(note: string) => void} note what is to be said beside
 */

export class Outgoing {
  /** @param {Says} say */
  constructor(say) {
    this.say = say;
    this.nc = new NetConnection();
    this.ns = new NetStream(this.nc);
    this.state = "idle"; // then connecting, live, lost, over
    this.left = tries;
    this.nc.on("netStatus", (info) => this.#connection(info));
    this.ns.on("netStatus", (info) => this.#status(info));
  }

  /** What is published from now on; null: none. Settings are NetStream's. */
  attach(video, videoSettings, audio, audioSettings) {
    this.ns.attachCamera(video ?? null, videoSettings);
    this.ns.attachAudio(audio ?? null, audioSettings);
  }

  /** Publishes; what comes of it is said. The key goes with the name, and nowhere else. */
  async begin({ key, type }) {
    this.state = "connecting";
    this.name = key === "" ? stream : `${stream}?key=${encodeURIComponent(key)}`;
    this.type = type;
    try {
      await this.nc.connect(instanceURL);
      if (this.state === "over") return;
      await this.ns.publish(this.name, type);
      if (type === "record") this.type = "append"; // what has been recorded so far is not to be lost
    } catch (e) {
      this.#over(e.reason ?? e.message, e.code ?? "");
    }
  }

  /** Ends it: what is recorded is written by then. */
  async end() {
    const published = this.state === "live";
    this.state = "over";
    clearTimeout(this.timer);
    if (published) await Promise.race([this.ns.publish(false), new Promise((resolve) => setTimeout(resolve, 20_000))]).catch(() => {});
    this.#drop();
  }

  #drop() {
    this.ns.dispose();
    this.nc.close();
  }

  #over(reason, code) {
    if (this.state === "over") return;
    this.state = "over";
    clearTimeout(this.timer);
    this.#drop();
    this.say.over(plain(reason), code);
  }

  #connection({ code, description, dismissed }) {
    switch (code) {
      case "NetConnection.Connect.Closed":
        if (this.state !== "live" && this.state !== "lost") return;
        if (dismissed) {
          this.#over(description, code);
          return;
        }
        this.state = "lost";
        this.say.lost();
        break;
      case "NetConnection.Connect.Rejected":
        if (this.state === "lost") this.#over(description || code, code);
        break;
      case "NetConnection.Connect.AppShutdown":
      case "NetConnection.Connect.IdleTimeout":
        this.say.note(description || code);
        break;
    }
  }

  #status({ code, level, description }) {
    switch (code) {
      case "NetStream.Publish.Start":
        this.state = "live";
        this.since ??= performance.now();
        this.left = tries;
        this.say.live();
        return;
      case "NetStream.Publish.BadName":
        if (this.state === "lost" && this.left-- > 0) {
          // The server has not noticed yet that the connection before is no more.
          this.timer = setTimeout(() => this.ns.publish(this.name, this.type).catch(() => {}), again);
        } else if (this.state !== "connecting") this.#over(description || code, code);
        return;
      case "NetStream.Record.Start":
        this.say.recording(true, "");
        return;
      case "NetStream.Record.NoAccess":
      case "NetStream.Record.Failed":
        this.say.recording(false, description || code);
        return;
      case "NetStream.Record.Stop":
        this.say.recording(false, "");
        return;
    }
    if (level === "error" && this.state !== "over") this.say.note(description || code);
  }
}
